//! Both passes on every instruction set of this processor, compared with a plain `f64` loop, with
//! finite differences of its loss, and with themselves on other numbers of threads.

use pulp::{Arch, Simd};

use super::backward::Backward;
use super::forward::{Forward, Outputs};
use super::*;
use crate::packed::{Arithmetic, Precision};

/// Shapes and values of one pass.
#[derive(Clone)]
struct Case {
    /// Number of sequences that have each step.
    sizes: Vec<usize>,
    hidden: usize,
    n_inputs: usize,
    slots: usize,
    reverse: bool,
    ids: Vec<i32>,
    values: Vec<f32>,
    weights: Vec<f32>,
    context: Vec<f32>,
    recurrent: Vec<f32>,
    initial: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl Case {
    fn new([steps, batch, hidden]: [usize; 3], n_inputs: usize, slots: usize) -> Self {
        Self::of_lengths(vec![batch; steps], hidden, n_inputs, slots)
    }

    /// Sequences of different lengths.
    fn of_lengths(sizes: Vec<usize>, hidden: usize, n_inputs: usize, slots: usize) -> Self {
        let (batch, n_rows) = (sizes[0], sizes.iter().sum::<usize>());
        let mut state = 7_u32;
        let mut draw = |n: usize, scale: f32| -> Vec<f32> {
            let next = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) as f32 / 8_388_608.0 - 1.0) * scale
            };
            (0..n).map(next).collect()
        };
        // Keeps pre-activations near one for any width.
        let scale = 1.0 / (hidden as f32).sqrt();
        Self {
            values: draw(n_rows * n_inputs, 1.0),
            weights: draw(n_inputs * 4 * hidden, 0.5),
            context: draw(batch * 4 * hidden, 0.5),
            recurrent: draw(hidden * 4 * hidden, scale),
            initial: draw(batch * 2 * hidden, 1.0),
            output_gradient: draw(n_rows * hidden, 1.0),
            // Every fifth slot adds nothing.
            ids: (0..n_rows * slots)
                .map(|i| if i % 5 == 4 { -1 } else { i32::try_from(i * 7 % n_inputs).unwrap() })
                .collect(),
            sizes,
            hidden,
            n_inputs,
            slots,
            reverse: false,
        }
    }

    fn steps(&self) -> usize {
        self.sizes.len()
    }

    fn batch(&self) -> usize {
        self.sizes[0]
    }

    /// Number of steps of a sequence.
    fn length(&self, row: usize) -> usize {
        self.sizes.iter().filter(|size| **size > row).count()
    }

    /// The index of a step of a sequence among the rows of all steps.
    fn place(&self, t: usize, row: usize) -> usize {
        self.sizes[..t].iter().sum::<usize>() + row
    }

    fn pass(&self, vectors: bool) -> Pass<'_> {
        let source = if vectors {
            Source::Vectors { values: &self.values, weights: &self.weights }
        } else {
            Source::Symbols { ids: &self.ids, slots: self.slots, table: &self.weights }
        };
        Pass {
            source,
            context: &self.context,
            recurrent: &self.recurrent,
            initial: &self.initial,
            steps: self.steps(),
            batch: self.batch(),
            batch_sizes: (self.sizes[self.steps() - 1] < self.batch()).then_some(&self.sizes),
            hidden: self.hidden,
            reverse: self.reverse,
        }
    }

    /// All results of both passes on an instruction set.
    fn run<S: Simd>(&self, simd: S, vectors: bool, arithmetic: Arithmetic) -> Results {
        let pass = &self.pass(vectors);
        let trace = simd.vectorize(Forward { pass, arithmetic });
        let by_ref = TraceRef { outputs: &trace.outputs, gates: &trace.gates, cells: &trace.cells };
        let output_gradient = &self.output_gradient;
        let back = Backward { pass, trace: by_ref, output_gradient, arithmetic };
        let gradients = simd.vectorize(back);
        let only = |last_only| simd.vectorize(Outputs { pass, arithmetic, last_only });
        vec![
            ("outputs", trace.outputs),
            ("gates", trace.gates.to_vec()),
            ("cells", trace.cells.to_vec()),
            ("d values", gradients.values.unwrap_or_default()),
            ("d weights", gradients.weights),
            ("d context", gradients.context),
            ("d recurrent", gradients.recurrent),
            ("d initial", gradients.initial),
            ("only outputs", only(false)),
            ("only the last", only(true)),
        ]
    }

    /// The outputs by the formula in the module's documentation, one number at a time.
    fn reference(&self, vectors: bool) -> Vec<f64> {
        let (b, h, d) = (self.batch(), self.hidden, self.n_inputs);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut outputs = vec![0.0; self.output_gradient.len()];
        for row in 0..b {
            let state = |n: usize| f64::from(self.initial[row * 2 * h + n]);
            let (mut c, mut out): (Vec<f64>, Vec<f64>) =
                (0..h).map(|n| (state(n), state(h + n))).unzip();
            let length = self.length(row);
            for order in 0..length {
                let t = if self.reverse { length - 1 - order } else { order };
                let place = self.place(t, row);
                let gate = |n: usize| -> f64 {
                    let weight = |k: usize| f64::from(self.weights[k * 4 * h + n]);
                    let input: f64 = if vectors {
                        (0..d).map(|k| f64::from(self.values[place * d + k]) * weight(k)).sum()
                    } else {
                        let ids = &self.ids[place * self.slots..][..self.slots];
                        ids.iter().filter_map(|id| usize::try_from(*id).ok()).map(weight).sum()
                    };
                    let recurrent = |k: usize| out[k] * f64::from(self.recurrent[k * 4 * h + n]);
                    let context = f64::from(self.context[row * 4 * h + n]);
                    input + context + (0..h).map(recurrent).sum::<f64>()
                };
                let gates: Vec<f64> = (0..4 * h).map(gate).collect();
                for n in 0..h {
                    let (i, j) = (sigmoid(gates[n]), gates[h + n].tanh());
                    c[n] = i * j + c[n] * sigmoid(gates[2 * h + n] + f64::from(FORGET_BIAS));
                    out[n] = c[n].tanh() * sigmoid(gates[3 * h + n]);
                }
                outputs[place * h..][..h].copy_from_slice(&out);
            }
        }
        outputs
    }

    fn loss(&self, vectors: bool) -> f64 {
        let outputs = self.reference(vectors);
        outputs.iter().zip(&self.output_gradient).map(|(o, g)| o * f64::from(*g)).sum()
    }
}

