//! Operations over host memory with a backward pass written by hand, as nodes of burn's graph.
//!
//! What tensor operations would do in many passes over memory, each on one thread, such an
//! operation does in one, on all. There is one hook into burn for all of them: an operation takes
//! two tensors and gives one.

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};

/// An operation of two tensors, row-major.
pub(crate) trait HostOperation: Debug + Send + Sync {
    /// The result and its shape, and, if they are asked for, what the backward pass needs besides
    /// the inputs.
    fn forward(&self, inputs: [&[f32]; 2], keep: bool) -> (Vec<f32>, [usize; 2], Kept);

    /// The gradients of both inputs, given that of the result.
    fn backward(&self, inputs: [&[f32]; 2], kept: &Kept, gradient: &[f32]) -> [Vec<f32>; 2];
}

/// What a forward pass leaves for the backward pass.
pub(crate) type Kept = Vec<Vec<f32>>;

/// Runs an operation where tensors lie in memory of this process.
pub(crate) fn run(operation: Arc<dyn HostOperation>, a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(<Dispatch as HostOps>::host_operation(operation, a, b))
}

/// The hook, as burn routes it.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    LibTorch: cfg(feature = "tch"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub(crate) trait HostOps: Backend {
    /// See [`run`].
    fn host_operation(
        operation: Arc<dyn HostOperation>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        forward::<Self>(&*operation, a, b, false).0
    }
}

#[cfg(feature = "flex")]
impl HostOps for burn::backend::Flex {}
#[cfg(feature = "ndarray")]
impl HostOps for burn::backend::NdArray {}
#[cfg(feature = "tch")]
impl HostOps for burn::backend::LibTorch {}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl HostOps for burn::backend::Cube {}

/// A tensor's values; where they lie in this process, not copied.
fn values<B: Backend>(tensor: FloatTensor<B>) -> TensorData {
    burn::backend::try_read_sync(B::float_into_data(tensor))
        .expect("a host operation is for tensors of this process, which answer at once")
        .expect("reading memory of this process")
}

fn slice(data: &TensorData) -> &[f32] {
    data.as_slice().expect("all our tensors are f32")
}

fn forward<B: Backend>(
    operation: &dyn HostOperation,
    a: FloatTensor<B>,
    b: FloatTensor<B>,
    keep: bool,
) -> (FloatTensor<B>, Kept) {
    let device = a.device();
    let (a, b) = (values::<B>(a), values::<B>(b));
    let (result, shape, kept) = operation.forward([slice(&a), slice(&b)], keep);
    (B::float_from_data(TensorData::new(result, shape), &device), kept)
}

#[derive(Debug)]
struct HostBackward;

impl<B: Backend> Backward<B, 2> for HostBackward {
    type State = (Arc<dyn HostOperation>, [FloatTensor<B>; 2], Arc<Kept>);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<B>(&ops.node);
        let (operation, [a, b], kept) = ops.state;
        let device = a.device();
        let shapes = [a.shape(), b.shape()];
        let (a, b, gradient) = (values::<B>(a), values::<B>(b), values::<B>(gradient));
        let found = operation.backward([slice(&a), slice(&b)], &kept, slice(&gradient));
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

impl<B: Backend, C: CheckpointStrategy> HostOps for Autodiff<B, C> {
    fn host_operation(
        operation: Arc<dyn HostOperation>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let parents = [a.node(), b.node()];
        let (a, b) = (a.into_primitive(), b.into_primitive());
        match HostBackward.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (result, kept) = forward::<B>(&*operation, a.clone(), b.clone(), true);
                node.finish((operation, [a, b], Arc::new(kept)), result)
            }
            OpsKind::UnTracked(node) => node.finish(forward::<B>(&*operation, a, b, false).0),
        }
    }
}
