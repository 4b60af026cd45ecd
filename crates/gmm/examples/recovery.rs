//! Recovery of known mixtures over 50 seeds: means, weights and `K`.
//! `cargo run --release --example recovery`.
//!
//! Each seed draws three, four or five full components in four dimensions and 3,000 rows from them.
//! Prints the errors of means and weights when `K` is known, and how often each criterion finds `K`
//! between 1 and 8.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use anyhow::Result;
use gmm::select::{Criterion, SweepParams};
use gmm::{CovarianceType, Covariances, GaussianMixture, GmmParams, Samples};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const SEEDS: u64 = 50;
const N: usize = 3_000;
const D: usize = 4;

/// Components with covariances `A Aᵀ / D + I / 4`, where `A` is standard normal, and means of four
/// times standard normal.
fn known(k: usize, rng: &mut ChaCha8Rng) -> Result<GaussianMixture> {
    let mut normal = || -> f64 { StandardNormal.sample(rng) };
    let means = (0..k * D).map(|_| 4.0 * normal()).collect();
    let mut covariances = Vec::new();
    for _ in 0..k {
        let a: Vec<f64> = (0..D * D).map(|_| normal()).collect();
        for i in 0..D {
            for j in 0..D {
                let product: f64 = (0..D).map(|l| a[i * D + l] * a[j * D + l]).sum();
                covariances.push(product / D as f64 + 0.25 * f64::from(u8::from(i == j)));
            }
        }
    }
    let raw: Vec<f64> = (0..k).map(|_| 1.0 + normal().abs()).collect();
    let weights = raw.iter().map(|w| w / raw.iter().sum::<f64>()).collect();
    Ok(GaussianMixture::from_parameters(weights, means, Covariances::Full(covariances))?)
}

/// The largest distance of a true mean from the nearest found one, and the difference of their
/// weights.
fn errors(truth: &GaussianMixture, found: &GaussianMixture) -> (f64, f64) {
    let (mut mean, mut weight) = (0.0_f64, 0.0_f64);
    for k in 0..truth.n_components() {
        let distance = |j: usize| -> f64 {
            truth.mean(k).iter().zip(found.mean(j)).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let nearest =
            (0..found.n_components()).min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        if let Some(j) = nearest {
            mean = mean.max(distance(j).sqrt());
            weight = weight.max((truth.weights()[k] - found.weights()[j]).abs());
        }
    }
    (mean, weight)
}

fn main() -> Result<()> {
    let criteria = ["BIC", "AIC", "ICL", "held out", "elbow", "silhouette"];
    let mut right = [0_usize; 6];
    let (mut means, mut weights) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let k = 3 + usize::try_from(seed % 3)?;
        let truth = known(k, &mut rng)?;
        let rows = truth.sample(N, &mut rng).points;
        let samples = Samples::new(&rows, N, D)?;
        let params = GmmParams::new(k).n_init(3);
        let (mean, weight) = errors(&truth, &params.clone().tol(1e-6).fit(&samples, seed)?.model);
        means.push(mean);
        weights.push(weight);
        let sweep = SweepParams::new(1..=8).params(params).criterion(Criterion::HeldOut).folds(3);
        let curve = sweep.run(&samples, seed)?.sweep;
        let least = |value: &dyn Fn(&gmm::select::Candidate) -> f64| {
            let best = curve.candidates.iter().min_by(|a, b| value(a).total_cmp(&value(b)));
            best.map(|c| c.n_components)
        };
        let answers = [
            least(&|c| c.value(Criterion::Bic)),
            least(&|c| c.value(Criterion::Aic)),
            least(&|c| c.value(Criterion::Icl)),
            least(&|c| c.value(Criterion::HeldOut)),
            curve.elbow(CovarianceType::Full),
            least(&|c| -c.silhouette),
        ];
        for (right, answer) in right.iter_mut().zip(answers) {
            *right += usize::from(answer == Some(k));
        }
    }
    for (what, errors) in
        [("mean (largest distance)", &mut means), ("weight (largest error)", &mut weights)]
    {
        errors.sort_by(f64::total_cmp);
        let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
        let off = errors.iter().filter(|e| **e > 1.0).count();
        println!(
            "{what:24} median {median:.3}, worst {worst:.3}, above 1 in {off} of {SEEDS} seeds"
        );
    }
    for (name, right) in criteria.iter().zip(right) {
        println!("K by {name:10} right in {right} of {SEEDS} seeds");
    }
    Ok(())
}
