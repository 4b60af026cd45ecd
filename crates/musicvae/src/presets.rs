//! Named configurations.

use crate::config::{EncoderInput, MusicVaeConfig, ObjectiveConfig, TrainingConfig};
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};

/// A named configuration of model and training.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    /// The name users give, Magenta's where it is Magenta's.
    pub name: &'static str,
    /// One line for a list.
    pub summary: &'static str,
    /// What the model is of; part of the model folder (`mel-2bar`).
    pub kind: &'static str,
    /// Sizes.
    pub model: MusicVaeConfig,
    /// Training settings.
    pub training: TrainingConfig,
}

/// Magenta's settings shared by its melody models: Adam from 1e-3 down to 1e-5, gradients clipped
/// at a global norm of 1, transposition by up to a fourth.
fn melody_training() -> TrainingConfig {
    TrainingConfig {
        batch_size: 512,
        learning_rate: LearningRateSchedule { initial: 1e-3, min: 1e-5, decay: 0.9999 },
        max_gradient_norm: 1.0,
        objective: ObjectiveConfig {
            free_bits: 0.0,
            beta: BetaSchedule { max: 0.2, rate: 0.99999 },
            scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 1000.0 },
        },
        max_transposition: 5,
    }
}

/// Every preset, by name.
pub fn all() -> Vec<Preset> {
    vec![cat_mel_2bar_small(), cat_mel_2bar_tiny()]
}

/// The preset of a name, if there is one.
pub fn find(name: &str) -> Option<Preset> {
    all().into_iter().find(|preset| preset.name == name)
}

/// Magenta's `cat-mel_2bar_small`: its sizes, schedules and batch.
fn cat_mel_2bar_small() -> Preset {
    Preset {
        name: "cat-mel_2bar_small",
        summary: "two bars of melody; Magenta's sizes and schedules (4.4 million weights)",
        kind: "mel-2bar",
        model: MusicVaeConfig {
            n_classes: 90,
            n_steps: 32,
            z_size: 256,
            encoder_sizes: vec![512],
            decoder_sizes: vec![256, 256],
            encoder_input: EncoderInput::Class,
        },
        training: melody_training(),
    }
}

/// A smaller model that learns within minutes on a CPU.
///
/// What differs from `cat-mel_2bar_small`, and why: a batch of 128 and a faster decay, because a
/// run has thousands of updates instead of hundreds of thousands; 32 free bits and a beta reached
/// early, so that the latents carry the melody from the start.
fn cat_mel_2bar_tiny() -> Preset {
    Preset {
        name: "cat-mel_2bar_tiny",
        summary: "two bars of melody; small enough to train on a laptop's CPU",
        kind: "mel-2bar",
        model: MusicVaeConfig {
            n_classes: 90,
            n_steps: 32,
            z_size: 64,
            encoder_sizes: vec![256],
            decoder_sizes: vec![256],
            encoder_input: EncoderInput::Class,
        },
        training: TrainingConfig {
            batch_size: 128,
            learning_rate: LearningRateSchedule { initial: 2e-3, min: 1e-4, decay: 0.9995 },
            objective: ObjectiveConfig {
                free_bits: 32.0,
                beta: BetaSchedule { max: 0.2, rate: 0.999 },
                scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 500.0 },
            },
            ..melody_training()
        },
    }
}
