//! Assigns controllers and bends to instruments: all instruments of a channel get those of the
//! channel.

use std::collections::BTreeMap;

use super::channel_controls::Controls;
use super::channels::Channels;
use super::collect::Collector;
use super::error::MidiError;
use super::lines::Line;
use super::repair::repair;
use super::report::{ReadReport, RepairKind};
use crate::event::{ControlChange, PitchBend};
use crate::pitch::Program;
use crate::sequence::NoteSequence;
use crate::tempo_map::TempoMap;

/// All instruments together may get `MAX_COPIES` times the controllers and bends of the file plus
/// [`FREE_COPIES`]. The full number would be that of the instruments of each channel times its
/// controllers.
const MAX_COPIES: usize = 2;
const FREE_COPIES: usize = 3 << 17;

/// Controllers that affect every note of a channel, so that a line over several channels takes
/// those of its current channel.
const FOLLOWED: [u8; 11] = [1, 7, 10, 11, 64, 65, 66, 67, 68, 69, 74];

/// Default semitones of the largest bend: of a channel, and of a member of an MPE zone.
const BEND_RANGE: u8 = 2;
const MEMBER_BEND_RANGE: u8 = 48;

impl Collector {
    /// Gives every instrument the controllers and bends of its channel, up to the limit.
    pub(super) fn place_controls(
        &self,
        lines: &BTreeMap<u32, Line>,
        map: &TempoMap,
        sequence: &mut NoteSequence,
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        let is_parity = self.is_parity();
        let lists: Vec<&Controls> = if is_parity {
            self.controls.iter().collect()
        } else {
            self.channels.list.iter().map(|c| &c.controls).collect()
        };
        let mut is_used = vec![false; lists.len()];
        let n_own: usize = lists.iter().map(|l| l.len()).sum();
        let mut room = n_own.saturating_mul(MAX_COPIES).saturating_add(FREE_COPIES);
        let mut n_left_out = 0_u64;
        let mut at = map.cursor();
        for (i, instrument) in self.instruments.iter().zip(0..) {
            let followed;
            let list = if let Some(line) = lines.get(&instrument) {
                line.channels.iter().for_each(|c| is_used[*c as usize] = true);
                followed = line.controls(&self.channels);
                &followed
            } else {
                let list = (if is_parity { i.controls } else { i.channel }) as usize;
                is_used[list] = true;
                lists[list]
            };
            let Some(left) = room.checked_sub(list.len()) else {
                n_left_out += list.len() as u64;
                continue;
            };
            room = left;
            let (program, is_drum) = (Program::saturating(i.program), i.is_drum);
            sequence.control_changes.extend(list.changes.iter().map(|(tick, number, value)| {
                ControlChange {
                    time: at.seconds(*tick),
                    control_number: *number,
                    control_value: *value,
                    instrument,
                    program,
                    is_drum,
                }
            }));
            sequence.pitch_bends.extend(list.bends.iter().map(|(tick, bend)| PitchBend {
                time: at.seconds(*tick),
                bend: *bend,
                instrument,
                program,
                is_drum,
            }));
        }
        let unused = lists.iter().zip(is_used).filter(|(_, is_used)| !is_used);
        report.notes.controls_without_notes += unused.map(|(c, _)| c.len() as u64).sum::<u64>();
        report.notes.controls_not_shared += n_left_out;
        if n_left_out == 0 {
            Ok(())
        } else if is_parity {
            let found = n_own.saturating_mul(MAX_COPIES).saturating_add(FREE_COPIES) as u64;
            Err(MidiError::LimitExceeded {
                what: "controllers and bends of all instruments",
                found: found + n_left_out,
                limit: found,
            })
        } else {
            repair(report, RepairKind::SharedControls, None, 0)
        }
    }
}

impl Line {
    /// The controllers and bends of each note's channel, in sequence.
    fn controls(&self, channels: &Channels) -> Controls {
        let of = |channel: u32| &channels.list[channel as usize];
        let range = |channel: u32| {
            let default = if self.manager.is_some() { MEMBER_BEND_RANGE } else { BEND_RANGE };
            of(channel).bend_range.unwrap_or(default)
        };
        // The channel to which a member's bends are converted; strings all have the same range.
        let own_range = self.manager.map_or(range(self.channels[0]), |manager| {
            of(manager).bend_range.unwrap_or(BEND_RANGE)
        });
        let mut all = Controls::default();
        let mut events: Vec<Event> = Vec::new();
        for channel in &self.channels {
            let is_manager = self.manager == Some(*channel);
            for (tick, number, value) in &of(*channel).controls.changes {
                if FOLLOWED.contains(number) && !is_manager {
                    let kind = Kind::Change(*number, *value);
                    events.push(Event { tick: *tick, kind, channel: *channel });
                } else if is_manager || *number < 120 {
                    all.changes.push((*tick, *number, *value));
                }
            }
            for (tick, bend) in &of(*channel).controls.bends {
                let kind = Kind::Bend(if is_manager {
                    i32::from(*bend)
                } else {
                    i32::from(*bend) * i32::from(range(*channel)) / i32::from(own_range.max(1))
                });
                events.push(Event { tick: *tick, kind, channel: *channel });
            }
        }
        let starts = self.starts.iter().map(|(tick, channel)| Event {
            tick: *tick,
            kind: Kind::Start,
            channel: *channel,
        });
        events.extend(starts);
        // At one tick, all messages of its channel apply to a note, even those that follow it.
        events.sort_by_key(|e| (e.tick, e.kind == Kind::Start));
        let mut state = Follower::new(self.manager, self.starts.first().map(|s| s.1));
        for event in events {
            state.take(event, &mut all);
        }
        all.changes.sort_by_key(|c| c.0);
        all
    }
}

