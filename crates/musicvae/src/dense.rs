//! A fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::init::Initializer;

/// `y = x · kernel + bias`, with Magenta's layout of the kernel.
#[derive(Module, Debug)]
pub struct Dense {
    /// `[n_inputs, n_outputs]`.
    pub kernel: Param<Tensor<2>>,
    /// `[n_outputs]`, 0 at first.
    pub bias: Param<Tensor<1>>,
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
        Self { kernel, bias: init.zeros(n_outputs, device) }
    }

    /// A layer with a kernel drawn from `N(0, 0.001²)`, as Magenta starts everything around z.
    pub(crate) fn small(
        n_inputs: usize,
        n_outputs: usize,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let kernel = init.normal([n_inputs, n_outputs], 1e-3, device);
        Self { kernel, bias: init.zeros(n_outputs, device) }
    }

    /// # Shapes
    /// - `x`: `[n, n_inputs]`; the result: `[n, n_outputs]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.kernel.val()) + self.bias.val().unsqueeze()
    }
}
