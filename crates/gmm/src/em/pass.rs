//! One pass over the samples: responsibilities by blocks of rows, then moments by component.
//!
//! Small moments (`K` matrices that fit a cache) are taken chunk by chunk: a task finds the responsibilities of a chunk
//! and adds its rows up while they are at hand; the chunks' moments are merged in order. Large moments exist once: rows
//! are taken in super-blocks, within which the E step runs in parallel over blocks and the sums in parallel over
//! components, each adding its rows in order. Either way no sum is split between threads, so the bits do not depend on
//! their number, and responsibilities never exist for more rows than are at work.

use super::bounds::{BlockBounds, BlockScratch, Drift, expectation};
use super::shares::Shares;
use crate::density::{BLOCK_ROWS, BlockDensity};
use crate::model::weighted;
use crate::stats::{Accumulator, Moments};
use crate::{CovarianceType, Real, Samples};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Blocks in a super-block.
const SUPER_BLOCKS: usize = 32;
/// Rows in a chunk: a whole number of blocks of any size.
const CHUNK_ROWS: usize = 8 * BLOCK_ROWS;
/// Bytes of a block of rows for diagonal shapes, whose kernels go through the rows once per component: a quarter of a
/// small L2.
const DIAGONAL_BLOCK: usize = 1 << 17;
/// Values in all components' second moments up to which every chunk may have its own: 1 MiB.
const CHUNKED_VALUES: usize = 1 << 17;

/// Buffers of the EM loop, made once per fit.
pub(super) struct Workspace<T> {
    /// Rows in a block; a power of two, so that it divides [`CHUNK_ROWS`].
    block_rows: usize,
    /// Responsibilities of one super-block.
    responsibilities: Vec<Shares>,
    /// What is known of each block from the last iteration.
    bounds: Vec<BlockBounds>,
    accumulators: Vec<Accumulator<T>>,
    blocks: Vec<BlockTotals>,
    /// One scratch space per thread of the pool, and one for a caller outside it.
    scratch: Vec<Mutex<BlockScratch<T>>>,
    /// Chunks at work at the same time; none where moments are large.
    slots: Vec<Slot<T>>,
    moments: Vec<Moments>,
}

/// Responsibilities and moments of one chunk.
struct Slot<T> {
    responsibilities: Shares,
    accumulators: Vec<Accumulator<T>>,
    blocks: Vec<BlockTotals>,
    scratch: BlockScratch<T>,
}

/// What one block adds up to.
#[derive(Clone, Copy)]
struct BlockTotals {
    log_likelihood: f64,
    worst: f64,
    worst_row: usize,
}

/// What one pass adds up to, apart from the moments.
pub(super) struct PassTotals {
    /// Weighted sum of `ln p(x)`.
    pub(super) log_likelihood: f64,
    /// The row with the lowest density.
    pub(super) worst_row: usize,
}

impl<T: Real> Workspace<T> {
    pub(super) fn new(
        n_components: usize,
        samples: &Samples<'_, T>,
        covariance_type: CovarianceType,
    ) -> Self {
        let d = samples.n_features();
        let fitting = (DIAGONAL_BLOCK / (d * size_of::<T>())).max(1);
        let block_rows = match covariance_type {
            CovarianceType::Diag | CovarianceType::Spherical => {
                (1 << fitting.ilog2()).clamp(16, BLOCK_ROWS)
            }
            _ => BLOCK_ROWS,
        };
        let n_blocks = samples.n_samples().div_ceil(block_rows);
        let scratch = || BlockScratch::new(d);
        let accumulators =
            || (0..n_components).map(|_| Accumulator::new(covariance_type, d)).collect();
        let values = n_components * if covariance_type == CovarianceType::Full { d * d } else { d };
        let chunked = values <= CHUNKED_VALUES;
        let n_chunks = samples.n_samples().div_ceil(CHUNK_ROWS);
        let n_threads = rayon::current_num_threads();
        // How many chunks are at work at once changes no result: they are merged in order.
        let n_slots = if chunked { n_chunks.min(4 * n_threads) } else { 0 };
        let n_scratch = if chunked { 0 } else { n_threads + 1 };
        let n_super = if chunked { 0 } else { n_blocks.min(SUPER_BLOCKS) };
        Self {
            block_rows,
            responsibilities: vec![Shares::new(n_components); n_super],
            bounds: (0..n_blocks).map(|_| BlockBounds::new(n_components, block_rows)).collect(),
            accumulators: accumulators(),
            blocks: Vec::with_capacity(n_blocks),
            scratch: (0..n_scratch).map(|_| Mutex::new(scratch())).collect(),
            slots: (0..n_slots)
                .map(|_| Slot {
                    responsibilities: Shares::new(n_components),
                    accumulators: accumulators(),
                    blocks: Vec::with_capacity(CHUNK_ROWS / block_rows),
                    scratch: scratch(),
                })
                .collect(),
            moments: vec![Moments::new(covariance_type, d); n_components],
        }
    }

