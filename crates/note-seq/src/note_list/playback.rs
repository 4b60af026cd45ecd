//! Converts lists of notes to notes in seconds.

use serde::{Deserialize, Serialize};

use super::{Family, NoteList, TICKS_PER_QUARTER};
use crate::event::Tempo;
use crate::pitch::{Program, Velocity};
use crate::sequence::{Note, NoteSequence};
use crate::units::{DEFAULT_QPM, Qpm};

/// Instrument number of drums, same as in [`crate::Playback::drums`].
const DRUM_INSTRUMENT: u32 = 9;

/// Ticks per quarter note of the sequences: every tick of every grid is a whole number of them.
const RESOLUTION: i32 = 480;

/// Properties that a list of notes does not contain: tempo, loudness, sounds, key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoteListPlayback {
    /// Tempo in quarter notes per minute.
    pub qpm: Qpm,
    /// Velocity of notes without dynamics.
    pub velocity: Velocity,
    /// General MIDI program of each family, in the order of [`Family::TONAL`]: those of the piece
    /// that a window comes from, or the defaults.
    pub programs: [Program; 6],
    /// Semitones added to every tone: the negative of those added to transpose the window to the
    /// common key. Tones that would leave 0 to 127 are moved by octaves.
    pub transpose: i8,
}

impl Default for NoteListPlayback {
    /// 120 quarter notes per minute, velocity 80, each family's [`Family::default_program`],
    /// without transposition.
    fn default() -> Self {
        Self {
            qpm: DEFAULT_QPM,
            velocity: Velocity::saturating(80),
            programs: Family::TONAL.map(Family::default_program),
            transpose: 0,
        }
    }
}

impl NoteListPlayback {
    /// The program of a family.
    pub fn program(&self, family: Family) -> Program {
        self.programs.get(usize::from(family.class())).copied().unwrap_or_default()
    }
}

impl NoteList {
    /// Notes in seconds, with tempo and time signature. Each family is an instrument (0 to 5 in the
    /// order of [`Family::TONAL`], drums 9).
    ///
    /// Tick `t` is at `t · 60 / qpm / 12` seconds, and the resolution is 480 ticks per quarter
    /// note. Notes have the length of their duration class, even past the end of the window; drums
    /// without durations last one step. A drum played before the first step starts at 0.
    pub fn to_sequence(&self, playback: &NoteListPlayback) -> NoteSequence {
        Self::join([self], playback)
    }

    /// Joins windows into one sequence, with a time signature at every change of meter.
    pub fn join<'a>(
        lists: impl IntoIterator<Item = &'a Self>,
        playback: &NoteListPlayback,
    ) -> NoteSequence {
        let seconds_per_tick = 60.0 / playback.qpm / f64::from(TICKS_PER_QUARTER);
        let mut sequence = NoteSequence {
            ticks_per_quarter: RESOLUTION,
            tempos: vec![Tempo { time: 0.0, qpm: playback.qpm }],
            ..NoteSequence::default()
        };
        let (mut start, mut meter) = (0_u64, None);
        for list in lists {
            let time = start as f64 * seconds_per_tick;
            if meter != Some(list.meter()) {
                let signature = list.meter().time_signature();
                sequence.time_signatures.push(crate::TimeSignature { time, ..signature });
                meter = Some(list.meter());
            }
            let ticks_per_step = f64::from(list.encoding().ticks_per_step());
            for note in list.notes() {
                let step = f64::from(note.onset) + f64::from(note.offset);
                let tick = (start as f64 + step * ticks_per_step).max(0.0);
                let ticks =
                    if note.duration > 0 { f64::from(note.duration) } else { ticks_per_step };
                let is_drum = note.family == Family::Drums;
                sequence.push(Note {
                    pitch: if is_drum { note.pitch } else { moved(note.pitch, playback.transpose) },
                    velocity: note.velocity.unwrap_or(playback.velocity),
                    start_time: tick * seconds_per_tick,
                    end_time: (tick + ticks) * seconds_per_tick,
                    instrument: if is_drum {
                        DRUM_INSTRUMENT
                    } else {
                        u32::from(note.family.class())
                    },
                    program: playback.program(note.family),
                    is_drum,
                });
            }
            start += u64::from(list.encoding().n_ticks(list.meter()));
        }
        sequence
    }
}

/// The pitch `semitones` higher, moved by octaves if that is out of range.
fn moved(pitch: crate::Pitch, semitones: i8) -> crate::Pitch {
    let mut target = i64::from(pitch.get()) + i64::from(semitones);
    while target < 0 {
        target += 12;
    }
    while target > 127 {
        target -= 12;
    }
    crate::Pitch::try_from(target).unwrap_or(pitch)
}
