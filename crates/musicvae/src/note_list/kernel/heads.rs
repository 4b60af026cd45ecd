//! All heads of a step at once: from states to the cross entropy of each field, and back.

use std::ops::Range;
use std::sync::Arc;

use lstm_kernel::dense::transposed_product;
use lstm_kernel::functions::{add, copy, exp, load, store};
use lstm_kernel::packed::{PackedMatrix, add_product};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{silu, silu_back};
use crate::generate::packed::fill_rows;
use crate::host::{HostOperation, Kept};
use crate::note_list::batch::{NoteListBatch, Targets};

/// Rows that one task takes through all fields.
const ROWS: usize = 32;

/// Sizes of all heads.
#[derive(Clone, Debug)]
pub(in crate::note_list) struct HeadSizes {
    /// Of a state, `L`.
    pub(in crate::note_list) state: usize,
    /// Classes of each field, the position's without the end.
    pub(in crate::note_list) n_classes: Vec<usize>,
    /// Units of each field but the position.
    pub(in crate::note_list) units: Vec<usize>,
}

/// Where the weights of a field stand among all weights.
struct FieldPlaces {
    known: Range<usize>,
    kernel: Range<usize>,
    bias: Range<usize>,
}

/// Where all weights stand in one row of them, in the order in which the module has them.
struct Places {
    position_kernel: Range<usize>,
    position_bias: Range<usize>,
    hidden: Range<usize>,
    fields: Vec<FieldPlaces>,
    total: usize,
}

impl HeadSizes {
    /// Classes of the position, the end among them.
    fn positions(&self) -> usize {
        self.n_classes[0] + 1
    }

    /// Units of all fields.
    fn all_units(&self) -> usize {
        self.units.iter().sum()
    }

    fn places(&self) -> Places {
        let mut end = 0;
        let mut next = |n: usize| {
            end += n;
            end - n..end
        };
        let position_kernel = next(self.state * self.positions());
        let position_bias = next(self.positions());
        let hidden = next(self.state * self.all_units());
        let mut n_known = 0;
        let fields = self.units.iter().zip(self.n_classes.windows(2)).map(|(units, classes)| {
            n_known += classes[0];
            FieldPlaces {
                known: next(n_known * units),
                kernel: next(units * classes[1]),
                bias: next(classes[1]),
            }
        });
        let fields = fields.collect();
        Places { position_kernel, position_bias, hidden, fields, total: end }
    }
}

/// The cross entropies of all fields: the first input is the states `[R, L]`, the second all weights in a row; the
/// result is `[1, F]`, in nats, summed over the batch.
#[derive(Debug)]
pub(in crate::note_list) struct Heads {
    pub(in crate::note_list) sizes: HeadSizes,
    pub(in crate::note_list) batch: Arc<NoteListBatch>,
}

/// What is kept: the units of all fields before their function `[N, ΣM]`, then the probabilities of each field.
const UNITS: usize = 0;

impl HostOperation for Heads {
    fn forward(&self, [states, weights]: [&[f32]; 2], _keep: bool) -> (Vec<f32>, [usize; 2], Kept) {
        Arch::new().dispatch(Forward { heads: self, states, weights })
    }

    fn backward(
        &self,
        [states, weights]: [&[f32]; 2],
        kept: &Kept,
        gradient: &[f32],
    ) -> [Vec<f32>; 2] {
        Arch::new().dispatch(Back { heads: self, states, weights, kept, gradient })
    }
}

impl Heads {
    /// The states of the notes, `[N, L]`.
    fn states_of_notes(&self, states: &[f32]) -> Vec<f32> {
        let width = self.sizes.state;
        let mut notes = vec![0.0; self.batch.n_notes() * width];
        notes
            .par_chunks_mut(width)
            .with_min_len(64)
            .zip(&self.batch.note_rows)
            .for_each(|(to, row)| copy(to, &states[index(*row) * width..][..width]));
        notes
    }

    /// The targets of a field.
    fn targets(&self, field: usize) -> &Targets {
        match field.checked_sub(1) {
            None => &self.batch.positions,
            Some(field) => &self.batch.fields[field],
        }
    }
}

fn index(id: i32) -> usize {
    usize::try_from(id).expect("a row of the batch")
}

