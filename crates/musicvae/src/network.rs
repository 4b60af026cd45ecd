//! A model of either form of window behind one interface: a token per step ([`MusicVae`]) or a
//! list of notes ([`NoteListVae`]).
//!
//! Windows are rows of tokens here, as [`WindowForm`] describes them.

use burn::module::Module;
use note_seq::window::{WindowForm, WindowFormError};
use note_seq::{Meter, NoteList};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, MusicVaeConfig};
use crate::evaluate::{Evaluation, evaluate};
use crate::generate::{Generator, Sampling};
use crate::model::{MusicVae, Posteriors};
use crate::note_list::{
    NoteListEvaluation, NoteListGenerator, NoteListVae, NoteListVaeConfig, evaluate_note_lists,
};
use crate::weights::{Precision, WeightsError};
use crate::{COLLAPSED_KL_BITS, Device, Windows};

/// The sizes of a model of either form.
///
/// Written as an object with one field, `musicvae` or `note_list_vae`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkConfig {
    /// Windows with a token per step.
    #[serde(rename = "musicvae")]
    Steps(MusicVaeConfig),
    /// Windows that are lists of notes.
    #[serde(rename = "note_list_vae")]
    Notes(NoteListVaeConfig),
}

impl NetworkConfig {
    /// The form of the model's windows: the meaning of their tokens.
    pub fn form(&self) -> WindowForm {
        match self {
            Self::Steps(config) => WindowForm::Steps(config.window()),
            Self::Notes(config) => WindowForm::Notes(config.encoding),
        }
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        match self {
            Self::Steps(config) => config.z_size,
            Self::Notes(config) => config.z_size,
        }
    }

    /// Checks every size.
    ///
    /// # Errors
    /// [`ConfigError`], naming the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Steps(config) => config.validate(),
            Self::Notes(config) => config.validate(),
        }
    }
}

impl From<MusicVaeConfig> for NetworkConfig {
    fn from(config: MusicVaeConfig) -> Self {
        Self::Steps(config)
    }
}

impl From<NoteListVaeConfig> for NetworkConfig {
    fn from(config: NoteListVaeConfig) -> Self {
        Self::Notes(config)
    }
}

/// A trained model of either form, ready to encode and to generate.
pub struct Network {
    form: WindowForm,
    inner: Inner,
}

enum Inner {
    Steps { model: MusicVae, generator: Generator },
    Notes { config: NoteListVaeConfig, model: NoteListVae, generator: NoteListGenerator },
}

impl Network {
    /// A model of a configuration with the weights of a safetensors file.
    ///
    /// # Errors
    /// If the file is damaged or belongs to another configuration; see [`WeightsError`].
    pub fn from_safetensors(
        config: &NetworkConfig,
        bytes: &[u8],
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let inner = match config {
            NetworkConfig::Steps(config) => {
                let model = MusicVae::from_safetensors(config, bytes, device)?;
                let generator = Generator::new(&model.decoder);
                Inner::Steps { model, generator }
            }
            NetworkConfig::Notes(config) => {
                let model = NoteListVae::from_safetensors(config, bytes, device)?;
                let generator = NoteListGenerator::new(config, &model.decoder);
                Inner::Notes { config: config.clone(), model, generator }
            }
        };
        Ok(Self { form: config.form(), inner })
    }

    /// The form of its windows: the meaning of their tokens.
    pub fn form(&self) -> &WindowForm {
        &self.form
    }

    /// The model over steps and its generator; `None` for a model over lists of notes.
    pub fn of_steps(&self) -> Option<(&MusicVae, &Generator)> {
        match &self.inner {
            Inner::Steps { model, generator } => Some((model, generator)),
            Inner::Notes { .. } => None,
        }
    }

    /// Number of weights.
    pub fn n_weights(&self) -> usize {
        match &self.inner {
            Inner::Steps { model, .. } => model.num_params(),
            Inner::Notes { model, .. } => model.n_weights(),
        }
    }

    /// The weights as a safetensors file.
    pub fn to_safetensors(&self, precision: Precision) -> Vec<u8> {
        match &self.inner {
            Inner::Steps { model, .. } => model.to_safetensors(precision),
            Inner::Notes { model, .. } => model.to_safetensors(precision),
        }
    }

    /// The weights as a safetensors file for PyTorch, see [`MusicVae::to_torch_safetensors`] and
    /// [`NoteListVae::to_torch_safetensors`].
    pub fn to_torch_safetensors(&self, precision: Precision) -> Vec<u8> {
        match &self.inner {
            Inner::Steps { model, .. } => model.to_torch_safetensors(precision),
            Inner::Notes { model, .. } => model.to_torch_safetensors(precision),
        }
    }

    /// Posteriors of any number of windows, in batches of a fixed size.
    ///
    /// Calls `done` after each batch with the number of windows encoded so far.
    ///
    /// # Errors
    /// If a row is not a window of the model's form.
    pub fn encode<W: AsRef<[u16]>>(
        &self,
        windows: &[W],
        done: impl FnMut(usize),
    ) -> Result<Posteriors, WindowFormError> {
        match &self.inner {
            Inner::Steps { model, .. } => {
                windows.iter().try_for_each(|window| self.form.check(window.as_ref()))?;
                let tokens: Vec<u16> = windows.iter().flat_map(AsRef::as_ref).copied().collect();
                let layout = self.form.layout().expect("windows of steps have a layout");
                let windows = Windows::new(&tokens, layout).expect("every window was checked");
                Ok(model.encode_windows(windows, done))
            }
            Inner::Notes { model, .. } => {
                Ok(model.encode_windows(&lists(&self.form, windows)?, done))
            }
        }
    }

