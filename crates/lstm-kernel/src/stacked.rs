//! The weight gradients: products over all steps and sequences, of rows that each task stacked in
//! the order in which the tiles read them.
//!
//! A weight gradient is `Σ aᵀ dg` over the rows `a` of what entered a product (`h_{t-1}`, or `x_t`)
//! and the rows `dg` of gate gradients. A task of the backward pass has both at hand, in its
//! caches, so it lays them out at once: `dg` in panels, `a` in strips as wide as a tile has rows.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::functions::add;
use crate::packed::INNER_BLOCK;
use crate::tile::{registers, registers_mut, tile, tile_shape, with_tile_shape};

/// The most rows of a weight gradient that one task sums. Their strips stay in the second cache while
/// the gate gradients stream by, once for each task: the more rows, the less is read. How rows are
/// split changes no bit, because each sum is one chain over all steps in their order.
const MAX_ROWS_PER_UNIT: usize = 132;
/// Tasks for each thread, so that none waits long for the last.
const UNITS_PER_THREAD: usize = 2;

/// Rows that one task sums of a gradient of `n_rows`: whole strips.
fn rows_per_unit(n_rows: usize, strip: usize) -> usize {
    let even = n_rows.div_ceil(UNITS_PER_THREAD * rayon::current_num_threads());
    even.min(MAX_ROWS_PER_UNIT).next_multiple_of(strip)
}

/// What one task of a backward pass leaves for the weight gradients.
pub(crate) struct Stacked {
    /// Gate gradients, `[panel][row][column of the panel]`.
    gates: Vec<f32>,
    /// What entered each of two products, `[strip][row][column of the strip]`.
    inputs: [Vec<f32>; 2],
    n_rows: usize,
}

impl Stacked {
    /// Room for `n_rows` rows of `n` gates and of two inputs of some widths.
    pub(crate) fn new<S: Simd>(n_rows: usize, n: usize, widths: [usize; 2]) -> Self {
        let (panel, strip) = tile_shape::<S>();
        let gates = vec![0.0; n.next_multiple_of(panel) * n_rows];
        let inputs = widths.map(|width| vec![0.0; width.next_multiple_of(strip) * n_rows]);
        Self { gates, inputs, n_rows }
    }
}

/// Stacks the gate gradients of a step, rows of `n` values, as rows `first..`.
#[inline(always)]
pub(crate) fn stack_gates<S: Simd>(to: &mut Stacked, first: usize, values: &[f32], n: usize) {
    with_tile_shape!(S, stack_panels(to, first, values, n));
}

#[inline(always)]
fn stack_panels<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    to: &mut Stacked,
    first: usize,
    values: &[f32],
    n: usize,
) {
    let panel = REGISTERS * S::F32_LANES;
    let (to, n_rows) = (&mut to.gates, to.n_rows);
    for (p, to) in to.chunks_exact_mut((n_rows * panel).max(1)).enumerate() {
        let to = to[first * panel..].chunks_exact_mut(panel);
        for (to, values) in to.zip(values.chunks_exact(n)) {
            let values = &values[p * panel..];
            match (registers_mut::<S, REGISTERS>(to), registers::<S, REGISTERS>(values)) {
                (Some(to), Some(values)) => *to = *values,
                _ => to[..values.len()].copy_from_slice(values),
            }
        }
    }
}

/// Stacks what entered a product (`which`) at a step, rows of `n` values, as rows `first..`.
#[inline(always)]
pub(crate) fn stack_input<S: Simd>(
    to: &mut Stacked,
    which: usize,
    first: usize,
    values: &[f32],
    n: usize,
) {
    with_tile_shape!(S, stack_strips(to, which, first, values, n));
}

#[expect(clippy::extra_unused_type_parameters, reason = "the macro names all three parameters")]
#[inline(always)]
fn stack_strips<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    to: &mut Stacked,
    which: usize,
    first: usize,
    values: &[f32],
    n: usize,
) {
    let (to, n_rows) = (&mut to.inputs[which], to.n_rows);
    for (strip, to) in to.chunks_exact_mut((n_rows * ROWS).max(1)).enumerate() {
        let (to, _) = to[first * ROWS..].as_chunks_mut::<ROWS>();
        for (to, values) in to.iter_mut().zip(values.chunks_exact(n)) {
            let values = &values[strip * ROWS..];
            match values.first_chunk() {
                Some(values) => *to = *values,
                None => to[..values.len()].copy_from_slice(values),
            }
        }
    }
}

