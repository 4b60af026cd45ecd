//! Reading like Python: the event grammar of `mido` 1.3.3 and the checks of `pretty_midi` 0.2.11.
//!
//! Python reads the file as one stream and compares its position with a chunk's length only between
//! events, so this does not cut the file into chunks first. The first error rejects the whole file.

use super::ReadFile;
use super::bytes::Bytes;
use super::collect::Collector;
use super::error::MidiError;
use super::event::{Division, Event, channel_event, key_signature};
use super::options::{ReadLimits, ReadMode};
use super::report::ReadReport;

/// `mido` refuses longer sysex and meta events.
const MAX_EVENT_BYTES: u64 = 1_000_000;

/// Exponents `d` for which Python's `math.log(2 ** d, 2)` is not exactly `d`, which `mido` takes
/// for a denominator that is not a power of two.
const INEXACT_LOG2: [u8; 51] = [
    29, 31, 39, 47, 51, 55, 58, 59, 62, 78, 93, 94, 95, 101, 102, 109, 110, 116, 117, 118, 124,
    125, 141, 156, 171, 179, 186, 187, 188, 189, 190, 201, 202, 203, 204, 205, 217, 218, 219, 220,
    221, 232, 233, 234, 235, 236, 247, 248, 249, 250, 251,
];

pub(super) fn read(bytes: &[u8], limits: &ReadLimits) -> Result<ReadFile, MidiError> {
    let mut report = ReadReport::new(ReadMode::Parity);
    let mut reader = Reader { bytes: Bytes::new(bytes, 0) };
    if bytes.get(..4) != Some(b"MThd") {
        return Err(MidiError::NotMidi { n_bytes: bytes.len(), has_header: false });
    }
    reader.bytes.take(4);
    let header_length = reader.bytes.u32().ok_or(reader.end("the header"))?;
    let header_start = reader.bytes.pos();
    let wanted = usize::try_from(header_length).unwrap_or(usize::MAX);
    if wanted < 6 || reader.bytes.remaining() < 6 {
        return Err(reader.end("the header"));
    }
    let mut field = || reader.bytes.u16().unwrap_or_default();
    (report.format, report.n_tracks_declared, report.division) = (field(), field(), field());
    // Python's read of the header stops at the end of the file without complaint.
    reader.bytes = Bytes::new(bytes, header_start.saturating_add(wanted));

    let division = report.division.cast_signed();
    let n_tracks = report.n_tracks_declared.cast_signed();
    if n_tracks <= 0 {
        return Err(reader.invalid("the number of tracks (at least 1)", n_tracks.into()));
    }
    if division == 0 {
        return Err(reader.invalid("the division (not 0)", 0));
    }
    let found = u64::from(report.n_tracks_declared);
    if found > limits.max_tracks {
        return Err(MidiError::LimitExceeded { what: "tracks", found, limit: limits.max_tracks });
    }
    let mut collector = Collector::new(ReadMode::Parity, *limits, bytes.len(), false);
    for index in 0..usize::from(report.n_tracks_declared) {
        reader.track(index, division, &mut collector, limits, &mut report)?;
        report.n_tracks += 1;
    }
    let sequence = collector.finish(Division::Metrical(division), &mut report)?;
    if division < 0 && !sequence.notes.is_empty() {
        // Time would run backward, and a note that ends before it starts is rejected.
        return Err(reader
            .invalid("the division (ticks per quarter note, not SMPTE time)", division.into()));
    }
    Ok(ReadFile { sequence, report })
}

/// The tick `delta` later.
#[inline]
fn advance(tick: u64, delta: u64, limits: &ReadLimits) -> Result<u64, MidiError> {
    let tick = tick.saturating_add(delta);
    if tick >= limits.max_ticks {
        return Err(MidiError::LimitExceeded {
            what: "ticks",
            found: tick,
            limit: limits.max_ticks,
        });
    }
    Ok(tick)
}

