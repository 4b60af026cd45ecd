//! Music as MusicXML 4.0 (feature `musicxml`), for all notation programs: melodies, and whole
//! sequences with a part for each instrument.
//!
//! Both are converted to a [`score::Score`], bars filled with tones on a grid, which a single
//! writer converts to a document.

mod drums;
mod durations;
mod notate;
mod score;
mod spelling;
mod staff;
mod write;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::durations::values;
use self::score::{Bar, Part, Score, Signs, Sounds, Tone};
use self::staff::Staff;
use crate::event::{KeySignature, TimeSignature};
use crate::melody::{Melody, MelodyEvent};
use crate::pitch::Pitch;
use crate::sequence::NoteSequence;
use crate::units::{DEFAULT_QPM, Qpm, StepsPerQuarter};

/// Maximum number of bars of a score: three hours of fast music.
const MAX_BARS: usize = 10_000;

/// The grids for sequences, in steps per quarter note: the first one with positions for all notes
/// is used. They have the halves and thirds of quarters, eighths, sixteenths and, in the second
/// grid, thirty-seconds.
const GRIDS: [u16; 2] = [12, 24];

/// Properties that a melody does not contain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MusicXmlOptions {
    /// The work's title; not written if it is empty.
    pub title: String,
    /// Name of the part.
    pub part_name: String,
    /// Tempo in quarter notes per minute.
    pub qpm: Qpm,
    /// The meter. Its bar must be as long as the melody's.
    pub time_signature: TimeSignature,
    /// Key; flats are written in keys with flats, sharps in all others.
    pub key_signature: KeySignature,
}

impl Default for MusicXmlOptions {
    /// 120 quarter notes per minute, 4/4, C major.
    fn default() -> Self {
        Self {
            title: String::new(),
            part_name: "Melody".to_owned(),
            qpm: DEFAULT_QPM,
            time_signature: TimeSignature::default(),
            key_signature: KeySignature::default(),
        }
    }
}

/// Properties of a score that a sequence does not contain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScoreOptions {
    /// The work's title; not written if it is empty.
    pub title: String,
    /// Grid for the notes; `None` for 12 steps per quarter note, or 24 if all notes are on that
    /// grid but not on the other.
    pub steps_per_quarter: Option<StepsPerQuarter>,
}

/// Reason why music could not be written as MusicXML.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum MusicXmlError {
    /// The meter's bar is not as long as the melody's.
    #[error(
        "a bar of {numerator}/{denominator} does not have the melody's {steps_per_bar} steps at \
         {steps_per_quarter} per quarter"
    )]
    WrongBarLength {
        /// Beats per bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
        /// The melody's steps per bar.
        steps_per_bar: i64,
        /// The melody's steps per quarter note.
        steps_per_quarter: u16,
    },
    /// A bar does not begin and end on the grid.
    #[error(
        "a bar of {numerator}/{denominator} does not end on a step of a grid of {steps_per_quarter} \
         per quarter; use a finer grid, or another meter"
    )]
    UnsupportedMeter {
        /// Beats per bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
        /// Steps per quarter note.
        steps_per_quarter: u16,
    },
    /// No note value lasts one step.
    #[error(
        "{steps_per_quarter} steps per quarter have no note values (allowed: powers of 2 to 256, \
         and three times those \
             to 96)"
    )]
    UnsupportedGrid {
        /// Steps per quarter note.
        steps_per_quarter: u16,
    },
    /// MusicXML's octaves begin at 0.
    #[error("pitch {pitch} cannot be written (allowed: 12 to 127); transpose the music")]
    PitchTooLow {
        /// The pitch found.
        pitch: Pitch,
    },
    /// The score would have too many bars.
    #[error("{n_bars} bars are too many (allowed: {MAX_BARS}); cut the music")]
    TooLong {
        /// Number of bars.
        n_bars: u64,
    },
}

