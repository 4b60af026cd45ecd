//! Default fits with many seeds: `optima -- DATA.npy --components 3 --covariance full --seeds 20`.
//!
//! Prints one JSON object with the mean log likelihood, the iterations and the seconds of each fit.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

mod common;

use anyhow::Result;
use clap::Parser;
use common::{Shape, Table, cpu_seconds};
use gmm::{GmmParams, Samples};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Parser)]
struct Arguments {
    /// A NumPy array of two dimensions (f32 or f64) or a CSV of numbers without a header
    data: PathBuf,
    #[arg(long, default_value_t = 3)]
    components: usize,
    #[arg(long, default_value = "full")]
    covariance: Shape,
    /// Number of fits, each from a different seed
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    #[arg(long, default_value_t = 1)]
    n_init: usize,
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let table = Table::read(&arguments.data)?;
    if let Some(threads) = arguments.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let samples = Samples::new(&table.values, table.n_rows, table.n_columns)?;
    let (mut scores, mut seconds, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut iterations, mut cpu) = (Vec::new(), Vec::new());
    for seed in arguments.first_seed..arguments.first_seed + arguments.seeds {
        let (clock, used) = (Instant::now(), cpu_seconds());
        let fit = GmmParams::new(arguments.components)
            .covariance_type(arguments.covariance.covariance_type(4))
            .n_init(arguments.n_init)
            .fit(&samples, seed)?;
        seconds.push(clock.elapsed().as_secs_f64());
        cpu.push(cpu_seconds() - used);
        starts.push(fit.report.times.start.as_secs_f64());
        iterations.push(fit.report.n_iter);
        scores.push(fit.report.score);
    }
    println!(
        "{}",
        json!({
            "scores": scores, "iterations": iterations, "seconds": seconds, "cpu_seconds": cpu,
            "start_seconds": starts,
        })
    );
    Ok(())
}
