//! Writes Standard MIDI files of format 1.

use std::collections::BTreeMap;

use midly::num::{u4, u7, u15, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, PitchBend, Timing, TrackEvent, TrackEventKind,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{Mode, TextKind};
use crate::sequence::NoteSequence;
use crate::tempo_map::TempoMap;
use crate::units::{DEFAULT_QPM, DEFAULT_VELOCITY, Qpm, STANDARD_TICKS_PER_QUARTER, Seconds};

/// Times must be below this number of ticks, because lenient reading drops events beyond 10^10.
/// Slightly more than that, because times in seconds are rounded.
const MAX_TICKS: u64 = 10_000_000_000 + (1 << 20);
/// The longest time between two events, 2^28 − 1 ticks.
const MAX_DELTA: u28 = u28::max_value();

/// Options of [`write()`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WriteOptions {
    /// Resolution in ticks per quarter note, 1 to 32,767. `None` for that of the sequence, or
    /// [`STANDARD_TICKS_PER_QUARTER`] if it has none.
    pub ticks_per_quarter: Option<u16>,
}

/// Reason why a sequence could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The resolution does not fit the header.
    #[error("{ticks_per_quarter} ticks per quarter note cannot be written (allowed: 1 to 32767)")]
    BadResolution {
        /// The requested resolution.
        ticks_per_quarter: i64,
    },
    /// The tempo does not fit a tempo event.
    #[error(
        "a tempo of {qpm} quarter notes per minute cannot be written (allowed: 3.576279 to \
         60,000,000)"
    )]
    BadTempo {
        /// The tempo found.
        qpm: Qpm,
    },
    /// The meter does not fit a time signature event.
    #[error(
        "time signature {numerator}/{denominator} cannot be written (needed: a \
         numerator of 1 to 255 and a \
             denominator that is a power of 2)"
    )]
    BadTimeSignature {
        /// Beats per bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
    },
    /// A time that a file cannot represent.
    #[error(
        "a time of {seconds} s cannot be written (needed: a finite time of at least 0 and at most \
         10^10 ticks); remove the events there, or write fewer ticks per quarter note"
    )]
    BadTime {
        /// The time found, in seconds.
        seconds: Seconds,
    },
    /// More tracks than the header can announce.
    #[error("{n_tracks} tracks cannot be written (allowed: 65535); merge instruments first")]
    TooManyTracks {
        /// Number of tracks.
        n_tracks: usize,
    },
    /// More bytes than the format's length fields can express.
    #[error(
        "a text or a track is too long to be written (allowed: 2^28 - 1 bytes of \
         text, 2^32 - 1 of a track)"
    )]
    TooLong,
}

/// Writes a sequence as a file of format 1.
///
/// Track 0 has tempos, signatures and texts; it is followed by a track for each (instrument,
/// program, drums), ascending, so nothing is merged and nothing lost. Drums are on channel 10;
/// other tracks use the remaining fifteen channels in order. If these do not suffice, tracks go to
/// further ports (meta event 21, from the 129th on with a device name, meta event 09): parts with
/// different settings never share a channel. Times are rounded to ticks on the sequence's own tempo
/// map; at one tick, offs come before ons. A note of less than a tick becomes one tick long. Gaps
/// longer than the maximum delta time are bridged by empty sequencer-specific events. Notes of
/// velocity 0 are silent and left out (the format reads them as offs); if all notes of the sequence
/// have velocity 0, they are written with 80. Controllers and bends of instruments without notes
/// are left out. Overlapping notes of one pitch in one instrument end together at the first end
/// when read back: a limitation of the format. Every track ends at the sequence's `total_time` if
/// nothing in it is later, so that music ending with a rest can be looped.
/// ends with a rest can be looped.
///
/// Every sequence that was read can be written, unless it has more than 65,534 parts.
///
/// # Errors
/// Returns a [`WriteError`] for values that the format cannot represent.
pub fn write(sequence: &NoteSequence, options: &WriteOptions) -> Result<Vec<u8>, WriteError> {
    let asked = match (options.ticks_per_quarter, sequence.ticks_per_quarter) {
        (Some(ticks), _) => i64::from(ticks),
        (None, ..=0) => i64::from(STANDARD_TICKS_PER_QUARTER),
        (None, ticks) => i64::from(ticks),
    };
    let ticks_per_quarter = u16::try_from(asked)
        .ok()
        .filter(|ticks| (1..0x8000).contains(ticks))
        .ok_or(WriteError::BadResolution { ticks_per_quarter: asked })?;
    let clock = Clock::new(sequence, ticks_per_quarter)?;
    // A total time that a file cannot represent is no reason to reject notes that it can.
    let end = clock.tick(sequence.total_time).unwrap_or(0);
    let (places, parts) = parts(sequence, &clock)?;
    let n_ports = places.values().map(|p| p.port + 1).max().unwrap_or_default();
    let devices: Vec<String> = (0..n_ports).map(|port| format!("Port {}", port + 1)).collect();
    let mut names: BTreeMap<u32, &str> = BTreeMap::new();
    for info in &sequence.instrument_infos {
        names.entry(info.instrument).or_insert(&info.name);
    }
    let mut file = File::new(ticks_per_quarter);
    file.push(&in_order(conductor(sequence, &clock)?, end))?;
    for (part, mut events) in parts {
        if n_ports > 1 {
            events.extend(port_events(places[&part].port, &devices));
        }
        if let Some(name) = names.get(&part.0) {
            let name = MetaMessage::TrackName(name.as_bytes());
            events.push(Timed::meta(0, Order::Heading, name));
        }
        file.push(&in_order(events, end))?;
    }
    file.finish()
}

