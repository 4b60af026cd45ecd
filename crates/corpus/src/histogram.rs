//! Histograms of the music in a corpus.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::parts::ReadFacts;
use crate::kind::Kind;

/// Width of a tempo bin, in quarter notes per minute.
const QPM_PER_BIN: u32 = 10;
/// Faster tempos are counted in this bin.
const MAX_QPM: f64 = 400.0;

/// Histograms of windows and files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histograms {
    /// Notes that start in the kept windows, by MIDI pitch; drums by the pitch of their class.
    pub pitch: BTreeMap<u8, u64>,
    /// Kept windows, by the rounded number of notes that start per bar.
    pub density: BTreeMap<u32, u64>,
    /// Readable files, by tempo in quarter notes per minute: the lower end of bins of width ten. A
    /// file counts once, with its longest-lasting tempo; 400 includes all faster ones.
    pub tempo: BTreeMap<u32, u64>,
    /// Readable files, by meter; a file counts for each of its meters.
    pub metre: BTreeMap<String, u64>,
}

impl Histograms {
    pub(super) fn count_file(&mut self, facts: &ReadFacts) {
        let qpm = facts.qpm.clamp(0.0, MAX_QPM);
        // Whole and small after clamping; a tempo of NaN counts as 0.
        #[expect(clippy::cast_sign_loss, reason = "clamped to 0 and more")]
        let bin = qpm as u32 / QPM_PER_BIN * QPM_PER_BIN;
        *self.tempo.entry(bin).or_default() += 1;
        for (numerator, denominator) in &facts.metres {
            *self.metre.entry(format!("{numerator}/{denominator}")).or_default() += 1;
        }
    }

    /// Adds other counts.
    pub(super) fn merge(&mut self, other: &Self) {
        fn add<K: Ord + Clone>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
            for (key, n) in from {
                *to.entry(key.clone()).or_default() += n;
            }
        }
        add(&mut self.pitch, &other.pitch);
        add(&mut self.density, &other.density);
        add(&mut self.tempo, &other.tempo);
        add(&mut self.metre, &other.metre);
    }

    pub(super) fn count_window(&mut self, kind: &Kind, tokens: &[u16]) {
        let mut n_notes = 0_u32;
        kind.note_starts(tokens, |pitch| {
            n_notes += 1;
            *self.pitch.entry(pitch).or_default() += 1;
        });
        let n_bars = u32::try_from(kind.n_bars()).unwrap_or(1).max(1);
        *self.density.entry((n_notes + n_bars / 2) / n_bars).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(qpm: f64, metres: &[(u32, u32)]) -> ReadFacts {
        ReadFacts {
            file_hash: [0; 16],
            n_bytes: 0,
            skipped: BTreeMap::new(),
            notes: None,
            why_empty: None,
            n_repairs: 0,
            qpm,
            metres: metres.to_vec(),
            signature: None,
        }
    }

    #[test]
    fn files_and_windows_are_counted_by_hand() {
        let mut found = Histograms::default();
        found.count_file(&facts(119.9, &[(3, 4), (4, 4)]));
        found.count_file(&facts(110.0, &[(4, 4)]));
        found.count_file(&facts(1e9, &[]));
        found.count_file(&facts(f64::NAN, &[]));
        assert_eq!(found.tempo, BTreeMap::from([(0, 1), (110, 2), (400, 1)]));
        let metre = |name: &str, n| (name.to_owned(), n);
        assert_eq!(found.metre, BTreeMap::from([metre("3/4", 1), metre("4/4", 2)]));
        // Three notes in two bars: 1.5 per bar, which rounds to 2.
        let mut tokens = vec![0; 32];
        (tokens[0], tokens[1], tokens[31]) = (41, 41, 43);
        found.count_window(&Kind::mel_2bar(), &tokens);
        found.count_window(&Kind::mel_2bar(), &[0; 32]);
        assert_eq!(found.pitch, BTreeMap::from([(60, 2), (62, 1)]));
        assert_eq!(found.density, BTreeMap::from([(0, 1), (2, 1)]));
    }
}
