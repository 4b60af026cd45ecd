//! The recurrent core compared with hand-computed numbers, with the composition of burn's
//! operations, with finite differences, and with itself on other numbers of threads.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex};
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use rand::RngExt;

use super::composed::ComposedTrace;
use super::cpu::HostTrace;
use super::extension::{Constant, LstmCall, LstmGradients, LstmKernel, Source};
use super::*;
use crate::model::host;
use crate::seed;

/// Shapes and values of one pass, drawn from a seed.
#[derive(Clone)]
struct Case {
    shape: [usize; 3],
    n_inputs: usize,
    symbols: Arc<SymbolSteps>,
    values: Vec<f32>,
    weights: Vec<f32>,
    n_constants: usize,
    constant: Vec<f32>,
    constant_weights: Vec<f32>,
    bias: Vec<f32>,
    recurrent: Vec<f32>,
    initial: Vec<f32>,
}

impl Case {
    fn new(
        shape @ [steps, batch, hidden]: [usize; 3],
        n_inputs: usize,
        slots: usize,
        n_constants: usize,
    ) -> Self {
        let mut rng = seed::stream(3, "case", 0);
        let mut draw =
            |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.0..1.0)).collect() };
        let case = [
            steps * batch * n_inputs,
            n_inputs * 4 * hidden,
            batch * n_constants,
            n_constants * 4 * hidden,
            4 * hidden,
            hidden * 4 * hidden,
            batch * 2 * hidden,
        ]
        .map(&mut draw);
        let [values, weights, constant, constant_weights, bias, recurrent, initial] = case;
        let n_symbols = i32::try_from(n_inputs).unwrap();
        let ids = (0..steps * batch * slots).map(|_| rng.random_range(-1..n_symbols)).collect();
        let symbols = Arc::new(SymbolSteps::new(ids, [steps, batch, slots]));
        Self {
            shape,
            n_inputs,
            symbols,
            values,
            weights,
            n_constants,
            constant,
            constant_weights,
            bias,
            recurrent,
            initial,
        }
    }

    /// The call on a backend's default device.
    fn call<B: Backend>(&self, vectors: bool, reverse: bool, last_only: bool) -> LstmCall<B> {
        let [steps, batch, hidden] = self.shape;
        let matrix = |values: &Vec<f32>, columns: usize| {
            tensor::<B>(TensorData::new(values.clone(), [values.len() / columns, columns]))
        };
        let weights = matrix(&self.weights, 4 * hidden);
        let source = if vectors {
            let data = TensorData::new(self.values.clone(), [steps, batch, self.n_inputs]);
            Source::Vectors { values: tensor::<B>(data), weights }
        } else {
            Source::Symbols { symbols: Arc::clone(&self.symbols), table: weights }
        };
        let constant = (self.n_constants > 0).then(|| Constant {
            values: matrix(&self.constant, self.n_constants),
            weights: matrix(&self.constant_weights, 4 * hidden),
        });
        LstmCall {
            source,
            constant,
            bias: tensor::<B>(TensorData::new(self.bias.clone(), [4 * hidden])),
            recurrent: matrix(&self.recurrent, 4 * hidden),
            initial: matrix(&self.initial, 2 * hidden),
            options: PassOptions { reverse, last_only, ..PassOptions::default() },
        }
    }

    /// A gradient to propagate, `[T, B, H]` or `[1, B, H]`.
    fn gradient<B: Backend>(&self, last_only: bool) -> FloatTensor<B> {
        let [steps, batch, hidden] = self.shape;
        let shape = [if last_only { 1 } else { steps }, batch, hidden];
        let n = shape.iter().product::<usize>();
        let values = (0..n).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>();
        tensor::<B>(TensorData::new(values, shape))
    }
}

fn tensor<B: Backend>(data: TensorData) -> FloatTensor<B> {
    B::float_from_data(data, &B::Device::default())
}

fn values<B: Backend>(tensor: &FloatTensor<B>) -> Vec<f32> {
    let data = burn::backend::try_read_sync(B::float_into_data(tensor.clone())).unwrap();
    data.unwrap().try_into_vec().unwrap()
}

