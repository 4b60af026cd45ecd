//! Linear layers over host memory: `activation(x · kernel + bias)` as one operation.

use std::sync::Arc;

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use lstm_kernel::dense::{add_large_product, transposed_product};
use lstm_kernel::functions::{load, store, tanh};
use lstm_kernel::packed::PackedMatrix;
use pulp::{Arch, Simd, WithSimd};

use crate::host::{self, HostOperation, Kept};

/// A function of each output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// None: the outputs are linear.
    Identity,
    /// `tanh y`.
    Tanh,
    /// `ln(1 + e^y)`, which is positive.
    Softplus,
}

impl Activation {
    /// Applies the function by burn's operations.
    pub(crate) fn by_tensors(self, y: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Identity => y,
            Self::Tanh => y.tanh(),
            // `max(y, 0) + ln(1 + e^-|y|)` never overflows.
            Self::Softplus => relu(y.clone()) + y.abs().neg().exp().log1p(),
        }
    }

    fn apply(self, values: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Tanh => Arch::new().dispatch(Tanh(values)),
            Self::Softplus => {
                for y in values {
                    *y = y.max(0.0) + (-y.abs()).exp().ln_1p();
                }
            }
        }
    }

    /// Multiplies a gradient by the derivative of the function, given its results.
    fn back(self, results: &[f32], gradient: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Tanh => {
                for (gradient, result) in gradient.iter_mut().zip(results) {
                    *gradient *= 1.0 - result * result;
                }
            }
            // The derivative is `sigmoid y = 1 - e^-result`.
            Self::Softplus => {
                for (gradient, result) in gradient.iter_mut().zip(results) {
                    *gradient *= -(-result).exp_m1();
                }
            }
        }
    }
}

struct Tanh<'a>(&'a mut [f32]);

impl WithSimd for Tanh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for values in self.0.chunks_mut(S::F32_LANES) {
            let value = tanh(simd, load(simd, values));
            store(simd, values, value);
        }
    }
}

