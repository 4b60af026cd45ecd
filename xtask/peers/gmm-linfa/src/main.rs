//! Seconds per EM iteration of linfa's Gaussian mixture: `gmm-linfa DATA.npy COMPONENTS`.
//!
//! linfa accepts no initial values and reports no times. So two fits from the same random
//! responsibilities with different small numbers of iterations are timed, and the difference of
//! their times is divided by that of their iterations. (linfa's work per iteration does not depend
//! on the values.)

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
            // It runs all iterations and reports that as a failure.
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
