//! Two bars of melody.

use super::{NO_SAMPLING, Preset};
use crate::config::{Control, MusicVaeConfig, ObjectiveConfig, RecurrentPrecision, TrainingConfig};
use crate::elbo::FreeBits;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};

/// Settings shared by Magenta's melody models: Adam from 1e-3 down to 1e-5, gradients clipped at a
/// global norm of 1, transposition by up to a fourth.
pub(super) fn melody_training() -> TrainingConfig {
    TrainingConfig {
        batch_size: 512,
        learning_rate: LearningRateSchedule::Exponential {
            initial: 1e-3,
            min: 1e-5,
            decay: 0.9999,
        },
        max_gradient_norm: 1.0,
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(0.0),
            beta: BetaSchedule::Exponential { max: 0.2, rate: 0.99999 },
            scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 1000.0 },
        },
        max_transposition: 5,
        recurrent_precision: RecurrentPrecision::F32,
        accumulation: 1,
        schedule_start: 0,
    }
}

/// Magenta's `cat-mel_2bar_small`: its sizes, schedules and batch.
pub(super) fn cat_mel_2bar_small() -> Preset {
    Preset {
        name: "cat-mel_2bar_small",
        summary: "two bars of melody; Magenta's sizes and schedules (4.4 million weights)",
        kind: "mel-2bar",
        model: MusicVaeConfig::flat(90, 32, 256, &[512], &[256, 256]),
        training: melody_training(),
    }
}

/// Magenta's `cat-mel_2bar_big`.
pub(super) fn cat_mel_2bar_big() -> Preset {
    let training = melody_training();
    Preset {
        name: "cat-mel_2bar_big",
        summary: "two bars of melody; Magenta's large model, for a GPU (135 million weights)",
        model: MusicVaeConfig {
            z_size: 512,
            encoder_sizes: vec![2048],
            decoder_sizes: vec![2048; 3],
            ..cat_mel_2bar_small().model
        },
        training: TrainingConfig {
            objective: ObjectiveConfig {
                beta: BetaSchedule::Exponential { max: 0.5, rate: 0.99999 },
                ..training.objective
            },
            ..training
        },
        ..cat_mel_2bar_small()
    }
}

/// A smaller model that learns within minutes on a CPU.
///
/// Differences from `cat-mel_2bar_small`, and their reasons: a batch of 128 and a faster decay,
/// because a run has thousands of updates instead of hundreds of thousands; 32 free bits and a beta
/// that is reached early, so that the latents carry the melody from the start.
pub(super) fn cat_mel_2bar_tiny() -> Preset {
    Preset {
        name: "cat-mel_2bar_tiny",
        summary: "two bars of melody; small enough to train on a laptop's CPU",
        kind: "mel-2bar",
        model: MusicVaeConfig::flat(90, 32, 64, &[256], &[256]),
        training: TrainingConfig {
            batch_size: 128,
            learning_rate: LearningRateSchedule::Exponential {
                initial: 2e-3,
                min: 1e-4,
                decay: 0.9995,
            },
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(32.0),
                beta: BetaSchedule::Exponential { max: 0.2, rate: 0.999 },
                scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 500.0 },
            },
            ..melody_training()
        },
    }
}

/// Between `tiny` and Magenta's `small`: an hour or two on a CPU.
///
/// Differences from `cat-mel_2bar_tiny`, and their reasons: 1.5 times as many units, for corpora of
/// several hundred thousand windows; 96 dimensions and a lower beta, because reconstruction was
/// limited by the number of bits that the latent could carry; a slower decay, for some ten thousand
/// updates.
pub(super) fn cat_mel_2bar_compact() -> Preset {
    let tiny = cat_mel_2bar_tiny();
    Preset {
        name: "cat-mel_2bar_compact",
        summary: "two bars of melody; an hour or two on a CPU (2.6 million weights)",
        model: MusicVaeConfig::flat(90, 32, 96, &[384], &[384]),
        training: TrainingConfig {
            learning_rate: LearningRateSchedule::Exponential {
                initial: 2e-3,
                min: 5e-5,
                decay: 0.9998,
            },
            objective: ObjectiveConfig {
                beta: BetaSchedule::Exponential { max: 0.1, rate: 0.999 },
                ..tiny.training.objective
            },
            ..tiny.training
        },
        ..tiny
    }
}

/// Magenta's `cat-mel_2bar_med_chords`: encoder and decoder read the chord of each step.
pub(super) fn cat_mel_2bar_med_chords() -> Preset {
    let training = melody_training();
    Preset {
        name: "cat-mel_2bar_med_chords",
        summary: "two bars of melody under given chords; Magenta's sizes (17.5 million weights)",
        kind: "mel-2bar-chords",
        model: MusicVaeConfig {
            control: Some(Control::Chords),
            ..MusicVaeConfig::flat(90, 32, 256, &[1024], &[512; 3])
        },
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(0.0),
                beta: BetaSchedule::Exponential { max: 1.0, rate: 0.0 },
                scheduled_sampling: NO_SAMPLING,
            },
            max_transposition: 3,
            ..training
        },
    }
}

/// Chord-conditioned melody for a CPU.
pub(super) fn cat_mel_2bar_tiny_chords() -> Preset {
    let tiny = cat_mel_2bar_tiny();
    Preset {
        name: "cat-mel_2bar_tiny_chords",
        summary: "two bars of melody under given chords; small enough for a laptop's CPU",
        kind: "mel-2bar-chords",
        model: MusicVaeConfig { control: Some(Control::Chords), ..tiny.model },
        ..tiny
    }
}
