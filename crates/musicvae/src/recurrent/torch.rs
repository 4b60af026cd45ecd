//! The LSTM of libtorch behind `tch` on a GPU, where it is cuDNN's.
//!
//! tch wraps no backward pass of cuDNN's, so libtorch's own autograd runs inside the operation: the
//! forward pass keeps its graph, the backward pass runs it. Weights are brought into one buffer in
//! PyTorch's layout (`[4H, n]`, gates in the order input, forget, candidate, output) on the way, as cuDNN
//! wants to have them, and gradients back. On the CPU our own kernel is quicker and takes over.
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

/// Where PyTorch has the gates of our order (input, candidate, forget, output).
const TORCH_GATES: [i64; 4] = [0, 2, 1, 3];

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
    /// What the gradient belongs to, in the order of reading; it knows how it was made.
    outputs: Shared,
    /// `[T, B, n]`, in the order of reading.
    input: Shared,
    /// `h_0`, `c_0`, `[1, B, H]` each.
    states: [Shared; 2],
    weights: [Shared; 4],
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
            let (outputs, _) = cpu::forward(call);
            return outputs;
        }
        let (outputs, _) = tch::no_grad(|| run(&call, false));
        outputs
    }

    fn lstm_forward(call: LstmCall<Self>) -> (Shared, TorchTrace) {
        if is_cpu(&call) {
            let (outputs, trace) = cpu::forward(call);
            return (outputs, TorchTrace::Kernel(trace));
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
            TorchTrace::Graph(graph) => backward(&call, &graph, &gradient),
        }
    }
}

fn is_cpu(call: &LstmCall<LibTorch>) -> bool {
    call.recurrent.tensor.device() == Device::Cpu
}

/// The forward pass by libtorch, whatever the device.
pub(super) fn forward(call: &LstmCall<LibTorch>) -> (Shared, Graph) {
    tch::no_grad(|| run(call, true))
}

/// What is wanted of the call in `f32`, at the places of the steps, and its graph. Call it without
/// gradients: those that are wanted are switched on inside.
fn run(call: &LstmCall<LibTorch>, train: bool) -> (Shared, Graph) {
    let kind = kind(call);
    let hidden = call.recurrent.tensor.size()[0];
    let leaf = |tensor: Tensor| tensor.set_requires_grad(train);
    let input = input(call, kind);
    // Symbols are no numbers that could change.
    let input = match (&call.source, &call.constant) {
        (Source::Symbols { .. }, None) => input,
        _ => leaf(input),
    };
    let initial = call.initial.tensor.to_kind(kind);
    let state = |first: i64| leaf(initial.narrow(1, first, hidden).contiguous().unsqueeze(0));
    let states = [state(hidden), state(0)];
    let weights = packed_weights(call, kind).map(leaf);
    let lstm = || input.lstm(&states, &weights, true, 1, 0.0, train, false, false);
    let (outputs, last, _) = if train { tch::with_grad(lstm) } else { lstm() };
    let (outputs, wanted) = if call.options.last_only {
        let plain = last.detach();
        (last, plain)
    } else {
        let plain = in_order(&outputs.detach(), call);
        (outputs, plain)
    };
    let graph = Graph {
        outputs: Shared::new(outputs),
        input: Shared::new(input),
        states: states.map(Shared::new),
        weights: weights.map(Shared::new),
    };
    (Shared::new(wanted.to_kind(Kind::Float)), graph)
}

/// The backward pass of [`forward`].
pub(super) fn backward(
    call: &LstmCall<LibTorch>,
    graph: &Graph,
    gradient: &Shared,
) -> LstmGradients<LibTorch> {
    let gradient = gradient.tensor.to_kind(kind(call));
    let gradient = if call.options.last_only { gradient } else { in_order(&gradient, call) };
    // tch takes no gradient of the outputs: that of `Σ outputs · gradient` is the same.
    let sum = tch::with_grad(|| graph.outputs.tensor.reshape([-1]).dot(&gradient.reshape([-1])));
    let [h, c] = &graph.states;
    let [w_ih, w_hh, b_ih, _] = &graph.weights;
    let mut wanted = vec![h, c, w_ih, w_hh, b_ih];
    if graph.input.tensor.requires_grad() {
        wanted.push(&graph.input);
    }
    let wanted: Vec<_> = wanted.into_iter().map(|leaf| leaf.tensor.shallow_clone()).collect();
    let gradients = Tensor::run_backward(&[sum], &wanted, false, false);
    tch::no_grad(|| of_call(call, &gradients))
}

