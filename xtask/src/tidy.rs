//! Rules of this repository that no other tool checks.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::root;

/// Longer files should be split: a file has a single topic.
const MAX_LINES: usize = 450;

/// Checks every Rust file of the repository.
pub(crate) fn run() -> Result<()> {
    let problems = problems(&root())?;
    if problems.is_empty() { Ok(()) } else { bail!("tidy:\n{}", problems.join("\n")) }
}

fn problems(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for folder in ["crates", "xtask", "tests"] {
        for path in rust_files(&root.join(folder))? {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("can't read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            problems.extend(file_problems(&text).into_iter().map(|p| format!("{name}: {p}")));
        }
    }
    problems.extend(manifest_problems(root)?);
    Ok(problems)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
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

/// The crates' dependencies point in one direction only, and all versions are in the root manifest.
fn manifest_problems(root: &Path) -> Result<Vec<String>> {
    let allowed: [(&str, &[&str]); 9] = [
        ("note-seq", &[]),
        ("note-render", &["note-seq"]),
        ("gmm", &[]),
        ("lstm-kernel", &[]),
        ("musicvae", &["note-seq", "lstm-kernel"]),
        ("controlgen", &["note-seq", "note-render", "gmm", "musicvae"]),
        ("cluster", &["note-seq", "gmm", "musicvae", "controlgen"]),
        ("studio", &["note-seq", "note-render", "gmm", "musicvae", "controlgen"]),
        ("cli", &["note-seq", "note-render", "gmm", "musicvae", "controlgen", "studio"]),
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
