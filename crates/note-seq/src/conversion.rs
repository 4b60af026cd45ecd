//! The result of converting a sequence to model windows: the windows, and counts of what gave none.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantize::QuantizeError;

/// Reason why something gave no window. Each reason documents what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// The sequence has no notes. Counted once per sequence.
    NoNotes,
    /// A bar does not have the number of steps that the encoding needs (3/4, 6/8, 2/4 …). Counts
    /// segments, which lie between changes of tempo or meter.
    WrongBarLength,
    /// The meter is 0/4 or its denominator is not a power of two. Counts segments.
    BadTimeSignature,
    /// A note or event is before time 0. Counts segments.
    NegativeTime,
    /// Tempo or meter changes within music that must be one segment. Counts segments.
    TimeChange,
    /// The instrument plays drums, and pitched notes are required. Counts instruments within
    /// segments.
    Drums,
    /// There are no drums, and drums are required. Counts segments.
    NoDrums,
    /// The instrument's program is not selected. Counts instruments within segments.
    ProgramNotAllowed,
    /// Every note of the instrument is too high or too low. Counts instruments within segments; for
    /// note lists, notes (and windows without other notes) that are transposed out of 0 to 127.
    PitchOutOfRange,
    /// Every note of the instrument has velocity 0. Counts instruments within segments; for note
    /// lists, notes.
    Silent,
    /// A melody or drum track is shorter than a window. Counts tracks.
    TooShort,
    /// No note starts within the window, and such windows are not requested. Counts windows.
    EmptyWindow,
    /// The same window occurred before. Counts windows.
    Duplicate,
    /// The cap on windows was reached. Counts windows; each trio that was not examined counts once.
    OverCap,
    /// Melody, bass or drums are missing from a trio. Counts segments.
    MissingPart,
    /// No stretch of the window's length has all parts of a trio playing. Counts segments.
    PartsDoNotMeet,
    /// The pitch is not in the drum map. Counts segments without any mapped drum; for grooves,
    /// notes.
    UnknownDrum,
    /// The music is longer than the converter accepts. Counts segments; for note lists, notes after
    /// 2^40 ticks.
    TooLong,
    /// Chords are required and cannot be inferred, because the section is too long. Counts windows.
    NoChords,
    /// The note is not a drum, and drums are required. Counts notes.
    NotADrum,
    /// The instrument is not selected. Counts notes.
    InstrumentNotAllowed,
    /// Fewer notes start in the window than the minimum. Counts windows, and notes.
    TooFewNotes,
    /// More notes start in the window than the maximum. Counts windows, and notes.
    TooManyNotes,
    /// More notes start on one beat of the window than the maximum. Counts windows, and notes.
    TooManyNotesInBeat,
    /// The note lies between two windows, because the hop is longer than a window. Counts notes.
    BetweenWindows,
}

impl SkipReason {
    /// The reason's stable name in `snake_case`, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNotes => "no_notes",
            Self::WrongBarLength => "wrong_bar_length",
            Self::BadTimeSignature => "bad_time_signature",
            Self::NegativeTime => "negative_time",
            Self::TimeChange => "time_change",
            Self::Drums => "drums",
            Self::NoDrums => "no_drums",
            Self::ProgramNotAllowed => "program_not_allowed",
            Self::PitchOutOfRange => "pitch_out_of_range",
            Self::Silent => "silent",
            Self::TooShort => "too_short",
            Self::EmptyWindow => "empty_window",
            Self::Duplicate => "duplicate",
            Self::OverCap => "over_cap",
            Self::MissingPart => "missing_part",
            Self::PartsDoNotMeet => "parts_do_not_meet",
            Self::UnknownDrum => "unknown_drum",
            Self::TooLong => "too_long",
            Self::NoChords => "no_chords",
            Self::NotADrum => "not_a_drum",
            Self::InstrumentNotAllowed => "instrument_not_allowed",
            Self::TooFewNotes => "too_few_notes",
            Self::TooManyNotes => "too_many_notes",
            Self::TooManyNotesInBeat => "too_many_notes_in_beat",
            Self::BetweenWindows => "between_windows",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<&QuantizeError> for SkipReason {
    fn from(error: &QuantizeError) -> Self {
        match error {
            QuantizeError::MultipleTempos { .. }
            | QuantizeError::MultipleTimeSignatures { .. }
            | QuantizeError::BadGrid { .. }
            | QuantizeError::NoTicks { .. } => Self::TimeChange,
            QuantizeError::BadTimeSignature { .. } => Self::BadTimeSignature,
            QuantizeError::NegativeTime { .. } => Self::NegativeTime,
        }
    }
}

/// Windows, and counts by reason of what gave none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion<W> {
    /// The windows, in order of segment, instrument and bar.
    pub windows: Vec<W>,
    /// Counts of what gave no window; never empty if there are no windows.
    pub skipped: BTreeMap<SkipReason, usize>,
}

impl<W> Conversion<W> {
    pub(crate) fn new() -> Self {
        Self { windows: Vec::new(), skipped: BTreeMap::new() }
    }

    pub(crate) fn skip(&mut self, reason: SkipReason) {
        self.skip_n(reason, 1);
    }

    pub(crate) fn skip_n(&mut self, reason: SkipReason, n: usize) {
        if n > 0 {
            *self.skipped.entry(reason).or_default() += n;
        }
    }

    /// The most frequent reason if there are no windows (among equals, the first in the order of
    /// [`SkipReason`]).
    pub fn why_empty(&self) -> Option<SkipReason> {
        if !self.windows.is_empty() {
            return None;
        }
        self.skipped
            .iter()
            .max_by_key(|(reason, n)| (**n, std::cmp::Reverse(**reason)))
            .map(|(reason, _)| *reason)
    }
}

/// Which repeated windows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dedupe {
    /// None: every window is kept.
    Off,
    /// Those that occurred before in the same segment, between two changes of tempo or meter, as in
    /// Magenta.
    #[default]
    PerSegment,
    /// Those that occurred before in the sequence.
    PerSequence,
}
