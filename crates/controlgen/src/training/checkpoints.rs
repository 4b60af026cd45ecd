//! The checkpoints folder: `step-00012000/`, and `best`, a file that names one of them.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactResult, UNFINISHED, io, read, write_atomic, write_folder};
use musicvae::train::Checkpoint;

/// The checkpoints of a run.
pub(super) struct Checkpoints {
    root: PathBuf,
    /// Number of most recent checkpoints to keep, in addition to the best.
    n_kept: usize,
}

impl Checkpoints {
    pub(super) fn new(root: PathBuf, n_kept: usize) -> Self {
        // The last one is needed to resume.
        Self { root, n_kept: n_kept.max(1) }
    }

    /// The folder of a checkpoint.
    pub(super) fn folder(&self, n_steps: u64) -> PathBuf {
        self.root.join(format!("step-{n_steps:08}"))
    }

    /// Steps of every checkpoint, ascending. A folder under its final name is complete.
    fn all(&self) -> ArtifactResult<Vec<u64>> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(io("read the folder", &self.root))? {
            let entry = entry.map_err(io("read the folder", &self.root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            steps.extend(name.strip_prefix("step-").and_then(|n| n.parse::<u64>().ok()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Removes incomplete files of a killed run.
    pub(super) fn remove_unfinished(&self) -> ArtifactResult<()> {
        for entry in std::fs::read_dir(&self.root).map_err(io("read the folder", &self.root))? {
            let path = entry.map_err(io("read the folder", &self.root))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(UNFINISHED) {
                let removed = if path.is_dir() {
                    std::fs::remove_dir_all(&path)
                } else {
                    std::fs::remove_file(&path)
                };
                removed.map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Number of steps of the last checkpoint.
    pub(super) fn latest(&self) -> ArtifactResult<Option<u64>> {
        Ok(self.all()?.pop())
    }

    /// Number of steps of the best checkpoint, if any was scored.
    fn best(&self) -> ArtifactResult<Option<u64>> {
        let path = self.root.join("best");
        if !path.exists() {
            return Ok(None);
        }
        let name = String::from_utf8_lossy(&read(&path)?).trim().to_owned();
        Ok(name.strip_prefix("step-").and_then(|n| n.parse().ok()))
    }

    /// Marks the best checkpoint. A resumed run marks it again, because the earlier run may have
    /// ended between writing a checkpoint and marking it.
    pub(super) fn name_best(&self, n_steps: u64) -> ArtifactResult<()> {
        let name = format!("step-{n_steps:08}\n");
        write_atomic(&self.root.join("best"), name.as_bytes())
    }

    /// Weights of the best checkpoint, or of the one after `last` steps, with their number of
    /// steps.
    pub(super) fn best_weights(&self, last: u64) -> ArtifactResult<(u64, Vec<u8>)> {
        let step = self.best()?.unwrap_or(last);
        Ok((step, read(&self.folder(step).join("weights.safetensors"))?))
    }

    /// Reads a checkpoint.
    pub(super) fn read(&self, n_steps: u64) -> ArtifactResult<Checkpoint> {
        let folder = self.folder(n_steps);
        Ok(Checkpoint {
            n_steps,
            is_best: self.best()? == Some(n_steps),
            weights: read(&folder.join("weights.safetensors"))?,
            optimizer: read(&folder.join("optimizer.safetensors"))?,
            state: String::from_utf8_lossy(&read(&folder.join("state.json"))?).into_owned(),
        })
    }

    /// Writes a checkpoint, marks it if it is the best, and deletes old ones.
    pub(super) fn write(&self, checkpoint: &Checkpoint) -> ArtifactResult<()> {
        let folder = self.folder(checkpoint.n_steps);
        // A run that is resumed and stopped immediately returns to an existing checkpoint.
        if !folder.exists() {
            write_folder(&folder, |inside: &Path| {
                write_atomic(&inside.join("weights.safetensors"), &checkpoint.weights)?;
                write_atomic(&inside.join("optimizer.safetensors"), &checkpoint.optimizer)?;
                write_atomic(&inside.join("state.json"), checkpoint.state.as_bytes())
            })?;
        }
        if checkpoint.is_best {
            self.name_best(checkpoint.n_steps)?;
        }
        let best = self.best()?;
        let all = self.all()?;
        for old in &all[..all.len().saturating_sub(self.n_kept)] {
            if Some(*old) != best {
                let folder = self.folder(*old);
                std::fs::remove_dir_all(&folder).map_err(io("remove", &folder))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(n_steps: u64, is_best: bool) -> Checkpoint {
        Checkpoint {
            n_steps,
            is_best,
            weights: vec![n_steps as u8],
            optimizer: vec![],
            state: String::new(),
        }
    }

    #[test]
    fn the_last_ones_and_the_best_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path().join("checkpoints"), 2);
        assert_eq!(checkpoints.latest().unwrap(), None);
        for (step, is_best) in [(10, true), (20, true), (30, false), (40, false), (50, false)] {
            checkpoints.write(&checkpoint(step, is_best)).unwrap();
        }
        assert_eq!(checkpoints.all().unwrap(), [20, 40, 50]);
        assert_eq!(checkpoints.best_weights(50).unwrap(), (20, vec![20]));
        assert_eq!(checkpoints.read(40).unwrap().weights, [40]);
        // If told to keep one or none, it keeps the last and the best.
        let checkpoints = Checkpoints::new(folder.path().join("checkpoints"), 0);
        checkpoints.write(&checkpoint(60, false)).unwrap();
        assert_eq!(checkpoints.all().unwrap(), [20, 60]);
    }

    #[test]
    fn what_is_unfinished_is_no_checkpoint_and_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = folder.path().join(".unfinished-step-00000070");
        std::fs::create_dir(&unfinished).unwrap();
        std::fs::write(unfinished.join("state.json"), "{").unwrap();
        std::fs::write(folder.path().join(".unfinished-best"), "").unwrap();
        let checkpoints = Checkpoints::new(folder.path().to_owned(), 2);
        assert_eq!(checkpoints.latest().unwrap(), None);
        checkpoints.write(&checkpoint(80, true)).unwrap();
        checkpoints.remove_unfinished().unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["best", "step-00000080"]);
    }
}
