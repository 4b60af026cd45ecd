//! One pass over the samples: responsibilities by blocks of rows, then moments by component.
//!
//! Small moments (`K` matrices that fit a cache) are taken chunk by chunk: a task finds the responsibilities of a chunk
//! and adds its rows up while they are at hand; the chunks' moments are merged in order. Large moments exist once: rows
//! are taken in super-blocks, within which the E step runs in parallel over blocks and the sums in parallel over
//! components, each adding its rows in order. Either way no sum is split between threads, so the bits do not depend on
//! their number, and responsibilities never exist for more rows than are at work.

use crate::density::{BLOCK_ROWS, BlockDensity, DensityScratch, normalise};
use crate::model::weighted;
use crate::stats::{Accumulator, Moments};
use crate::{CovarianceType, Real, Samples};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Blocks in a super-block.
const SUPER_BLOCKS: usize = 32;
/// Blocks in a chunk.
const CHUNK_BLOCKS: usize = 8;
/// Values in all components' second moments up to which every chunk may have its own: 1 MiB.
const CHUNKED_VALUES: usize = 1 << 17;

/// Buffers of the EM loop, made once per fit.
pub(super) struct Workspace<T> {
    /// Responsibilities of one super-block: `[block][component][row in block]`.
    responsibilities: Vec<f64>,
    accumulators: Vec<Accumulator<T>>,
    blocks: Vec<BlockTotals>,
    /// One scratch space per thread of the pool, and one for a caller outside it.
    scratch: Vec<Mutex<Scratch<T>>>,
    /// Chunks at work at the same time; none where moments are large.
    slots: Vec<Slot<T>>,
    moments: Vec<Moments>,
}

/// Responsibilities and moments of one chunk.
struct Slot<T> {
    responsibilities: Vec<f64>,
    accumulators: Vec<Accumulator<T>>,
    blocks: Vec<BlockTotals>,
    scratch: Scratch<T>,
}

