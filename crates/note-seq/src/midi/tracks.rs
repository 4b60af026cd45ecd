//! Lenient and strict reading: finds the header and the tracks in a file that may be damaged.

use super::ReadFile;
use super::bytes::{Bytes, find};
use super::collect::Collector;
use super::error::MidiError;
use super::event::Division;
use super::options::ReadOptions;
use super::repair::repair;
use super::report::{ReadReport, RepairKind};
use super::scan;

/// Assumed ticks per quarter note if a file does not state them: the most frequent resolution.
const ASSUMED_TICKS_PER_QUARTER: i16 = 480;

/// The identifier of a track chunk.
const TRACK_ID: [u8; 4] = *b"MTrk";

pub(super) fn read(bytes: &[u8], options: &ReadOptions) -> Result<ReadFile, MidiError> {
    let mut report = ReadReport::new(options.mode);
    let (division, mut pos) = read_header(bytes, &mut report)?;
    let mut collector =
        Collector::new(options.mode, options.limits, bytes.len(), report.format == 2);
    let has_track_id = find(bytes, TRACK_ID, 0).is_some();
    let mut index = 0_u32;
    while pos < bytes.len() {
        let Some(chunk) = next_track(bytes, pos, index, has_track_id, &mut report)? else { break };
        if u64::from(index) >= options.limits.max_tracks {
            let limit = options.limits.max_tracks;
            return Err(MidiError::LimitExceeded { what: "tracks", found: limit + 1, limit });
        }
        scan::track(
            &bytes[..chunk.end],
            chunk.start,
            index,
            &mut collector,
            &options.limits,
            &mut report,
        )?;
        index += 1;
        pos = chunk.end;
    }
    report.n_tracks = index;
    if index == 0
        && (report.n_tracks_declared > 0
            || report.repair_counts.contains_key(&RepairKind::NoHeader))
    {
        return Err(MidiError::NotMidi { n_bytes: bytes.len(), has_header: true });
    }
    if index != u32::from(report.n_tracks_declared)
        && !report.repair_counts.contains_key(&RepairKind::NoHeader)
    {
        repair(&mut report, RepairKind::TrackCount, None, 10)?;
    }
    let sequence = collector.finish(division, &mut report)?;
    Ok(ReadFile { sequence, report })
}

/// Finds and reads the header; returns the division and the offset of the next chunk.
fn read_header(bytes: &[u8], report: &mut ReadReport) -> Result<(Division, usize), MidiError> {
    let assumed = Division::Metrical(ASSUMED_TICKS_PER_QUARTER);
    let Some(at) = find(bytes, *b"MThd", 0) else {
        let Some(track) = find(bytes, TRACK_ID, 0) else {
            return Err(MidiError::NotMidi { n_bytes: bytes.len(), has_header: false });
        };
        report.format = 1;
        report.division = ASSUMED_TICKS_PER_QUARTER.cast_unsigned();
        repair(report, RepairKind::NoHeader, None, 0)?;
        return Ok((assumed, track));
    };
    if at > 0 {
        repair(report, RepairKind::BytesBeforeHeader, None, 0)?;
    }
    let mut header = Bytes::new(bytes, at + 4);
    let length = header.u32().unwrap_or(0);
    let start = header.pos();
    let (format, n_tracks, division) = (header.u16(), header.u16(), header.u16());
    // A header that is truncated, or that another chunk follows too early, cannot be trusted.
    let next = find(bytes, TRACK_ID, at + 4).unwrap_or(bytes.len());
    if length < 6 || division.is_none() || next < start + 6 {
        repair(report, RepairKind::BadHeader, None, at)?;
    }
    report.format = format.unwrap_or(1);
    report.n_tracks_declared = n_tracks.unwrap_or(0);
    report.division = division.unwrap_or(ASSUMED_TICKS_PER_QUARTER.cast_unsigned());
    if report.format > 2 {
        repair(report, RepairKind::UnknownFormat, None, start)?;
    }
    let division = match report.division {
        0 => {
            repair(report, RepairKind::ZeroDivision, None, start + 4)?;
            assumed
        }
        ticks @ 1..0x8000 => Division::Metrical(ticks.cast_signed()),
        smpte => {
            let [frames, ticks] = smpte.to_be_bytes();
            match (frames.cast_signed().unsigned_abs(), ticks) {
                (_, 0) => {
                    repair(report, RepairKind::ZeroDivision, None, start + 4)?;
                    assumed
                }
                // 29 means 30 frames with drop: 30000/1001 per second.
                (29, ticks) => Division::SecondsPerTick(1001.0 / (30000.0 * f64::from(ticks))),
                (frames, ticks) => {
                    Division::SecondsPerTick(1.0 / (f64::from(frames) * f64::from(ticks)))
                }
            }
        }
    };
    let end =
        usize::try_from(length).ok().and_then(|l| start.checked_add(l)).unwrap_or(bytes.len());
    let is_chunk = |at: usize| at == bytes.len() || chunk_id(bytes, at).is_some();
    let pos = if length >= 6 && end <= next && is_chunk(end) { end } else { next };
    if pos != end && length >= 6 {
        repair(report, RepairKind::ChunkLength, None, at)?;
    }
    Ok((division, pos))
}

