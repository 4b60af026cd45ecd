//! Rhythm: syncopation, and how varied the times between notes are.

use std::collections::BTreeMap;

use super::{STEPS_PER_BAR, entropy};
use crate::line::GridNote;

/// Metrical weight of a step in a bar of 4/4: 0 on the first beat, -1 on the third, -2 on the others, -3
/// on eighths, -4 on sixteenths.
fn weight(step: usize) -> i32 {
    match step % STEPS_PER_BAR {
        0 => 0,
        8 => -1,
        4 | 12 => -2,
        odd if odd % 2 == 1 => -4,
        _ => -3,
    }
}

/// Syncopation after Longuet-Higgins and Lee (*The rhythmic interpretation of monophonic music*, 1984),
/// in all of `n_steps` of 4/4.
///
/// A note is syncopated where the strongest step before the next note begins (a step on which it is held,
/// or on which nothing sounds) is stronger than its own; it adds the difference of the two metrical
/// weights, 1 to 4.
///
/// # Examples
/// ```
/// use controlgen::features::syncopation;
/// use controlgen::line::GridNote;
/// let note = |start, end| GridNote { start, end, pitch: 60 };
/// // Quarters on the beat, and the same an eighth too early.
/// assert_eq!(syncopation(&[note(0, 4), note(4, 8), note(8, 12)], 12), 0);
/// assert_eq!(syncopation(&[note(2, 6), note(6, 10)], 12), 1 + 2);
/// ```
pub fn syncopation(notes: &[GridNote], n_steps: usize) -> i32 {
    let next = notes.iter().skip(1).map(|note| note.start).chain([n_steps]);
    notes
        .iter()
        .zip(next)
        .map(|(note, next)| {
            // No step is stronger than the first of a bar, so a bar is far enough.
            let until = next.min(note.start + STEPS_PER_BAR + 1);
            let strongest = (note.start + 1..until).map(weight).max();
            strongest.map_or(0, |strongest| (strongest - weight(note.start)).max(0))
        })
        .sum()
}

/// Entropy of the times from one note's beginning to the next one's, in bits; none for fewer than two notes.
pub(super) fn inter_onset_entropy(notes: &[GridNote]) -> Option<f64> {
    let mut counts = BTreeMap::<usize, f64>::new();
    for pair in notes.windows(2) {
        *counts.entry(pair[1].start - pair[0].start).or_default() += 1.0;
    }
    (!counts.is_empty()).then(|| entropy(&counts.into_values().collect::<Vec<f64>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncopations_count_by_how_much_stronger_the_skipped_beat_is() {
        let note = |start, end| GridNote { start, end, pitch: 60 };
        // From the last sixteenth over the bar line: 0 - (-4); from the fourth beat over it: 0 - (-2).
        assert_eq!(syncopation(&[note(15, 18)], 32), 4);
        assert_eq!(syncopation(&[note(12, 20)], 32), 2);
        // A note before a rest counts as well.
        assert_eq!(syncopation(&[note(3, 4), note(5, 6)], 8), 2 + 1);
        // Nothing is stronger than the first beat, and what goes on to the end skips no more.
        assert_eq!(syncopation(&[note(0, 32)], 32), 0);
        assert_eq!(syncopation(&[note(31, 32)], 32), 0);
        assert_eq!(syncopation(&[], 32), 0);
    }
}
