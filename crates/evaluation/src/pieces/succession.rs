//! How probable the windows of held-out pieces are after those before them.

use controlgen::model::Model;
use controlgen::piece::{Conditional, CorpusPiece, Next, PieceModel, SPAN, triples};
use controlgen::style::Styles;
use gmm::{Gaussian, GaussianMixture, Responsibilities, Samples};
use musicvae::seed;
use rayon::prelude::*;

use super::super::EvalError;
use super::super::report::{Better, Figure, Section};
use super::super::statistics::mean;

/// The walk's smoothness, and others that are tried.
const USUAL: f64 = 0.8;
const TRIED: [f64; 9] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9];

/// The most windows that are scored, and of these under the weighted styles.
const MAX_ROWS: usize = 2_000;
const MAX_WEIGHTED: usize = 200;
/// Draws of the styles that the weights are averaged over.
const N_DRAWS: usize = 1_000;

const NOTE: &str = "Mean log-likelihood of the latents of held-out windows given the windows before \
them, in nats on all active dimensions. Rests and exact returns are left out: they are a matter of form. The \
walk stays in a style and has one number, its smoothness: `Σ_k r_k(z) N(z' | μ_k + ρ (z - μ_k), (1 - ρ²) \
Σ_k)` with the responsibilities of the styles' mixture. Pieces are drawn of the styles, weighted by how much \
more probable a window is after the two before than after any.";

/// The section; `None` where nothing was learned, or no held-out piece has three windows in a row.
pub(super) fn section(
    model: &Model,
    styles: &Styles,
    learned: Option<&PieceModel>,
    real: &[CorpusPiece],
) -> Result<Option<Section>, EvalError> {
    let Some(learned) = learned else { return Ok(None) };
    let d = model.latent_space().n_active();
    let triples = triples(model, real);
    if triples.pieces.is_empty() {
        return Ok(None);
    }
    let every = triples.pieces.len().div_ceil(MAX_ROWS);
    let rows: Vec<&[f64]> = triples.values.chunks_exact(SPAN * d).step_by(every).collect();
    let n = rows.len();
    let average = |values: Vec<f64>| mean(&values).unwrap_or(f64::NAN);
    let two = learned.succession().given(&[0, 1], 2).map_err(EvalError::Mixture)?;
    let after_two = average(
        rows.par_iter()
            .map(|row| two.after(&[&row[..d], &row[d..2 * d]]).log_density(&row[2 * d..]))
            .collect(),
    );
    let one = learned.succession().given(&[1], 2).map_err(EvalError::Mixture)?;
    let after_one = average(
        rows.par_iter()
            .map(|row| one.after(&[&row[d..2 * d]]).log_density(&row[2 * d..]))
            .collect(),
    );
    let none = learned.succession().given(&[], 2).map_err(EvalError::Mixture)?;
    let none = none.after(&[]);
    let after_none = average(rows.par_iter().map(|row| none.log_density(&row[2 * d..])).collect());
    let walk = Walk::of(styles.mixture())?;
    let steps: Vec<Step> =
        rows.par_iter().map(|row| walk.step(&row[d..2 * d], &row[2 * d..])).collect();
    let of_walk =
        |rho: f64| average(steps.par_iter().map(|step| walk.log_density(step, rho)).collect());
    let usual = of_walk(USUAL);
    let best = TRIED.iter().map(|rho| of_walk(*rho)).fold(usual, f64::max);
    let alone = of_walk(0.0);
    let weighted = weighted_styles(styles.mixture(), (&two, &none), &rows)?;
    let mut section = Section::new("pieces.succession", "What follows what", NOTE);
    let figure = |key: &str, title: &str, value: f64| {
        Figure::new(&format!("pieces.succession.{key}"), title, value, "nats", n)
            .better(Better::Higher)
            .beside("the same without them", after_none)
            .beside("walk of smoothness 0.8", usual)
            .beside("walk of the best smoothness", best)
            .beside("style alone", alone)
    };
    section.push(figure("two", "after the two windows before", after_two));
    section.push(figure("one", "after the window before", after_one));
    section.push(figure("styles", "styles, weighted by what follows the two before", weighted));
    Ok(Some(section))
}