#[derive(Debug, Clone, Copy)]
struct Event {
    tick: u64,
    kind: Kind,
    channel: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change(u8, u8),
    Bend(i32),
    Start,
}

/// The current channel of a line and its last values.
struct Follower {
    manager: Option<u32>,
    on: Option<u32>,
    values: BTreeMap<(u32, u8), u8>,
    bends: BTreeMap<u32, i32>,
    told: BTreeMap<u8, u8>,
    told_bend: i32,
}

impl Follower {
    fn new(manager: Option<u32>, on: Option<u32>) -> Self {
        let (values, bends, told) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { manager, on, values, bends, told, told_bend: 0 }
    }

    fn take(&mut self, event: Event, all: &mut Controls) {
        let Event { tick, kind, channel } = event;
        match kind {
            Kind::Change(number, value) => {
                self.values.insert((channel, number), value);
                if self.on == Some(channel) {
                    self.tell(tick, number, value, all);
                }
            }
            Kind::Bend(bend) => {
                self.bends.insert(channel, bend);
                if self.on == Some(channel) || self.manager == Some(channel) {
                    self.tell_bend(tick, all);
                }
            }
            Kind::Start => {
                self.on = Some(channel);
                for number in FOLLOWED {
                    // A pedal without messages is released.
                    let untouched = if matches!(number, 64..=69) { Some(0) } else { None };
                    let value = self.values.get(&(channel, number)).copied().or(untouched);
                    let before = self.told.get(&number).copied().or(untouched);
                    if let Some(value) = value.filter(|v| Some(*v) != before) {
                        self.tell(tick, number, value, all);
                    }
                }
                self.tell_bend(tick, all);
            }
        }
    }

    fn tell(&mut self, tick: u64, number: u8, value: u8, all: &mut Controls) {
        if self.told.insert(number, value) != Some(value) {
            all.changes.push((tick, number, value));
        }
    }

    fn tell_bend(&mut self, tick: u64, all: &mut Controls) {
        let of = |channel: Option<u32>| channel.and_then(|c| self.bends.get(&c)).copied();
        let manager = of(self.manager.filter(|m| self.on != Some(*m))).unwrap_or(0);
        let sum = (of(self.on).unwrap_or(0) + manager).clamp(-8192, 8191);
        if sum != self.told_bend {
            self.told_bend = sum;
            all.bends.push((tick, i16::try_from(sum).unwrap_or_default()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::channel_controls::RESET;

    /// Pedal down and bent, then reset twice: the first reset undoes both, the second has no
    /// effect.
    #[test]
    fn a_reset_lifts_the_pedal_and_unbends() {
        let mut controls = Controls {
            changes: vec![(0, 64, 127), (0, 7, 90), (9, 121, 0), (10, 121, 0), (11, 64, 127)],
            bends: vec![(0, 100), (9, RESET), (10, RESET), (11, -5)],
        };
        controls.put_in_order();
        let changes =
            [(0, 64, 127), (0, 7, 90), (9, 64, 0), (9, 121, 0), (10, 121, 0), (11, 64, 127)];
        assert_eq!(controls.changes, changes);
        assert_eq!(controls.bends, [(0, 100), (9, 0), (11, -5)]);
    }

    #[test]
    fn a_line_takes_the_bend_and_the_volume_of_the_channel_it_is_on() {
        let mut state = Follower::new(None, Some(1));
        let mut all = Controls::default();
        let events = [
            (0, Kind::Change(7, 100), 1),
            (0, Kind::Change(7, 100), 2),
            (0, Kind::Bend(50), 2),
            (0, Kind::Start, 1),
            (5, Kind::Bend(80), 1),
            (6, Kind::Change(64, 127), 1),
            (9, Kind::Start, 2),
            (9, Kind::Bend(90), 1),
            (12, Kind::Start, 1),
        ];
        for (tick, kind, channel) in events {
            state.take(Event { tick, kind, channel }, &mut all);
        }
        assert_eq!(all.bends, [(5, 80), (9, 50), (12, 90)]);
        assert_eq!(all.changes, [(0, 7, 100), (6, 64, 127), (9, 64, 0), (12, 64, 127)]);
    }
}
