//! How written music sounds, where a user wants it otherwise.

use note_seq::{DEFAULT_QPM, NoteSequence, Program, Qpm, Velocity};
use serde::Serialize;

/// Tempo, sounds and loudness that take the place of the music's own; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sound {
    /// The first tempo, in quarter notes a minute; later changes keep their proportion.
    pub qpm: Option<Qpm>,
    /// Programs of the parts that are no drums, in the order of their instrument numbers; further parts keep
    /// theirs.
    pub programs: Vec<Program>,
    /// Velocity of every note.
    pub velocity: Option<Velocity>,
}

impl Sound {
    /// Whether nothing is changed.
    pub fn is_own(&self) -> bool {
        *self == Self::default()
    }

    /// Changes a sequence.
    pub fn apply(&self, sequence: &mut NoteSequence) {
        if let Some(qpm) = self.qpm {
            let first = sequence.tempos.iter().min_by(|a, b| a.time.total_cmp(&b.time));
            let own = first.map_or(DEFAULT_QPM, |tempo| tempo.qpm);
            // Music at this tempo already keeps its times to the last bit.
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
        for note in &mut sequence.notes {
            if let (false, Some(program)) = (note.is_drum, program_of(note.instrument)) {
                note.program = program;
            }
            note.velocity = self.velocity.unwrap_or(note.velocity);
        }
    }
}

#[cfg(test)]
mod tests {
    use note_seq::{Note, Tempo};

    use super::*;

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
        };
        sound.apply(&mut music);
        let programs: Vec<(u32, u8)> =
            music.notes.iter().map(|n| (n.instrument, n.program.get())).collect();
        // Drums keep theirs, and so does the third part.
        assert_eq!(programs, [(9, 7), (4, 7), (0, 40), (2, 41)]);
        assert!(music.notes.iter().all(|n| n.velocity.get() == 99));
        // 120 to 90: everything lasts four thirds as long.
        let tempos: Vec<(f64, f64)> = music.tempos.iter().map(|t| (t.time, t.qpm)).collect();
        assert!((tempos[1].0 - 8.0 / 3.0).abs() < 1e-12 && (tempos[1].1 - 45.0).abs() < 1e-12);
        assert!((music.total_time - 4.0).abs() < 1e-12);
    }
}
