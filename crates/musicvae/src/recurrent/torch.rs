//! One layer on `tch`: on the CPU with our own kernel, which is faster than libtorch's; on a GPU
//! with cuDNN's, see [`super::cudnn`].

use burn::backend::LibTorch;
use burn::backend::tensor::FloatTensor;
use tch::Device;

use super::cpu::{self, HostTrace};
use super::cudnn::{Graph, Layer, Stack, StackGradients, Steps};
use super::extension::{Constant, ContextGradients, LstmCall, LstmGradients, LstmKernel, Source};

/// A tensor of burn. Unlike one of tch, it may be sent to and read by other threads.
pub(super) type TorchTensor = FloatTensor<LibTorch>;

/// The values of a forward pass that the backward pass needs.
#[derive(Clone, Debug)]
pub(crate) enum TorchTrace {
    /// From our kernel, on the CPU.
    Kernel(HostTrace<LibTorch>),
    /// From libtorch.
    Graph(Graph),
}

impl LstmKernel for LibTorch {
    type Trace = TorchTrace;

    fn lstm_outputs(call: LstmCall<Self>) -> TorchTensor {
        if is_cpu(&call) {
            return cpu::outputs(call);
        }
        as_one_layer(&call).infer()
    }

    fn lstm_forward(call: LstmCall<Self>) -> (TorchTensor, TorchTrace) {
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
        gradient: TorchTensor,
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

/// The forward pass with libtorch, on any device.
pub(super) fn forward(call: &LstmCall<LibTorch>) -> (TorchTensor, Graph) {
    as_one_layer(call).forward()
}

/// The backward pass of [`forward`].
pub(super) fn backward(
    call: &LstmCall<LibTorch>,
    graph: &Graph,
    gradient: &TorchTensor,
) -> LstmGradients<LibTorch> {
    let StackGradients { values, constant, initial, layers } =
        as_one_layer(call).backward(graph, &gradient.tensor);
    let [layer]: [Layer; 1] = layers.try_into().expect("the stack has one layer");
    let mut inputs = layer.inputs.into_iter().map(TorchTensor::new);
    let mut input = || inputs.next().expect("a gradient for each block of weights");
    let weights = input();
    let constant =
        constant.map(|values| Constant { values: TorchTensor::new(values), weights: input() });
    LstmGradients {
        values: values.map(TorchTensor::new),
        weights,
        context: ContextGradients { constant, bias: TorchTensor::new(layer.bias) },
        recurrent: TorchTensor::new(layer.recurrent),
        initial: TorchTensor::new(initial),
    }
}

/// A call as a stack of one layer.
pub(super) fn as_one_layer(call: &LstmCall<LibTorch>) -> Stack<'_> {
    let tensor = |tensor: &TorchTensor| tensor.tensor.shallow_clone();
    let (steps, weights) = match &call.source {
        Source::Symbols { symbols, table } => (Steps::Symbols(symbols), tensor(table)),
        Source::Vectors { values, weights } => (Steps::Vectors(tensor(values)), tensor(weights)),
    };
    let mut inputs = vec![weights];
    inputs.extend(call.constant.as_ref().map(|constant| tensor(&constant.weights)));
    Stack {
        steps,
        constant: call.constant.as_ref().map(|constant| tensor(&constant.values)),
        initial: tensor(&call.initial),
        layers: vec![Layer {
            inputs,
            recurrent: tensor(&call.recurrent),
            bias: tensor(&call.bias),
        }],
        is_bidirectional: false,
        options: call.options,
    }
}
