//! The browser's side: plain ES modules without a build step, and notes in the form that they take.
//!
//! | module | does |
//! |---|---|
//! | [`PLAYER`] | plays notes by Web Audio, in time, looped if wanted |
//! | [`VOICES`], [`DRUMS`] | the sounds: synthesised, no recordings |
//! | [`ROLL`] | draws piano rolls on a canvas, with a playhead |
//! | [`SHEET`] | brings the page of [`crate::sheet`] to life |
//!
//! A server hands them out under the names they import each other by (`./player.js`); [`bundle`] makes one
//! module of several, for a page that is a single file.

mod score;

pub use score::{Grid, GridBeat, Score};

/// `player.js`.
pub const PLAYER: &str = include_str!("web/player.js");
/// `voices.js`.
pub const VOICES: &str = include_str!("web/voices.js");
/// `drums.js`.
pub const DRUMS: &str = include_str!("web/drums.js");
/// `roll.js`.
pub const ROLL: &str = include_str!("web/roll.js");
/// `sheet.js`.
pub const SHEET: &str = include_str!("web/sheet.js");
/// `sheet.css`: colours for light and dark, players, tables.
pub const STYLE: &str = include_str!("web/sheet.css");

/// All modules of a sheet, each after those it imports.
pub const MODULES: [&str; 5] = [DRUMS, VOICES, PLAYER, ROLL, SHEET];

/// Makes one module of several, each after those it imports: `import` lines fall away, and so does the word
/// `export`.
///
/// For that the modules keep to three rules: an import is one line, exports stand before declarations at the
/// beginning of a line, and no two modules declare the same name.
pub fn bundle(modules: &[&str]) -> String {
    let lines = modules.iter().flat_map(|module| module.lines());
    let kept = lines.filter(|line| !line.starts_with("import "));
    let mut bundle = String::new();
    for line in kept {
        bundle.push_str(line.strip_prefix("export ").unwrap_or(line));
        bundle.push('\n');
    }
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_modules_keep_to_the_rules_of_bundling() {
        let mut declared = BTreeMap::new();
        for module in MODULES {
            for line in module.lines() {
                if line.starts_with("import ") {
                    assert!(line.contains(" from \"./") && line.ends_with("\";"), "{line}");
                }
                if let Some(rest) = line.strip_prefix("export ") {
                    let what = rest.split(' ').next().unwrap();
                    assert!(["const", "class", "function", "async"].contains(&what), "{line}");
                }
                let line = line.strip_prefix("export ").unwrap_or(line);
                let line = line.strip_prefix("async ").unwrap_or(line);
                for word in ["const ", "let ", "class ", "function "] {
                    if let Some(rest) = line.strip_prefix(word) {
                        let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
                        let name = rest.split(end).next().unwrap().to_owned();
                        let twice = declared.insert(name.clone(), module.len());
                        assert!(twice.is_none(), "`{name}` is declared in two modules");
                    }
                }
            }
        }
        assert!(declared.contains_key("Player") && declared.contains_key("Roll"));
        // A page is one file: nothing may end its script, and nothing may ask for more.
        let bundle = bundle(&MODULES);
        for forbidden in ["</script", "<!--", "import ", "export ", "fetch(", "http:", "https:"] {
            assert!(!bundle.contains(forbidden), "{forbidden}");
        }
        assert!(!STYLE.contains("</style") && !STYLE.contains("url("));
    }

    #[test]
    fn a_bundle_is_the_modules_without_their_joints() {
        let one = "import { a } from \"./a.js\";\nexport class B {}\n";
        assert_eq!(bundle(&["export const a = 1;\n", one]), "const a = 1;\nclass B {}\n");
    }
}
