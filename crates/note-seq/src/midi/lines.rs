//! Lines that a file spreads over several channels: the members of an MPE zone, the strings of a
//! guitar.

use std::collections::BTreeMap;

use super::channels::Channel;
use super::collect::{Collector, Instrument};
use super::patches::PatchKind;
use super::report::ReadReport;

const NONE: u32 = u32::MAX;

/// Minimum number of notes for a decision about channels.
const MIN_NOTES: usize = 8;
/// In a line, at least one note in `MAX_NOTES_A_SWITCH` is on another channel than the note before.
const MAX_NOTES_A_SWITCH: usize = 5;
/// Several channels of a line sound together for at most one part in `MIN_OVERLAP_DIVISOR` of its
/// sounding time, when a note overlaps the next. Separate voices sound together most of the time.
const MIN_OVERLAP_DIVISOR: u64 = 4;

/// An instrument on several channels.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// All its channels, including the manager's.
    pub(super) channels: Vec<u32>,
    /// The channel whose controllers apply to the others, too, in MPE.
    pub(super) manager: Option<u32>,
    /// Starts of its notes by tick, each with its channel.
    pub(super) starts: Vec<(u64, u32)>,
}

/// A note in ticks, and its channel.
type Span = (u64, u64, u32);

impl Collector {
    /// Joins instruments that play one line, renumbers the rest, and returns the lines by
    /// instrument.
    ///
    /// The members of an MPE zone are one instrument: across all tracks if each channel of the zone
    /// has a separate track, otherwise per track. Other channels of one track are a line if they
    /// are neighbors with the same program, play no drums, and either all are set to one voice
    /// (controller 126, which guitars with one channel per string send) or alternate note by note
    /// and rarely sound together.
    pub(super) fn join_lines(&mut self, report: &mut ReadReport) -> BTreeMap<u32, Line> {
        let mut groups = self.zones();
        let in_zone: Vec<bool> = self.instruments.iter().map(|i| self.zone(i).is_some()).collect();
        groups.extend(self.strings(&in_zone));
        if groups.is_empty() {
            return BTreeMap::new();
        }
        // The first instrument of each group represents the group.
        let mut leader: Vec<u32> = (0..).take(self.instruments.len()).collect();
        for group in &groups {
            for instrument in group {
                leader[*instrument as usize] = group[0];
            }
        }
        let mut number = vec![NONE; self.instruments.len()];
        let mut kept = Vec::new();
        for (i, instrument) in self.instruments.iter().enumerate() {
            if leader[i] as usize == i {
                number[i] = u32::try_from(kept.len()).unwrap_or(NONE);
                kept.push(instrument.clone());
            }
        }
        let mut lines: BTreeMap<u32, Line> = BTreeMap::new();
        for group in &groups {
            let mut channels: Vec<u32> =
                group.iter().map(|i| self.instruments[*i as usize].channel).collect();
            let manager = self.zone(&self.instruments[group[0] as usize]);
            channels.extend(manager);
            channels.sort_unstable();
            channels.dedup();
            report.notes.channels_joined += channels.len() as u64;
            let line = Line { channels, manager, starts: Vec::new() };
            lines.insert(number[group[0] as usize], line);
        }
        for note in &mut self.notes {
            let channel = self.instruments[note.instrument as usize].channel;
            note.instrument = number[leader[note.instrument as usize] as usize];
            if let Some(line) = lines.get_mut(&note.instrument) {
                line.starts.push((ticks(note.start_time), channel));
            }
        }
        lines.values_mut().for_each(|line| line.starts.sort_by_key(|s| s.0));
        self.instruments = kept;
        lines
    }

    /// The manager channel of the zone that an instrument plays in.
    fn zone(&self, instrument: &Instrument) -> Option<u32> {
        if instrument.is_drum {
            return None;
        }
        self.manager_of(&self.channels.list[instrument.channel as usize])
    }

    /// The manager channel of the zone that a channel is in.
    pub(super) fn manager_of(&self, channel: &Channel) -> Option<u32> {
        let number = self.channels.zone_of(channel)?;
        self.channels.of_port(channel.port, number)
    }

