//! Sixteen bars of melody, or of melody, bass and drums.

use super::{NO_SAMPLING, Preset, melody};
use crate::config::{ConductorConfig, Cores, MusicVaeConfig, ObjectiveConfig, TrainingConfig};
use crate::elbo::FreeBits;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};

/// Settings shared by Magenta's 16-bar melody models, which are not transposed.
pub(super) fn mel_16bar_training() -> TrainingConfig {
    TrainingConfig {
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(256.0),
            beta: BetaSchedule::Exponential { max: 0.2, rate: 0.0 },
            scheduled_sampling: NO_SAMPLING,
        },
        max_transposition: 0,
        ..melody::melody_training()
    }
}

/// Magenta's `flat-mel_16bar`.
pub(super) fn flat_mel_16bar() -> Preset {
    Preset {
        name: "flat-mel_16bar",
        summary: "16 bars of melody, flat decoder; for a GPU (235 million weights)",
        kind: "mel-16bar",
        model: MusicVaeConfig::flat(90, 256, 512, &[2048, 2048], &[2048; 3]),
        training: mel_16bar_training(),
    }
}

/// Magenta's `hierdec-mel_16bar`: a conductor computes an embedding for each bar.
pub(super) fn hierdec_mel_16bar() -> Preset {
    let flat = flat_mel_16bar();
    Preset {
        name: "hierdec-mel_16bar",
        summary: "16 bars of melody, a conductor over bars; for a GPU (176 million weights)",
        model: MusicVaeConfig {
            decoder_sizes: vec![1024, 1024],
            conductor: Some(ConductorConfig { n_segments: 16, sizes: vec![1024, 1024] }),
            ..flat.model
        },
        ..flat
    }
}

/// Settings that a CPU can train with for 16 bars: Magenta's free bits, with the tiny models' batch
/// and rates.
pub(super) fn mel_16bar_tiny_training() -> TrainingConfig {
    TrainingConfig {
        batch_size: 32,
        learning_rate: LearningRateSchedule::Exponential {
            initial: 2e-3,
            min: 1e-4,
            decay: 0.9995,
        },
        max_transposition: 5,
        ..mel_16bar_training()
    }
}

/// `flat-mel_16bar` for a CPU: to compare with the hierarchical model of the same number of
/// weights.
pub(super) fn flat_mel_16bar_tiny() -> Preset {
    Preset {
        name: "flat-mel_16bar_tiny",
        summary: "16 bars of melody, flat decoder; small enough for a laptop's CPU",
        kind: "mel-16bar",
        model: MusicVaeConfig::flat(90, 256, 128, &[256], &[392]),
        training: mel_16bar_tiny_training(),
    }
}

/// `hierdec-mel_16bar` for a CPU.
pub(super) fn hierdec_mel_16bar_tiny() -> Preset {
    Preset {
        name: "hierdec-mel_16bar_tiny",
        summary: "16 bars of melody, a conductor over bars; small enough for a laptop's CPU",
        model: MusicVaeConfig {
            decoder_sizes: vec![256],
            conductor: Some(ConductorConfig { n_segments: 16, sizes: vec![256] }),
            ..flat_mel_16bar_tiny().model
        },
        ..flat_mel_16bar_tiny()
    }
}

/// Settings that a GPU trains with within minutes: Magenta's free bits, with a larger batch and a
/// slower decay than the tiny models.
pub(super) fn mel_16bar_compact_training() -> TrainingConfig {
    TrainingConfig {
        batch_size: 128,
        learning_rate: LearningRateSchedule::Exponential {
            initial: 2e-3,
            min: 5e-5,
            decay: 0.9998,
        },
        ..mel_16bar_tiny_training()
    }
}

/// Between `flat-mel_16bar_tiny` and Magenta's sizes.
pub(super) fn flat_mel_16bar_compact() -> Preset {
    Preset {
        name: "flat-mel_16bar_compact",
        summary: "16 bars of melody, flat decoder; minutes on a GPU (7 million weights)",
        kind: "mel-16bar",
        model: MusicVaeConfig::flat(90, 256, 256, &[512], &[804]),
        training: mel_16bar_compact_training(),
    }
}

/// Between `hierdec-mel_16bar_tiny` and Magenta's sizes.
pub(super) fn hierdec_mel_16bar_compact() -> Preset {
    Preset {
        name: "hierdec-mel_16bar_compact",
        summary: "16 bars of melody, a conductor over bars; minutes on a GPU (7 million weights)",
        model: MusicVaeConfig {
            decoder_sizes: vec![512],
            conductor: Some(ConductorConfig { n_segments: 16, sizes: vec![512] }),
            ..flat_mel_16bar_compact().model
        },
        ..flat_mel_16bar_compact()
    }
}

/// Magenta's `flat-trio_16bar`: a single core generates melody, bass and drums.
pub(super) fn flat_trio_16bar() -> Preset {
    let training = mel_16bar_training();
    Preset {
        name: "flat-trio_16bar",
        summary: "16 bars of melody, bass and drums, flat decoder; for a GPU (251 million weights)",
        kind: "trio-16bar",
        model: MusicVaeConfig {
            n_classes: vec![90, 90, 512],
            drum_parts: vec![2],
            ..flat_mel_16bar().model
        },
        training: TrainingConfig {
            batch_size: 256,
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(0.0),
                beta: BetaSchedule::Exponential { max: 1.0, rate: 0.0 },
                ..training.objective
            },
            ..training
        },
    }
}

/// Magenta's `hierdec-trio_16bar`: a conductor over bars, and a core for each part.
pub(super) fn hierdec_trio_16bar() -> Preset {
    Preset {
        name: "hierdec-trio_16bar",
        summary: "16 bars of melody, bass and drums, a conductor over bars; for a GPU \
                  (231 million weights)",
        model: MusicVaeConfig {
            n_classes: vec![90, 90, 512],
            drum_parts: vec![2],
            cores: Cores::PerPart,
            ..hierdec_mel_16bar().model
        },
        training: TrainingConfig { batch_size: 256, ..mel_16bar_training() },
        ..flat_trio_16bar()
    }
}

/// Trained like Magenta's published trio model.
pub(super) fn hierdec_trio_16bar_published() -> Preset {
    let trio = hierdec_trio_16bar();
    Preset {
        name: "hierdec-trio_16bar.published",
        summary: "the same, with the settings of the published model (1027 bits of KL)",
        training: TrainingConfig {
            objective: ObjectiveConfig {
                free_bits: FreeBits::PerSequence(1024.0),
                beta: BetaSchedule::Exponential { max: 0.1, rate: 0.0 },
                scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 1000.0 },
            },
            ..trio.training
        },
        ..trio
    }
}

/// `hierdec-trio_16bar` for a CPU.
pub(super) fn hierdec_trio_16bar_tiny() -> Preset {
    Preset {
        name: "hierdec-trio_16bar_tiny",
        summary: "16 bars of melody, bass and drums; small enough for a laptop's CPU",
        model: MusicVaeConfig {
            n_classes: vec![90, 90, 512],
            drum_parts: vec![2],
            cores: Cores::PerPart,
            ..hierdec_mel_16bar_tiny().model
        },
        training: mel_16bar_tiny_training(),
        ..flat_trio_16bar()
    }
}
