//! A run folder: where each part of a training run lies.

use std::path::{Path, PathBuf};

/// A folder with corpus, latents, model, checkpoints and samples of one run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// The run folder at `root`, whether or not it is there yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
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

    /// Figures of each step and evaluation, a JSON object a line.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// What repeats the run.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.json")
    }

    /// How training went, as a picture.
    pub fn curves(&self) -> PathBuf {
        self.root.join("curves.svg")
    }
}