struct Reader<'a> {
    bytes: Bytes<'a>,
}

impl<'a> Reader<'a> {
    fn end(&self, what: &'static str) -> MidiError {
        MidiError::UnexpectedEnd { what, offset: self.bytes.pos() }
    }

    fn invalid(&self, what: &'static str, found: i64) -> MidiError {
        MidiError::Invalid { what, found, offset: self.bytes.pos() }
    }

    fn track(
        &mut self,
        index: usize,
        division: i16,
        collector: &mut Collector,
        limits: &ReadLimits,
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        let id = self.bytes.take(4).ok_or(self.end("a track header"))?;
        let length = self.bytes.u32().ok_or(self.end("a track header"))?;
        if id != b"MTrk" {
            return Err(self.invalid("a chunk's first byte (of `MTrk`)", id[0].into()));
        }
        let start = self.bytes.pos();
        if length == 0 {
            return Err(self.invalid("a track's length (at least one event)", 0));
        }
        collector.begin_track(u32::try_from(index).unwrap_or(u32::MAX));
        let mut tick = 0_u64;
        let mut running_status = None;
        while (self.bytes.pos() - start) as u64 != u64::from(length) {
            collector.count_event()?;
            // Statuses from F0 on are kept as running status, too, but do not belong to a channel.
            let running_channel = running_status.filter(|status| *status < 0xf0);
            if let Some(message) = self.bytes.message(running_channel) {
                running_status = Some(message.status);
                tick = advance(tick, message.delta.into(), limits)?;
                collector.message(tick, message.status, message.data, report)?;
                continue;
            }
            let (delta, _) = self.bytes.variable().ok_or(self.end("a delta time"))?;
            let (event, keeps_time) = self.event(&mut running_status)?;
            // `mido` loses the delta time of meta events for which it has no class.
            tick = advance(tick, if keeps_time { delta } else { 0 }, limits)?;
            if let Some(event) = event {
                if index == 0 {
                    self.check_first_track(event, tick, division)?;
                }
                collector.event(tick, event, report)?;
            }
        }
        collector.end_track(tick, report);
        Ok(())
    }

    /// The errors that make `pretty_midi` reject the first track.
    fn check_first_track(
        &self,
        event: Event<'_>,
        tick: u64,
        division: i16,
    ) -> Result<(), MidiError> {
        match event {
            Event::Tempo { microseconds: 0 } => {
                Err(self.invalid("a tempo (microseconds per quarter, above 0)", 0))
            }
            Event::TimeSignature { numerator: 0, .. } => {
                Err(self.invalid("a numerator (above 0)", 0))
            }
            Event::TimeSignature { log2_denominator: log2 @ 31.., .. } => {
                Err(self.invalid("the exponent of a denominator (0 to 30)", log2.into()))
            }
            Event::TimeSignature { .. } | Event::KeySignature { .. }
                if division < 0 && tick > 0 =>
            {
                Err(self.invalid(
                    "the division (ticks per quarter note, not SMPTE time)",
                    division.into(),
                ))
            }
            _ => Ok(()),
        }
    }

    /// One event, and whether its delta time counts.
    fn event(
        &mut self,
        running_status: &mut Option<u8>,
    ) -> Result<(Option<Event<'a>>, bool), MidiError> {
        let first = self.bytes.byte().ok_or(self.end("an event"))?;
        let (status, peeked) = if first < 0x80 {
            let Some(status) = *running_status else {
                return Err(self.invalid("a data byte (a status must come first)", first.into()));
            };
            (status, Some(first))
        } else {
            if first != 0xff {
                *running_status = Some(first);
            }
            (first, None)
        };
        match status {
            0xff => self.meta(),
            0xf0 | 0xf7 => self.sysex().map(|()| (None, true)),
            _ => self.message(status, peeked).map(|event| (event, true)),
        }
    }

