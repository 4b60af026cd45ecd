//! libtorch's LSTM, which is cuDNN's on a GPU: a stack of layers, in one or both directions, in a
//! single call, so that cuDNN may compute several layers and directions at once.
//!
//! tch does not wrap cuDNN's backward pass, so libtorch's own autograd runs inside the operation:
//! the forward pass keeps its graph, and the backward pass runs it. Weights are copied into one
//! buffer in PyTorch's layout (`[4H, n]`, gates in the order input, forget, candidate, output), as
//! cuDNN requires, and gradients are copied back.
//!
//! With [`Precision::Bf16`] everything inside is bfloat16, including states, as under PyTorch's
//! autocast; outside, weights, their gradients and the outputs are `f32`. In `f32` cuDNN multiplies
//! in TF32 (10 bits of mantissa) if the GPU supports it, which is also PyTorch's default.

use lstm_kernel::lstm::FORGET_BIAS;
use lstm_kernel::packed::Precision;
use tch::{Device, Kind, Tensor};

use super::torch::TorchTensor;
use super::{PassOptions, SymbolSteps};

/// PyTorch's gate blocks in our order (input, candidate, forget, output).
const TORCH_GATES: [i64; 4] = [0, 2, 1, 3];

/// The input at each step.
pub(super) enum Steps<'a> {
    /// Selects rows of the first layer's first block of weights.
    Symbols(&'a SymbolSteps),
    /// `[T, B, n]`.
    Vectors(Tensor),
}

/// The weights of one layer in one direction, or their gradients.
#[derive(Debug)]
pub(super) struct Layer {
    /// Blocks of `[n, 4H]` for inputs that are concatenated: first the input of each step, then the
    /// constant inputs.
    pub(super) inputs: Vec<Tensor>,
    /// `[H, 4H]`.
    pub(super) recurrent: Tensor,
    /// `[4H]`; 1 is added to the forget gate in addition.
    pub(super) bias: Tensor,
}

/// A pass over sequences through layers of the same size.
pub(super) struct Stack<'a> {
    pub(super) steps: Steps<'a>,
    /// `[B, C]`: an input of the first layer at every step.
    pub(super) constant: Option<Tensor>,
    /// `[B, 2 ΣH]`, in the order `c_0 h_0 c_1 h_1 …` of `layers`.
    pub(super) initial: Tensor,
    /// Layer by layer, with the directions of each layer next to each other.
    pub(super) layers: Vec<Layer>,
    /// Whether each layer reads in both directions, whose outputs are concatenated.
    pub(super) is_bidirectional: bool,
    pub(super) options: PassOptions,
}

/// A forward pass in the form kept by libtorch's autograd.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    /// The tensor whose gradient is propagated, in reading order; it refers to libtorch's graph.
    outputs: TorchTensor,
    /// `[T, B, n]`, in reading order.
    input: TorchTensor,
    /// `h_0`, `c_0`, `[L, B, H]` each.
    states: [TorchTensor; 2],
    /// `w_ih`, `w_hh`, `b_ih`, `b_hh` of each layer.
    weights: Vec<TorchTensor>,
}

/// Gradients of a stack's tensors.
pub(super) struct StackGradients {
    pub(super) values: Option<Tensor>,
    pub(super) constant: Option<Tensor>,
    pub(super) initial: Tensor,
    pub(super) layers: Vec<Layer>,
}

