//! From what was typed to what is meant.

use std::ops::RangeInclusive;
use std::sync::Arc;

use controlgen::corpus::GroupRule;
use controlgen::generate::Decoding;
use controlgen::style::LatentsOf;
use gmm::CovarianceType;
use gmm::select::Criterion;
use musicvae::magenta::STD_DEV_RANGE;
use musicvae::schedule::{BetaSchedule, ScheduledSampling};
use musicvae::{FreeBits, ObjectiveConfig};
use note_seq::chords::{Chord, NO_CHORD};
use note_seq::midi::{ReadMode, ReadOptions};
use note_seq::{Playback, Program};

use crate::args::{
    CriterionArg, DecodingArgs, GroupArg, LatentsOfArg, ModeArg, ObjectiveArgs, PlaybackArgs,
    RedecodingArgs,
};

/// `K` or `FROM..TO`, both ends included.
pub(crate) fn components(text: &str) -> Result<RangeInclusive<usize>, String> {
    let number = |text: &str| match text.trim().parse::<usize>() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err(format!("`{text}` is no number of styles; 1 or more is allowed")),
    };
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (number(from)?, number(to.trim_start_matches('='))?),
        None => (number(text)?, number(text)?),
    };
    if from > to {
        return Err(format!("the range {from}..{to} is empty; give the smaller number first"));
    }
    Ok(from..=to)
}

/// A shape of covariance: `full`, `tied`, `diag`, `spherical` or `low-rank:R`.
pub(crate) fn covariance(text: &str) -> Result<CovarianceType, String> {
    let shape = match text {
        "full" => Some(CovarianceType::Full),
        "tied" => Some(CovarianceType::Tied),
        "diag" => Some(CovarianceType::Diag),
        "spherical" => Some(CovarianceType::Spherical),
        _ => text.strip_prefix("low-rank:").and_then(|rank| match rank.parse() {
            Ok(rank) if rank >= 1 => Some(CovarianceType::LowRank(rank)),
            _ => None,
        }),
    };
    shape.ok_or_else(|| {
        "full, tied, diag, spherical and low-rank:R (R factors, 1 or more) are allowed".to_owned()
    })
}

/// A tempo that MIDI can hold.
pub(crate) fn qpm(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // A MIDI tempo is up to 2^24 - 1 microseconds a quarter: 3.58 quarters a minute.
        Ok(qpm) if (4.0..=1000.0).contains(&qpm) => Ok(qpm),
        _ => Err("4 to 1000 quarter notes a minute are allowed".to_owned()),
    }
}

/// Chords by their symbols, as the labels of their triads; `N.C.` for none.
pub(crate) fn chords(text: &str) -> Result<Arc<[u16]>, String> {
    let symbols = || text.split([' ', ',', '|']).filter(|symbol| !symbol.is_empty());
    let label = |symbol: &str| match symbol {
        NO_CHORD => Ok(0),
        _ => symbol.parse::<Chord>().map(Chord::triad_label).map_err(|error| error.to_string()),
    };
    match symbols().map(label).collect::<Result<Vec<u16>, String>>()? {
        labels if labels.is_empty() => Err("no chord is given; such as \"C Am F G\"".to_owned()),
        labels => Ok(labels.into()),
    }
}

/// A standard deviation of posteriors.
pub(crate) fn std_dev(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(std_dev) if STD_DEV_RANGE.contains(&std_dev) => Ok(std_dev),
        _ => Err(format!("{} to {} are allowed", STD_DEV_RANGE.start(), STD_DEV_RANGE.end())),
    }
}

/// `constant:P`, `exponential:BASE` or `inverse-sigmoid:K`; the ranges are checked with the rest of
/// the training settings.
pub(crate) fn scheduled_sampling(text: &str) -> Result<ScheduledSampling, String> {
    let schedule = text.split_once(':').and_then(|(name, number)| {
        let number = number.parse().ok()?;
        match name {
            "constant" => Some(ScheduledSampling::Constant { probability: number }),
            "exponential" => Some(ScheduledSampling::Exponential { base: number }),
            "inverse-sigmoid" => Some(ScheduledSampling::InverseSigmoid { k: number }),
            _ => None,
        }
    });
    schedule.ok_or_else(|| {
        "`constant:P`, `exponential:BASE` and `inverse-sigmoid:K` are allowed, each with a number"
            .to_owned()
    })
}