    /// Moments of the last pass, one per component.
    pub(super) fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Forgets what is known of the rows from earlier iterations.
    pub(super) fn reset(&mut self) {
        self.bounds.par_iter_mut().for_each(BlockBounds::reset);
    }

    /// E step under `density`, and the moments of its responsibilities around `centers` (`[K, D]`); `drift` tells how
    /// far the components may have moved since the last one.
    pub(super) fn expectation(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        drift: &Drift,
        centers: &[f64],
    ) -> PassTotals {
        self.run(samples, centers, |_, rows, bounds, shares, scratch| {
            expectation(rows, density, drift, bounds, shares, scratch);
        })
    }

    /// Like [`expectation`](Self::expectation), but adds up the entropies of the responsibilities instead of the log
    /// densities.
    pub(super) fn entropies(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        drift: &Drift,
        centers: &[f64],
    ) -> PassTotals {
        self.run(samples, centers, |_, rows, bounds, shares, scratch| {
            expectation(rows, density, drift, bounds, shares, scratch);
            let values = &mut scratch.log_likelihoods;
            values.fill(0.0);
            for k in 0..shares.n_components() {
                let (listed, responsibilities) = shares.of(k);
                for (row, r) in listed.iter().zip(responsibilities) {
                    values[*row as usize] -= r * r.ln();
                }
            }
        })
    }

    /// Like [`expectation`](Self::expectation), but each row belongs wholly to its likeliest component.
    pub(super) fn assignment(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        centers: &[f64],
    ) -> PassTotals {
        let unknown = Drift::unknown(density.n_components());
        self.run(samples, centers, |_, rows, bounds, shares, scratch| {
            expectation(rows, density, &unknown, bounds, shares, scratch);
            shares.clear();
            for row in 0..rows.len() / density.n_features() {
                shares.push(bounds.best(row), row as u32, 1.0);
            }
        })
    }

    /// Moments of given responsibilities; `of(row, component)` tells them.
    pub(super) fn given(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        of: impl Fn(usize, usize) -> f64 + Sync,
    ) -> PassTotals {
        let d = samples.n_features();
        let k = self.accumulators.len();
        self.run(samples, centers, |first_row, rows, _, shares, scratch| {
            shares.clear();
            for row in 0..rows.len() / d {
                for component in 0..k {
                    let value = of(first_row + row, component);
                    if value > 0.0 {
                        shares.push(component, row as u32, value);
                    }
                }
            }
            scratch.log_likelihoods.fill(0.0);
        })
    }

    /// The pass itself; `fill(first row, rows, bounds, responsibilities, scratch)` makes the responsibilities of a block
    /// and leaves the rows' log densities in the scratch space.
    fn run(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        fill: impl Fn(usize, &[T], &mut BlockBounds, &mut Shares, &mut BlockScratch<T>) + Sync,
    ) -> PassTotals {
        let d = samples.n_features();
        for (accumulator, center) in self.accumulators.iter_mut().zip(centers.chunks(d)) {
            accumulator.reset(center);
        }
        self.blocks.clear();
        if self.slots.is_empty() {
            self.by_components(samples, fill);
        } else {
            self.by_chunks(samples, centers, fill);
        }
        let finished = self.accumulators.par_iter_mut().map(Accumulator::finish);
        finished.zip(&mut self.moments).for_each(|(from, to)| to.clone_from(from));
        self.totals()
    }

