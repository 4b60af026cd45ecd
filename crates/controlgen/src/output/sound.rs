//! Playback settings for written music, chosen by the user.

use std::str::FromStr;

use note_seq::{DEFAULT_QPM, Family, NoteSequence, Program, Qpm, UnknownProgram, Velocity};
use serde::Serialize;
use thiserror::Error;

/// Tempo, programs and loudness that replace those of the music; unset fields leave it unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sound {
    /// The first tempo, in quarter notes per minute; later changes keep their proportion.
    pub qpm: Option<Qpm>,
    /// Programs of the parts other than drums, in order of their instrument numbers; further parts
    /// are unchanged.
    pub programs: Vec<Program>,
    /// Programs for families of instruments, wherever they occur in the music; of several for one
    /// family, the last counts. [`Self::programs`] takes precedence.
    pub instruments: Vec<(Family, Program)>,
    /// Velocity of every note.
    pub velocity: Option<Velocity>,
}

/// The program that plays a family of instruments: `keys=harpsichord`, `bass=33`.
///
/// # Examples
/// ```
/// use controlgen::output::InstrumentChoice;
/// use note_seq::{Family, Program};
/// let choice: InstrumentChoice = "keys=harpsichord".parse()?;
/// assert_eq!((choice.family, choice.program), (Family::Keys, Program::new(6)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentChoice {
    /// The family.
    pub family: Family,
    /// The program that plays it.
    pub program: Program,
}

/// A text that chooses no instrument.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnknownInstrument {
    /// No family and program.
    #[error(
        "`{text}` is not FAMILY=PROGRAM, for example keys=harpsichord; families are {}",
        families()
    )]
    NoChoice {
        /// The text.
        text: String,
    },
    /// Another family.
    #[error("`{name}` is not a family; allowed are {}", families())]
    Family {
        /// The name.
        name: String,
    },
    /// Another program.
    #[error(transparent)]
    Program(#[from] UnknownProgram),
}

/// What families are called where instruments are chosen for them.
const FAMILIES: [(&str, Family); 6] = [
    ("keys", Family::Keys),
    ("guitar", Family::Guitar),
    ("bass", Family::Bass),
    ("strings", Family::Strings),
    ("winds", Family::Winds),
    ("other", Family::Other),
];

fn families() -> String {
    FAMILIES.map(|(name, _)| name).join(", ")
}

impl InstrumentChoice {
    /// A choice by the name of the family and the number or name of the program.
    ///
    /// # Errors
    /// [`UnknownInstrument`].
    pub fn new(family: &str, program: &str) -> Result<Self, UnknownInstrument> {
        let name = family.trim().to_lowercase();
        let known = FAMILIES.into_iter().find(|(known, _)| *known == name);
        let (_, family) = known.ok_or(UnknownInstrument::Family { name: family.to_owned() })?;
        Ok(Self { family, program: program.parse()? })
    }
}

impl FromStr for InstrumentChoice {
    type Err = UnknownInstrument;

    fn from_str(text: &str) -> Result<Self, UnknownInstrument> {
        let no_choice = || UnknownInstrument::NoChoice { text: text.to_owned() };
        let (family, program) = text.split_once('=').ok_or_else(no_choice)?;
        Self::new(family, program)
    }
}

impl Sound {
    /// Whether the music is left unchanged.
    pub fn is_own(&self) -> bool {
        *self == Self::default()
    }

    /// Changes a sequence.
    pub fn apply(&self, sequence: &mut NoteSequence) {
        if let Some(qpm) = self.qpm {
            let first = sequence.tempos.iter().min_by(|a, b| a.time.total_cmp(&b.time));
            let own = first.map_or(DEFAULT_QPM, |tempo| tempo.qpm);
            // Music already at this tempo keeps its exact times.
            if (qpm - own).abs() > 1e-9 {
                sequence.stretch(own / qpm);
            }
        }
        let is_tonal = |instrument: &u32| {
            sequence.notes.iter().any(|n| n.instrument == *instrument && !n.is_drum)
        };
        let parts: Vec<u32> = sequence.instruments().into_iter().filter(is_tonal).collect();
        let program_of = |instrument: u32| {
            let part = parts.iter().position(|part| *part == instrument)?;
            self.programs.get(part).copied()
        };
        let program_of = |instrument: u32, own: Program| {
            let of_family = self.instruments.iter().rev();
            let mut of_family = of_family.filter(|(family, _)| *family == Family::new(own, false));
            program_of(instrument).or(of_family.next().map(|(_, program)| *program)).unwrap_or(own)
        };
        for note in &mut sequence.notes {
            if !note.is_drum {
                note.program = program_of(note.instrument, note.program);
            }
            note.velocity = self.velocity.unwrap_or(note.velocity);
        }
        // Pedals, volumes and bends belong to an instrument with its program, so they follow its
        // notes.
        for change in sequence.control_changes.iter_mut().filter(|change| !change.is_drum) {
            change.program = program_of(change.instrument, change.program);
        }
        for bend in sequence.pitch_bends.iter_mut().filter(|bend| !bend.is_drum) {
            bend.program = program_of(bend.instrument, bend.program);
        }
    }
}

