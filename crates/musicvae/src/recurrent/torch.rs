//! The LSTM of libtorch behind `tch` on a GPU, where it is cuDNN's.
//!
//! tch wraps no backward pass of cuDNN's, so libtorch's own autograd runs inside the operation: the
//! forward pass keeps its graph, the backward pass runs it. Weights are brought into PyTorch's order of
//! gates (input, forget, candidate, output) on the way, inside that graph. On the CPU our own kernel is
//! quicker and takes over.
//!
//! With [`Precision::Bf16`] everything inside is bfloat16, states included, as under PyTorch's
//! autocast; weights, their gradients and the outputs are `f32` outside. In `f32` cuDNN multiplies in
//! TF32 (10 bits of mantissa) where the GPU can, which is PyTorch's default, too.

use burn::backend::LibTorch;
use burn::backend::tensor::FloatTensor;
use lstm_kernel::lstm::FORGET_BIAS;
use lstm_kernel::packed::Precision;
use tch::{Device, Kind, Tensor};

use super::SymbolSteps;
use super::cpu::{self, CopiedValues, HostBackend};
use super::extension::{
    Constant, ContextGradients, LstmCall, LstmGradients, LstmKernel, LstmTrace, Source,
};

/// A tensor of burn's. It may be sent to and read by other threads, which one of tch's may not.
type Shared = FloatTensor<LibTorch>;

/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub(crate) enum TorchTrace {
    /// Of our kernel, on the CPU.
    Kernel(LstmTrace<LibTorch>),
    /// Of libtorch.
    Graph(Graph),
}

/// A forward pass as libtorch's autograd keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// The result, which knows how it was made.
    outputs: Shared,
    /// What gradients are wanted of.
    leaves: Leaves<Shared>,
}

/// A call's tensors.
#[derive(Clone, Debug)]
struct Leaves<T> {
    values: Option<T>,
    weights: T,
    constant: Option<(T, T)>,
    bias: T,
    recurrent: T,
    initial: T,
}

impl<T> Leaves<T> {
    fn map<U>(self, mut f: impl FnMut(T) -> U) -> Leaves<U> {
        Leaves {
            values: self.values.map(&mut f),
            weights: f(self.weights),
            constant: self.constant.map(|(values, weights)| (f(values), f(weights))),
            bias: f(self.bias),
            recurrent: f(self.recurrent),
            initial: f(self.initial),
        }
    }

    fn as_ref(&self) -> Leaves<&T> {
        Leaves {
            values: self.values.as_ref(),
            weights: &self.weights,
            constant: self.constant.as_ref().map(|(values, weights)| (values, weights)),
            bias: &self.bias,
            recurrent: &self.recurrent,
            initial: &self.initial,
        }
    }
}

impl Leaves<Tensor> {
    fn of(call: &LstmCall<LibTorch>) -> Self {
        let tensor = |tensor: &Shared| tensor.tensor.detach();
        let (values, weights) = match &call.source {
            Source::Symbols { table, .. } => (None, tensor(table)),
            Source::Vectors { values, weights } => (Some(tensor(values)), tensor(weights)),
        };
        let constant = call.constant.as_ref();
        Self {
            values,
            weights,
            constant: constant.map(|c| (tensor(&c.values), tensor(&c.weights))),
            bias: tensor(&call.bias),
            recurrent: tensor(&call.recurrent),
            initial: tensor(&call.initial),
        }
    }
}

impl HostBackend for LibTorch {
    type Values = CopiedValues;

    fn values(tensor: Shared) -> CopiedValues {
        CopiedValues::of::<Self>(tensor)
    }
}

impl LstmKernel for LibTorch {
    type Trace = TorchTrace;

    fn lstm_outputs(call: LstmCall<Self>) -> Shared {
        if is_cpu(&call) {
            return cpu::forward(call).outputs;
        }
        Shared::new(tch::no_grad(|| run(&call, &Leaves::of(&call), false)))
    }

    fn lstm_forward(call: LstmCall<Self>) -> (Shared, TorchTrace) {
        if is_cpu(&call) {
            let trace = cpu::forward(call);
            return (trace.outputs.clone(), TorchTrace::Kernel(trace));
        }
        let (outputs, graph) = forward(&call);
        (outputs, TorchTrace::Graph(graph))
    }

    fn lstm_backward(
        call: LstmCall<Self>,
        trace: TorchTrace,
        gradient: Shared,
    ) -> LstmGradients<Self> {
        match trace {
            TorchTrace::Kernel(trace) => cpu::backward(call, trace, gradient),
            TorchTrace::Graph(graph) => backward(&graph, &gradient),
        }
    }
}

fn is_cpu(call: &LstmCall<LibTorch>) -> bool {
    call.recurrent.tensor.device() == Device::Cpu
}

