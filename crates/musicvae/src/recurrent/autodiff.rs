//! The operation as a node of burn's autodiff graph, with its backward pass.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

use super::extension::{Constant, LstmCall, LstmGradients, LstmKernel, LstmOps, Source};
use super::{PassOptions, SymbolSteps};

/// The backward pass with `N` differentiable inputs: values (only with vectors), weights, constant
/// inputs and their weights (only if there are any), bias, recurrent weights, initial state.
#[derive(Debug)]
struct LstmBackward;

impl<B: Backend + LstmKernel, const N: usize> Backward<B, N> for LstmBackward {
    type State = (LstmCall<B>, B::Trace);

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<B>(&ops.node);
        let (call, trace) = ops.state;
        let LstmGradients { values, weights, context, recurrent, initial } =
            B::lstm_backward(call, trace, gradient);
        let constant = context.constant.map(|c| [c.values, c.weights]).into_iter().flatten();
        let gradients = values.into_iter().chain([weights]).chain(constant).chain([
            context.bias,
            recurrent,
            initial,
        ]);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

/// Turns a call into a node of the graph with its tensors as parents, in [`LstmBackward`]'s order.
fn node<B: Backend + LstmKernel, C: CheckpointStrategy, const N: usize>(
    tensors: [FloatTensor<Autodiff<B, C>>; N],
    call: impl FnOnce([FloatTensor<B>; N]) -> LstmCall<B>,
) -> FloatTensor<Autodiff<B, C>> {
    let parents = tensors.each_ref().map(FloatTensor::<Autodiff<B, C>>::node);
    let call = call(tensors.map(FloatTensor::<Autodiff<B, C>>::into_primitive));
    match LstmBackward.prepare::<C>(parents).compute_bound().stateful() {
        OpsKind::Tracked(node) => {
            let (outputs, trace) = B::lstm_forward(call.clone());
            node.finish((call, trace), outputs)
        }
        OpsKind::UnTracked(node) => node.finish(B::lstm_outputs(call)),
    }
}

impl<B: Backend + LstmKernel, C: CheckpointStrategy> LstmOps for Autodiff<B, C> {
    fn lstm_symbols(
        symbols: Arc<SymbolSteps>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self> {
        node::<B, C, _>([table, bias, recurrent, initial], |[table, bias, recurrent, initial]| {
            let source = Source::Symbols { symbols, table };
            LstmCall { source, constant: None, bias, recurrent, initial, options }
        })
    }

    fn lstm_symbols_and_constant(
        symbols: Arc<SymbolSteps>,
        table: FloatTensor<Self>,
        constant: FloatTensor<Self>,
        constant_weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self> {
        node::<B, C, _>(
            [table, constant, constant_weights, bias, recurrent, initial],
            |[table, values, weights, bias, recurrent, initial]| {
                let source = Source::Symbols { symbols, table };
                let constant = Some(Constant { values, weights });
                LstmCall { source, constant, bias, recurrent, initial, options }
            },
        )
    }

    fn lstm_vectors(
        values: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self> {
        node::<B, C, _>(
            [values, weights, bias, recurrent, initial],
            |[values, weights, bias, recurrent, initial]| {
                let source = Source::Vectors { values, weights };
                LstmCall { source, constant: None, bias, recurrent, initial, options }
            },
        )
    }
}
