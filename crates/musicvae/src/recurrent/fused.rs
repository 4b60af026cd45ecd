//! A whole stack of layers as one operation, which is faster than layer by layer on a GPU of
//! libtorch, see [`super::cudnn`].

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, LibTorch};
use burn::tensor::Tensor;

use super::cudnn::{self, Graph, Layer, StackGradients, Steps};
use super::torch::TorchTensor;
use super::{PassOptions, SymbolSteps};
use crate::device;
use crate::stack::Stack;

/// Maximum number of layers in one operation, counting each direction; larger stacks run layer by
/// layer.
const MOST_LAYERS: usize = 8;

/// Runs a stack; `None` if it has to run layer by layer.
pub(crate) fn run(inputs: &Stack<'_>) -> Option<Tensor<3>> {
    let first = inputs.layers.first()?;
    let device = first.bias.val().device();
    let hidden = first.hidden();
    let here = device::is_torch_gpu(&device) || (is_forced() && device::torch(&device).is_some());
    let fits = (2..=MOST_LAYERS).contains(&inputs.layers.len())
        && inputs.layers.iter().all(|l| l.hidden() == hidden);
    if !(fits && here) {
        return None;
    }
    let batch = inputs.symbols.batch();
    let initial = inputs
        .initial
        .clone()
        .unwrap_or_else(|| Tensor::zeros([batch, 2 * hidden * inputs.layers.len()], &device));
    // In the order in which `Plan::stack` takes them.
    let mut tensors: Vec<Tensor<2>> = vec![initial];
    tensors.extend(inputs.constant.iter().map(|constant| constant.values.clone()));
    for (i, layer) in inputs.layers.iter().enumerate() {
        tensors.push(layer.input.val());
        let constant = inputs.constant.iter().filter(|_| i == 0);
        tensors.extend(constant.map(|constant| constant.weights.clone()));
        tensors.extend([layer.recurrent.val(), layer.bias.val().unsqueeze()]);
    }
    let plan = Plan {
        symbols: Arc::clone(inputs.symbols),
        n_layers: inputs.layers.len(),
        has_constant: inputs.constant.is_some(),
        is_bidirectional: inputs.is_bidirectional,
        options: PassOptions {
            reverse: false,
            last_only: inputs.last_only,
            precision: first.precision,
        },
    };
    if !device.is_autodiff() {
        count();
        return Some(plain(&plan, tensors));
    }
    // Checkpointing strategies other than keeping everything have a different type.
    let is_ours = tensors[0].clone().try_into_primitive::<Differentiable>().is_ok();
    is_ours.then(|| {
        count();
        differentiable(plan, tensors)
    })
}

/// A stack without its tensors.
#[derive(Clone, Debug)]
struct Plan {
    symbols: Arc<SymbolSteps>,
    n_layers: usize,
    has_constant: bool,
    is_bidirectional: bool,
    options: PassOptions,
}

impl Plan {
    fn stack(&self, tensors: &[TorchTensor]) -> cudnn::Stack<'_> {
        let mut tensors = tensors.iter().map(|tensor| tensor.tensor.shallow_clone());
        let mut next = || tensors.next().expect("the plan determines the number of tensors");
        let initial = next();
        let constant = self.has_constant.then(&mut next);
        let layers = (0..self.n_layers).map(|i| {
            let mut inputs = vec![next()];
            inputs.extend((i == 0 && self.has_constant).then(&mut next));
            Layer { inputs, recurrent: next(), bias: next().squeeze_dim(0) }
        });
        let layers = layers.collect();
        cudnn::Stack {
            steps: Steps::Symbols(&self.symbols),
            constant,
            initial,
            layers,
            is_bidirectional: self.is_bidirectional,
            options: self.options,
        }
    }

    /// Gradients in the order of the tensors.
    fn flat(&self, gradients: StackGradients) -> Vec<TorchTensor> {
        let StackGradients { values: _, constant, initial, layers } = gradients;
        let mut flat = vec![initial];
        flat.extend(constant);
        for layer in layers {
            flat.extend(layer.inputs);
            flat.extend([layer.recurrent, layer.bias.unsqueeze(0)]);
        }
        flat.into_iter().map(TorchTensor::new).collect()
    }
}

