//! Effect of shifting attributes: the change in the music, including the other attributes.

use serde::{Deserialize, Serialize};

use super::{Attribute, AttributeError, AttributeMethod, AttributeVectors, measure_all};
use crate::correlation;
use crate::generate::{Decoding, controls_of};
use crate::model::Model;
use crate::style::Reference;

/// Default offsets at which the effect is measured, in standard deviations.
pub const DIALS: [f64; 9] = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0];

/// The attribute to shift, and the offsets.
#[derive(Clone, Debug)]
pub struct DialRequest<'a> {
    /// The attribute to shift.
    pub attribute: Attribute,
    /// The method by which its direction was found.
    pub method: AttributeMethod,
    /// Offsets, in standard deviations.
    pub dials: &'a [f64],
    /// Number of reference windows to shift, evenly spaced.
    pub n: usize,
    /// Decoding options.
    pub decoding: Decoding,
}

/// The effect of shifting an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialReport {
    /// The shifted attribute.
    pub attribute: Attribute,
    /// The method by which its direction was found.
    pub method: AttributeMethod,
    /// Offsets, in standard deviations.
    pub dials: Vec<f64>,
    /// Mean measured value at each offset, in standard deviations from the training music's mean.
    pub measured: Vec<f64>,
    /// Spearman's rank correlation of offset and measured value for each window, mean over the
    /// windows.
    pub spearman: f64,
    /// The same over all windows and offsets together, which also includes the differences between
    /// windows.
    pub spearman_pooled: f64,
    /// Change of the measured value per unit of offset, both in standard deviations (least
    /// squares).
    pub slope: f64,
    /// The effect on the other attributes.
    pub others: Vec<OtherAttribute>,
    /// Number of windows shifted.
    pub n: usize,
    /// Number of windows and offsets whose music has fewer than two notes, which is not measured.
    pub n_degenerate: usize,
}

/// The effect on another attribute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherAttribute {
    /// The attribute.
    pub attribute: Attribute,
    /// Spearman's rank correlation of the offset and its measured value for each window, mean.
    pub spearman: f64,
    /// Its change per unit of offset, both in standard deviations.
    pub slope: f64,
}

/// Shifts reference windows by each offset and measures the decoded music.
///
/// # Errors
/// Returns an [`AttributeError`] if the attribute was not learned, or if the temperature is out of
/// range.
pub fn dial_report(
    model: &Model,
    reference: &Reference,
    vectors: &AttributeVectors,
    request: &DialRequest<'_>,
) -> Result<DialReport, AttributeError> {
    let decoding = request.decoding.check()?;
    let direction = vectors.get(request.attribute)?.direction(request.method);
    let form = model.form();
    let space = model.latent_space();
    let every = (reference.rows.len() / request.n.max(1)).max(1);
    let rows: Vec<_> = reference.rows.iter().step_by(every).take(request.n).collect();
    let mut z = Vec::new();
    for row in &rows {
        for dial in request.dials {
            let mut own = row.mu.clone();
            let by: Vec<f64> = direction.iter().map(|v| dial * v).collect();
            space.shift(&by, &mut own);
            z.extend(own);
        }
    }
    let control = controls_of(
        model,
        rows.iter().flat_map(|row| request.dials.iter().map(|_| row.tokens.as_slice())),
    );
    let windows = decoding.decode(model, &z, &control);
    // For each window and offset, all learned attributes, in standard deviations.
    let measured: Vec<Option<Vec<f64>>> = windows
        .iter()
        .map(|window| {
            let attributes: Vec<Attribute> = vectors.vectors.iter().map(|v| v.attribute).collect();
            let found = measure_all(&attributes, form, window);
            let is_missing = |(v, found): (&super::AttributeVector, &Option<f64>)| {
                v.attribute == request.attribute && found.is_none()
            };
            if vectors.vectors.iter().zip(&found).any(is_missing) {
                return None;
            }
            // A missing attribute counts as its mean.
            let value = |(v, found): (&super::AttributeVector, Option<f64>)| {
                found.map_or(0.0, |found| (found - v.mean) / v.std_dev)
            };
            Some(vectors.vectors.iter().zip(found).map(value).collect())
        })
        .collect();
    let of = |at: usize| AttributeResponse::new(&measured, request.dials, at);
    let own = vectors.vectors.iter().position(|v| v.attribute == request.attribute);
    let own = of(own.expect("it was found above"));
    let others = vectors
        .vectors
        .iter()
        .enumerate()
        .filter(|(_, v)| v.attribute != request.attribute)
        .map(|(at, v)| {
            let response = of(at);
            OtherAttribute {
                attribute: v.attribute,
                spearman: response.spearman,
                slope: response.slope,
            }
        })
        .collect();
    Ok(DialReport {
        attribute: request.attribute,
        method: request.method,
        dials: request.dials.to_vec(),
        measured: own.means,
        spearman: own.spearman,
        spearman_pooled: own.pooled,
        slope: own.slope,
        others,
        n: rows.len(),
        n_degenerate: measured.iter().filter(|m| m.is_none()).count(),
    })
}

