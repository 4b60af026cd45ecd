//! Turns the output of tasks into a results folder: the shards named in answers get their final
//! names, everything else is removed.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, io};

use crate::operators::Written;

/// Creates a folder for tasks to write into, without leftovers of an earlier run.
///
/// # Errors
/// [`ArtifactError`] if it can't be emptied or created.
pub fn stage(folder: &Path) -> Result<(), ArtifactError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(io("remove", folder))?;
    }
    std::fs::create_dir_all(folder).map_err(io("create the folder", folder))
}

/// Creates the folder `target` from the shards written into `staged`, as `NAME-00000.parquet` and
/// so on in the order of their first windows, and the files that `fill` adds. The folder appears
/// complete or not at all.
///
/// # Errors
/// [`ArtifactError`] if a shard is missing, or something can't be written.
pub fn commit(
    mut written: Vec<Written>,
    name: &str,
    staged: &Path,
    target: &Path,
    fill: impl FnOnce(&Path) -> Result<(), ArtifactError>,
) -> Result<(), ArtifactError> {
    written.sort_by_key(|task| task.first);
    let whole = staged.join("whole");
    stage(&whole)?;
    let mut n_shards = 0;
    for task in written.iter().filter(|task| task.n_rows > 0) {
        for shard in shards(&task.folder)? {
            let to = whole.join(format!("{name}-{n_shards:05}.parquet"));
            std::fs::rename(&shard, &to).map_err(io("write", &to))?;
            n_shards += 1;
        }
    }
    fill(&whole)?;
    std::fs::rename(&whole, target).map_err(io("write", target))?;
    // Only shards that no answer names are left here.
    let _ = std::fs::remove_dir_all(staged);
    Ok(())
}

fn shards(folder: &Path) -> Result<Vec<PathBuf>, ArtifactError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io("read the folder", folder))? {
        paths.push(entry.map_err(io("read the folder", folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use corpus::WindowCounts;

    use super::*;

    fn task(staged: &Path, name: &str, first: u64, shards: &[&str]) -> Written {
        let folder = staged.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (at, text) in shards.iter().enumerate() {
            std::fs::write(folder.join(format!("x-{at:05}.parquet")), text).unwrap();
        }
        let counts = WindowCounts::default();
        Written { first: Some(first), folder, n_rows: shards.len(), counts }
    }

    #[test]
    fn named_shards_are_put_in_order_and_the_rest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (staged, target) = (folder.path().join("staged"), folder.path().join("target"));
        stage(&staged).unwrap();
        let second = task(&staged, ".task-b", 70, &["third"]);
        let first = task(&staged, ".task-a", 5, &["first", "second"]);
        task(&staged, ".task-lost", 1, &["twice"]);
        let fill =
            |whole: &Path| std::fs::write(whole.join("report"), "r").map_err(io("write", whole));
        commit(vec![second, first], "x", &staged, &target, fill).unwrap();
        let read = |name: &str| std::fs::read_to_string(target.join(name)).unwrap();
        assert_eq!(read("x-00000.parquet") + &read("x-00001.parquet"), "firstsecond");
        assert_eq!(read("x-00002.parquet") + &read("report"), "thirdr");
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 4);
        assert!(!staged.exists());
    }

    #[test]
    fn a_folder_that_can_t_be_whole_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let (staged, target) = (folder.path().join("staged"), folder.path().join("target"));
        stage(&staged).unwrap();
        let task = task(&staged, ".task-a", 5, &["first"]);
        std::fs::remove_dir_all(&task.folder).unwrap();
        let error = commit(vec![task], "x", &staged, &target, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains(".task-a"), "{error}");
        assert!(!target.exists());
    }
}
