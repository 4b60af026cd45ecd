//! Music composed by rule, in known styles: for first runs and for tests.
//!
//! A piece has 16 bars of 4/4: a melody over a chord progression, with a bass and, in some styles,
//! drums. The styles differ in scale, rhythm, register and contour, clearly enough to be told apart
//! by ear or by counting. Within a style, the key, progression, motifs and turns are drawn for each
//! piece, and motifs return as in real tunes.

pub mod dmelodies;
mod judge;
mod rules;

use std::path::Path;

use note_seq::midi::{self, WriteOptions};
use note_seq::vocabulary::STEPS_PER_BAR;
use note_seq::{
    InstrumentInfo, Note, NoteSequence, Pitch, Program, Tempo, TimeSignature, Velocity,
};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::artifact::{ArtifactError, ArtifactResult, create_folder};
use crate::overwrite::Overwrite;
use rules::{STYLES, Style};

pub use judge::{Verdict, judge};

/// Number of bars of a piece.
const N_BARS: usize = 16;

/// The names of the styles.
pub fn style_names() -> Vec<&'static str> {
    STYLES.iter().map(|style| style.name).collect()
}

/// Piece number `index` of a style.
///
/// # Panics
/// If `style_idx` is out of range; see [`style_names`].
pub fn piece(style_idx: usize, seed: u64, index: u64) -> NoteSequence {
    let style = &STYLES[style_idx];
    let mut rng = seed::stream(seed, style.name, index);
    Composer::new(style, &mut rng).piece(&mut rng)
}

/// Writes `n_pieces` of each of some styles, given as indices into [`style_names`], to
/// `FOLDER/STYLE/NUMBER.mid`.
///
/// # Errors
/// Returns an error if a file can't be written.
///
/// # Panics
/// If a style index is out of range.
pub fn write_corpus(
    folder: &Path,
    styles: &[usize],
    n_pieces: u64,
    seed: u64,
) -> ArtifactResult<()> {
    write_corpus_with(folder, styles, n_pieces, seed, Overwrite::default())
}

/// Like [`write_corpus`], with a rule for overwriting existing files.
///
/// # Errors
/// Same as [`write_corpus`], and [`ArtifactError::NotOwn`] if an existing file must be kept.
///
/// # Panics
/// Same as [`write_corpus`].
pub fn write_corpus_with(
    folder: &Path,
    styles: &[usize],
    n_pieces: u64,
    seed: u64,
    overwrite: Overwrite,
) -> ArtifactResult<()> {
    for style_idx in styles.iter().copied() {
        let name = STYLES[style_idx].name;
        let style = folder.join(name);
        create_folder(&style)?;
        for index in 0..n_pieces {
            let path = style.join(format!("{name}-{index:03}.mid"));
            let bytes = midi::write(&piece(style_idx, seed, index), &WriteOptions::default())
                .map_err(|error| ArtifactError::Io {
                    action: "write",
                    path: path.clone(),
                    source: std::io::Error::other(error),
                })?;
            overwrite.write(&path, &bytes)?;
        }
    }
    Ok(())
}

/// The state of a composition.
struct Composer<'a> {
    style: &'a Style,
    tonic: i32,
    progression: [usize; 4],
    seconds_per_step: f64,
    sequence: NoteSequence,
}

impl<'a> Composer<'a> {
    fn new(style: &'a Style, rng: &mut ChaCha8Rng) -> Self {
        let mut sequence = NoteSequence {
            ticks_per_quarter: 480,
            tempos: vec![Tempo { time: 0.0, qpm: style.qpm }],
            time_signatures: vec![TimeSignature::default()],
            ..NoteSequence::default()
        };
        for (instrument, name) in [(0, "melody"), (1, "bass"), (2, "drums")] {
            if instrument < 2 || style.drums {
                let name = name.to_owned();
                sequence.instrument_infos.push(InstrumentInfo { instrument, name });
            }
        }
        Self {
            style,
            tonic: style.register + rng.random_range(-3..=3),
            progression: *style.progressions.choose(rng).expect("each style has some"),
            seconds_per_step: 60.0 / style.qpm / 4.0,
            sequence,
        }
    }

    /// A four-bar phrase, its answer, and both again with new turns: `A B A' B'`.
    fn piece(mut self, rng: &mut ChaCha8Rng) -> NoteSequence {
        let motifs: Vec<&[(usize, usize)]> =
            (0..3).map(|_| *self.style.rhythms.choose(rng).expect("each style has some")).collect();
        let form = [0, 1, 0, 2];
        let mut degree = 0;
        for bar in 0..N_BARS {
            let root = i32::try_from(self.progression[bar % 4]).expect("a degree of a scale");
            let rhythm = motifs[form[bar % 4]];
            for (n, (step, length)) in rhythm.iter().enumerate() {
                if n == 0 {
                    // A bar begins on a chord tone near the last note of the previous bar.
                    degree = self.chord_tone_near(root, degree);
                } else {
                    degree += self.style.motion.choose(rng).expect("each style has some");
                }
                degree = degree.clamp(-6, 8);
                let last = bar == N_BARS - 1 && n == rhythm.len() - 1;
                let pitch = self.pitch(if last { 0 } else { degree });
                self.note(0, 0, pitch, 88, bar * STEPS_PER_BAR + step, *length);
            }
            self.accompany(bar, root);
        }
        self.sequence
    }

