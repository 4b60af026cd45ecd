//! Options and result of cutting a sequence into lists of notes; [`super::cut`] does the work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{NoteList, NoteListEncoding, NoteListPlayback};
use crate::conversion::{Dedupe, SkipReason};
use crate::drums::DrumMap;
use crate::key::{Key, KeyTracker};
use crate::pitch::Program;

/// A window of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteListWindow {
    /// The notes that start in it, transposed by [`Self::transposed`].
    pub notes: NoteList,
    /// The written bar in which it begins, from 0; a window that begins before an upbeat has 0,
    /// too.
    pub start_bar: u32,
    /// Ticks ([`super::TICKS_PER_QUARTER`]) from the start of the music to the window; negative
    /// before an upbeat.
    pub start_tick: i64,
    /// The key of the surrounding music, before transposing; `None` if keys are not requested or
    /// only drums sound.
    pub key: Option<Key>,
    /// Number of semitones added to transpose it to C major or A minor.
    pub transposed: i8,
}

/// Assumptions about properties that the sequence does not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Assumption {
    /// There is no time signature: 4/4.
    CommonTime,
    /// The notes do not follow a beat at the written tempo, as in a performance recorded without
    /// one: bars are those of the written tempo, not those of the player.
    WrittenTempo,
}

impl Assumption {
    /// The assumption's stable name in `snake_case`, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommonTime => "common_time",
            Self::WrittenTempo => "written_tempo",
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The windows of a sequence, and the outcome for every note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteListConversion {
    /// The windows in order of time.
    pub windows: Vec<NoteListWindow>,
    /// Windows left out, by reason.
    pub skipped_windows: BTreeMap<SkipReason, usize>,
    /// Notes that are in no window, by reason.
    pub skipped_notes: BTreeMap<SkipReason, usize>,
    /// Number of notes of the sequence.
    pub n_notes: usize,
    /// Number of notes in windows, including those merged with another.
    pub n_in_windows: usize,
    /// Number of notes merged with one of the same onset, pitch and family (for drums, the same
    /// step and drum): the longest length and the loudest velocity are kept.
    pub n_merged: usize,
    /// The assumptions made.
    pub assumptions: BTreeSet<Assumption>,
    /// Properties that lists do not contain, for playing windows like the sequence: its
    /// longest-lasting tempo, its mean velocity, and the most played program of each family.
    pub playback: NoteListPlayback,
}

impl NoteListConversion {
    /// The most frequent reason why notes are in no window (of equal ones, the first in the order
    /// of [`SkipReason`]), if there are no windows; [`SkipReason::NoNotes`] for a sequence without
    /// notes.
    pub fn why_empty(&self) -> Option<SkipReason> {
        if !self.windows.is_empty() {
            return None;
        }
        let reasons = self.skipped_notes.iter();
        let most = reasons.max_by_key(|(reason, n)| (**n, std::cmp::Reverse(**reason)));
        Some(most.map_or(SkipReason::NoNotes, |(reason, _)| *reason))
    }
}

/// Cuts a sequence into windows of notes: all instruments, in their meter, in musical time.
///
/// Bars follow the time signatures, 4/4 by default. A window is [`NoteListEncoding::n_bars`] bars
/// of equal length, every [`Self::hop_bars`] bars; the last window before a change of meter ends
/// with the last bar. Tempo is irrelevant: notes are moved from ticks to the nearest step of the
/// grid, and from halves to the later one.
///
/// Nothing is lost at section boundaries: an upbeat with a separate signature is the end of a bar
/// of the next meter, a section shorter than a window is divided into equal shorter bars (one bar
/// of 3/4 between others becomes two of three eighths), a piece shorter than a window is padded
/// with silence, and bars of more than six quarters are split ([`super::Meter::from_signature`]).
/// Everything else that is in no window is counted by reason, in windows and in notes.
///
/// # Examples
/// ```
/// use note_seq::{Note, NoteListConverter, NoteSequence, Pitch, Velocity};
/// let mut sequence = NoteSequence::default();
/// for (start_time, pitch) in [(0.0, 62), (0.5, 66), (1.0, 69), (2.0, 62), (4.0, 69)] {
///     let (pitch, velocity) = (Pitch::new(pitch)?, Velocity::new(80)?);
///     let end_time = start_time + 0.5;
///     sequence.push(Note { pitch, velocity, start_time, end_time, ..Note::default() });
/// }
/// let conversion = NoteListConverter::poly_2bar().windows(&sequence);
/// assert_eq!((conversion.windows.len(), conversion.n_in_windows), (2, 5)); // bars 0–1, 1–2
/// let first = &conversion.windows[0];
/// assert_eq!((first.transposed, first.key.map(|k| k.to_string())), (-2, Some("D major".into())));
/// let pitches: Vec<u8> = first.notes.notes().map(|n| n.pitch.get()).collect();
/// assert_eq!(pitches, [60, 64, 67, 60]);
/// # Ok::<(), note_seq::OutOfRange>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteListConverter {
    /// Bars, grid and fields of a window.
    pub encoding: NoteListEncoding,
    /// Bars from one window to the next.
    pub hop_bars: u32,
    /// Instruments to take; `None` for all.
    pub instruments: Option<BTreeSet<u32>>,
    /// Programs of pitched instruments to take; `None` for all.
    pub programs: Option<RangeInclusive<Program>>,
    /// Assignment of keys to drums, for encodings with only drums.
    pub drum_map: DrumMap,
    /// Minimum number of notes in a window.
    pub min_notes: usize,
    /// Maximum number of notes in a window.
    pub max_notes: usize,
    /// Maximum number of notes that start on one beat of a window.
    pub max_notes_per_cell: usize,
    /// Whether notes last while the sustain pedal is down rather than while their key is; see
    /// [`NoteSequence::apply_sustain`](crate::NoteSequence::apply_sustain).
    pub apply_sustain: bool,
    /// Repetitions to leave out; a segment is a section with one meter.
    pub dedupe: Dedupe,
    /// Settings for finding keys, to transpose every window to C major or A minor; `None` leaves
    /// windows unchanged.
    pub key: Option<KeyTracker>,
    /// Maximum number of windows per sequence (the first ones are kept); `None` for no limit.
    pub max_windows: Option<usize>,
}

impl NoteListConverter {
    /// Two bars of everything except drums at every bar, in one key, without repetitions.
    pub fn poly_2bar() -> Self {
        Self {
            encoding: NoteListEncoding::POLY_2BAR,
            hop_bars: 1,
            instruments: None,
            programs: None,
            drum_map: DrumMap::MAGENTA,
            min_notes: 1,
            max_notes: 256,
            max_notes_per_cell: 64,
            apply_sustain: false,
            dedupe: Dedupe::PerSequence,
            key: Some(KeyTracker::default()),
            max_windows: None,
        }
    }

    /// Four bars of everything except drums at every bar, in one key, without repetitions.
    pub fn poly_4bar() -> Self {
        Self { encoding: NoteListEncoding::POLY_4BAR, max_notes: 512, ..Self::poly_2bar() }
    }

    /// Two bars of everything including drums at every bar, in one key, without repetitions.
    pub fn all_2bar() -> Self {
        Self { encoding: NoteListEncoding::ALL_2BAR, ..Self::poly_2bar() }
    }

    /// Two bars of drums with their timing and velocities at every bar, without repetitions.
    pub fn drums_2bar_groove() -> Self {
        Self { encoding: NoteListEncoding::DRUMS_2BAR_GROOVE, key: None, ..Self::poly_2bar() }
    }
}
