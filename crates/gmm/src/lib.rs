//! Gaussian mixture models by parallel expectation maximization: fitting, model choice, sampling.
//!
//! A mixture of `K` Gaussians in `D` dimensions has the density `p(x) = Σ_k w_k N(x | μ_k, Σ_k)`.
//! EM alternates responsibilities `r_nk = w_k N(x_n | μ_k, Σ_k) / p(x_n)` (E step) and weighted
//! moments (M step); neither lowers the likelihood (Bishop, *Pattern Recognition and Machine
//! Learning*, 2006, section 9.2.2).
//!
//! | letter | meaning |
//! |---|---|
//! | `n`, `N` | samples (rows) |
//! | `d`, `D` | features (columns) |
//! | `k`, `K` | components |
//! | `w`, `μ`, `Σ` | weights, means, covariances |
//! | `r` | responsibilities |
//!
//! ```
//! use gmm::{CovarianceType, GmmParams, Samples};
//! use rand::SeedableRng;
//!
//! let data = [0.0, 0.1, 0.2, -0.1, 0.1, 0.0, 9.0, 9.1, 9.2, 8.9, 9.1, 9.0];
//! let samples = Samples::new(&data, 6, 2)?;
//! let fit = GmmParams::new(2).covariance_type(CovarianceType::Diag).fit(&samples, 1)?;
//! let labels = fit.model.predict(&samples)?;
//! assert_ne!(labels[0], labels[5]);
//!
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
//! let point = fit.model.sample_component(labels[0], 1, &mut rng)?;
//! assert_eq!(point.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `ndarray`, samples are views of its arrays
//! (`Samples::try_from(data.view())`), and means, covariances, responsibilities and draws become
//! arrays.
//!
//! **Promises.** The same samples, parameters and seed give the same bits at any number of threads:
//! sums run over blocks of fixed size in order, and every random draw comes from a stream named by
//! purpose and index. Parameters are never NaN: a degenerate component is repaired and
//! [reported](FitReport::repairs), or the fit fails with a named error. Nothing here reads a file,
//! prints, or knows what the samples stand for.

mod adaptation;
#[cfg(feature = "ndarray")]
mod arrays;
mod bayes;
pub mod cluster;
mod covariance;
mod density;
mod em;
mod error;
mod factor;
mod gaussian;
mod init;
mod kernels;
mod linalg;
mod model;
mod observe;
mod parallel;
mod params;
pub mod points;
mod posterior;
mod prior;
mod real;
mod report;
mod samples;
pub mod select;
mod stats;
mod streams;
mod sufficient;
mod update;
mod values;

pub use adaptation::Adapted;
pub use bayes::BayesianParams;
pub use covariance::{CovarianceType, Covariances};
pub use em::FitError;
pub use error::ModelError;
pub use gaussian::{Gaussian, TransportMap};
pub use init::Init;
pub use model::{Draws, FORMAT, FormatError, GaussianMixture, Responsibilities, VERSION};
pub use observe::{Observer, Progress};
pub use params::{GmmParams, ValidParams};
pub use posterior::{BayesianFit, WeightPrior};
pub use prior::{Prior, Shrinkage};
pub use real::Real;
pub use report::{
    FailedStart, Fit, FitReport, FitTimes, PriorShare, Repair, RepairAction, StartReport,
};
pub use samples::{Samples, SamplesError};
pub use sufficient::{StepwiseEm, SufficientStats};
pub use values::ParamError;
