//! The weight gradients: products over all steps and sequences, of rows that each task stacked in
//! the order in which the tiles read them.
//!
//! A weight gradient is `Σ aᵀ dg` over the rows `a` of the input of a product (`h_{t-1}` or `x_t`)
//! and the rows `dg` of gate gradients. A task of the backward pass has both in its caches, so it
//! packs them right away: `dg` in panels, `a` in strips as wide as a tile has rows.

use std::ops::Range;
use std::slice::ChunksExact;

use bytemuck::Pod;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::functions::add;
use crate::instructions::dot::{self, Dot};
use crate::memory::Buffer;
use crate::packed::{Arithmetic, F32Panel, INNER_BLOCK, PairsPanel, Panel};
use crate::prefetch::{Prefetch, prefetch_sums};
use crate::tile::{TileAt, tile_shape, with_tile_shape};

/// Maximum number of rows of a weight gradient that one task sums. Their strips stay in the
/// second-level cache while the gate gradients are streamed once per task: more rows per task mean
/// fewer reads. The split does not change any bit, because each sum is one chain over all steps in
/// order.
const MAX_ROWS_PER_UNIT: usize = 132;
/// Number of tasks per thread, so that no thread waits long for the last one.
const UNITS_PER_THREAD: usize = 2;

/// Number of rows that one task sums of a gradient of `n_rows` rows: whole strips.
fn rows_per_unit(n_rows: usize, strip: usize) -> usize {
    let even = n_rows.div_ceil(UNITS_PER_THREAD * rayon::current_num_threads());
    even.min(MAX_ROWS_PER_UNIT).next_multiple_of(strip)
}

/// The values of one task of a backward pass that the weight gradients are computed from.
pub(crate) enum Stacked {
    /// For products in `f32`.
    F32(Stack<f32>),
    /// For products in bfloat16: each row is a row of words, each of which contains values of two
    /// rows.
    Pairs(Stack<u32>, Dot),
}

/// The sizes of a task's stack.
pub(crate) struct StackShape {
    /// Rows of the batch in each step, in reading order.
    pub(crate) rows_per_step: Vec<usize>,
    /// Columns of a row of gate gradients.
    pub(crate) n_gates: usize,
    /// Columns of the inputs of the two products.
    pub(crate) input_widths: [usize; 2],
}

/// Rows of gate gradients and of inputs, in the order in which the tiles read them.
pub(crate) struct Stack<T> {
    /// Gate gradients, in panels.
    gates: Blocks<T>,
    /// The inputs of the two products, in strips as wide as a tile has rows.
    inputs: [Blocks<T>; 2],
    /// Rows of the batch in each step, in reading order.
    rows_per_step: Vec<usize>,
    /// First stored row of each step.
    firsts: Vec<usize>,
}

/// Rows cut into pieces of columns, `[block][piece][row of the block][column of the piece]`, so
/// that reading them block by block follows their addresses. Columns of the last piece beyond the
/// width of a row are unspecified, and their products are ignored.
struct Blocks<T> {
    values: Buffer<T>,
    n_rows: usize,
    /// Number of rows in a block; the last one may have fewer.
    in_block: usize,
    /// Total number of columns of all pieces.
    width: usize,
}

impl<T: Pod> Blocks<T> {
    /// Allocates space for `n_rows` rows of `n` columns.
    fn new(n_rows: usize, in_block: usize, n: usize, piece: usize) -> Self {
        let width = n.next_multiple_of(piece);
        Self { values: Buffer::unset(n_rows * width), n_rows, in_block, width }
    }

    /// The rows of each block.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<T> {
        let (n_rows, in_block) = (self.n_rows, self.in_block);
        (0..n_rows).step_by(in_block).map(move |first| first..n_rows.min(first + in_block))
    }

    /// The pieces of a block from `first` on, each with all rows of the block.
    fn pieces(&self, block: &Range<usize>, piece: usize, first: usize) -> ChunksExact<'_, T> {
        let values = &self.values[block.start * self.width..block.end * self.width];
        values[first * piece * block.len()..].chunks_exact(piece * block.len())
    }

    /// Writes rows of `n` columns, starting at row `first`.
    #[inline(always)]
    fn put(&mut self, piece: usize, mut first: usize, mut rows: &[T], n: usize) {
        debug_assert!(
            self.width.is_multiple_of(piece),
            "pieces must have the width of the allocation"
        );
        while !rows.is_empty() {
            let start = first / self.in_block * self.in_block;
            let block = start..self.n_rows.min(start + self.in_block);
            let here;
            (here, rows) = rows.split_at(rows.len().min((block.end - first) * n));
            let values = &mut self.values[block.start * self.width..block.end * self.width];
            for (p, to) in values.chunks_exact_mut(piece * block.len()).enumerate() {
                let to = to[(first - start) * piece..].chunks_exact_mut(piece);
                for (to, row) in to.zip(here.chunks_exact(n)) {
                    let row = &row[p * piece..];
                    // This length is constant once compiled for an instruction set, so the copy is
                    // a few moves.
                    match row.get(..piece) {
                        Some(row) => to.copy_from_slice(row),
                        None => to[..row.len()].copy_from_slice(row),
                    }
                }
            }
            first += here.len() / n;
        }
    }
}

