//! `metrics.jsonl`: a line a step and a line an evaluation.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use musicvae::Evaluation;
use musicvae::train::StepMetrics;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactResult, create_folder, io, read, write_atomic};

/// A line of the file.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Step {
        elapsed_secs: f64,
        #[serde(flatten)]
        metrics: &'a StepMetrics,
    },
    Evaluation {
        /// Steps made before.
        step: u64,
        /// Whether the posterior collapsed.
        is_collapsed: bool,
        #[serde(flatten)]
        evaluation: &'a Evaluation,
    },
}

/// What is needed of a line to cut the file.
#[derive(Deserialize)]
struct AnyLine {
    event: String,
    step: u64,
}

/// Appends to the file. Lines are complete at every checkpoint.
pub(super) struct MetricsFile {
    path: PathBuf,
    file: BufWriter<File>,
    failed: Option<std::io::Error>,
}

impl MetricsFile {
    /// Opens the file after `n_steps` steps; what a broken-off run wrote later is dropped.
    pub(super) fn open(path: &Path, n_steps: u64) -> ArtifactResult<Self> {
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        let kept = if n_steps > 0 && path.exists() {
            kept_lines(&read(path)?, n_steps)
        } else {
            Vec::new()
        };
        write_atomic(path, &kept)?;
        let file = OpenOptions::new().append(true).open(path).map_err(io("write", path))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), failed: None })
    }

    pub(super) fn step(&mut self, metrics: &StepMetrics, elapsed: Duration) {
        self.line(&Line::Step { elapsed_secs: elapsed.as_secs_f64(), metrics });
    }

    pub(super) fn evaluation(&mut self, step: u64, evaluation: &Evaluation) {
        let is_collapsed = evaluation.is_collapsed();
        self.line(&Line::Evaluation { step, is_collapsed, evaluation });
    }

    fn line(&mut self, line: &Line<'_>) {
        let mut text = serde_json::to_vec(line).expect("our values are plain");
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            self.failed.get_or_insert(error);
        }
    }

    /// Puts all lines on disk.
    ///
    /// # Errors
    /// If that failed, now or at an earlier line.
    pub(super) fn flush(&mut self) -> ArtifactResult<()> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.file.flush(),
        };
        result.map_err(io("write", &self.path))
    }
}

/// Whole lines of steps before `n_steps`, and of evaluations up to there.
fn kept_lines(bytes: &[u8], n_steps: u64) -> Vec<u8> {
    let keep = |line: &&[u8]| {
        serde_json::from_slice::<AnyLine>(line).is_ok_and(|line| match line.event.as_str() {
            "step" => line.step < n_steps,
            _ => line.step <= n_steps,
        })
    };
    bytes.split_inclusive(|b| *b == b'\n').filter(keep).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_file_ends_where_its_checkpoint_does() {
        let text = "{\"event\":\"step\",\"step\":0}\n{\"event\":\"step\",\"step\":1}\n\
                    {\"event\":\"evaluation\",\"step\":2}\n{\"event\":\"step\",\"step\":2}\n{\"event\":\"st";
        let kept = String::from_utf8(kept_lines(text.as_bytes(), 2)).unwrap();
        assert_eq!(kept, text[..text.find("{\"event\":\"step\",\"step\":2}").unwrap()]);
    }
}
