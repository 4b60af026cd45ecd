//! `cargo xtask model`: rebuilds a model of the program, from data sets to its folder.

mod card;
mod recipe;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use serde_json::Value;

use crate::process::{Program, ProgramArgs, answer, args, say};
use recipe::{RECIPES, Recipe};

/// The first word of each drum style.
const DRUMS: &str = "drums";
/// Characters that the program does not allow in names of styles (`check_name` of `controlgen`).
const NOT_IN_NAMES: [char; 10] = ['/', '\\', ':', ',', '*', '?', '"', '<', '>', '|'];
/// Styles with a smaller fraction of the windows are hidden.
const SMALL: f64 = 0.01;
/// Maximum length of a style's name in characters.
const MAX_NAME: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model: poly, drums or melody
    name: String,
    /// The folder with the data sets, each in a folder with its name (`cargo xtask fetch --into`)
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The run folder; the model is in `RUN/NAME` at the end
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Skip the training, because `RUN/model` has already been trained
    #[arg(long, conflicts_with = "steps")]
    trained: bool,
    /// Number of training steps [default: the recipe's]
    #[arg(long)]
    steps: Option<u32>,
    #[command(flatten)]
    program: ProgramArgs,
}

pub(crate) fn run(args: &ModelArgs) -> Result<()> {
    let recipe = RECIPES.iter().find(|recipe| recipe.name == args.name).with_context(|| {
        let names: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
        format!("no model is named {}; there are {}", args.name, names.join(", "))
    })?;
    let maker = Maker { recipe, args, program: args.program.open()? };
    let whole = maker.corpus("corpus", &[])?;
    let most = recipe.windows_per_file.to_string();
    let for_styles = maker.corpus("corpus-of-styles", &["--max-windows-per-file", &most])?;
    if !args.trained {
        maker.train(&whole)?;
    }
    maker.finish(&whole, &for_styles)
}

/// Executes a recipe; existing parts of the run are kept.
struct Maker<'a> {
    recipe: &'a Recipe,
    args: &'a ModelArgs,
    program: Program,
}

impl Maker<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.args.out.join(name)
    }

    fn step(&self, arguments: Vec<OsString>) -> Result<Value> {
        self.program.json(arguments)
    }

    fn corpus(&self, name: &str, options: &[&str]) -> Result<PathBuf> {
        let out = self.path(name);
        if out.join("report.json").exists() {
            return Ok(out);
        }
        let mut build = args!["corpus", "build", "-o", &out, "--kind", self.recipe.kind];
        for source in self.recipe.sources {
            let Some(folder) = folder_of(&self.args.data, source.folder)? else {
                bail!(
                    "{} is missing; it comes from {} (`cargo xtask fetch --list`, datasets/README.md)",
                    self.args.data.join(source.folder).display(),
                    source.origin
                );
            };
            build.push(folder.into());
        }
        build.extend(options.iter().map(OsString::from));
        self.step(build)?;
        Ok(out)
    }

    fn train(&self, corpus: &Path) -> Result<()> {
        let steps = self.args.steps.unwrap_or(self.recipe.steps).to_string();
        let mut train = args!["train", "--corpus", corpus, "-o", &self.args.out, "--steps", steps];
        train.extend(self.recipe.training.iter().map(OsString::from));
        if self.path("checkpoints").exists() {
            train.push("--resume".into());
        }
        self.step(train)?;
        Ok(())
    }

    /// From the weights to the folder of the program: half precision, latents, styles, the copy
    /// index of all music, the card. An older model is kept until the new one is complete.
    fn finish(&self, whole: &Path, for_styles: &Path) -> Result<()> {
        let model = self.path(&format!("{}.new", self.recipe.name));
        let latents = self.path("latents.new");
        for unfinished in [&model, &latents] {
            remove(unfinished)?;
        }
        self.step(args!["halve", self.path("model"), "-o", &model])?;
        self.step(args!["encode", "--model", &model, "--corpus", for_styles, "-o", &latents])?;
        let mut fit = args!["fit", "--model", &model, "--latents", &latents];
        fit.extend(args!["--corpus", for_styles]);
        fit.extend(self.recipe.fit.iter().map(OsString::from));
        let fit = self.step(fit)?;
        for (number, name) in names(&fit["styles"], self.recipe.names).iter().enumerate() {
            let old = format!("style-{number}");
            self.step(args!["style", "rename", old, name, "--model", &model])?;
            // Components of a few unusual windows, which new music would not resemble.
            if fit["styles"][number]["share"].as_f64().is_some_and(|share| share < SMALL) {
                self.step(args!["style", "hide", name, "--model", &model])?;
            }
        }
        self.step(args!["copy-index", "--model", &model, "--corpus", whole])?;
        let report = self.step(args!["corpus", "report", whole])?;
        card::write(&model, self.recipe, &report, &fit)?;
        let made = self.path(self.recipe.name);
        replace(&model, &made)?;
        replace(&latents, &self.path("latents"))?;
        say(&format!("{} holds the model", made.display()));
        for (style, name) in fit["styles"]
            .as_array()
            .into_iter()
            .flatten()
            .zip(names(&fit["styles"], self.recipe.names))
        {
            answer(&format!("{name}: {}", style["card"]["words"]));
        }
        Ok(())
    }
}