impl<T: Pod> Stack<T> {
    /// Allocates space for a shape, with `rows_per_word` rows in each stored row.
    fn new<S: Simd>(shape: StackShape, rows_per_word: usize) -> Self {
        let StackShape { rows_per_step, n_gates, input_widths } = shape;
        let (panel, strip) = tile_shape::<S>();
        let mut n_rows = 0;
        let mut firsts = Vec::with_capacity(rows_per_step.len());
        for rows in &rows_per_step {
            firsts.push(n_rows);
            // If the number of rows is odd, the last row of a step is paired with zeros.
            n_rows += rows.div_ceil(rows_per_word);
        }
        let in_block = INNER_BLOCK / rows_per_word;
        let inputs = input_widths.map(|width| Blocks::new(n_rows, in_block, width, strip));
        let gates = Blocks::new(n_rows, in_block, n_gates, panel);
        Self { gates, inputs, rows_per_step, firsts }
    }
}

impl<T> Stack<T> {
    /// The step of each stored row, and the first of the `rows_per_word` rows of the batch in it.
    fn steps_and_rows(&self, rows_per_word: usize) -> impl Iterator<Item = (usize, usize)> {
        self.rows_per_step.iter().enumerate().flat_map(move |(step, rows)| {
            (0..*rows).step_by(rows_per_word).map(move |first| (step, first))
        })
    }
}

impl Stacked {
    /// Allocates space for all steps of a task.
    pub(crate) fn new<S: Simd>(arithmetic: Arithmetic, shape: StackShape) -> Self {
        match arithmetic.with_panels_of(tile_shape::<S>().0) {
            Arithmetic::Pairs(dot) => Self::Pairs(Stack::new::<S>(shape, 2), dot),
            _ => Self::F32(Stack::new::<S>(shape, 1)),
        }
    }
}

/// Stacks the gate gradients of step `step`, rows of `n` values.
#[inline(always)]
pub(crate) fn stack_gates<S: Simd>(to: &mut Stacked, step: usize, values: &[f32], n: usize) {
    let (panel, _) = tile_shape::<S>();
    match to {
        Stacked::F32(to) => to.gates.put(panel, to.firsts[step], values, n),
        Stacked::Pairs(to, dot) => for_each_pair(*dot, values, n, |pair, words| {
            to.gates.put(dot::COLUMNS, to.firsts[step] + pair, words, n);
        }),
    }
}

/// Stacks the input of product `which` at step `step`, rows of `n` values.
#[inline(always)]
pub(crate) fn stack_input<S: Simd>(
    to: &mut Stacked,
    which: usize,
    step: usize,
    values: &[f32],
    n: usize,
) {
    let (_, strip) = tile_shape::<S>();
    match to {
        Stacked::F32(to) => to.inputs[which].put(strip, to.firsts[step], values, n),
        Stacked::Pairs(to, dot) => for_each_pair(*dot, values, n, |pair, words| {
            to.inputs[which].put(strip, to.firsts[step] + pair, words, n);
        }),
    }
}

/// Calls `with` with the index and the words of each pair of rows of a step.
#[inline(always)]
fn for_each_pair(dot: Dot, values: &[f32], n: usize, mut with: impl FnMut(usize, &[u32])) {
    let (mut words, nothing) = (vec![0; n], vec![0.0; n]);
    for (pair, rows) in values.chunks(2 * n).enumerate() {
        let (first, second) = rows.split_at(n);
        dot.pair_rows(first, if second.is_empty() { &nothing } else { second }, &mut words);
        with(pair, &words);
    }
}

/// Adds the weight gradients of both products, `[width, n]` each, to `gradients`.
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

/// A range of rows of a weight gradient.
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
    let columns = REGISTERS * S::F32_LANES;
    for stack in stacks {
        match stack {
            Stacked::F32(stack) => {
                let at = StackRows { stack, which, first_strip, columns };
                let panel = |gates| F32Panel::<S, REGISTERS>::new(gates);
                at.sum::<S, _, ROWS>(simd, sums, n, panel);
            }
            Stacked::Pairs(stack, dot) => {
                let at = StackRows { stack, which, first_strip, columns };
                at.sum::<S, _, ROWS>(simd, sums, n, |gates| PairsPanel::new(gates, *dot));
            }
        }
    }
}

