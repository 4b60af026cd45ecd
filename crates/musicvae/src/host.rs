//! Operations over host memory with a hand-written backward pass, as nodes of burn's graph.
//!
//! Tensor operations would make many passes over memory, each on one thread. An operation of this
//! module makes one pass on all threads. All of them share one hook into burn: an operation takes
//! one, two or three matrices and returns one.

mod memory;

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};
pub(crate) use memory::HostMemory;

/// An operation on `N` row-major tensors.
pub(crate) trait HostOperation<const N: usize>: Debug + Send + Sync {
    /// Returns the result and its shape, and, if `keep` is set, the values that the backward pass
    /// needs in addition to the inputs.
    fn forward(&self, inputs: [&[f32]; N], keep: bool) -> (Vec<f32>, [usize; 2], Kept);

    /// Returns the gradients of all inputs, given the gradient of the result.
    fn backward(&self, inputs: [&[f32]; N], kept: &Kept, gradient: &[f32]) -> [Vec<f32>; N];
}

/// The values that a forward pass keeps for the backward pass.
pub(crate) type Kept = Vec<Vec<f32>>;

/// Runs an operation on a tensor in the memory of this process.
pub(crate) fn unary(operation: Arc<dyn HostOperation<1>>, a: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as HostOps>::host_unary(operation, a.into_dispatch()))
}

/// Like [`unary`], on two tensors.
pub(crate) fn binary(
    operation: Arc<dyn HostOperation<2>>,
    a: Tensor<2>,
    b: Tensor<2>,
) -> Tensor<2> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(<Dispatch as HostOps>::host_binary(operation, a, b))
}

/// Like [`unary`], on three tensors.
pub(crate) fn ternary(
    operation: Arc<dyn HostOperation<3>>,
    a: Tensor<2>,
    b: Tensor<2>,
    c: Tensor<2>,
) -> Tensor<2> {
    let (a, b, c) = (a.into_dispatch(), b.into_dispatch(), c.into_dispatch());
    Tensor::from_dispatch(<Dispatch as HostOps>::host_ternary(operation, a, b, c))
}

/// The hook that burn dispatches to the backends.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    LibTorch: cfg(feature = "tch"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub(crate) trait HostOps: Backend {
    /// See [`unary`].
    fn host_unary(operation: Arc<dyn HostOperation<1>>, a: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`binary`].
    fn host_binary(
        operation: Arc<dyn HostOperation<2>>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// See [`ternary`].
    fn host_ternary(
        operation: Arc<dyn HostOperation<3>>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Runs the operations of a plain backend, without a graph.
macro_rules! host_ops_in_memory {
    ($backend:ty) => {
        impl HostOps for $backend {
            fn host_unary(
                operation: Arc<dyn HostOperation<1>>,
                a: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                forward::<Self, 1>(&*operation, [a], false).0
            }

            fn host_binary(
                operation: Arc<dyn HostOperation<2>>,
                a: FloatTensor<Self>,
                b: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                forward::<Self, 2>(&*operation, [a, b], false).0
            }

            fn host_ternary(
                operation: Arc<dyn HostOperation<3>>,
                a: FloatTensor<Self>,
                b: FloatTensor<Self>,
                c: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                forward::<Self, 3>(&*operation, [a, b, c], false).0
            }
        }
    };
}

#[cfg(feature = "flex")]
host_ops_in_memory!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
host_ops_in_memory!(burn::backend::NdArray);
#[cfg(feature = "tch")]
host_ops_in_memory!(burn::backend::LibTorch);
#[cfg(any(feature = "wgpu", feature = "cuda"))]
host_ops_in_memory!(burn::backend::Cube);

fn forward<B: HostMemory, const N: usize>(
    operation: &dyn HostOperation<N>,
    inputs: [FloatTensor<B>; N],
    keep: bool,
) -> (FloatTensor<B>, Kept) {
    let device = inputs[0].device();
    let inputs = inputs.map(B::values);
    let (result, shape, kept) = operation.forward(inputs.each_ref().map(AsRef::as_ref), keep);
    (B::float_from_data(TensorData::new(result, shape), &device), kept)
}

#[derive(Debug)]
struct HostBackward;

impl<B: HostMemory, const N: usize> Backward<B, N> for HostBackward {
    type State = (Arc<dyn HostOperation<N>>, [FloatTensor<B>; N], Arc<Kept>);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = B::values(grads.consume::<B>(&ops.node));
        let (operation, inputs, kept) = ops.state;
        let device = inputs[0].device();
        let shapes = inputs.each_ref().map(TensorMetadata::shape);
        let inputs = inputs.map(B::values);
        let inputs = inputs.each_ref().map(AsRef::as_ref);
        let found = operation.backward(inputs, &kept, gradient.as_ref());
        for (parent, (gradient, shape)) in
            ops.parents.into_iter().zip(found.into_iter().zip(shapes))
        {
            if let Some(node) = parent {
                let gradient = TensorData::new(gradient, shape);
                grads.register::<B>(node.id, B::float_from_data(gradient, &device));
            }
        }
    }
}

/// Runs an operation as a node of the graph.
fn node<B: HostMemory, C: CheckpointStrategy, const N: usize>(
    operation: Arc<dyn HostOperation<N>>,
    inputs: [FloatTensor<Autodiff<B, C>>; N],
) -> FloatTensor<Autodiff<B, C>> {
    let parents = inputs.each_ref().map(FloatTensor::<Autodiff<B, C>>::node);
    let inputs = inputs.map(FloatTensor::<Autodiff<B, C>>::into_primitive);
    match HostBackward.prepare::<C>(parents).compute_bound().stateful() {
        OpsKind::Tracked(node) => {
            let (result, kept) = forward::<B, N>(&*operation, inputs.clone(), true);
            node.finish((operation, inputs, Arc::new(kept)), result)
        }
        OpsKind::UnTracked(node) => node.finish(forward::<B, N>(&*operation, inputs, false).0),
    }
}

impl<B: HostMemory, C: CheckpointStrategy> HostOps for Autodiff<B, C> {
    fn host_unary(operation: Arc<dyn HostOperation<1>>, a: FloatTensor<Self>) -> FloatTensor<Self> {
        node::<B, C, 1>(operation, [a])
    }

    fn host_binary(
        operation: Arc<dyn HostOperation<2>>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        node::<B, C, 2>(operation, [a, b])
    }

    fn host_ternary(
        operation: Arc<dyn HostOperation<3>>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        node::<B, C, 3>(operation, [a, b, c])
    }
}