type Results = Vec<(&'static str, Vec<f32>)>;

/// Both passes on each instruction set that can run here, by name.
fn on_every_instruction_set(
    case: &Case,
    vectors: bool,
    arithmetic: Arithmetic,
) -> Vec<(&'static str, Results)> {
    let mut all = vec![("scalar", case.run(pulp::Scalar, vectors, arithmetic))];
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        let v3 = pulp::x86::V3::try_new().map(|simd| case.run(simd, vectors, arithmetic));
        let v4 = pulp::x86::V4::try_new().map(|simd| case.run(simd, vectors, arithmetic));
        for (name, results) in [("AVX2 and FMA", v3), ("AVX-512", v4)] {
            match results {
                Some(results) => all.push((name, results)),
                None => eprintln!("{name}: skipped, this processor does not have it"),
            }
        }
    }
    #[cfg(target_arch = "aarch64")]
    match pulp::aarch64::Neon::try_new() {
        Some(simd) => all.push(("NEON", case.run(simd, vectors, arithmetic))),
        None => eprintln!("NEON: skipped, this processor does not have it"),
    }
    all
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(1.0, |largest, value| largest.max(value.abs()))
}

fn bits(results: &Results) -> Vec<Vec<u32>> {
    results.iter().map(|(_, values)| values.iter().map(|v| v.to_bits()).collect()).collect()
}

/// Widths that are not multiples of any register, batches of more than one task, inner indices of
/// more than one block (`4 * 70 > 256`), and stacks of several blocks, one of which ends within a
/// step (60 steps of 5 rows). Then sequences of different lengths in both directions, where one
/// step has a single sequence, and one task has no sequences in some steps.
fn cases() -> Vec<Case> {
    let mut reversed = Case::new([3, 33, 70], 9, 2);
    reversed.reverse = true;
    let long = Case::new([60, 37, 5], 7, 2);
    let lengths = || Case::of_lengths(vec![70, 45, 45, 33, 32, 7, 1], 18, 11, 2);
    let backwards = Case { reverse: true, ..lengths() };
    let fixed = [Case::new([1, 1, 1], 1, 1), Case::new([4, 37, 19], 300, 1), reversed, long];
    fixed.into_iter().chain([lengths(), backwards]).collect()
}