type Named = Vec<(&'static str, Vec<f32>)>;

fn of_gradients<B: Backend>(gradients: &LstmGradients<B>) -> Named {
    let mut all = vec![
        ("d weights", values::<B>(&gradients.weights)),
        ("d bias", values::<B>(&gradients.context.bias)),
        ("d recurrent", values::<B>(&gradients.recurrent)),
        ("d initial", values::<B>(&gradients.initial)),
    ];
    if let Some(constant) = &gradients.context.constant {
        all.push(("d constant", values::<B>(&constant.values)));
        all.push(("d constant weights", values::<B>(&constant.weights)));
    }
    if let Some(d_values) = &gradients.values {
        all.push(("d values", values::<B>(d_values)));
    }
    all
}

/// Outputs, gates and cells.
fn of_kernel(trace: HostTrace<Flex>) -> [Vec<f32>; 3] {
    [values::<Flex>(&trace.outputs), trace.gates.to_vec(), trace.cells.to_vec()]
}

/// Outputs, gates and cells of a trace, with the gradients.
fn of_both(trace: [Vec<f32>; 3], gradients: &LstmGradients<Flex>) -> Named {
    let mut all = of_gradients(gradients);
    all.extend(["outputs", "gates", "cells"].into_iter().zip(trace));
    all
}

/// Whether all values are equal up to the rounding of sums of a few hundred terms, and the gate
/// functions' error of 4e-7.
fn compare(found: &Named, expected: &Named) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        prop_assert_eq!(found.len(), expected.len(), "{}", name);
        let largest = expected.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
        for (found, expected) in found.iter().zip(expected) {
            prop_assert!(
                (found - expected).abs() < 2e-5 * largest,
                "{}: {} {}",
                name,
                found,
                expected
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The CPU kernel and the composition are implemented independently: one row by row on
    /// registers, one on whole tensors.
    #[test]
    fn the_kernel_agrees_with_the_composition(
        steps in 1_usize..6, batch in 1_usize..40, hidden in 1_usize..20, n_inputs in 1_usize..9,
        slots in 1_usize..3, n_constants in 0_usize..4, vectors: bool, reverse: bool,
        last_only: bool,
    ) {
        let case = Case::new([steps, batch, hidden], n_inputs, slots, n_constants);
        let call = case.call::<Flex>(vectors, reverse, last_only);
        let (wanted, kernel) = Flex::lstm_forward(call.clone());
        prop_assert_eq!(values::<Flex>(&Flex::lstm_outputs(call.clone())), values::<Flex>(&wanted));
        let composed = composed::forward(call.clone());
        let gradient = || case.gradient::<Flex>(last_only);
        let kernel_back = Flex::lstm_backward(call.clone(), kernel.clone(), gradient());
        let composed_back = composed::backward(call, composed.clone(), gradient());
        let ComposedTrace { outputs, gates, cells } = composed;
        let of_composed = [&outputs, &gates, &cells].map(values::<Flex>);
        compare(&of_both(of_kernel(kernel), &kernel_back), &of_both(of_composed, &composed_back))?;
    }
}

/// The GPU implementation, here on the CPU.
#[cfg(feature = "tch")]
mod libtorch {
    use burn::backend::LibTorch;

    use super::*;
    use crate::recurrent::torch;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_lstm_of_libtorch_agrees_with_the_kernel(
            steps in 1_usize..6, batch in 1_usize..9, hidden in 1_usize..20, n_inputs in 1_usize..9,
            slots in 1_usize..3, n_constants in 0_usize..4, vectors: bool, reverse: bool,
            last_only: bool,
        ) {
            let case = Case::new([steps, batch, hidden], n_inputs, slots, n_constants);
            let call = case.call::<Flex>(vectors, reverse, last_only);
            let (outputs, trace) = Flex::lstm_forward(call.clone());
            let gradients = Flex::lstm_backward(call, trace, case.gradient::<Flex>(last_only));
            let mut expected = of_gradients::<Flex>(&gradients);
            expected.push(("outputs", values::<Flex>(&outputs)));
            let call = case.call::<LibTorch>(vectors, reverse, last_only);
            let (outputs, graph) = torch::forward(&call);
            let inferred = torch::as_one_layer(&call).infer();
            let named = |outputs| vec![("outputs", values::<LibTorch>(outputs))];
            compare(&named(&inferred), &named(&outputs))?;
            let gradient = case.gradient::<LibTorch>(last_only);
            let gradients = torch::backward(&call, &graph, &gradient);
            let mut found = of_gradients::<LibTorch>(&gradients);
            found.push(("outputs", values::<LibTorch>(&outputs)));
            compare(&found, &expected)?;
        }
    }

    #[test]
    fn bfloat16_rounds_and_does_no_more() {
        let case = Case::new([5, 4, 16], 6, 1, 3);
        let run = |precision| {
            let mut call = case.call::<LibTorch>(false, true, false);
            call.options.precision = precision;
            let (outputs, graph) = torch::forward(&call);
            let gradients = torch::backward(&call, &graph, &case.gradient::<LibTorch>(false));
            let mut all = of_gradients::<LibTorch>(&gradients);
            all.push(("outputs", values::<LibTorch>(&outputs)));
            all
        };
        let (exact, rounded) = (run(Precision::F32), run(Precision::Bf16));
        assert_ne!(exact, rounded);
        for ((name, exact), (_, rounded)) in exact.iter().zip(&rounded) {
            let largest = exact.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
            for (exact, rounded) in exact.iter().zip(rounded) {
                // Rounding changes a number by at most 4e-3 of its value; five steps accumulate
                // some dozens of such errors.
                assert!((exact - rounded).abs() < 5e-2 * largest, "{name}: {rounded} {exact}");
            }
        }
    }

    /// burn works in place if it believes that it is the only owner, but libtorch's graph is
    /// another one.
    #[test]
    fn what_follows_does_not_write_into_the_graph() {
        use burn::backend::ops::FloatTensorOps;

        let case = Case::new([3, 4, 5], 6, 1, 0);
        let call = case.call::<LibTorch>(false, false, false);
        let gradients = |follow: fn(FloatTensor<LibTorch>) -> FloatTensor<LibTorch>| {
            let (outputs, graph) = torch::forward(&call);
            let _ = follow(outputs);
            let gradient = case.gradient::<LibTorch>(false);
            of_gradients::<LibTorch>(&torch::backward(&call, &graph, &gradient))
        };
        assert_eq!(gradients(LibTorch::float_tanh), gradients(|outputs| outputs));
    }
}

/// One unit, two steps, with every number computed below.
#[test]
fn two_steps_of_one_unit_by_hand() {
    let device = Device::flex();
    let tensor = |values: &[f32]| {
        Tensor::<2>::from_data(TensorData::new(values.to_vec(), [1, values.len()]), &device)
    };
    let symbols = Arc::new(SymbolSteps::new(vec![0, SymbolSteps::NONE], [2, 1, 1]));
    let outputs = lstm_over_symbols(
        symbols,
        tensor(&[0.1, 0.2, 0.3, 0.4]),
        // 0.5 -0.5 0.25 -0.25 are added at each step: the bias and the contribution of the
        // constant.
        Some(ConstantInputs { values: tensor(&[2.0]), weights: tensor(&[0.1, -0.2, 0.1, 0.0]) }),
        LstmInputs {
            bias: Tensor::from_data([0.3, -0.1, 0.05, -0.25], &device),
            recurrent: tensor(&[1.0, 2.0, -1.0, 0.5]),
            initial: tensor(&[0.6, -0.2]),
            options: PassOptions::default(),
        },
    );
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    // Step 1: the symbol's row, the context and -0.2 times the recurrent weights.
    let (i, j) = (sigmoid(0.1 + 0.5 - 0.2), (0.2 - 0.5 - 0.4_f64).tanh());
    let (f, o) = (sigmoid(0.3 + 0.25 + 0.2 + 1.0), sigmoid(0.4 - 0.25 - 0.1));
    let c1 = i * j + 0.6 * f;
    let h1 = c1.tanh() * o;
    // Step 2: no symbol.
    let (i, j) = (sigmoid(0.5 + h1), (-0.5 + 2.0 * h1).tanh());
    let (f, o) = (sigmoid(0.25 - h1 + 1.0), sigmoid(-0.25 + 0.5 * h1));
    let h2 = (i * j + c1 * f).tanh() * o;
    for (found, expected) in host(outputs).into_iter().zip([h1, h2]) {
        // The gate functions are accurate to 4e-7.
        assert!((f64::from(found) - expected).abs() < 2e-6, "{found} instead of {expected}");
    }
}

/// Reading backward is the same as reading the reversed sequence forward and reversing the results.
#[test]
fn reverse_is_a_mirror() {
    let case = Case::new([5, 3, 4], 6, 1, 2);
    let mut mirrored = case.clone();
    let ids: Vec<i32> = case.symbols.ids().chunks(3).rev().flatten().copied().collect();
    mirrored.symbols = Arc::new(SymbolSteps::new(ids, [5, 3, 1]));
    let backward = values::<Flex>(&Flex::lstm_outputs(case.call(false, true, false)));
    let forward = values::<Flex>(&Flex::lstm_outputs(mirrored.call(false, false, false)));
    let back: Vec<f32> = forward.chunks(12).rev().flatten().copied().collect();
    assert_eq!(backward, back);
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let case = Case::new([7, 150, 33], 12, 2, 3);
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            [true, false].map(|vectors| {
                let (_, trace) = Flex::lstm_forward(case.call(vectors, vectors, false));
                let call = case.call(vectors, vectors, false);
                let gradient = case.gradient::<Flex>(false);
                let gradients = Flex::lstm_backward(call, trace.clone(), gradient);
                of_both(of_kernel(trace), &gradients)
                    .into_iter()
                    .map(|(name, values)| (name, values.iter().map(|v| v.to_bits()).collect()))
                    .collect::<Vec<(_, Vec<u32>)>>()
            })
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(7));
}

