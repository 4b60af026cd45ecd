//! Parsing of meters as written by users: `6/8`.

use std::str::FromStr;

use thiserror::Error;

use super::{Meter, TICKS_PER_QUARTER};

/// Reason why a text is not a [`Meter`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnknownMeter {
    /// It is not a time signature.
    #[error("{found:?} is not a meter (allowed: 4/4, 3/4, 6/8 and the like)")]
    NoSignature {
        /// The text found.
        found: String,
    },
    /// Its bars are too long or too short.
    #[error("bars of {found} can't be written (allowed: bars of a sixteenth to six quarters)")]
    Bars {
        /// The text found.
        found: String,
    },
}

impl FromStr for Meter {
    type Err = UnknownMeter;

    /// Parses a time signature of whole bars: `6/8`. Bars that would be cut or joined when reading
    /// music ([`Meter::from_signature`]) are rejected, because their length would differ from the
    /// requested one.
    fn from_str(text: &str) -> Result<Self, UnknownMeter> {
        let number = |part: &str| part.trim().parse::<u32>().ok();
        let signature = text.split_once('/').and_then(|(n, d)| Some((number(n)?, number(d)?)));
        let found = || text.to_owned();
        let (numerator, denominator) =
            signature.ok_or_else(|| UnknownMeter::NoSignature { found: found() })?;
        let is_whole = |meter: &Self| {
            let ticks_per_whole = 4 * u64::from(TICKS_PER_QUARTER);
            u64::from(meter.bar) * u64::from(denominator) == ticks_per_whole * u64::from(numerator)
        };
        Self::from_signature(numerator, denominator)
            .filter(is_whole)
            .ok_or_else(|| UnknownMeter::Bars { found: found() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meter_is_read_as_it_is_written() {
        for class in 0..Meter::N_CLASSES {
            let meter = Meter::from_class(class).unwrap();
            assert_eq!(meter.to_string().parse(), Ok(meter));
        }
        let found = "waltz".to_owned();
        assert_eq!("waltz".parse::<Meter>(), Err(UnknownMeter::NoSignature { found }));
        // Their bars would be halved.
        let found = "8/4".to_owned();
        assert_eq!("8/4".parse::<Meter>(), Err(UnknownMeter::Bars { found }));
    }
}