#[test]
fn every_instruction_set_agrees_with_a_plain_loop_and_with_the_others() {
    for case in cases() {
        for vectors in [false, true] {
            let all = on_every_instruction_set(&case, vectors, Arithmetic::F32);
            let reference = case.reference(vectors);
            for (name, results) in &all {
                for (found, expected) in results[0].1.iter().zip(&reference) {
                    // Gate functions with errors up to 4e-7, and sums with a few hundred rounding
                    // errors of 6e-8.
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error < 2e-5, "{name}: outputs, {found} and {expected}");
                }
                for ((what, found), (_, expected)) in results.iter().zip(&all[0].1) {
                    assert_eq!(found.len(), expected.len(), "{name}: {what}");
                    let bound = 2e-5 * largest(expected);
                    for (found, expected) in found.iter().zip(expected) {
                        // Without SIMD, multiply and add are rounded separately; both sum in the
                        // same order.
                        let error = (found - expected).abs();
                        assert!(error < bound, "{name}: {what}, {found} and {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn outputs_alone_are_the_same_bits() {
    for case in cases() {
        let last = |row| if case.reverse { 0 } else { case.length(row) - 1 };
        let places: Vec<usize> = (0..case.batch()).map(|r| case.place(last(r), r)).collect();
        for (vectors, arithmetic) in [
            (false, Arithmetic::F32),
            (true, Arithmetic::F32),
            (true, Arithmetic::quickest(Precision::Bf16)),
        ] {
            for (set, results) in on_every_instruction_set(&case, vectors, arithmetic) {
                let found = |what| &results.iter().find(|(name, _)| *name == what).unwrap().1;
                assert_eq!(found("only outputs"), found("outputs"), "{set}");
                let rows = places.iter().map(|at| &found("outputs")[at * case.hidden..]);
                let last: Vec<f32> = rows.flat_map(|row| &row[..case.hidden]).copied().collect();
                assert_eq!(*found("only the last"), last, "{set}");
            }
        }
    }
}

/// Changes each input of a small pass slightly and checks that the loss of the plain loop follows
/// the gradient.
#[test]
fn gradients_are_the_slopes_of_the_loss() {
    fn input(case: &mut Case, what: usize) -> &mut Vec<f32> {
        match what {
            3 => &mut case.values,
            4 => &mut case.weights,
            5 => &mut case.context,
            6 => &mut case.recurrent,
            _ => &mut case.initial,
        }
    }
    let fixed = || Case::new([3, 34, 5], 4, 2);
    let lengths = || Case::of_lengths(vec![34, 33, 6, 6], 5, 4, 2);
    let cases = [false, true]
        .into_iter()
        .flat_map(|reverse| [Case { reverse, ..fixed() }, Case { reverse, ..lengths() }]);
    for (mut case, vectors) in cases.flat_map(|case| [(case.clone(), false), (case, true)]) {
        for (set, results) in on_every_instruction_set(&case, vectors, Arithmetic::F32) {
            for (what, (name, gradient)) in results.iter().enumerate().take(8).skip(3) {
                for at in (0..gradient.len()).step_by(gradient.len() / 12 + 1) {
                    let step = 1.0 / 256.0;
                    let old = input(&mut case, what)[at];
                    let mut moved = |by: f32| {
                        input(&mut case, what)[at] = old + by;
                        let moved = f64::from(input(&mut case, what)[at]);
                        (moved, case.loss(vectors))
                    };
                    let ((above, high), (below, low)) = (moved(step), moved(-step));
                    input(&mut case, what)[at] = old;
                    let slope = (high - low) / (above - below);
                    let error = (slope - f64::from(gradient[at])).abs();
                    // Third derivatives times step^2 / 6 = 2.5e-6, summed over up to 100 rows.
                    assert!(error < 5e-4, "{set}, {name} {at}: {} and {slope}", gradient[at]);
                }
            }
        }
    }
}

/// One symbol, or a vector of one, that is the input of every step is added like the context: its
/// weights have the context's gradient, summed over all sequences. Tests stacks of several blocks.
#[test]
fn what_enters_at_every_step_has_the_gradient_of_the_context() {
    let mut case = Case::new([60, 37, 5], 1, 1);
    case.ids.fill(0);
    case.values.fill(1.0);
    for vectors in [false, true] {
        for (set, results) in on_every_instruction_set(&case, vectors, Arithmetic::F32) {
            let ((_, weights), (_, context)) = (&results[4], &results[5]);
            for (column, found) in weights.iter().enumerate() {
                let of_context = context.iter().skip(column).step_by(weights.len());
                let expected: f64 = of_context.map(|value| f64::from(*value)).sum();
                // 2,220 terms of up to 1 and of both signs, summed in a different order.
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 1e-3, "{set}, {column}: {found} instead of {expected}");
            }
        }
    }
}

#[test]
fn what_earlier_passes_left_in_their_buffers_changes_nothing() {
    let quickest = Arithmetic::quickest(Precision::Bf16);
    let fixed = Case::new([60, 37, 5], 7, 2);
    let lengths = Case::of_lengths(vec![70, 45, 45, 33, 32, 7, 1], 18, 11, 2);
    for arithmetic in [Arithmetic::F32, Arithmetic::Rounded, quickest] {
        for (case, vectors) in
            [(&fixed, false), (&fixed, true), (&lengths, false), (&lengths, true)]
        {
            let run = || {
                let all = on_every_instruction_set(case, vectors, arithmetic);
                all.iter().map(|(_, results)| bits(results)).collect::<Vec<_>>()
            };
            let first = run();
            crate::memory::spoil();
            assert_eq!(first, run(), "{arithmetic:?}, vectors: {vectors}");
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let quickest = Arithmetic::quickest(Precision::Bf16);
    for arithmetic in [Arithmetic::F32, Arithmetic::Rounded, quickest] {
        let case = Case::new([3, 150, 40], 30, 2);
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                [false, true].map(|vectors| {
                    let all = on_every_instruction_set(&case, vectors, arithmetic);
                    all.iter().map(|(_, results)| bits(results)).collect::<Vec<_>>()
                })
            })
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(7));
    }
}

/// The same rounded weights and the same sums, so nothing differs, not even in the last bit.
#[test]
fn rounding_while_packing_equals_rounding_beforehand() {
    for mut case in cases() {
        for vectors in [false, true] {
            let found = on_every_instruction_set(&case, vectors, Arithmetic::Rounded);
            let kept = (case.recurrent.clone(), case.weights.clone());
            let round = |values: &mut Vec<f32>| {
                for value in values {
                    *value = half::bf16::from_f32(*value).to_f32();
                }
            };
            round(&mut case.recurrent);
            // The rows of a table are not part of a product, so they are not rounded.
            if vectors {
                round(&mut case.weights);
            }
            let expected = on_every_instruction_set(&case, vectors, Arithmetic::F32);
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                assert_eq!(bits(found), bits(expected), "{name}");
            }
            (case.recurrent, case.weights) = kept;
            let exact = on_every_instruction_set(&case, vectors, Arithmetic::F32);
            if case.hidden > 1 {
                assert_ne!(bits(&exact[0].1), bits(&found[0].1), "bf16 rounds");
            }
        }
    }
}

/// With both sides rounded, each product has a relative error of up to 2^-8. The largest sums here
/// are of 300 products of about 0.25, whose errors of both signs add up to about 2e-2 before the
/// gate functions.
#[test]
fn pairs_of_bf16_stay_near_the_plain_loop_and_the_gradients_of_f32() {
    let pairs = Arithmetic::quickest(Precision::Bf16);
    if !matches!(pairs, Arithmetic::Pairs(_)) {
        eprintln!("AVX-512-BF16: skipped, this processor does not have it");
    }
    for case in cases() {
        for vectors in [false, true] {
            let reference = case.reference(vectors);
            let exact = on_every_instruction_set(&case, vectors, Arithmetic::F32);
            let rounded = on_every_instruction_set(&case, vectors, pairs);
            for ((name, found), (_, exact)) in rounded.iter().zip(&exact) {
                for (found, expected) in found[0].1.iter().zip(&reference) {
                    let error = (f64::from(*found) - expected).abs();
                    assert!(error < 2e-2, "{name}: outputs, {found} and {expected}");
                }
                for ((what, found), (_, expected)) in found.iter().zip(exact) {
                    assert_eq!(found.len(), expected.len(), "{name}: {what}");
                    let bound = 2e-2 * largest(expected);
                    for (found, expected) in found.iter().zip(expected) {
                        let error = (found - expected).abs();
                        assert!(error < bound, "{name}: {what}, {found} and {expected}");
                    }
                }
            }
        }
    }
}

/// The public functions use the best available instruction set.
#[test]
fn dispatch_takes_one_of_the_instruction_sets() {
    let case = Case::new([2, 5, 9], 3, 1);
    let trace = forward(&case.pass(true));
    let all = on_every_instruction_set(&case, true, Arithmetic::F32);
    assert_eq!(trace.outputs, all.last().unwrap().1[0].1, "{:?}", Arch::new());
}
