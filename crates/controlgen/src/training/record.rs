//! `config.json` of a run: everything needed to repeat it, and how it was started.

use std::path::Path;

use corpus::artifact::{ArtifactResult, JsonFormat};
use serde::{Deserialize, Serialize};

use super::{Machine, TrainRequest, TrainingError};
use crate::model::Origin;

/// Everything needed to repeat a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// The preset.
    pub preset: String,
    /// The kind of window.
    pub kind: String,
    /// The model that training started from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// Sizes: the field `musicvae` or `note_list_vae`.
    #[serde(flatten)]
    pub network: musicvae::NetworkConfig,
    /// Training settings.
    pub training: musicvae::TrainingConfig,
    /// The seed of all random draws.
    pub seed: u64,
    /// Hash of the corpus.
    pub corpus_hash: String,
    /// The program's version at the last start.
    pub program_version: String,
    /// Each start of the run, the first and those with `--resume`.
    #[serde(default)]
    pub goes: Vec<Go>,
}

/// One start of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Go {
    /// Number of steps completed before.
    pub n_steps: u64,
    /// The command line.
    pub command_line: Vec<String>,
    /// The program's version.
    pub program_version: String,
    /// The commit it was built from, if the environment variable `CONTROLGEN_COMMIT` was set at
    /// compile time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Number of threads for the model.
    pub n_threads: usize,
    /// The machine it ran on.
    pub machine: Machine,
}

impl JsonFormat for RunConfig {
    const FORMAT: &'static str = "controlgen.run";
    const VERSION: u32 = 1;
}

/// Writes the file, with this start appended to the earlier ones.
pub(super) fn write(request: &TrainRequest, corpus_hash: &str, n_steps: u64) -> ArtifactResult<()> {
    let path = request.run.config();
    let setup = &request.setup;
    let mut goes = if request.resume {
        known(&path)?.map_or(Vec::new(), |config| config.goes)
    } else {
        Vec::new()
    };
    let program_version = env!("CARGO_PKG_VERSION").to_owned();
    goes.push(Go {
        n_steps,
        command_line: request.command_line.clone(),
        program_version: program_version.clone(),
        commit: option_env!("CONTROLGEN_COMMIT").map(str::to_owned),
        n_threads: rayon::current_num_threads(),
        machine: Machine::this(),
    });
    let config = RunConfig {
        preset: setup.preset.clone(),
        kind: setup.kind.clone(),
        from: setup.from.as_ref().map(|from| from.origin.clone()),
        network: setup.model.clone(),
        training: setup.training,
        seed: request.seed,
        corpus_hash: corpus_hash.to_owned(),
        program_version,
        goes,
    };
    config.save(&path)
}

/// Rejects resuming a run with other initial weights.
pub(super) fn check_origin(request: &TrainRequest) -> Result<(), TrainingError> {
    let Some(config) = known(&request.run.config())? else { return Ok(()) };
    let asked = request.setup.from.as_ref().map(|from| &from.origin);
    let hash = |origin: Option<&Origin>| origin.map(|origin| origin.hash.clone());
    if hash(config.from.as_ref()) == hash(asked) {
        return Ok(());
    }
    let name = |origin: Option<&Origin>| match origin {
        Some(origin) => format!("the model {} ({})", origin.folder.display(), origin.hash),
        None => "fresh weights".to_owned(),
    };
    Err(TrainingError::OtherOrigin {
        run: request.run.root().to_owned(),
        found: name(config.from.as_ref()),
        asked: name(asked),
    })
}

/// The record in a run's folder, if there is one.
fn known(path: &Path) -> ArtifactResult<Option<RunConfig>> {
    if path.exists() { RunConfig::load(path).map(Some) } else { Ok(None) }
}
