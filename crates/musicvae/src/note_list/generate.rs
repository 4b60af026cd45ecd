//! Decoding on the CPU without autodiff: weights laid out once, the lists of all cells side by
//! side.

use lstm_kernel::functions::{add, copy};
use lstm_kernel::lstm::step;
use lstm_kernel::packed::{PackedMatrix, add_product};
use note_seq::{Meter, NoteList, NoteListEncoding};
use pulp::{Arch, Simd, WithSimd};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::batch::n_classes;
use super::config::NoteListVaeConfig;
use super::decoder::NoteListDecoder;
use super::kernel::silu;
use super::order::ListOrder;
use crate::generate::Sampling;
use crate::generate::packed::{PackedDense, fill_rows};
use crate::lstm::LstmLayer;
use crate::model::host;

/// Windows that one task decodes: enough lists at once to keep a core's arithmetic busy.
const WINDOWS_PER_TASK: usize = 8;

/// Notes after which the list of a cell ends in any case: more than music has in a beat.
pub const MAX_NOTES_PER_CELL: usize = 96;

/// A decoder's weights, laid out for decoding.
pub struct NoteListGenerator {
    encoding: NoteListEncoding,
    /// Of each field within a cell.
    n_classes: Vec<usize>,
    plan: PackedDense,
    /// `[meters, plan_size]`.
    meters: Vec<f32>,
    /// Forward, then backward.
    conductor: [PackedLayer; 2],
    /// `[2 · conductor_size + plan_size, 4 · list_size]`.
    cell: PackedMatrix,
    /// `[Σ classes + 1, 4 · list_size]`.
    table: Vec<f32>,
    bias: Vec<f32>,
    recurrent: PackedMatrix,
    position: PackedDense,
    hidden: PackedMatrix,
    fields: Vec<PackedHead>,
}

struct PackedLayer {
    input: PackedMatrix,
    recurrent: PackedMatrix,
    bias: Vec<f32>,
}

struct PackedHead {
    /// `[Σ classes of the fields before, head_size]`.
    known: Vec<f32>,
    output: PackedDense,
}

impl PackedLayer {
    fn new(layer: &LstmLayer) -> Self {
        let [n_inputs, width] = layer.input.val().dims();
        Self {
            input: PackedMatrix::new(&host(layer.input.val()), n_inputs, width),
            recurrent: PackedMatrix::new(&host(layer.recurrent.val()), width / 4, width),
            bias: host(layer.bias.val()),
        }
    }

    /// Reads `n` sequences of steps, each a `[n, n_inputs]`; `out` hears of each step's outputs
    /// `[n, H]`.
    #[inline(always)]
    fn run<'a, S: Simd>(
        &self,
        simd: S,
        n: usize,
        steps: impl Iterator<Item = (usize, &'a [f32])>,
        mut out: impl FnMut(usize, &[f32]),
    ) {
        let hidden = self.recurrent.k();
        let (mut cell, mut output) = (vec![0.0; n * hidden], vec![0.0; n * hidden]);
        let mut gates = Vec::new();
        for (at, inputs) in steps {
            fill_rows(&mut gates, &self.bias, n);
            add_product(simd, inputs, &self.input, &mut gates);
            add_product(simd, &output, &self.recurrent, &mut gates);
            step_rows(simd, &mut gates, &mut cell, &mut output, hidden);
            out(at, &output);
        }
    }
}

/// The gate functions of some rows.
#[inline(always)]
fn step_rows<S: Simd>(
    simd: S,
    gates: &mut [f32],
    cell: &mut [f32],
    output: &mut [f32],
    hidden: usize,
) {
    let states = cell.chunks_exact_mut(hidden).zip(output.chunks_exact_mut(hidden));
    for (gates, (cell, output)) in gates.chunks_exact_mut(4 * hidden).zip(states) {
        step(simd, gates, cell, output);
    }
}

