//! [`SufficientStats`]: the result of one E step for a block of samples, and EM over blocks that
//! don't fit in memory together.

use crate::model::FormatError;
use crate::stats::Moments;
use crate::update::{self, CovarianceUpdate};
use crate::{CovarianceType, GaussianMixture, ModelError, Real, Samples, em};
use serde::{Deserialize, Serialize};

/// Name of the serialized form.
const FORMAT: &str = "gmm.stats";
/// Version of the serialized form.
const VERSION: u64 = 1;
/// A component with less than this fraction of the samples is empty.
const STARVED: f64 = 1e-12;

/// Moments of the responsibilities of some samples under one mixture: all that the M step needs.
///
/// Size `K D²` for full and tied covariances, `K D` for the others, independent of the number of
/// samples. Each component's moments are relative to a stored center (its mean under the mixture of
/// the E step), so there is no cancellation in data far from zero.
///
/// Merging the same parts in the same order gives the same bits, wherever they were computed;
/// another order differs by rounding.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SufficientStats {
    format: String,
    version: u64,
    covariance_type: CovarianceType,
    components: Vec<Moments>,
    total_weight: f64,
    log_likelihood: f64,
}

impl SufficientStats {
    /// E step: the statistics of `samples` under `model`.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs, and
    /// [`ModelError::TooLarge`] for values whose squares overflow.
    pub fn collect<T: Real>(
        model: &GaussianMixture,
        samples: &Samples<'_, T>,
    ) -> Result<Self, ModelError> {
        let (found, expected) = (samples.n_features(), model.n_features());
        if found != expected {
            return Err(ModelError::FeatureMismatch { found, expected });
        }
        crate::model::expect_magnitudes(samples)?;
        let collected = em::moments(model, samples);
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            covariance_type: model.covariance_type(),
            components: collected.moments,
            total_weight: samples.total_weight(),
            log_likelihood: collected.log_likelihood,
        })
    }

    /// Adds the statistics of other samples under the same mixture (or a similar one: centers are
    /// shifted exactly).
    ///
    /// # Errors
    /// Returns [`ModelError::Length`] if the shapes differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), ModelError> {
        self.expect_alike(other)?;
        for (own, other) in self.components.iter_mut().zip(&other.components) {
            own.merge(other);
        }
        self.total_weight += other.total_weight;
        self.log_likelihood += other.log_likelihood;
        Ok(())
    }

    /// Multiplies all sums by `factor`, as an additional weight of every sample.
    pub fn scale(&mut self, factor: f64) {
        for component in &mut self.components {
            component.scale(factor);
        }
        self.total_weight *= factor;
        self.log_likelihood *= factor;
    }

    /// M step: the mixture that maximizes the expected log likelihood, with `reg_covar` on the
    /// diagonals.
    ///
    /// A component with less than a fraction of 1e-12 of the samples keeps its parameters from
    /// `previous`, with a weight near zero. The scale of the sums makes no difference.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if shapes differ, the sums are negative, not finite or zero (for
    /// example after a [`scale`](Self::scale) by such a factor), or a covariance is not positive
    /// definite.
    pub fn maximize(
        &self,
        reg_covar: f64,
        previous: &GaussianMixture,
    ) -> Result<GaussianMixture, ModelError> {
        let (k, d) = (self.components.len(), previous.n_features());
        let known = (previous.n_components(), previous.covariance_type());
        if known != (k, self.covariance_type) || self.components[0].center.len() != d {
            let (found, expected) = (k, previous.n_components());
            return Err(ModelError::Length { what: "statistics", found, expected });
        }
        let counted = self.components.iter().map(|m| m.count).chain([self.total_weight]);
        if let Some((index, value)) =
            counted.enumerate().find(|(_, value)| !(value.is_finite() && *value >= 0.0))
        {
            return Err(ModelError::BadValue { what: "weights of the statistics", index, value });
        }
        let held: f64 = self.components.iter().map(|m| m.count).sum();
        if held <= 0.0 {
            return Err(ModelError::BadValue {
                what: "weights of the statistics",
                index: self.components.len(),
                value: held,
            });
        }
        let floor = STARVED * held;
        let alive: Vec<bool> = self.components.iter().map(|m| m.count > floor).collect();
        let counts = || self.components.iter().map(|m| m.count.max(f64::MIN_POSITIVE));
        let total: f64 = counts().sum();
        let weights = counts().map(|count| count / total).collect();
        let mut means = Vec::with_capacity(k * d);
        for (at, (component, alive)) in self.components.iter().zip(&alive).enumerate() {
            means.extend(if *alive { component.mean() } else { previous.mean(at).to_vec() });
        }
        let write = |at: usize, own: &mut [f64]| {
            if self.covariance_type == CovarianceType::Tied {
                let living = self.components.iter().zip(&alive).filter(|(_, alive)| **alive);
                own.copy_from_slice(&update::pooled(living.map(|(component, _)| component), d));
            } else if alive[at] {
                self.components[at].write_covariance(own);
            } else {
                update::copy(&previous.covariance(at), own, d);
                return;
            }
            CovarianceUpdate::ridge(reg_covar).apply(own, d);
        };
        let (covariances, _) = update::covariances(self.covariance_type, k, d, None, write);
        let covariances = match self.covariance_type {
            CovarianceType::LowRank(rank) => {
                let floor = reg_covar.max(f64::MIN_POSITIVE);
                update::factored(&covariances, d, rank, floor, Some(previous.covariances()))
                    .map_err(|component| ModelError::NotPositiveDefinite { component })?
            }
            _ => covariances,
        };
        GaussianMixture::from_valid(weights, means, covariances)
    }

    /// Mean log likelihood of the samples under the mixture of the E step, in nats per sample.
    pub fn mean_log_likelihood(&self) -> f64 {
        self.log_likelihood / self.total_weight
    }

    /// Total weight of the samples.
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    /// Checks the format name and version of deserialized statistics.
    ///
    /// # Errors
    /// Returns a [`FormatError`] if they are not those that this build writes.
    pub fn check_format(&self) -> Result<(), FormatError> {
        if self.format != FORMAT {
            return Err(FormatError::NotStatistics {
                found: self.format.clone(),
                expected: FORMAT,
            });
        }
        if self.version != VERSION {
            return Err(FormatError::UnknownStatistics {
                found: self.version,
                expected: FORMAT,
                version: VERSION,
            });
        }
        Ok(())
    }

    fn expect_alike(&self, other: &Self) -> Result<(), ModelError> {
        let sizes = |s: &Self| s.components.iter().map(|m| m.second.len()).sum::<usize>();
        let (found, expected) = (sizes(other), sizes(self));
        if found == expected && self.covariance_type == other.covariance_type {
            Ok(())
        } else {
            Err(ModelError::Length { what: "statistics", found, expected })
        }
    }
}