/// The bytes of a file, track by track: events take ten times the memory of their bytes, so only
/// those of one track exist at a time.
struct File {
    header: Header,
    bytes: Vec<u8>,
    n_tracks: usize,
}

impl File {
    /// Number of bytes of a header chunk, and the position of the number of tracks in it.
    const HEADER_BYTES: usize = 14;
    const N_TRACKS: std::ops::Range<usize> = 10..12;

    fn new(ticks_per_quarter: u16) -> Self {
        let timing = Timing::Metrical(u15::new(ticks_per_quarter));
        let header = Header::new(Format::Parallel, timing);
        Self { header, bytes: Vec::new(), n_tracks: 0 }
    }

    fn push(&mut self, track: &[TrackEvent<'_>]) -> Result<(), WriteError> {
        let mut bytes = Vec::new();
        midly::write_std(&self.header, [track], &mut bytes).map_err(|_| WriteError::TooLong)?;
        let is_first = self.n_tracks == 0;
        self.bytes.extend_from_slice(&bytes[if is_first { 0 } else { Self::HEADER_BYTES }..]);
        self.n_tracks += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        let n_tracks = self.n_tracks;
        let announced =
            u16::try_from(n_tracks).map_err(|_| WriteError::TooManyTracks { n_tracks })?;
        self.bytes[Self::N_TRACKS].copy_from_slice(&announced.to_be_bytes());
        Ok(self.bytes)
    }
}

/// An event at a tick.
struct Timed<'a> {
    tick: u64,
    order: Order,
    kind: TrackEventKind<'a>,
}

/// The order of events at one tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// The port, before all events sent to it.
    Port,
    /// Names and signatures.
    Heading,
    /// Tempos and programs.
    Setting,
    /// Texts, controls and bends.
    Change,
    /// Ends before starts, so that a repeated note is not cut off.
    NoteOff,
    NoteOn,
}

impl<'a> Timed<'a> {
    fn meta(tick: u64, order: Order, message: MetaMessage<'a>) -> Self {
        Self { tick, order, kind: TrackEventKind::Meta(message) }
    }

    fn midi(tick: u64, order: Order, channel: u4, message: MidiMessage) -> Self {
        Self { tick, order, kind: TrackEventKind::Midi { channel, message } }
    }
}

/// Converts seconds to ticks, by the tempos of the sequence.
struct Clock {
    map: TempoMap,
    tempos: Vec<(u64, u32)>,
}

impl Clock {
    fn new(sequence: &NoteSequence, ticks_per_quarter: u16) -> Result<Self, WriteError> {
        let mut sorted = sequence.tempos.clone();
        sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
        // The nominal tempo, not the rounded one that is written, determines positions: a grid
        // remains a grid.
        let mut map = TempoMap::new(ticks_per_quarter);
        let mut tempos = Vec::with_capacity(sorted.len());
        for tempo in sorted {
            let microseconds = microseconds(tempo.qpm)?;
            let tick = Self::tick_on(&map, tempo.time)?;
            map.push_scale(tick, 60.0 / (tempo.qpm * f64::from(ticks_per_quarter)));
            tempos.push((tick, microseconds));
        }
        Ok(Self { map, tempos })
    }

    fn tick(&self, seconds: Seconds) -> Result<u64, WriteError> {
        Self::tick_on(&self.map, seconds)
    }

