//! The sound of a channel over time: its program, and whether that is a drum kit.

use super::sysex::System;

/// The default drum channel, counted from 0.
pub(super) const DRUM_CHANNEL: u8 = 9;

/// Banks (controller 0) with drum kits: GM2's, XG's effects, XG's kits.
const GM2_DRUMS: u8 = 120;
const GM2_MELODY: u8 = 121;
const XG_EFFECTS: u8 = 126;
const XG_DRUMS: u8 = 127;

/// A message that affects the sound of a channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatchChange {
    pub(super) tick: u64,
    pub(super) track: u32,
    pub(super) kind: PatchKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchKind {
    /// Controller 0; counts from the next program on.
    Bank(u8),
    Program(u8),
    /// System exclusive: the channel becomes a rhythm part, or stops being one.
    Rhythm(bool),
}

/// The sound of a channel, beginning at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patch {
    tick: u64,
    track: u32,
    pub(super) program: u8,
    pub(super) is_drum: bool,
    /// Whether the track set the program at this tick.
    is_program: bool,
}

/// The sound of a channel over time, by tick and then by track; at most one entry per track and
/// tick.
#[derive(Debug)]
pub(super) struct Timeline {
    entries: Vec<Patch>,
    is_drum_at_first: bool,
    /// The track that sends all messages, if there is only one.
    only_track: Option<u32>,
    /// Whether anything other than the channel's number decides which notes are drums.
    has_drum_changes: bool,
}

impl Timeline {
    /// `changes` in file order; `resets` of the channel's port by tick.
    pub(super) fn new(
        is_drum_at_first: bool,
        changes: &[PatchChange],
        resets: &[(u64, System)],
    ) -> Self {
        let mut sorted: Vec<&PatchChange> = changes.iter().collect();
        sorted.sort_by_key(|c| c.tick);
        let mut resets = resets.iter().peekable();
        let mut state = State { system: System::Gm, bank: None, rhythm: None };
        let mut program = 0;
        let mut entries: Vec<Patch> = Vec::with_capacity(sorted.len());
        for change in sorted {
            // At one tick, a reset comes first, because messages next to it are the setup after it.
            while let Some((_, system)) = resets.next_if(|r| r.0 <= change.tick) {
                state = State { system: *system, bank: None, rhythm: None };
            }
            match change.kind {
                PatchKind::Bank(bank) => {
                    state.bank = Some(bank);
                    continue;
                }
                PatchKind::Program(new) => program = new,
                PatchKind::Rhythm(is_on) => state.rhythm = Some(is_on),
            }
            let is_drum = state.is_drum(is_drum_at_first);
            let mut is_program = matches!(change.kind, PatchKind::Program(_));
            if let Some(last) = entries.pop_if(|e| (e.tick, e.track) == (change.tick, change.track))
            {
                is_program |= last.is_program;
            }
            let (tick, track) = (change.tick, change.track);
            entries.push(Patch { tick, track, program, is_drum, is_program });
        }
        let first = entries.first().map(|e| e.track);
        Self {
            only_track: first.filter(|t| entries.iter().all(|e| e.track == *t)),
            has_drum_changes: entries.iter().any(|e| e.is_drum != is_drum_at_first),
            entries,
            is_drum_at_first,
        }
    }

    /// Whether a track other than `track`, or anything other than programs, decides the sound of
    /// its notes.
    pub(super) fn decides_for(&self, track: u32) -> bool {
        self.has_drum_changes
            || (!self.entries.is_empty() && self.only_track.is_none_or(|only| only != track))
    }

    /// The sound of a note of `track` that begins at `tick`, before which its own track set
    /// `own_program`: the latest one that any track set. If several tracks set it at the same tick,
    /// the note's own track counts, else the last one in the file.
    pub(super) fn at(&self, tick: u64, track: u32, own_program: u8) -> (u8, bool) {
        let before = &self.entries[..self.entries.partition_point(|e| e.tick <= tick)];
        let Some(last) = before.last() else { return (own_program, self.is_drum_at_first) };
        let own = before.binary_search_by_key(&(last.tick, track), |e| (e.tick, e.track));
        let entry = own.map_or(last, |at| &before[at]);
        // A program that the same track sets on the note's tick may follow the note.
        let stands_after = own.is_ok() && entry.tick == tick && entry.is_program;
        if stands_after && entry.program != own_program {
            let at = own.unwrap_or_default();
            let is_drum = before[..at].last().map_or(self.is_drum_at_first, |e| e.is_drum);
            return (own_program, is_drum);
        }
        (entry.program, entry.is_drum)
    }
}

