//! Chord inference by Viterbi search over pairs of key and chord, like Python's
//! `infer_chords_for_sequence`.

use thiserror::Error;

use super::viterbi::{N_CHORDS, N_STATES, Transitions};
use super::{Chord, ChordAt, ChordKind, ChordProgression};
use crate::quantize::QuantizeError;
use crate::quantized::Grid;
use crate::sequence::NoteSequence;
use crate::units::{Seconds, Step, StepsPerQuarter};

/// Pitch classes of a major key, in semitones above the tonic.
const KEY_PITCHES: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Reason why no chords could be inferred.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum ChordError {
    /// The sequence cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// There is no default number of chords per bar for the meter.
    #[error(
        "there is no default number of chords per bar in {numerator}/{denominator} (known: 2/2, \
         2/4, 3/4, 4/4, 6/8); \
             set `chords_per_bar`"
    )]
    UncommonTimeSignature {
        /// Beats per bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
    },
    /// A chord would not last a whole number of steps.
    #[error(
        "a chord would last {steps} steps, which is not a whole number above 0; choose another \
         `chords_per_bar`"
    )]
    NonIntegerStepsPerChord {
        /// Steps per chord.
        steps: f64,
    },
    /// The sequence has no notes.
    #[error("the sequence is empty")]
    Empty,
    /// There would be more than [`ChordInference::MAX_CHORDS`].
    #[error(
        "{n_chords} chords are too many (allowed: {}); cut the sequence",
        ChordInference::MAX_CHORDS
    )]
    TooLong {
        /// Number of chords.
        n_chords: f64,
    },
}

/// Infers chords.
///
/// The states are 12 major keys × (no chord + 12 roots × 8 kinds). A frame's observation is the
/// unit vector of the duration of each pitch class in it (without drums and unpitched programs);
/// its log-likelihood under a chord is `concentration · ⟨observation, unit vector of the chord⟩`.
/// Defaults are those of Python.
///
/// # Examples
/// ```
/// use note_seq::chords::ChordInference;
/// use note_seq::{Note, NoteSequence, Pitch, StepsPerQuarter};
/// let mut sequence = NoteSequence::default();
/// for (bar, pitches) in [[60, 64, 67], [57, 60, 64]].iter().enumerate() {
///     let start_time = bar as f64 * 2.0;
///     for pitch in pitches {
///         let pitch = Pitch::new(*pitch)?;
///         let end_time = start_time + 2.0;
///         sequence.push(Note { pitch, start_time, end_time, ..Note::default() });
///     }
/// }
/// let grid = StepsPerQuarter::SIXTEENTHS;
/// let progression = ChordInference::default().infer(&sequence, grid, None)?;
/// let texts = progression.to_annotations().into_iter();
/// let symbols: Vec<_> = texts.map(|t| (t.time, t.text)).collect();
/// assert_eq!(symbols, [(0.0, "C".to_owned()), (2.0, "Am".to_owned())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChordInference {
    concentration: f64,
    /// Log probability of a chord in a key, `[12, N_CHORDS]`.
    chord_in_key: Vec<f64>,
    transitions: Transitions,
}

impl Default for ChordInference {
    fn default() -> Self {
        Self::new(0.001, 0.5, 0.01, 100.0)
    }
}

impl ChordInference {
    /// Maximum number of chords for [`Self::infer`], as in Python.
    pub const MAX_CHORDS: usize = 1000;
    /// Maximum number of chords in one stretch of windows: over an hour of 4/4 at 120 quarter notes
    /// per minute. Inference then takes 38 MB of memory.
    pub(crate) const MAX_CHORDS_OF_WINDOWS: usize = 4096;

    /// Creates inference with the probabilities that the key and the chord change from one frame to
    /// the next and that a pitch of a chord is outside the key, and with the concentration of
    /// pitches around those of the chord.
    pub fn new(key_change: f64, chord_change: f64, out_of_key: f64, concentration: f64) -> Self {
        let in_key = chord_in_key(out_of_key);
        let transitions = Transitions::new(key_change, chord_change, &in_key);
        Self { concentration, chord_in_key: in_key.iter().map(|p| p.ln()).collect(), transitions }
    }

    /// Infers `chords_per_bar` chords per bar (default: 2 in 4/4 and 6/8, 1 in 2/2, 2/4 and 3/4).
    ///
    /// # Errors
    /// Returns a [`ChordError`]. The sequence must have one tempo and one meter.
    pub fn infer(
        &self,
        sequence: &NoteSequence,
        steps_per_quarter: StepsPerQuarter,
        chords_per_bar: Option<u32>,
    ) -> Result<ChordProgression, ChordError> {
        self.infer_up_to(Self::MAX_CHORDS, sequence, steps_per_quarter, chords_per_bar)
    }

