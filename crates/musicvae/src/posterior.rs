//! The encoder's output: a diagonal Gaussian for each sequence.

use burn::tensor::Tensor;

/// `q(z | x)`, a diagonal Gaussian for each sequence of a batch.
///
/// # Shapes
/// - `mean`, `std_dev`: `[B, Z]`.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// `mu`.
    pub mean: Tensor<2>,
    /// `sigma`: a standard deviation, above 0; the logarithm of the variance is not used anywhere.
    pub std_dev: Tensor<2>,
}

/// Added to a standard deviation before its logarithm, which keeps it finite.
const TINY: f64 = 1e-20;

impl Posterior {
    /// `z = mean + std_dev * noise`, with `noise` `[B, Z]` drawn from `N(0, 1)` by the caller.
    pub fn sample(&self, noise: Tensor<2>) -> Tensor<2> {
        self.mean.clone() + self.std_dev.clone() * noise
    }

    /// `KL(q || N(0, I)) = ½ Σ_d (sigma² + mu² - 1 - 2 ln sigma)` of each sequence.
    ///
    /// # Shapes
    /// - the result: `[B]`.
    /// # Units
    /// Nats.
    pub fn kl_to_standard_normal(&self) -> Tensor<1> {
        self.kl_by_dimension().sum_dim(1).squeeze_dim::<1>(1)
    }

    /// The terms of [`Posterior::kl_to_standard_normal`], one for each dimension.
    ///
    /// # Shapes
    /// - the result: `[B, Z]`.
    /// # Units
    /// Nats.
    pub fn kl_by_dimension(&self) -> Tensor<2> {
        let variance = self.std_dev.clone() * self.std_dev.clone();
        let mean_squared = self.mean.clone() * self.mean.clone();
        let log = self.std_dev.clone().add_scalar(TINY).log();
        let terms = variance + mean_squared - log.mul_scalar(2.0) - 1.0;
        terms.mul_scalar(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn kl_is_the_closed_form_of_two_gaussians() {
        let device = Device::flex();
        let posterior = Posterior {
            mean: Tensor::from_data([[0.0, 0.0], [1.0, -2.0]], &device),
            std_dev: Tensor::from_data([[1.0, 1.0], [0.5, 2.0]], &device),
        };
        let kl = posterior.kl_to_standard_normal().into_data();
        let kl = kl.as_slice::<f32>().unwrap();
        // Row 2: ½ [(0.25 + 1 - 1 - 2 ln 0.5) + (4 + 4 - 1 - 2 ln 2)] = ½ (0.25 + 7) = 3.625.
        assert_eq!(kl[0], 0.0);
        assert!((kl[1] - 3.625).abs() < 1e-6, "{kl:?}");
    }

    #[test]
    fn a_sample_moves_by_the_standard_deviation() {
        let device = Device::flex();
        let posterior = Posterior {
            mean: Tensor::from_data([[1.0, 2.0]], &device),
            std_dev: Tensor::from_data([[0.5, 3.0]], &device),
        };
        let z = posterior.sample(Tensor::from_data([[2.0, -1.0]], &device)).into_data();
        assert_eq!(z.as_slice::<f32>().unwrap(), [2.0, -1.0]);
    }
}
