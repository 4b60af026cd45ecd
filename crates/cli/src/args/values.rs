//! Parsing of option values.

use std::ops::RangeInclusive;
use std::sync::Arc;

use controlgen::attribute::{AttributeError, Dial};
use controlgen::output::InstrumentChoice;
use controlgen::piece::{FormRequest, UnknownForm};
use gmm::CovarianceType;
use musicvae::magenta::STD_DEV_RANGE;
use musicvae::schedule::ScheduledSampling;
use note_seq::chords::{Chord, NO_CHORD};
use note_seq::{Family, Key, Meter, Program};

/// `K` or `FROM..TO`, inclusive.
pub(crate) fn components(text: &str) -> Result<RangeInclusive<usize>, String> {
    let number = |text: &str| match text.trim().parse::<usize>() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err(format!("`{text}` is not a number of styles; 1 or more is allowed")),
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

/// A covariance type: `full`, `tied`, `diag`, `spherical` or `low-rank:R`.
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

/// A tempo that MIDI can represent.
pub(crate) fn qpm(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // A MIDI tempo is at most 2^24 - 1 microseconds per quarter note: 3.58 quarter notes per
        // minute.
        Ok(qpm) if (4.0..=1000.0).contains(&qpm) => Ok(qpm),
        _ => Err("4 to 1000 quarter notes per minute are allowed".to_owned()),
    }
}

/// Chord symbols, as the labels of their triads; `N.C.` for no chord.
pub(crate) fn chords(text: &str) -> Result<Arc<[u16]>, String> {
    let symbols = || text.split([' ', ',', '|']).filter(|symbol| !symbol.is_empty());
    let label = |symbol: &str| match symbol {
        NO_CHORD => Ok(0),
        _ => symbol.parse::<Chord>().map(Chord::triad_label).map_err(|error| error.to_string()),
    };
    match symbols().map(label).collect::<Result<Vec<u16>, String>>()? {
        labels if labels.is_empty() => {
            Err("no chord is given; an example is \"C Am F G\"".to_owned())
        }
        labels => Ok(labels.into()),
    }
}

/// A style and its weight in a blend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StyleWeight {
    pub(crate) name: String,
    pub(crate) weight: f64,
}

/// `NAME`, or `NAME:WEIGHT,NAME:WEIGHT`. A name may contain colons, but not before a number.
pub(crate) fn blend(text: &str) -> Result<Arc<[StyleWeight]>, String> {
    let part = |text: &str| {
        let whole = || Ok(StyleWeight { name: text.to_owned(), weight: 1.0 });
        let Some((name, weight)) = text.rsplit_once(':') else { return whole() };
        match weight.trim().parse::<f64>() {
            Ok(weight) if weight > 0.0 && weight.is_finite() => {
                Ok(StyleWeight { name: name.trim().to_owned(), weight })
            }
            Ok(weight) => Err(format!("the weight of `{name}` is {weight}; above 0 is allowed")),
            Err(_) => whole(),
        }
    };
    text.split(',').map(str::trim).map(part).collect::<Result<Vec<_>, _>>().map(Into::into)
}

/// The form of a piece: `AABA`, `auto`.
pub(crate) fn form(text: &str) -> Result<FormRequest, String> {
    text.parse().map_err(|error: UnknownForm| error.to_string())
}

/// An attribute with its offset, for example `density:+1.5`.
pub(crate) fn dial(text: &str) -> Result<Dial, String> {
    text.parse().map_err(|error: AttributeError| error.to_string())
}

/// The seed of all draws.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("0 to {} are allowed", u64::MAX))
}

/// Number of steps of an interpolation, or along the side of a grid.
pub(crate) fn steps(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (2..=1000).contains(&n) => Ok(n),
        _ => Err("2 to 1000 are allowed".to_owned()),
    }
}

/// Number of seconds between two checks of a folder.
pub(crate) fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.05..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("0.05 to 3600 seconds are allowed".to_owned()),
    }
}

/// The fraction of windows drawn from older music.
pub(crate) fn replay(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("0 to below 1 are allowed".to_owned()),
    }
}

/// A standard deviation of posteriors.
pub(crate) fn std_dev(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(std_dev) if STD_DEV_RANGE.contains(&std_dev) => Ok(std_dev),
        _ => Err(format!("{} to {} are allowed", STD_DEV_RANGE.start(), STD_DEV_RANGE.end())),
    }
}

/// `constant:P`, `exponential:BASE` or `inverse-sigmoid:K`; the ranges are checked with the other
/// training settings.
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

/// Parses a key.
///
/// # Errors
/// Returns a description of the problem.
pub(crate) fn key(text: &str) -> Result<Key, String> {
    text.parse().map_err(|error: note_seq::UnknownKey| error.to_string())
}

/// Parses a meter: `6/8`.
///
/// # Errors
/// Returns a description of the problem.
pub(crate) fn meter(text: &str) -> Result<Meter, String> {
    text.parse().map_err(|error: note_seq::UnknownMeter| error.to_string())
}

/// A family and the program that plays it: `keys=harpsichord`, `bass=33`.
///
/// # Errors
/// Returns a description of the problem.
pub(crate) fn instrument(text: &str) -> Result<(Family, Program), String> {
    let choice = text.parse::<InstrumentChoice>().map_err(|error| error.to_string())?;
    Ok((choice.family, choice.program))
}

#[cfg(test)]
mod tests;
