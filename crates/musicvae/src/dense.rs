//! A fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};
use lstm_kernel::packed::Precision;

use crate::device;
use crate::init::Initializer;
use crate::linear::{Activation, linear};

/// `y = x · kernel + bias`, with Magenta's layout of the kernel.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[n_inputs, n_outputs]`.
    pub kernel: Param<Tensor<2>>,
    /// `[n_outputs]`, initialized to 0.
    pub bias: Param<Tensor<1>>,
    /// Precision of products on a GPU; a CPU always uses `f32`.
    #[module(skip)]
    pub(crate) precision: Precision,
}

impl Dense {
    /// A layer with a Glorot-uniform kernel.
    pub(crate) fn glorot(
        n_inputs: usize,
        n_outputs: usize,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let kernel = init.glorot([n_inputs, n_outputs], n_inputs + n_outputs, device);
        Self { kernel, bias: init.zeros(n_outputs, device), precision: Precision::F32 }
    }

    /// A layer with a kernel drawn from `N(0, 0.001²)`, Magenta's initialization for all layers
    /// next to z.
    pub(crate) fn small(
        n_inputs: usize,
        n_outputs: usize,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let kernel = init.normal([n_inputs, n_outputs], 1e-3, device);
        Self { kernel, bias: init.zeros(n_outputs, device), precision: Precision::F32 }
    }

    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x`: `[n, n_inputs]`; the result: `[n, n_outputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward_with(x, Activation::Identity)
    }

    /// Applies the layer and a function of each output.
    pub(crate) fn forward_with(&self, x: Tensor<2>, activation: Activation) -> Tensor<2> {
        if device::is_host(&x.device()) {
            return linear(x, self.kernel.val(), self.bias.val(), activation);
        }
        let kernel = self.kernel.val();
        let product = if self.precision == Precision::Bf16 && device::is_torch_gpu(&x.device()) {
            x.cast(DType::BF16).matmul(kernel.cast(DType::BF16)).cast(DType::F32)
        } else {
            x.matmul(kernel)
        };
        activation.by_tensors(product + self.bias.val().unsqueeze())
    }
}