impl NoteListGenerator {
    /// Copies and lays out a decoder's weights.
    pub fn new(config: &NoteListVaeConfig, decoder: &NoteListDecoder) -> Self {
        let packed = |matrix: &burn::module::Param<burn::tensor::Tensor<2>>| {
            let [k, n] = matrix.val().dims();
            PackedMatrix::new(&host(matrix.val()), k, n)
        };
        let heads = &decoder.heads;
        Self {
            encoding: config.encoding,
            n_classes: n_classes(config.encoding),
            plan: PackedDense::new(&decoder.plan),
            meters: host(decoder.meters.val()),
            conductor: [&decoder.conductor.forward, &decoder.conductor.backward]
                .map(PackedLayer::new),
            cell: packed(&decoder.cell),
            table: host(decoder.list.input.val()),
            bias: host(decoder.list.bias.val()),
            recurrent: packed(&decoder.list.recurrent),
            position: PackedDense::new(&heads.position),
            hidden: packed(&heads.hidden),
            fields: heads
                .fields
                .iter()
                .map(|head| PackedHead {
                    known: host(head.known.val()),
                    output: PackedDense::new(&head.output),
                })
                .collect(),
        }
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        self.plan.kernel.k()
    }

    /// What the classes of decoded windows mean.
    pub fn encoding(&self) -> NoteListEncoding {
        self.encoding
    }

    /// Decodes latents `z` `[n, Z]` into windows of some meters.
    ///
    /// Window `i` takes its draws from `rngs[i]` alone, so that its result does not depend on the
    /// others.
    ///
    /// # Panics
    /// If there are not as many rows of `z`, meters and generators.
    pub fn decode(
        &self,
        z: &[f32],
        meters: &[Meter],
        sampling: Sampling,
        rngs: &mut [ChaCha8Rng],
    ) -> Vec<NoteList> {
        assert_eq!(meters.len(), rngs.len(), "one generator for each window");
        assert_eq!(z.len(), meters.len() * self.z_size(), "one row of z for each window");
        let arch = Arch::new();
        let tasks: Vec<Vec<NoteList>> = z
            .par_chunks(WINDOWS_PER_TASK * self.z_size())
            .zip(meters.par_chunks(WINDOWS_PER_TASK))
            .zip(rngs.par_chunks_mut(WINDOWS_PER_TASK))
            .map(|((z, meters), rngs)| {
                arch.dispatch(Decoding { generator: self, z, meters, sampling, rngs })
            })
            .collect();
        tasks.into_iter().flatten().collect()
    }
}

/// Some windows of a call.
struct Decoding<'a> {
    generator: &'a NoteListGenerator,
    z: &'a [f32],
    meters: &'a [Meter],
    sampling: Sampling,
    rngs: &'a mut [ChaCha8Rng],
}

/// A list that goes on: where it is, and the notes it has.
struct Writing {
    window: usize,
    cell: usize,
    /// Positions of the cell.
    len: usize,
    /// The classes of its notes, the onset counted from the start of the cell.
    notes: Vec<u16>,
}

/// States of lists, row by row.
struct States {
    /// What the gates start from at each step.
    context: Vec<f32>,
    cell: Vec<f32>,
    output: Vec<f32>,
}

impl States {
    /// Keeps some rows, in their order.
    fn keep(&mut self, keep: &[bool], hidden: usize) {
        for (values, width) in
            [(&mut self.context, 4 * hidden), (&mut self.cell, hidden), (&mut self.output, hidden)]
        {
            let mut to = 0;
            for from in keep.iter().enumerate().filter_map(|(row, keep)| keep.then_some(row)) {
                values.copy_within(from * width..(from + 1) * width, to * width);
                to += 1;
            }
            values.truncate(to * width);
        }
    }
}

