//! Weight initialization.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::seed;

/// Draws weights on the host, from an independent stream for each tensor in order of creation.
pub(crate) struct Initializer {
    seed: u64,
    n_tensors: u64,
}

impl Initializer {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, n_tensors: 0 }
    }

    fn draw<const D: usize>(
        &mut self,
        shape: [usize; D],
        device: &Device,
        mut value: impl FnMut(&mut ChaCha8Rng) -> f32,
    ) -> Param<Tensor<D>> {
        let mut rng = seed::stream(self.seed, "weights", self.n_tensors);
        self.n_tensors += 1;
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value(&mut rng)).collect();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
    }

    /// Uniform in `±sqrt(6 / fans)`, where `fans` is fan-in plus fan-out (Glorot and Bengio 2010).
    ///
    /// `fans` is a parameter because one matrix may be stored as several tensors.
    pub(crate) fn glorot(
        &mut self,
        shape: [usize; 2],
        fans: usize,
        device: &Device,
    ) -> Param<Tensor<2>> {
        let limit = (6.0 / fans as f32).sqrt();
        self.draw(shape, device, |rng| rng.random_range(-limit..limit))
    }

    pub(crate) fn normal(
        &mut self,
        shape: [usize; 2],
        std_dev: f32,
        device: &Device,
    ) -> Param<Tensor<2>> {
        self.draw(shape, device, |rng| std_dev * rng.sample::<f32, _>(StandardNormal))
    }

    pub(crate) fn zeros(&mut self, n: usize, device: &Device) -> Param<Tensor<1>> {
        self.constant(n, 0.0, device)
    }

    pub(crate) fn constant(&mut self, n: usize, value: f32, device: &Device) -> Param<Tensor<1>> {
        self.draw([n], device, |_| value)
    }
}