/// `activation(x · kernel + bias)` of tensors in the memory of this process.
///
/// # Shapes
/// - `x`: `[n, n_inputs]`; `kernel`: `[n_inputs, n_outputs]`; `bias`: `[n_outputs]`.
/// - The result: `[n, n_outputs]`.
pub(crate) fn linear(
    x: Tensor<2>,
    kernel: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<2> {
    let ([n, _], shape) = (x.dims(), kernel.dims());
    host::ternary(Arc::new(Linear { n, shape, activation }), x, kernel, bias.unsqueeze())
}

/// The inputs are those of [`linear`]. Keeps the results if there is an activation function.
#[derive(Debug)]
struct Linear {
    /// Number of rows.
    n: usize,
    /// Shape of the kernel.
    shape: [usize; 2],
    activation: Activation,
}

impl HostOperation<3> for Linear {
    fn forward(&self, [x, kernel, bias]: [&[f32]; 3], keep: bool) -> (Vec<f32>, [usize; 2], Kept) {
        let mut y = affine(x, kernel, bias, self.n);
        self.activation.apply(&mut y);
        let is_kept = keep && self.activation != Activation::Identity;
        let kept = if is_kept { vec![y.clone()] } else { Vec::new() };
        (y, [self.n, self.shape[1]], kept)
    }

    fn backward(
        &self,
        [x, kernel, _]: [&[f32]; 3],
        kept: &Kept,
        gradient: &[f32],
    ) -> [Vec<f32>; 3] {
        let Some(results) = kept.first() else {
            return affine_gradients(x, kernel, gradient, self.shape);
        };
        let mut gradient = gradient.to_vec();
        self.activation.back(results, &mut gradient);
        affine_gradients(x, kernel, &gradient, self.shape)
    }
}

/// `x · kernel + bias`, `[n, n_outputs]`, on all threads.
pub(crate) fn affine(x: &[f32], kernel: &[f32], bias: &[f32], n: usize) -> Vec<f32> {
    let n_outputs = bias.len();
    let mut y = bias.repeat(n);
    if !y.is_empty() {
        let kernel = PackedMatrix::new(kernel, kernel.len() / n_outputs, n_outputs);
        add_large_product(x, &kernel, &mut y);
    }
    y
}

/// The gradients of `x`, `kernel` (of the given shape) and `bias`, from the gradient of the result
/// of [`affine`].
pub(crate) fn affine_gradients(
    x: &[f32],
    kernel: &[f32],
    gradient: &[f32],
    [n_inputs, n_outputs]: [usize; 2],
) -> [Vec<f32>; 3] {
    let mut of_x = vec![0.0; x.len()];
    if !of_x.is_empty() {
        let back = PackedMatrix::transposed(kernel, n_inputs, n_outputs);
        add_large_product(gradient, &back, &mut of_x);
    }
    let of_kernel = if n_inputs > 0 {
        transposed_product(x, gradient, [n_inputs, n_outputs])
    } else {
        Vec::new()
    };
    let mut of_bias = vec![0.0; n_outputs];
    for row in gradient.chunks_exact(n_outputs.max(1)) {
        for (sum, value) in of_bias.iter_mut().zip(row) {
            *sum += value;
        }
    }
    [of_x, of_kernel, of_bias]
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests {
    use super::*;
    use crate::model;
    use burn::tensor::{Device, TensorData};

    const ACTIVATIONS: [Activation; 3] =
        [Activation::Identity, Activation::Tanh, Activation::Softplus];

    fn noise(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i + seed) * 7919) % 613) as f32 / 306.0 - 1.0).collect()
    }

    fn by_tensors(
        x: Tensor<2>,
        kernel: Tensor<2>,
        bias: Tensor<1>,
        activation: Activation,
    ) -> Tensor<2> {
        activation.by_tensors(x.matmul(kernel) + bias.unsqueeze())
    }

    /// The result of a layer and the gradients of its inputs, for a loss in which every output has
    /// a different weight.
    fn results(
        layer: impl Fn(Tensor<2>, Tensor<2>, Tensor<1>, Activation) -> Tensor<2>,
        activation: Activation,
        [n, n_inputs, n_outputs]: [usize; 3],
    ) -> [Vec<f32>; 4] {
        let device = Device::flex().autodiff();
        let matrix = |seed: usize, shape: [usize; 2]| {
            let data = TensorData::new(noise(shape[0] * shape[1], seed), shape);
            Tensor::<2>::from_data(data, &device)
        };
        let x = matrix(1, [n, n_inputs]).require_grad();
        let kernel = matrix(2, [n_inputs, n_outputs]).require_grad();
        let bias = TensorData::new(noise(n_outputs, 3), [n_outputs]);
        let bias = Tensor::<1>::from_data(bias, &device).require_grad();
        let y = layer(x.clone(), kernel.clone(), bias.clone(), activation);
        let gradients = (y.clone() * matrix(4, [n, n_outputs])).sum().backward();
        [
            model::host(y),
            model::host(x.grad(&gradients).unwrap()),
            model::host(kernel.grad(&gradients).unwrap()),
            model::host(bias.grad(&gradients).unwrap()),
        ]
    }

    #[test]
    fn values_by_hand() {
        let device = Device::flex();
        let x = Tensor::from_data([[1.0, 2.0], [0.0, -1.0]], &device);
        let kernel = Tensor::from_data([[3.0, 0.0, -1.0], [0.5, 2.0, 0.0]], &device);
        let bias = Tensor::from_data([1.0, 0.0, -1.0], &device);
        // [1 2] W = [4 4 -1] and [0 -1] W = [-0.5 -2 0].
        let y = [5.0_f32, 4.0, -2.0, 0.5, -2.0, -1.0];
        for activation in ACTIVATIONS {
            let found = linear(x.clone(), kernel.clone(), Tensor::clone(&bias), activation);
            for (found, y) in model::host(found).into_iter().zip(y) {
                let expected = match activation {
                    Activation::Identity => y,
                    Activation::Tanh => y.tanh(),
                    Activation::Softplus => (1.0 + y.exp()).ln(),
                };
                assert!((found - expected).abs() < 1e-6, "{activation:?} {found} {expected}");
            }
        }
    }

    #[test]
    fn it_is_what_tensor_operations_give_and_so_are_the_gradients() {
        // One row, and more rows and columns than a task or a register has.
        for shape in [[1, 1, 1], [3, 5, 2], [600, 70, 90]] {
            for activation in ACTIVATIONS {
                let ours = results(linear, activation, shape);
                let expected = results(by_tensors, activation, shape);
                for (what, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                    assert_eq!(ours.len(), expected.len());
                    for (a, b) in ours.iter().zip(expected) {
                        // f32 sums of at most 600 terms of at most 1.
                        assert!((a - b).abs() < 2e-4, "{shape:?} {activation:?} {what}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn results_have_the_same_bits_on_any_number_of_threads() {
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| results(linear, Activation::Softplus, [300, 40, 33]))
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn extreme_values_of_softplus_stay_finite() {
        let mut y = [-200.0, -100.0, 0.0, 100.0];
        let mut gradient = [1.0; 4];
        Activation::Softplus.apply(&mut y);
        Activation::Softplus.back(&y, &mut gradient);
        // e^-100 is a subnormal number in `f32`, and e^-200 underflows to 0.
        assert_eq!((y[0], y[3]), (0.0, 100.0));
        assert!((y[2] - std::f32::consts::LN_2).abs() < 1e-7, "{y:?}");
        assert_eq!(gradient, [0.0, y[1], 0.5, 1.0]);
    }

    #[test]
    fn a_layer_without_inputs_is_its_bias() {
        assert_eq!(affine(&[], &[], &[1.0, 2.0], 2), [1.0, 2.0, 1.0, 2.0]);
        let gradients = affine_gradients(&[], &[], &[1.0, 2.0, 3.0, 5.0], [0, 2]);
        assert_eq!(gradients, [vec![], vec![], vec![4.0, 7.0]]);
    }
}
