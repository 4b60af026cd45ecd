//! Moments, and the top and bass lines.

use super::PassageNote;
use super::sounding::{Pitches, Slice};
use crate::note_list::Meter;

/// Semitones of an octave and of a fifth.
const OCTAVE: u8 = 12;
const FIFTH: u8 = 7;

/// A tick at which tones start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    pub(super) tick: u32,
    /// Pitches that start.
    pub(super) starting: Pitches,
    /// Pitches that sound, including those that start.
    pub(super) sounding: Pitches,
    /// Length of the longest of the highest tones that start, in ticks.
    longest_top: u32,
}

impl Moment {
    pub(super) fn lowest(&self) -> u8 {
        self.starting.lowest().unwrap_or_default()
    }

    fn highest(&self) -> u8 {
        self.starting.highest().unwrap_or_default()
    }
}

/// A note of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineNote {
    pub(super) tick: u32,
    pub(super) duration: u32,
    pub(super) pitch: u8,
}

/// The lines of a passage.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Lines {
    pub(super) top: Vec<LineNote>,
    pub(super) bass: Vec<LineNote>,
    /// The tones below the top line that start at each moment.
    pub(super) below: Vec<Pitches>,
    /// Ticks of after-beats.
    pub(super) after_beats: Vec<u32>,
    /// Number of bars that begin with a bass note and have after-beats, and number of bars with
    /// notes.
    pub(super) n_bars_with_after_beats: usize,
    pub(super) n_bars: usize,
    /// Number of bass notes followed by after-beats.
    pub(super) n_followed: usize,
}

/// The moments of tones sorted by onset; `held` are the slices of the time for which they count as
/// sounding.
pub(super) fn moments(tones: &[PassageNote], held: &[Slice]) -> Vec<Moment> {
    let mut held = held.iter();
    let moment = |tones: &[PassageNote]| {
        let tick = tones[0].onset;
        let mut starting = Pitches::default();
        tones.iter().for_each(|note| starting.insert(note.pitch.get()));
        let slice = held.find(|slice| slice.start == tick);
        let highest = tones[tones.len() - 1].pitch;
        let of_top = tones.iter().filter(|note| note.pitch == highest);
        Moment {
            tick,
            starting,
            sounding: slice.map_or(starting, |slice| slice.pitches),
            longest_top: of_top.map(|note| note.duration).max().unwrap_or_default(),
        }
    };
    tones.chunk_by(|a, b| a.onset == b.onset).map(moment).collect()
}

/// A bass note that may be followed by chords.
#[derive(Debug, Clone, Copy)]
struct Struck {
    tick: u32,
    pitch: u8,
    /// Other pitches that sound when it is struck.
    others: Pitches,
    n_after_beats: usize,
}

impl Lines {
    pub(super) fn new(meter: Meter, tones: &[PassageNote], moments: &[Moment]) -> Self {
        let bar = |tick: u32| tick / u32::from(meter.bar());
        let mut lines = Self::default();
        let mut struck: Option<Struck> = None;
        let mut has_after_beats = false;
        for (i, moment) in moments.iter().enumerate() {
            let (lowest, highest) = (moment.lowest(), moment.highest());
            if i == 0 || bar(moments[i - 1].tick) != bar(moment.tick) {
                lines.n_bars_with_after_beats += usize::from(has_after_beats);
                lines.n_bars += 1;
                has_after_beats = false;
                struck = None;
            }
            let is_top = moment.sounding.highest() == Some(highest)
                && lines.top.last().is_none_or(|last| last.pitch <= highest + OCTAVE);
            let mut below = moment.starting;
            if is_top {
                let (tick, pitch) = (moment.tick, highest);
                lines.top.push(LineNote { tick, duration: moment.longest_top, pitch });
                below = below.without(only(highest));
            }
            lines.below.push(below);
            if let Some(bass) = &mut struck
                && bass.is_followed_by(moment, below)
            {
                lines.n_followed += usize::from(bass.n_after_beats == 0);
                bass.n_after_beats += 1;
                lines.after_beats.push(moment.tick);
                has_after_beats |= bass.tick.is_multiple_of(meter.bar().into());
                continue;
            }
            if moment.sounding.lowest() == Some(lowest) {
                let duration = length(tones, moment.tick, lowest);
                lines.bass.push(LineNote { tick: moment.tick, duration, pitch: lowest });
                struck = Some(Struck {
                    tick: moment.tick,
                    pitch: lowest,
                    others: moment.sounding.without(only(lowest)),
                    n_after_beats: 0,
                });
            }
        }
        lines.n_bars_with_after_beats += usize::from(has_after_beats);
        lines
    }
}

impl Struck {
    fn is_followed_by(&self, moment: &Moment, below: Pitches) -> bool {
        // Without a melody, the highest note is part of the chord, too.
        let has_melody = !self.others.is_empty() || below.len() > 1;
        let chord = if has_melody { below } else { moment.starting };
        let mut pitches = chord.iter();
        let (Some(low), Some(next)) = (pitches.next(), pitches.next()) else { return false };
        let is_fresh = self.others.lowest().is_none_or(|other| chord.highest() < Some(other));
        is_fresh && low >= self.pitch + 3 && next - low <= FIFTH
    }
}

fn only(pitch: u8) -> Pitches {
    let mut set = Pitches::default();
    set.insert(pitch);
    set
}

/// The length of the longest tone of a tick and pitch.
fn length(tones: &[PassageNote], tick: u32, pitch: u8) -> u32 {
    let first = tones.partition_point(|note| (note.onset, note.pitch.get()) < (tick, pitch));
    let alike = tones[first..].iter().take_while(|n| n.onset == tick && n.pitch.get() == pitch);
    alike.map(|note| note.duration).max().unwrap_or_default()
}