/// `softmax` of a row among the classes that are possible, in its place; the cross entropy of the target.
#[inline(always)]
fn softmax<S: Simd>(
    simd: S,
    row: &mut [f32],
    allowed: &Range<usize>,
    has_end: bool,
    target: usize,
) -> f64 {
    let end = if has_end { row.len() - 1 } else { row.len() };
    let (classes, ends) = row.split_at_mut(end);
    classes[..allowed.start].fill(0.0);
    classes[allowed.end..].fill(0.0);
    let possible = &mut classes[allowed.clone()];
    let max = possible.iter().chain(ends.iter()).copied().fold(f32::NEG_INFINITY, f32::max);
    let logit = if target < end { possible[target - allowed.start] } else { ends[0] };
    let top = simd.splat_f32s(max);
    for part in possible.chunks_mut(S::F32_LANES).chain(ends.chunks_mut(S::F32_LANES)) {
        let x = simd.sub_f32s(load(simd, part), top);
        store(simd, part, exp(simd, x));
    }
    let total: f32 = possible.iter().chain(ends.iter()).sum();
    for p in possible.iter_mut().chain(ends) {
        *p /= total;
    }
    f64::from(total).ln() - f64::from(logit - max)
}

struct Forward<'a> {
    heads: &'a Heads,
    states: &'a [f32],
    weights: &'a [f32],
}

/// A field's weights for the forward pass.
struct PackedField<'a> {
    known: &'a [f32],
    kernel: PackedMatrix,
    bias: &'a [f32],
}

impl WithSimd for Forward<'_> {
    type Output = (Vec<f32>, [usize; 2], Kept);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { heads, states, weights } = self;
        let (sizes, places) = (&heads.sizes, heads.sizes.places());
        assert_eq!(weights.len(), places.total, "the weights of all heads");
        let (width, all) = (sizes.state, sizes.all_units());
        let n_notes = heads.batch.n_notes();

        let positions = sizes.positions();
        let mut probabilities = vec![0.0; states.len() / width * positions];
        let kernel = PackedMatrix::new(&weights[places.position_kernel], width, positions);
        let bias = &weights[places.position_bias];
        let mut nats = vec![0.0; sizes.n_classes.len()];
        let tasks = probabilities.par_chunks_mut(ROWS * positions).enumerate();
        let sums: Vec<f64> = tasks
            .map(|(task, to)| {
                let states = &states[task * ROWS * width..][..to.len() / positions * width];
                let (kernel, targets) = (&kernel, &heads.batch.positions);
                let first = task * ROWS;
                simd.vectorize(Positions { states, kernel, bias, targets, first, to })
            })
            .collect();
        nats[0] = sums.iter().sum::<f64>();

        let notes = heads.states_of_notes(states);
        let hidden = PackedMatrix::new(&weights[places.hidden], width, all);
        let fields: Vec<PackedField<'_>> = places
            .fields
            .into_iter()
            .zip(sizes.units.iter().zip(&sizes.n_classes[1..]))
            .map(|(places, (units, classes))| PackedField {
                known: &weights[places.known],
                kernel: PackedMatrix::new(&weights[places.kernel], *units, *classes),
                bias: &weights[places.bias],
            })
            .collect();
        let mut units = vec![0.0; n_notes * all];
        let mut of_fields: Vec<Vec<f32>> =
            sizes.n_classes[1..].iter().map(|n| vec![0.0; n_notes * n]).collect();
        let chunks = by_chunk(&mut of_fields, &sizes.n_classes[1..]);
        let tasks = units.par_chunks_mut(ROWS * all).zip(chunks).enumerate();
        let sums: Vec<Vec<f64>> = tasks
            .map(|(task, (units, to))| {
                let notes = &notes[task * ROWS * width..][..units.len() / all * width];
                let (first, hidden, fields) = (task * ROWS, &hidden, &fields);
                simd.vectorize(Notes { heads, notes, hidden, fields, first, units, to })
            })
            .collect();
        for sums in &sums {
            for (nats, sum) in nats[1..].iter_mut().zip(sums) {
                *nats += sum;
            }
        }
        let kept = [units, probabilities].into_iter().chain(of_fields).collect();
        let n_fields = nats.len();
        (nats.into_iter().map(|nats| nats as f32).collect(), [1, n_fields], kept)
    }
}

/// The rows of each task in buffers of some widths.
fn by_chunk<'a>(buffers: &'a mut [Vec<f32>], widths: &[usize]) -> Vec<Vec<&'a mut [f32]>> {
    let n = buffers.first().map_or(0, |buffer| buffer.len() / widths[0]).div_ceil(ROWS);
    let mut chunks: Vec<Vec<&mut [f32]>> = (0..n).map(|_| Vec::new()).collect();
    for (buffer, width) in buffers.iter_mut().zip(widths) {
        for (chunk, rows) in chunks.iter_mut().zip(buffer.chunks_mut(ROWS * width)) {
            chunk.push(rows);
        }
    }
    chunks
}

/// Probabilities of positions of some rows.
struct Positions<'a> {
    states: &'a [f32],
    kernel: &'a PackedMatrix,
    bias: &'a [f32],
    targets: &'a Targets,
    first: usize,
    to: &'a mut [f32],
}