/// One attribute at all offsets, for all windows.
struct AttributeResponse {
    means: Vec<f64>,
    spearman: f64,
    pooled: f64,
    slope: f64,
}

impl AttributeResponse {
    fn new(measured: &[Option<Vec<f64>>], dials: &[f64], at: usize) -> Self {
        let value = |i: usize| Some(measured.get(i)?.as_ref()?[at]);
        let n_windows = measured.len() / dials.len().max(1);
        let pairs_of = |window: usize| -> Vec<(f64, f64)> {
            let pair = |(i, dial): (usize, &f64)| Some((*dial, value(window * dials.len() + i)?));
            dials.iter().enumerate().filter_map(pair).collect()
        };
        let means = (0..dials.len())
            .map(|i| {
                let values: Vec<f64> =
                    (0..n_windows).filter_map(|w| value(w * dials.len() + i)).collect();
                values.iter().sum::<f64>() / values.len().max(1) as f64
            })
            .collect();
        let all: Vec<(f64, f64)> = (0..n_windows).flat_map(pairs_of).collect();
        let correlations: Vec<f64> = (0..n_windows)
            .map(pairs_of)
            .filter(|pairs| pairs.len() > 2)
            .map(|p| spearman(&p))
            .collect();
        let n = all.len().max(1) as f64;
        let (mean_x, mean_y) = all.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let variance: f64 = all.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let covariance: f64 = all.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        Self {
            means,
            spearman: correlations.iter().sum::<f64>() / correlations.len().max(1) as f64,
            pooled: spearman(&all),
            slope: if variance > 0.0 { covariance / variance } else { 0.0 },
        }
    }
}

/// Spearman's rank correlation, with the mean rank for ties; 0 if either side is constant.
fn spearman(pairs: &[(f64, f64)]) -> f64 {
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    correlation::spearman(&a, &b).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spearman_is_that_of_ranks() {
        assert_eq!(spearman(&[(1.0, 10.0), (2.0, 100.0), (3.0, 1e6)]), 1.0);
        assert_eq!(spearman(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), -1.0);
        // scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]).statistic
        let found = spearman(&[(1.0, 5.0), (2.0, 6.0), (3.0, 7.0), (4.0, 8.0), (5.0, 7.0)]);
        assert!((found - 0.820_782_681_668_123_2).abs() < 1e-12, "{found}");
        assert_eq!(spearman(&[(1.0, 2.0), (2.0, 2.0)]), 0.0);
        assert_eq!(spearman(&[]), 0.0);
    }

    #[test]
    fn a_dial_is_followed_window_by_window() {
        let dials = [-1.0, 0.0, 1.0];
        // The first window rises by 2 per standard deviation from far below, the second by 1 from
        // far above.
        let values = [-12.0, -10.0, -8.0, 9.0, 10.0, 11.0];
        let measured: Vec<Option<Vec<f64>>> = values.iter().map(|v| Some(vec![0.0, *v])).collect();
        let response = AttributeResponse::new(&measured, &dials, 1);
        assert_eq!((response.spearman, response.slope), (1.0, 1.5));
        assert_eq!(response.means, [-1.5, 0.0, 1.5]);
        assert!(response.pooled < 0.6, "{}", response.pooled);
        assert_eq!(AttributeResponse::new(&measured, &dials, 0).spearman, 0.0);
        let mut missing = measured;
        missing[1] = None;
        assert_eq!(AttributeResponse::new(&missing, &dials, 1).means, [-1.5, 10.0, 1.5]);
    }
}
