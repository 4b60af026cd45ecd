//! Channels and ports: the messages of a channel on any track, kept until all tracks are read.
//!
//! A port has 16 channels. Controllers, bends, programs and all-notes-off messages act on every
//! note of the channel, regardless of their track.

use std::collections::BTreeMap;

use super::channel_controls::{Controls, RESET};
use super::patches::{PatchChange, PatchKind};
use super::sysex::{Message, System};

const NONE: u32 = u32::MAX;

/// The registered parameter that configures an MPE zone (MPE specification 1.1, section 2.1).
const MPE_CONFIGURATION: (u8, u8) = (0, 6);
const BEND_RANGE: (u8, u8) = (0, 0);
const NO_PARAMETER: (u8, u8) = (127, 127);

/// One channel of one port.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) port: u32,
    /// 0 to 15.
    pub(super) number: u8,
    pub(super) patches: Vec<PatchChange>,
    pub(super) controls: Controls,
    /// Ticks at which all its notes end.
    pub(super) note_ends: Vec<u64>,
    /// Whether its last mode message selected one voice (controller 126).
    pub(super) is_mono: bool,
    /// Semitones of the largest bend, if set by a message.
    pub(super) bend_range: Option<u8>,
    /// The registered parameter that data entry sets.
    parameter: (u8, u8),
}

/// All channels of a file, and the destination of the current track's events.
#[derive(Debug)]
pub(super) struct Channels {
    pub(super) list: Vec<Channel>,
    by_number: BTreeMap<(u32, u8), u32>,
    /// Number of each port, by track (of files whose tracks are songs), port event and device.
    ports: BTreeMap<(u32, u8, u32), u32>,
    /// Number of each device name; 0 for none.
    devices: BTreeMap<Vec<u8>, u32>,
    /// Resets of the sound system: port, tick, new system.
    pub(super) resets: Vec<(u32, u64, System)>,
    /// Channels of an MPE zone, by port and the zone's manager channel (0 or 15).
    pub(super) zones: BTreeMap<(u32, u8), u8>,
    are_tracks_songs: bool,
    track: u32,
    port_event: u8,
    device: u32,
    port: u32,
    /// The channels of the current port.
    current: [u32; 16],
}

impl Channels {
    /// `are_tracks_songs`: the tracks are separate songs (format 2), which do not share channels.
    pub(super) fn new(are_tracks_songs: bool) -> Self {
        Self {
            list: Vec::new(),
            by_number: BTreeMap::new(),
            ports: BTreeMap::new(),
            devices: BTreeMap::from([(Vec::new(), 0)]),
            resets: Vec::new(),
            zones: BTreeMap::new(),
            are_tracks_songs,
            track: 0,
            port_event: 0,
            device: 0,
            port: 0,
            current: [NONE; 16],
        }
    }

    pub(super) fn begin_track(&mut self, track: u32) {
        self.track = track;
        self.port_event = 0;
        self.device = 0;
        self.select_port();
    }

    /// Sends the following events of the track to another port.
    pub(super) fn set_port(&mut self, port: u8) {
        self.port_event = port;
        self.select_port();
    }

    /// Sends the following events of the track to another device.
    pub(super) fn set_device(&mut self, name: &[u8]) {
        self.device = if let Some(number) = self.devices.get(name) {
            *number
        } else {
            let number = u32::try_from(self.devices.len()).unwrap_or(NONE);
            self.devices.insert(name.to_vec(), number);
            number
        };
        self.select_port();
    }

    fn select_port(&mut self) {
        let song = if self.are_tracks_songs { self.track } else { 0 };
        let n_ports = u32::try_from(self.ports.len()).unwrap_or(NONE);
        let key = (song, self.port_event, self.device);
        let port = *self.ports.entry(key).or_insert(n_ports);
        if port != self.port {
            self.port = port;
            self.current = [NONE; 16];
        }
    }

    /// The index of a channel of the current port.
    #[inline]
    pub(super) fn index(&mut self, number: u8) -> u32 {
        let index = self.current[usize::from(number & 15)];
        if index == NONE { self.find(number & 15) } else { index }
    }

    fn find(&mut self, number: u8) -> u32 {
        let port = self.port;
        let next = u32::try_from(self.list.len()).unwrap_or(NONE);
        let index = *self.by_number.entry((port, number)).or_insert(next);
        if index == next {
            self.list.push(Channel {
                port,
                number,
                patches: Vec::new(),
                controls: Controls::default(),
                note_ends: Vec::new(),
                is_mono: false,
                bend_range: None,
                parameter: NO_PARAMETER,
            });
        }
        self.current[usize::from(number)] = index;
        index
    }

    fn get(&mut self, number: u8) -> &mut Channel {
        let index = self.index(number);
        &mut self.list[index as usize]
    }

    /// The index of a channel of any port, if it received any message.
    pub(super) fn of_port(&self, port: u32, number: u8) -> Option<u32> {
        self.by_number.get(&(port, number)).copied()
    }

    pub(super) fn program(&mut self, tick: u64, number: u8, program: u8) {
        self.patch(tick, number, PatchKind::Program(program));
    }

    fn patch(&mut self, tick: u64, number: u8, kind: PatchKind) {
        let track = self.track;
        self.get(number).patches.push(PatchChange { tick, track, kind });
    }

    pub(super) fn bend(&mut self, tick: u64, number: u8, bend: i16) {
        self.get(number).controls.bends.push((tick, bend));
    }

    pub(super) fn control(&mut self, tick: u64, number: u8, control: u8, value: u8) {
        if control == 0 {
            self.patch(tick, number, PatchKind::Bank(value));
        }
        let channel = self.get(number);
        channel.controls.changes.push((tick, control, value));
        match control {
            // All sound off, all notes off, and the four modes, each of which ends all notes too.
            121 => channel.controls.bends.push((tick, RESET)),
            120 | 123..=127 => {
                channel.note_ends.push(tick);
                if control >= 126 {
                    channel.is_mono = control == 126;
                }
            }
            98 | 99 => channel.parameter = NO_PARAMETER,
            100 => channel.parameter.1 = value,
            101 => channel.parameter.0 = value,
            6 => match channel.parameter {
                BEND_RANGE => channel.bend_range = Some(value),
                // Zero members only end the zone, often at the end of the file.
                MPE_CONFIGURATION if matches!(number, 0 | 15) && value > 0 => {
                    self.zones.insert((self.port, number), value.min(15));
                }
                _ => {}
            },
            _ => {}
        }
    }

    pub(super) fn system_exclusive(&mut self, tick: u64, data: &[u8]) {
        match Message::of(data) {
            Some(Message::Reset(system)) => self.resets.push((self.port, tick, system)),
            Some(Message::Rhythm { channel, is_on }) => {
                self.patch(tick, channel, PatchKind::Rhythm(is_on));
            }
            None => {}
        }
    }

    /// Whether a channel is one of an MPE zone, and that zone's manager channel.
    pub(super) fn zone_of(&self, channel: &Channel) -> Option<u8> {
        if self.zones.is_empty() {
            return None;
        }
        let members = |manager| self.zones.get(&(channel.port, manager)).copied();
        let is_lower = members(0).is_some_and(|n| channel.number <= n);
        let is_upper = members(15).is_some_and(|n| channel.number >= 15 - n);
        match (is_lower, is_upper) {
            (true, _) => Some(0),
            (false, true) => Some(15),
            (false, false) => None,
        }
    }
}
