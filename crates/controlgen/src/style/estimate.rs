//! A distribution of a few pieces: what they say, with the model's own styles where they say
//! nothing.
//!
//! A piece is not its style: its windows lie about the piece's own mean, closer together than the
//! music of the style does. So the windows of one piece say little of where the next piece lies,
//! and less of how far pieces spread. How much they are to count for is a question of two kinds of
//! music: that which is spread over known styles, for example the songs of a composer, and that
//! which is like none of them, for example dance tunes. By the Fréchet distance in latent space (30
//! principal components) from other pieces of the same label, for one piece of twelve windows, with
//! relevances of means, covariances and weights:
//!
//! | relevance | composers of songs | dances, none heard in training |
//! |---|---|---|
//! | 0.25, 4, 0.5 (before) | 19.4 | 14.7 |
//! | 4, 60, 2 | 7.8 | 13.2 |
//! | **12, 60, 4** | 5.1 | 14.1 |
//! | 12, 60, 8 | 4.6 | 15.0 |
//! | 24, 1000, 12 | 4.0 | 18.0 |
//! | one Gaussian of the piece | 41.6 | 19.9 |
//! | the prior | 4.4 | 24.2 |
//!
//! The settings in bold are nearer than those before in both, and most of what they draw is of the
//! files' own components: from one piece three quarters.
//!
//! Moving means only as far as they lie beyond chance (James and Stein 1961) was as good as the
//! fifth row for songs (3.9), but not for dances (21.1).

use std::collections::BTreeMap;

use gmm::{GaussianMixture, ModelError, Samples};

/// Windows of evidence that a component's mean counts for.
const MEAN_RELEVANCE: f64 = 12.0;
/// Windows of evidence that a component's covariance counts for.
const COVARIANCE_RELEVANCE: f64 = 60.0;
/// Windows of evidence that the model's weights count for.
const WEIGHT_RELEVANCE: f64 = 4.0;
/// Windows that a piece counts for at most: a long one is still one piece.
const MOST_OF_A_PIECE: f64 = 12.0;

/// A distribution, and the fraction that does not come from the windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The distribution.
    pub distribution: GaussianMixture,
    /// Fraction that comes from the mixture, 0 to 1.
    pub prior_share: f64,
}

/// Adapts the mixture to the windows of some pieces by maximum a posteriori (Reynolds, Quatieri and
/// Dunn 2000). `piece_of` is the piece of each window; the windows of a piece count for twelve at
/// most.
///
/// Every component moves as far as the windows are its own, see [`GaussianMixture::adapt_about`].
/// Its weight becomes `(n_k + τ v_k) / (n + τ)`, with the windows `n_k` it is responsible for, and
/// the weight `v_k` that known styles make probable: `v_k = Σ_j n_j / n · w_k / W` over components
/// `j` of the same style as `k`, which has the weight `W` in the mixture. `groups` are the
/// components of each known style. So components that go together in known music come with each
/// other, and others don't: a fiddle tune does not bring four-part chorales, however frequent they
/// are. Components in no group are styles of their own.
///
/// # Errors
/// Where the samples have other features than the mixture.
///
/// # Panics
/// If there is not one piece for each window.
pub(super) fn estimate(
    mixture: &GaussianMixture,
    groups: &[Vec<usize>],
    samples: &Samples<'_>,
    piece_of: &[usize],
) -> Result<Estimate, ModelError> {
    assert_eq!(piece_of.len(), samples.n_samples(), "a piece for each window");
    let mut n_windows = BTreeMap::<usize, f64>::new();
    piece_of.iter().for_each(|piece| *n_windows.entry(*piece).or_default() += 1.0);
    let evidence: Vec<f64> =
        piece_of.iter().map(|piece| (MOST_OF_A_PIECE / n_windows[piece]).min(1.0)).collect();
    let weighted = (*samples).with_weights(&evidence).expect("weights from above 0 to 1");
    let responsibilities = mixture.predict_proba(samples)?;
    let mut counts = vec![0.0; mixture.n_components()];
    for (row, evidence) in responsibilities.rows().zip(&evidence) {
        counts.iter_mut().zip(row).for_each(|(sum, r)| *sum += evidence * r);
    }
    let n: f64 = counts.iter().sum();
    let adapted = mixture.adapt_about(&weighted, MEAN_RELEVANCE, COVARIANCE_RELEVANCE)?;
    let weights: Vec<f64> = counts
        .iter()
        .zip(within_groups(&counts, mixture.weights(), groups))
        .map(|(count, expected)| (count + WEIGHT_RELEVANCE * expected) / (n + WEIGHT_RELEVANCE))
        .collect();
    let own: f64 = weights.iter().zip(&adapted.shares).map(|(w, share)| w * share).sum();
    let model = adapted.model;
    let distribution = GaussianMixture::from_parameters(
        weights,
        model.means().to_vec(),
        model.covariances().clone(),
    )?;
    Ok(Estimate { distribution, prior_share: 1.0 - own })
}

