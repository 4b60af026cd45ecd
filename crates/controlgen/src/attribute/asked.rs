//! Comparison of requested and measured values of an attribute, over its whole range, in samples
//! from the styles.

use serde::{Deserialize, Serialize};

use super::{Aim, Attribute, AttributeError, AttributeMethod, AttributeVectors, Dial};
use crate::correlation;
use crate::generate::{Decoding, GenerateError, LatentPath, PieceFilter, PieceRequest, pieces};
use crate::model::Model;
use crate::piece::{Composition, FormRequest};
use crate::style::{Reference, Style, Styles};

/// The largest requested value, as a percentile of the training music.
const HIGHEST: usize = 99;
/// The most deviations that latents are shifted by: farther off the mean, no music was encoded, and
/// what is decoded there is no music either.
const MOST_SHIFT: f64 = 3.0;

/// Start of the range of values asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowestAsked {
    /// At the lowest value in the training music, as LC-Diff's labels do (arXiv 2511.07156). Of
    /// some attributes that is an outlier, and most of the range has no music.
    Lowest,
    /// At the training music's first percentile.
    FirstPercentile,
}

/// The values to request, and sampling options.
#[derive(Clone, Copy, Debug)]
pub struct AskedRequest {
    /// The attribute.
    pub attribute: Attribute,
    /// Values up to the 99th percentile of the training music's, evenly spaced.
    pub n_values: usize,
    /// The lowest value to ask for.
    pub lowest: LowestAsked,
    /// Number of windows sampled for each value.
    pub n_per_value: usize,
    /// Number of samples from which the nearest window is kept.
    pub n_candidates: usize,
    /// Decoding options.
    pub decoding: Decoding,
}

/// Requested and measured values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedReport {
    /// The value requested for each window.
    pub asked: Vec<f64>,
    /// The value measured in it.
    pub measured: Vec<f64>,
    /// Spearman's rank correlation of the two; `None` if either is constant.
    pub spearman: Option<f64>,
    /// Pearson's correlation of the two.
    pub pearson: Option<f64>,
    /// Number of windows that lack the attribute.
    pub n_missing: usize,
}

/// Samples windows of all styles in proportion to their shares, with target values for an
/// attribute.
///
/// # Errors
/// Returns an [`AttributeError`] if the attribute was not learned, or if settings are out of range.
pub fn asked_report(
    model: &Model,
    styles: &Styles,
    reference: &Reference,
    vectors: &AttributeVectors,
    request: &AskedRequest,
) -> Result<AskedReport, AttributeError> {
    let form = model.form();
    let vector = vectors.get(request.attribute)?;
    let known = reference.rows.iter();
    let mut known: Vec<f64> =
        known.filter_map(|row| request.attribute.measure(form, &row.tokens)).collect();
    known.sort_by(f64::total_cmp);
    let first = match request.lowest {
        LowestAsked::Lowest => 0,
        LowestAsked::FirstPercentile => known.len() * (100 - HIGHEST) / 100,
    };
    let low = known.get(first).copied().unwrap_or(vector.mean);
    let high = known.get(known.len() * HIGHEST / 100).copied().unwrap_or(vector.mean);
    let targets: Vec<&Style> = styles.all().iter().collect();
    let path = LatentPath::stationary(styles.mixture()).map_err(GenerateError::from)?;
    let through = FormRequest::default();
    let (mut asked, mut measured, mut n_missing) = (Vec::new(), Vec::new(), 0);
    for value in 0..request.n_values {
        let along = value as f64 / (request.n_values.max(2) - 1) as f64;
        let wanted = low + along * (high - low);
        let aim = Aim::value(vectors, request.attribute, wanted)?;
        let by = ((wanted - vector.mean) / vector.std_dev).clamp(-MOST_SHIFT, MOST_SHIFT);
        let dial = Dial { attribute: request.attribute, by };
        let shift = vectors.shift(&[dial], AttributeMethod::default())?;
        let seed = request.decoding.seed.wrapping_add(value as u64);
        let request = PieceRequest {
            shift: Some(&shift),
            aim: Some(&aim),
            composition: Some(Composition {
                learned: None,
                form: &through,
                n_candidates: request.n_candidates,
            }),
            filter: PieceFilter::KEEP_ALL,
            ..PieceRequest::new(
                &path,
                &targets,
                request.n_per_value,
                Decoding { seed, ..request.decoding },
            )
        };
        for piece in pieces(model, styles, &request)?.kept {
            match dial.attribute.measure(form, &piece.windows[0]) {
                Some(found) => {
                    asked.push(wanted);
                    measured.push(found);
                }
                None => n_missing += 1,
            }
        }
    }
    let spearman = correlation::spearman(&asked, &measured);
    let pearson = correlation::pearson(&asked, &measured);
    Ok(AskedReport { asked, measured, spearman, pearson, n_missing })
}