    fn tick_on(map: &TempoMap, seconds: Seconds) -> Result<u64, WriteError> {
        if !seconds.is_finite() || seconds < 0.0 {
            return Err(WriteError::BadTime { seconds });
        }
        let tick = map.tick(seconds);
        if tick >= MAX_TICKS { Err(WriteError::BadTime { seconds }) } else { Ok(tick) }
    }
}

/// Microseconds a quarter note, rounded (Python truncates and so slows 116 down by a microsecond).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be 1 to 2^24 − 1"
)]
fn microseconds(qpm: Qpm) -> Result<u32, WriteError> {
    let microseconds = (6e7 / qpm).round();
    if (1.0..16_777_216.0).contains(&microseconds) {
        Ok(microseconds as u32)
    } else {
        Err(WriteError::BadTempo { qpm })
    }
}

fn conductor<'a>(sequence: &'a NoteSequence, clock: &Clock) -> Result<Vec<Timed<'a>>, WriteError> {
    let mut events = Vec::new();
    let tempo = |tick, microseconds| {
        Timed::meta(tick, Order::Setting, MetaMessage::Tempo(u24::new(microseconds)))
    };
    if sequence.tempos.is_empty() {
        events.push(tempo(0, microseconds(DEFAULT_QPM)?));
    }
    events.extend(clock.tempos.iter().map(|(tick, microseconds)| tempo(*tick, *microseconds)));
    for signature in &sequence.time_signatures {
        let (numerator, denominator) = (signature.numerator, signature.denominator);
        let bad = WriteError::BadTimeSignature { numerator, denominator };
        let (1..=255, true) = (numerator, denominator.is_power_of_two()) else { return Err(bad) };
        let numerator = u8::try_from(numerator).map_err(|_| bad)?;
        let log2 = u8::try_from(denominator.trailing_zeros()).map_err(|_| bad)?;
        // Default metronome: one click per quarter (24 clocks), 8 notated 32nds per quarter.
        let message = MetaMessage::TimeSignature(numerator, log2, 24, 8);
        events.push(Timed::meta(clock.tick(signature.time)?, Order::Heading, message));
    }
    for signature in &sequence.key_signatures {
        let is_minor = signature.mode == Mode::Minor;
        let message = MetaMessage::KeySignature(signature.sharps(), is_minor);
        events.push(Timed::meta(clock.tick(signature.time)?, Order::Heading, message));
    }
    for text in &sequence.text_annotations {
        let bytes = text.text.as_bytes();
        let message = match text.kind {
            TextKind::Lyric => MetaMessage::Lyric(bytes),
            TextKind::Marker => MetaMessage::Marker(bytes),
            TextKind::Unknown | TextKind::ChordSymbol | TextKind::Beat => MetaMessage::Text(bytes),
        };
        events.push(Timed::meta(clock.tick(text.time)?, Order::Change, message));
    }
    Ok(events)
}

/// Instrument, drums, program.
type Part = (u32, bool, u8);

/// The port and channel of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    port: usize,
    channel: u4,
}

/// A place for each part: the tenth channel for drums, the others in order, and as many ports as
/// necessary. Kits of one program without controllers share a place, because their settings are the
/// same.
fn places(parts: &BTreeMap<Part, bool>) -> BTreeMap<Part, Place> {
    const N_MELODIC: usize = 15;
    let (mut n_melodic, mut n_drums) = (0, 0);
    let mut kits: BTreeMap<u8, Place> = BTreeMap::new();
    (parts.iter())
        .map(|(part, has_controls)| {
            if part.1 {
                if let Some(place) = kits.get(&part.2).filter(|_| !has_controls) {
                    return (*part, *place);
                }
                let place = Place { port: n_drums, channel: u4::new(9) };
                n_drums += 1;
                if !has_controls {
                    kits.insert(part.2, place);
                }
                return (*part, place);
            }
            let number = u8::try_from(n_melodic % N_MELODIC).unwrap_or_default();
            let channel = u4::new(if number < 9 { number } else { number + 1 });
            let place = Place { port: n_melodic / N_MELODIC, channel };
            n_melodic += 1;
            (*part, place)
        })
        .collect()
}

/// The events that send a track to a port.
fn port_events(port: usize, devices: &[String]) -> impl Iterator<Item = Timed<'_>> {
    // A port event has seven bits.
    let number = u8::try_from(port.min(127)).unwrap_or_default();
    let event = MetaMessage::MidiPort(u7::new(number));
    let device = devices.get(port).filter(|_| port > 127);
    let device = device.map(|name| MetaMessage::DeviceName(name.as_bytes()));
    std::iter::once(event).chain(device).map(|m| Timed::meta(0, Order::Port, m))
}

