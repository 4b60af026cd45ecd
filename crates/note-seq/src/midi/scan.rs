//! Lenient and strict scanning of one track's events.
//!
//! Damage is skipped: a damaged event by its length if that is known, otherwise only the byte that
//! cannot begin an event.

use super::bytes::{Bytes, Message};
use super::collect::Collector;
use super::error::MidiError;
use super::event::{Event, channel_event, key_signature};
use super::options::ReadLimits;
use super::repair::repair;
use super::report::{ReadReport, RepairKind};
use crate::event::TextKind;

/// Longer names of tracks are cut.
pub(super) const MAX_NAME_BYTES: usize = 200;

/// Scans the track in `bytes[start..]` into `collector`.
pub(super) fn track(
    bytes: &[u8],
    start: usize,
    index: u32,
    collector: &mut Collector,
    limits: &ReadLimits,
    report: &mut ReadReport,
) -> Result<(), MidiError> {
    collector.begin_track(index);
    let mut scan = Scan {
        bytes: Bytes::new(bytes, start),
        track: index,
        report,
        status: None,
        is_status_cancelled: false,
        is_ended: false,
    };
    let mut tick = 0_u64;
    while !scan.bytes.is_empty() {
        let at = scan.bytes.pos();
        collector.count_event()?;
        if let Some(message) = scan.orderly_message() {
            let next_tick = tick.saturating_add(u64::from(message.delta));
            if next_tick >= limits.max_ticks {
                scan.repair(RepairKind::AbsurdTime, at)?;
                break;
            }
            tick = next_tick;
            collector.message(tick, message.status, message.data, scan.report)?;
            continue;
        }
        if scan.is_ended {
            // Players stop here. The rest is padding, or a remainder of an earlier, longer version.
            if !scan.rest_is_zero() {
                scan.report.bytes_after_end += scan.bytes.remaining() as u64;
                scan.repair(RepairKind::EventsAfterEndOfTrack, at)?;
            }
            break;
        }
        let Some((delta, n_bytes)) = scan.bytes.variable() else {
            scan.repair(RepairKind::CutOff, at)?;
            break;
        };
        if n_bytes > 4 {
            scan.repair(RepairKind::LongVariableNumber, at)?;
        }
        let next_tick = tick.saturating_add(delta);
        if next_tick >= limits.max_ticks {
            scan.repair(RepairKind::AbsurdTime, at)?;
            break;
        }
        match scan.event()? {
            Scanned::Event(event) => {
                tick = next_tick;
                collector.event(tick, event, scan.report)?;
            }
            Scanned::Nothing => tick = next_tick,
            Scanned::CutOff => {
                scan.repair(RepairKind::CutOff, at)?;
                break;
            }
        }
    }
    if !scan.is_ended {
        let at = scan.bytes.pos();
        scan.repair(RepairKind::NoEndOfTrack, at)?;
    }
    collector.end_track(tick, report);
    Ok(())
}

enum Scanned<'a> {
    Event(Event<'a>),
    /// An event that the sequence does not store, or skipped damage.
    Nothing,
    /// The track ended in the middle of the event.
    CutOff,
}

struct Scan<'a, 'r> {
    bytes: Bytes<'a>,
    track: u32,
    report: &'r mut ReadReport,
    /// Running status; kept across meta and system events, as players do.
    status: Option<u8>,
    is_status_cancelled: bool,
    is_ended: bool,
}

