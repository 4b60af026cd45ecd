//! Checks whether latents belong to a corpus's windows and a model.

use std::path::Path;

use corpus::artifact::{ArtifactError, ArtifactResult, JsonFormat};
use corpus::table::{Latents, Split, WindowRow, read_windows};
use serde::{Deserialize, Serialize};

use crate::model::Model;

/// Number of windows that are encoded again if a folder does not name its model.
const TRIED: usize = 16;
/// Maximum difference of two encodings of a window by the same model, in standard deviations of its
/// posterior. Rounding differs between backends and instruction sets, by thousandths; latents of
/// different models are several standard deviations apart.
const MAX_DEVIATION: f64 = 0.1;

/// `report.json` of a latents folder: its contents and the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatentsReport {
    /// The hash of the model that encoded the windows.
    pub model_hash: String,
    /// Number of training windows.
    pub n_train: usize,
    /// Number of held-out windows.
    pub n_heldout: usize,
}

impl JsonFormat for LatentsReport {
    const FORMAT: &'static str = "controlgen.latents";
    const VERSION: u32 = 1;
}

/// Name of the report's file.
pub(super) const FILE: &str = "report.json";

/// Rejects latents that are not of all of a corpus's windows, or not of a model. A folder without a
/// report, for example one of an earlier program, is tested by encoding some of the windows again.
///
/// # Errors
/// Returns [`ArtifactError::OtherLatents`] if they don't match, or another error if the corpus
/// can't be read.
pub fn check_latents(
    model: &Model,
    corpus: &Path,
    folder: &Path,
    latents: &Latents,
) -> ArtifactResult<()> {
    let other = |of| ArtifactError::OtherLatents { latents: folder.to_owned(), of };
    let report = folder.join(FILE);
    let is_told = report.exists();
    if is_told && LatentsReport::load(&report)?.model_hash != model.hash() {
        return Err(other("the model"));
    }
    let mut windows: Vec<(u64, Split)> = Vec::with_capacity(latents.rows.len());
    let mut tried: Vec<WindowRow> = Vec::new();
    let every = (latents.rows.len() / TRIED).max(1);
    read_windows(corpus, |row| {
        let is_tried = !is_told && windows.len().is_multiple_of(every) && tried.len() < TRIED;
        windows.push((row.window_id, row.split));
        if is_tried {
            tried.push(row);
        }
    })?;
    let mut encoded: Vec<(u64, Split)> =
        latents.rows.iter().map(|row| (row.window_id, row.split)).collect();
    // Folders written by several machines may have another order.
    windows.sort_unstable();
    encoded.sort_unstable();
    if windows != encoded {
        return Err(other("the corpus's windows"));
    }
    if is_told || are_of(model, latents, &tried) { Ok(()) } else { Err(other("the model")) }
}

/// Whether a model encodes windows to the given latents.
fn are_of(model: &Model, latents: &Latents, tried: &[WindowRow]) -> bool {
    tried.iter().all(|row| {
        let Ok(again) = model.network().encode(&[&row.tokens], |_| ()) else { return false };
        let Some(latent) = latents.rows.iter().find(|l| l.window_id == row.window_id) else {
            return false;
        };
        let pairs = again.mean.iter().zip(&latent.mu).zip(&latent.sigma);
        let squares = pairs.map(|((again, mu), sigma)| {
            (f64::from(again - mu) / f64::from(*sigma).max(f64::EPSILON)).powi(2)
        });
        (squares.sum::<f64>() / latent.mu.len().max(1) as f64).sqrt() <= MAX_DEVIATION
    })
}
