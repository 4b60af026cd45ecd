//! [`NoteSequence`]: notes and related events, timed in seconds.
//!
//! The fields have the names of Magenta's `NoteSequence` protocol buffer, and the serde form is the
//! JSON form of that message: camelCase names, without fields that have their default value.
//! Reading accepts camelCase and the proto's own `snake_case` names and ignores unknown fields.

mod json;

use serde::{Deserialize, Serialize};

use crate::event::{
    ControlChange, InstrumentInfo, KeySignature, PitchBend, Tempo, TextAnnotation, TimeSignature,
    is_default,
};
use crate::pitch::{Pitch, Program, Velocity};
use crate::tempo_map::TempoMap;
use crate::units::Seconds;

/// Resolution of the map of a sequence without one, in ticks per quarter note: all halves, thirds,
/// fifths, sevenths and elevenths of common notes are on ticks, and every time is within 9 µs of a
/// tick at 120 quarter notes per minute.
const FINE_TICKS_PER_QUARTER: u16 = 27_720;

/// A sounding note.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Note {
    /// Key number.
    #[serde(skip_serializing_if = "is_default")]
    pub pitch: Pitch,
    /// Loudness, 0 to 127; extraction of melodies skips notes of velocity 0.
    #[serde(skip_serializing_if = "is_default")]
    pub velocity: Velocity,
    /// Start in seconds.
    #[serde(alias = "start_time", skip_serializing_if = "is_default")]
    pub start_time: Seconds,
    /// End in seconds.
    #[serde(alias = "end_time", skip_serializing_if = "is_default")]
    pub end_time: Seconds,
    /// The part that plays it. Numbers need not be contiguous; one number should mean one program.
    #[serde(skip_serializing_if = "is_default")]
    pub instrument: u32,
    /// General MIDI program.
    #[serde(skip_serializing_if = "is_default")]
    pub program: Program,
    /// Whether the pitch denotes a drum rather than a tone.
    #[serde(alias = "is_drum", skip_serializing_if = "is_default")]
    pub is_drum: bool,
}

/// Notes in seconds with their tempos, signatures and controllers.
///
/// No list is guaranteed to be sorted. Without a tempo, it is 120 quarter notes per minute; without
/// a time signature, the meter is 4/4.
///
/// # Examples
/// ```
/// use note_seq::{Note, NoteSequence, Pitch, StepsPerQuarter};
/// let mut sequence = NoteSequence::default();
/// sequence.push(Note { pitch: Pitch::new(60)?, end_time: 0.5, ..Note::default() });
/// assert_eq!(sequence.total_time, 0.5);
/// let quantized = sequence.quantize(StepsPerQuarter::SIXTEENTHS)?;
/// assert_eq!((quantized.notes[0].start_step, quantized.notes[0].end_step), (0, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "json::Message")]
pub struct NoteSequence {
    /// Resolution of the MIDI file it came from, in ticks per quarter note; 0 if there is none.
    /// (Signed as in the proto: parity reading reports the raw header field, which is negative for
    /// SMPTE time.)
    #[serde(skip_serializing_if = "is_default")]
    pub ticks_per_quarter: i32,
    /// The notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// End of the music in seconds; at least the largest note end. Silence after it is not part of
    /// the music.
    #[serde(skip_serializing_if = "is_default")]
    pub total_time: Seconds,
    /// Tempo changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tempos: Vec<Tempo>,
    /// Meter changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_signatures: Vec<TimeSignature>,
    /// Key changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_signatures: Vec<KeySignature>,
    /// Pitch bends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pitch_bends: Vec<PitchBend>,
    /// Control changes, including the sustain pedal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub control_changes: Vec<ControlChange>,
    /// Chord symbols, beats, lyrics, markers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub text_annotations: Vec<TextAnnotation>,
    /// Names of instruments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instrument_infos: Vec<InstrumentInfo>,
    /// The origin of a sequence that was cut from another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subsequence_info: Option<SubsequenceInfo>,
}

/// The position of a piece in the sequence that it was cut from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubsequenceInfo {
    /// Seconds of the original before the piece.
    #[serde(alias = "start_time_offset", skip_serializing_if = "is_default")]
    pub start_time_offset: Seconds,
    /// Seconds of the original after the piece's own `total_time`.
    #[serde(alias = "end_time_offset", skip_serializing_if = "is_default")]
    pub end_time_offset: Seconds,
}

impl NoteSequence {
    /// Adds a note and extends `total_time` to include it.
    pub fn push(&mut self, note: Note) {
        self.total_time = self.total_time.max(note.end_time);
        self.notes.push(note);
    }

    /// The instrument numbers with notes, ascending.
    pub fn instruments(&self) -> Vec<u32> {
        let numbers: std::collections::BTreeSet<u32> =
            self.notes.iter().map(|n| n.instrument).collect();
        numbers.into_iter().collect()
    }

    /// The name of an instrument, if it has one.
    pub fn instrument_name(&self, instrument: u32) -> Option<&str> {
        self.instrument_infos.iter().find(|i| i.instrument == instrument).map(|i| i.name.as_str())
    }

    /// A copy of everything except the notes, and of the notes for which `keep` returns `true`.
    /// `total_time` does not change.
    #[must_use]
    pub fn with_notes(&self, keep: impl FnMut(&Note) -> bool) -> Self {
        let mut keep = keep;
        Self {
            ticks_per_quarter: self.ticks_per_quarter,
            notes: self.notes.iter().filter(|n| keep(n)).copied().collect(),
            total_time: self.total_time,
            tempos: self.tempos.clone(),
            time_signatures: self.time_signatures.clone(),
            key_signatures: self.key_signatures.clone(),
            pitch_bends: self.pitch_bends.clone(),
            control_changes: self.control_changes.clone(),
            text_annotations: self.text_annotations.clone(),
            instrument_infos: self.instrument_infos.clone(),
            subsequence_info: self.subsequence_info,
        }
    }

    /// The map of ticks, seconds and quarter notes of this sequence, at its own resolution (27,720
    /// ticks per quarter note if it has none). Together with [`Self::bar_map`], it gives bars and
    /// beats.
    ///
    /// A tempo change between two ticks is moved to the nearest. Tempos that are not positive are
    /// ignored.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{NoteSequence, Tempo};
    /// let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    /// sequence.tempos = vec![Tempo { time: 0.0, qpm: 120.0 }, Tempo { time: 1.0, qpm: 60.0 }];
    /// let map = sequence.tempo_map();
    /// assert_eq!((map.tick(2.0), map.quarters(2.0)), (1440, 3.0));
    /// assert_eq!((map.seconds(1440), map.seconds_at_quarters(3.0)), (2.0, 2.0));
    /// ```
    pub fn tempo_map(&self) -> TempoMap {
        let resolution = u16::try_from(self.ticks_per_quarter).unwrap_or_default();
        let mut map =
            TempoMap::new(if resolution == 0 { FINE_TICKS_PER_QUARTER } else { resolution });
        let mut tempos: Vec<&Tempo> =
            self.tempos.iter().filter(|t| t.qpm > 0.0 && t.qpm.is_finite()).collect();
        tempos.sort_by(|a, b| a.time.total_cmp(&b.time));
        for tempo in tempos {
            map.push_at(tempo.time.max(0.0), 60.0 / (tempo.qpm * map.ticks_per_quarter()));
        }
        map
    }
}
