//! Converts melodies to notes in seconds.

use serde::{Deserialize, Serialize};

use super::{Melody, MelodyEvent};
use crate::event::{Tempo, TimeSignature};
use crate::pitch::{Program, Velocity};
use crate::sequence::{Note, NoteSequence};
use crate::units::{DEFAULT_QPM, DEFAULT_VELOCITY, Qpm, STANDARD_TICKS_PER_QUARTER};

/// Settings for converting events to notes: tempo, velocity, program and instrument.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Playback {
    /// Tempo in quarter notes per minute.
    pub qpm: Qpm,
    /// Velocity of every note.
    pub velocity: Velocity,
    /// General MIDI program.
    pub program: Program,
    /// Instrument number.
    pub instrument: u32,
}

impl Default for Playback {
    /// The settings of MusicVAE's converters: 120 quarter notes per minute, velocity 80, program 0,
    /// instrument 0.
    fn default() -> Self {
        Self { qpm: DEFAULT_QPM, velocity: DEFAULT_VELOCITY, program: Program::MIN, instrument: 0 }
    }
}

impl Playback {
    /// The settings of MusicVAE's converters for drums: instrument 9, otherwise the default.
    pub fn drums() -> Self {
        Self { instrument: 9, ..Self::default() }
    }

    /// The settings of MusicVAE's trio converter for the bass: instrument 1, program 33, otherwise
    /// the default.
    pub fn bass() -> Self {
        Self { instrument: 1, program: Program::saturating(33), ..Self::default() }
    }
}

impl Melody {
    /// Notes in seconds: each from its start to the next start, the next off, or the melody's end.
    ///
    /// Step `s` is at `s · 60 / qpm / steps_per_quarter` seconds, including `start_step`. The
    /// resolution is [`STANDARD_TICKS_PER_QUARTER`]; the tempo is written, and also 4/4 if a bar
    /// has four quarters. `total_time` is the last note's end.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{MelodyEncoding, Playback};
    /// let melody = MelodyEncoding::PIANO.decode(&[41, 0, 0, 0, 1, 0, 43, 0])?;
    /// let sequence = melody.to_sequence(&Playback::default());
    /// let notes = sequence.notes.iter();
    /// let spans: Vec<_> = notes.map(|n| (n.pitch.get(), n.start_time, n.end_time)).collect();
    /// assert_eq!(spans, [(60, 0.0, 0.5), (62, 0.75, 1.0)]);
    /// # Ok::<(), note_seq::UnknownLabel>(())
    /// ```
    pub fn to_sequence(&self, playback: &Playback) -> NoteSequence {
        let seconds_per_step = 60.0 / playback.qpm / f64::from(self.steps_per_quarter.get());
        let origin = self.start_step as f64 * seconds_per_step;
        let mut sequence = NoteSequence {
            ticks_per_quarter: i32::from(STANDARD_TICKS_PER_QUARTER),
            tempos: vec![Tempo { time: 0.0, qpm: playback.qpm }],
            ..NoteSequence::default()
        };
        if self.steps_per_bar == 4 * i64::from(self.steps_per_quarter.get()) {
            sequence.time_signatures.push(TimeSignature::default());
        }
        let mut sounding: Option<Note> = None;
        for (step, event) in self.events.iter().enumerate() {
            let time = step as f64 * seconds_per_step + origin;
            if *event == MelodyEvent::NoEvent {
                continue;
            }
            if let Some(note) = sounding.take() {
                sequence.push(Note { end_time: time, ..note });
            }
            if let MelodyEvent::NoteOn(pitch) = *event {
                sounding = Some(Note {
                    pitch,
                    velocity: playback.velocity,
                    start_time: time,
                    end_time: time,
                    instrument: playback.instrument,
                    program: playback.program,
                    is_drum: false,
                });
            }
        }
        if let Some(note) = sounding {
            let end_time = self.events.len() as f64 * seconds_per_step + origin;
            sequence.push(Note { end_time, ..note });
        }
        sequence
    }
}
