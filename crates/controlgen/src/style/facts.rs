//! Facts about a fit that are stored with its styles.

use serde::{Deserialize, Serialize};

/// The latents that a mixture is fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatentsOf {
    /// The mean of each window's posterior.
    #[default]
    Mean,
    /// A sample from each window's posterior, as in the paper: the mixture then describes the
    /// aggregate posterior itself.
    Sampled,
}

/// Facts about a fit, stored in `styles.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FitFacts {
    /// The latents used for fitting.
    pub latents_of: LatentsOf,
    /// Number of training windows used for fitting.
    pub n_samples: usize,
    /// Mean adjusted Rand index between styles fitted to random halves of the windows: near 1 if
    /// all halves have the same styles, near 0 if they are accidental. `None` if it was not
    /// measured.
    pub stability: Option<f64>,
    /// Styles with less than half a percent of the training windows.
    pub small: Vec<String>,
    /// Mean variance of the training windows' posteriors in each active dimension. Empty if it was
    /// not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub posterior_variances: Vec<f64>,
    /// Number of pieces that were clustered; `None` if each style is a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_pieces: Option<usize>,
}