    fn zones(&self) -> Vec<Vec<u32>> {
        if self.channels.zones.is_empty() {
            return Vec::new();
        }
        let in_zones = || {
            self.instruments
                .iter()
                .zip(0..)
                .filter_map(|(i, number)| Some((self.zone(i)?, i, number)))
        };
        // Zones in which some track plays on several channels.
        let mut channel_of: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut is_on_tracks: BTreeMap<u32, bool> = BTreeMap::new();
        for (manager, i, _) in in_zones() {
            let channel = *channel_of.entry((manager, i.track)).or_insert(i.channel);
            *is_on_tracks.entry(manager).or_default() |= channel != i.channel;
        }
        let mut groups: BTreeMap<(u32, u32, u8), Vec<u32>> = BTreeMap::new();
        for (manager, i, number) in in_zones() {
            let track = if is_on_tracks[&manager] { i.track } else { NONE };
            groups.entry((manager, track, i.program)).or_default().push(number);
        }
        groups.into_values().filter(|g| g.len() > 1).collect()
    }

    fn strings(&self, in_zone: &[bool]) -> Vec<Vec<u32>> {
        // By track, port and program: channel number and instrument.
        let mut parts: BTreeMap<(u32, u32, u8), Vec<(u8, u32)>> = BTreeMap::new();
        let mut n_of: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for i in &self.instruments {
            *n_of.entry((i.track, i.channel)).or_default() += 1;
        }
        for (i, number) in self.instruments.iter().zip(0..) {
            let channel = &self.channels.list[i.channel as usize];
            let has_one_program = n_of[&(i.track, i.channel)] == 1;
            if has_one_program && !i.is_drum && !in_zone[number as usize] {
                let key = (i.track, channel.port, i.program);
                parts.entry(key).or_default().push((channel.number, number));
            }
        }
        let programs = self.only_programs();
        let has_program = |track, port, number, program| {
            let channel = self.channels.of_port(port, number);
            channel.is_some_and(|c| programs.get(&(track, c)) == Some(&Some(program)))
        };
        let mut runs: Vec<Vec<u32>> = Vec::new();
        for ((track, port, program), mut channels) in parts {
            channels.sort_unstable();
            let is_next = |a: &(u8, u32), b: &(u8, u32)| {
                (a.0 + 1..b.0).all(|c| c == 9 || has_program(track, port, c, program))
            };
            let run = channels.chunk_by(is_next).filter(|run| run.len() > 1);
            runs.extend(run.map(|run| run.iter().map(|c| c.1).collect::<Vec<u32>>()));
        }
        if runs.is_empty() {
            return runs;
        }
        let mut run_of = vec![NONE; self.instruments.len()];
        for (run, number) in runs.iter().zip(0..) {
            run.iter().for_each(|i| run_of[*i as usize] = number);
        }
        let mut spans: Vec<Vec<Span>> = vec![Vec::new(); runs.len()];
        for note in &self.notes {
            if let Some(spans) = spans.get_mut(run_of[note.instrument as usize] as usize) {
                let channel = self.instruments[note.instrument as usize].channel;
                spans.push((ticks(note.start_time), ticks(note.end_time), channel));
            }
        }
        let mut spans = spans.into_iter();
        runs.retain_mut(|run| {
            run.sort_unstable();
            let is_mono = |i: &u32| {
                let channel = self.instruments[*i as usize].channel;
                self.channels.list[channel as usize].is_mono
            };
            let mut spans = spans.next().unwrap_or_default();
            run.iter().all(is_mono) || is_one_line(&mut spans)
        });
        runs
    }

    /// The program that each track sets on each channel, if it sets only one.
    fn only_programs(&self) -> BTreeMap<(u32, u32), Option<u8>> {
        let mut programs: BTreeMap<(u32, u32), Option<u8>> = BTreeMap::new();
        for (channel, index) in self.channels.list.iter().zip(0..) {
            for change in &channel.patches {
                let PatchKind::Program(program) = change.kind else { continue };
                let known = programs.entry((change.track, index)).or_insert(Some(program));
                *known = known.filter(|known| *known == program);
            }
        }
        programs
    }
}

/// Whether channels alternate and rarely sound together.
fn is_one_line(spans: &mut [Span]) -> bool {
    if spans.len() < MIN_NOTES {
        return false;
    }
    // Notes are in the order of their ends, so this sort is usually a single pass.
    spans.sort_by_key(|s| s.1);
    rarely_overlap(spans) && take_turns(spans)
}

/// Whether several channels sound during at most one part in [`MIN_OVERLAP_DIVISOR`] of the time
/// in which any does. `spans` are ordered by end.
fn rarely_overlap(spans: &[Span]) -> bool {
    let any = covered(spans.iter());
    let mut channels: Vec<u32> = spans.iter().map(|s| s.2).collect();
    channels.sort_unstable();
    channels.dedup();
    // The time in which two channels sound counts twice here, that of three, three times.
    let by_channel: u64 =
        channels.iter().map(|c| covered(spans.iter().filter(|s| s.2 == *c))).sum();
    let most = by_channel - any;
    if most * MIN_OVERLAP_DIVISOR <= any {
        return true;
    }
    let n_more = (channels.len() as u64).saturating_sub(1).max(1);
    if most.div_ceil(n_more) * MIN_OVERLAP_DIVISOR > any {
        return false;
    }
    // Only with three channels or more do these bounds leave a gap.
    overlap(spans) * MIN_OVERLAP_DIVISOR <= any
}