/// The forward pass by libtorch, whatever the device.
pub(super) fn forward(call: &LstmCall<LibTorch>) -> (Shared, Graph) {
    let leaves = Leaves::of(call).map(|leaf| leaf.set_requires_grad(true));
    let outputs = tch::with_grad(|| run(call, &leaves, true));
    let plain = Shared::new(outputs.detach());
    (plain, Graph { outputs: Shared::new(outputs), leaves: leaves.map(Shared::new) })
}

/// The backward pass of [`forward`].
pub(super) fn backward(graph: &Graph, gradient: &Shared) -> LstmGradients<LibTorch> {
    let Graph { outputs, leaves } = graph;
    // tch takes no gradient of the outputs: that of `Σ outputs · gradient` is the same.
    let sum = tch::with_grad(|| (&outputs.tensor * &gradient.tensor).sum(Kind::Float));
    let mut wanted = Vec::new();
    leaves.as_ref().map(|leaf| wanted.push(leaf.tensor.shallow_clone()));
    let found = Tensor::run_backward(&[sum], &wanted, false, false);
    let mut found = found.into_iter().map(|gradient| Shared::new(gradient.detach()));
    // The same walk over the leaves, in the same order.
    let gradients =
        leaves.as_ref().map(|_| found.next().expect("a gradient for each of the leaves"));
    LstmGradients {
        values: gradients.values,
        weights: gradients.weights,
        context: ContextGradients {
            constant: gradients.constant.map(|(values, weights)| Constant { values, weights }),
            bias: gradients.bias,
        },
        recurrent: gradients.recurrent,
        initial: gradients.initial,
    }
}

/// Every `h_t`, `[T, B, H]` in `f32`.
fn run(call: &LstmCall<LibTorch>, leaves: &Leaves<Tensor>, train: bool) -> Tensor {
    let kind = match call.options.precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    };
    let device = leaves.recurrent.device();
    let hidden = leaves.recurrent.size()[0];
    let values = match (&call.source, &leaves.values) {
        (Source::Vectors { .. }, Some(values)) => values.to_kind(kind),
        (Source::Vectors { .. }, None) => unreachable!("vectors have values"),
        (Source::Symbols { symbols, .. }, _) => {
            one_hot(symbols, leaves.weights.size()[0], kind, device)
        }
    };
    let n_steps = values.size()[0];
    let (values, weights) = match &leaves.constant {
        None => (values, leaves.weights.shallow_clone()),
        Some((constant, constant_weights)) => {
            let constant = constant.to_kind(kind).unsqueeze(0).expand([n_steps, -1, -1], false);
            let weights = Tensor::cat(&[&leaves.weights, constant_weights], 0);
            (Tensor::cat(&[values, constant], 2), weights)
        }
    };
    let values = if call.options.reverse { values.flip([0]) } else { values };
    let bias = torch_gates(&leaves.bias, 0);
    let forget = Tensor::zeros([4 * hidden], (Kind::Float, device));
    let _ = forget.narrow(0, hidden, hidden).fill_(f64::from(FORGET_BIAS));
    let weights = [
        torch_gates(&weights, 1).to_kind(kind).tr().contiguous(),
        torch_gates(&leaves.recurrent, 1).to_kind(kind).tr().contiguous(),
        bias.to_kind(kind),
        forget.to_kind(kind),
    ];
    let initial = leaves.initial.to_kind(kind);
    let state = |first: i64| initial.narrow(1, first, hidden).unsqueeze(0).contiguous();
    let states = [state(hidden), state(0)];
    let (outputs, ..) = values.lstm(&states, &weights, true, 1, 0.0, train, false, false);
    let outputs = if call.options.reverse { outputs.flip([0]) } else { outputs };
    outputs.to_kind(Kind::Float)
}

/// The blocks input, candidate, forget, output along `dimension` in PyTorch's order: input, forget,
/// candidate, output.
fn torch_gates(weights: &Tensor, dimension: i64) -> Tensor {
    let blocks = weights.chunk(4, dimension);
    Tensor::cat(&[&blocks[0], &blocks[2], &blocks[1], &blocks[3]], dimension)
}

/// `[T, B, V]`: how often each symbol stands in each step.
fn one_hot(symbols: &SymbolSteps, n_symbols: i64, kind: Kind, device: Device) -> Tensor {
    let dimensions = [symbols.steps(), symbols.batch(), symbols.slots()];
    let shape = dimensions.map(|n| i64::try_from(n).expect("a checked configuration's sizes"));
    let ids = Tensor::from_slice(symbols.ids()).view(shape).to_device(device);
    // Empty slots go to a column of their own, which is cut off.
    let ids = ids.to_kind(Kind::Int64);
    let ids = ids.where_scalarother(&ids.ge(0), n_symbols);
    let counts = Tensor::zeros([shape[0], shape[1], n_symbols + 1], (kind, device));
    let ones = Tensor::ones(shape, (kind, device));
    counts.scatter_add(2, &ids, &ones).narrow(2, 0, n_symbols)
}