impl Melody {
    /// The melody as a MusicXML 4.0 document, partwise, from its first bar to the end of its last.
    ///
    /// A note whose length is not a single note value, or that crosses a bar line, is written as
    /// several tied notes. The clef is the bass clef if the median of the notes is below middle C.
    ///
    /// # Errors
    /// Returns a [`MusicXmlError`].
    ///
    /// # Examples
    /// ```
    /// use note_seq::{MelodyEncoding, MusicXmlOptions};
    /// let labels = [41, 0, 0, 0, 1, 0, 0, 0, 43, 0, 0, 0, 0, 0, 0, 0];
    /// let melody = MelodyEncoding::PIANO.decode(&labels)?;
    /// let document = melody.to_musicxml(&MusicXmlOptions::default())?;
    /// assert!(document.contains("<step>C</step>") && document.contains("<rest/>"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_musicxml(&self, options: &MusicXmlOptions) -> Result<String, MusicXmlError> {
        let meter = options.time_signature;
        let steps_per_quarter = self.steps_per_quarter.get();
        if meter.quarters_per_bar() * f64::from(steps_per_quarter) != self.steps_per_bar as f64 {
            return Err(MusicXmlError::WrongBarLength {
                numerator: meter.numerator,
                denominator: meter.denominator,
                steps_per_bar: self.steps_per_bar,
                steps_per_quarter,
            });
        }
        let n_steps = u32::try_from(self.steps_per_bar).unwrap_or_default().max(1);
        let n_bars = self.events.len().div_ceil(n_steps as usize);
        if n_bars > MAX_BARS {
            return Err(MusicXmlError::TooLong { n_bars: n_bars as u64 });
        }
        let first = self.start_step / self.steps_per_bar.max(1) + 1;
        let mut bars = Vec::with_capacity(n_bars);
        for (start, number) in (0..).step_by(n_steps as usize).zip(first..).take(n_bars) {
            let is_first = start == 0;
            let meter = is_first.then_some((meter.numerator, meter.denominator));
            let key = is_first.then_some(options.key_signature);
            let beat = u32::from(steps_per_quarter);
            bars.push(Bar { number, start, n_steps, beat, meter, key });
        }
        let end = bars.last().map_or(0, |bar| bar.start + bar.n_steps);
        let tones = self.tones(end);
        let score = Score {
            title: options.title.clone(),
            steps_per_quarter: self.steps_per_quarter,
            parts: vec![Part {
                name: options.part_name.clone(),
                sounds: Sounds::Unknown,
                staves: vec![Staff::of_line(&tones, &bars)],
                signs: Signs::default(),
            }],
            tempos: vec![(0, options.qpm)],
            bars,
        };
        Ok(score.checked()?.to_document())
    }

    /// Its notes; one that still sounds at the end is held to the end of the last bar.
    fn tones(&self, end: u32) -> Vec<Tone> {
        let mut tones: Vec<Tone> = Vec::new();
        let mut is_sounding = false;
        for (step, event) in (0_u32..).zip(&self.events) {
            if *event == MelodyEvent::NoEvent {
                continue;
            }
            if let (true, Some(last)) = (is_sounding, tones.last_mut()) {
                last.end = step;
            }
            is_sounding = false;
            if let MelodyEvent::NoteOn(pitch) = *event {
                tones.push(Tone { start: step, end, pitch, velocity: None });
                is_sounding = true;
            }
        }
        tones
    }
}

impl NoteSequence {
    /// The sequence as a MusicXML 4.0 document: a part for each instrument, with its name, its
    /// program and its loudness; meters, tempos and keys at their changes.
    ///
    /// Notes are moved to the nearest step of the grid and last at least one step. A part has up to
    /// two voices on a staff, and more only for overlapping notes of one pitch; notes that overlap
    /// within a voice, cross a bar line or fit no note value are written as tied notes, so that
    /// each note keeps its onset, its pitch and its duration. Keyboards and harps get two staves if
    /// they play both low and high. Drums are written on a percussion staff. Without key
    /// signatures, the key is the one that fits best. The last bar is padded.
    ///
    /// # Errors
    /// Returns a [`MusicXmlError`].
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Note, NoteSequence, Pitch, ScoreOptions};
    /// let mut sequence = NoteSequence::default();
    /// for (pitch, start_time, end_time) in [(60, 0.0, 3.0), (72, 0.5, 1.0)] {
    ///     let pitch = Pitch::new(pitch)?;
    ///     sequence.push(Note { pitch, start_time, end_time, ..Note::default() });
    /// }
    /// let document = sequence.to_musicxml(&ScoreOptions::default())?;
    /// // C4 lasts six quarters, over a bar line.
    /// assert!(document.contains("<tied type=\"start\"/>"));
    /// assert_eq!(document.matches("<measure").count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_musicxml(&self, options: &ScoreOptions) -> Result<String, MusicXmlError> {
        Ok(notate::score(self, options)?.checked()?.to_document())
    }
}

/// Whether every number of steps has note values.
fn has_values(steps_per_quarter: StepsPerQuarter) -> bool {
    values(1, steps_per_quarter).is_some()
}