impl WithSimd for Decoding<'_> {
    type Output = Vec<NoteList>;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Vec<NoteList> {
        let (mut active, context) = self.start(simd);
        let (generator, hidden) = (self.generator, self.generator.recurrent.k());
        let n_fields = generator.n_classes.len();
        let n = active.len();
        let (cell, output) = (vec![0.0; n * hidden], vec![0.0; n * hidden]);
        let mut states = States { context, cell, output };
        let mut finished = Vec::new();
        let (mut gates, mut logits) = (Vec::new(), Vec::new());
        while !active.is_empty() {
            gates.resize(states.context.len(), 0.0);
            copy(&mut gates, &states.context);
            for (gates, list) in gates.chunks_exact_mut(4 * hidden).zip(&active) {
                generator.add_previous(simd, list, gates);
            }
            add_product(simd, &states.output, &generator.recurrent, &mut gates);
            step_rows(simd, &mut gates, &mut states.cell, &mut states.output, hidden);
            let n = active.len();
            generator.position.forward(simd, &states.output, n, &mut logits);
            let positions = logits.chunks_exact_mut(generator.n_classes[0] + 1);
            let goes_on: Vec<bool> = active
                .iter_mut()
                .zip(positions)
                .map(|(list, logits)| self.choose_position(list, logits))
                .collect();
            states.keep(&goes_on, hidden);
            let mut rows = goes_on.iter();
            let goes_on = |_: &mut Writing| *rows.next().expect("one for each list");
            let (going_on, ended) = split(active, goes_on);
            active = going_on;
            finished.extend(ended);
            self.choose_fields(simd, &mut active, &states.output, &mut logits);
            debug_assert!(active.iter().all(|list| list.notes.len().is_multiple_of(n_fields)));
        }
        self.windows(&finished)
    }
}

/// The lists for which `first` is true, and the others.
fn split(
    lists: Vec<Writing>,
    mut first: impl FnMut(&mut Writing) -> bool,
) -> (Vec<Writing>, Vec<Writing>) {
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for mut list in lists {
        if first(&mut list) { yes.push(list) } else { no.push(list) }
    }
    (yes, no)
}

