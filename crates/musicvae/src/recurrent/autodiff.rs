//! The operation as a node of burn's autodiff graph, with its backward pass.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

use super::extension::{LstmCall, LstmGradients, LstmKernel, LstmOps, LstmTrace, Source};
use super::{PassOptions, SymbolSteps};

/// The backward pass with `N` differentiable inputs: values (only with vectors), weights, context,
/// recurrent weights, initial state.
#[derive(Debug)]
struct LstmBackward;

impl<B: Backend + LstmKernel, const N: usize> Backward<B, N> for LstmBackward {
    type State = (LstmCall<B>, LstmTrace<B>);

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
        let gradients = values.into_iter().chain([weights, context, recurrent, initial]);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: Backend + LstmKernel, C: CheckpointStrategy> LstmOps for Autodiff<B, C> {
    fn lstm_symbols(
        symbols: Arc<SymbolSteps>,
        table: FloatTensor<Self>,
        context: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self> {
        let parents = [table.node(), context.node(), recurrent.node(), initial.node()];
        let call = LstmCall {
            source: Source::Symbols { symbols, table: table.into_primitive() },
            context: context.into_primitive(),
            recurrent: recurrent.into_primitive(),
            initial: initial.into_primitive(),
            options,
        };
        let trace = B::lstm_forward(call.clone());
        let outputs = trace.outputs.clone();
        match LstmBackward.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((call, trace), outputs),
            OpsKind::UnTracked(node) => node.finish(outputs),
        }
    }

    fn lstm_vectors(
        values: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        context: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self> {
        let parents =
            [values.node(), weights.node(), context.node(), recurrent.node(), initial.node()];
        let source =
            Source::Vectors { values: values.into_primitive(), weights: weights.into_primitive() };
        let call = LstmCall {
            source,
            context: context.into_primitive(),
            recurrent: recurrent.into_primitive(),
            initial: initial.into_primitive(),
            options,
        };
        let trace = B::lstm_forward(call.clone());
        let outputs = trace.outputs.clone();
        match LstmBackward.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((call, trace), outputs),
            OpsKind::UnTracked(node) => node.finish(outputs),
        }
    }
}
