//! Two bars of drums.

use super::{NO_SAMPLING, Preset, melody};
use crate::config::{EncoderInput, MusicVaeConfig, ObjectiveConfig, TrainingConfig};
use crate::elbo::FreeBits;
use crate::schedule::{BetaSchedule, ScheduledSampling};

/// Magenta's `cat-drums_2bar_small`: the encoder reads nine drums and a flag for silence, the
/// decoder writes one of the 512 sets of drums.
pub(super) fn cat_drums_2bar_small() -> Preset {
    Preset {
        name: "cat-drums_2bar_small",
        summary: "two bars of drums; Magenta's sizes and schedules (4.6 million weights)",
        kind: "drums-2bar",
        model: MusicVaeConfig {
            n_classes: vec![512],
            encoder_input: EncoderInput::DrumRoll,
            ..melody::cat_mel_2bar_small().model
        },
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(48.0),
                beta: BetaSchedule::Exponential { max: 0.2, rate: 0.0 },
                scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 1000.0 },
            },
            max_transposition: 0,
            ..melody::melody_training()
        },
    }
}

/// Trained like Magenta's published low-KL drum model: better samples, worse reconstructions.
pub(super) fn cat_drums_2bar_small_lokl() -> Preset {
    let small = cat_drums_2bar_small();
    Preset {
        name: "cat-drums_2bar_small.lokl",
        summary: "the same, as published with low KL (11 bits): for sampling new beats",
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(0.0),
                beta: BetaSchedule::Exponential { max: 0.8, rate: 0.0 },
                scheduled_sampling: NO_SAMPLING,
            },
            ..small.training
        },
        ..small
    }
}

/// Trained like Magenta's published high-KL drum model: better reconstructions, worse samples.
pub(super) fn cat_drums_2bar_small_hikl() -> Preset {
    let small = cat_drums_2bar_small();
    Preset {
        name: "cat-drums_2bar_small.hikl",
        summary: "the same, as published with high KL (107 bits): for interpolation",
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(96.0),
                ..small.training.objective
            },
            ..small.training
        },
        ..small
    }
}

/// Magenta's `cat-drums_2bar_big`.
pub(super) fn cat_drums_2bar_big() -> Preset {
    let small = cat_drums_2bar_small();
    Preset {
        name: "cat-drums_2bar_big",
        summary: "two bars of drums; Magenta's large model, for a GPU (138 million weights)",
        model: MusicVaeConfig {
            z_size: 512,
            encoder_sizes: vec![2048],
            decoder_sizes: vec![2048; 3],
            ..small.model
        },
        ..small
    }
}

/// Drums for a CPU, the counterpart of `cat-mel_2bar_tiny` for melodies.
pub(super) fn cat_drums_2bar_tiny() -> Preset {
    let tiny = melody::cat_mel_2bar_tiny();
    Preset {
        name: "cat-drums_2bar_tiny",
        summary: "two bars of drums; small enough to train on a laptop's CPU",
        kind: "drums-2bar",
        model: MusicVaeConfig {
            n_classes: vec![512],
            encoder_input: EncoderInput::DrumRoll,
            ..tiny.model
        },
        training: TrainingConfig { max_transposition: 0, ..tiny.training },
    }
}
