//! The state that a project saves: the parameters, and the notes of the phrase that is playing.

use std::collections::BTreeMap;

use corpus::artifact::JsonFormat;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::params::{ParamId, Params, default_of};
use crate::phrase::{MAX_BARS, Phrase, PhraseNote, Signature};

/// Maximum size of a state. A phrase of 32 bars takes about 50 kB.
pub const MAX_STATE_BYTES: u64 = 4 << 20;

/// Why a state can't be used.
#[derive(Debug, Error)]
pub(crate) enum StateError {
    #[error("the state can't be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("the state has more than {MAX_STATE_BYTES} bytes")]
    Long,
    #[error("the state is damaged: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "the state is `{found}` version {found_version}; this plug-in reads `{}` version {}",
        State::FORMAT,
        State::VERSION
    )]
    Version { found: String, found_version: u32 },
    #[error(
        "the state belongs to the plug-in for the model `{found}`; this one is for `{expected}`"
    )]
    Model { found: String, expected: String },
    #[error("the state is damaged: {what} is {found}; {allowed}")]
    Value { what: &'static str, found: String, allowed: &'static str },
}

/// A saved state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The name of the plug-in's model.
    model: String,
    /// The name of the style, because another version of the model may have it at another index.
    style: String,
    /// Values of the parameters by name.
    parameters: BTreeMap<String, f64>,
    /// The music that is playing; `None` if nothing has been played yet.
    phrase: Option<SavedPhrase>,
}

/// A phrase with all its notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedPhrase {
    /// The number in the song that it was composed for.
    number: i64,
    signature: Signature,
    bars: u16,
    /// Whether it was composed with the saved parameters.
    is_of_parameters: bool,
    /// Onset, channel, pitch, duration, velocity; times in ticks, 480 to a quarter note.
    notes: Vec<PhraseNote>,
}

impl JsonFormat for State {
    const FORMAT: &'static str = "controlgen.plugin-state";
    const VERSION: u32 = 1;
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// The parts of a state that this plug-in can use.
pub(crate) struct Restored {
    /// A value for every parameter.
    pub(crate) values: Vec<(ParamId, f64)>,
    /// The music, if any was played.
    pub(crate) phrase: Option<Phrase>,
    /// Warnings about the other parts.
    pub(crate) messages: Vec<String>,
}

impl State {
    /// The state of a plug-in that is playing a phrase.
    pub(crate) fn new(model: &str, params: &Params, phrase: Option<&Phrase>) -> Self {
        let of = |param: &ParamId| (param.key().to_owned(), params.get(*param));
        let settings = params.settings();
        let style = params.catalog().styles.get(usize::from(settings.style));
        let saved = |phrase: &Phrase| SavedPhrase {
            number: phrase.number,
            signature: phrase.signature,
            bars: phrase.bars,
            is_of_parameters: phrase.key == Some(settings.key(phrase.number, phrase.signature)),
            notes: phrase.notes.clone(),
        };
        Self {
            model: model.to_owned(),
            style: style.cloned().unwrap_or_default(),
            parameters: params.list().iter().map(of).collect(),
            phrase: phrase.map(saved),
        }
    }

    /// The state as bytes for a project.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut value = serde_json::to_value(self).expect("numbers and names");
        if let Some(fields) = value.as_object_mut() {
            fields.insert("format".to_owned(), Self::FORMAT.into());
            fields.insert("version".to_owned(), Self::VERSION.into());
        }
        // On one line, because a project may contain many states.
        value.to_string().into_bytes()
    }

    /// Reads a state.
    ///
    /// # Errors
    /// If it is damaged, of another version, or out of range.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let header: Header = serde_json::from_slice(bytes)?;
        if header.format != Self::FORMAT || header.version != Self::VERSION {
            let Header { format, version } = header;
            return Err(StateError::Version { found: format, found_version: version });
        }
        let state: Self = serde_json::from_slice(bytes)?;
        if let Some(phrase) = &state.phrase {
            phrase.check()?;
        }
        Ok(state)
    }

    /// Converts the state to a plug-in's parameters. Parameters that it does not name get their
    /// defaults.
    ///
    /// # Errors
    /// If it belongs to the plug-in for another model.
    pub(crate) fn apply(self, model: &str, params: &Params) -> Result<Restored, StateError> {
        if self.model != model {
            return Err(StateError::Model { found: self.model, expected: model.to_owned() });
        }
        let mut messages = Vec::new();
        let mut values: Vec<(ParamId, f64)> =
            params.list().iter().map(|param| (*param, default_of(*param))).collect();
        let mut set = |param, value| {
            let place = values.iter_mut().find(|(known, _)| *known == param);
            place.into_iter().for_each(|(_, old)| *old = value);
        };
        let mut is_changed = false;
        for (key, value) in &self.parameters {
            let Some(param) = params.find_key(key) else {
                is_changed = true;
                messages.push(format!("the state sets `{key}`, which this model does not have"));
                continue;
            };
            // JSON can't represent NaN.
            let fit = params.fit(param, *value).unwrap_or(default_of(param));
            is_changed |= fit != *value;
            set(param, fit);
        }
        if let Some(at) = params.catalog().styles.iter().position(|style| *style == self.style) {
            set(ParamId::Style, at as f64);
        } else {
            is_changed = true;
            messages.push(format!(
                "the state uses the style `{}`, which this model does not have; the style with the \
                 same number is used instead",
                self.style
            ));
        }
        let phrase = self.phrase.map(|saved| {
            // The key that the parameters will have with the values above.
            let key = (saved.is_of_parameters && !is_changed).then(|| {
                let own = Params::new(params.catalog().clone());
                values.iter().for_each(|(param, value)| own.set(*param, *value));
                own.settings().key(saved.number, saved.signature)
            });
            let key = key.filter(|key| key.bars == saved.bars);
            Phrase::new(key, (saved.number, saved.signature, saved.bars), saved.notes)
        });
        Ok(Restored { values, phrase, messages })
    }
}

