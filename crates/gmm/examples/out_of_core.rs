//! Fits a file larger than memory, block by block: `out_of_core -- DATA.f64 --columns 16
//! --components 8`.
//!
//! The file contains only little-endian `f64` rows. The first pass is stepwise EM, followed by
//! passes of batch EM until the mean log likelihood converges; only one block of rows is in memory
//! at a time.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

mod common;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use common::peak_kib;
use gmm::{CovarianceType, GmmParams, Samples, StepwiseEm, SufficientStats};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Parser)]
struct Arguments {
    /// Rows of little-endian f64 values
    data: PathBuf,
    #[arg(long)]
    columns: usize,
    #[arg(long, default_value_t = 8)]
    components: usize,
    /// Number of rows in a block
    #[arg(long, default_value_t = 65_536)]
    block: usize,
    /// Maximum number of passes of batch EM after the first pass
    #[arg(long, default_value_t = 10)]
    passes: usize,
    /// Prints times and memory instead of the model
    #[arg(long)]
    json: bool,
}

/// Reads the file block by block and passes each to `visit`.
fn blocks(arguments: &Arguments, mut visit: impl FnMut(&Samples<'_>) -> Result<()>) -> Result<()> {
    let path = &arguments.data;
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let width = 8 * arguments.columns;
    let mut bytes = vec![0; arguments.block * width];
    let mut values = vec![0.0; arguments.block * arguments.columns];
    loop {
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read(&mut bytes[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        ensure!(filled % width == 0, "the file ends within a row of {} values", arguments.columns);
        if filled == 0 {
            return Ok(());
        }
        let n_values = filled / 8;
        for (value, bytes) in values.iter_mut().zip(bytes[..filled].as_chunks::<8>().0) {
            *value = f64::from_le_bytes(*bytes);
        }
        visit(&Samples::new(&values[..n_values], filled / width, arguments.columns)?)?;
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let params = GmmParams::new(arguments.components).covariance_type(CovarianceType::Full);
    let mut em: Option<StepwiseEm> = None;
    blocks(&arguments, |block| {
        match &mut em {
            // The first block determines the start.
            None => em = Some(StepwiseEm::new(params.clone().max_iter(3).fit(block, 0)?.model)),
            Some(em) => {
                em.step(block)?;
            }
        }
        Ok(())
    })?;
    let mut model = em.context("the file is empty")?.model().clone();
    let mut before = f64::NEG_INFINITY;
    let mut times = Vec::new();
    for pass in 1..=arguments.passes {
        let clock = Instant::now();
        let mut total: Option<SufficientStats> = None;
        blocks(&arguments, |block| {
            let stats = SufficientStats::collect(&model, block)?;
            match &mut total {
                None => total = Some(stats),
                Some(total) => total.merge(&stats)?,
            }
            Ok(())
        })?;
        let total = total.context("the file is empty")?;
        model = total.maximize(1e-6, &model)?;
        let bound = total.mean_log_likelihood();
        let (rows, seconds) = (total.total_weight(), clock.elapsed().as_secs_f64());
        times.push(seconds);
        if !arguments.json {
            println!("pass {pass}: {rows} rows, mean log likelihood {bound:.6}, {seconds:.2} s");
        }
        if (bound - before).abs() < 1e-3 {
            break;
        }
        before = bound;
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "seconds": times, "peak_kib": peak_kib() }));
    } else {
        println!("{}", serde_json::to_string(&model)?);
    }
    Ok(())
}
