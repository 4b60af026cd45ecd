//! The description of a run: a TOML file written by the user, and the job stored in the results
//! folder.

use std::path::{Path, PathBuf};

use controlgen::latent::LatentSpace;
use controlgen::model::{Model, ModelConfig};
use corpus::artifact::{ArtifactError, JsonFormat};
use corpus::kind::Kind;
use corpus::stages::BuildStages;
use corpus::{CorpusError, CorpusOptions, GroupRule, Labels, SameWindow};
use gmm::{CovarianceType, GmmParams};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A plan from MIDI files to a mixture. All paths must be the same on all machines, and `out` must
/// be on a file system that they share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Folders to search for MIDI files and archives of them.
    #[serde(default, with = "corpus::path_text::list")]
    pub roots: Vec<PathBuf>,
    /// Object store locations to search for MIDI files, for example `s3://bucket/midi`.
    #[serde(default)]
    pub stores: Vec<String>,
    /// The results folder: corpus, latents, mixture.
    #[serde(with = "corpus::path_text")]
    pub out: PathBuf,
    /// The folder of the model that encodes; its kind of window is used throughout. Unlike the
    /// other paths, a relative path is resolved against the working directory of each process, so
    /// each machine may have a copy.
    #[serde(with = "corpus::path_text")]
    pub model: PathBuf,
    /// The device that runs the model.
    #[serde(default = "flex")]
    pub device: String,
    /// Number of partitions that each stage is split into: several times the number of cores of all
    /// machines.
    #[serde(default = "sixteen")]
    pub partitions: usize,
    /// Settings for extracting windows.
    #[serde(default)]
    pub corpus: CorpusPlan,
    /// Settings for fitting the mixture.
    #[serde(default)]
    pub fit: FitPlan,
}

/// Settings for extracting windows; see [`CorpusOptions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusPlan {
    /// Fraction of the groups that is held out.
    pub heldout: f64,
    /// The rule by which files belong together.
    pub group: GroupRule,
    /// Whether files with nearly the same music are put into one group.
    pub near_duplicates: bool,
    /// The definition of identical windows.
    pub same_window: SameWindow,
    /// The maximum number of windows per file.
    pub max_windows_per_file: Option<usize>,
    /// The source of labels.
    pub labels: Labels,
    /// The random seed.
    pub seed: u64,
}

impl Default for CorpusPlan {
    fn default() -> Self {
        let defaults = CorpusOptions::new(Vec::new(), Kind::mel_2bar());
        Self {
            heldout: defaults.heldout,
            group: defaults.group,
            near_duplicates: defaults.near_duplicates,
            same_window: defaults.same_window,
            max_windows_per_file: defaults.max_windows_per_file,
            labels: defaults.labels,
            seed: defaults.seed,
        }
    }
}

/// Settings for fitting the mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FitPlan {
    /// Number of components.
    pub n_components: usize,
    /// Their covariance structure.
    pub covariance_type: CovarianceType,
    /// Number of windows used to find the start: those with the smallest hashes.
    pub n_start_windows: usize,
    /// Number of starts tried on them.
    pub n_init: usize,
    /// Maximum number of passes over all windows.
    pub max_iter: usize,
    /// Stop once a pass improves the mean log-likelihood by less than this, in nats.
    pub tol: f64,
    /// Added to the diagonal of every covariance.
    pub reg_covar: f64,
    /// The seed of the starts.
    pub seed: u64,
}

impl Default for FitPlan {
    fn default() -> Self {
        Self {
            n_components: 16,
            covariance_type: CovarianceType::Full,
            n_start_windows: 20_000,
            n_init: 3,
            max_iter: 50,
            tol: 1e-3,
            reg_covar: 1e-6,
            seed: 0,
        }
    }
}

