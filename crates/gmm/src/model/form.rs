//! The JSON form of a mixture: `format "gmm.mixture"`, `version` 1.

use crate::{CovarianceType, Covariances, GaussianMixture, ModelError};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

/// Value of the field `format`.
pub const FORMAT: &str = "gmm.mixture";
/// Value of the field `version` that this build writes and reads.
pub const VERSION: u64 = 1;

/// Reason why a document is not a mixture that this build can read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The field `format` is missing or has another value.
    #[error("this is not a mixture: its `format` is {found}, not \"{FORMAT}\"")]
    NotAMixture {
        /// The value found, as JSON.
        found: String,
    },
    /// The field `format` of statistics has another value.
    #[error("these are not statistics of a mixture: their `format` is {found}, not {expected}")]
    NotStatistics {
        /// The value found.
        found: String,
        /// The required value.
        expected: &'static str,
    },
    /// Statistics written by another version of the format.
    #[error("version {found} of {expected} is unknown; this build reads version {version}")]
    UnknownStatistics {
        /// The version found.
        found: u64,
        /// The name of the format.
        expected: &'static str,
        /// The version that this build reads.
        version: u64,
    },
    /// The mixture was written by another version of the format.
    #[error("version {found} of \"{FORMAT}\" is unknown; this build reads version {VERSION}")]
    UnknownVersion {
        /// The value found, as JSON.
        found: String,
    },
    /// A field is missing or has another type.
    #[error("the mixture's fields cannot be read")]
    Fields(#[from] serde_json::Error),
    /// Rows of an array have different lengths, or a length other than `n_features`.
    #[error("the mixture's `{field}` do not have the shape that its covariance type needs")]
    Shape {
        /// The field.
        field: &'static str,
    },
    /// The parameters are not a valid mixture.
    #[error("the mixture's parameters are not valid")]
    Parameters(#[from] ModelError),
}

/// The fields of the file.
#[derive(Deserialize, Serialize)]
struct Form {
    format: String,
    version: u64,
    covariance_type: CovarianceType,
    n_components: usize,
    n_features: usize,
    weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    covariances: Nested,
}

/// Nested arrays: full `[K][D][D]`, tied `[D][D]`, diag `[K][D]`, spherical `[K]`, low rank
/// `[K][D][R + 1]`.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Nested {
    Vector(Vec<f64>),
    Matrix(Vec<Vec<f64>>),
    Matrices(Vec<Vec<Vec<f64>>>),
}

impl Serialize for GaussianMixture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let d = self.n_features();
        let rows = |v: &[f64]| v.chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let covariances = match self.covariances() {
            Covariances::Full(v) => Nested::Matrices(v.chunks(d * d).map(rows).collect()),
            Covariances::Tied(v) | Covariances::Diag(v) => Nested::Matrix(rows(v)),
            Covariances::Spherical(v) => Nested::Vector(v.clone()),
            Covariances::LowRank { rank, values } => Nested::Matrices(
                values
                    .chunks(d * (rank + 1))
                    .map(|own| own.chunks(rank + 1).map(<[f64]>::to_vec).collect())
                    .collect(),
            ),
        };
        Form {
            format: FORMAT.to_owned(),
            version: VERSION,
            covariance_type: self.covariance_type(),
            n_components: self.n_components(),
            n_features: d,
            weights: self.weights().to_vec(),
            means: rows(self.means()),
            covariances,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for GaussianMixture {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::try_from(value).map_err(|error| serde::de::Error::custom(chain(&error)))
    }
}

/// The error and its causes in one line, because serde keeps only text.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

impl TryFrom<Value> for GaussianMixture {
    type Error = FormatError;

    /// Reads a mixture from a JSON object; unknown fields are ignored.
    fn try_from(value: Value) -> Result<Self, FormatError> {
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(FormatError::NotAMixture { found: found(&value, "format") });
        }
        if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(FormatError::UnknownVersion { found: found(&value, "version") });
        }
        let form: Form = serde_json::from_value(value)?;
        let (k, d) = (form.n_components, form.n_features);
        let means = flatten(&form.means, d).ok_or(FormatError::Shape { field: "means" })?;
        let covariances = match (form.covariance_type, form.covariances) {
            (CovarianceType::Full, Nested::Matrices(v)) => v
                .into_iter()
                .map(|matrix| flatten(&matrix, d))
                .collect::<Option<Vec<_>>>()
                .map(|v| Covariances::Full(v.concat())),
            (CovarianceType::LowRank(rank), Nested::Matrices(v)) => v
                .into_iter()
                .map(|own| flatten(&own, rank.saturating_add(1)))
                .collect::<Option<Vec<_>>>()
                .map(|v| Covariances::LowRank { rank, values: v.concat() }),
            (CovarianceType::Tied, Nested::Matrix(v)) => flatten(&v, d).map(Covariances::Tied),
            (CovarianceType::Diag, Nested::Matrix(v)) => flatten(&v, d).map(Covariances::Diag),
            (CovarianceType::Spherical, Nested::Vector(v)) => Some(Covariances::Spherical(v)),
            _ => None,
        };
        let covariances = covariances.ok_or(FormatError::Shape { field: "covariances" })?;
        if form.weights.len() != k || means.len() != k * d {
            return Err(FormatError::Shape { field: "weights" });
        }
        Ok(Self::from_parameters(form.weights, means, covariances)?)
    }
}

/// The named field as JSON text, for messages.
fn found(value: &Value, field: &str) -> String {
    value.get(field).map_or_else(|| "missing".to_owned(), Value::to_string)
}

/// The rows concatenated, if each has `d` values.
fn flatten(rows: &[Vec<f64>], d: usize) -> Option<Vec<f64>> {
    rows.iter().all(|row| row.len() == d).then(|| rows.concat())
}