#[cfg(test)]
mod tests {
    use note_seq::midi::{ReadOptions, WriteOptions, read, write};
    use note_seq::{ControlChange, Note, PitchBend, Tempo};

    use super::*;

    #[test]
    fn pedal_volume_and_bends_stay_under_another_program() {
        let mut music = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
        let instrument = 3;
        let velocity = Velocity::saturating(80);
        music.push(Note { instrument, velocity, end_time: 1.0, ..Note::default() });
        for (control_number, control_value) in [(64, 127), (7, 33)] {
            music.control_changes.push(ControlChange {
                control_number,
                control_value,
                instrument,
                ..ControlChange::default()
            });
        }
        music.pitch_bends.push(PitchBend {
            time: 0.5,
            bend: 4000,
            instrument,
            ..PitchBend::default()
        });
        let sound = Sound { programs: vec![Program::saturating(4)], ..Sound::default() };
        sound.apply(&mut music);
        // As a player receives it.
        let bytes = write(&music, &WriteOptions::default()).unwrap();
        let played = read(&bytes, &ReadOptions::strict()).unwrap().sequence;
        assert_eq!(played.notes[0].program.get(), 4);
        let controls: Vec<_> =
            played.control_changes.iter().map(|c| (c.control_number, c.control_value)).collect();
        assert_eq!(controls, [(64, 127), (7, 33)]);
        assert_eq!(played.pitch_bends.len(), 1);
    }

    #[test]
    fn families_are_played_by_the_programs_asked_for() {
        let mut music = NoteSequence::default();
        for (instrument, program, is_drum) in
            [(0, 0, false), (1, 6, false), (2, 40, false), (9, 0, true)]
        {
            let program = Program::saturating(program);
            music.push(Note { instrument, program, is_drum, end_time: 1.0, ..Note::default() });
        }
        let asked = |family, program| (family, Program::saturating(program));
        // A keyboard that becomes strings is not changed again.
        let instruments =
            vec![asked(Family::Keys, 5), asked(Family::Keys, 41), asked(Family::Strings, 73)];
        Sound { instruments: instruments.clone(), ..Sound::default() }.apply(&mut music);
        let programs = |music: &NoteSequence| -> Vec<u8> {
            music.notes.iter().map(|note| note.program.get()).collect()
        };
        assert_eq!(programs(&music), [41, 41, 73, 0]);
        let programs_first = vec![Program::saturating(20)];
        Sound { instruments, programs: programs_first, ..Sound::default() }.apply(&mut music);
        assert_eq!(programs(&music), [20, 73, 73, 0]);
    }

    #[test]
    fn what_is_given_takes_the_place_of_the_music_s_own() {
        let mut music = NoteSequence {
            tempos: vec![Tempo { time: 0.0, qpm: 120.0 }, Tempo { time: 2.0, qpm: 60.0 }],
            ..NoteSequence::default()
        };
        for (instrument, is_drum) in [(9, true), (4, false), (0, false), (2, false)] {
            let program = Program::saturating(7);
            let note = Note { instrument, is_drum, program, end_time: 3.0, ..Note::default() };
            music.push(note);
        }
        let own = music.clone();
        Sound::default().apply(&mut music);
        assert_eq!(music, own);

        let sound = Sound {
            qpm: Some(90.0),
            programs: vec![Program::saturating(40), Program::saturating(41)],
            velocity: Some(Velocity::saturating(99)),
            ..Sound::default()
        };
        sound.apply(&mut music);
        let programs: Vec<(u32, u8)> =
            music.notes.iter().map(|n| (n.instrument, n.program.get())).collect();
        // Drums keep their program, and so does the third part.
        assert_eq!(programs, [(9, 7), (4, 7), (0, 40), (2, 41)]);
        assert!(music.notes.iter().all(|n| n.velocity.get() == 99));
        // From 120 to 90: everything lasts four thirds as long.
        let tempos: Vec<(f64, f64)> = music.tempos.iter().map(|t| (t.time, t.qpm)).collect();
        assert!((tempos[1].0 - 8.0 / 3.0).abs() < 1e-12 && (tempos[1].1 - 45.0).abs() < 1e-12);
        assert!((music.total_time - 4.0).abs() < 1e-12);
    }
}
