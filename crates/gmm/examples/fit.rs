//! Fits a mixture to a file of numbers: `fit -- DATA.npy|DATA.csv --components 16 --covariance
//! full`.
//!
//! With `--init`, the fit continues from given parameters, and `--iterations` runs exactly this
//! many; with `--json` the result is one JSON object with the parameters, the bounds and the
//! criteria.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

mod common;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use common::{Shape, Table, cpu_seconds, numbers, peak_kib};
use gmm::{CovarianceType, Covariances, Fit, GaussianMixture, GmmParams, Init, Real, Samples};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Parser)]
struct Arguments {
    /// A NumPy array of two dimensions (f32 or f64) or a CSV of numbers without a header
    data: PathBuf,
    #[arg(long, default_value_t = 2)]
    components: usize,
    #[arg(long, default_value = "full")]
    covariance: Shape,
    /// Number of factors of low-rank covariances
    #[arg(long, default_value_t = 4)]
    rank: usize,
    /// JSON with weights, means and covariances (or precisions) to start from
    #[arg(long)]
    init: Option<PathBuf>,
    /// Runs exactly this many iterations, without a convergence check
    #[arg(long)]
    iterations: Option<usize>,
    #[arg(long, default_value_t = 1)]
    n_init: usize,
    #[arg(long, default_value_t = 1e-6)]
    reg: f64,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[arg(long)]
    threads: Option<usize>,
    /// Fits in this data type, whatever that of the file
    #[arg(long, default_value = "float64")]
    dtype: DType,
    #[arg(long)]
    json: bool,
    /// Leaves the parameters out of the JSON
    #[arg(long)]
    no_params: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum DType {
    Float32,
    Float64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let table = Table::read(&arguments.data)?;
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let (n, d) = (table.n_rows, table.n_columns);
    if arguments.dtype == DType::Float32 {
        let narrow = table.to_f32();
        drop(table);
        run(&arguments, &Samples::new(&narrow, n, d)?)
    } else {
        run(&arguments, &Samples::new(&table.values, n, d)?)
    }
}

fn run<T: Real>(arguments: &Arguments, samples: &Samples<'_, T>) -> Result<()> {
    let covariance_type = arguments.covariance.covariance_type(arguments.rank);
    let mut params = GmmParams::new(arguments.components)
        .covariance_type(covariance_type)
        .reg_covar(arguments.reg)
        .n_init(arguments.n_init);
    if let Some(path) = &arguments.init {
        let start = read_start(path, covariance_type)?;
        params = params.n_components(start.n_components()).init(Init::Model(Box::new(start)));
    }
    if let Some(iterations) = arguments.iterations {
        params = params.tol(0.0).max_iter(iterations);
    }
    let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
    let mut clock = None;
    let fit = params.fit_observed(samples, arguments.seed, &mut |_| {
        let now = (Instant::now(), cpu_seconds());
        if let Some((wall, used)) = clock.replace(now) {
            seconds.push(now.0.duration_since(wall).as_secs_f64());
            cpu.push(now.1 - used);
        }
        ControlFlow::Continue(())
    })?;
    if arguments.json {
        println!("{}", answer(arguments, samples, &fit, &seconds, &cpu)?);
        return Ok(());
    }
    let report = &fit.report;
    println!(
        "{} components in {} dimensions: {} iterations{}, mean log likelihood {:.6} nats, BIC {:.1}",
        report.n_components,
        report.n_features,
        report.n_iter,
        if report.converged { "" } else { " (not converged)" },
        report.score,
        report.bic
    );
    for (k, weight) in fit.model.weights().iter().enumerate() {
        println!("component {k}: weight {weight:.4}, mean {:.4?}", fit.model.mean(k));
    }
    Ok(())
}

fn read_start(path: &PathBuf, covariance_type: CovarianceType) -> Result<GaussianMixture> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value = serde_json::from_slice(&text)?;
    let covariances = numbers(&value["covariances"]);
    Ok(GaussianMixture::from_parameters(
        numbers(&value["weights"]),
        numbers(&value["means"]),
        match covariance_type {
            CovarianceType::Full => Covariances::Full(covariances),
            CovarianceType::Tied => Covariances::Tied(covariances),
            CovarianceType::Diag => Covariances::Diag(covariances),
            CovarianceType::Spherical => Covariances::Spherical(covariances),
            CovarianceType::LowRank(rank) => Covariances::LowRank { rank, values: covariances },
            other => bail!("a start of type {other:?} cannot be read"),
        },
    )?)
}

/// The fit as one JSON object.
fn answer<T: Real>(
    arguments: &Arguments,
    samples: &Samples<'_, T>,
    fit: &Fit,
    seconds: &[f64],
    cpu: &[f64],
) -> Result<Value> {
    let (report, model) = (&fit.report, &fit.model);
    let k = model.n_components();
    let responsibilities = model.predict_proba(samples)?;
    let labels = responsibilities.labels();
    let mut label_counts = vec![0_usize; k];
    let (mut hard, mut entropy) = (0.0, 0.0);
    for (row, label) in responsibilities.rows().zip(&labels) {
        label_counts[*label] += 1;
        hard += row[*label].max(1e-300).ln();
        entropy -= row.iter().filter(|r| **r > 0.0).map(|r| r * r.ln()).sum::<f64>();
    }
    let head: Vec<&[f64]> = responsibilities.rows().take(3).collect();
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut out = json!({
        "engine": "gmm", "n": report.n_samples, "d": report.n_features, "k": k,
        "cov": model.covariance_type(), "iters": report.n_iter, "reg_covar": arguments.reg,
        "dtype": if arguments.dtype == DType::Float32 { "float32" } else { "float64" },
        "n_parameters": report.n_parameters, "score": report.score,
        "log_likelihood": report.log_likelihood, "bic": report.bic, "aic": report.aic,
        "icl": report.bic - 2.0 * hard, "entropy": entropy, "lower_bounds": report.lower_bounds,
        "label_counts": label_counts, "resp_head": head,
        "seconds_per_iteration": sorted.get(sorted.len() / 2), "seconds": seconds,
        "cpu_seconds": cpu, "peak_kib": peak_kib(),
    });
    if !arguments.no_params {
        let stored = serde_json::to_value(model)?;
        for key in ["weights", "means", "covariances"] {
            out[key] = stored[key].clone();
        }
    }
    Ok(out)
}