impl WithSimd for Positions<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Self { states, kernel, bias, targets, first, to } = self;
        for row in to.chunks_exact_mut(bias.len()) {
            copy(row, bias);
        }
        add_product(simd, states, kernel, to);
        let mut nats = 0.0;
        for (row, to) in (first..).zip(to.chunks_exact_mut(bias.len())) {
            let target = index(targets.classes[row]);
            nats += softmax(simd, to, &targets.allowed[row], true, target);
        }
        nats
    }
}

/// Units and probabilities of some notes.
struct Notes<'a> {
    heads: &'a Heads,
    notes: &'a [f32],
    hidden: &'a PackedMatrix,
    fields: &'a [PackedField<'a>],
    first: usize,
    units: &'a mut [f32],
    to: Vec<&'a mut [f32]>,
}

impl WithSimd for Notes<'_> {
    /// Nats of each field.
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let Self { heads, notes, hidden, fields, first, units, to } = self;
        let all = hidden.n();
        units.fill(0.0);
        add_product(simd, notes, hidden, units);
        let slots = heads.batch.notes.slots();
        let symbols = heads.batch.notes.ids()[first * slots..].chunks_exact(slots);
        let mut column = 0;
        let mut nats = Vec::new();
        let mut own = Vec::new();
        for (field, (head, to)) in (1..).zip(fields.iter().zip(to)) {
            let size = head.kernel.k();
            own.clear();
            for (units, symbols) in units.chunks_exact_mut(all).zip(symbols.clone()) {
                let units = &mut units[column..column + size];
                for row in symbols[..field].iter().map(|id| index(*id)) {
                    add(simd, units, &head.known[row * size..][..size]);
                }
                own.extend_from_slice(units);
            }
            column += size;
            silu(simd, &mut own);
            for row in to.chunks_exact_mut(head.bias.len()) {
                copy(row, head.bias);
            }
            add_product(simd, &own, &head.kernel, to);
            let targets = heads.targets(field);
            let mut sum = 0.0;
            for (row, to) in (first..).zip(to.chunks_exact_mut(head.bias.len())) {
                let target = index(targets.classes[row]);
                sum += softmax(simd, to, &targets.allowed[row], false, target);
            }
            nats.push(sum);
        }
        nats
    }
}

struct Back<'a> {
    heads: &'a Heads,
    states: &'a [f32],
    weights: &'a [f32],
    kept: &'a Kept,
    gradient: &'a [f32],
}

impl WithSimd for Back<'_> {
    /// Of the states, and of all weights.
    type Output = [Vec<f32>; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Vec<f32>; 2] {
        let Self { heads, states, weights, kept, gradient } = self;
        let (sizes, places) = (&heads.sizes, heads.sizes.places());
        let (width, all) = (sizes.state, sizes.all_units());
        let n_notes = heads.batch.n_notes();
        let mut of_weights = vec![0.0; places.total];

        // The logits' gradients of each field: `(p - one hot) · gradient`.
        let logits: Vec<Vec<f32>> = (0..sizes.n_classes.len())
            .map(|field| {
                let n = if field == 0 { sizes.positions() } else { sizes.n_classes[field] };
                let (p, classes) = (&kept[UNITS + 1 + field], &heads.targets(field).classes);
                let gradient = gradient[field];
                let mut logits = vec![0.0; p.len()];
                let rows = logits.par_chunks_mut(n).zip(p.par_chunks(n)).zip(classes);
                rows.with_min_len(64).for_each(|((to, p), class)| {
                    for (to, p) in to.iter_mut().zip(p) {
                        *to = p * gradient;
                    }
                    to[index(*class)] -= gradient;
                });
                logits
            })
            .collect();

        let positions = sizes.positions();
        let back =
            PackedMatrix::transposed(&weights[places.position_kernel.clone()], width, positions);
        let mut of_states = vec![0.0; states.len()];
        lstm_kernel::dense::add_large_product(&logits[0], &back, &mut of_states);
        let kernel = transposed_product(states, &logits[0], [width, positions]);
        of_weights[places.position_kernel].copy_from_slice(&kernel);
        add_columns(&logits[0], &mut of_weights[places.position_bias]);

        // The units' gradients before their function, and the units after it.
        let notes = heads.states_of_notes(states);
        let kernels: Vec<PackedMatrix> = places
            .fields
            .iter()
            .zip(sizes.units.iter().zip(&sizes.n_classes[1..]))
            .map(|(places, (units, classes))| {
                PackedMatrix::transposed(&weights[places.kernel.clone()], *units, *classes)
            })
            .collect();
        let hidden = PackedMatrix::transposed(&weights[places.hidden.clone()], width, all);
        let mut units = vec![0.0; n_notes * all];
        let mut after: Vec<Vec<f32>> = sizes.units.iter().map(|m| vec![0.0; n_notes * m]).collect();
        let mut of_notes = vec![0.0; n_notes * width];
        let chunks = by_chunk(&mut after, &sizes.units);
        units
            .par_chunks_mut(ROWS * all)
            .zip(of_notes.par_chunks_mut(ROWS * width))
            .zip(chunks)
            .enumerate()
            .for_each(|(task, ((units, of_notes), after))| {
                let (first, kernels, hidden) = (task * ROWS, &kernels, &hidden);
                let before = &kept[UNITS][first * all..][..units.len()];
                let logits = &logits;
                simd.vectorize(NotesBack {
                    logits,
                    kernels,
                    hidden,
                    first,
                    before,
                    units,
                    after,
                    of_notes,
                });
            });
        let of_hidden = transposed_product(&notes, &units, [width, all]);
        of_weights[places.hidden].copy_from_slice(&of_hidden);
        let mut column = 0;
        for (field, places) in (1..).zip(places.fields) {
            let (size, n) = (sizes.units[field - 1], sizes.n_classes[field]);
            let kernel = transposed_product(&after[field - 1], &logits[field], [size, n]);
            of_weights[places.kernel].copy_from_slice(&kernel);
            add_columns(&logits[field], &mut of_weights[places.bias]);
            let known = &mut of_weights[places.known];
            let (slots, ids) = (heads.batch.notes.slots(), heads.batch.notes.ids());
            simd.vectorize(Known { ids, slots, field, units: &units, all, column, size, known });
            column += size;
        }
        add_rows(simd, &mut of_states, &of_notes, &heads.batch.note_rows, width);
        [of_states, of_weights]
    }
}

