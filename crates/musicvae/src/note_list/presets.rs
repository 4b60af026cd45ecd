//! Named configurations of models over note lists.

use note_seq::NoteListEncoding;

use super::config::NoteListVaeConfig;
use crate::config::{ObjectiveConfig, RecurrentPrecision, TrainingConfig};
use crate::elbo::FreeBits;
use crate::presets::Preset;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};

/// A named configuration of a model over note lists.
pub type NoteListPreset = Preset<NoteListVaeConfig>;

/// Every preset, by name.
pub fn all() -> Vec<NoteListPreset> {
    vec![
        poly_2bar_compact(),
        poly_2bar(),
        poly_2bar_tiny(),
        poly_4bar_compact(),
        all_2bar_compact(),
        drums_2bar_groove_compact(),
        drums_2bar_groove_tiny(),
    ]
}

/// The preset with this name, if there is one.
pub fn find(name: &str) -> Option<NoteListPreset> {
    all().into_iter().find(|preset| preset.name == name)
}

/// The initial learning rate, and the lowest.
const LEARNING_RATES: [f64; 2] = [2e-3, 4e-5];

/// Training settings; presets differ only in the batch size and the length of a run.
///
/// With this weight of the KL term, samples from a mixture sound like music. With 0.1, a third more
/// notes are reconstructed, but samples lose half of their consonance.
fn training(batch_size: usize, n_steps: u64) -> TrainingConfig {
    let [initial, min] = LEARNING_RATES;
    TrainingConfig {
        batch_size,
        learning_rate: LearningRateSchedule::Cosine { initial, min, warmup_steps: 200, n_steps },
        max_gradient_norm: 1.0,
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(0.0),
            beta: BetaSchedule::Linear { max: 0.3, warmup_steps: 2000 },
            scheduled_sampling: ScheduledSampling::Constant { probability: 0.0 },
        },
        // All windows are in the same key.
        max_transposition: 0,
        recurrent_precision: RecurrentPrecision::F32,
        accumulation: 1,
        schedule_start: 0,
    }
}

/// Settings for trials of a few minutes, which are often stopped early: the learning rate is high
/// from the first step on, and falls from there.
fn trial(batch_size: usize, n_steps: u64) -> TrainingConfig {
    let [initial, min] = LEARNING_RATES;
    TrainingConfig {
        learning_rate: LearningRateSchedule::exponential_over(initial, min, n_steps),
        ..training(batch_size, n_steps)
    }
}

fn poly_2bar_compact() -> NoteListPreset {
    Preset {
        name: "poly_2bar_compact",
        summary: "two bars of any music but drums, for an hour or two on a CPU",
        kind: "poly-2bar",
        model: NoteListVaeConfig {
            encoding: NoteListEncoding::POLY_2BAR,
            z_size: 256,
            note_size: 512,
            cell_size: 256,
            encoder_size: 160,
            summary_size: 112,
            plan_size: 144,
            conductor_size: 160,
            list_size: 288,
            head_sizes: vec![64, 320, 128, 96],
        },
        training: training(128, 30_000),
    }
}

fn poly_2bar() -> NoteListPreset {
    Preset {
        name: "poly_2bar",
        summary: "two bars of any music but drums, for a GPU",
        kind: "poly-2bar",
        model: NoteListVaeConfig {
            encoding: NoteListEncoding::POLY_2BAR,
            z_size: 512,
            note_size: 1024,
            cell_size: 512,
            encoder_size: 512,
            summary_size: 256,
            plan_size: 256,
            conductor_size: 512,
            list_size: 768,
            head_sizes: vec![128, 768, 256, 192],
        },
        training: training(512, 100_000),
    }
}

fn poly_2bar_tiny() -> NoteListPreset {
    Preset {
        name: "poly_2bar_tiny",
        summary: "two bars of any music but drums, for trials of a few minutes",
        kind: "poly-2bar",
        model: NoteListVaeConfig {
            encoding: NoteListEncoding::POLY_2BAR,
            z_size: 96,
            note_size: 192,
            cell_size: 96,
            encoder_size: 64,
            summary_size: 48,
            plan_size: 64,
            conductor_size: 64,
            list_size: 128,
            head_sizes: vec![32, 128, 64, 32],
        },
        training: trial(64, 3_000),
    }
}

fn poly_4bar_compact() -> NoteListPreset {
    let Preset { model, training, .. } = poly_2bar_compact();
    Preset {
        name: "poly_4bar_compact",
        summary: "four bars of any music but drums, for a few hours on a CPU",
        kind: "poly-4bar",
        model: NoteListVaeConfig { encoding: NoteListEncoding::POLY_4BAR, ..model },
        training,
    }
}

fn all_2bar_compact() -> NoteListPreset {
    let Preset { model, training, .. } = poly_2bar_compact();
    Preset {
        name: "all_2bar_compact",
        summary: "two bars of any music with its drums, for an hour or two on a CPU",
        kind: "all-2bar",
        model: NoteListVaeConfig { encoding: NoteListEncoding::ALL_2BAR, ..model },
        training,
    }
}

fn drums_2bar_groove_tiny() -> NoteListPreset {
    Preset {
        name: "drums_2bar_groove_tiny",
        summary: "two bars of drums with their velocities and timing, for trials of a few minutes",
        kind: "drums-2bar-groove",
        model: NoteListVaeConfig {
            encoding: NoteListEncoding::DRUMS_2BAR_GROOVE,
            z_size: 64,
            note_size: 128,
            cell_size: 96,
            encoder_size: 64,
            summary_size: 32,
            plan_size: 48,
            conductor_size: 64,
            list_size: 96,
            head_sizes: vec![48, 48, 32],
        },
        training: trial(64, 2_000),
    }
}

fn drums_2bar_groove_compact() -> NoteListPreset {
    Preset {
        name: "drums_2bar_groove_compact",
        summary: "two bars of drums with their velocities and timing, for half an hour on a CPU",
        kind: "drums-2bar-groove",
        model: NoteListVaeConfig {
            encoding: NoteListEncoding::DRUMS_2BAR_GROOVE,
            z_size: 192,
            note_size: 256,
            cell_size: 192,
            encoder_size: 128,
            summary_size: 96,
            plan_size: 96,
            conductor_size: 128,
            list_size: 192,
            head_sizes: vec![96, 96, 96],
        },
        training: training(128, 10_000),
    }
}
