//! Latents of a corpus as the points that a mixture is fitted on.

use corpus::table::{LatentRow, Latents, Split};
use musicvae::seed;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::facts::LatentsOf;
use super::fit::FitRequest;
use crate::latent::LatentSpace;

/// Active dimensions of the training latents.
pub(super) fn training_values(
    latents: &Latents,
    space: &LatentSpace,
    request: &FitRequest,
) -> Vec<f64> {
    values_of(latents, space, request, |row| row.split == Split::Train)
}

/// The mean variance of the training windows' posteriors, on each active dimension.
pub(super) fn posterior_variances(latents: &Latents, active: &[usize]) -> Vec<f64> {
    let train = || latents.rows.iter().filter(|row| row.split == Split::Train);
    let n = train().count().max(1) as f64;
    let mean = |d: &usize| train().map(|row| f64::from(row.sigma[*d]).powi(2)).sum::<f64>() / n;
    active.iter().map(mean).collect()
}

/// Active dimensions of some latents: means, or samples, for which each window has its own stream.
pub(super) fn values_of(
    latents: &Latents,
    space: &LatentSpace,
    request: &FitRequest,
    keep: impl Fn(&LatentRow) -> bool,
) -> Vec<f64> {
    let mut values = Vec::new();
    for row in latents.rows.iter().filter(|row| keep(row)) {
        let means = space.project(&row.mu).into_iter();
        match request.latents_of {
            LatentsOf::Mean => values.extend(means),
            LatentsOf::Sampled => {
                let mut rng = seed::stream(request.seed, "posterior", row.window_id);
                values.extend(means.zip(space.active()).map(|(mean, d)| {
                    mean + f64::from(row.sigma[*d]) * rng.sample::<f64, _>(StandardNormal)
                }));
            }
        }
    }
    values
}