/// Sequences of different lengths: our kernel reads only their steps, other devices read padded
/// ones.
#[test]
fn packed_sequences_are_padded_ones_without_their_padding() {
    let device = Device::flex().autodiff();
    let ids = vec![0, 1, 2, 3, 1, 2, 0, 3, 3];
    let symbols = Arc::new(SymbolSteps::packed(ids, vec![4, 3, 1, 1], 1));
    let value = |n: usize, k: usize| -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + k * 11) as f32).sin()).collect()
    };
    let matrix = |rows: usize, columns: usize, k| {
        let data = TensorData::new(value(rows * columns, k), [rows, columns]);
        Tensor::<2>::from_data(data, &device).require_grad()
    };
    let mut all = Vec::new();
    for padded in [false, true] {
        let (table, recurrent, initial) = (matrix(4, 12, 1), matrix(3, 12, 2), matrix(4, 6, 3));
        let (values, weights) = (matrix(4, 2, 4), matrix(2, 12, 5));
        let bias = Tensor::<1>::from_data(TensorData::new(value(12, 6), [12]), &device);
        let inputs = LstmInputs {
            bias: bias.require_grad(),
            recurrent: recurrent.clone(),
            initial: initial.clone(),
            options: PassOptions::default(),
        };
        let constant = Some(ConstantInputs { values: values.clone(), weights: weights.clone() });
        let outputs = if padded {
            over_padded_symbols(&symbols, table.clone(), constant, inputs)
        } else {
            lstm_over_symbols(Arc::clone(&symbols), table.clone(), constant, inputs)
        };
        assert_eq!(outputs.dims(), [1, 9, 3]);
        let weights_of_loss = TensorData::new(value(27, 7), [1, 9, 3]);
        let weighted = outputs.clone() * Tensor::from_data(weights_of_loss, &device);
        let gradients = weighted.sum().backward();
        let found = [table, recurrent, initial, values, weights]
            .map(|tensor| host(tensor.grad(&gradients).unwrap()));
        all.push((host(outputs), found));
    }
    let (packed, padded) = (&all[0], &all[1]);
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&packed.0, &padded.0));
    for (packed, padded) in packed.1.iter().zip(&padded.1) {
        assert!(near(packed, padded), "{packed:?} {padded:?}");
    }
}
