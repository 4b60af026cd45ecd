//! Adam with global-norm clipping, in Magenta's (TensorFlow 1) form.
//!
//! ```text
//! lr_t = lr · sqrt(1 - β2^t) / (1 - β1^t)
//! m ← β1 m + (1 - β1) g      v ← β2 v + (1 - β2) g²
//! θ ← θ - lr_t · m / (sqrt(v) + ε)
//! ```
//!
//! with β1 = 0.9, β2 = 0.999, ε = 1e-8. ε is added after the bias correction, whereas PyTorch adds
//! it before. First, gradients are scaled by `max_norm / max(norm, max_norm)`.
//!
//! On the CPU the update runs in place over host memory, and the norm is summed in `f64` over fixed
//! chunks: the same bits with any number of threads. On other devices it uses tensor operations.

#[cfg(feature = "tch")]
mod torch;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rayon::prelude::*;
use thiserror::Error;

use crate::device;
use crate::model::host;
use crate::weights::HostTensor;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Elements per chunk; fixed, so that sums don't depend on the number of threads.
const CHUNK: usize = 1 << 15;

/// A gradient that is not finite.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the gradient is not finite")]
pub struct GradientNotFinite;

/// Moments of one parameter, flattened.
#[derive(Clone, Debug)]
enum Moments {
    Host { first: Vec<f32>, second: Vec<f32> },
    Device { first: Tensor<1>, second: Tensor<1> },
}

/// The state of the optimizer.
#[derive(Clone, Debug, Default)]
pub struct Adam {
    /// Number of updates made, `t`.
    n_updates: u64,
    moments: BTreeMap<String, Moments>,
}

/// Gradients of a model's parameters, flattened, by path.
enum FlatGradients {
    Host(BTreeMap<String, TensorData>),
    Device(BTreeMap<String, Tensor<1>>),
}

/// The sum of the gradients of several batches, added in their order.
#[derive(Default)]
pub(crate) struct GradientSum(Option<FlatGradients>);

impl GradientSum {
    /// Adds the gradients of one backward pass; returns the model unchanged.
    pub(crate) fn add<M: Module>(
        &mut self,
        model: M,
        gradients: &mut Gradients,
        device: &Device,
    ) -> M {
        let (model, new) = flatten(model, gradients, device::is_host(device));
        self.0 = Some(match (self.0.take(), new) {
            (None, new) => new,
            (Some(FlatGradients::Host(mut sum)), FlatGradients::Host(new)) => {
                for (path, gradient) in new {
                    match sum.get_mut(&path) {
                        Some(sum) => add(values_mut(sum), values(&gradient)),
                        None => drop(sum.insert(path, gradient)),
                    }
                }
                FlatGradients::Host(sum)
            }
            (Some(FlatGradients::Device(mut sum)), FlatGradients::Device(new)) => {
                for (path, gradient) in new {
                    let total = match sum.remove(&path) {
                        Some(sum) => sum + gradient,
                        None => gradient,
                    };
                    sum.insert(path, total);
                }
                FlatGradients::Device(sum)
            }
            _ => unreachable!("a model stays on the kind of device it was created for"),
        });
        model
    }
}

/// `sum += gradient`.
fn add(sum: &mut [f32], gradient: &[f32]) {
    sum.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).for_each(|(sum, gradient)| {
        for (sum, g) in sum.iter_mut().zip(gradient) {
            *sum += g;
        }
    });
}

impl Adam {
    /// Number of updates made so far.
    pub fn n_updates(&self) -> u64 {
        self.n_updates
    }

    /// Makes one update and returns the model and the global norm of the gradients before clipping.
    ///
    /// # Errors
    /// [`GradientNotFinite`]; the parameters and moments are then unchanged.
    pub fn update<M: Module>(
        &mut self,
        model: M,
        gradients: &mut Gradients,
        learning_rate: f64,
        max_norm: f64,
        device: &Device,
    ) -> Result<(M, f64), (M, GradientNotFinite)> {
        let mut sum = GradientSum::default();
        let model = sum.add(model, gradients, device);
        self.apply(model, sum, learning_rate, max_norm)
    }

