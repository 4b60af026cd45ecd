//! Accuracy of reconstructed windows, step by step.

use std::collections::BTreeMap;

use note_seq::window::{Content, TokenType, WindowLayout};

use super::data::Partition;
use super::statistics::{Tally, bootstrap, bootstrap_of};

/// Counts of one file or one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    tallies: BTreeMap<&'static str, Tally>,
}

/// The counts, with their meaning:
///
/// - `accuracy`: fraction of steps with the correct token
/// - `onset`, `off`, `hold`: the same for the steps whose true token is of that type
/// - `pitch`: fraction with the correct pitch (for drums: the correct set) among the steps where a
///   note begins in both
/// - `rhythm`: fraction of steps with a token of the correct type, for any pitch
/// - `onset_precision`, `onset_recall`: fraction of the onsets found that are true, and of the true
///   onsets that are found
pub const MEASURES: [&str; 8] =
    ["accuracy", "onset", "off", "hold", "pitch", "rhythm", "onset_precision", "onset_recall"];

impl Scores {
    /// Counts one step.
    pub fn step(&mut self, content: Content, found: u16, target: u16) {
        let (is, should) = (TokenType::of(content, found), TokenType::of(content, target));
        let right = f64::from(u8::from(found == target));
        let of_type = match should {
            TokenType::Onset => "onset",
            TokenType::Off => "off",
            TokenType::Hold => "hold",
        };
        self.add("accuracy", right);
        self.add(of_type, right);
        self.add("rhythm", f64::from(u8::from(is == should)));
        let both = is == TokenType::Onset && should == TokenType::Onset;
        if both {
            self.add("pitch", right);
        }
        if is == TokenType::Onset {
            self.add("onset_precision", f64::from(u8::from(both)));
        }
        if should == TokenType::Onset {
            self.add("onset_recall", f64::from(u8::from(both)));
        }
    }

    /// Counts a window's parts; a control is not reconstructed.
    pub fn window(layout: &WindowLayout, found: &[u16], target: &[u16]) -> Self {
        let mut scores = Self::default();
        let parts = layout.tracks.iter().take(layout.n_parts()).enumerate();
        for (part, track) in parts {
            let steps = part * layout.n_steps..(part + 1) * layout.n_steps;
            for (found, target) in found[steps.clone()].iter().zip(&target[steps]) {
                scores.step(track.content, *found, *target);
            }
        }
        scores
    }

    fn add(&mut self, measure: &'static str, value: f64) {
        self.tallies.entry(measure).or_default().add(value);
    }

    /// One measure; 0 of 0 if nothing was counted.
    pub fn get(&self, measure: &str) -> Tally {
        self.tallies.get(measure).copied().unwrap_or_default()
    }

    fn merge(&mut self, other: &Self) {
        for (measure, tally) in &other.tallies {
            let own = self.tallies.entry(measure).or_default();
            own.sum += tally.sum;
            own.of += tally.of;
        }
    }
}

/// Scores of a set of windows, file by file.
#[derive(Clone, Debug, Default)]
pub struct FileScores {
    files: Vec<Scores>,
}

impl FileScores {
    /// Combines the scores of a partition's windows by file.
    pub fn of(side: &Partition, windows: &[Scores]) -> Self {
        let mut files = BTreeMap::<&str, Scores>::new();
        for (row, scores) in side.rows.iter().zip(windows) {
            files.entry(&row.group).or_default().merge(scores);
        }
        Self { files: files.into_values().collect() }
    }

    /// A measure with its interval, including `onset_f1`, the harmonic mean of precision and
    /// recall.
    pub fn figure(&self, measure: &str, seed: u64) -> Option<(f64, Option<[f64; 2]>)> {
        if measure == "onset_f1" {
            let all: Vec<&Scores> = self.files.iter().collect();
            return Some((f1(&all)?, bootstrap_of(&self.files, seed, f1)));
        }
        let files: Vec<Tally> = self.files.iter().map(|file| file.get(measure)).collect();
        bootstrap(&files, seed)
    }

    /// A measure without its interval.
    pub fn value(&self, measure: &str) -> Option<f64> {
        if measure == "onset_f1" {
            return f1(&self.files.iter().collect::<Vec<_>>());
        }
        let files: Vec<Tally> = self.files.iter().map(|file| file.get(measure)).collect();
        Tally::mean(&files)
    }
}

fn f1(files: &[&Scores]) -> Option<f64> {
    let of = |measure: &str| {
        Tally::mean(&files.iter().map(|file| file.get(measure)).collect::<Vec<_>>())
    };
    let (precision, recall) = (of("onset_precision").unwrap_or(0.0), of("onset_recall")?);
    let sum = precision + recall;
    Some(if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_by_type() {
        let layout = WindowLayout::melody(6, 90);
        //             right, pitch wrong, onset for hold, hold for off, off right, hold for onset
        let target = [41, 43, 0, 1, 1, 45];
        let found = [41, 44, 47, 0, 1, 0];
        let scores = Scores::window(&layout, &found, &target);
        let found: Vec<(f64, f64)> =
            MEASURES.iter().map(|m| scores.get(m)).map(|t| (t.sum, t.of)).collect();
        let expected = [
            (2.0, 6.0), // accuracy: first and fifth
            (1.0, 3.0), // onset
            (1.0, 2.0), // off
            (0.0, 1.0), // hold
            (1.0, 2.0), // pitch: two onsets in both, one of them right
            (3.0, 6.0), // rhythm: first, second, fifth
            (2.0, 3.0), // precision: three onsets found, two of them there
            (2.0, 3.0), // recall
        ];
        assert_eq!(found, expected);
        let files = FileScores { files: vec![scores] };
        assert_eq!(files.value("onset_f1"), Some(2.0 / 3.0));
        assert_eq!(files.value("nothing"), None);
    }

    #[test]
    fn drums_have_onsets_and_holds_only_and_a_control_is_left_out() {
        let track = |n_classes, content| musicvae::Track { n_classes, content };
        let layout = WindowLayout {
            n_steps: 2,
            tracks: vec![track(512, Content::Drums), track(49, Content::Chords)],
        };
        let scores = Scores::window(&layout, &[1, 0, 9, 9], &[1, 3, 0, 0]);
        assert_eq!(scores.get("accuracy"), Tally { sum: 1.0, of: 2.0 });
        assert_eq!(scores.get("off"), Tally::default());
        assert_eq!(scores.get("onset_recall"), Tally { sum: 1.0, of: 2.0 });
    }
}
