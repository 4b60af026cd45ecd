//! Pitch: intervals, pitch classes, their entropy, scale and key.

use crate::key::Key;
use crate::window::GridNote;

/// Semitones of a major scale; natural minor is the major scale of another tonic.
pub const MAJOR_SCALE: [usize; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Semitones from each note to the next.
pub fn intervals(notes: &[GridNote]) -> impl Iterator<Item = i32> {
    notes.windows(2).map(|pair| pair[1].pitch - pair[0].pitch)
}

/// Mean size of the intervals from note to note, in semitones; `None` for fewer than two notes.
pub fn mean_interval(notes: &[GridNote]) -> Option<f64> {
    super::mean(intervals(notes).map(|interval| f64::from(interval.abs())))
}

/// Semitones from the lowest to the highest pitch; `None` without notes.
pub fn pitch_range(notes: &[GridNote]) -> Option<i32> {
    let pitches = || notes.iter().map(|note| note.pitch);
    pitches().max().zip(pitches().min()).map(|(high, low)| high - low)
}

/// The sum of a weight over the notes of each pitch class, C first.
pub fn pitch_classes(notes: &[GridNote], weight: impl Fn(&GridNote) -> f64) -> [f64; 12] {
    let mut classes = [0.0; 12];
    for note in notes {
        classes[note.pitch_class()] += weight(note);
    }
    classes
}

/// Number of steps that each pitch class sounds, C first.
pub fn pitch_class_durations(notes: &[GridNote]) -> [f64; 12] {
    pitch_classes(notes, |note| note.n_steps() as f64)
}

/// Entropy of counts, `-Σ p log₂ p` in bits; 0 if all are 0.
///
/// # Examples
/// ```
/// assert_eq!(note_seq::features::entropy_bits(&[1.0, 2.0, 1.0, 0.0]), 1.5);
/// ```
pub fn entropy_bits(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    // `+ 0.0` turns the −0 of one class into 0.
    -counts.iter().filter(|c| **c > 0.0).map(|c| c / total * (c / total).log2()).sum::<f64>() + 0.0
}

/// The largest fraction of notes that one of the twelve major scales contains (the natural minor
/// scales are the same sets), from the number of notes of each pitch class: scale consistency in
/// `MusPy` 0.5 (`metrics.py`). `None` without notes.
///
/// # Examples
/// ```
/// let mut counts = [0.0; 12];
/// (counts[0], counts[4], counts[7], counts[1]) = (1.0, 1.0, 1.0, 1.0);
/// assert_eq!(note_seq::features::scale_consistency(&counts), Some(0.75)); // all but C#
/// ```
pub fn scale_consistency(counts: &[f64; 12]) -> Option<f64> {
    let in_scale = |tonic: usize| MAJOR_SCALE.iter().map(|s| counts[(tonic + s) % 12]).sum::<f64>();
    let total: f64 = counts.iter().sum();
    (total > 0.0).then(|| (0..12).map(in_scale).fold(0.0, f64::max) / total)
}

/// The key that best fits the duration of each pitch class, by [`Key::find`]; `None` without notes.
pub fn key(notes: &[GridNote]) -> Option<Key> {
    Key::find(&pitch_class_durations(notes))
}
