//! Writes Standard MIDI files of format 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{KeySignature, Mode, TextKind};
use crate::sequence::NoteSequence;
use crate::tempo_map::TempoMap;
use crate::units::{DEFAULT_QPM, Qpm, STANDARD_TICKS_PER_QUARTER, Seconds};

/// Options of [`write()`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WriteOptions {
    /// Resolution in ticks a quarter note, 1 to 32,767. `None` takes the sequence's own, or
    /// [`STANDARD_TICKS_PER_QUARTER`] where it has none.
    pub ticks_per_quarter: Option<u16>,
}

/// Why a sequence could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The resolution does not fit the header.
    #[error("{ticks_per_quarter} ticks a quarter note cannot be written (allowed: 1 to 32767)")]
    BadResolution {
        /// The resolution asked for.
        ticks_per_quarter: i64,
    },
    /// The tempo does not fit a tempo event.
    #[error(
        "a tempo of {qpm} quarter notes a minute cannot be written (allowed: 3.576279 to 60,000,000)"
    )]
    BadTempo {
        /// The tempo found.
        qpm: Qpm,
    },
    /// The metre does not fit a time signature event.
    #[error(
        "time signature {numerator}/{denominator} cannot be written (needed: a numerator of 1 to 255 and a \
             denominator that is a power of 2)"
    )]
    BadTimeSignature {
        /// Beats a bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
    },
    /// A time that a file cannot hold.
    #[error(
        "a time of {seconds} s cannot be written (needed: a finite time from 0 on that is fewer than 2^28 ticks \
             after the event before it)"
    )]
    BadTime {
        /// The time found, in seconds.
        seconds: Seconds,
    },
    /// More tracks than the header can announce.
    #[error("{n_tracks} tracks cannot be written (allowed: 65535); merge instruments first")]
    TooManyTracks {
        /// How many there would be.
        n_tracks: usize,
    },
}

/// The largest delta time of four bytes.
const MAX_DELTA: u64 = (1 << 28) - 1;

/// Writes a sequence as a file of format 1.
///
/// Track 0 holds tempos, signatures and texts; then comes a track for each (instrument, program, drums),
/// ascending, so nothing is merged and nothing lost. Drums are on channel 10, other tracks take the remaining
/// fifteen channels in turn. Times are rounded to ticks on the sequence's own tempo map; at one tick offs come
/// before ons. A note of less than a tick becomes one tick long. Notes of velocity 0 are silent and left out
/// (the format reads them as offs). Overlapping notes of one pitch in one instrument end together at the first
/// end when read back: a limit of the format.
///
/// # Errors
/// [`WriteError`]: what the format cannot hold.
pub fn write(sequence: &NoteSequence, options: &WriteOptions) -> Result<Vec<u8>, WriteError> {
    let asked = match (options.ticks_per_quarter, sequence.ticks_per_quarter) {
        (Some(ticks), _) => i64::from(ticks),
        (None, 0) => i64::from(STANDARD_TICKS_PER_QUARTER),
        (None, ticks) => i64::from(ticks),
    };
    let resolution = u16::try_from(asked).ok().filter(|t| (1..0x8000).contains(t));
    let ticks_per_quarter =
        resolution.ok_or(WriteError::BadResolution { ticks_per_quarter: asked })?;
    let clock = Clock::new(sequence, ticks_per_quarter)?;
    let mut tracks = vec![conductor(sequence, &clock)?];
    for (part, events) in parts(sequence, &clock)? {
        tracks.push(part_track(sequence, part, events));
    }
    let n_tracks = u16::try_from(tracks.len())
        .map_err(|_| WriteError::TooManyTracks { n_tracks: tracks.len() })?;
    let mut out = b"MThd\0\0\0\x06\0\x01".to_vec();
    out.extend(n_tracks.to_be_bytes());
    out.extend(ticks_per_quarter.to_be_bytes());
    for track in tracks {
        append_track(&mut out, track)?;
    }
    Ok(out)
}

/// An event at a tick: order at one tick, bytes.
type Timed = (u64, u8, Vec<u8>);

/// Seconds to ticks, on the tempos of the sequence.
struct Clock {
    map: TempoMap,
    tempos: Vec<(u64, u32)>,
}

