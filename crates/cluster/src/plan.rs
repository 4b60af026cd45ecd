//! What is to be done: a TOML file that a user writes, and the folder that results lie in.

use std::path::{Path, PathBuf};

use controlgen::artifact::{ArtifactError, JsonFormat};
use controlgen::corpus::steps::Steps;
use controlgen::corpus::{CorpusError, CorpusOptions, GroupRule, Labels, SameWindow};
use controlgen::kind::Kind;
use controlgen::model::{Model, ModelConfig};
use gmm::{CovarianceType, GmmParams};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// From MIDI files to a mixture. Every path must be the same one on all machines, and `out` on a file
/// system that they share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Folders to search for MIDI files and archives of them.
    #[serde(default, with = "controlgen::path_text::list")]
    pub roots: Vec<PathBuf>,
    /// Places in object stores to search for MIDI files, such as `s3://bucket/midi`.
    #[serde(default)]
    pub stores: Vec<String>,
    /// The folder of results: corpus, latents, mixture.
    #[serde(with = "controlgen::path_text")]
    pub out: PathBuf,
    /// The model folder that encodes; its kind is that of the windows. Unlike the others, a relative path is
    /// one below the folder that each process was started in, as a copy on each machine may be.
    #[serde(with = "controlgen::path_text")]
    pub model: PathBuf,
    /// What runs it.
    #[serde(default = "flex")]
    pub device: String,
    /// Parts that each stage's work is cut into: several times the cores of all machines.
    #[serde(default = "sixteen")]
    pub partitions: usize,
    /// How windows are made.
    #[serde(default)]
    pub corpus: CorpusPlan,
    /// How the mixture is fitted.
    #[serde(default)]
    pub fit: FitPlan,
}

/// How windows are made; see [`CorpusOptions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusPlan {
    /// Share of the groups that is held out.
    pub heldout: f64,
    /// What files belong together.
    pub group: GroupRule,
    /// Whether files of nearly the same music are put in one group.
    pub near_duplicates: bool,
    /// Which windows count as the same.
    pub same_window: SameWindow,
    /// The most windows that a file may give.
    pub max_windows_per_file: Option<usize>,
    /// Where labels come from.
    pub labels: Labels,
    /// The seed of draws.
    pub seed: u64,
}

impl Default for CorpusPlan {
    fn default() -> Self {
        let usual = CorpusOptions::new(Vec::new(), Kind::mel_2bar());
        Self {
            heldout: usual.heldout,
            group: usual.group,
            near_duplicates: usual.near_duplicates,
            same_window: usual.same_window,
            max_windows_per_file: usual.max_windows_per_file,
            labels: usual.labels,
            seed: usual.seed,
        }
    }
}

/// How the mixture is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FitPlan {
    /// Components.
    pub n_components: usize,
    /// Their shape.
    pub covariance_type: CovarianceType,
    /// Windows that the start is found on, drawn by their hash.
    pub n_start_windows: usize,
    /// Starts tried on them.
    pub n_init: usize,
    /// Passes over all windows, at most.
    pub max_iter: usize,
    /// The last pass is the one that adds less to the mean log-likelihood, in nats.
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
    /// The parameters of the fit that a start is taken from.
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

/// Why a plan can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no plan.
    #[error("{} is no plan", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A number that must be positive is 0.
    #[error("`{name}` is 0; at least 1 is needed")]
    Zero {
        /// Which one.
        name: &'static str,
    },
    /// Results of another plan lie where this one's are to go.
    #[error(
        "{} holds the results of another plan; give another `out`, or remove it", out.display()
    )]
    Other {
        /// The folder.
        out: PathBuf,
    },
    /// The model has nothing that a mixture could be fitted on.
    #[error("the model in {} has no active dimension; train it for longer", model.display())]
    NoActiveDimension {
        /// The model folder.
        model: PathBuf,
    },
    /// A file of ours can't be read or written.
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
    /// [`PlanError::Read`], [`PlanError::Toml`], [`PlanError::Zero`].
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
        let mut plan: Self = toml::from_str(&text)
            .map_err(|source| PlanError::Toml { path: path.to_owned(), source })?;
        // Those who work stand in other folders.
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

/// A plan with what its model says: what all who take part read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What was asked.
    pub plan: Plan,
    /// The kind of window.
    pub kind: String,
    /// The model's hash, so that all machines use the same one.
    pub model_hash: String,
    /// Dimensions of its latent space.
    pub z_size: usize,
    /// Those that the mixture is fitted on.
    pub active_dimensions: Vec<usize>,
}

impl JsonFormat for Job {
    const FORMAT: &'static str = "controlgen.cluster_job";
    const VERSION: u32 = 1;
}

impl Job {
    /// Opens the folder of results: a new one, or that of a run of the same plan that was broken off.
    ///
    /// # Errors
    /// [`PlanError::Other`], or where the model can't be read or the folder not written.
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
            // How the work is cut up changes no result.
            found.plan.partitions = plan.partitions;
            if found != job {
                return Err(PlanError::Other { out: plan.out.clone() });
            }
        }
        job.save(&path)?;
        Ok(job)
    }

    /// Reads the job of a folder of results.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn of(out: &Path) -> Result<Self, ArtifactError> {
        Self::load(&out.join("job.json"))
    }

    /// The file that it is kept in.
    pub fn path(&self) -> PathBuf {
        self.plan.out.join("job.json")
    }

    /// What only this run needs; removed at its end.
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
    /// Where this program does not know it.
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
    /// As [`Self::kind`].
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

    /// The steps of the corpus.
    ///
    /// # Errors
    /// Where its options can't be used.
    pub fn steps(&self) -> Result<Steps, CorpusError> {
        Steps::new(self.corpus_options()?, &self.work().join("parts"))
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
    fn a_plan_says_little_and_means_the_usual() {
        let plan =
            read("roots = [\"a\"]\nout = \"o\"\nmodel = \"m\"\n[fit]\nn_components = 3").unwrap();
        assert_eq!((plan.partitions, plan.device.as_str()), (16, "flex"));
        assert!(plan.out.is_absolute() && plan.roots[0].is_absolute());
        assert_eq!(plan.corpus, CorpusPlan::default());
        assert_eq!(plan.fit, FitPlan { n_components: 3, ..FitPlan::default() });
    }

    #[test]
    fn what_is_wrong_with_a_plan_is_named() {
        let error = read("roots = []\nout = \"o\"\nmodel = \"m\"\nspeed = 1").unwrap_err();
        assert!(matches!(error, PlanError::Toml { .. }));
        let error = read("roots = []\nout = \"o\"\nmodel = \"m\"\npartitions = 0").unwrap_err();
        assert_eq!(error.to_string(), "`partitions` is 0; at least 1 is needed");
        let error = Plan::read(Path::new("/nowhere/plan.toml")).unwrap_err();
        assert_eq!(error.to_string(), "can't read /nowhere/plan.toml");
    }
}