    fn message(&mut self, status: u8, peeked: Option<u8>) -> Result<Option<Event<'a>>, MidiError> {
        let n_data = match status {
            0x80..=0xbf | 0xe0..=0xef | 0xf2 => 2,
            0xc0..=0xdf | 0xf1 | 0xf3 => 1,
            0xf6 | 0xf8 | 0xfa | 0xfb | 0xfc | 0xfe => 0,
            _ => return Err(self.invalid("a status byte (not F4, F5, F9 or FD)", status.into())),
        };
        let mut data = [0_u8; 2];
        let n_peeked = usize::from(peeked.is_some());
        if n_peeked > n_data {
            return Err(self.invalid(
                "a data byte (this status takes none)",
                peeked.unwrap_or_default().into(),
            ));
        }
        for (i, slot) in data.iter_mut().enumerate().take(n_data) {
            *slot = match (i, peeked) {
                (0, Some(byte)) => byte,
                _ => self.bytes.byte().ok_or(self.end("an event"))?,
            };
        }
        if let Some(byte) = data.iter().find(|b| **b > 127) {
            return Err(self.invalid("a data byte (0 to 127)", (*byte).into()));
        }
        Ok(channel_event(status, data))
    }

    fn data(&mut self) -> Result<&'a [u8], MidiError> {
        let (length, _) = self.bytes.variable().ok_or(self.end("an event's length"))?;
        if length > MAX_EVENT_BYTES {
            return Err(self.invalid("an event's length (at most 1,000,000)", length.cast_signed()));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.bytes.take(length).ok_or(self.end("an event's data"))
    }

    fn sysex(&mut self) -> Result<(), MidiError> {
        let data = self.data()?;
        let data = data.strip_prefix(&[0xf0]).unwrap_or(data);
        let data = data.strip_suffix(&[0xf7]).unwrap_or(data);
        match data.iter().find(|b| **b > 127) {
            Some(byte) => {
                Err(self.invalid("a byte of a system exclusive event (0 to 127)", (*byte).into()))
            }
            None => Ok(()),
        }
    }

    fn meta(&mut self) -> Result<(Option<Event<'a>>, bool), MidiError> {
        let kind = self.bytes.byte().ok_or(self.end("a meta event"))?;
        let data = self.data()?;
        let too_short = |least: usize| data.len() < least;
        let short =
            Err(self
                .invalid("a meta event's length", i64::try_from(data.len()).unwrap_or(i64::MAX)));
        let event = match kind {
            0x00 if data.len() == 1 => return short,
            0x20 if too_short(1) => return short,
            0x03 => Some(Event::TrackName(data)),
            0x51 if too_short(3) => return short,
            0x51 => Some(Event::Tempo {
                microseconds: u32::from_be_bytes([0, data[0], data[1], data[2]]),
            }),
            0x54 => {
                if too_short(5) {
                    return short;
                }
                if data[0] >> 5 > 3 || data[1] > 59 || data[2] > 59 || data[4] > 99 {
                    return Err(self.invalid("an SMPTE offset's first byte", data[0].into()));
                }
                None
            }
            0x58 => {
                if too_short(4) {
                    return short;
                }
                if INEXACT_LOG2.contains(&data[1]) {
                    return Err(self.invalid("the exponent of a denominator", data[1].into()));
                }
                Some(Event::TimeSignature { numerator: data[0], log2_denominator: data[1] })
            }
            0x59 => {
                if too_short(2) {
                    return short;
                }
                let key = key_signature(data[0].cast_signed(), data[1]);
                Some(key.ok_or(self.invalid(
                    "a key signature's sharps (-7 to 7, major or minor)",
                    data[0].into(),
                ))?)
            }
            _ => None,
        };
        let is_known = matches!(
            kind,
            0x00..=0x07 | 0x09 | 0x20 | 0x21 | 0x2f | 0x51 | 0x54 | 0x58 | 0x59 | 0x7f
        );
        Ok((event, is_known))
    }
}