/// Gradients of the call's tensors from those of `h_0`, `c_0`, `w_ih`, `w_hh`, `b_ih` and, where it has
/// one, of the input.
fn of_call(call: &LstmCall<LibTorch>, gradients: &[Tensor]) -> LstmGradients<LibTorch> {
    let [h, c, w_ih, w_hh, b_ih, input @ ..] = gradients else {
        unreachable!("five gradients were asked for")
    };
    let values = |tensor: Tensor| Shared::new(tensor.to_kind(Kind::Float));
    let weights = match &call.source {
        Source::Symbols { table, .. } => table,
        Source::Vectors { weights, .. } => weights,
    };
    let n_inputs = weights.tensor.size()[0];
    let constant = call.constant.as_ref().zip(input.first()).map(|(constant, input)| {
        let n_constants = constant.weights.tensor.size()[0];
        let of_step = input.narrow(2, n_inputs, n_constants);
        Constant {
            values: Shared::new(of_step.sum_dim_intlist([0].as_slice(), false, Kind::Float)),
            weights: our_layout(&w_ih.narrow(1, n_inputs, n_constants)),
        }
    });
    let of_values = match &call.source {
        Source::Symbols { .. } => None,
        Source::Vectors { .. } => input
            .first()
            .map(|input| values(in_order(&input.narrow(2, 0, n_inputs), call).contiguous())),
    };
    let bias = our_layout(&b_ih.unsqueeze(1)).tensor.squeeze_dim(0);
    LstmGradients {
        values: of_values,
        weights: our_layout(&w_ih.narrow(1, 0, n_inputs)),
        context: ContextGradients { constant, bias: Shared::new(bias) },
        recurrent: our_layout(w_hh),
        initial: values(Tensor::cat(&[c.squeeze_dim(0), h.squeeze_dim(0)], 1)),
    }
}

/// What the layer multiplies in.
fn kind(call: &LstmCall<LibTorch>) -> Kind {
    match call.options.precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    }
}

/// Steps from their places to the order of reading, or back.
fn in_order(steps: &Tensor, call: &LstmCall<LibTorch>) -> Tensor {
    if call.options.reverse { steps.flip([0]) } else { steps.shallow_clone() }
}

/// What enters at each step, in the order of reading: `[T, B, n]`, symbols as counts, constant inputs
/// behind.
fn input(call: &LstmCall<LibTorch>, kind: Kind) -> Tensor {
    let device = call.recurrent.tensor.device();
    let values = match &call.source {
        Source::Vectors { values, .. } => values.tensor.to_kind(kind).detach(),
        Source::Symbols { symbols, table } => {
            one_hot(symbols, table.tensor.size()[0], kind, device)
        }
    };
    let values = match &call.constant {
        None => values,
        Some(constant) => {
            let n_steps = values.size()[0];
            let constant = constant.values.tensor.to_kind(kind).unsqueeze(0);
            Tensor::cat(&[values, constant.expand([n_steps, -1, -1], false)], 2)
        }
    };
    in_order(&values, call)
}

/// `w_ih`, `w_hh`, `b_ih` and `b_hh` as PyTorch names them: views of one buffer.
fn packed_weights(call: &LstmCall<LibTorch>, kind: Kind) -> [Tensor; 4] {
    let hidden = call.recurrent.tensor.size()[0];
    let inputs = match &call.source {
        Source::Symbols { table, .. } => table,
        Source::Vectors { weights, .. } => weights,
    };
    let mut inputs = vec![&inputs.tensor];
    inputs.extend(call.constant.as_ref().map(|constant| &constant.weights.tensor));
    let n_inputs: i64 = inputs.iter().map(|weights| weights.size()[0]).sum();
    let width = 4 * hidden;
    let n = width * (n_inputs + hidden + 2);
    let buffer = Tensor::zeros([n], (kind, call.recurrent.tensor.device()));
    let mut first = 0;
    let mut view = |columns: i64| {
        let view = buffer.narrow(0, first, width * columns).view([width, columns]);
        first += width * columns;
        view
    };
    let [w_ih, w_hh, b_ih, b_hh] = [n_inputs, hidden, 1, 1].map(&mut view);
    let mut column = 0;
    for weights in inputs {
        torch_layout(weights, &w_ih.narrow(1, column, weights.size()[0]));
        column += weights.size()[0];
    }
    torch_layout(&call.recurrent.tensor, &w_hh);
    torch_layout(&call.bias.tensor.unsqueeze(0), &b_ih);
    let _ = b_hh.narrow(0, hidden, hidden).fill_(f64::from(FORGET_BIAS));
    [w_ih, w_hh, b_ih.squeeze_dim(1), b_hh.squeeze_dim(1)]
}

/// Copies weights `[n, 4H]` into `to`, `[4H, n]` with PyTorch's order of gates.
fn torch_layout(weights: &Tensor, to: &Tensor) {
    let hidden = weights.size()[1] / 4;
    for (own, torch) in (0..).zip(TORCH_GATES) {
        let block = weights.narrow(1, own * hidden, hidden).tr();
        to.narrow(0, torch * hidden, hidden).copy_(&block);
    }
}

/// The inverse of [`torch_layout`], in `f32`.
fn our_layout(weights: &Tensor) -> Shared {
    let (width, n) = (weights.size()[0], weights.size()[1]);
    let hidden = width / 4;
    let to = Tensor::empty([n, width], (Kind::Float, weights.device()));
    for (own, torch) in (0..).zip(TORCH_GATES) {
        let block = weights.narrow(0, torch * hidden, hidden).tr();
        to.narrow(1, own * hidden, hidden).copy_(&block);
    }
    Shared::new(to)
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