/// The number of ticks in which at least one note sounds, given notes ordered by end.
fn covered<'a>(spans: impl DoubleEndedIterator<Item = &'a Span>) -> u64 {
    let mut first = u64::MAX;
    let mut n_ticks = 0;
    for (start, end, _) in spans.rev() {
        // Of the part after `first`, everything up to the end of this note is covered already.
        if *start < first {
            n_ticks += (*end).min(first) - start;
            first = *start;
        }
    }
    n_ticks
}

/// The number of ticks in which at least two channels sound.
fn overlap(spans: &[Span]) -> u64 {
    // At one tick, ends come before starts.
    let mut events: Vec<(u64, bool, u32)> =
        spans.iter().flat_map(|s| [(s.0, true, s.2), (s.1, false, s.2)]).collect();
    events.sort_unstable();
    let mut sounding: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut n_ticks, mut last) = (0, 0);
    for (tick, is_start, channel) in events {
        n_ticks += if sounding.len() < 2 { 0 } else { tick - last };
        last = tick;
        if is_start {
            *sounding.entry(channel).or_default() += 1;
        } else if let Some(n) = sounding.get_mut(&channel) {
            *n -= 1;
            if *n == 0 {
                sounding.remove(&channel);
            }
        }
    }
    n_ticks
}

/// Whether at least one note in [`MAX_NOTES_A_SWITCH`] is on another channel than the previous one.
fn take_turns(spans: &mut [Span]) -> bool {
    spans.sort_unstable();
    let n_switches = spans.windows(2).filter(|pair| pair[0].2 != pair[1].2).count();
    n_switches * MAX_NOTES_A_SWITCH >= spans.len()
}

/// Times are whole ticks until the end of reading.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "these are whole ticks, below 2^53"
)]
pub(super) fn ticks(time: f64) -> u64 {
    time as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight notes alternating between two channels, each `length` ticks long and starting ten
    /// ticks after the previous one.
    fn turns(length: u64) -> Vec<Span> {
        (0..8).map(|k| (10 * k, 10 * k + length, u32::try_from(k % 2).unwrap())).collect()
    }

    #[test]
    fn channels_that_take_turns_are_a_line_and_voices_are_not() {
        assert!(is_one_line(&mut turns(10)) && is_one_line(&mut turns(12)));
        // Four of ten ticks overlap; then phrases instead of alternation; then too few notes.
        assert!(!is_one_line(&mut turns(14)));
        let mut phrases: Vec<Span> =
            (0..32).map(|k| (10 * k, 10 * k + 10, u32::try_from(k / 8 % 2).unwrap())).collect();
        assert!(!is_one_line(&mut phrases));
        assert!(!is_one_line(&mut turns(10)[..7]));
    }

    /// Between the bounds given by the time per channel: three channels, two of which sound
    /// together.
    #[test]
    fn the_overlap_of_three_channels_is_that_of_two_or_more() {
        // Each round: channel 0 for 10 ticks, channel 1 for 10, channel 2 with both for `both`.
        let rounds = |both: u64| -> Vec<Span> {
            (0..6)
                .flat_map(|k| {
                    let at = 30 * k;
                    [(at, at + 10, 0), (at + 10, at + 20, 1), (at + 20 - both, at + 30, 2)]
                })
                .collect()
        };
        for both in [0, 1, 7, 8, 12] {
            let mut spans = rounds(both);
            spans.sort_by_key(|s| s.1);
            assert_eq!((covered(spans.iter()), overlap(&spans)), (180, 6 * both));
            assert_eq!(is_one_line(&mut spans), both * MIN_OVERLAP_DIVISOR <= 30, "{both}");
        }
        // Three at once count once: 6 of 28 ticks, although the channels take 12 more than that.
        let mut spans: Vec<Span> = (0..6)
            .flat_map(|k| {
                let at = 28 * k;
                [(at, at + 14, 0), (at + 8, at + 14, 1), (at + 8, at + 28, 2)]
            })
            .collect();
        assert_eq!((covered(spans.iter()), overlap(&spans)), (6 * 28, 6 * 6));
        assert!(is_one_line(&mut spans));
    }
}
