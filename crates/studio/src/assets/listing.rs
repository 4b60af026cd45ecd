//! Which files of a folder are the page. The build script, which puts them into the program, includes this file, too.

use std::path::Path;

/// Files of a folder and those below it that a browser may ask for, as paths with `/`, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    list(folder, "", &mut found);
    found.sort();
    found
}

fn list(folder: &Path, before: &str, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_for_developers(&name) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            list(&path, &format!("{before}{name}/"), found);
        } else {
            found.push(format!("{before}{name}"));
        }
    }
}

/// Whether a file or folder is for the page's developers alone: hidden files, types and settings of the checker,
/// packages, notes.
fn is_for_developers(name: &str) -> bool {
    name.starts_with('.')
        || name == "node_modules"
        || name.ends_with(".d.ts")
        || Path::new(name).extension().is_some_and(|ending| ending == "md")
        || ["tsconfig.json", "jsconfig.json", "package.json", "package-lock.json"].contains(&name)
}