/// Fractions of some counts, shared out within each group of components by their weights.
fn within_groups(counts: &[f64], weights: &[f64], groups: &[Vec<usize>]) -> Vec<f64> {
    let n: f64 = counts.iter().sum();
    let mut shares: Vec<f64> = counts.iter().map(|count| count / n).collect();
    for group in groups {
        let sum = |values: &[f64]| group.iter().map(|k| values[*k]).sum::<f64>();
        let (count, weight) = (sum(counts), sum(weights));
        group.iter().for_each(|k| shares[*k] = count / n * weights[*k] / weight);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::Covariances;

    fn mixture() -> GaussianMixture {
        GaussianMixture::from_parameters(
            vec![0.5, 0.5],
            vec![0.0, 0.0, 10.0, 10.0],
            Covariances::Diag(vec![1.0; 4]),
        )
        .unwrap()
    }

    #[test]
    fn weights_and_means_move_by_hand_computed_shares() {
        // Sixteen windows of two pieces at (2, 0), all of the first component: 16 / (16 + 12) of
        // its mean is theirs.
        let values = [2.0, 0.0].repeat(16);
        let pieces: Vec<usize> = (0..16).map(|i| i / 8).collect();
        let samples = Samples::new(&values, 16, 2).unwrap();
        let found = estimate(&mixture(), &[vec![0, 1]], &samples, &pieces).unwrap();
        let mean = found.distribution.mean(0);
        assert!((mean[0] - 2.0 * 4.0 / 7.0).abs() < 1e-9 && mean[1].abs() < 1e-9, "{mean:?}");
        assert!((found.distribution.mean(1)[0] - 10.0).abs() < 1e-9);
        // (16 + 4 · 0.5) / 20 = 9 / 10, and of it 4 / 7 are the windows'.
        assert!((found.distribution.weights()[0] - 0.9).abs() < 1e-9);
        assert!((found.prior_share - (1.0 - 0.9 * 4.0 / 7.0)).abs() < 1e-9);
        // Variance: 16 / 76 of the windows' own, 0, and 60 / 76 of 1; how far the mean moved widens
        // nothing.
        let variances = found.distribution.covariance(0);
        let expected = 60.0 / 76.0;
        assert!((variances[0] - expected).abs() < 1e-9 && (variances[3] - expected).abs() < 1e-9);
    }

    #[test]
    fn weights_come_from_components_of_the_same_styles() {
        // Three windows of component 1, one of component 3; 1 is of one style with 0.
        let weights = [0.3, 0.1, 0.4, 0.2];
        let found = within_groups(&[0.0, 3.0, 0.0, 1.0], &weights, &[vec![0, 1], vec![2]]);
        let expected = [0.75 * 0.75, 0.75 * 0.25, 0.0, 0.25];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn a_long_piece_counts_for_twelve_windows() {
        let values = [2.0, 0.0].repeat(48);
        let samples = Samples::new(&values, 48, 2).unwrap();
        let mean = |piece_of: &[usize]| {
            estimate(&mixture(), &[vec![0, 1]], &samples, piece_of).unwrap().distribution.mean(0)[0]
        };
        let of_four: Vec<usize> = (0..48).map(|i| i % 4).collect();
        assert!((mean(&[0; 48]) - 2.0 * 12.0 / 24.0).abs() < 1e-9);
        assert!((mean(&of_four) - 2.0 * 48.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_few_windows_say_more_of_their_kind_than_the_mixture_does() {
        let around = |n: usize| -> Vec<f64> {
            (0..n).flat_map(|i| [1.5 + (i as f64).sin(), -1.0 + (1.7 * i as f64).cos()]).collect()
        };
        let (few, more) = (around(5), around(200));
        let unseen = Samples::new(&more[100..], 150, 2).unwrap();
        let before = mixture().score(&unseen).unwrap();
        let mut last = before;
        for n in [1, 5] {
            let samples = Samples::new(&few[..2 * n], n, 2).unwrap();
            let pieces: Vec<usize> = (0..n).collect();
            let found = estimate(&mixture(), &[vec![0, 1]], &samples, &pieces).unwrap();
            let score = found.distribution.score(&unseen).unwrap();
            assert!(score > last, "{n}: {score}, not above {last}");
            last = score;
        }
    }
}