    /// Like [`Self::infer`], but with a given maximum number of chords.
    pub(crate) fn infer_up_to(
        &self,
        max_chords: usize,
        sequence: &NoteSequence,
        steps_per_quarter: StepsPerQuarter,
        chords_per_bar: Option<u32>,
    ) -> Result<ChordProgression, ChordError> {
        let quantized = sequence.quantize(steps_per_quarter)?;
        let Grid::Relative { qpm, time_signature, .. } = quantized.grid else {
            return Err(ChordError::Empty);
        };
        let chords_per_bar =
            match (chords_per_bar, time_signature.numerator, time_signature.denominator) {
                (Some(n), _, _) => n,
                (None, 4, 4) | (None, 6, 8) => 2,
                (None, 2, 2 | 4) | (None, 3, 4) => 1,
                (None, numerator, denominator) => {
                    return Err(ChordError::UncommonTimeSignature { numerator, denominator });
                }
            };
        let steps = quantized.steps_per_bar().unwrap_or_default() / f64::from(chords_per_bar);
        if !(steps >= 1.0 && steps.is_finite() && steps.fract() == 0.0) {
            return Err(ChordError::NonIntegerStepsPerChord { steps });
        }
        let seconds_per_chord = steps / steps_per_quarter.steps_per_second(qpm);
        let n_chords = (sequence.total_time / seconds_per_chord).ceil();
        if n_chords.is_nan() || n_chords < 1.0 {
            return Err(ChordError::Empty);
        }
        if n_chords > max_chords as f64 {
            return Err(ChordError::TooLong { n_chords });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to `max_chords`"
        )]
        let n_frames = n_chords as usize;
        let states = self.states(&pitch_vectors(sequence, seconds_per_chord, n_frames));
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 2^48 steps")]
        let steps = steps as Step;
        let mut chords: Vec<ChordAt> = Vec::new();
        for ((state, frame), step) in
            states.into_iter().zip(0..).zip((0..).step_by(usize::try_from(steps).unwrap_or(1)))
        {
            let chord = (state % N_CHORDS).checked_sub(1).map(chord_of);
            if chords.last().is_none_or(|last| last.chord != chord) {
                let key = u8::try_from(state / N_CHORDS).unwrap_or_default();
                chords.push(ChordAt {
                    time: f64::from(frame) * seconds_per_chord,
                    step,
                    key,
                    chord,
                });
            }
        }
        Ok(ChordProgression { chords })
    }

    /// The most probable state of every frame; the first of equal ones.
    fn states(&self, frames: &[[f64; 12]]) -> Vec<usize> {
        let chords: Vec<(f64, Vec<u8>)> =
            (0..N_CHORDS - 1).map(|i| unit_vector(chord_of(i))).collect();
        let likelihoods = |frame: &[f64; 12]| -> Vec<f64> {
            // No chord has no pitches.
            let mut all = Vec::with_capacity(N_CHORDS);
            all.push(self.concentration * 0.0);
            all.extend(chords.iter().map(|(length, pitches)| {
                let dot = pitches.iter().map(|p| length * frame[usize::from(*p)]).sum::<f64>();
                self.concentration * dot
            }));
            all
        };
        let Some((first, rest)) = frames.split_first() else { return Vec::new() };
        let observed = likelihoods(first);
        let scores = (0..N_STATES)
            .map(|state| -(12.0_f64.ln()) + self.chord_in_key[state] + observed[state % N_CHORDS])
            .collect();
        self.transitions.path(scores, rest.iter().map(likelihoods))
    }
}

/// The chord with the index `1 + 8 · root + kind`, minus one.
fn chord_of(index: usize) -> Chord {
    let root = u8::try_from(index / ChordKind::ALL.len()).unwrap_or_default();
    Chord::new(root, ChordKind::ALL[index % ChordKind::ALL.len()])
}

/// Probability of every chord in every key: the product over its pitches of `1 − out_of_key` in the
/// key and `out_of_key` outside, normalized to sum 1.
pub(super) fn chord_in_key(out_of_key: f64) -> Vec<f64> {
    let mut table = Vec::with_capacity(N_STATES);
    for key in 0..12 {
        let is_in_key = |pitch: u8| KEY_PITCHES.contains(&((pitch + 12 - key) % 12));
        let weight = |chord: Chord| {
            let n_in = i32::try_from(chord.pitch_classes().filter(|p| is_in_key(*p)).count())
                .unwrap_or_default();
            let n_out = i32::try_from(chord.pitch_classes().filter(|p| !is_in_key(*p)).count())
                .unwrap_or_default();
            (1.0 - out_of_key).powi(n_in) * out_of_key.powi(n_out)
        };
        let row: Vec<f64> =
            std::iter::once(1.0).chain((0..N_CHORDS - 1).map(|i| weight(chord_of(i)))).collect();
        let sum: f64 = row.iter().sum();
        table.extend(row.iter().map(|w| w / sum));
    }
    table
}

/// A chord's unit vector over pitch classes: the value at each of its pitches, and these in
/// ascending order.
fn unit_vector(chord: Chord) -> (f64, Vec<u8>) {
    let mut pitches: Vec<u8> = chord.pitch_classes().collect();
    pitches.sort_unstable();
    (1.0 / (pitches.len() as f64).sqrt(), pitches)
}

/// For every frame, the unit vector of the duration of each pitch class in it; zero for silent
/// frames.
fn pitch_vectors(
    sequence: &NoteSequence,
    seconds_per_frame: Seconds,
    n_frames: usize,
) -> Vec<[f64; 12]> {
    let boundaries: Vec<Seconds> = (1..n_frames).map(|i| seconds_per_frame * i as f64).collect();
    let mut frames = vec![[0.0_f64; 12]; n_frames];
    for note in sequence.notes.iter().filter(|n| !n.is_drum && !n.program.is_unpitched()) {
        let class = usize::from(note.pitch.class());
        let first = boundaries.partition_point(|b| *b <= note.start_time);
        let last = boundaries.partition_point(|b| *b < note.end_time);
        if first >= last {
            frames[first][class] += note.end_time - note.start_time;
            continue;
        }
        frames[first][class] += boundaries[first] - note.start_time;
        for frame in first + 1..last {
            frames[frame][class] += boundaries[frame] - boundaries[frame - 1];
        }
        frames[last][class] += note.end_time - boundaries[last - 1];
    }
    for frame in &mut frames {
        let length = frame.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length > 0.0 {
            for x in frame.iter_mut() {
                *x /= length;
            }
        }
    }
    frames
}