impl FitPlan {
    /// The parameters of the fit that finds the start.
    pub fn start(&self) -> GmmParams {
        GmmParams::new(self.n_components)
            .covariance_type(self.covariance_type)
            .n_init(self.n_init)
            .reg_covar(self.reg_covar)
            .tol(self.tol)
    }
}

fn flex() -> String {
    "flex".to_owned()
}

fn sixteen() -> usize {
    16
}

/// The reason a plan can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a plan.
    #[error("{} is not a plan", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The place in the file, and the reason.
        source: toml::de::Error,
    },
    /// A number that must be positive is 0.
    #[error("`{name}` is 0; at least 1 is needed")]
    Zero {
        /// The name of the setting.
        name: &'static str,
    },
    /// The folder holds the results of another plan.
    #[error(
        "{} holds the results of another plan; choose another `out`, or remove it", out.display()
    )]
    Other {
        /// The folder.
        out: PathBuf,
    },
    /// The model has no active dimension to fit a mixture on.
    #[error("the model in {} has no active dimension; train it for longer", model.display())]
    NoActiveDimension {
        /// The model folder.
        model: PathBuf,
    },
    /// One of this program's files can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The corpus can't be built.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Returns [`PlanError::Read`] if the file can't be read, [`PlanError::Toml`] if it is not a
    /// plan, and [`PlanError::Zero`] if a number that must be positive is 0.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        let mut plan: Self = toml::from_str(&text)
            .map_err(|source| PlanError::Toml { path: path.to_owned(), source })?;
        // Other processes run in other working directories.
        for path in plan.roots.iter_mut().chain([&mut plan.out]) {
            *path = std::path::absolute(&*path)
                .map_err(|source| PlanError::Read { path: path.clone(), source })?;
        }
        for (name, value) in [
            ("partitions", plan.partitions),
            ("fit.n_components", plan.fit.n_components),
            ("fit.n_start_windows", plan.fit.n_start_windows),
            ("fit.max_iter", plan.fit.max_iter),
            ("fit.n_init", plan.fit.n_init),
        ] {
            if value == 0 {
                return Err(PlanError::Zero { name });
            }
        }
        Ok(plan)
    }
}

/// A plan and the facts about its model: read by all processes that take part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The plan.
    pub plan: Plan,
    /// The kind of window.
    pub kind: String,
    /// The hash of the model, which ensures that all machines use the same one.
    pub model_hash: String,
    /// Dimensions of the latent space.
    pub z_size: usize,
    /// The dimensions that the mixture is fitted on.
    pub active_dimensions: Vec<usize>,
}

impl JsonFormat for Job {
    const FORMAT: &'static str = "controlgen.cluster_job";
    const VERSION: u32 = 1;
}

impl Job {
    /// Opens the results folder: a new one, or that of an interrupted run of the same plan.
    ///
    /// # Errors
    /// Returns [`PlanError::Other`] if the folder holds the results of another plan, and
    /// [`PlanError::NoActiveDimension`] if the model has none. Also fails if the model can't be
    /// read or the folder can't be written.
    pub fn open(plan: &Plan) -> Result<Self, PlanError> {
        let device = musicvae::device::parse(&plan.device).map_err(|error| {
            let source = std::io::Error::other(error);
            ArtifactError::Io { action: "use the device for", path: plan.model.clone(), source }
        })?;
        let model = Model::load(&plan.model, &device)?;
        let ModelConfig { active_dimensions, .. } = model.config().clone();
        if active_dimensions.is_empty() {
            return Err(PlanError::NoActiveDimension { model: plan.model.clone() });
        }
        let job = Self {
            plan: plan.clone(),
            kind: model.kind().name.to_owned(),
            model_hash: model.hash().to_owned(),
            z_size: model.z_size(),
            active_dimensions,
        };
        let path = job.path();
        if path.exists() {
            let mut found = Self::load(&path)?;
            // The number of partitions does not change the results.
            found.plan.partitions = plan.partitions;
            if found != job {
                return Err(PlanError::Other { out: plan.out.clone() });
            }
        }
        job.save(&path)?;
        Ok(job)
    }