impl Clock {
    fn new(sequence: &NoteSequence, ticks_per_quarter: u16) -> Result<Self, WriteError> {
        let mut sorted = sequence.tempos.clone();
        sorted.sort_by(|a, b| a.time.total_cmp(&b.time));
        // The nominal tempo, not the rounded one that is written, places events: a grid stays a grid.
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
        if tick >= 1 << 48 { Err(WriteError::BadTime { seconds }) } else { Ok(tick) }
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

fn conductor(sequence: &NoteSequence, clock: &Clock) -> Result<Vec<Timed>, WriteError> {
    let mut events = Vec::new();
    if sequence.tempos.is_empty() {
        events.push((0, 1, tempo_event(microseconds(DEFAULT_QPM)?)));
    }
    events.extend(
        clock.tempos.iter().map(|(tick, microseconds)| (*tick, 1, tempo_event(*microseconds))),
    );
    for signature in &sequence.time_signatures {
        let (numerator, denominator) = (signature.numerator, signature.denominator);
        let bad = WriteError::BadTimeSignature { numerator, denominator };
        let (1..=255, true) = (numerator, denominator.is_power_of_two()) else { return Err(bad) };
        let numerator = u8::try_from(numerator).map_err(|_| bad)?;
        let log2 = u8::try_from(denominator.trailing_zeros()).map_err(|_| bad)?;
        events.push((clock.tick(signature.time)?, 0, meta(0x58, &[numerator, log2, 24, 8])));
    }
    for signature in &sequence.key_signatures {
        let [sharps, mode] = key_bytes(signature);
        events.push((clock.tick(signature.time)?, 0, meta(0x59, &[sharps, mode])));
    }
    for text in &sequence.text_annotations {
        let kind = match text.kind {
            TextKind::Lyric => 0x05,
            TextKind::Marker => 0x06,
            TextKind::Unknown | TextKind::ChordSymbol | TextKind::Beat => 0x01,
        };
        events.push((clock.tick(text.time)?, 2, meta(kind, text.text.as_bytes())));
    }
    Ok(events)
}

fn tempo_event(microseconds: u32) -> Vec<u8> {
    let [_, a, b, c] = microseconds.to_be_bytes();
    meta(0x51, &[a, b, c])
}

/// Sharps (flats negative) and mode of a key; of the keys that sound alike the one with fewer signs.
fn key_bytes(signature: &KeySignature) -> [u8; 2] {
    let (offset, mode) = match signature.mode {
        Mode::Major | Mode::NotSpecified => (0, 0),
        Mode::Minor => (9, 1),
    };
    let tonic = i32::from(signature.key) - offset;
    let fifths = (tonic * 7).rem_euclid(12);
    let sharps = if fifths > 6 { fifths - 12 } else { fifths };
    [i8::try_from(sharps).unwrap_or_default().cast_unsigned(), mode]
}

/// Instrument, drums, program.
type Part = (u32, bool, u8);

fn parts(sequence: &NoteSequence, clock: &Clock) -> Result<BTreeMap<Part, Vec<Timed>>, WriteError> {
    let mut parts: BTreeMap<Part, Vec<Timed>> = BTreeMap::new();
    let mut next = 0;
    let mut channels: BTreeMap<Part, u8> = BTreeMap::new();
    for note in &sequence.notes {
        parts.entry((note.instrument, note.is_drum, note.program.get())).or_default();
    }
    for part in parts.keys() {
        let channel = if part.1 {
            9
        } else {
            let channel = if next < 9 { next } else { next + 1 };
            next = (next + 1) % 15;
            channel
        };
        channels.insert(*part, channel);
    }
    for note in sequence.notes.iter().filter(|n| n.velocity.get() > 0) {
        let part = (note.instrument, note.is_drum, note.program.get());
        let channel = channels[&part];
        let start = clock.tick(note.start_time)?;
        let end = clock.tick(note.end_time)?.max(start + 1);
        let events = parts.entry(part).or_default();
        events.push((start, 4, vec![0x90 | channel, note.pitch.get(), note.velocity.get()]));
        events.push((end, 3, vec![0x80 | channel, note.pitch.get(), 64]));
    }
    for change in &sequence.control_changes {
        let part = (change.instrument, change.is_drum, change.program.get());
        if let Some(events) = parts.get_mut(&part) {
            let data = vec![
                0xb0 | channels[&part],
                change.control_number.min(127),
                change.control_value.min(127),
            ];
            events.push((clock.tick(change.time)?, 2, data));
        }
    }
    for bend in &sequence.pitch_bends {
        let part = (bend.instrument, bend.is_drum, bend.program.get());
        if let Some(events) = parts.get_mut(&part) {
            let value = (bend.bend.clamp(-8192, 8191) + 8192).cast_unsigned();
            let [low, high] =
                [value & 127, value >> 7].map(|v| u8::try_from(v).unwrap_or_default());
            events.push((clock.tick(bend.time)?, 2, vec![0xe0 | channels[&part], low, high]));
        }
    }
    for (part, events) in &mut parts {
        events.push((0, 1, vec![0xc0 | channels[part], part.2]));
    }
    Ok(parts)
}

fn part_track(sequence: &NoteSequence, part: Part, mut events: Vec<Timed>) -> Vec<Timed> {
    if let Some(name) = sequence.instrument_name(part.0) {
        events.push((0, 0, meta(0x03, name.as_bytes())));
    }
    events
}

fn meta(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut event = vec![0xff, kind];
    append_variable(&mut event, data.len() as u64);
    event.extend(data);
    event
}

fn append_variable(out: &mut Vec<u8>, value: u64) {
    let n_groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..n_groups).rev() {
        let byte = (value >> (7 * group) & 0x7f) as u8;
        out.push(if group > 0 { byte | 0x80 } else { byte });
    }
}

fn append_track(out: &mut Vec<u8>, mut events: Vec<Timed>) -> Result<(), WriteError> {
    events.sort_by_key(|e| (e.0, e.1));
    let mut data = Vec::new();
    let mut tick = 0;
    for (at, _, event) in events {
        if at - tick > MAX_DELTA {
            return Err(WriteError::BadTime { seconds: f64::INFINITY });
        }
        append_variable(&mut data, at - tick);
        data.extend(event);
        tick = at;
    }
    data.extend([0, 0xff, 0x2f, 0]);
    out.extend(b"MTrk");
    // Four bytes a length: a track of more than 4 GiB would need as much memory here first.
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(data);
    Ok(())
}
