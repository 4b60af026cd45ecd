//! Conversion of arguments to the settings of the library.

use controlgen::generate::Decoding;
use controlgen::output::{Formats, Sound};
use controlgen::style::{Granularity, LatentsOf};
use controlgen::tune::Tune;
use corpus::{GroupRule, LabelTable, Labels, SameWindow};
use gmm::select::Criterion;
use musicvae::schedule::BetaSchedule;
use musicvae::{FreeBits, ObjectiveConfig, RecurrentPrecision, TrainingConfig};
use note_seq::midi::{ReadMode, ReadOptions};
use note_seq::{NoteListPlayback, Program, Velocity};

use crate::args::{
    CriterionArg, DecodingArgs, FormatArgs, GranularityArg, GroupArg, LabelArgs, LatentsOfArg,
    ModeArg, ObjectiveArgs, PlaybackArgs, RedecodingArgs, SameWindowArg, SettingsArgs,
};

impl SettingsArgs {
    /// The preset's settings with those given by the user.
    pub(crate) fn apply(self, mut training: TrainingConfig) -> TrainingConfig {
        training.batch_size = self.batch_size.unwrap_or(training.batch_size);
        training.accumulation = self.accumulate.unwrap_or(training.accumulation);
        training.max_transposition = self.transpose.unwrap_or(training.max_transposition);
        if let Some(rate) = self.learning_rate {
            // A rate below the preset's lowest stays constant.
            training.learning_rate = training.learning_rate.falling_from(rate);
        }
        if let Some(n_steps) = self.decay_steps {
            training.learning_rate = training.learning_rate.ending_at(n_steps);
        }
        if self.bf16 {
            training.recurrent_precision = RecurrentPrecision::Bf16;
        }
        training
    }
}

impl ObjectiveArgs {
    /// The preset's objective with the settings given by the user.
    pub(crate) fn apply(self, preset: ObjectiveConfig) -> ObjectiveConfig {
        const RISE: f64 = 0.5;
        let max = self.beta.unwrap_or(preset.beta.max());
        let beta = match (self.beta_warmup, self.beta_cycle, preset.beta) {
            (Some(warmup_steps), ..) => BetaSchedule::Linear { max, warmup_steps },
            (None, Some(cycle_steps), _) => BetaSchedule::Cyclical { max, cycle_steps, rise: RISE },
            (None, None, BetaSchedule::Exponential { rate, .. }) => {
                BetaSchedule::Exponential { max, rate }
            }
            (None, None, BetaSchedule::Linear { warmup_steps, .. }) => {
                BetaSchedule::Linear { max, warmup_steps }
            }
            (None, None, BetaSchedule::Cyclical { cycle_steps, rise, .. }) => {
                BetaSchedule::Cyclical { max, cycle_steps, rise }
            }
        };
        let per_dimension =
            self.free_bits_per_dimension.map(|bits| FreeBits::PerDimension { per_dimension: bits });
        ObjectiveConfig {
            free_bits: per_dimension
                .or(self.free_bits.map(FreeBits::PerSequence))
                .unwrap_or(preset.free_bits),
            beta,
            scheduled_sampling: self.scheduled_sampling.unwrap_or(preset.scheduled_sampling),
        }
    }
}

impl From<GroupArg> for GroupRule {
    fn from(group: GroupArg) -> Self {
        match group {
            GroupArg::Stem => Self::Stem,
            GroupArg::File => Self::File,
            GroupArg::Folder => Self::Folder,
        }
    }
}

impl From<SameWindowArg> for SameWindow {
    fn from(same: SameWindowArg) -> Self {
        match same {
            SameWindowArg::Exact => Self::Exact,
            SameWindowArg::Transposed => Self::Transposed,
        }
    }
}

impl From<LabelArgs> for Labels {
    fn from(args: LabelArgs) -> Self {
        let LabelArgs { label_folders, label_pattern, labels, .. } = args;
        match (label_pattern, labels) {
            (Some(pattern), _) => Self::Pattern(pattern),
            (None, Some(path)) => Self::Table(LabelTable {
                path,
                file_column: args.file_column,
                label_column: args.label_column,
                group_column: args.group_column,
            }),
            (None, None) if label_folders => Self::FirstFolder,
            (None, None) => Self::Nowhere,
        }
    }
}

impl From<LatentsOfArg> for LatentsOf {
    fn from(of: LatentsOfArg) -> Self {
        match of {
            LatentsOfArg::Mean => Self::Mean,
            LatentsOfArg::Sampled => Self::Sampled,
        }
    }
}

impl GranularityArg {
    /// The requested granularity; `None` to decide by the number of pieces.
    pub(crate) fn asked(self) -> Option<Granularity> {
        match self {
            Self::Auto => None,
            Self::Windows => Some(Granularity::Windows),
            Self::Pieces => Some(Granularity::Pieces),
        }
    }
}

impl From<CriterionArg> for Criterion {
    fn from(criterion: CriterionArg) -> Self {
        match criterion {
            CriterionArg::Bic => Self::Bic,
            CriterionArg::Aic => Self::Aic,
            CriterionArg::Icl => Self::Icl,
            CriterionArg::Heldout => Self::HeldOut,
            CriterionArg::Elbow => Self::Elbow,
            CriterionArg::Stability => Self::Stability,
        }
    }
}

impl From<ModeArg> for ReadOptions {
    fn from(mode: ModeArg) -> Self {
        let mode = match mode {
            ModeArg::Lenient => ReadMode::Lenient,
            ModeArg::Parity => ReadMode::Parity,
            ModeArg::Strict => ReadMode::Strict,
        };
        Self { mode, ..Self::default() }
    }
}

impl From<&DecodingArgs> for Decoding {
    fn from(decoding: &DecodingArgs) -> Self {
        Self { temperature: Some(decoding.temperature), seed: decoding.seed }
    }
}

impl From<&RedecodingArgs> for Decoding {
    fn from(decoding: &RedecodingArgs) -> Self {
        Self { temperature: decoding.temperature, seed: decoding.seed }
    }
}

impl From<&PlaybackArgs> for NoteListPlayback {
    /// For new music: unspecified settings are those of MusicVAE's converters.
    fn from(playback: &PlaybackArgs) -> Self {
        let usual = Self::default();
        Self { qpm: playback.qpm.unwrap_or(usual.qpm), ..usual }
    }
}

impl From<&PlaybackArgs> for Sound {
    fn from(playback: &PlaybackArgs) -> Self {
        Self {
            qpm: playback.qpm,
            programs: playback.program.iter().map(|p| Program::saturating(*p)).collect(),
            instruments: playback.instruments.instruments.clone(),
            velocity: playback.velocity.map(Velocity::saturating),
        }
    }
}

impl From<&FormatArgs> for Formats {
    fn from(formats: &FormatArgs) -> Self {
        let FormatArgs { musicxml, wav, svg, png, html } = *formats;
        Self { musicxml, wav, svg, png, html }
    }
}

impl PlaybackArgs {
    /// As requested; by default with the tempo of the tune.
    pub(crate) fn of_tune(&self, tune: &Tune) -> NoteListPlayback {
        // MIDI can't represent other tempos.
        let own = tune.qpm.clamp(4.0, 1000.0);
        NoteListPlayback { qpm: self.qpm.unwrap_or(own), ..tune.playback }
    }
}

#[cfg(test)]
mod tests;