    /// Rounds of chunks in parallel, merged in order after each round.
    fn by_chunks(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        fill: impl Fn(usize, &[T], &mut BlockBounds, &mut Shares, &mut BlockScratch<T>) + Sync,
    ) {
        let d = samples.n_features();
        let (block_rows, chunk_rows) = (self.block_rows, CHUNK_ROWS);
        let chunk_blocks = chunk_rows / block_rows;
        let n_slots = self.slots.len();
        let rounds = samples.data().chunks(n_slots * chunk_rows * d);
        let known = self.bounds.chunks_mut(n_slots * chunk_blocks);
        for (round, (rows, known)) in rounds.zip(known).enumerate() {
            let chunks = rows.par_chunks(chunk_rows * d).zip(known.par_chunks_mut(chunk_blocks));
            let n_chunks = chunks.len();
            let work = self.slots.par_iter_mut().zip(chunks).enumerate();
            work.for_each(|(index, (slot, (rows, known)))| {
                for (accumulator, center) in slot.accumulators.iter_mut().zip(centers.chunks(d)) {
                    accumulator.reset(center);
                }
                slot.blocks.clear();
                let first_row = (round * n_slots + index) * chunk_rows;
                let blocks = rows.chunks(block_rows * d).zip(known);
                for (index, (rows, bounds)) in blocks.enumerate() {
                    let first_row = first_row + index * block_rows;
                    let Slot { responsibilities, accumulators, blocks, scratch } = &mut *slot;
                    fill(first_row, rows, bounds, responsibilities, scratch);
                    let values = &scratch.log_likelihoods[..rows.len() / d];
                    blocks.push(block_totals(samples, first_row, responsibilities, values));
                    for (k, accumulator) in accumulators.iter_mut().enumerate() {
                        let (listed, values) = responsibilities.of(k);
                        accumulator.add(rows, listed, values);
                    }
                }
                for accumulator in &mut slot.accumulators {
                    accumulator.finish();
                }
            });
            let slots = &self.slots[..n_chunks];
            for slot in slots {
                self.blocks.extend(&slot.blocks);
            }
            self.accumulators.par_iter_mut().enumerate().for_each(|(k, total)| {
                for slot in slots {
                    total.merge(&slot.accumulators[k]);
                }
            });
        }
    }

    /// Super-blocks in order; within one, blocks in parallel, then components in parallel.
    fn by_components(
        &mut self,
        samples: &Samples<'_, T>,
        fill: impl Fn(usize, &[T], &mut BlockBounds, &mut Shares, &mut BlockScratch<T>) + Sync,
    ) {
        let d = samples.n_features();
        let (scratch, block_rows) = (&self.scratch, self.block_rows);
        let super_blocks = samples.data().chunks(SUPER_BLOCKS * block_rows * d);
        for (index, (rows, known)) in
            super_blocks.zip(self.bounds.chunks_mut(SUPER_BLOCKS)).enumerate()
        {
            let first_row = index * SUPER_BLOCKS * block_rows;
            let blocks = rows.par_chunks(block_rows * d).zip(known);
            let totals = self.responsibilities.par_iter_mut().zip(blocks).enumerate().map(
                |(index, (shares, (rows, bounds)))| {
                    let first_row = first_row + index * block_rows;
                    // Nothing below yields to the pool, so a thread never meets its own lock.
                    let slot = rayon::current_thread_index()
                        .map_or(scratch.len() - 1, |i| i.min(scratch.len() - 1));
                    let mut scratch = scratch[slot].lock().unwrap_or_else(PoisonError::into_inner);
                    fill(first_row, rows, bounds, shares, &mut scratch);
                    let values = &scratch.log_likelihoods[..rows.len() / d];
                    block_totals(samples, first_row, shares, values)
                },
            );
            self.blocks.par_extend(totals);
            let responsibilities = &self.responsibilities;
            self.accumulators.par_iter_mut().enumerate().for_each(|(component, accumulator)| {
                for (shares, rows) in responsibilities.iter().zip(rows.chunks(block_rows * d)) {
                    let (listed, values) = shares.of(component);
                    accumulator.add(rows, listed, values);
                }
            });
        }
    }

    fn totals(&self) -> PassTotals {
        let log_likelihood = self.blocks.iter().map(|block| block.log_likelihood).sum();
        let worst = self.blocks.iter().fold(self.blocks[0], |worst, block| {
            if block.worst < worst.worst { *block } else { worst }
        });
        PassTotals { log_likelihood, worst_row: worst.worst_row }
    }
}

/// Weighs the responsibilities and log densities of a block by the samples' weights, and adds the latter up.
fn block_totals<T: Real>(
    samples: &Samples<'_, T>,
    first_row: usize,
    shares: &mut Shares,
    log_likelihoods: &[f64],
) -> BlockTotals {
    let mut totals =
        BlockTotals { log_likelihood: 0.0, worst: f64::INFINITY, worst_row: first_row };
    for (i, value) in log_likelihoods.iter().enumerate() {
        let weight = samples.weight(first_row + i);
        totals.log_likelihood += weighted(weight, *value);
        if weight > 0.0 && *value < totals.worst {
            totals.worst = *value;
            totals.worst_row = first_row + i;
        }
    }
    if samples.weights().is_some() {
        for k in 0..shares.n_components() {
            let (rows, values) = shares.of_mut(k);
            for (row, value) in rows.iter().zip(values) {
                *value *= samples.weight(first_row + *row as usize);
            }
        }
    }
    totals
}
