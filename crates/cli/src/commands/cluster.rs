//! `cluster`: hands over to the program `controlgen-cluster`, which contains the distributed engine
//! that this program lacks.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

const PROGRAM: &str = "controlgen-cluster";

/// Replaces this process by the other program, or runs it if the system can't replace processes.
pub(super) fn run(words: &[OsString]) -> anyhow::Result<()> {
    let beside = std::env::current_exe().ok().and_then(|own| own.parent().map(Path::to_owned));
    let on_path = std::env::var_os("PATH");
    let folders = on_path.iter().flat_map(std::env::split_paths);
    let Some(program) = find(beside.into_iter().chain(folders)) else {
        bail!(
            "there is no `{PROGRAM}` next to this program or on the PATH; build it with `cargo build \
             --release --package cluster`"
        );
    };
    let mut command = Command::new(&program);
    command.args(words);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // From here on, signals and the exit code are those of the other program.
        Err(command.exec()).with_context(|| format!("can't run {}", program.display()))
    }
    #[cfg(not(unix))]
    {
        let status =
            command.status().with_context(|| format!("can't run {}", program.display()))?;
        std::process::exit(status.code().unwrap_or(1))
    }
}

/// The path of the program in the first folder that contains it.
fn find(folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    folders.into_iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_has_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (without, with) = (folder.path().join("without"), folder.path().join("with"));
        std::fs::create_dir_all(&without).unwrap();
        std::fs::create_dir_all(&with).unwrap();
        assert_eq!(find([without.clone(), with.clone()]), None);
        let program = with.join(format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX));
        std::fs::write(&program, "").unwrap();
        assert_eq!(find([without, with]), Some(program));
    }
}
