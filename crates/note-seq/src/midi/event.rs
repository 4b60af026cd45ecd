//! Events of a track, reduced to the data that a sequence stores.

use crate::event::{Mode, TextKind};

/// An event of a track, reduced to the data that the sequence stores. Values are already checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Event<'a> {
    NoteOn {
        channel: u8,
        pitch: u8,
        velocity: u8,
    },
    NoteOff {
        channel: u8,
        pitch: u8,
    },
    Program {
        channel: u8,
        program: u8,
    },
    Control {
        channel: u8,
        number: u8,
        value: u8,
    },
    Bend {
        channel: u8,
        bend: i16,
    },
    Tempo {
        microseconds: u32,
    },
    TimeSignature {
        numerator: u8,
        log2_denominator: u8,
    },
    KeySignature {
        key: u8,
        mode: Mode,
    },
    TrackName(&'a [u8]),
    /// Sends the track's events to this port.
    Port(u8),
    /// Sends the track's events to the device of this name.
    Device(&'a [u8]),
    /// Data without F0.
    SystemExclusive(&'a [u8]),
    Text(TextKind, &'a [u8]),
}

/// The duration of a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Division {
    /// Ticks per quarter note; negative only in parity reading.
    Metrical(i16),
    /// SMPTE time.
    SecondsPerTick(f64),
}

/// The event of a channel message with checked data bytes; `None` for messages that the sequence
/// does not store.
pub(super) fn channel_event(status: u8, data: [u8; 2]) -> Option<Event<'static>> {
    let channel = status & 15;
    let [first, second] = data;
    match status & 0xf0 {
        0x90 if second > 0 => Some(Event::NoteOn { channel, pitch: first, velocity: second }),
        0x80 | 0x90 => Some(Event::NoteOff { channel, pitch: first }),
        0xb0 => Some(Event::Control { channel, number: first, value: second }),
        0xc0 => Some(Event::Program { channel, program: first }),
        0xe0 => {
            let bend = i16::from(first) | i16::from(second) << 7;
            Some(Event::Bend { channel, bend: bend - 8192 })
        }
        _ => None,
    }
}

/// The key of `sharps` (negative: flats): `7 · sharps`, minor nine semitones up, modulo 12.
pub(super) fn key_signature(sharps: i8, mode: u8) -> Option<Event<'static>> {
    if !(-7..=7).contains(&sharps) {
        return None;
    }
    let (mode, offset) = match mode {
        0 => (Mode::Major, 0),
        1 => (Mode::Minor, 9),
        _ => return None,
    };
    let key = (i32::from(sharps) * 7 + offset).rem_euclid(12);
    u8::try_from(key).ok().map(|key| Event::KeySignature { key, mode })
}
