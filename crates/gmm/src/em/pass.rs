//! One pass over the samples: responsibilities by blocks of rows, then moments by component.
//!
//! Small moments (`K` matrices that fit in a cache) are computed chunk by chunk: a task computes
//! the responsibilities of a chunk and sums its rows while they are in the cache; the chunks'
//! moments are merged in order. Large moments exist only once: rows are processed in super-blocks,
//! within which the E step runs in parallel over blocks and the sums in parallel over components,
//! each adding its rows in order. In both cases no sum is split between threads, so the bits do not
//! depend on their number, and responsibilities exist only for the rows being processed.

use super::bounds::{BlockBounds, BlockScratch, Drift, expectation};
use super::sparse::SparseResponsibilities;
use super::sums::{Centers, ChunkSums};
use super::tied::Within;
use crate::density::{BLOCK_ROWS, BlockDensity};
use crate::model::weighted;
use crate::parallel::grain;
use crate::stats::{Accumulator, Moments};
use crate::{CovarianceType, Real, Samples};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of blocks in a super-block.
const SUPER_BLOCKS: usize = 32;
/// Number of rows in a chunk: a multiple of all block sizes.
const CHUNK_ROWS: usize = 8 * BLOCK_ROWS;
/// Size in bytes of a block of rows for diagonal covariances, whose kernels read the rows once per
/// component: a quarter of a small L2.
const DIAGONAL_BLOCK: usize = 1 << 18;
/// Maximum number of values in all components' second moments for which every chunk has separate
/// ones: 1 MiB.
const CHUNKED_VALUES: usize = 1 << 17;

/// Maximum size in bytes of all chunks processed at the same time, but at least four chunks per
/// thread: the more there are, the less threads wait for each other.
const SLOTS_BYTES: usize = 1 << 24;

/// Buffers of the EM loop, created once per fit.
pub(super) struct Workspace<T> {
    /// Number of rows in a block; a power of two, so that it divides [`CHUNK_ROWS`].
    block_rows: usize,
    is_full: bool,
    /// Whether there was a pass since the last [`reset`](Self::reset).
    is_used: bool,
    /// Bounds of each block from the last iteration.
    bounds: Vec<BlockBounds>,
    blocks: Vec<BlockTotals>,
    /// One scratch space per thread of the pool, and one for a caller outside it.
    scratch: Vec<Mutex<ThreadScratch<T>>>,
    /// Chunks processed at the same time; empty if moments are large.
    slots: Vec<Slot<T>>,
    /// For large moments: responsibilities of one super-block, and the sums of each component.
    responsibilities: Vec<SparseResponsibilities>,
    accumulators: Vec<Accumulator<T>>,
    centers: Centers<T>,
    moments: Vec<Moments>,
    /// The scatter within all components together; only for tied covariances.
    within: Option<Within>,
}

/// Input of the M step, from one pass.
pub(super) struct Statistics<'a> {
    /// One per component.
    pub(super) moments: &'a [Moments],
    /// The covariance within all components together, `[D, D]`; only for tied covariances.
    pub(super) within: Option<Vec<f64>>,
}

/// Sums of one chunk.
struct Slot<T> {
    sums: ChunkSums<T>,
    blocks: Vec<BlockTotals>,
}

/// Working space of one thread.
struct ThreadScratch<T> {
    block: BlockScratch<T>,
    responsibilities: SparseResponsibilities,
}

/// Totals of one block.
#[derive(Clone, Copy)]
struct BlockTotals {
    log_likelihood: f64,
    worst: f64,
    worst_row: usize,
}