impl SavedPhrase {
    fn check(&self) -> Result<(), StateError> {
        let bad = |what, found: String, allowed| Err(StateError::Value { what, found, allowed });
        if !(1..=MAX_BARS).contains(&self.bars) {
            return bad("a phrase's length", self.bars.to_string(), "1 to 32 bars are allowed");
        }
        let end = self.signature.bar() * u32::from(self.bars);
        for note in &self.notes {
            if note.onset >= end {
                return bad("an onset", note.onset.to_string(), "it must be within the phrase");
            }
            if note.duration == 0 || note.duration > end - note.onset {
                let found = note.duration.to_string();
                return bad("a duration", found, "notes end within their phrase");
            }
            if note.channel > 15 {
                return bad("a channel", note.channel.to_string(), "0 to 15 are allowed");
            }
            if note.pitch > 127 {
                return bad("a pitch", note.pitch.to_string(), "0 to 127 are allowed");
            }
            if !(1..=127).contains(&note.velocity) {
                return bad("a velocity", note.velocity.to_string(), "1 to 127 are allowed");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use controlgen::attribute::Attribute;

    use super::*;
    use crate::catalog::Catalog;

    fn params(styles: &[&str], dials: &[Attribute]) -> Params {
        Params::new(Catalog {
            styles: styles.iter().map(|&style| style.into()).collect(),
            dials: dials.to_vec(),
            takes_meter: true,
            bars_per_window: 2,
        })
    }

    fn saved() -> (Params, State) {
        let params = params(&["calm", "wild"], &[Attribute::Swing]);
        params.set(ParamId::Style, 1.0);
        params.set(ParamId::Dial(Attribute::Swing), -1.5);
        let note = PhraseNote { onset: 480, channel: 2, pitch: 64, duration: 240, velocity: 90 };
        let key = params.settings().key(3, Signature::COMMON);
        let phrase = Phrase::new(Some(key), (3, Signature::COMMON, 8), vec![note]);
        let state = State::new("poly", &params, Some(&phrase));
        (params, state)
    }

    #[test]
    fn a_state_comes_back_by_value() {
        let (before, state) = saved();
        let read = State::from_bytes(&state.to_bytes()).unwrap();
        assert_eq!(read, state);
        let after = params(&["calm", "wild"], &[Attribute::Swing]);
        let restored = read.apply("poly", &after).unwrap();
        restored.values.iter().for_each(|(param, value)| after.set(*param, *value));
        assert_eq!(after.settings(), before.settings());
        let phrase = restored.phrase.unwrap();
        assert_eq!(phrase.key, Some(before.settings().key(3, Signature::COMMON)));
        assert_eq!((phrase.notes.len(), phrase.notes[0].pitch, phrase.bars), (1, 64, 8));
        assert_eq!(restored.messages, Vec::<String>::new());
    }

    #[test]
    fn another_model_keeps_the_music_and_says_what_it_lacks() {
        let (_, state) = saved();
        // The style has another number, and a dial is gone.
        let newer = params(&["new", "calm", "wild"], &[Attribute::Density]);
        let restored = state.clone().apply("poly", &newer).unwrap();
        assert!(restored.values.contains(&(ParamId::Style, 2.0)));
        assert!(restored.messages[0].contains("`swing`"), "{:?}", restored.messages);
        let phrase = restored.phrase.unwrap();
        assert_eq!((phrase.key, phrase.notes.len()), (None, 1));
        let without = params(&["new"], &[Attribute::Swing]);
        let restored = state.clone().apply("poly", &without).unwrap();
        assert!(restored.values.contains(&(ParamId::Style, 0.0)));
        assert!(restored.messages[0].contains("`wild`"), "{:?}", restored.messages);
        assert!(matches!(state.apply("drums", &newer), Err(StateError::Model { .. })));
    }

    #[test]
    fn damaged_states_are_refused() {
        let (_, state) = saved();
        let text = String::from_utf8(state.to_bytes()).unwrap();
        assert!(text.contains("[480,2,64,240,90]"), "{text}");
        for (from, to) in [
            ("[480,2,64,240,90]", "[480,2,128,240,90]"),
            ("[480,2,64,240,90]", "[480,16,64,240,90]"),
            ("[480,2,64,240,90]", "[15360,2,64,240,90]"),
            ("[480,2,64,240,90]", "[480,2,64,0,90]"),
            ("[480,2,64,240,90]", "[480,2,64,4294967295,90]"),
            ("[480,2,64,240,90]", "[480,2,64,240,0]"),
            ("[480,2,64,240,90]", "[480,2,64,240]"),
            ("[480,2,64,240,90]", "[-1,2,64,240,90]"),
            ("\"bars\":8", "\"bars\":0"),
            ("\"bars\":8", "\"bars\":65535"),
            ("\"signature\":[4,4]", "\"signature\":[4,0]"),
            ("\"version\":1", "\"version\":2"),
            ("controlgen.plugin-state", "controlgen.model"),
        ] {
            assert!(text.contains(from), "{from}");
            let damaged = text.replace(from, to);
            assert!(State::from_bytes(damaged.as_bytes()).is_err(), "{to}");
        }
        for end in 0..text.len() {
            assert!(State::from_bytes(&text.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }
}