/// The gradients of the weights of both products, `[width, n]` each, which `gradients` are added to.
#[inline(always)]
pub(crate) fn add_weight_gradients<S: Simd>(
    simd: S,
    stacks: &[Stacked],
    n: usize,
    gradients: [&mut [f32]; 2],
) {
    let (_, strip) = tile_shape::<S>();
    let [first, second] = gradients;
    let units = |which: usize, gradient| {
        let gradient: &mut [f32] = gradient;
        let rows = rows_per_unit(gradient.len() / n.max(1), strip).max(strip);
        let units = gradient.par_chunks_mut((rows * n).max(1)).enumerate();
        units.map(move |(unit, sums)| (which, unit * rows / strip, sums))
    };
    units(0, first).chain(units(1, second)).for_each(|(which, first_strip, sums)| {
        simd.vectorize(Unit { stacks, which, first_strip, sums, n });
    });
}

/// Some rows of a weight gradient.
struct Unit<'a> {
    stacks: &'a [Stacked],
    which: usize,
    first_strip: usize,
    sums: &'a mut [f32],
    n: usize,
}

impl WithSimd for Unit<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_tile_shape!(S, sum_unit(simd, self));
    }
}

#[inline(always)]
fn sum_unit<S: Simd, const REGISTERS: usize, const ROWS: usize>(simd: S, unit: Unit<'_>) {
    let Unit { stacks, which, first_strip, sums, n } = unit;
    let panel = REGISTERS * S::F32_LANES;
    for stack in stacks {
        let n_rows = stack.n_rows;
        let strips = &stack.inputs[which][first_strip * n_rows * ROWS..];
        for start in (0..n_rows).step_by(INNER_BLOCK) {
            let rows = start..n_rows.min(start + INNER_BLOCK);
            for (p, gates) in stack.gates.chunks_exact(n_rows * panel).enumerate() {
                let gates = &gates[rows.start * panel..rows.end * panel];
                let (gates, _) = S::as_simd_f32s(gates).0.as_chunks::<REGISTERS>();
                let strips = strips.chunks_exact(n_rows * ROWS);
                for (sums, strip) in sums.chunks_mut(ROWS * n).zip(strips) {
                    let (strip, _) = strip.as_chunks::<ROWS>();
                    tile(simd, &strip[rows.clone()], gates, sums, n, p * panel);
                }
            }
        }
    }
}

/// The gradient of a table `[n_symbols, n]` of which `symbols(task, row)` were added up in a row of
/// gates.
#[inline(always)]
pub(crate) fn table_gradient<'a, S: Simd>(
    simd: S,
    stacks: &[Stacked],
    n: usize,
    n_symbols: usize,
    symbols: impl Fn(usize, usize) -> &'a [i32] + Sync,
) -> Vec<f32> {
    let (panel, _) = tile_shape::<S>();
    let symbols = &symbols;
    let panels: Vec<Vec<f32>> = (0..n.div_ceil(panel))
        .into_par_iter()
        .map(|p| simd.vectorize(TablePanel { stacks, p, n_symbols, symbols }))
        .collect();
    let mut gradient = vec![0.0; n_symbols * n];
    gradient.par_chunks_mut(n).enumerate().for_each(|(symbol, row)| {
        for (row, sums) in row.chunks_mut(panel).zip(&panels) {
            row.copy_from_slice(&sums[symbol * panel..][..row.len()]);
        }
    });
    gradient
}

/// A panel of a table's gradient.
struct TablePanel<'a, F> {
    stacks: &'a [Stacked],
    p: usize,
    n_symbols: usize,
    symbols: &'a F,
}

impl<'a, F: Fn(usize, usize) -> &'a [i32]> WithSimd for TablePanel<'_, F> {
    /// `[symbol][column of the panel]`.
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { stacks, p, n_symbols, symbols } = self;
        let (panel, _) = tile_shape::<S>();
        let mut sums = vec![0.0; n_symbols * panel];
        for (task, stack) in stacks.iter().enumerate() {
            let rows = stack.gates[p * stack.n_rows * panel..].chunks_exact(panel);
            for (row, gates) in rows.take(stack.n_rows).enumerate() {
                for id in symbols(task, row).iter().filter_map(|id| usize::try_from(*id).ok()) {
                    add(simd, &mut sums[id * panel..][..panel], gates);
                }
            }
        }
        sums
    }
}
