//! The parameters: identifiers, ranges, texts, and the values that all threads share.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use controlgen::attribute::Attribute;

use crate::catalog::{Catalog, MAX_DIALS};
use crate::phrase::{MAX_BARS, whole};
use crate::settings::Settings;

/// The available phrase lengths, in bars.
const LENGTHS: [u16; 5] = [2, 4, 8, 16, MAX_BARS];
/// The largest seed.
const MAX_VARIATION: f64 = 999.0;
/// Range of temperatures (the program's `--temperature`) that still gives music.
const TEMPERATURES: (f64, f64) = (0.1, 2.0);
/// Largest shift by a dial, in standard deviations of the training music.
const MAX_DIAL: f64 = 3.0;
/// Largest transposition up or down, in semitones.
const MAX_TRANSPOSE: f64 = 24.0;

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamId {
    /// One of the model's styles.
    Style,
    /// The seed.
    Variation,
    /// Sampling temperature.
    Temperature,
    /// Bars of a phrase.
    Length,
    /// Semitones added to all notes except drums.
    Transpose,
    /// Keeps the music as it is.
    Lock,
    /// Plays nothing.
    Bypass,
    /// A dial: an attribute turned up or down.
    Dial(Attribute),
}

/// The kind of values that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any value in its range.
    Continuous,
    /// Whole numbers.
    Whole,
    /// Whole numbers, each with a text.
    Choice,
    /// 0 or 1.
    Switch,
}

impl ParamId {
    const FIXED: [Self; 7] = [
        Self::Style,
        Self::Variation,
        Self::Temperature,
        Self::Length,
        Self::Transpose,
        Self::Lock,
        Self::Bypass,
    ];

    /// The number that identifies it to hosts and in saved automation: it never changes and is
    /// never reused for another parameter.
    pub const fn id(self) -> u32 {
        match self {
            Self::Style => 1,
            Self::Variation => 2,
            Self::Temperature => 3,
            Self::Length => 4,
            Self::Transpose => 5,
            Self::Lock => 6,
            Self::Bypass => 7,
            Self::Dial(attribute) => match attribute {
                Attribute::Density => 100,
                Attribute::Pitch => 101,
                Attribute::Range => 102,
                Attribute::Syncopation => 103,
                Attribute::Interval => 104,
                Attribute::Scale => 105,
                Attribute::Polyphony => 106,
                Attribute::Spread => 107,
                Attribute::Consonance => 108,
                Attribute::Chords => 109,
                Attribute::Length => 110,
                Attribute::Loudness => 111,
                Attribute::Swing => 112,
                Attribute::Timing => 113,
            },
        }
    }

    /// Its name in saved states. Names of dials are those of `--attribute`.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Variation => "variation",
            Self::Temperature => "temperature",
            Self::Length => "bars",
            Self::Transpose => "transpose",
            Self::Lock => "lock",
            Self::Bypass => "bypass",
            Self::Dial(attribute) => attribute.name(),
        }
    }

    /// Its display name.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Style => "Style",
            Self::Variation => "Variation",
            Self::Temperature => "Temperature",
            Self::Length => "Phrase length",
            Self::Transpose => "Transpose",
            Self::Lock => "Lock",
            Self::Bypass => "Bypass",
            Self::Dial(attribute) => match attribute {
                Attribute::Density => "Density",
                Attribute::Pitch => "Pitch",
                Attribute::Range => "Range",
                Attribute::Syncopation => "Syncopation",
                Attribute::Interval => "Intervals",
                Attribute::Scale => "In one scale",
                Attribute::Polyphony => "Polyphony",
                Attribute::Spread => "Spread",
                Attribute::Consonance => "Consonance",
                Attribute::Chords => "Chord changes",
                Attribute::Length => "Note lengths",
                Attribute::Loudness => "Loudness",
                Attribute::Swing => "Swing",
                Attribute::Timing => "Timing",
            },
        }
    }

    /// The group in which hosts show it.
    pub(crate) const fn module(self) -> &'static str {
        if matches!(self, Self::Dial(_)) { "Dials" } else { "" }
    }

    /// The kind of values that it takes.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Style | Self::Length => Kind::Choice,
            Self::Variation | Self::Transpose => Kind::Whole,
            Self::Lock | Self::Bypass => Kind::Switch,
            Self::Temperature | Self::Dial(_) => Kind::Continuous,
        }
    }
}