impl<'a> Scan<'a, '_> {
    /// Takes a message without anything to repair, like most events; takes nothing if anything else
    /// follows.
    #[inline]
    fn orderly_message(&mut self) -> Option<Message> {
        if self.is_ended {
            return None;
        }
        let running_status = self.status.filter(|_| !self.is_status_cancelled);
        let message = self.bytes.message(running_status)?;
        self.status = Some(message.status);
        self.is_status_cancelled = false;
        Some(message)
    }

    fn repair(&mut self, kind: RepairKind, offset: usize) -> Result<(), MidiError> {
        repair(self.report, kind, Some(self.track), offset)
    }

    fn rest_is_zero(&self) -> bool {
        let mut rest = self.bytes.clone();
        rest.take(rest.remaining()).is_some_and(|rest| rest.iter().all(|b| *b == 0))
    }

    #[inline(never)]
    fn event(&mut self) -> Result<Scanned<'a>, MidiError> {
        let at = self.bytes.pos();
        let Some(first) = self.bytes.peek() else { return Ok(Scanned::CutOff) };
        match first {
            0x00..=0x7f => {
                let Some(status) = self.status else {
                    self.repair(RepairKind::StrayDataByte, at)?;
                    while self.bytes.peek().is_some_and(|b| b < 0x80) {
                        self.bytes.byte();
                    }
                    return if self.bytes.is_empty() { Ok(Scanned::Nothing) } else { self.event() };
                };
                if std::mem::take(&mut self.is_status_cancelled) {
                    self.repair(RepairKind::RunningStatusKept, at)?;
                }
                self.message(status)
            }
            0x80..=0xef => {
                self.bytes.byte();
                self.status = Some(first);
                self.is_status_cancelled = false;
                self.message(first)
            }
            _ => {
                self.bytes.byte();
                self.is_status_cancelled = self.status.is_some();
                match first {
                    0xff => self.meta(),
                    0xf0 | 0xf7 => self.sysex(),
                    _ => {
                        // System common and real-time messages are not allowed in a file, but some
                        // files contain them and their data bytes.
                        self.repair(RepairKind::UnknownStatus, at)?;
                        let n_data = match first {
                            0xf2 => 2,
                            0xf1 | 0xf3 => 1,
                            _ => 0,
                        };
                        Ok(if self.bytes.take(n_data).is_some() {
                            Scanned::Nothing
                        } else {
                            Scanned::CutOff
                        })
                    }
                }
            }
        }
    }

    fn message(&mut self, status: u8) -> Result<Scanned<'a>, MidiError> {
        let at = self.bytes.pos();
        let n_data = if matches!(status, 0xc0..=0xdf) { 1 } else { 2 };
        let Some(found) = self.bytes.take(n_data) else {
            // Nothing after it can be read either.
            self.bytes.take(self.bytes.remaining());
            return Ok(Scanned::CutOff);
        };
        let mut data = [0_u8; 2];
        data[..n_data].copy_from_slice(found);
        if data.iter().any(|b| *b > 127) {
            self.repair(RepairKind::DataByteTooLarge, at)?;
            if data[0] > 127 && matches!(status, 0x80..=0xaf) {
                // A key above 127 is not a note.
                return Ok(Scanned::Nothing);
            }
            data = data.map(|b| b.min(127));
        }
        Ok(channel_event(status, data).map_or(Scanned::Nothing, Scanned::Event))
    }

    /// The data of an event that states its length.
    fn data(&mut self, known: Option<usize>) -> Result<Option<&'a [u8]>, MidiError> {
        let at = self.bytes.pos();
        let Some((length, n_bytes)) = self.bytes.variable() else { return Ok(None) };
        if n_bytes > 4 {
            self.repair(RepairKind::LongVariableNumber, at)?;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length <= self.bytes.remaining() {
            return Ok(self.bytes.take(length));
        }
        self.repair(RepairKind::EventTooLong, at)?;
        Ok(self.bytes.take(known.unwrap_or(usize::MAX).min(self.bytes.remaining())))
    }

    fn sysex(&mut self) -> Result<Scanned<'a>, MidiError> {
        Ok(self
            .data(None)?
            .map_or(Scanned::CutOff, |data| Scanned::Event(Event::SystemExclusive(data))))
    }

    /// Cuts a name at the maximum length, because every instrument of a track has a copy of it.
    fn short(&mut self, name: &'a [u8], at: usize) -> Result<&'a [u8], MidiError> {
        // Names that are not UTF-8 are read as Latin-1, whose upper half takes two bytes per
        // character in UTF-8.
        let is_utf8 = std::str::from_utf8(name).is_ok();
        let mut n_bytes = 0;
        let end = name.iter().position(|byte| {
            n_bytes += if is_utf8 || *byte < 0x80 { 1 } else { 2 };
            n_bytes > MAX_NAME_BYTES
        });
        let Some(mut end) = end else { return Ok(name) };
        self.repair(RepairKind::LongName, at)?;
        // Not within a character.
        while is_utf8 && matches!(name[end], 0x80..=0xbf) {
            end -= 1;
        }
        Ok(&name[..end])
    }

    fn meta(&mut self) -> Result<Scanned<'a>, MidiError> {
        let at = self.bytes.pos();
        let Some(kind) = self.bytes.byte() else { return Ok(Scanned::CutOff) };
        // The correct length, for events with an impossible one.
        let known = match kind {
            0x2f => Some(0),
            0x51 => Some(3),
            0x54 => Some(5),
            0x58 => Some(4),
            0x59 => Some(2),
            _ => None,
        };
        let Some(data) = self.data(known)? else { return Ok(Scanned::CutOff) };
        let event = match (kind, data) {
            (0x01, text) => Some(Event::Text(TextKind::Unknown, text)),
            (0x03, name) => Some(Event::TrackName(self.short(name, at)?)),
            (0x05, text) => Some(Event::Text(TextKind::Lyric, text)),
            (0x06, text) => Some(Event::Text(TextKind::Marker, text)),
            (0x09, name) => Some(Event::Device(name)),
            (0x21, [port, ..]) => Some(Event::Port(*port)),
            (0x2f, _) => {
                self.is_ended = true;
                None
            }
            (0x51, [a, b, c, ..]) if (a | b | c) != 0 => {
                Some(Event::Tempo { microseconds: u32::from_be_bytes([0, *a, *b, *c]) })
            }
            (0x58, [numerator @ 1..=255, log2 @ 0..=30, ..]) => {
                Some(Event::TimeSignature { numerator: *numerator, log2_denominator: *log2 })
            }
            (0x59, [sharps, mode, ..]) if key_signature(sharps.cast_signed(), *mode).is_some() => {
                key_signature(sharps.cast_signed(), *mode)
            }
            (0x51 | 0x58 | 0x59, _) => {
                self.repair(RepairKind::BadMetaEvent, at)?;
                None
            }
            _ => None,
        };
        Ok(event.map_or(Scanned::Nothing, Scanned::Event))
    }
}