/// The folder of a source below the data sets. `cargo xtask fetch` unpacks a repository into a
/// folder with the name of its commit, so `set/part` may be `set/set-COMMIT/part`.
fn folder_of(data: &Path, source: &str) -> Result<Option<PathBuf>> {
    let direct = data.join(source);
    let Some((set, part)) = source.split_once('/') else {
        return Ok(direct.is_dir().then_some(direct));
    };
    let set = data.join(set);
    if direct.is_dir() || !set.is_dir() {
        return Ok(direct.is_dir().then_some(direct));
    }
    let entries =
        std::fs::read_dir(&set).with_context(|| format!("can't read {}", set.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let below = entry.with_context(|| format!("can't read {}", set.display()))?.path();
        found.push(below.join(part));
    }
    found.retain(|folder| folder.is_dir());
    found.sort();
    Ok(found.into_iter().next())
}

/// Removes a folder, if it exists.
fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

/// Replaces an older folder by a new one; the older one is removed last.
fn replace(new: &Path, folder: &Path) -> Result<()> {
    let mut old = folder.as_os_str().to_owned();
    old.push(".old");
    let old = PathBuf::from(old);
    remove(&old)?;
    let rename = |from: &Path, to: &Path| {
        std::fs::rename(from, to)
            .with_context(|| format!("can't rename {} to {}", from.display(), to.display()))
    };
    if folder.exists() {
        rename(folder, &old)?;
    }
    rename(new, folder)?;
    remove(&old)
}

/// Names of styles from their cards: the name in `known` for one of their titles; otherwise the
/// most distinctive title and the first words of their description. More words are added until the
/// name is unique, or a number if all are the same.
fn names(styles: &Value, known: &[(&str, &str)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for style in styles.as_array().into_iter().flatten() {
        let words = style["card"]["words"].as_array().into_iter().flatten();
        let mut words: Vec<String> = words.filter_map(Value::as_str).map(allowed).collect();
        if words.len() > 1 && words[0] == DRUMS {
            // The descriptions of all drum styles begin like this.
            words.remove(0);
        }
        let titles = style["card"]["titles"].as_array().into_iter().flatten();
        let titles: Vec<&str> = titles.filter_map(|title| title["name"].as_str()).collect();
        let known = known.iter().find(|(title, _)| titles.contains(title));
        let shortest = match (known, titles.first()) {
            (Some((_, name)), _) => {
                words.insert(0, (*name).to_owned());
                1
            }
            (None, Some(title)) => {
                words.insert(0, title.replace(NOT_IN_NAMES, ""));
                2.min(words.len())
            }
            (None, None) => words.len().min(1),
        };
        let longer = (shortest.max(1)..=words.len()).map(|n| words[..n].join(" "));
        let whole = if words.is_empty() { "plain".to_owned() } else { words.join(" ") };
        let numbered = (2..).map(|n| format!("{whole} no. {n}"));
        let mut candidates = longer.chain([whole.clone()]).chain(numbered);
        let is_new = |name: &String| name.chars().count() <= MAX_NAME && !names.contains(name);
        names.push(candidates.find(is_new).expect("numbers don't end"));
    }
    names
}

/// A card's words as part of a name: up to a comma, without characters not allowed in names.
fn allowed(words: &str) -> String {
    let first = words.split(',').next().unwrap_or_default();
    let plain = ["partly ", "rather "].iter().find_map(|degree| first.strip_prefix(degree));
    plain.unwrap_or(first).replace('/', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_of_a_set_are_found_in_its_unpacked_archive() {
        let data = tempfile::tempdir().unwrap();
        let path = |name: &str| data.path().join(name);
        let found = |source: &str| folder_of(data.path(), source).unwrap();
        assert_eq!((found("lieder"), found("freedoom/musics")), (None, None));
        std::fs::create_dir_all(path("lieder")).unwrap();
        std::fs::create_dir_all(path("freedoom/freedoom-d14dbbe/musics")).unwrap();
        std::fs::write(path("freedoom/FETCHED.json"), "{}").unwrap();
        assert_eq!(found("lieder"), Some(path("lieder")));
        assert_eq!(found("freedoom/musics"), Some(path("freedoom/freedoom-d14dbbe/musics")));
        assert_eq!(found("freedoom/sounds"), None);
        std::fs::create_dir_all(path("freedoom/musics")).unwrap();
        assert_eq!(found("freedoom/musics"), Some(path("freedoom/musics")));
    }

    #[test]
    fn a_new_folder_takes_the_place_of_an_older_one() {
        let run = tempfile::tempdir().unwrap();
        let path = |name: &str| run.path().join(name);
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(path(name)).unwrap();
            std::fs::write(path(name).join("card"), text).unwrap();
        };
        let read = || std::fs::read_to_string(path("poly").join("card")).unwrap();
        for (text, leftover) in [("first", false), ("second", false), ("third", true)] {
            write("poly.new", text);
            if leftover {
                // From a run that was interrupted between the two renames.
                write("poly.old", "older");
            }
            replace(&path("poly.new"), &path("poly")).unwrap();
            assert_eq!(read(), text);
            assert!(!path("poly.new").exists() && !path("poly.old").exists());
        }
    }

    #[test]
    fn styles_are_named_by_what_tells_them_apart() {
        let style = |words: &[&str]| json!({ "card": { "words": words } });
        let styles = json!([
            style(&["partly four-part chorale, partly fanfare", "keys", "major"]),
            style(&["four-part chorale, block chords", "keys", "minor"]),
            style(&["four-part chorale, block chords", "keys", "minor"]),
            style(&["four-part chorale, block chords", "keys", "minor"]),
            style(&["waltz accompaniment, bass then chords", "in 3/4"]),
            style(&["waltz accompaniment, bass then chords", "in 3/4"]),
            style(&[]),
            style(&["drums"]),
            style(&["drums", "laid back"]),
            json!({ "card": {
                "words": ["four-part chorale, block chords", "keys"],
                "titles": [{ "name": "Bach, Johann" }, { "name": "canon" }],
            } }),
            json!({ "card": {
                "words": ["four-part chorale, block chords", "keys"],
                "titles": [{ "name": "Bach, Johann" }, { "name": "choral" }],
            } }),
            json!({ "card": { "words": ["sustained chords"], "titles": [{ "name": "choral" }] } }),
        ]);
        assert_eq!(
            names(&styles, &[("choral", "hymn")]),
            [
                "four-part chorale",
                "four-part chorale keys",
                "four-part chorale keys minor",
                "four-part chorale keys minor no. 2",
                "waltz accompaniment",
                "waltz accompaniment in 3-4",
                "plain",
                "drums",
                "laid back",
                "Bach Johann four-part chorale",
                "hymn",
                "hymn sustained chords",
            ]
        );
    }
}
