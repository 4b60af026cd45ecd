//! From what was typed to what is meant.

use std::ops::RangeInclusive;

use controlgen::corpus::GroupRule;
use controlgen::generate::Decoding;
use gmm::CovarianceType;
use gmm::select::Criterion;
use note_seq::midi::{ReadMode, ReadOptions};
use note_seq::{Playback, Program};

use crate::args::{
    CovarianceArg, CriterionArg, DecodingArgs, GroupArg, ModeArg, PlaybackArgs, RedecodingArgs,
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

/// A tempo that MIDI can hold.
pub(crate) fn qpm(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // A MIDI tempo is up to 2^24 - 1 microseconds a quarter: 3.58 quarters a minute.
        Ok(qpm) if (4.0..=1000.0).contains(&qpm) => Ok(qpm),
        _ => Err("4 to 1000 quarter notes a minute are allowed".to_owned()),
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

impl From<CovarianceArg> for CovarianceType {
    fn from(covariance: CovarianceArg) -> Self {
        match covariance {
            CovarianceArg::Full => Self::Full,
            CovarianceArg::Diag => Self::Diag,
        }
    }
}

impl From<CriterionArg> for Criterion {
    fn from(criterion: CriterionArg) -> Self {
        match criterion {
            CriterionArg::Bic => Self::Bic,
            CriterionArg::Aic => Self::Aic,
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
    fn components_are_a_number_or_a_range() {
        assert_eq!(components("7"), Ok(7..=7));
        assert_eq!(components("2..16"), Ok(2..=16));
        assert_eq!(components("2..=16"), Ok(2..=16));
        assert!(components("0").unwrap_err().contains("1 or more is allowed"));
        assert!(components("x..3").is_err());
        assert!(components("5..3").unwrap_err().contains("empty"));
    }
}
