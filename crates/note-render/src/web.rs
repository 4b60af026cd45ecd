//! The browser side: plain ES modules without a build step, and notes in the format that they take.
//!
//! | module | purpose |
//! |---|---|
//! | [`PLAYER`] | plays notes with Web Audio, on time, looped if requested |
//! | [`VOICES`], [`DRUMS`] | the sounds: synthesized, no recordings |
//! | [`GRID`] | the geometry of piano rolls |
//! | [`ROLL`] | draws piano rolls on a canvas, with a playhead |
//! | [`SHEET`] | the script of the page of [`crate::sheet`] |
//!
//! A server must serve the modules under the names by which they import each other (`./player.js`);
//! [`bundle`] merges several modules into one, for a page that is a single file.

mod score;

use crate::picture::Theme;

pub use score::{Grid, GridBeat, Score};

/// `player.js`.
pub const PLAYER: &str = include_str!("web/player.js");
/// `voices.js`.
pub const VOICES: &str = include_str!("web/voices.js");
/// `drums.js`.
pub const DRUMS: &str = include_str!("web/drums.js");
/// `grid.js`.
pub const GRID: &str = include_str!("web/grid.js");
/// `roll.js`.
pub const ROLL: &str = include_str!("web/roll.js");
/// `sheet.js`.
pub const SHEET: &str = include_str!("web/sheet.js");
/// `sheet.css`: colors for the light and dark themes, players, tables. The colors of piano rolls
/// are those of [`roll_colors`].
pub const STYLE: &str = include_str!("web/sheet.css");

/// All modules of a sheet, in dependency order.
pub const MODULES: [&str; 6] = [DRUMS, VOICES, PLAYER, GRID, ROLL, SHEET];

/// The colors of piano rolls as a style sheet, the same as in pictures ([`crate::picture`]). They
/// follow the system's light or dark theme, or the attribute `data-theme` of the root element.
pub fn roll_colors() -> String {
    let [light, dark] = [Theme::Light, Theme::Dark].map(|theme| theme.palette().css());
    format!(
        ":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n\
         :root[data-theme=\"light\"] {{ {light} }}\n:root[data-theme=\"dark\"] {{ {dark} }}\n"
    )
}

/// Merges modules, given in dependency order, into one: drops `import` lines and the keyword
/// `export`.
///
/// The modules must follow three rules: every import is one line, `export` stands before a
/// declaration at the beginning of a line, and no two modules declare the same name.
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
        // The page is one file: nothing in it may end its script element or load anything.
        let bundle = bundle(&MODULES);
        for forbidden in ["</script", "<!--", "import ", "export ", "fetch(", "http:", "https:"] {
            assert!(!bundle.contains(forbidden), "{forbidden}");
        }
        assert!(!STYLE.contains("</style") && !STYLE.contains("url("));
    }

    #[test]
    fn colors_of_rolls_are_those_of_pictures_and_defined_once() {
        let css = roll_colors();
        for theme in [Theme::Light, Theme::Dark] {
            let palette = theme.palette();
            for color in palette.parts.iter().chain([&palette.background, &palette.bar]) {
                // By the system's theme and by the user's choice.
                assert!(css.matches(&color.css()).count() >= 2, "{}", color.css());
            }
        }
        assert!(!STYLE.contains("--roll-parts:") && STYLE.contains("color-scheme"));
        assert!(!css.contains("url(") && !css.contains('<'));
    }

    #[test]
    fn a_bundle_is_the_modules_without_imports_and_exports() {
        let one = "import { a } from \"./a.js\";\nexport class B {}\n";
        assert_eq!(bundle(&["export const a = 1;\n", one]), "const a = 1;\nclass B {}\n");
    }
}