    /// Makes one update with a sum of gradients; otherwise like [`Adam::update`].
    pub(crate) fn apply<M: Module>(
        &mut self,
        model: M,
        gradients: GradientSum,
        learning_rate: f64,
        max_norm: f64,
    ) -> Result<(M, f64), (M, GradientNotFinite)> {
        let flat = gradients.0.unwrap_or(FlatGradients::Host(BTreeMap::new()));
        let norm = flat.norm();
        if !norm.is_finite() {
            return Err((model, GradientNotFinite));
        }
        self.n_updates += 1;
        let t = self.n_updates as f64;
        let correction =
            (1.0 - f64::from(BETA_2).powf(t)).sqrt() / (1.0 - f64::from(BETA_1).powf(t));
        let mut update = Update {
            path: Vec::new(),
            gradients: flat,
            moments: &mut self.moments,
            scale: (max_norm / norm.max(max_norm)) as f32,
            learning_rate: (learning_rate * correction) as f32,
        };
        Ok((model.map(&mut update), norm))
    }

    /// The state as named tensors: `first.PATH`, `second.PATH` and `n_updates`.
    pub(crate) fn to_tensors(&self) -> BTreeMap<String, HostTensor> {
        let mut tensors = BTreeMap::new();
        let mut insert = |name: String, values: Vec<f32>| {
            tensors.insert(name, HostTensor { shape: vec![values.len()], values });
        };
        for (path, moments) in &self.moments {
            let (first, second) = match moments.clone() {
                Moments::Host { first, second } => (first, second),
                Moments::Device { first, second } => (host(first), host(second)),
            };
            insert(format!("first.{path}"), first);
            insert(format!("second.{path}"), second);
        }
        tensors
    }

    /// Restores a state returned by [`Adam::to_tensors`] on a device.
    pub(crate) fn from_tensors(
        tensors: &BTreeMap<String, HostTensor>,
        n_updates: u64,
        device: &Device,
    ) -> Self {
        let on_host = device::is_host(device);
        let moments = tensors
            .iter()
            .filter_map(|(name, first)| {
                let path = name.strip_prefix("first.")?;
                let first = first.values.clone();
                let second = tensors.get(&format!("second.{path}"))?.values.clone();
                let moments = if on_host {
                    Moments::Host { first, second }
                } else {
                    let inner = device.clone().inner();
                    let tensor = |values: Vec<f32>| {
                        let n = values.len();
                        Tensor::from_data(TensorData::new(values, [n]), &inner)
                    };
                    Moments::Device { first: tensor(first), second: tensor(second) }
                };
                Some((path.to_owned(), moments))
            })
            .collect();
        Self { n_updates, moments }
    }
}

impl FlatGradients {
    /// The global norm.
    fn norm(&self) -> f64 {
        let sum: f64 = match self {
            Self::Host(gradients) => gradients.values().map(|g| sum_of_squares(values(g))).sum(),
            Self::Device(gradients) => {
                let sums = gradients.values().map(|g| square_sum(g.clone()));
                // A single read, because each one waits for the device.
                let sums: Vec<Tensor<1>> = sums.collect();
                let sums = if sums.is_empty() { Vec::new() } else { host(Tensor::cat(sums, 0)) };
                sums.into_iter().map(f64::from).sum()
            }
        };
        sum.sqrt()
    }
}

/// A tensor's values on the host, without a copy; converting to a `Vec` may copy them.
fn values(data: &TensorData) -> &[f32] {
    data.as_slice().expect("all our tensors are f32")
}

/// See [`values`].
fn values_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("all our tensors are f32")
}

/// `Σ x²` over fixed chunks, added in their order.
fn sum_of_squares(values: &[f32]) -> f64 {
    let sums: Vec<f64> = values
        .par_chunks(CHUNK)
        .map(|chunk| chunk.iter().map(|v| f64::from(*v) * f64::from(*v)).sum())
        .collect();
    sums.iter().sum()
}

