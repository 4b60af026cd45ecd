//! Score of how melodic a track is.

use note_seq::{Note, NoteSequence};
use serde::{Deserialize, Serialize};

use super::prepare::{OVERLAP_SECONDS, skyline};

/// Number of notes at which the activity of a track is half its maximum.
const HALF_ACTIVITY: f64 = 16.0;
/// Number of different pitches from which variety is 1.
const ENOUGH_PITCHES: f64 = 8.0;
/// The pitches between which height rises from 0 to 1: from bass to soprano.
const HEIGHTS: (f64, f64) = (40.0, 72.0);
/// Typical melodic intervals in semitones.
const STEP_SEMITONES: std::ops::RangeInclusive<i32> = 1..=5;
/// Weights of the parts, in the order of [`MelodicScore`]; they sum to 1.
const WEIGHTS: [f64; 6] = [0.30, 0.15, 0.15, 0.10, 0.20, 0.10];
/// The score of a name that identifies the track.
const NAMED: f64 = 0.5;
/// Words in the names of melodies and of accompaniments.
const MELODY_WORDS: [&str; 11] = [
    "melod", "vocal", "voice", "lead", "sing", "tune", "solo", "soprano", "theme", "chant",
    "gesang",
];
const OTHER_WORDS: [&str; 9] =
    ["bass", "drum", "perc", "chord", "accomp", "backing", "pad", "rhythm", "left hand"];

/// Melodic score of a track: the part that sounds alone, and its amount, variety, height and
/// stepwise motion, all 0 to 1; after the features of Rizo, Ponce de León, Pérez-Sancho, Pertusa
/// and Iñesta, "A pattern recognition approach for melody track selection in MIDI files" (ISMIR
/// 2006).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MelodicScore {
    /// Fraction of its sounding time in which one note sounds.
    pub alone: f64,
    /// `n / (n + 16)` for `n` notes of its upper line.
    pub activity: f64,
    /// Fraction of the piece in which it sounds.
    pub presence: f64,
    /// Number of different pitches, up to 8, as a fraction of 8.
    pub variety: f64,
    /// Mean pitch of its upper line: 0 at MIDI number 40 and below, 1 at 72 and above.
    pub height: f64,
    /// Fraction of the upper line's intervals that are 1 to 5 semitones.
    pub steps: f64,
    /// 1 if its name says that it is a melody, -1 if it says that it is something else.
    pub name: f64,
}

impl MelodicScore {
    /// Scores the notes of one instrument of a piece.
    pub fn new(notes: &[Note], name: Option<&str>, piece: &NoteSequence) -> Self {
        let line = skyline(notes);
        let n = line.len() as f64;
        let (alone, sounding) = time_alone(notes);
        let first = piece.notes.iter().map(|n| n.start_time).fold(f64::INFINITY, f64::min);
        let last = piece.notes.iter().map(|n| n.end_time).fold(0.0, f64::max);
        let share = |part: f64, whole: f64| {
            if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
        };
        let pitches: std::collections::BTreeSet<_> = line.iter().map(|n| n.pitch).collect();
        let mean = line.iter().map(|n| f64::from(n.pitch.get())).sum::<f64>() / n.max(1.0);
        let intervals = line
            .windows(2)
            .map(|pair| (i32::from(pair[1].pitch.get()) - i32::from(pair[0].pitch.get())).abs());
        let n_steps = intervals.filter(|interval| STEP_SEMITONES.contains(interval)).count();
        Self {
            alone: share(alone, sounding),
            activity: n / (n + HALF_ACTIVITY),
            presence: share(sounding, last - first),
            variety: (pitches.len() as f64 / ENOUGH_PITCHES).min(1.0),
            height: ((mean - HEIGHTS.0) / (HEIGHTS.1 - HEIGHTS.0)).clamp(0.0, 1.0),
            steps: share(n_steps as f64, n - 1.0),
            name: name.map_or(0.0, of_name),
        }
    }

    /// The total as one number: 0 to 1, plus or minus up to a half for the name.
    pub fn total(&self) -> f64 {
        let parts =
            [self.alone, self.activity, self.presence, self.variety, self.height, self.steps];
        parts.iter().zip(WEIGHTS).map(|(part, weight)| part * weight).sum::<f64>()
            + NAMED * self.name
    }
}

fn of_name(name: &str) -> f64 {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match (has(&MELODY_WORDS), has(&OTHER_WORDS)) {
        (true, false) => 1.0,
        (false, true) => -1.0,
        _ => 0.0,
    }
}

/// Seconds in which exactly one note sounds, and in which any does; short legato overlaps are
/// ignored.
fn time_alone(notes: &[Note]) -> (f64, f64) {
    let mut changes: Vec<(f64, i32)> = Vec::with_capacity(2 * notes.len());
    for note in notes {
        let legato = OVERLAP_SECONDS.min(0.5 * (note.end_time - note.start_time));
        changes.push((note.start_time, 1));
        changes.push((note.end_time - legato.max(0.0), -1));
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut alone, mut sounding, mut n, mut before) = (0.0, 0.0, 0, 0.0);
    for (time, change) in changes {
        if n == 1 {
            alone += time - before;
        }
        if n > 0 {
            sounding += time - before;
        }
        n += change;
        before = time;
    }
    (alone, sounding)
}

/// Whether most of a track is chords, so that its upper line represents it.
pub(super) fn is_polyphonic(score: &MelodicScore) -> bool {
    score.alone < 0.9
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::synthetic;
    use note_seq::Pitch;

    fn track(piece: &NoteSequence, instrument: u32) -> Vec<Note> {
        piece.notes.iter().filter(|n| n.instrument == instrument).copied().collect()
    }

    #[test]
    fn melodies_score_above_basses_without_their_names() {
        for style in 0..4 {
            for number in 0..5 {
                let piece = synthetic::piece(style, 3, number);
                let score = |i| MelodicScore::new(&track(&piece, i), None, &piece).total();
                assert!(score(0) > score(1), "{style} {number}: {} {}", score(0), score(1));
            }
        }
    }

    #[test]
    fn time_is_counted_by_how_many_notes_sound() {
        let note = |start_time, end_time| Note { start_time, end_time, ..Note::default() };
        // 0 to 1 one note, 1 to 2 two, 2 to 3 none, 3 to 5 one; notes may end 0.03 s early.
        let (alone, sounding) = time_alone(&[note(0.0, 2.0), note(1.0, 2.0), note(3.0, 5.0)]);
        assert!((alone - (1.0 + 1.97)).abs() < 1e-9, "{alone}");
        assert!((sounding - (1.97 + 1.97)).abs() < 1e-9, "{sounding}");
    }

    #[test]
    fn names_decide_between_equals() {
        let notes = [Note { pitch: Pitch::new(60).unwrap(), end_time: 1.0, ..Note::default() }];
        let mut piece = NoteSequence::default();
        piece.push(notes[0]);
        let total = |name| MelodicScore::new(&notes, name, &piece).total();
        assert!(total(Some("Vocal melody")) > total(Some("Track 1")));
        assert!(total(Some("Slap BASS")) < total(None));
        assert_eq!(total(Some("bass melody")), total(None));
        assert!((WEIGHTS.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
