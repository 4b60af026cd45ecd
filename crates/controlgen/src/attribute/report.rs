//! How well dials do: what the music does when they are turned, and what else moves.

use serde::{Deserialize, Serialize};

use super::{Attribute, AttributeError, AttributeMethod, AttributeVectors, measure_all};
use crate::correlation;
use crate::generate::{Decoding, controls_of};
use crate::model::Model;
use crate::style::Reference;

/// The usual offsets at which a dial is measured, in standard deviations.
pub const DIALS: [f64; 9] = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0];

/// The attribute to shift, and where.
#[derive(Clone, Debug)]
pub struct DialRequest<'a> {
    /// The attribute that is turned.
    pub attribute: Attribute,
    /// How its direction was found.
    pub method: AttributeMethod,
    /// Positions of the dial, in deviations.
    pub dials: &'a [f64],
    /// Windows of the reference that it is turned on, spread evenly.
    pub n: usize,
    /// How latents become tokens.
    pub decoding: Decoding,
}

/// The effect of shifting an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DialReport {
    /// The attribute that was turned.
    pub attribute: Attribute,
    /// How its direction was found.
    pub method: AttributeMethod,
    /// Positions of the dial, in deviations.
    pub dials: Vec<f64>,
    /// Mean of what was measured at each, in deviations from the training music's mean.
    pub measured: Vec<f64>,
    /// Spearman's rank correlation of dial and measure along each window's dial, mean over the
    /// windows.
    pub spearman: f64,
    /// The same over all windows and positions together: what differs from window to window counts
    /// against it.
    pub spearman_pooled: f64,
    /// Deviations that the measure moves for each of the dial (least squares).
    pub slope: f64,
    /// The effect on the other attributes.
    pub others: Vec<OtherAttribute>,
    /// Windows that it was turned on.
    pub n: usize,
    /// Windows and positions whose music has fewer than two notes, which are not measured.
    pub n_degenerate: usize,
}

/// The effect on another attribute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherAttribute {
    /// Which one.
    pub attribute: Attribute,
    /// Spearman's rank correlation of dial and its measure along each window's dial, mean.
    pub spearman: f64,
    /// Deviations that it moves for each of the dial.
    pub slope: f64,
}

/// Turns a dial on reference windows and measures what they decode to.
///
/// # Errors
/// [`AttributeError`]: for an attribute that was not learned, or a temperature out of range.
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
    // Of each window and position every learned attribute, in deviations.
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
            // Another attribute that is missing counts as at its mean.
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

/// One attribute along the dials of all windows.
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

/// Spearman's rank correlation, with the mean rank of equals; 0 where one side never changes.
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
        // The first window rises by 2 a deviation from far below, the second by 1 from far above.
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
