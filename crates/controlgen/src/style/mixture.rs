//! The mixture's file, `mixture.safetensors`.
//!
//! Tensors of `f64`: `weights` `[K]`, `means` `[K, D]`, `covariances`. Covariances of type `full`
//! are stored as the lower triangles of the matrices, row-major, `[K, D (D + 1) / 2]`, and `tied`
//! as one such triangle, `[D (D + 1) / 2]` (`numpy.tril_indices` unpacks them); others have the
//! shapes of [`Covariances`]. The metadata has one entry, `mixture`: a JSON object with everything
//! else. Programs before version 0.2 wrote `mixture.json`, which is read if there is no other file.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, write_atomic};
use gmm::select::{Selected, Sweep};
use gmm::{CovarianceType, Covariances, Fit, FitReport, GaussianMixture};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StyleError;

/// Name of the file in a model folder.
const FILE: &str = "mixture.safetensors";
/// Name of the file written by earlier programs.
const EARLIER_FILE: &str = "mixture.json";
const FORMAT: &str = "controlgen.mixture";
const VERSION: u32 = 1;
/// The metadata key.
const KEY: &str = "mixture";

/// The metadata.
#[derive(Serialize, Deserialize)]
struct Facts {
    format: String,
    version: u32,
    covariance_type: CovarianceType,
    report: FitReport,
    selection: Sweep,
}

/// Path of a model folder's mixture, if it has one.
pub(super) fn path_of(folder: &Path) -> Option<PathBuf> {
    [FILE, EARLIER_FILE].map(|name| folder.join(name)).into_iter().find(|path| path.exists())
}

/// Paths of all mixture files, existing or not.
pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
    [FILE, EARLIER_FILE].map(|name| folder.join(name))
}

/// Writes a mixture into a model folder, replacing any other.
pub(super) fn write(folder: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_atomic(&folder.join(FILE), bytes)
}

/// Identifies a mixture by its file: the first 16 hexadecimal digits of the SHA-256.
pub(super) fn fingerprint(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a mixture's file.
pub(super) fn to_bytes(selected: &Selected) -> Vec<u8> {
    let mixture = &selected.best.model;
    let (k, d) = (mixture.n_components(), mixture.n_features());
    let (covariances, shape) = match mixture.covariances() {
        Covariances::Full(matrices) => (triangles(matrices, d), vec![k, d * (d + 1) / 2]),
        Covariances::Tied(matrix) => (triangles(matrix, d), vec![d * (d + 1) / 2]),
        Covariances::Diag(variances) => (variances.clone(), vec![k, d]),
        Covariances::LowRank { rank, values } => (values.clone(), vec![k, d, rank + 1]),
        others => (others.as_slice().to_vec(), vec![others.as_slice().len()]),
    };
    let facts = Facts {
        format: FORMAT.to_owned(),
        version: VERSION,
        covariance_type: mixture.covariance_type(),
        report: selected.best.report.clone(),
        selection: selected.sweep.clone(),
    };
    let facts = serde_json::to_string(&facts).expect("plain numbers");
    let tensors = [
        ("covariances", shape, bytes(&covariances)),
        ("means", vec![k, d], bytes(mixture.means())),
        ("weights", vec![k], bytes(mixture.weights())),
    ];
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F64, shape.clone(), bytes);
        (*name, view.expect("as many values as the shape has"))
    });
    safetensors::serialize(views, Some([(KEY.to_owned(), facts)].into()))
        .expect("names and shapes are plain")
}