impl Decoding<'_> {
    /// The lists of all cells, and what their gates start from.
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S) -> (Vec<Writing>, Vec<f32>) {
        let generator = self.generator;
        let n = self.meters.len();
        let mut plans = Vec::new();
        generator.plan.forward(simd, self.z, n, &mut plans);
        let n_cells = generator.encoding.max_cells();
        let plan_size = plans.len() / n / n_cells;
        let plan = |window: usize, cell: usize| {
            &plans[(window * n_cells + cell) * plan_size..][..plan_size]
        };
        let steps: Vec<Vec<f32>> = (0..n_cells)
            .map(|cell| {
                let mut step = Vec::with_capacity(n * plan_size);
                for (window, meter) in self.meters.iter().enumerate() {
                    let meter = &generator.meters[usize::from(meter.class()) * plan_size..];
                    step.extend(plan(window, cell).iter().zip(meter).map(|(a, b)| a + b));
                }
                step
            })
            .collect();
        let size = generator.conductor[0].recurrent.k();
        let width = 2 * size + plan_size;
        let mut cells = vec![0.0; n_cells * n * width];
        for (direction, layer) in generator.conductor.iter().enumerate() {
            let mut order: Vec<usize> = (0..n_cells).collect();
            if direction == 1 {
                order.reverse();
            }
            let steps = order.into_iter().map(|cell| (cell, &steps[cell][..]));
            layer.run(simd, n, steps, |cell, outputs| {
                for (window, output) in outputs.chunks_exact(size).enumerate() {
                    let at = (cell * n + window) * width + direction * size;
                    cells[at..at + size].copy_from_slice(output);
                }
            });
        }
        let (mut active, mut used) = (Vec::new(), Vec::new());
        for (window, meter) in self.meters.iter().enumerate() {
            for cell in 0..generator.encoding.n_cells(*meter) {
                let row = &cells[(cell * n + window) * width..][..2 * size];
                used.extend_from_slice(row);
                used.extend_from_slice(plan(window, cell));
                let len = generator.encoding.cell_len(*meter, cell);
                active.push(Writing { window, cell, len, notes: Vec::new() });
            }
        }
        let mut context = Vec::new();
        fill_rows(&mut context, &generator.bias, active.len());
        add_product(simd, &used, &generator.cell, &mut context);
        (active, context)
    }

    /// Chooses the next note's position; whether there is one.
    fn choose_position(&mut self, list: &mut Writing, logits: &mut [f32]) -> bool {
        let n_fields = self.generator.n_classes.len();
        let previous = list.notes.rchunks_exact(n_fields).next();
        let possible = ListOrder::positions(previous, list.len);
        let end = logits.len() - 1;
        for (class, logit) in logits[..end].iter_mut().enumerate() {
            if !possible.contains(&class) {
                *logit = f32::NEG_INFINITY;
            }
        }
        let class = self.sampling.choose(logits, &mut self.rngs[list.window]);
        if class == end || list.notes.len() >= MAX_NOTES_PER_CELL * n_fields {
            return false;
        }
        list.notes.push(u16::try_from(class).expect("a position in a cell"));
        true
    }

    /// Chooses the other classes of each list's next note, given the states of the lists.
    #[inline(always)]
    fn choose_fields<S: Simd>(
        &mut self,
        simd: S,
        active: &mut [Writing],
        outputs: &[f32],
        logits: &mut Vec<f32>,
    ) {
        let generator = self.generator;
        let order = ListOrder::new(generator.encoding);
        let n_fields = generator.n_classes.len();
        let all = generator.hidden.n();
        let mut hidden = vec![0.0; active.len() * all];
        add_product(simd, outputs, &generator.hidden, &mut hidden);
        let mut column = 0;
        for (field, head) in (1..).zip(&generator.fields) {
            let size = head.output.kernel.k();
            let mut units = vec![0.0; active.len() * size];
            let rows = units.chunks_exact_mut(size).zip(hidden.chunks_exact(all));
            for ((units, hidden), list) in rows.zip(active.iter()) {
                copy(units, &hidden[column..column + size]);
                let known = &list.notes[list.notes.len() - field..];
                for row in generator.symbols(known) {
                    add(simd, units, &head.known[row * size..][..size]);
                }
                silu(simd, units);
            }
            column += size;
            head.output.forward(simd, &units, active.len(), logits);
            let n = generator.n_classes[field];
            for (list, logits) in active.iter_mut().zip(logits.chunks_exact_mut(n)) {
                let (previous, known) = list.notes.split_at(list.notes.len() - field);
                let previous = previous.rchunks_exact(n_fields).next();
                let possible = order.classes(field, n, known, previous);
                // Where no note can follow, any class does: it becomes one that is there twice.
                if !possible.is_empty() {
                    for (class, logit) in logits.iter_mut().enumerate() {
                        if !possible.contains(&class) {
                            *logit = f32::NEG_INFINITY;
                        }
                    }
                }
                let class = self.sampling.choose(logits, &mut self.rngs[list.window]);
                list.notes.push(u16::try_from(class).expect("a class of a field"));
            }
        }
    }

    /// Puts the lists of all cells together.
    fn windows(&self, lists: &[Writing]) -> Vec<NoteList> {
        let encoding = self.generator.encoding;
        let n_fields = self.generator.n_classes.len();
        let mut tokens = vec![Vec::new(); self.meters.len()];
        for list in lists {
            let meter = self.meters[list.window];
            for note in list.notes.chunks_exact(n_fields) {
                let onset = encoding.onset_at(meter, list.cell, usize::from(note[0]));
                tokens[list.window].push(onset.expect("a position of the cell"));
                tokens[list.window].extend_from_slice(&note[1..]);
            }
        }
        let list = |(tokens, meter): (&Vec<u16>, &Meter)| {
            let (list, _) = NoteList::sorted(encoding, *meter, tokens)
                .expect("onsets within the window, and classes of each field");
            list
        };
        tokens.iter().zip(self.meters).map(list).collect()
    }
}

impl NoteListGenerator {
    /// The symbols of a note's first classes.
    fn symbols(&self, note: &[u16]) -> impl Iterator<Item = usize> {
        note.iter().zip(&self.n_classes).scan(0, |first, (class, n)| {
            let symbol = *first + usize::from(*class);
            *first += n;
            Some(symbol)
        })
    }

    /// Adds what a list's last note, or its start, gives to the gates.
    #[inline(always)]
    fn add_previous<S: Simd>(&self, simd: S, list: &Writing, gates: &mut [f32]) {
        let width = gates.len();
        match list.notes.rchunks_exact(self.n_classes.len()).next() {
            Some(note) => {
                for symbol in self.symbols(note) {
                    add(simd, gates, &self.table[symbol * width..][..width]);
                }
            }
            None => add(simd, gates, &self.table[self.table.len() - width..]),
        }
    }
}
