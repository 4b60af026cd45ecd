//! Membership in a style that was added: its density next to that of the mixture.

use gmm::{Covariances, GaussianMixture, ModelError, Samples};

/// A mixture widened by the encoder's uncertainty, if there is a variance for each dimension. It
/// factors every covariance, so it is made once and kept.
pub(super) fn widened(
    mixture: &GaussianMixture,
    noise: Option<&[f64]>,
) -> Result<GaussianMixture, ModelError> {
    match noise {
        Some(noise) if noise.len() == mixture.n_features() => mixture.convolved(noise),
        _ => Ok(mixture.clone()),
    }
}

/// The density of an added style: half its distribution, which is high near the windows it was made
/// from, and half the Gaussian with the same mean and covariance, for other music of its kind.
#[derive(Clone, Debug)]
pub(super) struct AddedDensity {
    near: GaussianMixture,
    within: GaussianMixture,
}

impl AddedDensity {
    /// The density of a style's distribution, widened by the encoder's uncertainty.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if the covariance is lost to rounding.
    pub(super) fn new(style: &GaussianMixture, noise: Option<&[f64]>) -> Result<Self, ModelError> {
        let moments = style.moments()?;
        let covariance = Covariances::Full(moments.covariance().to_vec());
        let whole =
            GaussianMixture::from_parameters(vec![1.0], moments.mean().to_vec(), covariance)?;
        Ok(Self { near: widened(style, noise)?, within: widened(&whole, noise)? })
    }

    /// The probability that samples belong to the style and not to the mixture, which is widened
    /// like the style: see [`super::Styles::membership`].
    ///
    /// # Errors
    /// Returns a [`ModelError`] for samples of other features.
    pub(super) fn membership(
        &self,
        mixture: &GaussianMixture,
        samples: &Samples<'_>,
    ) -> Result<Vec<f64>, ModelError> {
        let scores = |density: &GaussianMixture| density.score_samples(samples);
        let (near, within, others) = (scores(&self.near)?, scores(&self.within)?, scores(mixture)?);
        let odds = (mixture.n_components() as f64).ln();
        let share = |((near, within), others): ((&f64, f64), f64)| {
            let higher = near.max(within);
            let own = higher + f64::midpoint((near - higher).exp(), (within - higher).exp()).ln();
            1.0 / (1.0 + (others - own + odds).exp())
        };
        Ok(near.iter().zip(within).zip(others).map(share).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(variance: f64) -> GaussianMixture {
        let one = Covariances::Diag(vec![variance]);
        GaussianMixture::from_parameters(vec![1.0], vec![0.0], one).unwrap()
    }

    fn membership(
        style: &GaussianMixture,
        mixture: &GaussianMixture,
        noise: Option<&[f64]>,
        at: f64,
    ) -> f64 {
        let values = [at];
        let samples = Samples::new(&values, 1, 1).unwrap();
        let density = AddedDensity::new(style, noise).unwrap();
        density.membership(&widened(mixture, noise).unwrap(), &samples).unwrap()[0]
    }

    #[test]
    fn what_the_encoder_leaves_open_does_not_count_against_a_style() {
        let (style, mixture) = (gaussian(0.01), gaussian(1.0));
        let of = |noise: Option<&[f64]>| membership(&style, &mixture, noise, 0.5);
        // Densities of N(0, 0.01) and N(0, 1) at 0.5 are 1.487e-5 and 0.35207; of N(0, 0.26) and
        // N(0, 1.25) 0.48377 and 0.32288.
        assert!((of(None) - 1.487e-5 / (1.487e-5 + 0.35207)).abs() < 1e-7, "{}", of(None));
        let expected = 0.48377 / (0.48377 + 0.32288);
        assert!((of(Some(&[0.25])) - expected).abs() < 1e-4, "{}", of(Some(&[0.25])));
        // For a fit without measured variances.
        assert_eq!(of(Some(&[])), of(None));
    }

    #[test]
    fn music_between_the_windows_of_a_style_belongs_to_it_too() {
        // Two windows at -1 and 1, with a kernel of variance 0.01 around each; between them lies
        // what the Gaussian with mean 0 and variance 1.01 describes.
        let style = GaussianMixture::from_parameters(
            vec![0.5, 0.5],
            vec![-1.0, 1.0],
            Covariances::Tied(vec![0.01]),
        )
        .unwrap();
        let wide = gaussian(100.0);
        // Of both densities at 0, half of N(0; 0, 1.01) = 0.39695 and, beyond the kernels, nothing;
        // of the mixture N(0; 0, 100) = 0.039894.
        let (own, other) = (0.5 * 0.39695, 0.039_894);
        let found = membership(&style, &wide, None, 0.0);
        assert!((found - own / (own + other)).abs() < 1e-4, "{found}");
        assert!(membership(&style, &wide, None, 1.0) > found);
        assert!(membership(&style, &wide, None, 8.0) < 1e-6);
    }
}
