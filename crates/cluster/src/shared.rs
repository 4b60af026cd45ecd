//! Values that a process loads once and shares between its tasks: models and mixtures of EM steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use controlgen::model::Model;
use corpus::artifact::{ArtifactError, JsonFormat};
use gmm::GaussianMixture;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Mixtures kept in memory: those of the current and of the previous iteration.
const MAX_MIXTURES: usize = 2;

/// The reason a task can't get a model or a mixture.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SharedError {
    /// A file can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The device is not available here.
    #[error(transparent)]
    Device(#[from] musicvae::device::DeviceError),
    /// The folder holds another model.
    #[error(
        "the model in {} has the hash {found}, not {expected}: all machines need the same one",
        path.display()
    )]
    OtherModel {
        /// The model folder.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The hash of the requested model.
        expected: String,
    },
    /// The file holds another mixture.
    #[error("{} is not the mixture that this pass was started with", path.display())]
    OtherMixture {
        /// The file.
        path: PathBuf,
    },
}

/// Identifies the model that encodes: the argument of
/// [`EncodeWindows`](crate::functions::EncodeWindows).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The model folder.
    pub folder: PathBuf,
    /// Its hash.
    pub hash: String,
    /// The device that runs it.
    pub device: String,
    /// Dimensions of its latent space.
    pub z_size: usize,
}

/// The state of EM after a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmStep {
    /// Number of passes made.
    pub iteration: usize,
    /// Mean log-likelihood of the windows under the mixture before the last pass, in nats; `None`
    /// at the start.
    pub score: Option<f64>,
    /// Number of windows per pass; 0 at the start.
    pub n_samples: f64,
    /// The latent dimensions that it models.
    pub dimensions: Vec<usize>,
    /// The mixture.
    pub mixture: GaussianMixture,
}

impl JsonFormat for EmStep {
    const FORMAT: &'static str = "controlgen.em_step";
    const VERSION: u32 = 1;
}

/// Identifies the step whose mixture a pass uses: the argument of
/// [`GmmStats`](crate::functions::GmmStats).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// The step's file.
    pub path: PathBuf,
    /// The BLAKE3 hash of its bytes.
    pub hash: String,
}

impl StepSpec {
    /// The spec of a file.
    ///
    /// # Errors
    /// [`ArtifactError`] if it can't be read.
    pub fn from_file(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = read(path)?;
        Ok(Self { path: path.to_owned(), hash: blake3::hash(&bytes).to_hex().to_string() })
    }
}

/// Returns the model of a spec; the first task that asks for it loads it.
///
/// # Errors
/// [`SharedError`] if it can't be loaded, or its hash differs.
pub fn model(spec: &ModelSpec) -> Result<Arc<Model>, SharedError> {
    static MODELS: Mutex<BTreeMap<(PathBuf, String), Arc<Model>>> = Mutex::new(BTreeMap::new());
    // Other tasks wait during loading: one model is enough.
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (spec.folder.clone(), spec.hash.clone());
    if let Some(model) = models.get(&key) {
        return Ok(Arc::clone(model));
    }
    let device = musicvae::device::parse(&spec.device)?;
    let model = Model::load(&spec.folder, &device)?;
    if model.hash() != spec.hash {
        let (found, expected) = (model.hash().to_owned(), spec.hash.clone());
        return Err(SharedError::OtherModel { path: spec.folder.clone(), found, expected });
    }
    let model = Arc::new(model);
    models.insert(key, Arc::clone(&model));
    Ok(model)
}

/// Returns the step of a spec; the first task that asks for it loads it.
///
/// # Errors
/// [`SharedError`] if it can't be loaded, or its hash differs.
pub fn step(spec: &StepSpec) -> Result<Arc<EmStep>, SharedError> {
    static STEPS: Mutex<Vec<(String, Arc<EmStep>)>> = Mutex::new(Vec::new());
    let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, step)) = steps.iter().find(|(hash, _)| *hash == spec.hash) {
        return Ok(Arc::clone(step));
    }
    if StepSpec::from_file(&spec.path)?.hash != spec.hash {
        return Err(SharedError::OtherMixture { path: spec.path.clone() });
    }
    let step = Arc::new(EmStep::load(&spec.path)?);
    steps.insert(0, (spec.hash.clone(), Arc::clone(&step)));
    steps.truncate(MAX_MIXTURES);
    Ok(step)
}

fn read(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    std::fs::read(path).map_err(|source| ArtifactError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })
}
