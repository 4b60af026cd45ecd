//! The weight gradients: products over all steps and sequences, of rows that each task stacked in
//! the order in which the tiles read them.
//!
//! A weight gradient is `Σ aᵀ dg` over the rows `a` of what entered a product (`h_{t-1}`, or `x_t`)
//! and the rows `dg` of gate gradients. A task of the backward pass has both at hand, in its
//! caches, so it lays them out at once: `dg` in panels, `a` in strips as wide as a tile has rows.

use std::ops::Range;
use std::slice::ChunksExact;

use bytemuck::Pod;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::ahead::{Ahead, ask_for_sums};
use crate::functions::add;
use crate::instructions::dot::{self, Dot};
use crate::memory::Buffer;
use crate::packed::{Arithmetic, F32Panel, INNER_BLOCK, PairsPanel, Panel};
use crate::tile::{tile_shape, with_tile_shape};

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
pub(crate) enum Stacked {
    /// For products in `f32`.
    F32(Stack<f32>),
    /// For products in bfloat16: a row is a word of two rows.
    Pairs(Stack<u32>, Dot),
}

/// Rows of gate gradients and of inputs, in the order in which tiles read them.
pub(crate) struct Stack<T> {
    /// Gate gradients, in panels.
    gates: Blocks<T>,
    /// What entered each of two products, in strips as wide as a tile has rows.
    inputs: [Blocks<T>; 2],
    /// Rows of the batch in each step, in the order in which steps were read.
    in_steps: Vec<usize>,
    /// Where each step begins.
    firsts: Vec<usize>,
}

/// Rows cut into pieces of some columns, `[block][piece][row of the block][column of the piece]`: read
/// block by block, they are read in the order of their addresses. Columns of the last piece beyond the width of a
/// row hold anything, and what they are multiplied to is left out.
struct Blocks<T> {
    values: Buffer<T>,
    n_rows: usize,
    /// Rows of a block; the last may have fewer.
    in_block: usize,
    /// Columns of all pieces.
    width: usize,
}

impl<T: Pod> Blocks<T> {
    /// Room for `n_rows` rows of `n` columns.
    fn new(n_rows: usize, in_block: usize, n: usize, piece: usize) -> Self {
        let width = n.next_multiple_of(piece);
        Self { values: Buffer::unset(n_rows * width), n_rows, in_block, width }
    }

    /// The rows of each block.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<T> {
        let (n_rows, in_block) = (self.n_rows, self.in_block);
        (0..n_rows).step_by(in_block).map(move |first| first..n_rows.min(first + in_block))
    }

    /// Pieces of a block from some piece on, each with the rows of the block.
    fn pieces(&self, block: &Range<usize>, piece: usize, first: usize) -> ChunksExact<'_, T> {
        let values = &self.values[block.start * self.width..block.end * self.width];
        values[first * piece * block.len()..].chunks_exact(piece * block.len())
    }

    /// Puts down rows of `n` columns from row `first` on.
    #[inline(always)]
    fn put(&mut self, piece: usize, mut first: usize, mut rows: &[T], n: usize) {
        debug_assert!(self.width.is_multiple_of(piece), "pieces of the width it was made for");
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
                    // A length that is a constant once compiled for an instruction set: a few moves.
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
    /// Room for steps of some rows of the batch, `in_word` of which make a row here, of `n` gates and of two
    /// inputs of some widths.
    fn new<S: Simd>(in_steps: Vec<usize>, in_word: usize, n: usize, widths: [usize; 2]) -> Self {
        let (panel, strip) = tile_shape::<S>();
        let mut n_rows = 0;
        let firsts = in_steps
            .iter()
            .map(|rows| {
                n_rows += rows.div_ceil(in_word);
                n_rows - rows.div_ceil(in_word)
            })
            .collect();
        let in_block = INNER_BLOCK / in_word;
        let inputs = widths.map(|width| Blocks::new(n_rows, in_block, width, strip));
        Self { gates: Blocks::new(n_rows, in_block, n, panel), inputs, in_steps, firsts }
    }
}

impl<T> Stack<T> {
    /// The step of each row, and the first row of the batch it holds, of which there are `in_word`.
    fn places(&self, in_word: usize) -> impl Iterator<Item = (usize, usize)> {
        self.in_steps.iter().enumerate().flat_map(move |(step, rows)| {
            (0..*rows).step_by(in_word).map(move |first| (step, first))
        })
    }
}

