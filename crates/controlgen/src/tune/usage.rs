//! Counts of the notes of a file that its windows contain, and of the others by reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use corpus::kind::{Kind, Window};
use note_seq::drums::DrumMap;
use note_seq::{Note, NoteListPlayback, NoteSequence, SkipReason, quantize_to_step};
use serde::{Deserialize, Serialize};

use super::metre::Bars;

/// Maximum number of bars listed for users; further ones are summarized.
const LISTED: usize = 4;

/// Reason why notes of a tune are in none of its windows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftOutReason {
    /// Their bars have a meter that windows don't support.
    Metre(u32, u32),
    /// They are below the upper line of a track with chords.
    LowerVoice,
    /// The model does not have this pitch.
    Range,
    /// Another note of the part begins on the same sixteenth.
    SameStep,
    /// The model does not have this drum.
    UnknownDrum,
    /// Their bars gave no window.
    NoWindow,
    /// No note begins there: a rest as long as a window.
    Rest,
    /// They are drums, which windows of this kind don't contain.
    Drums,
    /// Another reason, see [`SkipReason`].
    Other(SkipReason),
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metre(numerator, denominator) => {
                write!(
                    f,
                    "windows have bars of four quarters, and these are in {numerator}/{denominator}"
                )
            }
            Self::LowerVoice => f.write_str("below the upper line"),
            Self::Range => f.write_str("outside the model's range"),
            Self::SameStep => f.write_str("another note begins on the same sixteenth"),
            Self::UnknownDrum => f.write_str("the model has no such drum"),
            Self::NoWindow => f.write_str("these bars give no window"),
            Self::Rest => f.write_str("a rest as long as a window"),
            Self::Drums => f.write_str("windows contain everything except drums"),
            Self::Other(reason) => f.write_str(super::in_words(*reason)),
        }
    }
}

/// The parts of a tune that were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The reason.
    pub reason: LeftOutReason,
    /// Number of notes; 0 for a rest.
    pub n_notes: usize,
    /// Ranges of bars of the file, first and last bar of each, counted from 0.
    pub bars: Vec<[u32; 2]>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notes = match self.n_notes {
            0 => String::new(),
            1 => "1 note".to_owned(),
            n => format!("{n} notes"),
        };
        let bars = if self.bars.is_empty() { String::new() } else { bars_in_words(&self.bars) };
        let within = if notes.is_empty() || bars.is_empty() { "" } else { " in " };
        write!(f, "{notes}{within}{bars} left out: {}", self.reason)
    }
}

/// Ranges of bars for display, counted from 1.
fn bars_in_words(bars: &[[u32; 2]]) -> String {
    let stretch = |[first, last]: &[u32; 2]| match (first.saturating_add(1), last.saturating_add(1))
    {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first} to {last}"),
    };
    let listed: Vec<String> = bars.iter().take(LISTED).map(stretch).collect();
    let one = matches!(bars, [[first, last]] if first == last);
    let more = match bars.len().saturating_sub(LISTED) {
        0 => String::new(),
        n => format!(" and {n} more ranges"),
    };
    format!("{} {}{more}", if one { "bar" } else { "bars" }, listed.join(", "))
}

/// Counts of the notes of a tune's tracks. Every note is either used or counted with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Number of notes in the selected tracks.
    pub n_notes: usize,
    /// Number of notes that begin in a window.
    pub n_used: usize,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

impl Usage {
    /// The number of notes used, as a short text.
    pub fn in_words(&self) -> String {
        match (self.n_used, self.n_notes) {
            (1, 1) => "its note is used".to_owned(),
            (used, all) if used == all => format!("all {all} notes are used"),
            (used, all) => format!("{used} of {all} notes are used"),
        }
    }
}

/// Counts notes by reason.
#[derive(Debug, Default)]
pub(super) struct Count {
    n_used: usize,
    /// Number of notes, and their bars.
    reasons: BTreeMap<LeftOutReason, (usize, BTreeSet<u32>)>,
}

impl Count {
    /// Counts a note in a bar of the file as left out.
    pub(super) fn leave_out(&mut self, reason: LeftOutReason, bar: u32) {
        let (n, bars) = self.reasons.entry(reason).or_default();
        *n += 1;
        bars.insert(bar);
    }

    /// Counts the notes of a sequence that are in bars of another meter as left out.
    pub(super) fn other_metres(
        &mut self,
        bars: &Bars,
        notes: &[Note],
        is_of: impl Fn(&Note) -> bool,
    ) {
        for note in notes.iter().filter(|n| n.velocity.get() > 0 && is_of(n)) {
            if let Some((numerator, denominator)) = bars.left_out(note.start_time) {
                let reason = LeftOutReason::Metre(numerator, denominator);
                self.leave_out(reason, bars.bar_at(note.start_time));
            }
        }
    }