/// Reads a mixture's file, in either format, from its bytes.
pub(super) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Selected, StyleError> {
    if path.file_name().is_some_and(|name| name == EARLIER_FILE) {
        return Ok(serde_json::from_slice(bytes).map_err(|source| ArtifactError::Json {
            path: path.to_owned(),
            format: gmm::FORMAT,
            source,
        })?);
    }
    let damaged = |what: String| StyleError::Mixture { path: path.to_owned(), what };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
    let facts = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let facts = facts.ok_or_else(|| damaged(format!("its metadata has no `{KEY}`")))?;
    let facts: Facts = serde_json::from_str(facts).map_err(|e| damaged(e.to_string()))?;
    if (facts.format.as_str(), facts.version) != (FORMAT, VERSION) {
        return Err(StyleError::Artifact(ArtifactError::Version {
            path: path.to_owned(),
            found: facts.format,
            found_version: facts.version,
            format: FORMAT,
            version: VERSION,
        }));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
    let values = |name: &str| {
        let tensor = tensors.tensor(name).map_err(|e| damaged(e.to_string()))?;
        if tensor.dtype() != Dtype::F64 {
            return Err(damaged(format!("`{name}` is not of type `F64`")));
        }
        let values = tensor.data().as_chunks().0.iter();
        Ok(values.map(|bytes| f64::from_le_bytes(*bytes)).collect::<Vec<f64>>())
    };
    let (weights, means, covariances) =
        (values("weights")?, values("means")?, values("covariances")?);
    let d = means.len() / weights.len().max(1);
    let other_shape = || damaged("its `covariances` have a wrong shape".to_owned());
    let covariances = match facts.covariance_type {
        CovarianceType::Full => {
            Covariances::Full(matrices(&covariances, d).ok_or_else(other_shape)?)
        }
        CovarianceType::Tied => {
            Covariances::Tied(matrices(&covariances, d).ok_or_else(other_shape)?)
        }
        CovarianceType::Diag => Covariances::Diag(covariances),
        CovarianceType::Spherical => Covariances::Spherical(covariances),
        CovarianceType::LowRank(rank) => Covariances::LowRank { rank, values: covariances },
        other => return Err(damaged(format!("covariances of shape {other:?} are unknown"))),
    };
    let model = GaussianMixture::from_parameters(weights, means, covariances)
        .map_err(|error| damaged(error.to_string()))?;
    let best = Fit { model, report: facts.report };
    Ok(Selected { best, sweep: facts.selection })
}

fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The lower triangles of symmetric matrices `[n, D, D]`.
fn triangles(matrices: &[f64], d: usize) -> Vec<f64> {
    let rows = matrices.chunks(d).enumerate();
    rows.flat_map(|(row, values)| &values[..=row % d]).copied().collect()
}

/// Symmetric matrices `[n, D, D]` from their lower triangles; `None` if the length is wrong.
fn matrices(triangles: &[f64], d: usize) -> Option<Vec<f64>> {
    let size = d * (d + 1) / 2;
    if d == 0 || !triangles.len().is_multiple_of(size) {
        return None;
    }
    let mut matrices = vec![0.0; triangles.len() / size * d * d];
    for (triangle, matrix) in triangles.chunks(size).zip(matrices.chunks_mut(d * d)) {
        let mut values = triangle.iter();
        for row in 0..d {
            for (column, value) in (0..=row).zip(&mut values) {
                matrix[row * d + column] = *value;
                matrix[column * d + row] = *value;
            }
        }
    }
    Some(matrices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::select::SweepParams;
    use gmm::{GmmParams, Samples};

    fn selected(covariance_type: CovarianceType) -> Selected {
        let values: Vec<f64> = (0..120)
            .flat_map(|i| {
                let (heap, at) = (f64::from(i % 2) * 9.0, f64::from(i));
                [heap + (at * 0.7).sin(), heap + (at * 1.3).cos(), (at * 0.4).sin()]
            })
            .collect();
        let samples = Samples::new(&values, 120, 3).unwrap();
        let sweep = SweepParams::new(1..=2).covariance_types(vec![covariance_type]);
        sweep.params(GmmParams::new(1)).run(&samples, 3).unwrap()
    }

    #[test]
    fn a_mixture_of_any_shape_comes_back_bit_for_bit() {
        use CovarianceType::{Diag, Full, LowRank, Spherical, Tied};
        for covariance_type in [Full, Tied, Diag, Spherical, LowRank(2)] {
            let selected = selected(covariance_type);
            let bytes = to_bytes(&selected);
            assert_eq!(from_bytes(Path::new(FILE), &bytes).unwrap(), selected);
            // The format of earlier programs.
            let json = serde_json::to_vec(&selected).unwrap();
            assert_eq!(from_bytes(Path::new(EARLIER_FILE), &json).unwrap(), selected);
        }
    }

    #[test]
    fn triangles_are_the_rows_up_to_the_diagonal() {
        let symmetric = [1.0, 2.0, 4.0, 2.0, 3.0, 5.0, 4.0, 5.0, 6.0];
        let packed = triangles(&symmetric, 3);
        assert_eq!(packed, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(matrices(&packed, 3).unwrap(), symmetric);
        assert!(matrices(&packed[..5], 3).is_none());
    }

    #[test]
    fn damage_is_named() {
        let whole = to_bytes(&selected(CovarianceType::Full));
        let message = |bytes: &[u8]| from_bytes(Path::new(FILE), bytes).unwrap_err().to_string();
        assert!(message(&whole[..whole.len() - 8]).contains("mixture.safetensors is damaged"));
        assert!(message(b"{}").contains("mixture.safetensors is damaged"));
        let bare = safetensors::serialize(Vec::<(&str, TensorView<'_>)>::new(), None).unwrap();
        assert!(message(&bare).contains("its metadata has no `mixture`"), "{}", message(&bare));
    }

    #[test]
    fn a_mixture_is_known_by_its_bytes() {
        // SHA-256 of "abc" (FIPS 180-2, B.1).
        assert_eq!(fingerprint(b"abc"), "ba7816bf8f01cfea");
    }
}
