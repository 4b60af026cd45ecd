//! Encoding of windows to latents.

mod origin;

use std::path::Path;

use corpus::CorpusReport;
use corpus::artifact::{ArtifactError, ArtifactResult, JsonFormat, write_folder};
use corpus::progress::Progress;
use corpus::table::{LatentRow, LatentsWriter, Split, WindowRow, read_windows};
use musicvae::Posteriors;
use serde::{Deserialize, Serialize};

use crate::model::Model;

pub use origin::{LatentsReport, check_latents};

/// Number of windows encoded together.
const WINDOWS_PER_CHUNK: usize = 1 << 13;

/// The result of encoding a corpus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodeReport {
    /// Number of training windows.
    pub n_train: usize,
    /// Number of held-out windows.
    pub n_heldout: usize,
}

/// Encodes every window of a corpus folder into a latents folder `out`, with a report that
/// identifies the model and corpus.
///
/// # Errors
/// Returns an error if the corpus can't be read or is not of the model's kind, or if `out` already
/// exists.
pub fn encode_corpus(
    model: &Model,
    corpus: &Path,
    out: &Path,
    progress: &dyn Progress,
) -> ArtifactResult<EncodeReport> {
    let corpus_report = CorpusReport::of_kind(corpus, model.kind())?;
    write_folder(out, |folder| {
        let mut encoder = Encoder {
            model,
            progress,
            writer: LatentsWriter::new(folder, model.z_size()),
            waiting: Vec::new(),
            report: EncodeReport::default(),
            failed: None,
        };
        progress.begin("encoding", "windows", corpus_report.n_windows() as u64);
        read_windows(corpus, |row| encoder.push(row))?;
        let report = encoder.finish()?;
        let EncodeReport { n_train, n_heldout } = report;
        let model_hash = model.hash().to_owned();
        LatentsReport { model_hash, n_train, n_heldout }.save(&folder.join(origin::FILE))?;
        progress.end();
        Ok(report)
    })
}

/// Posteriors of windows of a corpus; calls `progress` with the number of windows encoded so far.
///
/// # Errors
/// If the tokens are not windows of the model's form.
pub fn posteriors<W: AsRef<[u16]>>(
    model: &Model,
    windows: &[W],
    progress: impl FnMut(usize),
) -> ArtifactResult<Posteriors> {
    model.network().encode(windows, progress).map_err(|error| ArtifactError::Json {
        path: "windows".into(),
        format: "controlgen.corpus",
        source: serde::de::Error::custom(error),
    })
}

/// Posterior means of windows of the model's own vocabulary, `[n, Z]`.
///
/// # Panics
/// If the tokens are not windows of the model's form.
pub fn encode_windows(model: &Model, windows: &[Vec<u16>]) -> Vec<f32> {
    let posteriors = model.network().encode(windows, |_| ());
    posteriors.expect("windows of the model's own kind").mean
}

/// Collects windows and encodes them in chunks of a fixed size.
struct Encoder<'a> {
    model: &'a Model,
    progress: &'a dyn Progress,
    writer: LatentsWriter,
    waiting: Vec<WindowRow>,
    report: EncodeReport,
    failed: Option<ArtifactError>,
}

impl Encoder<'_> {
    fn push(&mut self, row: WindowRow) {
        self.waiting.push(row);
        if self.waiting.len() >= WINDOWS_PER_CHUNK
            && self.failed.is_none()
            && let Err(error) = self.flush()
        {
            self.failed = Some(error);
        }
    }

    fn flush(&mut self) -> ArtifactResult<()> {
        let z_size = self.model.z_size();
        let mut rows = std::mem::take(&mut self.waiting);
        let windows: Vec<Vec<u16>> =
            rows.iter_mut().map(|row| std::mem::take(&mut row.tokens)).collect();
        let mut done = 0;
        let posteriors = posteriors(self.model, &windows, |n| {
            self.progress.advance((n - done) as u64);
            done = n;
        })?;
        let vectors = |values: &[f32]| -> Vec<Vec<f32>> {
            values.chunks_exact(z_size).map(<[f32]>::to_vec).collect()
        };
        let latents = vectors(&posteriors.mean).into_iter().zip(vectors(&posteriors.std_dev));
        for (row, (mu, sigma)) in rows.into_iter().zip(latents) {
            match row.split {
                Split::Train => self.report.n_train += 1,
                Split::Heldout => self.report.n_heldout += 1,
            }
            self.writer.push(LatentRow {
                window_id: row.window_id,
                group: row.group,
                split: row.split,
                seen: row.seen,
                label: row.label,
                mu,
                sigma,
            })?;
        }
        Ok(())
    }

    fn finish(mut self) -> ArtifactResult<EncodeReport> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.flush()?;
        self.writer.finish()?;
        Ok(self.report)
    }
}