/// Totals of one pass, apart from the moments.
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
        let (n, d) = (samples.n_samples(), samples.n_features());
        let is_full = covariance_type == CovarianceType::Full;
        let fitting = (DIAGONAL_BLOCK / (d * size_of::<T>())).max(1);
        let block_rows = match covariance_type {
            CovarianceType::Diag | CovarianceType::Spherical => {
                (1 << fitting.ilog2()).clamp(16, BLOCK_ROWS)
            }
            _ => BLOCK_ROWS,
        };
        let n_blocks = n.div_ceil(block_rows);
        let is_chunked = !is_full || n_components * d * d <= CHUNKED_VALUES;
        let n_threads = rayon::current_num_threads();
        let sums = || ChunkSums::new(covariance_type, n_components, d);
        // The number of simultaneous chunks does not affect results: they are merged in order.
        let n_slots = if is_chunked {
            let fitting = SLOTS_BYTES / ChunkSums::<T>::bytes(covariance_type, n_components, d);
            n.div_ceil(CHUNK_ROWS).min(fitting.max(4 * n_threads))
        } else {
            0
        };
        let n_super = if is_chunked { 0 } else { n_blocks.min(SUPER_BLOCKS) };
        let n_shared = if is_chunked { n_components } else { 0 };
        let n_accumulators = if is_chunked { 0 } else { n_components };
        Self {
            block_rows,
            is_full,
            is_used: false,
            bounds: (0..n_blocks).map(|_| BlockBounds::new(n_components, block_rows)).collect(),
            blocks: Vec::with_capacity(n_blocks),
            scratch: (0..=n_threads)
                .map(|_| ThreadScratch {
                    block: BlockScratch::new(d),
                    responsibilities: SparseResponsibilities::new(n_shared),
                })
                .map(Mutex::new)
                .collect(),
            slots: (0..n_slots)
                .map(|_| Slot { sums: sums(), blocks: Vec::with_capacity(CHUNK_ROWS / block_rows) })
                .collect(),
            responsibilities: vec![SparseResponsibilities::new(n_components); n_super],
            accumulators: (0..n_accumulators).map(|_| Accumulator::new(d)).collect(),
            centers: Centers::new(),
            moments: vec![Moments::new(covariance_type, d); n_components],
            within: (covariance_type == CovarianceType::Tied).then(|| Within::new(n_components, d)),
        }
    }

    /// Moments of the last pass, one per component.
    pub(super) fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Input of the M step from the last pass.
    pub(super) fn statistics(&self) -> Statistics<'_> {
        let within = self.within.as_ref().map(|within| within.covariance(&self.moments));
        Statistics { moments: &self.moments, within }
    }

    /// Discards all information about the rows from earlier iterations.
    pub(super) fn reset(&mut self) {
        if !std::mem::take(&mut self.is_used) {
            return;
        }
        let operations = self.block_rows * self.moments.len();
        let bounds = self.bounds.par_iter_mut().with_min_len(grain(operations));
        bounds.for_each(BlockBounds::reset);
    }

    /// E step with `density`, and the moments of its responsibilities around `centers` (`[K, D]`);
    /// `drift` limits the movement of the components since the last one.
    pub(super) fn expectation(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        drift: &Drift,
        centers: &[f64],
    ) -> PassTotals {
        self.run(samples, centers, density.center(), |_, rows, bounds, shares, scratch| {
            expectation(rows, density, drift, bounds, shares, scratch);
        })
    }

    /// Like [`expectation`](Self::expectation), but sums the entropies of the responsibilities
    /// instead of the log densities.
    pub(super) fn entropies(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        drift: &Drift,
        centers: &[f64],
    ) -> PassTotals {
        self.run(samples, centers, density.center(), |_, rows, bounds, shares, scratch| {
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

    /// Like [`expectation`](Self::expectation), but each row belongs entirely to its most probable
    /// component.
    pub(super) fn assignment(
        &mut self,
        samples: &Samples<'_, T>,
        density: &BlockDensity<T>,
        centers: &[f64],
    ) -> PassTotals {
        let unknown = Drift::unknown(density.n_components());
        self.run(samples, centers, density.center(), |_, rows, bounds, shares, scratch| {
            expectation(rows, density, &unknown, bounds, shares, scratch);
            shares.clear();
            for row in 0..rows.len() / density.n_features() {
                shares.push(bounds.best(row), row as u32, 1.0);
            }
        })
    }

    /// Moments of components given by `label(row)`.
    pub(super) fn labeled(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        label: impl Fn(usize) -> usize + Sync,
    ) -> PassTotals {
        let d = samples.n_features();
        let origin: Vec<T> = centers[..d].iter().map(|c| T::from_f64(*c)).collect();
        self.run(samples, centers, &origin, |first_row, rows, _, shares, scratch| {
            shares.clear();
            for row in 0..rows.len() / d {
                shares.push(label(first_row + row), row as u32, 1.0);
            }
            scratch.log_likelihoods.fill(0.0);
        })
    }

    /// Moments of responsibilities given by `of(row, component)`.
    pub(super) fn given(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        of: impl Fn(usize, usize) -> f64 + Sync,
    ) -> PassTotals {
        let d = samples.n_features();
        let k = self.moments.len();
        let origin: Vec<T> = centers[..d].iter().map(|c| T::from_f64(*c)).collect();
        self.run(samples, centers, &origin, |first_row, rows, _, shares, scratch| {
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

    /// The pass itself; `fill(first row, rows, bounds, responsibilities, scratch)` computes the
    /// responsibilities of a block and leaves the rows' log densities in the scratch space.
    fn run(
        &mut self,
        samples: &Samples<'_, T>,
        centers: &[f64],
        origin: &[T],
        fill: impl Fn(usize, &[T], &mut BlockBounds, &mut SparseResponsibilities, &mut BlockScratch<T>)
        + Sync,
    ) -> PassTotals {
        self.is_used = true;
        self.centers.set(centers, origin, self.is_full);
        for (k, moments) in self.moments.iter_mut().enumerate() {
            moments.center.copy_from_slice(self.centers.of(k));
            moments.clear();
        }
        if let Some(within) = &mut self.within {
            within.clear();
        }
        self.blocks.clear();
        if self.slots.is_empty() {
            self.by_components(samples, fill);
        } else {
            self.by_chunks(samples, fill);
        }
        self.totals()
    }

    /// Rounds of chunks in parallel, merged in order after each round.
    fn by_chunks(
        &mut self,
        samples: &Samples<'_, T>,
        fill: impl Fn(usize, &[T], &mut BlockBounds, &mut SparseResponsibilities, &mut BlockScratch<T>)
        + Sync,
    ) {
        let d = samples.n_features();
        let (block_rows, chunk_rows) = (self.block_rows, CHUNK_ROWS);
        let (scratch, centers) = (&self.scratch, &self.centers);
        let chunk_blocks = chunk_rows / block_rows;
        let n_slots = self.slots.len();
        let rounds = samples.data().chunks(n_slots * chunk_rows * d);
        let known = self.bounds.chunks_mut(n_slots * chunk_blocks);
        for (round, (rows, known)) in rounds.zip(known).enumerate() {
            let chunks = rows.par_chunks(chunk_rows * d).zip(known.par_chunks_mut(chunk_blocks));
            let n_chunks = chunks.len();
            // Chunks differ in the work they skip, so each is a separate task.
            let work = self.slots.par_iter_mut().zip(chunks).enumerate().with_max_len(1);
            work.for_each(|(index, (slot, (rows, known)))| {
                let mut scratch = own(scratch);
                let ThreadScratch { block, responsibilities } = &mut *scratch;
                slot.sums.reset(centers);
                slot.blocks.clear();
                let first_row = (round * n_slots + index) * chunk_rows;
                let blocks = rows.chunks(block_rows * d).zip(known);
                for (index, (rows, bounds)) in blocks.enumerate() {
                    let first_row = first_row + index * block_rows;
                    block.next_block();
                    fill(first_row, rows, bounds, responsibilities, block);
                    let values = &block.log_likelihoods[..rows.len() / d];
                    slot.blocks.push(block_totals(samples, first_row, responsibilities, values));
                    slot.sums.add(rows, responsibilities, centers, block);
                }
                slot.sums.finish();
            });
            let slots = &self.slots[..n_chunks];
            for slot in slots {
                self.blocks.extend(&slot.blocks);
                if let (Some(total), Some(within)) = (&mut self.within, slot.sums.within()) {
                    total.add(within);
                }
            }
            let operations = n_chunks * self.moments.first().map_or(0, |m| m.second.len());
            let moments = self.moments.par_iter_mut().with_min_len(grain(operations));
            moments.enumerate().for_each(|(k, total)| {
                for slot in slots {
                    slot.sums.add_to(k, total);
                }
            });
        }
    }

    /// Super-blocks in order; within one, blocks in parallel, then components in parallel.
    fn by_components(
        &mut self,
        samples: &Samples<'_, T>,
        fill: impl Fn(usize, &[T], &mut BlockBounds, &mut SparseResponsibilities, &mut BlockScratch<T>)
        + Sync,
    ) {
        let d = samples.n_features();
        let (scratch, block_rows) = (&self.scratch, self.block_rows);
        for (k, accumulator) in self.accumulators.iter_mut().enumerate() {
            accumulator.reset(self.centers.of(k));
        }
        let super_blocks = samples.data().chunks(SUPER_BLOCKS * block_rows * d);
        for (index, (rows, known)) in
            super_blocks.zip(self.bounds.chunks_mut(SUPER_BLOCKS)).enumerate()
        {
            let first_row = index * SUPER_BLOCKS * block_rows;
            let blocks = rows.par_chunks(block_rows * d).zip(known);
            let blocks = self.responsibilities.par_iter_mut().zip(blocks).enumerate();
            let totals = blocks.with_max_len(1).map(|(index, (shares, (rows, bounds)))| {
                let first_row = first_row + index * block_rows;
                let mut scratch = own(scratch);
                let block = &mut scratch.block;
                fill(first_row, rows, bounds, shares, block);
                let values = &block.log_likelihoods[..rows.len() / d];
                block_totals(samples, first_row, shares, values)
            });
            self.blocks.par_extend(totals);
            let responsibilities = &self.responsibilities;
            // Components differ in their number of rows, so each is a separate task.
            let each = self.accumulators.par_iter_mut().enumerate().with_max_len(1);
            each.for_each(|(component, accumulator)| {
                for (shares, rows) in responsibilities.iter().zip(rows.chunks(block_rows * d)) {
                    let (listed, values) = shares.of(component);
                    accumulator.add(rows, listed, values);
                }
            });
        }
        let finished = self.accumulators.par_iter_mut().map(Accumulator::finish);
        finished.zip(&mut self.moments).for_each(|(from, to)| std::mem::swap(from, to));
    }

    fn totals(&self) -> PassTotals {
        let log_likelihood = self.blocks.iter().map(|block| block.log_likelihood).sum();
        let worst = self.blocks.iter().fold(self.blocks[0], |worst, block| {
            if block.worst < worst.worst { *block } else { worst }
        });
        PassTotals { log_likelihood, worst_row: worst.worst_row }
    }
}

/// The scratch space of the current thread. Code using it never yields to the pool, so a thread
/// never waits for its own lock.
fn own<T>(scratch: &[Mutex<ThreadScratch<T>>]) -> MutexGuard<'_, ThreadScratch<T>> {
    let last = scratch.len() - 1;
    let index = rayon::current_thread_index().map_or(last, |index| index.min(last));
    scratch[index].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Multiplies the responsibilities and log densities of a block by the samples' weights, and sums
/// the latter.
fn block_totals<T: Real>(
    samples: &Samples<'_, T>,
    first_row: usize,
    shares: &mut SparseResponsibilities,
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