    fn chord_tone_near(&self, root: i32, degree: i32) -> i32 {
        let n = i32::try_from(self.style.scale.len()).expect("a scale is short");
        (-2..=2)
            .flat_map(|octave| [0, 2, 4].map(|third| root + third + octave * n))
            .min_by_key(|tone| (tone - degree).abs())
            .unwrap_or(root)
    }

    fn accompany(&mut self, bar: usize, root: i32) {
        let bass = self.pitch(root) - 24;
        let bass = if bass < 36 { bass + 12 } else { bass };
        self.note(1, 33, bass, 80, bar * STEPS_PER_BAR, 8);
        self.note(1, 33, bass, 76, bar * STEPS_PER_BAR + 8, 8);
        if self.style.drums {
            for beat in 0..4 {
                let drum = if beat % 2 == 0 { 36 } else { 38 };
                self.note(2, 0, drum, 90, bar * STEPS_PER_BAR + beat * 4, 1);
                self.note(2, 0, 42, 70, bar * STEPS_PER_BAR + beat * 4 + 2, 1);
            }
        }
    }

    /// The pitch of a scale degree; 0 is the tonic, negative degrees are below it.
    fn pitch(&self, degree: i32) -> i32 {
        let n = i32::try_from(self.style.scale.len()).expect("a scale is short");
        let tone = usize::try_from(degree.rem_euclid(n)).expect("not negative");
        self.tonic + 12 * degree.div_euclid(n) + self.style.scale[tone]
    }

    fn note(
        &mut self,
        instrument: u32,
        program: u8,
        pitch: i32,
        velocity: u8,
        step: usize,
        length: usize,
    ) {
        self.sequence.push(Note {
            pitch: Pitch::saturating(u8::try_from(pitch.clamp(0, 127)).expect("clamped")),
            velocity: Velocity::saturating(velocity),
            start_time: step as f64 * self.seconds_per_step,
            end_time: (step + length) as f64 * self.seconds_per_step,
            instrument,
            program: Program::saturating(program),
            is_drum: instrument == 2,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn each_piece_is_one_melody_of_sixteen_bars_and_its_own() {
        let kind = Kind::mel_2bar();
        for style in 0..STYLES.len() {
            let piece_0 = piece(style, 1, 0);
            assert_eq!(piece(style, 1, 0), piece_0);
            assert_ne!(piece(style, 1, 1).notes, piece_0.notes);
            assert_ne!(piece(style, 2, 0).notes, piece_0.notes);
            let windows = kind.windows(&piece_0).windows;
            // Some windows repeat within a piece, because bars return.
            assert!((4..=15).contains(&windows.len()), "{} windows", windows.len());
            assert!(windows.iter().all(|w| w.instruments == [0]));
        }
    }

    #[test]
    fn the_styles_differ_in_density_and_register() {
        let figures = |style: usize| {
            let notes: Vec<i32> = (0..20)
                .flat_map(|i| piece(style, 7, i).notes)
                .filter(|n| n.instrument == 0)
                .map(|n| i32::from(n.pitch.get()))
                .collect();
            let mean = f64::from(notes.iter().sum::<i32>()) / notes.len() as f64;
            (notes.len() as f64 / (20.0 * 16.0), mean)
        };
        let [hymn, reel, blues, toccata, fanfare, lullaby, habanera, drift, _] =
            [0, 1, 2, 3, 4, 5, 6, 7, 8].map(figures);
        // Notes per bar: about 3, 8, 4 and 14 by the rhythms above.
        assert!(hymn.0 < 4.5 && blues.0 < 4.5 && (6.0..9.0).contains(&reel.0) && toccata.0 > 11.0);
        // Mean pitch: reels are the highest, blues the lowest.
        assert!(reel.1 > toccata.1 + 3.0 && hymn.1 > blues.1 + 5.0, "{reel:?} {hymn:?}");
        assert!(lullaby.0 < 2.5 && drift.0 < 3.5 && (5.0..7.0).contains(&habanera.0));
        assert!(
            lullaby.1 > toccata.1 + 3.0 && habanera.1 < blues.1,
            "{lullaby:?} {habanera:?} {blues:?}"
        );
        assert!(fanfare.0 > hymn.0 + 1.0, "{fanfare:?}");
    }
}