impl Stacked {
    /// Room for steps of some rows each, in the order in which they are read.
    pub(crate) fn new<S: Simd>(
        arithmetic: Arithmetic,
        in_steps: Vec<usize>,
        n: usize,
        widths: [usize; 2],
    ) -> Self {
        match arithmetic.with_panels_of(tile_shape::<S>().0) {
            // A step's last row has a partner of zeros where rows are odd.
            Arithmetic::Pairs(dot) => Self::Pairs(Stack::new::<S>(in_steps, 2, n, widths), dot),
            _ => Self::F32(Stack::new::<S>(in_steps, 1, n, widths)),
        }
    }
}

/// Stacks the gate gradients of a step, rows of `n` values, as the rows of step `step`.
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

/// Stacks what entered a product (`which`) at a step, rows of `n` values, as the rows of step
/// `step`.
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

/// Calls `with` with each pair of a step's rows in words, and which of its pairs it is.
#[inline(always)]
fn for_each_pair(dot: Dot, values: &[f32], n: usize, mut with: impl FnMut(usize, &[u32])) {
    let (mut words, nothing) = (vec![0; n], vec![0.0; n]);
    for (pair, rows) in values.chunks(2 * n).enumerate() {
        let (first, second) = rows.split_at(n);
        dot.pair_rows(first, if second.is_empty() { &nothing } else { second }, &mut words);
        with(pair, &words);
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
    let columns = REGISTERS * S::F32_LANES;
    for stack in stacks {
        match stack {
            Stacked::F32(stack) => {
                let at = Place { stack, which, first_strip, columns };
                let panel = |gates| F32Panel::<S, REGISTERS>::new(gates);
                at.sum::<S, _, ROWS>(simd, sums, n, panel);
            }
            Stacked::Pairs(stack, dot) => {
                let at = Place { stack, which, first_strip, columns };
                at.sum::<S, _, ROWS>(simd, sums, n, |gates| PairsPanel::new(gates, *dot));
            }
        }
    }
}

/// Where the rows of a [`Unit`] stand in a stack.
struct Place<'a, T> {
    stack: &'a Stack<T>,
    which: usize,
    first_strip: usize,
    /// Columns of a panel.
    columns: usize,
}

impl<'a, T: Pod> Place<'a, T> {
    /// Adds the products of all rows; `panel` makes a panel of gate gradients.
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
                let ahead = Ahead::next(rest, gates.len());
                let (mut shares, mut sums) = (ahead.shares(n_strips), &mut *sums);
                let at = [n, p * columns];
                for strip in strips.clone().take(n_strips) {
                    let these;
                    (these, sums) = sums.split_at_mut((ROWS * n).min(sums.len()));
                    // The next strip's sums: rows far apart in memory, which the processor does not foresee.
                    ask_for_sums::<ROWS>(sums, at, columns);
                    let (strip, _) = strip.as_chunks::<ROWS>();
                    panel.multiply(simd, strip, these, at, shares.next().unwrap_or_default());
                }
            }
        }
    }
}

/// The gradient of a table `[n_symbols, n]` of which `symbols(task, step, row)` were added up in a row
/// of gates, steps in the order in which they were read.
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

/// A panel of a table's gradient.
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
                    for ((step, row), gates) in stack.places(1).zip(rows) {
                        for id in ids(symbols(task, step, row)) {
                            add(simd, &mut sums[id * panel..][..panel], gates);
                        }
                    }
                }
                Stacked::Pairs(stack, _) => {
                    let rows = rows_of_panel(&stack.gates, p, panel);
                    for ((step, first), words) in stack.places(2).zip(rows) {
                        for row in first..stack.in_steps[step].min(first + 2) {
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

/// The rows of a panel of all blocks.
fn rows_of_panel<T: Pod>(
    gates: &Blocks<T>,
    p: usize,
    columns: usize,
) -> impl Iterator<Item = &[T]> {
    gates.blocks().flat_map(move |block| {
        gates.pieces(&block, columns, p).take(1).flat_map(move |rows| rows.chunks_exact(columns))
    })
}

/// Adds the lower or the upper halves of words, which are bfloat16.
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