    /// The latent space of its model; `None` if an active dimension is outside of it.
    pub fn latent_space(&self) -> Option<LatentSpace> {
        LatentSpace::new(self.z_size, self.active_dimensions.clone())
    }

    /// Reads the job of a results folder.
    ///
    /// # Errors
    /// [`ArtifactError`] if it can't be read.
    pub fn read_from(out: &Path) -> Result<Self, ArtifactError> {
        Self::load(&out.join("job.json"))
    }

    /// The file in which it is stored.
    pub fn path(&self) -> PathBuf {
        self.plan.out.join("job.json")
    }

    /// The folder of intermediate files; removed when the run ends.
    pub fn work(&self) -> PathBuf {
        self.plan.out.join("work")
    }

    /// The corpus folder.
    pub fn corpus(&self) -> PathBuf {
        self.plan.out.join("corpus")
    }

    /// The latents folder.
    pub fn latents(&self) -> PathBuf {
        self.plan.out.join("latents")
    }

    /// The folder of checkpoints of the fit.
    pub fn fit(&self) -> PathBuf {
        self.plan.out.join("fit")
    }

    /// The fitted mixture.
    pub fn mixture(&self) -> PathBuf {
        self.plan.out.join("mixture.json")
    }

    /// The kind of window.
    ///
    /// # Errors
    /// [`ArtifactError`] if this program does not know it.
    pub fn kind(&self) -> Result<Kind, ArtifactError> {
        Kind::find(&self.kind).map_err(|error| ArtifactError::Json {
            path: self.path(),
            format: Self::FORMAT,
            source: serde::de::Error::custom(error),
        })
    }

    /// The options of the corpus.
    ///
    /// # Errors
    /// [`ArtifactError`] if this program does not know the kind of window.
    pub fn corpus_options(&self) -> Result<CorpusOptions, ArtifactError> {
        let CorpusPlan {
            heldout,
            group,
            near_duplicates,
            same_window,
            max_windows_per_file,
            labels,
            seed,
        } = self.plan.corpus.clone();
        Ok(CorpusOptions {
            heldout,
            group,
            near_duplicates,
            same_window,
            max_windows_per_file,
            labels,
            seed,
            ..CorpusOptions::new(self.plan.roots.clone(), self.kind()?)
        })
    }

    /// The stages of the corpus build.
    ///
    /// # Errors
    /// [`CorpusError`] if its options are not usable.
    pub fn build_stages(&self) -> Result<BuildStages, CorpusError> {
        BuildStages::new(self.corpus_options()?, &self.work().join("parts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Plan, PlanError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, text).unwrap();
        Plan::read(&path)
    }

    #[test]
    fn missing_settings_have_their_defaults() {
        let plan =
            read("roots = [\"a\"]\nout = \"o\"\nmodel = \"m\"\n[fit]\nn_components = 3").unwrap();
        assert_eq!((plan.partitions, plan.device.as_str()), (16, "flex"));
        assert!(plan.out.is_absolute() && plan.roots[0].is_absolute());
        assert_eq!(plan.corpus, CorpusPlan::default());
        assert_eq!(plan.fit, FitPlan { n_components: 3, ..FitPlan::default() });
    }

    #[test]
    fn errors_name_what_is_wrong_with_a_plan() {
        let error = read("roots = []\nout = \"o\"\nmodel = \"m\"\nspeed = 1").unwrap_err();
        assert!(matches!(error, PlanError::Toml { .. }));
        let error = read("roots = []\nout = \"o\"\nmodel = \"m\"\npartitions = 0").unwrap_err();
        assert_eq!(error.to_string(), "`partitions` is 0; at least 1 is needed");
        let error = Plan::read(Path::new("/nowhere/plan.toml")).unwrap_err();
        assert_eq!(error.to_string(), "can't read /nowhere/plan.toml");
    }
}
