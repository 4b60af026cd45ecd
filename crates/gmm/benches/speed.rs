//! EM iterations by covariance type, starts, scores and samples, on rows generated here:
//! `cargo bench -p gmm`.
//!
//! Comparisons with scikit-learn and linfa on larger problems: `cargo xtask bench gmm`.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gmm::{CovarianceType, GaussianMixture, GmmParams, Init, Samples};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::hint::black_box;

const N: usize = 20_000;
const D: usize = 32;
const K: usize = 8;
const SHAPES: [(&str, CovarianceType); 5] = [
    ("full", CovarianceType::Full),
    ("tied", CovarianceType::Tied),
    ("diagonal", CovarianceType::Diag),
    ("spherical", CovarianceType::Spherical),
    ("low rank 4", CovarianceType::LowRank(4)),
];

/// Rows of eight overlapping clusters.
fn rows() -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut normal = |n: usize| -> Vec<f64> {
        let draws = (0..n).map(|_| Distribution::<f64>::sample(&StandardNormal, &mut rng));
        draws.collect()
    };
    let (means, mut rows) = (normal(K * D), normal(N * D));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for row in rows.chunks_mut(D) {
        let k = rng.random_range(0..K);
        row.iter_mut().zip(&means[k * D..]).for_each(|(x, m)| *x += 0.5 * m);
    }
    rows
}

fn fitted(samples: &Samples<'_>, shape: CovarianceType) -> GaussianMixture {
    GmmParams::new(K).covariance_type(shape).max_iter(5).fit(samples, 0).unwrap().model
}

fn iterations(c: &mut Criterion) {
    let rows = rows();
    let samples = Samples::new(&rows, N, D).unwrap();
    let mut group = c.benchmark_group("five iterations");
    group.sample_size(20).throughput(Throughput::Elements(5 * N as u64));
    for (name, shape) in SHAPES {
        // From a fitted model, like most iterations of a fit.
        let start = Init::Model(Box::new(fitted(&samples, shape)));
        let params = GmmParams::new(K).covariance_type(shape).init(start).tol(0.0).max_iter(5);
        let params = params.check().unwrap();
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| params.fit(black_box(&samples), 0).unwrap());
        });
    }
    group.finish();
}

fn starts(c: &mut Criterion) {
    let rows = rows();
    let samples = Samples::new(&rows, N, D).unwrap();
    let mut group = c.benchmark_group("start and one iteration");
    group.sample_size(20).throughput(Throughput::Elements(N as u64));
    let kinds = [
        ("k-means", Init::KMeans),
        ("k-means++", Init::KMeansPlusPlus),
        ("k-means‖", Init::KMeansParallel),
        ("random", Init::Random),
    ];
    for (name, init) in kinds {
        let params = GmmParams::new(K).init(init).max_iter(1).check().unwrap();
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| params.fit(black_box(&samples), 0).unwrap());
        });
    }
    group.finish();
}

fn use_of_models(c: &mut Criterion) {
    let rows = rows();
    let samples = Samples::new(&rows, N, D).unwrap();
    let model = fitted(&samples, CovarianceType::Full);
    let mut group = c.benchmark_group("full covariances");
    group.sample_size(20).throughput(Throughput::Elements(N as u64));
    group.bench_function("responsibilities", |b| {
        b.iter(|| model.predict_proba(black_box(&samples)).unwrap());
    });
    group.bench_function("score", |b| b.iter(|| model.score(black_box(&samples)).unwrap()));
    group.bench_function("draws", |b| {
        b.iter(|| model.sample(black_box(N), &mut ChaCha8Rng::seed_from_u64(2)));
    });
    group.finish();
}

criterion_group!(benches, iterations, starts, use_of_models);
criterion_main!(benches);
