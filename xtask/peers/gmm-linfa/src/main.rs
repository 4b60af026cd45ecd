//! Seconds of an EM iteration of linfa's Gaussian mixture: `gmm-linfa DATA.npy COMPONENTS`.
//!
//! linfa takes no start and tells no times, so two fits of a few iterations each from the same random responsibilities are
//! timed, and their difference is divided by the difference of their iterations. (What linfa does in an iteration does
//! not depend on the values.)

use anyhow::{Context, Result, bail};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{GaussianMixtureModel, GmmError, GmmInitMethod};
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use std::time::Instant;

const FEW: u64 = 1;
const MANY: u64 = 4;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("gmm-linfa DATA.npy COMPONENTS")?;
    let k: usize = arguments.next().context("gmm-linfa DATA.npy COMPONENTS")?.parse()?;
    let data: Array2<f64> = ndarray_npy::read_npy(&path).with_context(|| format!("cannot read {path}"))?;
    let data = DatasetBase::from(data);
    let seconds = |n_iterations: u64| -> Result<f64> {
        let params = GaussianMixtureModel::params(k)
            .with_rng(Xoshiro256Plus::seed_from_u64(0))
            .init_method(GmmInitMethod::Random)
            .n_runs(1)
            .tolerance(1e-300)
            .reg_covariance(1e-6)
            .max_n_iterations(n_iterations);
        let clock = Instant::now();
        match params.fit(&data) {
            // It runs all iterations, and calls that a failure.
            Err(GmmError::NotConverged(_)) => Ok(clock.elapsed().as_secs_f64()),
            Ok(_) => bail!("linfa converged within {n_iterations} iterations"),
            Err(error) => bail!("linfa failed: {error}"),
        }
    };
    let (few, many) = (seconds(FEW)?, seconds(MANY)?);
    let each = (many - few) / (MANY - FEW) as f64;
    println!("{}", serde_json::json!({ "seconds_per_iteration": each }));
    Ok(())
}