/// EM over blocks of samples that need not fit in memory together.
///
/// With [`StepwiseEm::step`], the running statistics move toward those of each block by
/// `η_t = (t + offset)^-exponent` (stepwise EM, Cappé & Moulines 2009; Liang & Klein 2009): early
/// blocks change the mixture a lot, later ones less. With [`StepwiseEm::pass`], all blocks are
/// collected before one M step, which is batch EM.
///
/// # Examples
/// ```
/// use gmm::{GmmParams, Samples, StepwiseEm};
/// let value = |i| f64::from(i % 2) * 6.0 + f64::from(i % 13) * 0.1;
/// let data: Vec<f64> = (0..400).map(value).collect();
/// let blocks = data.chunks(100).map(|block| Samples::new(block, 100, 1));
/// let blocks: Vec<Samples> = blocks.collect::<Result<_, _>>()?;
/// let start = GmmParams::new(2).max_iter(1).fit(&blocks[0], 1)?.model;
/// let mut em = StepwiseEm::new(start);
/// for block in &blocks {
///     em.step(block)?;
/// }
/// let bound = em.pass(&blocks)?;
/// assert!(bound.is_finite() && em.model().n_components() == 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StepwiseEm {
    model: GaussianMixture,
    running: Option<SufficientStats>,
    n_steps: u32,
    offset: f64,
    exponent: f64,
    reg_covar: f64,
}

impl StepwiseEm {
    /// Starts from `model`, with step sizes `(t + 2)^-0.6` and `reg_covar` 1e-6.
    pub fn new(model: GaussianMixture) -> Self {
        Self { model, running: None, n_steps: 0, offset: 2.0, exponent: 0.6, reg_covar: 1e-6 }
    }

    /// Sets the step sizes `(t + offset)^-exponent`; exponents above ½ and up to 1 converge.
    #[must_use]
    pub fn steps(mut self, offset: f64, exponent: f64) -> Self {
        self.offset = offset.max(1.0);
        self.exponent = exponent.clamp(0.5, 1.0);
        self
    }

    /// Sets the value added to the diagonal of every covariance.
    #[must_use]
    pub fn reg_covar(mut self, reg_covar: f64) -> Self {
        self.reg_covar = reg_covar;
        self
    }

    /// The current mixture.
    pub fn model(&self) -> &GaussianMixture {
        &self.model
    }

    /// One E step on a block and one M step on the running statistics; returns the block's mean log
    /// likelihood before it.
    ///
    /// # Errors
    /// Returns a [`ModelError`], same as [`SufficientStats::collect`] and
    /// [`SufficientStats::maximize`].
    pub fn step<T: Real>(&mut self, block: &Samples<'_, T>) -> Result<f64, ModelError> {
        let mut stats = SufficientStats::collect(&self.model, block)?;
        let bound = stats.mean_log_likelihood();
        stats.scale(1.0 / stats.total_weight());
        let running = match self.running.take() {
            None => stats,
            Some(mut before) => {
                let eta = (f64::from(self.n_steps) + self.offset).powf(-self.exponent);
                before.scale(1.0 - eta);
                stats.scale(eta);
                // Shifts to the newer centers, which are closer to future means.
                stats.merge(&before)?;
                stats
            }
        };
        self.n_steps += 1;
        self.model = running.maximize(self.reg_covar, &self.model)?;
        self.running = Some(running);
        Ok(bound)
    }

    /// One iteration of batch EM over all blocks; returns the mean log likelihood before its M
    /// step.
    ///
    /// # Errors
    /// Returns a [`ModelError`], also if there are no blocks.
    pub fn pass<'a, T: Real>(
        &mut self,
        blocks: impl IntoIterator<Item = &'a Samples<'a, T>>,
    ) -> Result<f64, ModelError> {
        let mut total: Option<SufficientStats> = None;
        for block in blocks {
            let stats = SufficientStats::collect(&self.model, block)?;
            match &mut total {
                None => total = Some(stats),
                Some(total) => total.merge(&stats)?,
            }
        }
        let total = total.ok_or(ModelError::Length { what: "blocks", found: 0, expected: 1 })?;
        self.model = total.maximize(self.reg_covar, &self.model)?;
        Ok(total.mean_log_likelihood())
    }
}
