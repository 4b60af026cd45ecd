//! The encoder's output: a diagonal Gaussian for each sequence.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::device;
use crate::host::{self, HostOperation, Kept};

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
        if device::is_host(&self.mean.device()) {
            let operation = KlByDimension { shape: self.mean.dims() };
            return host::binary(Arc::new(operation), self.mean.clone(), self.std_dev.clone());
        }
        self.kl_by_tensors()
    }

    /// Like [`Posterior::kl_by_dimension`], by burn's operations.
    fn kl_by_tensors(&self) -> Tensor<2> {
        let variance = self.std_dev.clone() * self.std_dev.clone();
        let mean_squared = self.mean.clone() * self.mean.clone();
        let log = self.std_dev.clone().add_scalar(TINY).log();
        let terms = variance + mean_squared - log.mul_scalar(2.0) - 1.0;
        terms.mul_scalar(0.5)
    }
}

/// The inputs are the means and the standard deviations, the result has their shape.
#[derive(Debug)]
struct KlByDimension {
    shape: [usize; 2],
}

impl HostOperation<2> for KlByDimension {
    fn forward(&self, [mean, std_dev]: [&[f32]; 2], _keep: bool) -> (Vec<f32>, [usize; 2], Kept) {
        let term = |(mean, std_dev): (&f32, &f32)| {
            let log = (std_dev + TINY as f32).ln();
            0.5 * (std_dev * std_dev + mean * mean - 2.0 * log - 1.0)
        };
        (mean.iter().zip(std_dev).map(term).collect(), self.shape, Vec::new())
    }

    /// The derivatives are `mu` and `sigma - 1 / sigma`.
    fn backward(&self, [mean, std_dev]: [&[f32]; 2], _: &Kept, gradient: &[f32]) -> [Vec<f32>; 2] {
        let of_mean = mean.iter().zip(gradient).map(|(mean, g)| g * mean).collect();
        let of_std_dev = std_dev
            .iter()
            .zip(gradient)
            .map(|(std_dev, g)| g * (std_dev - 1.0 / (std_dev + TINY as f32)))
            .collect();
        [of_mean, of_std_dev]
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn kl_is_what_tensor_operations_give_and_so_are_the_gradients() {
        let device = Device::flex().autodiff();
        let both = [Posterior::kl_by_tensors, Posterior::kl_by_dimension].map(|kl| {
            let matrix = |values: Vec<f32>| {
                Tensor::<2>::from_data(TensorData::new(values, [6, 7]), &device).require_grad()
            };
            let mean = matrix((0..42_u8).map(|i| f32::from(i) * 0.1 - 2.0).collect());
            let std_dev = matrix((1..43_u8).map(|i| f32::from(i) * 0.05).collect());
            let found = kl(&Posterior { mean: mean.clone(), std_dev: std_dev.clone() });
            // Each term counts differently, so that a gradient of another one is seen.
            let gradients = (found.clone() * (mean.clone() + 3.0).detach()).sum().backward();
            let of = |input: Tensor<2>| crate::model::host(input.grad(&gradients).unwrap());
            [crate::model::host(found), of(mean), of(std_dev)]
        });
        for (ours, expected) in both[1].iter().flatten().zip(both[0].iter().flatten()) {
            // f32 numbers of at most 100.
            assert!((ours - expected).abs() < 2e-5, "{ours} {expected}");
        }
    }

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
