//! `metrics.jsonl`: one line per step and per evaluation; the source of curves and event files.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactResult, create_folder, io, read, write_atomic};
use musicvae::Scores;
use musicvae::train::{StepMetrics, StepTimes};
use serde::{Deserialize, Serialize};

/// A line of the file.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Step {
        elapsed_secs: f64,
        /// Duration of the step.
        step_secs: f64,
        /// Fraction of it spent waiting for its batch.
        wait_share: f64,
        #[serde(flatten)]
        metrics: &'a StepMetrics,
    },
    Evaluation {
        /// Number of steps completed.
        step: u64,
        /// Whether the posterior collapsed.
        is_collapsed: bool,
        #[serde(flatten)]
        scores: &'a Scores,
    },
}

/// The part of a line needed for truncating the file.
#[derive(Deserialize)]
struct AnyLine {
    event: String,
    step: u64,
}

/// The values of a step needed for curves.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(super) struct StepPoint {
    #[serde(default)]
    pub(super) elapsed_secs: f64,
    #[serde(flatten)]
    pub(super) metrics: StepMetrics,
}

/// The values of an evaluation needed for curves.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct EvaluationPoint {
    pub(super) step: u64,
    #[serde(flatten)]
    pub(super) scores: Scores,
}

/// Everything that a run has written to its metrics file, including earlier sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    pub(super) steps: Vec<StepPoint>,
    pub(super) evaluations: Vec<EvaluationPoint>,
}

impl History {
    /// The contents of complete lines; lines of other programs are ignored.
    fn read(lines: &[u8]) -> Self {
        let mut history = Self::default();
        for line in lines.split(|b| *b == b'\n') {
            match serde_json::from_slice::<AnyLine>(line).map(|line| line.event).as_deref() {
                Ok("step") => history.steps.extend(serde_json::from_slice::<StepPoint>(line)),
                Ok("evaluation") => {
                    history.evaluations.extend(serde_json::from_slice::<EvaluationPoint>(line));
                }
                _ => {}
            }
        }
        history
    }
}

/// Appends to the file. Lines are complete at every checkpoint.
pub(super) struct MetricsFile {
    path: PathBuf,
    file: BufWriter<File>,
    failed: Option<std::io::Error>,
}

impl MetricsFile {
    /// Opens the file after `n_steps` steps and removes later lines of an interrupted run. Returns
    /// the remaining contents, too.
    pub(super) fn open(path: &Path, n_steps: u64) -> ArtifactResult<(Self, History)> {
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
        let file = Self { path: path.to_owned(), file: BufWriter::new(file), failed: None };
        Ok((file, History::read(&kept)))
    }

    pub(super) fn step(&mut self, metrics: &StepMetrics, times: StepTimes) {
        self.line(&Line::Step {
            elapsed_secs: times.elapsed.as_secs_f64(),
            step_secs: times.step.as_secs_f64(),
            wait_share: times.waited.as_secs_f64() / times.step.as_secs_f64().max(1e-9),
            metrics,
        });
    }

    pub(super) fn evaluation(&mut self, step: u64, scores: &Scores) {
        let is_collapsed = scores.is_collapsed();
        self.line(&Line::Evaluation { step, is_collapsed, scores });
    }

    fn line(&mut self, line: &Line<'_>) {
        let mut text = serde_json::to_vec(line).expect("our values are plain");
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            self.failed.get_or_insert(error);
        }
    }

    /// Writes all lines to disk.
    ///
    /// # Errors
    /// Returns an error if writing failed, now or at an earlier line.
    pub(super) fn flush(&mut self) -> ArtifactResult<()> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.file.flush(),
        };
        result.map_err(io("write", &self.path))
    }
}

/// Complete lines of steps before `n_steps`, and of evaluations up to `n_steps`.
fn kept_lines(bytes: &[u8], n_steps: u64) -> Vec<u8> {
    let keep = |line: &&[u8]| {
        serde_json::from_slice::<AnyLine>(line).is_ok_and(|line| match line.event.as_str() {
            "step" => line.step < n_steps,
            _ => line.step <= n_steps,
        })
    };
    bytes.split_inclusive(|b| *b == b'\n').filter(keep).flatten().copied().collect()
}

/// Metrics for tests.
#[cfg(test)]
pub(super) fn step_metrics(step: u64) -> StepMetrics {
    StepMetrics {
        step,
        loss: 100.0 / (step + 1) as f64,
        reconstruction_nats: 90.0 / (step + 1) as f64,
        fields: musicvae::train::FieldNats::default(),
        kl_bits: 3.5,
        beta: 0.25,
        learning_rate: 0.001,
        sampling_probability: 0.5,
        gradient_norm: 2.0,
    }
}

/// Scores for tests.
#[cfg(test)]
pub(super) fn heldout() -> Scores {
    Scores::Steps(musicvae::Evaluation {
        n_windows: 7,
        reconstruction_nats: 40.0,
        kl_bits: 12.5,
        teacher_forced_accuracy: 0.75,
        sampled_accuracy: 0.5,
        parts: Vec::new(),
        active_units: 3,
        active_std_dev: Some(0.5),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_resumed_file_ends_where_its_checkpoint_does() {
        let text = "{\"event\":\"step\",\"step\":0}\n{\"event\":\"step\",\"step\":1}\n\
                    {\"event\":\"evaluation\",\"step\":2}\n{\"event\":\"step\",\"step\":2}\n{\"event\":\"st";
        let kept = String::from_utf8(kept_lines(text.as_bytes(), 2)).unwrap();
        assert_eq!(kept, text[..text.find("{\"event\":\"step\",\"step\":2}").unwrap()]);
    }

    #[test]
    fn a_history_is_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let (mut file, history) = MetricsFile::open(&path, 0).unwrap();
        assert_eq!(history, History::default());
        let (metrics, evaluation) = (step_metrics(0), heldout());
        let times = StepTimes {
            elapsed: Duration::from_millis(1500),
            step: Duration::from_millis(250),
            waited: Duration::from_millis(125),
        };
        file.step(&metrics, times);
        file.evaluation(1, &evaluation);
        file.step(&step_metrics(1), times);
        file.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"step_secs\":0.25,\"wait_share\":0.5"), "{text}");
        let (_, history) = MetricsFile::open(&path, 1).unwrap();
        assert_eq!(history.steps, [StepPoint { elapsed_secs: 1.5, metrics }]);
        assert_eq!(history.evaluations, [EvaluationPoint { step: 1, scores: evaluation }]);
    }
}