/// The parameters of a model with their values, which any thread may read and write.
pub(crate) struct Params {
    catalog: Catalog,
    list: Vec<ParamId>,
    /// Bits of `f64`.
    values: Vec<AtomicU64>,
}

impl Params {
    /// All parameters at their defaults.
    pub(crate) fn new(catalog: Catalog) -> Self {
        let dials = catalog.dials.iter().take(MAX_DIALS).map(|dial| ParamId::Dial(*dial));
        let list: Vec<ParamId> = ParamId::FIXED.into_iter().chain(dials).collect();
        let default = |id: &ParamId| AtomicU64::new(default_of(*id).to_bits());
        let values = list.iter().map(default).collect();
        Self { catalog, list, values }
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn list(&self) -> &[ParamId] {
        &self.list
    }

    /// The parameter with this number, if the model has it.
    pub(crate) fn find(&self, id: u32) -> Option<ParamId> {
        self.list.iter().copied().find(|param| param.id() == id)
    }

    /// The parameter with this name in saved states, if the model has it.
    pub(crate) fn find_key(&self, key: &str) -> Option<ParamId> {
        self.list.iter().copied().find(|param| param.key() == key)
    }

    /// Lowest and highest value.
    pub(crate) fn range(&self, param: ParamId) -> (f64, f64) {
        match param {
            ParamId::Style => (0.0, self.catalog.styles.len().saturating_sub(1) as f64),
            ParamId::Variation => (0.0, MAX_VARIATION),
            ParamId::Temperature => TEMPERATURES,
            ParamId::Length => (0.0, (LENGTHS.len() - 1) as f64),
            ParamId::Transpose => (-MAX_TRANSPOSE, MAX_TRANSPOSE),
            ParamId::Lock | ParamId::Bypass => (0.0, 1.0),
            ParamId::Dial(_) => (-MAX_DIAL, MAX_DIAL),
        }
    }

    /// Clamps a value to the range of the parameter, rounded if the parameter is whole; `None` for
    /// NaN.
    pub(crate) fn fit(&self, param: ParamId, value: f64) -> Option<f64> {
        let (low, high) = self.range(param);
        let value = if param.kind() == Kind::Continuous { value } else { value.round() };
        // Adding zero makes a negative zero positive.
        (!value.is_nan()).then(|| value.clamp(low, high) + 0.0)
    }

    /// Sets a parameter; ignores NaN. Neither allocates nor waits.
    pub(crate) fn set(&self, param: ParamId, value: f64) {
        let at = self.list.iter().position(|known| *known == param);
        if let (Some(at), Some(value)) = (at, self.fit(param, value)) {
            self.values[at].store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// The value of a parameter; its default if the model has no such parameter.
    pub(crate) fn get(&self, param: ParamId) -> f64 {
        let at = self.list.iter().position(|known| *known == param);
        at.map_or(default_of(param), |at| self.value_at(at))
    }

    fn value_at(&self, at: usize) -> f64 {
        f64::from_bits(self.values[at].load(Ordering::Relaxed))
    }

    /// All values, in the form that the player uses. Neither allocates nor waits.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings {
            style: 0,
            variation: 0,
            temperature: 0,
            dials: [0; MAX_DIALS],
            bars: 0,
            transpose: 0,
            is_locked: false,
            is_bypassed: false,
        };
        let mut dial = 0;
        for (at, param) in self.list.iter().enumerate() {
            let value = self.value_at(at);
            // All values are in range, so these conversions are exact.
            match param {
                ParamId::Style => settings.style = whole(value) as u16,
                ParamId::Variation => settings.variation = whole(value),
                ParamId::Temperature => {
                    settings.temperature = whole((value * 100.0).round()) as u16;
                }
                ParamId::Length => settings.bars = LENGTHS[whole(value) as usize],
                ParamId::Transpose => settings.transpose = value as i8,
                ParamId::Lock => settings.is_locked = value >= 0.5,
                ParamId::Bypass => settings.is_bypassed = value >= 0.5,
                ParamId::Dial(_) => {
                    settings.dials[dial] = (value * 10.0).round() as i16;
                    dial += 1;
                }
            }
        }
        settings
    }

    /// Formats a value for display.
    pub(crate) fn write(
        &self,
        param: ParamId,
        value: f64,
        to: &mut impl Write,
    ) -> std::fmt::Result {
        let value = self.fit(param, value).ok_or(std::fmt::Error)?;
        match param {
            ParamId::Style => {
                let name = self.catalog.styles.get(whole(value) as usize);
                to.write_str(name.map_or("", String::as_str))
            }
            ParamId::Variation => write!(to, "{value:.0}"),
            ParamId::Temperature => write!(to, "{value:.2}"),
            ParamId::Length => write!(to, "{} bars", LENGTHS[whole(value) as usize]),
            ParamId::Transpose => write!(to, "{value:+.0} st"),
            ParamId::Lock | ParamId::Bypass => {
                to.write_str(if value >= 0.5 { "on" } else { "off" })
            }
            ParamId::Dial(_) => write!(to, "{value:+.1}"),
        }
    }

    /// Parses a value that a user typed: a text in the format of [`Self::write`], or a number.
    pub(crate) fn read(&self, param: ParamId, text: &str) -> Option<f64> {
        let text = text.trim();
        match param {
            ParamId::Style => {
                if let Some(at) = self.catalog.styles.iter().position(|style| style == text) {
                    return Some(at as f64);
                }
            }
            ParamId::Length => {
                let bars: u16 = first_word(text).parse().ok()?;
                return LENGTHS.iter().position(|length| *length == bars).map(|at| at as f64);
            }
            ParamId::Lock | ParamId::Bypass => match text {
                "on" => return Some(1.0),
                "off" => return Some(0.0),
                _ => {}
            },
            _ => {}
        }
        first_word(text).parse().ok().and_then(|value| self.fit(param, value))
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// The default value.
pub(crate) const fn default_of(param: ParamId) -> f64 {
    match param {
        // Follows the model.
        ParamId::Temperature => 1.0,
        // Eight bars.
        ParamId::Length => 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn params() -> Params {
        Params::new(Catalog {
            styles: vec!["calm".to_owned(), "8 bars wild".to_owned()],
            dials: vec![Attribute::Density, Attribute::Swing],
            takes_meter: true,
            bars_per_window: 2,
        })
    }

    #[test]
    fn identifiers_and_names_are_unique() {
        let all = || ParamId::FIXED.into_iter().chain(Attribute::ALL.map(ParamId::Dial));
        let n = ParamId::FIXED.len() + MAX_DIALS;
        assert_eq!(all().map(ParamId::id).collect::<BTreeSet<_>>().len(), n);
        assert_eq!(all().map(ParamId::key).collect::<BTreeSet<_>>().len(), n);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let params = params();
        let text = |param, value| {
            let mut text = String::new();
            params.write(param, value, &mut text).unwrap();
            text
        };
        for param in params.list().to_vec() {
            let (low, high) = params.range(param);
            for value in [low, default_of(param), high] {
                let text = text(param, value);
                assert_eq!(params.read(param, &text), Some(value), "{param:?} `{text}`");
            }
            assert_eq!(params.read(param, "what"), None);
        }
        assert_eq!(text(ParamId::Style, 1.0), "8 bars wild");
        assert_eq!(text(ParamId::Length, 2.0), "8 bars");
        assert_eq!(params.read(ParamId::Transpose, "-7"), Some(-7.0));
    }

    #[test]
    fn values_are_kept_in_range_and_what_is_no_number_changes_nothing() {
        let params = params();
        params.set(ParamId::Style, 17.0);
        params.set(ParamId::Temperature, f64::NEG_INFINITY);
        params.set(ParamId::Dial(Attribute::Swing), 1.26);
        params.set(ParamId::Transpose, -3.4);
        params.set(ParamId::Length, f64::NAN);
        // The model has no such dial.
        params.set(ParamId::Dial(Attribute::Pitch), 1.0);
        let settings = params.settings();
        assert_eq!((settings.style, settings.temperature, settings.bars), (1, 10, 8));
        assert_eq!((settings.transpose, settings.dials[..3].to_vec()), (-3, vec![0, 13, 0]));
    }
}
