//! Lists the files of the page. Also included by the build script, which embeds them in the
//! program.

use std::path::Path;

/// Files below a folder that a browser may request, as sorted paths with `/`.
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

/// Whether a file or folder is only for developers of the page: hidden files, type checker types
/// and settings, packages, notes.
fn is_for_developers(name: &str) -> bool {
    name.starts_with('.')
        || name == "node_modules"
        || name.ends_with(".d.ts")
        || Path::new(name).extension().is_some_and(|extension| extension == "md")
        || ["tsconfig.json", "jsconfig.json", "package.json", "package-lock.json"].contains(&name)
}