/// The state that decides whether a channel plays drums.
struct State {
    system: System,
    bank: Option<u8>,
    rhythm: Option<bool>,
}

impl State {
    fn is_drum(&self, is_drum_at_first: bool) -> bool {
        if let Some(is_on) = self.rhythm {
            return is_on;
        }
        match (self.system, self.bank) {
            (System::Gm | System::Gm2, Some(GM2_DRUMS))
            | (System::Gm | System::Xg, Some(XG_EFFECTS | XG_DRUMS)) => true,
            (System::Gm | System::Gm2, Some(GM2_MELODY)) => false,
            // In GS, banks are variations of one sound; rhythm parts have their own message. Other
            // banks do not change the default channel, because many files select bank 0 there and
            // mean a kit.
            _ => is_drum_at_first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(tick: u64, track: u32, kind: PatchKind) -> PatchChange {
        PatchChange { tick, track, kind }
    }

    #[test]
    fn the_latest_program_of_any_track_counts_and_the_own_one_at_one_tick() {
        use PatchKind::Program;
        let timeline = Timeline::new(
            false,
            &[
                change(0, 1, Program(5)),
                change(0, 2, Program(7)),
                change(0, 2, Program(8)),
                change(96, 3, Program(40)),
            ],
            &[],
        );
        assert!(timeline.decides_for(1) && timeline.decides_for(9));
        assert_eq!([1, 2, 9].map(|track| timeline.at(95, track, 5).0), [5, 8, 8]);
        assert_eq!(timeline.at(96, 1, 5), (40, false));
        // On the tick of a change by the same track: the program set before the note.
        assert_eq!([timeline.at(0, 1, 0).0, timeline.at(0, 1, 5).0], [0, 5]);
        let own = Timeline::new(false, &[change(0, 1, Program(5))], &[]);
        assert!(!own.decides_for(1) && own.decides_for(0));
    }

    #[test]
    fn drums_are_chosen_by_bank_or_message_in_each_system() {
        use PatchKind::{Bank, Program, Rhythm};
        let drums = |number, bank, system: Option<System>| {
            let resets: Vec<_> = system.into_iter().map(|s| (0, s)).collect();
            let changes = [change(0, 0, Bank(bank)), change(0, 0, Program(3))];
            Timeline::new(number == DRUM_CHANNEL, &changes, &resets).at(1, 0, 3).1
        };
        let (gm2, gs, xg) = (Some(System::Gm2), Some(System::Gs), Some(System::Xg));
        assert!(drums(10, 127, xg) && drums(10, 126, xg) && drums(10, 127, None));
        assert!(drums(10, 120, gm2) && drums(10, 120, None));
        assert!(!drums(10, 127, gs) && !drums(10, 120, xg) && !drums(10, 127, gm2));
        assert!(!drums(10, 0, xg) && drums(9, 0, xg) && !drums(9, 121, gm2));
        let rhythm = |number, is_on| {
            let changes = [change(5, 0, Rhythm(is_on))];
            let timeline = Timeline::new(number == DRUM_CHANNEL, &changes, &[(0, System::Gs)]);
            (timeline.at(4, 0, 0).1, timeline.at(5, 0, 0).1)
        };
        assert_eq!((rhythm(3, true), rhythm(9, false)), ((false, true), (true, false)));
        // A bank counts from the next program on, and a reset takes it back.
        let bank = Timeline::new(false, &[change(0, 0, Bank(127))], &[]);
        assert!(!bank.at(9, 0, 0).1);
        let changes = [change(0, 0, Bank(127)), change(9, 0, Program(0))];
        assert!(!Timeline::new(false, &changes, &[(5, System::Xg)]).at(9, 0, 0).1);
    }
}