    /// Counts the notes in windows. `notes` are the laid-out notes, at one tempo, and `windows`
    /// have bars of the laid-out music.
    pub(super) fn windows(
        &mut self,
        kind: &Kind,
        bars: &Bars,
        windows: &[Window],
        notes: &[Note],
        qpm: f64,
    ) {
        let steps_per_second = STEPS_PER_QUARTER * qpm / 60.0;
        let n_bars = i64::try_from(kind.n_bars()).unwrap_or(i64::MAX);
        let mut starts = BTreeMap::<(i64, u32, u8), usize>::new();
        for window in windows {
            let playback = NoteListPlayback::default();
            let steps_per_second = STEPS_PER_QUARTER * playback.qpm / 60.0;
            let first = i64::from(window.start_bar) * STEPS_PER_BAR;
            for note in kind.to_sequence([window.tokens.as_slice()], &playback).notes {
                let step = first + quantize_to_step(note.start_time, steps_per_second);
                *starts.entry((step, part_of(window, &note), pitch_of(&note))).or_default() += 1;
            }
        }
        let firsts: BTreeSet<i64> = windows.iter().map(|w| i64::from(w.start_bar)).collect();
        let is_covered = |step: i64| {
            let bar = step.div_euclid(STEPS_PER_BAR);
            firsts.range(bar.saturating_sub(n_bars - 1)..=bar).next().is_some()
        };
        let mut lost = BTreeSet::new();
        for note in notes {
            let step = quantize_to_step(note.start_time, steps_per_second);
            let bar = bars.source_bar_of_note(note.start_time);
            let instrument = if note.is_drum { DRUMS } else { note.instrument };
            match starts.get_mut(&(step, instrument, pitch_of(note))) {
                Some(n) if *n > 0 => {
                    // Simultaneous hits of one class are one hit.
                    if !note.is_drum {
                        *n -= 1;
                    }
                    self.n_used += 1;
                }
                _ if note.is_drum && DrumMap::MAGENTA.class(note.pitch).is_none() => {
                    self.leave_out(LeftOutReason::UnknownDrum, bar);
                }
                _ if is_covered(step) => self.leave_out(LeftOutReason::SameStep, bar),
                _ => {
                    lost.insert(step.div_euclid(STEPS_PER_BAR));
                    self.leave_out(LeftOutReason::NoWindow, bar);
                }
            }
        }
        for (before, after) in firsts.iter().zip(firsts.iter().skip(1)) {
            let between = before + n_bars..*after;
            if between.is_empty() || lost.range(between.clone()).next().is_some() {
                continue;
            }
            let (_, rests) = self.reasons.entry(LeftOutReason::Rest).or_default();
            rests.extend(
                between.filter_map(|bar| u32::try_from(bar).ok()).map(|bar| bars.source_bar(bar)),
            );
        }
    }

    pub(super) fn usage(self) -> Usage {
        let left = |(reason, (n_notes, bars)): (_, (usize, BTreeSet<u32>))| LeftOut {
            reason,
            n_notes,
            bars: stretches(&bars),
        };
        let n_left: usize = self.reasons.values().map(|(n, _)| n).sum();
        Usage {
            n_notes: self.n_used + n_left,
            n_used: self.n_used,
            left_out: self.reasons.into_iter().map(left).collect(),
        }
    }
}

/// Bars of another meter that are left out of a sequence, with the notes that begin in them.
pub(crate) fn left_out_bars(bars: &Bars, sequence: &NoteSequence) -> Vec<LeftOut> {
    let mut count = Count::default();
    count.other_metres(bars, &sequence.notes, |_| true);
    count.usage().left_out
}

/// Sixteenth notes.
const STEPS_PER_QUARTER: f64 = note_seq::vocabulary::STEPS_PER_QUARTER as f64;
const STEPS_PER_BAR: i64 = note_seq::vocabulary::STEPS_PER_BAR.cast_signed() as i64;
/// Represents all drum instruments, of which there may be many.
const DRUMS: u32 = u32::MAX;

/// The instrument in the file that corresponds to a note of a window.
fn part_of(window: &Window, note: &Note) -> u32 {
    if note.is_drum {
        return DRUMS;
    }
    let part = usize::try_from(note.instrument).unwrap_or(usize::MAX);
    window.instruments.get(part).copied().unwrap_or(note.instrument)
}

/// The pitch; for a drum, the pitch that represents its class.
fn pitch_of(note: &Note) -> u8 {
    let map = DrumMap::MAGENTA;
    let class = map.class(note.pitch).filter(|_| note.is_drum);
    class.map_or(note.pitch, |class| map.exemplar(class)).get()
}

/// Consecutive bars as ranges.
fn stretches(bars: &BTreeSet<u32>) -> Vec<[u32; 2]> {
    let mut stretches: Vec<[u32; 2]> = Vec::new();
    for bar in bars.iter().copied() {
        match stretches.last_mut() {
            Some([_, last]) if last.saturating_add(1) == bar => *last = bar,
            _ => stretches.push([bar, bar]),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_told_as_stretches_from_1() {
        let bars: BTreeSet<u32> = [0, 1, 2, 4, 6, 8, 9, 11].into();
        let stretches = stretches(&bars);
        assert_eq!(stretches, [[0, 2], [4, 4], [6, 6], [8, 9], [11, 11]]);
        assert_eq!(bars_in_words(&stretches), "bars 1 to 3, 5, 7, 9 to 10 and 1 more ranges");
        let left = LeftOut { reason: LeftOutReason::Metre(5, 8), n_notes: 3, bars: vec![[9, 9]] };
        assert_eq!(
            left.to_string(),
            "3 notes in bar 10 left out: windows have bars of four quarters, and these are in 5/8"
        );
    }
}