/// Adds up the columns of some rows.
fn add_columns(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// Adds rows to those of `to` that `places` names, which rise.
#[inline(always)]
fn add_rows<S: Simd>(simd: S, to: &mut [f32], rows: &[f32], places: &[i32], width: usize) {
    struct AddRows<'a>(&'a mut [f32], &'a [f32], &'a [i32], usize, usize);
    impl WithSimd for AddRows<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(to, rows, places, first, width) = self;
            for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
                add(simd, &mut to[(index(*place) - first) * width..][..width], row);
            }
        }
    }
    const PER_TASK: usize = 256;
    to.par_chunks_mut(PER_TASK * width).enumerate().for_each(|(task, to)| {
        let first = task * PER_TASK;
        let n = to.len() / width;
        let start = places.partition_point(|place| index(*place) < first);
        let end = places.partition_point(|place| index(*place) < first + n);
        let rows = &rows[start * width..end * width];
        simd.vectorize(AddRows(to, rows, &places[start..end], first, width));
    });
}

/// Gradients of the units and states of some notes.
struct NotesBack<'a> {
    logits: &'a [Vec<f32>],
    kernels: &'a [PackedMatrix],
    hidden: &'a PackedMatrix,
    first: usize,
    /// The units before their function.
    before: &'a [f32],
    /// Receives their gradients.
    units: &'a mut [f32],
    /// Receives the units after it, of each field.
    after: Vec<&'a mut [f32]>,
    /// Receives the gradients of the states.
    of_notes: &'a mut [f32],
}

impl WithSimd for NotesBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { logits, kernels, hidden, first, before, units, after, of_notes } = self;
        let all = hidden.k();
        let n = units.len() / all;
        let mut column = 0;
        let mut own = Vec::new();
        for (field, (kernel, after)) in (1..).zip(kernels.iter().zip(after)) {
            let size = kernel.n();
            let logits = &logits[field][first * kernel.k()..][..n * kernel.k()];
            fill_rows(&mut own, &vec![0.0; size], n);
            add_product(simd, logits, kernel, &mut own);
            let rows = before.chunks_exact(all).zip(units.chunks_exact_mut(all));
            let own = own.chunks_exact_mut(size).zip(after.chunks_exact_mut(size));
            for ((before, units), (own, after)) in rows.zip(own) {
                let before = &before[column..column + size];
                silu_back(simd, before, own);
                copy(&mut units[column..column + size], own);
                copy(after, before);
                silu(simd, after);
            }
            column += size;
        }
        add_product(simd, units, hidden, of_notes);
    }
}

/// Adds up the gradients of the rows of the classes before a field.
struct Known<'a> {
    ids: &'a [i32],
    slots: usize,
    field: usize,
    /// Gradients of the units of all fields, `[N, ΣM]`.
    units: &'a [f32],
    all: usize,
    column: usize,
    size: usize,
    known: &'a mut [f32],
}

impl WithSimd for Known<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { ids, slots, field, units, all, column, size, known } = self;
        for (units, ids) in units.chunks_exact(all).zip(ids.chunks_exact(slots)) {
            let units = &units[column..column + size];
            for row in ids[..field].iter().map(|id| index(*id)) {
                add(simd, &mut known[row * size..][..size], units);
            }
        }
    }
}