impl Stack<'_> {
    /// Every output, `[T, B, H]` in `f32` in order of time, or only the last one, `[1, B, H]`.
    pub(super) fn infer(&self) -> TorchTensor {
        tch::no_grad(|| self.run(false)).0
    }

    /// Like [`Stack::infer`], also returning the values that the backward pass needs.
    pub(super) fn forward(&self) -> (TorchTensor, Graph) {
        // `run` enables gradients for the tensors that need them.
        tch::no_grad(|| self.run(true))
    }

    /// The backward pass of [`Stack::forward`].
    pub(super) fn backward(&self, graph: &Graph, gradient: &Tensor) -> StackGradients {
        let gradient = gradient.to_kind(self.kind());
        let gradient =
            if self.options.last_only { self.of_last(&gradient) } else { self.in_order(&gradient) };
        // tch has no parameter for the gradient of the outputs; the gradient of
        // `Σ outputs · gradient` is the same.
        let sum =
            tch::with_grad(|| graph.outputs.tensor.reshape([-1]).dot(&gradient.reshape([-1])));
        let leaves = graph.states.iter().chain(&graph.weights);
        let input = graph.input.tensor.requires_grad().then_some(&graph.input);
        let wanted: Vec<_> = leaves.chain(input).map(|leaf| leaf.tensor.shallow_clone()).collect();
        let gradients = Tensor::run_backward(&[sum], &wanted, false, false);
        tch::no_grad(|| self.gradients(&gradients))
    }

    /// Gradients of the stack's tensors from those of `h_0`, `c_0`, the weights and, if there is
    /// one, the input.
    fn gradients(&self, gradients: &[Tensor]) -> StackGradients {
        let [h, c, others @ ..] = gradients else {
            unreachable!("the gradients of the states come first")
        };
        let (weights, input) = others.split_at(4 * self.layers.len());
        let input = input.first();
        let n_steps_inputs = self.layers[0].inputs[0].size()[0];
        let constant = self.constant.as_ref().zip(input).map(|(constant, input)| {
            let of_steps = input.narrow(2, n_steps_inputs, constant.size()[1]);
            of_steps.sum_dim_intlist([0].as_slice(), false, Kind::Float)
        });
        let values = match &self.steps {
            Steps::Symbols(_) => None,
            Steps::Vectors(_) => input.map(|input| {
                let values = input.narrow(2, 0, n_steps_inputs);
                self.in_order(&values).to_kind(Kind::Float).contiguous()
            }),
        };
        let layers = self.layers.iter().zip(weights.chunks_exact(4)).map(|(layer, gradients)| {
            let [w_ih, w_hh, b_ih, _] = gradients else { unreachable!("chunks of four") };
            let mut column = 0;
            let blocks = layer.inputs.iter().map(|block| {
                let n = block.size()[0];
                column += n;
                our_layout(&w_ih.narrow(1, column - n, n))
            });
            Layer {
                inputs: blocks.collect(),
                recurrent: our_layout(w_hh),
                bias: our_layout(&b_ih.unsqueeze(1)).squeeze_dim(0),
            }
        });
        // `[L, B, H]` each, as `[B, L, 2, H]`.
        let initial = Tensor::stack(&[c, h], 0).permute([2, 1, 0, 3]);
        let n = initial.size()[0];
        StackGradients {
            values,
            constant,
            initial: initial.to_kind(Kind::Float).reshape([n, -1]),
            layers: layers.collect(),
        }
    }

    fn run(&self, train: bool) -> (TorchTensor, Graph) {
        let kind = self.kind();
        let leaf = |tensor: Tensor| tensor.set_requires_grad(train);
        let input = self.input();
        // Symbols have no gradient.
        let input = match (&self.steps, &self.constant) {
            (Steps::Symbols(_), None) => input,
            _ => leaf(input),
        };
        let n_directions: i64 = if self.is_bidirectional { 2 } else { 1 };
        let n_stacked = i64::try_from(self.layers.len()).expect("a few layers");
        let batch = self.initial.size()[0];
        let initial = self.initial.to_kind(kind).view([batch, n_stacked, 2, -1]);
        let state = |which: i64| leaf(initial.select(2, which).transpose(0, 1).contiguous());
        let states = [state(1), state(0)];
        let weights: Vec<_> = self.packed_weights().into_iter().map(leaf).collect();
        let lstm = || {
            let n_layers = n_stacked / n_directions;
            input.lstm(&states, &weights, true, n_layers, 0.0, train, self.is_bidirectional, false)
        };
        let (outputs, last, _) = if train { tch::with_grad(lstm) } else { lstm() };
        let (outputs, wanted) = if self.options.last_only {
            let of_top = || last.narrow(0, n_stacked - n_directions, n_directions);
            let top = if train { tch::with_grad(of_top) } else { of_top() };
            // `[D, B, H]` as `[1, B, D H]`.
            let plain = top.detach().transpose(0, 1).reshape([1, batch, -1]);
            (top, plain)
        } else {
            let plain = self.in_order(&outputs.detach());
            (outputs, plain)
        };
        let outputs = TorchTensor::new(outputs);
        // They may share memory, which burn must know before it writes to it.
        let wanted =
            TorchTensor::from_existing(wanted.to_kind(Kind::Float), outputs.storage.clone());
        let graph = Graph {
            outputs,
            input: TorchTensor::new(input),
            states: states.map(TorchTensor::new),
            weights: weights.into_iter().map(TorchTensor::new).collect(),
        };
        (wanted, graph)
    }

    /// The type of the products.
    fn kind(&self) -> Kind {
        match self.options.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        }
    }

    /// Converts steps from order of time to reading order, or back.
    fn in_order(&self, steps: &Tensor) -> Tensor {
        if self.options.reverse { steps.flip([0]) } else { steps.shallow_clone() }
    }

    /// The gradient of the last outputs, `[1, B, D H]`, as `[D, B, H]`.
    fn of_last(&self, gradient: &Tensor) -> Tensor {
        let n_directions = if self.is_bidirectional { 2 } else { 1 };
        let batch = gradient.size()[1];
        gradient.view([batch, n_directions, -1]).transpose(0, 1)
    }

    /// The input of each step, in reading order: `[T, B, n]`, with symbols as counts, followed by
    /// the constant inputs.
    fn input(&self) -> Tensor {
        let kind = self.kind();
        let first = &self.layers[0];
        let values = match &self.steps {
            Steps::Vectors(values) => values.to_kind(kind).detach(),
            Steps::Symbols(symbols) => {
                one_hot(symbols, first.inputs[0].size()[0], kind, first.bias.device())
            }
        };
        let values = match &self.constant {
            None => values,
            Some(constant) => {
                let n_steps = values.size()[0];
                let constant = constant.to_kind(kind).unsqueeze(0);
                Tensor::cat(&[values, constant.expand([n_steps, -1, -1], false)], 2)
            }
        };
        self.in_order(&values)
    }

    /// `w_ih`, `w_hh`, `b_ih` and `b_hh` of each layer, with PyTorch's names: views of one buffer
    /// that contains all weights followed by all biases.
    fn packed_weights(&self) -> Vec<Tensor> {
        let hidden = self.layers[0].recurrent.size()[0];
        let width = 4 * hidden;
        let n_inputs =
            |layer: &Layer| layer.inputs.iter().map(|block| block.size()[0]).sum::<i64>();
        let columns: i64 = self.layers.iter().map(|layer| n_inputs(layer) + hidden + 2).sum();
        let options = (self.kind(), self.layers[0].bias.device());
        let buffer = Tensor::zeros([width * columns], options);
        let mut first = 0;
        let mut view = |columns: i64| {
            let view = buffer.narrow(0, first, width * columns).view([width, columns]);
            first += width * columns;
            view
        };
        let kernels: Vec<_> =
            self.layers.iter().map(|layer| (view(n_inputs(layer)), view(hidden))).collect();
        let biases: Vec<_> = self.layers.iter().map(|_| (view(1), view(1))).collect();
        let mut packed = Vec::new();
        for ((layer, (w_ih, w_hh)), (b_ih, b_hh)) in self.layers.iter().zip(kernels).zip(biases) {
            let mut column = 0;
            for block in &layer.inputs {
                torch_layout(block, &w_ih.narrow(1, column, block.size()[0]));
                column += block.size()[0];
            }
            torch_layout(&layer.recurrent, &w_hh);
            torch_layout(&layer.bias.unsqueeze(0), &b_ih);
            let _ = b_hh.narrow(0, hidden, hidden).fill_(f64::from(FORGET_BIAS));
            packed.extend([w_ih, w_hh, b_ih.squeeze_dim(1), b_hh.squeeze_dim(1)]);
        }
        packed
    }
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
fn our_layout(weights: &Tensor) -> Tensor {
    let (width, n) = (weights.size()[0], weights.size()[1]);
    let hidden = width / 4;
    let to = Tensor::empty([n, width], (Kind::Float, weights.device()));
    for (own, torch) in (0..).zip(TORCH_GATES) {
        let block = weights.narrow(0, torch * hidden, hidden).tr();
        to.narrow(1, own * hidden, hidden).copy_(&block);
    }
    to
}

/// `[T, B, V]`: how often each symbol occurs at each step.
fn one_hot(symbols: &SymbolSteps, n_symbols: i64, kind: Kind, device: Device) -> Tensor {
    let dimensions = [symbols.steps(), symbols.batch(), symbols.slots()];
    let shape = dimensions.map(|n| i64::try_from(n).expect("a checked configuration's sizes"));
    let ids = Tensor::from_slice(symbols.ids()).view(shape).to_device(device);
    // Empty slots go to an extra column, which is removed.
    let ids = ids.to_kind(Kind::Int64);
    let ids = ids.where_scalarother(&ids.ge(0), n_symbols);
    let counts = Tensor::zeros([shape[0], shape[1], n_symbols + 1], (kind, device));
    let ones = Tensor::ones(shape, (kind, device));
    counts.scatter_add(2, &ids, &ones).narrow(2, 0, n_symbols)
}