fn plain(plan: &Plan, tensors: Vec<Tensor<2>>) -> Tensor<3> {
    let tensors: Vec<TorchTensor> = tensors
        .into_iter()
        .map(|tensor| tensor.try_into_primitive::<LibTorch>().expect("a tensor of libtorch"))
        .collect();
    Tensor::from_primitive::<LibTorch>(plan.stack(&tensors).infer())
}

type Differentiable = Autodiff<LibTorch, NoCheckpointing>;

/// The backward pass of a stack of `N` tensors.
#[derive(Debug)]
struct StackBackward;

impl<const N: usize> Backward<LibTorch, N> for StackBackward {
    type State = (Plan, Vec<TorchTensor>, Graph);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<LibTorch>(&ops.node);
        let (plan, tensors, graph) = ops.state;
        let gradients = plan.stack(&tensors).backward(&graph, &gradient.tensor);
        for (parent, gradient) in ops.parents.into_iter().zip(plan.flat(gradients)) {
            if let Some(node) = parent {
                grads.register::<LibTorch>(node.id, gradient);
            }
        }
    }
}

/// A node of burn's graph with all tensors as parents.
fn differentiable(plan: Plan, tensors: Vec<Tensor<2>>) -> Tensor<3> {
    /// Selects the number of parents, which is part of a node's type.
    macro_rules! by_number {
        ($($n:literal)*) => {
            match tensors.len() {
                $($n => node::<$n>(plan, tensors),)*
                n => unreachable!("{n} tensors of a stack"),
            }
        };
    }
    // 1 for the state, 2 for constant inputs or none, and 3 for each of 2 to `MOST_LAYERS` layers.
    by_number!(7 9 10 12 13 15 16 18 19 21 22 24 25 27)
}

fn node<const N: usize>(plan: Plan, tensors: Vec<Tensor<2>>) -> Tensor<3> {
    let tensors: Vec<_> = tensors
        .into_iter()
        .map(|tensor| {
            tensor.try_into_primitive::<Differentiable>().expect("a tensor of libtorch's autodiff")
        })
        .collect();
    let nodes: Vec<_> = tensors.iter().map(|tensor| tensor.node()).collect();
    let parents = nodes.try_into().unwrap_or_else(|_| unreachable!("N tensors"));
    let tensors: Vec<TorchTensor> =
        tensors.into_iter().map(|tensor| tensor.into_primitive()).collect();
    let outputs = match Backward::<LibTorch, N>::prepare::<NoCheckpointing>(StackBackward, parents)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(node) => {
            let (outputs, graph) = plan.stack(&tensors).forward();
            node.finish((plan, tensors, graph), outputs)
        }
        OpsKind::UnTracked(node) => node.finish(plan.stack(&tensors).infer()),
    };
    Tensor::from_primitive::<Differentiable>(outputs)
}

#[cfg(test)]
thread_local! {
    /// Whether a test wants stacks on the CPU to use this operation, too.
    static FORCED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// Number of stacks on this thread that did.
    static N_RUNS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts a stack that used this operation.
fn count() {
    #[cfg(test)]
    N_RUNS.with(|n| n.set(n.get() + 1));
}

fn is_forced() -> bool {
    #[cfg(test)]
    let forced = FORCED.with(std::cell::Cell::get);
    #[cfg(not(test))]
    let forced = false;
    forced
}

/// Runs a test's `work` with stacks of libtorch's CPU using this operation; returns how many did.
#[cfg(test)]
pub(crate) fn forced(work: impl FnOnce()) -> usize {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            FORCED.with(|forced| forced.set(false));
        }
    }
    let before = N_RUNS.with(std::cell::Cell::get);
    FORCED.with(|forced| forced.set(true));
    let _reset = Reset;
    work();
    N_RUNS.with(std::cell::Cell::get) - before
}
