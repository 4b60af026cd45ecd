//! Melodies of nine known factors, each in one way only: what a latent space can be measured by.
//!
//! The data set is that of dMelodies (Pati, Gururani and Lerch 2020, "dMelodies: a music dataset
//! for disentanglement learning"), written from its published description: two bars of 4/4 that
//! play the cadence I IV V I as broken triads, two chords of three eighth notes to a bar. The
//! factors are the tonic (12), the octave (3), the scale (major, minor, blues), for each bar which
//! six of its eight eighths have notes (28), and for each chord whether it goes up or down:
//! 1,354,752 melodies.
//!
//! The description leaves open which minor scale it is, how triads are built on the six tones of
//! the blues scale, and the names of octaves. Here it is the harmonic minor scale, every other tone
//! of a scale makes a triad, and the octaves begin at C3, C4 and C5, so that all melodies stay on a
//! piano.

use std::path::Path;

use note_seq::midi::{self, WriteOptions};
use note_seq::{
    InstrumentInfo, Note, NoteSequence, Pitch, Program, Tempo, TimeSignature, Velocity,
};
use rand::seq::index;

use crate::artifact::{ArtifactError, ArtifactResult, create_folder};
use crate::overwrite::Overwrite;

/// Eighths of a bar, and those that have notes.
const EIGHTHS: usize = 8;
const NOTES_OF_BAR: u32 = 6;
/// Seconds of an eighth at 120 quarter notes a minute.
const EIGHTH: f64 = 0.25;
/// Semitones above the tonic.
const SCALES: [&[i32]; 3] =
    [&[0, 2, 4, 5, 7, 9, 11], &[0, 2, 3, 5, 7, 8, 11], &[0, 3, 5, 6, 7, 10]];
/// The lowest steps of the chords I, IV, V and I.
const CHORDS: [usize; 4] = [0, 3, 4, 0];
/// The MIDI number of C3, where the lowest octave begins.
const LOWEST: i32 = 48;
/// Files in a folder.
const FILES_OF_FOLDER: usize = 1000;

/// The factors with their numbers of values.
pub const FACTORS: [(&str, usize); 9] = [
    ("tonic", 12),
    ("octave", 3),
    ("scale", 3),
    ("rhythm 1", 28),
    ("rhythm 2", 28),
    ("chord 1", 2),
    ("chord 2", 2),
    ("chord 3", 2),
    ("chord 4", 2),
];

/// Number of melodies.
pub const N_MELODIES: usize = 12 * 3 * 3 * 28 * 28 * 16;

/// A melody by the values of its factors, in the order of [`FACTORS`].
///
/// # Examples
/// ```
/// use corpus::synthetic::dmelodies::DMelody;
/// let melody = DMelody([2, 1, 0, 0, 27, 1, 0, 1, 1]);
/// assert_eq!(melody.name(), "2-1-0-0-27-1-0-1-1");
/// assert_eq!(DMelody::from_name("2-1-0-0-27-1-0-1-1"), Some(melody));
/// assert_eq!(melody.sequence().notes.len(), 12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DMelody(
    /// The values, each from 0.
    pub [usize; 9],
);

impl DMelody {
    /// Melody number `index` of all.
    ///
    /// # Panics
    /// For a number of 1,354,752 or more.
    pub fn new(index: usize) -> Self {
        assert!(index < N_MELODIES, "there are {N_MELODIES} melodies");
        let mut rest = index;
        Self(FACTORS.map(|(_, n)| {
            let value = rest % n;
            rest /= n;
            value
        }))
    }

    /// The values, joined by `-`.
    pub fn name(self) -> String {
        self.0.map(|value| value.to_string()).join("-")
    }

    /// The melody of a name, if it is one.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut values = name.split('-').zip(FACTORS).map(|(value, (_, n))| {
            let value: usize = value.parse().ok()?;
            (value < n).then_some(value)
        });
        let mut of = [0; 9];
        for value in &mut of {
            *value = values.next()??;
        }
        (name.split('-').count() == FACTORS.len()).then_some(Self(of))
    }

    /// Its notes: the eighth at which each begins, from 0 to 15, and its MIDI number.
    pub fn notes(self) -> [(usize, u8); 12] {
        let [tonic, octave, scale, first, second, ..] = self.0;
        let scale = SCALES[scale];
        let root = LOWEST + 12 * whole(octave) + whole(tonic);
        let pitch = |step: usize| root + 12 * whole(step / scale.len()) + scale[step % scale.len()];
        let onsets = onsets(first).into_iter().chain(onsets(second).map(|at| at + EIGHTHS));
        let steps = CHORDS.iter().zip(&self.0[5..]).flat_map(|(lowest, goes_down)| {
            let up = [0, 2, 4].map(|third| lowest + third);
            if *goes_down == 1 { [up[2], up[1], up[0]] } else { up }
        });
        let mut notes = [(0, 0); 12];
        for ((note, onset), step) in notes.iter_mut().zip(onsets).zip(steps) {
            *note = (onset, u8::try_from(pitch(step)).expect("at most three octaves above C3"));
        }
        notes
    }

    /// The melody as a sequence at 120 quarter notes a minute, every note an eighth long.
    pub fn sequence(self) -> NoteSequence {
        let note = |(onset, pitch): (usize, u8)| Note {
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::saturating(80),
            start_time: onset as f64 * EIGHTH,
            end_time: (onset + 1) as f64 * EIGHTH,
            instrument: 0,
            program: Program::default(),
            is_drum: false,
        };
        NoteSequence {
            ticks_per_quarter: 480,
            tempos: vec![Tempo { time: 0.0, qpm: 120.0 }],
            time_signatures: vec![TimeSignature::default()],
            notes: self.notes().map(note).to_vec(),
            instrument_infos: vec![InstrumentInfo { instrument: 0, name: "melody".to_owned() }],
            total_time: 2.0 * EIGHTHS as f64 * EIGHTH,
            ..NoteSequence::default()
        }
    }
}

