//! Named configurations.
//!
//! Magenta's stand under Magenta's names with the values of its `configs.py`. Its published drum
//! checkpoints were trained with other objectives, as its notebook `MusicVAE.ipynb` says: those are
//! presets of their own, under the names of the published files (`cat-drums_2bar_small.lokl` and
//! `.hikl`, for low and high KL). `cat-mel_2bar_big` was trained as `configs.py` has it.

use crate::config::{EncoderInput, MusicVaeConfig, ObjectiveConfig, TrainingConfig};
use crate::elbo::FreeBits;
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
            free_bits: FreeBits::PerSequence(0.0),
            beta: BetaSchedule::Exponential { max: 0.2, rate: 0.99999 },
            scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 1000.0 },
        },
        max_transposition: 5,
    }
}

/// Every preset, by name.
pub fn all() -> Vec<Preset> {
    vec![
        cat_mel_2bar_small(),
        cat_mel_2bar_big(),
        cat_mel_2bar_tiny(),
        cat_drums_2bar_small(),
        cat_drums_2bar_small_lokl(),
        cat_drums_2bar_small_hikl(),
        cat_drums_2bar_big(),
    ]
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

/// Magenta's `cat-mel_2bar_big`.
fn cat_mel_2bar_big() -> Preset {
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

/// Magenta's `cat-drums_2bar_small`: the encoder reads nine drums and a sign for silence, the
/// decoder writes one of the 512 sets of drums.
fn cat_drums_2bar_small() -> Preset {
    Preset {
        name: "cat-drums_2bar_small",
        summary: "two bars of drums; Magenta's sizes and schedules (4.6 million weights)",
        kind: "drums-2bar",
        model: MusicVaeConfig {
            n_classes: 512,
            encoder_input: EncoderInput::DrumRoll,
            ..cat_mel_2bar_small().model
        },
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(48.0),
                beta: BetaSchedule::Exponential { max: 0.2, rate: 0.0 },
                scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 1000.0 },
            },
            max_transposition: 0,
            ..melody_training()
        },
    }
}

/// As Magenta's published low-KL drum model was trained: better samples, worse reconstructions.
fn cat_drums_2bar_small_lokl() -> Preset {
    let small = cat_drums_2bar_small();
    Preset {
        name: "cat-drums_2bar_small.lokl",
        summary: "the same, as published with low KL (11 bits): for drawing new beats",
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(0.0),
                beta: BetaSchedule::Exponential { max: 0.8, rate: 0.0 },
                scheduled_sampling: ScheduledSampling::Constant { probability: 0.0 },
            },
            ..small.training
        },
        ..small
    }
}

/// As Magenta's published high-KL drum model was trained: better reconstructions, worse samples.
fn cat_drums_2bar_small_hikl() -> Preset {
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
fn cat_drums_2bar_big() -> Preset {
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
                free_bits: FreeBits::PerSequence(32.0),
                beta: BetaSchedule::Exponential { max: 0.2, rate: 0.999 },
                scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 500.0 },
            },
            ..melody_training()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights of a model, counted as Magenta's kernels `[n_inputs + H, 4H]` have them.
    fn n_weights(model: &MusicVaeConfig) -> usize {
        let lstm = |n_inputs: usize, hidden: usize| (n_inputs + hidden + 1) * 4 * hidden;
        let dense = |n_inputs: usize, n_outputs: usize| (n_inputs + 1) * n_outputs;
        let mut n_inputs = model.encoder_input.width(model.n_classes);
        let mut n = 0;
        for hidden in &model.encoder_sizes {
            n += 2 * lstm(n_inputs, *hidden);
            n_inputs = 2 * hidden;
        }
        n += 2 * dense(n_inputs, model.z_size);
        n += dense(model.z_size, 2 * model.decoder_sizes.iter().sum::<usize>());
        let mut n_inputs = model.n_classes + model.z_size;
        for hidden in &model.decoder_sizes {
            n += lstm(n_inputs, *hidden);
            n_inputs = *hidden;
        }
        n + dense(n_inputs, model.n_classes)
    }

    #[test]
    fn magentas_models_have_as_many_weights_as_the_published_ones() {
        for (name, published) in [
            ("cat-mel_2bar_small", 4_423_770),
            ("cat-mel_2bar_big", 134_571_098),
            ("cat-drums_2bar_small", 4_636_672),
        ] {
            assert_eq!(n_weights(&find(name).unwrap().model), published, "{name}");
        }
        // Published to four digits.
        let drums_big = n_weights(&find("cat-drums_2bar_big").unwrap().model);
        assert_eq!((drums_big as f64 / 1e5).round(), 1376.0);
    }

    #[test]
    fn names_are_found_and_only_once() {
        for preset in all() {
            assert_eq!(find(preset.name), Some(preset.clone()));
        }
        assert_eq!(find("cat-mel_9bar"), None);
    }
}
