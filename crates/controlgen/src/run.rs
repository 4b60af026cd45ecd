//! A run folder: the location of each part of a training run.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, ArtifactResult};
use corpus::overwrite::Overwrite;

/// A folder with corpus, latents, model, checkpoints and samples of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// The run folder at `root`, whether or not it exists.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Rejects a folder in which a new run would overwrite files that no run has written.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Exists`] if there is such a file.
    pub(crate) fn check_new(&self) -> ArtifactResult<()> {
        let is_run = Overwrite::Own.check(&self.config()).is_ok();
        if is_run && self.config().exists() {
            return Ok(());
        }
        let written = [self.config(), self.metrics(), self.curves(), self.model()];
        match written.into_iter().find(|path| path.exists()) {
            Some(path) => Err(ArtifactError::Exists { path }),
            None => Ok(()),
        }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The table of windows.
    pub fn corpus(&self) -> PathBuf {
        self.root.join("corpus")
    }

    /// The table of latents.
    pub fn latents(&self) -> PathBuf {
        self.root.join("latents")
    }

    /// The model folder.
    pub fn model(&self) -> PathBuf {
        self.root.join("model")
    }

    /// The checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Metrics of each step and evaluation, one JSON object per line.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// Everything needed to repeat the run.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.json")
    }

    /// The learning curves, as an image.
    pub fn curves(&self) -> PathBuf {
        self.root.join("curves.svg")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_where_nothing_or_a_run_stands() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        run.check_new().unwrap();
        std::fs::create_dir(run.corpus()).unwrap();
        run.check_new().unwrap();
        std::fs::write(run.curves(), b"a user's").unwrap();
        assert!(matches!(run.check_new(), Err(ArtifactError::Exists { .. })));
        std::fs::write(run.config(), br#"{"format": "controlgen.run", "version": 1}"#).unwrap();
        run.check_new().unwrap();
        std::fs::write(run.config(), b"{}").unwrap();
        assert!(run.check_new().unwrap_err().to_string().contains("config.json"));
    }
}
