//! The forward pass of all heads: probabilities of the classes and cross-entropies.

use lstm_kernel::functions::{add, copy};
use lstm_kernel::packed::{PackedMatrix, add_product};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::{Heads, ROWS, by_chunk, index};
use crate::host::Kept;
use crate::note_list::batch::Targets;
use crate::note_list::kernel::silu;
use crate::softmax::softmax;

pub(super) struct Forward<'a> {
    pub(super) heads: &'a Heads,
    pub(super) states: &'a [f32],
    pub(super) weights: &'a [f32],
}

/// The weights of one field for the forward pass.
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

/// Computes the probabilities of the positions of one task's rows.
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

/// Computes the units and probabilities of one task's notes.
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
    /// The cross-entropy of each field, in nats.
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