/// A track's events: from `start` to `end`.
struct Chunk {
    start: usize,
    end: usize,
}

/// Returns four printable characters if a chunk could begin at `at`.
fn chunk_id(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at..at + 4).filter(|id| id.iter().all(|b| b.is_ascii_graphic() || *b == b' '))
}

/// Whether a chunk is a track under another name: `mTrk`, or, in a file without any `MTrk`, any
/// name if the data end like a track.
fn is_misnamed_track(
    bytes: &[u8],
    pos: usize,
    start: usize,
    end: usize,
    has_track_id: bool,
) -> bool {
    const END_OF_TRACK: [u8; 3] = [0xff, 0x2f, 0];
    let Some(data) = bytes.get(start..end) else { return false };
    chunk_id(bytes, pos).is_some_and(|id| {
        id.eq_ignore_ascii_case(&TRACK_ID) || (!has_track_id && data.ends_with(&END_OF_TRACK))
    })
}

/// The next track at or after `pos`, skipping anything else.
fn next_track(
    bytes: &[u8],
    pos: usize,
    index: u32,
    has_track_id: bool,
    report: &mut ReadReport,
) -> Result<Option<Chunk>, MidiError> {
    let mut pos = pos;
    loop {
        let mut chunk = Bytes::new(bytes, pos);
        let id = chunk.take(4);
        let length = chunk.u32().and_then(|l| usize::try_from(l).ok()).unwrap_or(usize::MAX);
        let start = chunk.pos();
        let end = start.saturating_add(length);
        let is_named = id == Some(&TRACK_ID);
        let is_misnamed = !is_named && is_misnamed_track(bytes, pos, start, end, has_track_id);
        if is_misnamed {
            repair(report, RepairKind::TrackId, Some(index), pos)?;
        }
        if is_named || is_misnamed {
            return track_end(bytes, start, end, index, report)
                .map(|end| Some(Chunk { start, end }));
        }
        // A RIFF wrapper pads its data to an even length.
        if bytes.len() - pos < 8 && bytes[pos..].iter().all(|b| *b == 0) {
            return Ok(None);
        }
        repair(report, RepairKind::UnknownChunk, None, pos)?;
        let is_orderly =
            end <= bytes.len() && (end == bytes.len() || chunk_id(bytes, end).is_some());
        pos = if is_orderly && chunk_id(bytes, pos).is_some() {
            end
        } else {
            match find(bytes, TRACK_ID, pos) {
                Some(at) => at,
                None => return Ok(None),
            }
        };
        if pos >= bytes.len() {
            return Ok(None);
        }
    }
}

/// The end of a track: its declared end if another chunk or the end of the file follows there,
/// otherwise the start of the next track or the end of the file.
fn track_end(
    bytes: &[u8],
    start: usize,
    declared: usize,
    index: u32,
    report: &mut ReadReport,
) -> Result<usize, MidiError> {
    if declared == bytes.len() || (declared < bytes.len() && chunk_id(bytes, declared).is_some()) {
        return Ok(declared);
    }
    if declared < bytes.len()
        && bytes.len() - declared < 8
        && bytes[declared..].iter().all(|b| *b == 0)
    {
        return Ok(declared);
    }
    repair(report, RepairKind::ChunkLength, Some(index), start - 4)?;
    Ok(find(bytes, TRACK_ID, start).unwrap_or(bytes.len()))
}