impl ObjectiveArgs {
    /// The preset's objective with what was typed in its place.
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

impl From<LatentsOfArg> for LatentsOf {
    fn from(of: LatentsOfArg) -> Self {
        match of {
            LatentsOfArg::Mean => Self::Mean,
            LatentsOfArg::Sampled => Self::Sampled,
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

impl From<&PlaybackArgs> for Playback {
    fn from(playback: &PlaybackArgs) -> Self {
        Self {
            qpm: playback.qpm,
            program: Program::saturating(playback.program),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read_by_their_symbols() {
        // C, A minor, none, G seventh as G.
        assert_eq!(*chords("C Am | N.C., G7").unwrap(), [1, 22, 0, 8]);
        assert!(chords("C Hm").unwrap_err().contains("\"Hm\""), "{:?}", chords("C Hm"));
        assert!(chords(" | ").is_err());
    }

    #[test]
    fn components_are_a_number_or_a_range() {
        assert_eq!(components("7"), Ok(7..=7));
        assert_eq!(components("2..16"), Ok(2..=16));
        assert_eq!(components("2..=16"), Ok(2..=16));
        assert!(components("0").unwrap_err().contains("1 or more is allowed"));
        assert!(components("x..3").is_err());
        assert!(components("5..3").unwrap_err().contains("empty"));
    }

    #[test]
    fn covariances_are_named_and_low_ranks_have_a_number() {
        assert_eq!(covariance("tied"), Ok(CovarianceType::Tied));
        assert_eq!(covariance("low-rank:4"), Ok(CovarianceType::LowRank(4)));
        for bad in ["low-rank", "low-rank:0", "low-rank:x", "Full"] {
            assert!(covariance(bad).unwrap_err().contains("low-rank:R"), "{bad}");
        }
    }

    #[test]
    fn a_standard_deviation_is_that_of_a_posterior() {
        assert_eq!(std_dev("0.25"), Ok(0.25));
        for bad in ["0", "1.5", "nan", "x"] {
            assert_eq!(std_dev(bad), Err("0.001 to 1 are allowed".to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_sampling_schedule_is_a_name_and_a_number() {
        assert_eq!(
            scheduled_sampling("constant:0.3"),
            Ok(ScheduledSampling::Constant { probability: 0.3 })
        );
        assert_eq!(
            scheduled_sampling("exponential:0.9999"),
            Ok(ScheduledSampling::Exponential { base: 0.9999 })
        );
        assert_eq!(
            scheduled_sampling("inverse-sigmoid:1000"),
            Ok(ScheduledSampling::InverseSigmoid { k: 1000.0 })
        );
        for bad in ["constant", "constant:x", "linear:1"] {
            assert!(scheduled_sampling(bad).unwrap_err().contains("are allowed"), "{bad}");
        }
    }

    #[test]
    fn an_objective_keeps_of_the_preset_what_was_not_typed() {
        let preset = musicvae::presets::find("cat-mel_2bar_small").unwrap().training.objective;
        assert_eq!(ObjectiveArgs::default().apply(preset), preset);
        let typed = ObjectiveArgs { beta: Some(0.5), free_bits: Some(9.0), ..Default::default() };
        assert_eq!(
            typed.apply(preset),
            ObjectiveConfig {
                free_bits: FreeBits::PerSequence(9.0),
                beta: BetaSchedule::Exponential { max: 0.5, rate: 0.99999 },
                ..preset
            }
        );
        let typed = ObjectiveArgs {
            beta_cycle: Some(800),
            free_bits_per_dimension: Some(0.25),
            ..Default::default()
        };
        let objective = typed.apply(preset);
        assert_eq!(
            objective.beta,
            BetaSchedule::Cyclical { max: 0.2, cycle_steps: 800, rise: 0.5 }
        );
        assert_eq!(objective.free_bits, FreeBits::PerDimension { per_dimension: 0.25 });
        let typed = ObjectiveArgs { beta_warmup: Some(100), ..Default::default() };
        let expected = BetaSchedule::Linear { max: 0.2, warmup_steps: 100 };
        assert_eq!(typed.apply(preset).beta, expected);
    }
}
