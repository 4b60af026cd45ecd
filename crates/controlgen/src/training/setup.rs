//! The model that a run trains: a preset, or a model whose training continues.

use std::path::{Path, PathBuf};

use corpus::artifact::read;
use musicvae::presets::{self, Preset};
use musicvae::{Device, NetworkConfig, TrainingConfig};

use super::TrainingError;
use crate::model::{Model, ModelConfig, Origin};
use crate::run::RunFolder;

/// The default preset, if neither a preset nor a model is given.
pub const DEFAULT_PRESET: &str = "poly_2bar_tiny";

/// Assumed number of steps of an imported model, at the end of all schedules. Published models were
/// trained for hundreds of thousands of steps, but the exact number is not recorded.
const CONVERGED_STEPS: u64 = 1_000_000;

/// A model's sizes, its training settings, and the initial weights.
#[derive(Clone, Debug)]
pub struct TrainSetup {
    /// The preset's name: the given one, or the one that the model was trained with.
    pub preset: String,
    /// The kind of window, for example `mel-2bar`.
    pub kind: String,
    /// Sizes.
    pub model: NetworkConfig,
    /// Training settings, which may be changed before training.
    pub training: TrainingConfig,
    /// The model to continue from, if any.
    pub from: Option<Parent>,
    /// The initial learning rate of the schedule that [`TrainSetup::training`] continues.
    initial_rate: f64,
}

/// A model to continue from.
#[derive(Clone)]
pub struct Parent {
    /// Its record.
    pub origin: Origin,
    /// Its folder.
    pub folder: PathBuf,
    pub(super) weights: Vec<u8>,
}

impl std::fmt::Debug for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parent").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl TrainSetup {
    /// The setup for a preset, or for continuing the training of a model.
    ///
    /// With `from`, training starts from its weights. Sizes are those of the model; settings are
    /// those of `preset`, or else those it was trained with. The schedules of the objective and the
    /// learning rate continue where its training ended; the optimizer is reset.
    ///
    /// # Errors
    /// Returns [`TrainingError::UnknownPreset`]; [`TrainingError::Sizes`] if the sizes of the
    /// preset and the model differ; or an error if the model can't be loaded.
    pub fn find(
        preset: Option<&str>,
        from: Option<&Path>,
        device: &Device,
    ) -> Result<Self, TrainingError> {
        let named = |name: &str| {
            presets::find_of_any_form(name)
                .ok_or_else(|| TrainingError::UnknownPreset { name: name.to_owned() })
        };
        let Some(folder) = from else {
            let preset = named(preset.unwrap_or(DEFAULT_PRESET))?;
            return Ok(Self {
                preset: preset.name.to_owned(),
                kind: preset.kind.to_owned(),
                model: preset.model,
                training: preset.training,
                from: None,
                initial_rate: preset.training.learning_rate.initial(),
            });
        };
        // Checks the weights against the sizes.
        let model = Model::load(folder, device)?;
        let weights = read(&folder.join("weights.safetensors"))?;
        let config = model.config();
        let (name, mut training) = match preset {
            Some(name) => {
                let preset = named(name)?;
                check_sizes(folder, config, &preset)?;
                (name.to_owned(), preset.training)
            }
            None => own_settings(folder, config)?,
        };
        let n_steps = config.training.as_ref().map(|t| t.config.schedule_start + t.n_steps);
        // The model's own schedule covers only its training steps, without those of the models it
        // continued from.
        let decayed = match &config.training {
            Some(trained) if preset.is_none() => trained.n_steps,
            _ => n_steps.unwrap_or(CONVERGED_STEPS),
        };
        let initial_rate = training.learning_rate.initial();
        let rate = training.learning_rate.at(decayed);
        training.learning_rate = training.learning_rate.falling_from(rate);
        training.schedule_start = n_steps.unwrap_or(CONVERGED_STEPS);
        let origin = Origin {
            folder: folder.to_owned(),
            hash: model.hash().to_owned(),
            corpus_hash: config.training.as_ref().map(|training| training.corpus_hash.clone()),
            imported: config.imported.as_ref().map(|imported| imported.source.clone()),
            n_steps,
        };
        Ok(Self {
            preset: name,
            kind: config.kind.clone(),
            model: config.network.clone(),
            training,
            from: Some(Parent { origin, folder: folder.to_owned(), weights }),
            initial_rate,
        })
    }

    /// Adapts the learning rate to a short run on other music: it starts at a quarter of the
    /// preset's initial rate, or of the rate that the model started with, and decays within
    /// `n_steps`.
    ///
    /// At the end of a schedule, the rate is so low that hardly anything is learned within minutes,
    /// and the initial rate would destroy the earlier training.
    pub fn adapt(&mut self, n_steps: u64) {
        let schedule = self.training.learning_rate;
        let initial = (self.initial_rate / 4.0).max(schedule.min());
        self.training.learning_rate = schedule.falling_from(initial).ending_at(n_steps);
    }

    /// Rejects a run that would overwrite the model it starts from.
    pub(super) fn check_folder(&self, run: &RunFolder) -> Result<(), TrainingError> {
        let Some(from) = &self.from else { return Ok(()) };
        let same = match (from.folder.canonicalize(), run.model().canonicalize()) {
            (Ok(from), Ok(to)) => from == to,
            _ => false,
        };
        if same { Err(TrainingError::IntoItself { model: from.folder.clone() }) } else { Ok(()) }
    }
}

/// The settings that a model was trained with, or those of a matching preset.
fn own_settings(
    folder: &Path,
    config: &ModelConfig,
) -> Result<(String, TrainingConfig), TrainingError> {
    if let Some(training) = &config.training {
        return Ok((training.preset.clone(), training.config));
    }
    let of_kind = || presets::of_any_form().into_iter().filter(|preset| preset.kind == config.kind);
    let preset = of_kind().find(|preset| preset.model == config.network).or(of_kind().next());
    let preset = preset.ok_or_else(|| TrainingError::NoSettings {
        model: folder.to_owned(),
        kind: config.kind.clone(),
    })?;
    Ok((preset.name.to_owned(), preset.training))
}

/// Rejects a preset whose kind or sizes differ from those of a model, and lists the differences.
fn check_sizes(
    folder: &Path,
    config: &ModelConfig,
    preset: &Preset<NetworkConfig>,
) -> Result<(), TrainingError> {
    let mut differences = Vec::new();
    if config.kind != preset.kind {
        differences
            .push(format!("its kind is `{}`, that of the preset `{}`", config.kind, preset.kind));
    }
    let fields = |model: &NetworkConfig| {
        let value = match model {
            NetworkConfig::Steps(config) => serde_json::to_value(config),
            NetworkConfig::Notes(config) => serde_json::to_value(config),
        };
        match value {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => unreachable!("a configuration is an object"),
        }
    };
    let (own, other) = (fields(&config.network), fields(&preset.model));
    let names = own.keys().chain(other.keys().filter(|name| !own.contains_key(*name)));
    // Sizes of different kinds of model are not comparable.
    let is_same_kind = differences.is_empty();
    for name in names.filter(|_| is_same_kind) {
        let text = |value: Option<&serde_json::Value>| {
            value.map_or_else(|| "none".to_owned(), ToString::to_string)
        };
        if own.get(name) != other.get(name) {
            let (own, other) = (text(own.get(name)), text(other.get(name)));
            differences.push(format!("its `{name}` is {own}, the preset's {other}"));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(TrainingError::Sizes {
        model: folder.to_owned(),
        preset: preset.name.to_owned(),
        differences: differences.join(", "),
    })
}