struct Scratch<T> {
    density: DensityScratch<T>,
    log_likelihoods: Vec<f64>,
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
        let n_blocks = samples.n_samples().div_ceil(BLOCK_ROWS);
        let scratch =
            || Scratch { density: DensityScratch::new(d), log_likelihoods: vec![0.0; BLOCK_ROWS] };
        let accumulators =
            || (0..n_components).map(|_| Accumulator::new(covariance_type, d)).collect();
        let values = n_components * if covariance_type == CovarianceType::Full { d * d } else { d };
        let chunked = values <= CHUNKED_VALUES;
        let n_chunks = n_blocks.div_ceil(CHUNK_BLOCKS);
        let n_threads = rayon::current_num_threads();
        // How many chunks are at work at once changes no result: they are merged in order.
        let n_slots = if chunked { n_chunks.min(4 * n_threads) } else { 0 };
        let n_scratch = if chunked { 0 } else { n_threads + 1 };
        let n_super = if chunked { 0 } else { n_blocks.min(SUPER_BLOCKS) };
        Self {
            responsibilities: vec![0.0; n_super * BLOCK_ROWS * n_components],
            accumulators: accumulators(),
            blocks: Vec::with_capacity(n_blocks),
            scratch: (0..n_scratch).map(|_| Mutex::new(scratch())).collect(),
            slots: (0..n_slots)
                .map(|_| Slot {
                    responsibilities: vec![0.0; BLOCK_ROWS * n_components],
                    accumulators: accumulators(),
                    blocks: Vec::with_capacity(CHUNK_BLOCKS),
                    scratch: scratch(),
                })
                .collect(),
            moments: Vec::new(),
        }
    }

    /// Moments of the last pass, one per component.
    pub(super) fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// E step under `density`, and the moments of its responsibilities around `centers` (`[K, D]`).
    pub(super) fn expectation(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        centers: &[f64],
    ) -> PassTotals {
        self.run(samples, centers, |_, rows, block, scratch| {
            density.log_joint(rows, block, &mut scratch.density);
            let n_rows = rows.len() / density.n_features();
            normalise(block, &mut scratch.log_likelihoods[..n_rows], &mut scratch.density);
        })
    }

    /// Like [`expectation`](Self::expectation), but each row belongs wholly to its likeliest component.
    pub(super) fn assignment(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        centers: &[f64],
    ) -> PassTotals {
        let k = density.n_components();
        self.run(samples, centers, |_, rows, block, scratch| {
            density.log_joint(rows, block, &mut scratch.density);
            for row in 0..rows.len() / density.n_features() {
                let at = |component: usize| block[component * BLOCK_ROWS + row];
                let best = (1..k).fold(0, |best, c| if at(c) > at(best) { c } else { best });
                scratch.log_likelihoods[row] = at(best);
                for component in 0..k {
                    block[component * BLOCK_ROWS + row] = f64::from(u8::from(component == best));
                }
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
        self.run(samples, centers, |first_row, rows, block, scratch| {
            for (component, values) in block.chunks_mut(BLOCK_ROWS).enumerate() {
                for (row, value) in values[..rows.len() / d].iter_mut().enumerate() {
                    *value = of(first_row + row, component);
                }
            }
            scratch.log_likelihoods.fill(0.0);
        })
    }

    /// The pass itself; `fill(first row, rows, responsibilities, scratch)` makes the responsibilities of a block and
    /// leaves the rows' log densities in the scratch space.
    fn run(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        fill: impl Fn(usize, &[T], &mut [f64], &mut Scratch<T>) + Sync,
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
        self.moments = self.accumulators.par_iter_mut().map(|a| a.finish().clone()).collect();
        self.totals()
    }

    /// Rounds of chunks in parallel, merged in order after each round.
    fn by_chunks(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        fill: impl Fn(usize, &[T], &mut [f64], &mut Scratch<T>) + Sync,
    ) {
        let d = samples.n_features();
        let chunk_rows = CHUNK_BLOCKS * BLOCK_ROWS;
        let n_slots = self.slots.len();
        for (round, rows) in samples.data().chunks(n_slots * chunk_rows * d).enumerate() {
            let chunks = rows.par_chunks(chunk_rows * d);
            let n_chunks = chunks.len();
            self.slots.par_iter_mut().zip(chunks).enumerate().for_each(|(index, (slot, rows))| {
                for (accumulator, center) in slot.accumulators.iter_mut().zip(centers.chunks(d)) {
                    accumulator.reset(center);
                }
                slot.blocks.clear();
                let first_row = (round * n_slots + index) * chunk_rows;
                for (index, rows) in rows.chunks(BLOCK_ROWS * d).enumerate() {
                    let first_row = first_row + index * BLOCK_ROWS;
                    let (n_rows, block) = (rows.len() / d, &mut slot.responsibilities);
                    fill(first_row, rows, block, &mut slot.scratch);
                    let log_likelihoods = &slot.scratch.log_likelihoods;
                    slot.blocks.push(block_totals(
                        samples,
                        first_row,
                        n_rows,
                        block,
                        log_likelihoods,
                    ));
                    for (accumulator, values) in
                        slot.accumulators.iter_mut().zip(block.chunks(BLOCK_ROWS))
                    {
                        accumulator.add(rows, &values[..n_rows]);
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
        fill: impl Fn(usize, &[T], &mut [f64], &mut Scratch<T>) + Sync,
    ) {
        let d = samples.n_features();
        let k = self.accumulators.len();
        let scratch = &self.scratch;
        for (index, rows) in samples.data().chunks(SUPER_BLOCKS * BLOCK_ROWS * d).enumerate() {
            let first_row = index * SUPER_BLOCKS * BLOCK_ROWS;
            let totals = self
                .responsibilities
                .par_chunks_mut(BLOCK_ROWS * k)
                .zip(rows.par_chunks(BLOCK_ROWS * d))
                .enumerate()
                .map(|(index, (block, rows))| {
                    let first_row = first_row + index * BLOCK_ROWS;
                    // Nothing below yields to the pool, so a thread never meets its own lock.
                    let slot = rayon::current_thread_index()
                        .map_or(scratch.len() - 1, |i| i.min(scratch.len() - 1));
                    let mut scratch = scratch[slot].lock().unwrap_or_else(PoisonError::into_inner);
                    fill(first_row, rows, block, &mut scratch);
                    block_totals(
                        samples,
                        first_row,
                        rows.len() / d,
                        block,
                        &scratch.log_likelihoods,
                    )
                });
            self.blocks.par_extend(totals);
            let responsibilities = &self.responsibilities;
            self.accumulators.par_iter_mut().enumerate().for_each(|(component, accumulator)| {
                for (block, rows) in
                    responsibilities.chunks(BLOCK_ROWS * k).zip(rows.chunks(BLOCK_ROWS * d))
                {
                    accumulator.add(rows, &block[component * BLOCK_ROWS..][..rows.len() / d]);
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
    n_rows: usize,
    block: &mut [f64],
    log_likelihoods: &[f64],
) -> BlockTotals {
    let mut totals =
        BlockTotals { log_likelihood: 0.0, worst: f64::INFINITY, worst_row: first_row };
    for (i, value) in log_likelihoods[..n_rows].iter().enumerate() {
        let weight = samples.weight(first_row + i);
        totals.log_likelihood += weighted(weight, *value);
        if weight > 0.0 && *value < totals.worst {
            totals.worst = *value;
            totals.worst_row = first_row + i;
        }
    }
    if let Some(weights) = samples.weights() {
        let weights = &weights[first_row..first_row + n_rows];
        for values in block.chunks_mut(BLOCK_ROWS) {
            for (value, weight) in values.iter_mut().zip(weights) {
                *value *= weight;
            }
        }
    }
    totals
}