/// The eighths of a bar that have notes in rhythm number `rhythm`, in the order of the numbers
/// whose binary digits they are.
fn onsets(rhythm: usize) -> [usize; 6] {
    let with_six = (0_u32..1 << EIGHTHS).filter(|places| places.count_ones() == NOTES_OF_BAR);
    let places = with_six.into_iter().nth(rhythm).expect("there are 28 rhythms");
    let mut onsets = [0; 6];
    let set = (0..EIGHTHS).filter(|at| places >> at & 1 == 1);
    onsets.iter_mut().zip(set).for_each(|(onset, at)| *onset = at);
    onsets
}

fn whole(value: usize) -> i32 {
    i32::try_from(value).expect("a value of a factor is small")
}

/// Writes `n` melodies (at most all), drawn at random without repetition, as
/// `FOLDER/NUMBER/FACTORS.mid`. Returns how many they are.
///
/// # Errors
/// Returns an [`ArtifactError`] if a file can't be written or is another program's.
pub fn write_melodies(
    folder: &Path,
    n: usize,
    seed: u64,
    overwrite: Overwrite,
) -> ArtifactResult<usize> {
    let mut rng = seed::stream(seed, "dmelodies", 0);
    let drawn = index::sample(&mut rng, N_MELODIES, n.min(N_MELODIES)).into_vec();
    for (number, some) in drawn.chunks(FILES_OF_FOLDER).enumerate() {
        let folder = folder.join(format!("{number:04}"));
        create_folder(&folder)?;
        for melody in some.iter().copied().map(DMelody::new) {
            let path = folder.join(format!("{}.mid", melody.name()));
            let bytes = midi::write(&melody.sequence(), &WriteOptions::default());
            let bytes = bytes.map_err(|error| ArtifactError::Io {
                action: "write",
                path: path.clone(),
                source: std::io::Error::other(error),
            })?;
            overwrite.write(&path, &bytes)?;
        }
    }
    Ok(drawn.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_melody_by_hand() {
        // D major, the middle octave; notes on the first six eighths, then on the last six; the
        // first chord down, the others up. D4 is 62.
        let notes = DMelody([2, 1, 0, 0, 27, 1, 0, 0, 0]).notes();
        let pitches = notes.map(|(_, pitch)| pitch);
        // I: D F# A down; IV: G B D; V: A C# E; I.
        assert_eq!(pitches, [69, 66, 62, 67, 71, 74, 69, 73, 76, 62, 66, 69]);
        let onsets = notes.map(|(onset, _)| onset);
        assert_eq!(onsets, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
        // A harmonic minor has G sharp in its fifth chord, C blues E flat G in its first.
        let minor = DMelody([9, 0, 1, 0, 0, 0, 0, 0, 0]).notes().map(|(_, pitch)| pitch);
        assert_eq!(minor[6..9], [64, 68, 71]);
        let blues = DMelody([0, 0, 2, 0, 0, 0, 0, 0, 0]).notes().map(|(_, pitch)| pitch);
        assert_eq!(blues[..6], [48, 53, 55, 54, 58, 63]);
    }

    #[test]
    fn every_number_is_one_melody() {
        assert_eq!(N_MELODIES, 1_354_752);
        assert_eq!(FACTORS.iter().map(|(_, n)| n).product::<usize>(), N_MELODIES);
        let rhythms: BTreeSet<[usize; 6]> = (0..28).map(onsets).collect();
        assert_eq!(rhythms.len(), 28);
        let some: Vec<DMelody> = (0..N_MELODIES).step_by(997).map(DMelody::new).collect();
        let notes: BTreeSet<[(usize, u8); 12]> = some.iter().map(|m| m.notes()).collect();
        assert_eq!(notes.len(), some.len());
        for melody in &some {
            assert_eq!(DMelody::from_name(&melody.name()), Some(*melody));
            assert!(melody.notes().iter().all(|(_, pitch)| (21..=108).contains(pitch)));
        }
        for wrong in ["", "1-2", "12-0-0-0-0-0-0-0-0", "0-0-0-0-0-0-0-0-0-0", "a-0-0-0-0-0-0-0-0"] {
            assert_eq!(DMelody::from_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_file_is_one_window_with_its_factors_in_its_name() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write_melodies(folder.path(), 3, 1, Overwrite::default()).unwrap(), 3);
        let kind = crate::kind::Kind::mel_2bar();
        let names: Vec<_> =
            std::fs::read_dir(folder.path().join("0000")).unwrap().map(Result::unwrap).collect();
        assert_eq!(names.len(), 3);
        for file in names {
            let stem = file.path().file_stem().unwrap().to_str().unwrap().to_owned();
            let melody = DMelody::from_name(&stem).unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            let read = midi::read(&bytes, &midi::ReadOptions::default()).unwrap();
            let windows = kind.windows(&read.sequence).windows;
            assert_eq!(windows.iter().filter(|window| window.start_bar == 0).count(), 1);
            // Two sixteenths an eighth: token 2 is the lowest pitch of a piano, 21.
            for (onset, pitch) in melody.notes() {
                assert_eq!(windows[0].tokens[2 * onset], u16::from(pitch) - 19);
            }
        }
    }
}