/// Mean log-likelihood of windows under the distribution that pieces are drawn from: that of the
/// styles, weighted by how much more probable a window is after two others than after any. Its
/// integral is the mean of the weights over draws from the styles.
fn weighted_styles(
    styles: &GaussianMixture,
    (two, none): (&Conditional, &Next<'_>),
    rows: &[&[f64]],
) -> Result<f64, EvalError> {
    let d = styles.n_features();
    let every = rows.len().div_ceil(MAX_WEIGHTED).max(1);
    let draws = styles.sample(N_DRAWS, &mut seed::stream(0, "succession", 0)).points;
    // Whitened once: the given windows only move the means.
    let whitened = |conditional: &Conditional| -> Vec<Vec<f64>> {
        let draws = draws.par_chunks_exact(d);
        draws.map(|draw| conditional.whitened(&conditional.along(draw))).collect()
    };
    let white = whitened(two);
    let usual: Vec<f64> = whitened(none.conditional())
        .par_iter()
        .map(|white| none.log_density_whitened(white))
        .collect();
    let terms = rows.par_iter().step_by(every).map(|row| {
        let next = two.after(&[&row[..d], &row[d..2 * d]]);
        let ratios: Vec<f64> = white
            .iter()
            .zip(&usual)
            .map(|(white, usual)| next.log_density_whitened(white) - usual)
            .collect();
        let max = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = ratios.iter().map(|ratio| (ratio - max).exp()).sum();
        let of_all = max + (sum / N_DRAWS as f64).ln();
        let own = styles.score_samples(&Samples::new(&row[2 * d..], 1, d)?)?[0];
        Ok::<f64, EvalError>(own + next.log_ratio(none, &row[2 * d..]) - of_all)
    });
    Ok(mean(&terms.collect::<Result<Vec<_>, _>>()?).unwrap_or(f64::NAN))
}

/// A window and the next, in standard coordinates of each component.
struct Step {
    /// Responsibilities of the components for the window.
    shares: Vec<f64>,
    from: Vec<Vec<f64>>,
    to: Vec<Vec<f64>>,
}

/// The walk within the components of a mixture.
struct Walk {
    mixture: GaussianMixture,
    components: Vec<Gaussian>,
    /// The logarithm of each component's density at its mean.
    peaks: Vec<f64>,
}

impl Walk {
    fn of(mixture: &GaussianMixture) -> Result<Self, EvalError> {
        let k = mixture.n_components();
        let components: Vec<Gaussian> =
            (0..k).map(|k| mixture.component(k)).collect::<Result<_, _>>()?;
        let peak = |k: usize| -> Result<f64, EvalError> {
            let samples = Samples::new(mixture.mean(k), 1, mixture.n_features())?;
            Ok(mixture.only(&[k])?.score_samples(&samples)?[0])
        };
        let peaks = (0..k).map(peak).collect::<Result<_, _>>()?;
        Ok(Self { mixture: mixture.clone(), components, peaks })
    }

    /// The terms on which the density of a step depends, for any smoothness.
    fn step(&self, before: &[f64], next: &[f64]) -> Step {
        let of = |z: &[f64]| self.components.iter().map(|c| c.standardized(z)).collect();
        let samples = Samples::new(before, 1, before.len()).ok();
        let shares = samples.and_then(|samples| self.mixture.predict_proba(&samples).ok());
        let shares =
            shares.map_or_else(|| vec![f64::NAN; self.peaks.len()], Responsibilities::into_vec);
        Step { shares, from: of(before), to: of(next) }
    }

    /// `ln p(next | before)`.
    fn log_density(&self, step: &Step, rho: f64) -> f64 {
        let left = 1.0 - rho * rho;
        let terms: Vec<f64> = step
            .shares
            .iter()
            .zip(step.from.iter().zip(&step.to))
            .zip(&self.peaks)
            .map(|((share, (from, to)), peak)| {
                let distance: f64 =
                    from.iter().zip(to).map(|(from, to)| (to - rho * from).powi(2)).sum();
                share.max(f64::MIN_POSITIVE).ln() + peak
                    - 0.5 * from.len() as f64 * left.ln()
                    - 0.5 * distance / left
            })
            .collect();
        let max = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        max + terms.iter().map(|term| (term - max).exp()).sum::<f64>().ln()
    }
}

#[cfg(test)]
mod tests {
    use gmm::Covariances;

    use super::*;

    #[test]
    fn a_walk_of_one_component_is_a_gaussian() {
        let one = Covariances::Diag(vec![4.0]);
        let mixture = GaussianMixture::from_parameters(vec![1.0], vec![1.0], one).unwrap();
        let walk = Walk::of(&mixture).unwrap();
        // From 3, one deviation above the mean: N(1 + 0.6 · 2, 0.64 · 4) at 2.
        let (mean, variance) = (2.2_f64, 2.56_f64);
        let expected =
            -0.5 * (std::f64::consts::TAU * variance).ln() - 0.5 * (2.0 - mean).powi(2) / variance;
        let found = walk.log_density(&walk.step(&[3.0], &[2.0]), 0.6);
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }
}