/// Takes every parameter's gradient out of `gradients`; parameters without one have gradient 0.
fn flatten<M: Module>(model: M, gradients: &mut Gradients, on_host: bool) -> (M, FlatGradients) {
    struct Flatten<'a> {
        path: Vec<String>,
        gradients: &'a mut Gradients,
        found: BTreeMap<String, Tensor<1>>,
    }
    impl ModuleMapper for Flatten<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let tensor = param.val();
            let n = tensor.shape().num_elements();
            if let Some(gradient) = tensor.grad_remove(self.gradients) {
                self.found.insert(self.path.join("."), gradient.reshape([n]));
            }
            param
        }
    }
    let mut flatten = Flatten { path: Vec::new(), gradients, found: BTreeMap::new() };
    let model = model.map(&mut flatten);
    let found = flatten.found;
    let flat = if on_host {
        FlatGradients::Host(found.into_iter().map(|(path, g)| (path, g.into_data())).collect())
    } else {
        FlatGradients::Device(found)
    };
    (model, flat)
}

/// Applies one update to every parameter.
struct Update<'a> {
    path: Vec<String>,
    gradients: FlatGradients,
    moments: &'a mut BTreeMap<String, Moments>,
    scale: f32,
    learning_rate: f32,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        param.map(|old| {
            let (shape, device) = (old.dims(), old.device());
            let new = match &mut self.gradients {
                FlatGradients::Host(gradients) => match gradients.remove(&path) {
                    None => return old,
                    Some(gradient) => {
                        let moments = self.moments.entry(path).or_insert_with(|| Moments::Host {
                            first: vec![0.0; gradient.num_elements()],
                            second: vec![0.0; gradient.num_elements()],
                        });
                        let mut new = old.inner().into_data();
                        let gradient = values(&gradient);
                        let (scale, learning_rate) = (self.scale, self.learning_rate);
                        update_host(values_mut(&mut new), gradient, moments, scale, learning_rate);
                        Tensor::<D>::from_data(new, &device.clone().inner())
                    }
                },
                FlatGradients::Device(gradients) => match gradients.remove(&path) {
                    None => return old,
                    Some(gradient) => {
                        let old = old.inner().reshape([gradient.dims()[0]]);
                        let moments = self.moments.entry(path).or_insert_with(|| Moments::Device {
                            first: Tensor::zeros_like(&gradient),
                            second: Tensor::zeros_like(&gradient),
                        });
                        update_device(old, gradient, moments, self.scale, self.learning_rate)
                            .reshape(shape)
                    }
                },
            };
            Tensor::from_inner(new).require_grad()
        })
    }
}

/// One update over host memory.
fn update_host(
    values: &mut [f32],
    gradient: &[f32],
    moments: &mut Moments,
    scale: f32,
    learning_rate: f32,
) {
    let Moments::Host { first, second } = moments else {
        unreachable!("an optimizer stays on the kind of device it was created for")
    };
    values
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)))
        .for_each(|((values, gradient), (first, second))| {
            for (((value, g), m), v) in values.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = g * scale;
                *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                *value -= learning_rate * *m / (v.sqrt() + EPSILON);
            }
        });
}

/// `Σ x²`, `[1]`, on the tensor's device.
fn square_sum(values: Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "tch")]
    if let Some(sum) = torch::square_sum(&values) {
        return sum;
    }
    (values.clone() * values).sum()
}

/// One update with tensor operations.
fn update_device(
    values: Tensor<1>,
    gradient: Tensor<1>,
    moments: &mut Moments,
    scale: f32,
    learning_rate: f32,
) -> Tensor<1> {
    let Moments::Device { first, second } = moments else {
        unreachable!("an optimizer stays on the kind of device it was created for")
    };
    #[cfg(feature = "tch")]
    if let Some((values, moments)) =
        torch::update(&values, &gradient, [&*first, &*second], scale, learning_rate)
    {
        [*first, *second] = moments;
        return values;
    }
    let g = gradient.mul_scalar(scale);
    *first = first.clone().mul_scalar(BETA_1) + g.clone().mul_scalar(1.0 - BETA_1);
    *second = second.clone().mul_scalar(BETA_2) + (g.clone() * g).mul_scalar(1.0 - BETA_2);
    let step = first.clone() / (second.clone().sqrt().add_scalar(EPSILON));
    values - step.mul_scalar(learning_rate)
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests;