/// The rows of a [`Unit`] in a stack.
struct StackRows<'a, T> {
    stack: &'a Stack<T>,
    which: usize,
    first_strip: usize,
    /// Number of columns in a panel.
    columns: usize,
}

impl<'a, T: Pod> StackRows<'a, T> {
    /// Adds the products of all rows; `panel` builds a panel from gate gradients.
    #[inline(always)]
    fn sum<S: Simd, P: Panel<S, Left = T>, const ROWS: usize>(
        self,
        simd: S,
        sums: &mut [f32],
        n: usize,
        panel: impl Fn(&'a [T]) -> P,
    ) {
        let Self { stack, which, first_strip, columns } = self;
        for block in stack.gates.blocks() {
            let strips = stack.inputs[which].pieces(&block, ROWS, first_strip);
            let n_strips = sums.len().div_ceil(ROWS * n);
            let mut rest = &stack.gates.values[block.start * stack.gates.width..];
            for (p, gates) in stack.gates.pieces(&block, columns, 0).enumerate() {
                let panel = panel(gates);
                rest = &rest[gates.len()..];
                let prefetch = Prefetch::next(rest, gates.len());
                let (mut parts, mut sums) = (prefetch.split(n_strips), &mut *sums);
                let at = TileAt { n, column: p * columns };
                for strip in strips.clone().take(n_strips) {
                    let these;
                    (these, sums) = sums.split_at_mut((ROWS * n).min(sums.len()));
                    // The sums of the next strip: rows that are far apart in memory, which the
                    // hardware prefetcher does not predict.
                    prefetch_sums::<ROWS>(sums, n, at.column..at.column + columns);
                    let (strip, _) = strip.as_chunks::<ROWS>();
                    panel.multiply(simd, strip, these, at, parts.next().unwrap_or_default());
                }
            }
        }
    }
}

/// The gradient of a table `[n_symbols, n]`, where the rows of `symbols(task, step, row)` were
/// added to each row of gates; `step` counts steps in reading order.
#[inline(always)]
pub(crate) fn table_gradient<'a, S: Simd>(
    simd: S,
    stacks: &[Stacked],
    n: usize,
    n_symbols: usize,
    symbols: impl Fn(usize, usize, usize) -> &'a [i32] + Sync,
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

/// A panel of the gradient of a table.
struct TablePanel<'a, F> {
    stacks: &'a [Stacked],
    p: usize,
    n_symbols: usize,
    symbols: &'a F,
}

impl<'a, F: Fn(usize, usize, usize) -> &'a [i32]> WithSimd for TablePanel<'_, F> {
    /// `[symbol][column of the panel]`.
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { stacks, p, n_symbols, symbols } = self;
        let (panel, _) = tile_shape::<S>();
        let mut sums = vec![0.0; n_symbols * panel];
        let ids = |ids: &'a [i32]| ids.iter().filter_map(|id| usize::try_from(*id).ok());
        for (task, stack) in stacks.iter().enumerate() {
            match stack {
                Stacked::F32(stack) => {
                    let rows = rows_of_panel(&stack.gates, p, panel);
                    for ((step, row), gates) in stack.steps_and_rows(1).zip(rows) {
                        for id in ids(symbols(task, step, row)) {
                            add(simd, &mut sums[id * panel..][..panel], gates);
                        }
                    }
                }
                Stacked::Pairs(stack, _) => {
                    let rows = rows_of_panel(&stack.gates, p, panel);
                    for ((step, first), words) in stack.steps_and_rows(2).zip(rows) {
                        for row in first..stack.rows_per_step[step].min(first + 2) {
                            for id in ids(symbols(task, step, row)) {
                                let sums = &mut sums[id * panel..][..panel];
                                add_halves(simd, sums, words, row > first);
                            }
                        }
                    }
                }
            }
        }
        sums
    }
}

/// The rows of a panel in all blocks.
fn rows_of_panel<T: Pod>(
    gates: &Blocks<T>,
    p: usize,
    columns: usize,
) -> impl Iterator<Item = &[T]> {
    gates.blocks().flat_map(move |block| {
        gates.pieces(&block, columns, p).take(1).flat_map(move |rows| rows.chunks_exact(columns))
    })
}

/// Adds the lower or upper halves of words, which are bfloat16.
#[inline(always)]
fn add_halves<S: Simd>(simd: S, to: &mut [f32], words: &[u32], upper: bool) {
    let (mask, half) = (simd.splat_u32s(0xffff_0000), simd.splat_u32s(16));
    let (to, words) = (S::as_mut_simd_f32s(to).0, S::as_simd_u32s(words).0);
    for (to, word) in to.iter_mut().zip(words) {
        let value = if upper {
            simd.and_u32s(*word, mask)
        } else {
            simd.wrapping_dyn_shl_u32s(*word, half)
        };
        *to = simd.add_f32s(*to, simd.transmute_f32s_u32s(value));
    }
}
