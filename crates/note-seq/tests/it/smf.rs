//! Bytes of Standard MIDI files for tests, event by event.

/// Ticks per quarter note of all files created here; a sixteenth is 24, a bar of 4/4 is 384.
pub(crate) const QUARTER: u32 = 96;
pub(crate) const SIXTEENTH: u32 = QUARTER / 4;
pub(crate) const BAR: u32 = QUARTER * 4;

/// An absolute tick and an event's bytes.
pub(crate) type Timed = (u32, Vec<u8>);

pub(crate) fn on(tick: u32, channel: u8, pitch: u8, velocity: u8) -> Timed {
    (tick, vec![0x90 | channel, pitch, velocity])
}

pub(crate) fn off(tick: u32, channel: u8, pitch: u8) -> Timed {
    (tick, vec![0x80 | channel, pitch, 64])
}

pub(crate) fn program(tick: u32, channel: u8, program: u8) -> Timed {
    (tick, vec![0xc0 | channel, program])
}

pub(crate) fn control(tick: u32, channel: u8, number: u8, value: u8) -> Timed {
    (tick, vec![0xb0 | channel, number, value])
}

pub(crate) fn meta(tick: u32, kind: u8, data: &[u8]) -> Timed {
    let mut event = vec![0xff, kind];
    event.extend(variable(u32::try_from(data.len()).unwrap()));
    event.extend(data);
    (tick, event)
}

pub(crate) fn tempo(tick: u32, microseconds: u32) -> Timed {
    meta(tick, 0x51, &microseconds.to_be_bytes()[1..])
}

pub(crate) fn signature(tick: u32, numerator: u8, log2_denominator: u8) -> Timed {
    meta(tick, 0x58, &[numerator, log2_denominator, 24, 8])
}

/// Notes on one channel: pitch, start, end; offs before ons at the same tick.
pub(crate) fn notes(channel: u8, spans: &[(u8, u32, u32)]) -> Vec<Timed> {
    let ons = spans.iter().map(|(pitch, start, _)| on(*start, channel, *pitch, 100));
    let offs = spans.iter().map(|(pitch, _, end)| off(*end, channel, *pitch));
    let mut events: Vec<Timed> = offs.chain(ons).collect();
    events.sort_by_key(|e| e.0);
    events
}

pub(crate) fn variable(value: u32) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7f) as u8];
    let mut rest = value >> 7;
    while rest > 0 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.reverse();
    bytes
}

/// A track's events without its end; stable at the same tick.
pub(crate) fn events(mut timed: Vec<Timed>) -> Vec<u8> {
    timed.sort_by_key(|e| e.0);
    let mut bytes = Vec::new();
    let mut now = 0;
    for (tick, event) in timed {
        bytes.extend(variable(tick - now));
        bytes.extend(event);
        now = tick;
    }
    bytes
}

pub(crate) const END: [u8; 4] = [0, 0xff, 0x2f, 0];

/// A track's data, including its end.
pub(crate) fn track(timed: Vec<Timed>) -> Vec<u8> {
    let mut bytes = events(timed);
    bytes.extend(END);
    bytes
}

pub(crate) fn chunk(id: [u8; 4], data: &[u8], length: Option<usize>) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.extend(u32::try_from(length.unwrap_or(data.len())).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn header(format: u16, n_tracks: u16, division: u16) -> Vec<u8> {
    let fields: Vec<u8> =
        [format, n_tracks, division].iter().flat_map(|f| f.to_be_bytes()).collect();
    chunk(*b"MThd", &fields, None)
}

/// A file of format 1.
pub(crate) fn file(tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes =
        header(1, u16::try_from(tracks.len()).unwrap(), u16::try_from(QUARTER).unwrap());
    for t in tracks {
        bytes.extend(chunk(*b"MTrk", t, None));
    }
    bytes
}
