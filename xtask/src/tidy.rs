//! Rules of this repository that no other tool checks.

mod language;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::files::entries;
use crate::process::root;

/// Longer files should be split: a file has a single topic.
const MAX_LINES: usize = 450;

/// Checks the Rust files, documents and manifests of the repository.
pub(crate) fn run() -> Result<()> {
    let problems = problems(&root())?;
    if problems.is_empty() { Ok(()) } else { bail!("tidy:\n{}", problems.join("\n")) }
}

fn problems(root: &Path) -> Result<Vec<String>> {
    let language = language::Language::new()?;
    let mut files = Vec::new();
    for folder in ["crates", "docs", "tests", "xtask"].map(|name| root.join(name)) {
        if folder.exists() {
            files.extend(files_below(&folder)?);
        }
    }
    // Fetched data sets are in folders below these.
    for folder in [root.to_owned(), root.join("datasets")] {
        files.extend(entries(&folder)?.into_iter().filter(|path| path.is_file() && is(path, "md")));
    }
    let mut problems = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        let mut of_file = language.problems(name, &text);
        if is(&path, "rs") {
            of_file.extend(file_problems(&text));
        }
        problems.extend(of_file.into_iter().map(|p| format!("{}: {p}", name.display())));
    }
    problems.extend(manifest_problems(root)?);
    Ok(problems)
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// The Rust and Markdown files of a folder and its subfolders, without anything built or installed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        let is_built = ["target", "node_modules"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !is_built {
            files.extend(files_below(&path)?);
        } else if path.is_file() && (is(&path, "rs") || is(&path, "md")) {
            files.push(path);
        }
    }
    Ok(files)
}

fn file_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let first = text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
    if !first.starts_with("//!") {
        problems.push("the first line must describe the file (`//! …`)".to_owned());
    }
    let n_lines = text.lines().count();
    if n_lines > MAX_LINES {
        problems
            .push(format!("{n_lines} lines; at most {MAX_LINES} are allowed, so split the file"));
    }
    for banned in [concat!("#[", "ignore"), concat!("#[", "should_panic"), concat!("todo", "!(")] {
        if text.contains(banned) {
            problems.push(format!("`{banned}` is not used here"));
        }
    }
    problems
}

/// Checks that the crates' dependencies point in one direction only, and that all versions are in
/// the root manifest.
fn manifest_problems(root: &Path) -> Result<Vec<String>> {
    let allowed: [(&str, &[&str]); 15] = [
        ("seed", &[]),
        ("note-seq", &[]),
        ("note-render", &["note-seq"]),
        ("gmm", &[]),
        ("lstm-kernel", &[]),
        ("musicvae", &["seed", "note-seq", "lstm-kernel"]),
        // Its tests seal rendered files.
        ("corpus", &["seed", "note-seq", "note-render"]),
        ("controlgen", &["note-seq", "note-render", "gmm", "musicvae", "corpus"]),
        ("evaluation", &["note-seq", "note-render", "gmm", "musicvae", "corpus", "controlgen"]),
        ("models", &["corpus"]),
        ("cluster", &["note-seq", "gmm", "musicvae", "corpus", "controlgen"]),
        ("studio", &["note-seq", "note-render", "gmm", "musicvae", "corpus", "controlgen"]),
        (
            "cli",
            &[
                "note-seq",
                "gmm",
                "musicvae",
                "corpus",
                "controlgen",
                "evaluation",
                "studio",
                "models",
            ],
        ),
        ("plugin", &["note-seq", "musicvae", "corpus", "controlgen", "models"]),
        (
            "python",
            &["note-seq", "gmm", "musicvae", "corpus", "controlgen", "evaluation", "models"],
        ),
    ];
    let mut problems = Vec::new();
    for (name, may_know) in allowed {
        let path = root.join("crates").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let mut in_dependencies = false;
        for line in text.lines() {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            }
            if !in_dependencies || !line.contains('=') || line.starts_with('#') {
                continue;
            }
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let ours = allowed.iter().any(|(ours, _)| *ours == dependency);
            if ours && !may_know.contains(&dependency) {
                problems.push(format!("crates/{name} must not depend on {dependency}"));
            }
            if !line.contains("workspace = true") {
                problems.push(format!("crates/{name}: `{line}` should be inherited"));
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        assert_eq!(problems(&root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_offender() {
        assert_eq!(file_problems("//! Fine.\n"), Vec::<String>::new());
        assert_eq!(file_problems("fn main() {}\n").len(), 1);
        let banned = format!("//! x\n#[{}]\n", "ignore");
        assert_eq!(file_problems(&banned).len(), 1);
        assert_eq!(file_problems(&format!("//! x\n{}", "\n".repeat(500))).len(), 1);
    }
}