    /// Decodes latents `z` `[n, Z]` into windows under a control `[n, C]`, where `C` is
    /// [`WindowForm::n_control`]: the chords of each step, or the class of a meter.
    ///
    /// Window `i` uses only `rngs[i]`, so that its result does not depend on the other windows.
    ///
    /// # Panics
    /// If the numbers of rows differ, or if a control contains an unknown class.
    pub fn decode(
        &self,
        z: &[f32],
        control: &[u16],
        sampling: Sampling,
        rngs: &mut [ChaCha8Rng],
    ) -> Vec<Vec<u16>> {
        match &self.inner {
            Inner::Steps { generator, .. } => {
                let layout = self.form.layout().expect("windows of steps have a layout");
                generator.decode_controlled(z, control, layout.n_steps, sampling, rngs)
            }
            Inner::Notes { generator, .. } => {
                let meter = |class: &u16| Meter::from_class(*class).expect("a class of a meter");
                let meters: Vec<Meter> = control.iter().map(meter).collect();
                let lists = generator.decode(z, &meters, sampling, rngs);
                lists.iter().map(NoteList::to_row).collect()
            }
        }
    }

    /// Scores the model on windows; `None` if there are none.
    ///
    /// # Errors
    /// If a row is not a window of the model's form.
    pub fn evaluate<W: AsRef<[u16]>>(
        &self,
        windows: &[W],
        seed: u64,
    ) -> Result<Option<Scores>, WindowFormError> {
        match &self.inner {
            Inner::Steps { model, .. } => {
                windows.iter().try_for_each(|window| self.form.check(window.as_ref()))?;
                let tokens: Vec<u16> = windows.iter().flat_map(AsRef::as_ref).copied().collect();
                let layout = self.form.layout().expect("windows of steps have a layout");
                let windows = Windows::new(&tokens, layout).expect("every window was checked");
                Ok(evaluate(model, windows, seed).map(Scores::Steps))
            }
            Inner::Notes { config, model, .. } => {
                let lists = lists(&self.form, windows)?;
                Ok(evaluate_note_lists(config, model, &lists, seed).map(Scores::Notes))
            }
        }
    }
}

fn lists<W: AsRef<[u16]>>(
    form: &WindowForm,
    windows: &[W],
) -> Result<Vec<NoteList>, WindowFormError> {
    let encoding = form.encoding().expect("windows that are lists have an encoding");
    let list = |row: &W| Ok(NoteList::from_row(encoding, row.as_ref())?);
    windows.iter().map(list).collect()
}

/// Scores of a model of either form on a set of windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scores {
    /// Of a model over steps.
    Steps(Evaluation),
    /// Of a model over lists of notes.
    Notes(NoteListEvaluation),
}

impl Scores {
    /// Number of windows scored.
    pub fn n_windows(&self) -> usize {
        match self {
            Self::Steps(scores) => scores.n_windows,
            Self::Notes(scores) => scores.n_windows,
        }
    }

    /// Reconstruction loss under teacher forcing, in nats per window.
    pub fn reconstruction_nats(&self) -> f64 {
        match self {
            Self::Steps(scores) => scores.reconstruction_nats,
            Self::Notes(scores) => scores.reconstruction_nats,
        }
    }

    /// `KL(q(z | x) || N(0, I))`, in bits per window.
    pub fn kl_bits(&self) -> f64 {
        match self {
            Self::Steps(scores) => scores.kl_bits,
            Self::Notes(scores) => scores.kl_bits,
        }
    }

    /// Number of active latent dimensions, see [`crate::ACTIVE_VARIANCE`].
    pub fn active_units(&self) -> usize {
        match self {
            Self::Steps(scores) => scores.active_units,
            Self::Notes(scores) => scores.active_units,
        }
    }

    /// The negative evidence lower bound in nats per window.
    pub fn negative_elbo_nats(&self) -> f64 {
        self.reconstruction_nats() + self.kl_bits() * std::f64::consts::LN_2
    }

    /// The reconstructed fraction of the music, 0 to 1: the fraction of steps that are correct
    /// under teacher forcing or, for lists of notes, the F1 of the notes decoded from the posterior
    /// mean.
    pub fn best(&self) -> f64 {
        match self {
            Self::Steps(scores) => scores.teacher_forced_accuracy,
            Self::Notes(scores) => scores.best.note_f1,
        }
    }

    /// Like [`Scores::best`], when a sample of the posterior is decoded at temperature 1.
    pub fn sampled(&self) -> f64 {
        match self {
            Self::Steps(scores) => scores.sampled_accuracy,
            Self::Notes(scores) => scores.sampled.note_f1,
        }
    }

    /// The name of the measure that [`Scores::best`] returns.
    pub fn measure(&self) -> &'static str {
        match self {
            Self::Steps(_) => "accuracy",
            Self::Notes(_) => "note F1",
        }
    }

    /// Whether the posterior has collapsed, see [`Evaluation::is_collapsed`].
    pub fn is_collapsed(&self) -> bool {
        self.active_units() == 0 || self.kl_bits() < COLLAPSED_KL_BITS
    }
}

impl From<Evaluation> for Scores {
    fn from(scores: Evaluation) -> Self {
        Self::Steps(scores)
    }
}

impl From<NoteListEvaluation> for Scores {
    fn from(scores: NoteListEvaluation) -> Self {
        Self::Notes(scores)
    }
}
