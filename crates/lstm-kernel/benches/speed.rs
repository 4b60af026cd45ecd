//! Benchmarks of both passes over symbols and over vectors, in both precisions, compared with a
//! large product and with the limit of the arithmetic units: `cargo bench -p lstm-kernel`.
//!
//! Elements are floating-point operations of the products, so that a rate of 100 Gelem/s is 100
//! GFLOP/s. `RAYON_NUM_THREADS=1` measures one thread.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lstm_kernel::lstm::{Pass, Source, TraceRef, backward_with, forward_with};
use lstm_kernel::packed::{PackedMatrix, Precision, add_product};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

const STEPS: usize = 32;
const BATCH: usize = 64;
const SYMBOLS: usize = 90;
const PRECISIONS: [(&str, Precision); 2] = [("f32", Precision::F32), ("bf16", Precision::Bf16)];

/// Deterministic pseudo-random numbers between `-scale` and `scale`.
fn noise(n: usize, scale: f32) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 % 10_007) as f32 / 5003.0 - 1.0) * scale).collect()
}

fn passes(c: &mut Criterion) {
    for hidden in [256, 512] {
        let (weights, recurrent) =
            (noise(hidden * 4 * hidden, 0.1), noise(hidden * 4 * hidden, 0.1));
        let (table, values) =
            (noise(SYMBOLS * 4 * hidden, 0.1), noise(STEPS * BATCH * hidden, 0.5));
        let (context, initial) = (noise(BATCH * 4 * hidden, 0.1), noise(BATCH * 2 * hidden, 0.1));
        let gradient = noise(STEPS * BATCH * hidden, 0.1);
        let ids: Vec<i32> = (0..90).cycle().step_by(37).take(STEPS * BATCH).collect();
        let symbols = Source::Symbols { ids: &ids, slots: 1, table: &table };
        let vectors = Source::Vectors { values: &values, weights: &weights };
        let product = (STEPS * BATCH * 2 * hidden * 4 * hidden) as u64;
        for (name, source, products) in [("symbols", symbols, 1), ("vectors", vectors, 2)] {
            let pass = Pass {
                source,
                context: &context,
                recurrent: &recurrent,
                initial: &initial,
                steps: STEPS,
                batch: BATCH,
                batch_sizes: None,
                hidden,
                reverse: false,
            };
            let mut group = c.benchmark_group(format!("{name}, {hidden} units"));
            group.sample_size(20);
            for (precision_name, precision) in PRECISIONS {
                group.throughput(Throughput::Elements(products * product));
                group.bench_function(BenchmarkId::new("forward", precision_name), |b| {
                    b.iter(|| forward_with(black_box(&pass), precision));
                });
                let trace = forward_with(&pass, precision);
                let trace =
                    TraceRef { outputs: &trace.outputs, gates: &trace.gates, cells: &trace.cells };
                group.throughput(Throughput::Elements(2 * products * product));
                group.bench_function(BenchmarkId::new("backward", precision_name), |b| {
                    b.iter(|| backward_with(black_box(&pass), trace, &gradient, precision));
                });
            }
            group.finish();
        }
    }
}

/// `c += a · b`.
struct Product<'a>(&'a [f32], &'a PackedMatrix, &'a mut [f32]);

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        add_product(simd, self.0, self.1, self.2);
    }
}

/// Products with already packed weights, as in one step of generation: for a single row (which
/// measures how fast weights are read) and for many rows.
fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product with a packed [1024, 2048] matrix");
    let (k, n) = (1024, 2048);
    let b = noise(k * n, 1.0);
    for (name, precision) in PRECISIONS {
        let b = PackedMatrix::with_precision(&b, k, n, precision);
        for rows in [1, 1024] {
            let (a, mut sums) = (noise(rows * k, 1.0), vec![0.0; rows * n]);
            let rows_per_task = rows.min(32);
            group.throughput(Throughput::Elements((2 * rows * k * n) as u64));
            group.bench_function(BenchmarkId::new(name, format!("{rows} rows")), |bencher| {
                bencher.iter(|| {
                    let tasks = sums.par_chunks_mut(rows_per_task * n);
                    tasks.zip(a.par_chunks(rows_per_task * k)).for_each(|(sums, a)| {
                        Arch::new().dispatch(Product(a, &b, sums));
                    });
                });
            });
        }
    }
    group.finish();
}

/// Twelve independent chains of multiply-adds that never leave the registers.
struct Chains(usize);

impl WithSimd for Chains {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (simd.splat_f32s(0.5), simd.splat_f32s(1.5));
        let mut sums = [simd.splat_f32s(0.0); 12];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

/// The peak rate of the machine's arithmetic units on these threads.
fn limit(c: &mut Criterion) {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            S::F32_LANES
        }
    }
    let (rounds, n_threads) = (1_000_000, rayon::current_num_threads());
    let mut group = c.benchmark_group("limit");
    let operations = n_threads * rounds * 12 * 2 * Arch::new().dispatch(Lanes);
    group.throughput(Throughput::Elements(operations as u64));
    group.bench_function("multiply-adds in registers", |b| {
        b.iter(|| rayon::broadcast(|_| Arch::new().dispatch(Chains(black_box(rounds)))));
    });
    group.finish();
}

criterion_group!(benches, passes, products, limit);
criterion_main!(benches);
