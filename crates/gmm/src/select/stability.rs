//! Stability of a mixture: agreement of fits to halves of the samples.

use crate::cluster::weighted_rand_index;
use crate::em::FitError;
use crate::params::GmmParams;
use crate::streams::{Purpose, stream};
use crate::{Real, Samples};

/// Mean agreement (adjusted Rand index) between the labels of all samples under fits to two random
/// halves of the samples.
///
/// Near 1, the components exist in every half; far below, they are accidental.
///
/// # Errors
/// Returns a [`FitError`] if a fit fails, or if a half has fewer rows than components.
pub fn stability<T: Real>(
    params: &GmmParams,
    samples: &Samples<'_, T>,
    n_resamples: usize,
    seed: u64,
) -> Result<f64, FitError> {
    let (n, d) = (samples.n_samples(), samples.n_features());
    let mut sum = 0.0;
    for resample in 0..n_resamples.max(1) {
        let index = u32::try_from(resample).unwrap_or(u32::MAX);
        let mut rng = stream(seed, Purpose::Resample, index);
        let order = rand::seq::index::sample(&mut rng, n, n).into_vec();
        let mut labels = Vec::with_capacity(2);
        for half in [&order[..n / 2], &order[n / 2..]] {
            let data: Vec<T> = half.iter().flat_map(|row| samples.row(*row)).copied().collect();
            let weights: Vec<f64> = half.iter().map(|row| samples.weight(*row)).collect();
            let few = FitError::TooFewSamples { n_samples: half.len(), n_components: 1 };
            let half = Samples::new(&data, half.len(), d)
                .and_then(|half| half.with_weights(&weights))
                .map_err(|_| few)?;
            let fit = params.clone().fit(&half, seed)?;
            // The features match, so labels always exist.
            labels.push(fit.model.predict(samples).unwrap_or_default());
        }
        let weight = |row: usize| samples.weight(row);
        sum += weighted_rand_index(&labels[0], &labels[1], weight);
    }
    Ok(sum / n_resamples.max(1) as f64)
}