/// The places of all parts, and the events of each.
type Parts<'a> = (BTreeMap<Part, Place>, BTreeMap<Part, Vec<Timed<'a>>>);

fn parts<'a>(sequence: &'a NoteSequence, clock: &Clock) -> Result<Parts<'a>, WriteError> {
    let mut has_controls: BTreeMap<Part, bool> = BTreeMap::new();
    for note in &sequence.notes {
        has_controls.entry((note.instrument, note.is_drum, note.program.get())).or_default();
    }
    let changes = sequence.control_changes.iter().map(|c| (c.instrument, c.is_drum, c.program));
    let bends = sequence.pitch_bends.iter().map(|b| (b.instrument, b.is_drum, b.program));
    for (instrument, is_drum, program) in changes.chain(bends) {
        if let Some(has) = has_controls.get_mut(&(instrument, is_drum, program.get())) {
            *has = true;
        }
    }
    let places = places(&has_controls);
    let mut parts: BTreeMap<Part, Vec<Timed<'a>>> =
        places.keys().map(|part| (*part, Vec::new())).collect();
    let has_velocities = sequence.notes.iter().any(|n| n.velocity.get() > 0);
    for note in &sequence.notes {
        let velocity = if has_velocities { note.velocity } else { DEFAULT_VELOCITY };
        if velocity.get() == 0 {
            continue;
        }
        let part = (note.instrument, note.is_drum, note.program.get());
        let channel = places[&part].channel;
        let key = u7::new(note.pitch.get());
        let start = clock.tick(note.start_time)?;
        let end = clock.tick(note.end_time)?.max(start + 1);
        let on = MidiMessage::NoteOn { key, vel: u7::new(velocity.get()) };
        let off = MidiMessage::NoteOff { key, vel: u7::new(64) };
        let events = parts.entry(part).or_default();
        events.push(Timed::midi(start, Order::NoteOn, channel, on));
        events.push(Timed::midi(end, Order::NoteOff, channel, off));
    }
    for change in &sequence.control_changes {
        let part = (change.instrument, change.is_drum, change.program.get());
        if let Some(events) = parts.get_mut(&part) {
            let message = MidiMessage::Controller {
                controller: u7::new(change.control_number.min(127)),
                value: u7::new(change.control_value.min(127)),
            };
            let tick = clock.tick(change.time)?;
            events.push(Timed::midi(tick, Order::Change, places[&part].channel, message));
        }
    }
    for bend in &sequence.pitch_bends {
        let part = (bend.instrument, bend.is_drum, bend.program.get());
        if let Some(events) = parts.get_mut(&part) {
            let message = MidiMessage::PitchBend { bend: PitchBend::from_int(bend.bend) };
            let tick = clock.tick(bend.time)?;
            events.push(Timed::midi(tick, Order::Change, places[&part].channel, message));
        }
    }
    for (part, events) in &mut parts {
        let message = MidiMessage::ProgramChange { program: u7::new(part.2) };
        events.push(Timed::midi(0, Order::Setting, places[part].channel, message));
    }
    Ok((places, parts))
}

/// A track's events with the ticks between them; the track's end is last, not before the tick
/// `end`.
fn in_order(mut events: Vec<Timed<'_>>, end: u64) -> Vec<TrackEvent<'_>> {
    events.sort_by_key(|event| (event.tick, event.order));
    let mut track = Vec::with_capacity(events.len() + 1);
    let mut before = 0;
    for Timed { tick, kind, .. } in events {
        let mut delta = tick - before;
        while delta > u64::from(u32::from(MAX_DELTA)) {
            let filler = MetaMessage::SequencerSpecific(&[]);
            track.push(TrackEvent { delta: MAX_DELTA, kind: TrackEventKind::Meta(filler) });
            delta -= u64::from(u32::from(MAX_DELTA));
        }
        let delta = u28::from(u32::try_from(delta).unwrap_or_default());
        track.push(TrackEvent { delta, kind });
        before = tick;
    }
    let rest = u32::try_from(end.saturating_sub(before)).ok().and_then(u28::try_from);
    let kind = TrackEventKind::Meta(MetaMessage::EndOfTrack);
    track.push(TrackEvent { delta: rest.unwrap_or_default(), kind });
    track
}
