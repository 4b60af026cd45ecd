//! Benchmarks of a model: a training step, encoding, and decoding a batch and a single sequence.
//!
//! `cargo bench -p musicvae`; set `RAYON_NUM_THREADS=1` for one thread. The sizes are those of the
//! comparison with PyTorch (encoder 256, decoder 256 twice, z 128) and twice those.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use musicvae::train::Trainer;
use musicvae::{Generator, MusicVae, MusicVaeConfig, Sampling, Windows, device, presets, seed};
use rand::RngExt;

/// Sequences in a batch.
const BATCH: usize = 64;
const STEPS: usize = 32;
const CLASSES: usize = 90;

fn sizes(hidden: usize) -> MusicVaeConfig {
    MusicVaeConfig::flat(CLASSES, STEPS, hidden / 2, &[hidden], &[hidden, hidden])
}

/// Random windows: the running time does not depend on the music.
fn tokens() -> Vec<u16> {
    let mut rng = seed::stream(1, "bench", 0);
    (0..BATCH * STEPS).map(|_| rng.random_range(0..CLASSES as u16)).collect()
}

fn model(c: &mut Criterion) {
    let device = device::parse("flex").expect("the default backend");
    let tokens = tokens();
    let layout = sizes(1).window();
    let windows = Windows::new(&tokens, &layout).expect("whole windows");
    let mut training = presets::find("cat-mel_2bar_small").expect("a preset of this name").training;
    training.batch_size = BATCH;
    let mut group = c.benchmark_group("model");
    group.sample_size(10);
    for hidden in [256, 512] {
        let config = sizes(hidden);
        group.throughput(Throughput::Elements(BATCH as u64));
        let mut trainer =
            Trainer::new(config.clone(), training, 1, &device).expect("sizes that are allowed");
        group.bench_function(BenchmarkId::new("training step", hidden), |b| {
            b.iter(|| trainer.step(windows).expect("finite losses"));
        });
        let model = MusicVae::init(&config, 1, &device).expect("sizes that are allowed");
        group.bench_function(BenchmarkId::new("encode", hidden), |b| {
            b.iter(|| model.encode_windows(black_box(windows), |_| ()));
        });
        let generator = Generator::new(&model.decoder);
        for n in [BATCH, 1] {
            group.throughput(Throughput::Elements(n as u64));
            let z = vec![0.1; n * config.z_size];
            let mut rngs: Vec<_> = (0..n).map(|i| seed::stream(1, "decode", i as u64)).collect();
            group.bench_function(BenchmarkId::new(format!("decode {n}"), hidden), |b| {
                b.iter(|| generator.decode(&z, STEPS, Sampling::Temperature(1.0), &mut rngs));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, model);
criterion_main!(benches);
