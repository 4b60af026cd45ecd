//! The report of reading: the file's structure, repairs, notes left out.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::options::ReadMode;

/// A kind of damage that lenient reading repairs and strict reading rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairKind {
    /// There are bytes before the header (a RIFF wrapper, another container, or junk): skipped.
    BytesBeforeHeader,
    /// There is no header: 480 ticks per quarter note assumed.
    NoHeader,
    /// The header is shorter than six bytes or truncated: defaults replaced the missing values.
    BadHeader,
    /// The format is none of 0, 1, 2: read as 1.
    UnknownFormat,
    /// The division is 0: 480 ticks per quarter note assumed.
    ZeroDivision,
    /// The header announces another number of tracks than the file has: all existing ones were
    /// read.
    TrackCount,
    /// A chunk among the tracks is not a track: skipped.
    UnknownChunk,
    /// A chunk's length is wrong: the track's real end was searched for.
    ChunkLength,
    /// A track's chunk has another name than `MTrk`: read.
    TrackId,
    /// A track's name is longer than 200 bytes: cut.
    LongName,
    /// Too many instruments share a channel with many controllers and bends: the last of them got
    /// none. [`NoteCounts::controls_not_shared`] counts those not copied.
    SharedControls,
    /// The track has no end-of-track event.
    NoEndOfTrack,
    /// There are bytes after the end-of-track event: skipped, as players do. Their number is in
    /// [`ReadReport::bytes_after_end`].
    EventsAfterEndOfTrack,
    /// Running status is used after a meta or system event, which cancels it: continued.
    RunningStatusKept,
    /// A data byte without any status before it: skipped.
    StrayDataByte,
    /// A data byte above 127: taken as 127.
    DataByteTooLarge,
    /// A status byte that does not belong in a file: skipped.
    UnknownStatus,
    /// A number of variable length has more than four bytes: read.
    LongVariableNumber,
    /// An event announces more bytes than are left.
    EventTooLong,
    /// An invalid tempo, signature or key: left out.
    BadMetaEvent,
    /// The track ends in the middle of an event: the event was dropped.
    CutOff,
    /// A delta time leads beyond [`super::ReadLimits::max_ticks`]: the rest of the track was
    /// dropped.
    AbsurdTime,
}

impl RepairKind {
    /// The kind's stable name in `snake_case`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BytesBeforeHeader => "bytes_before_header",
            Self::NoHeader => "no_header",
            Self::BadHeader => "bad_header",
            Self::UnknownFormat => "unknown_format",
            Self::ZeroDivision => "zero_division",
            Self::TrackCount => "track_count",
            Self::UnknownChunk => "unknown_chunk",
            Self::ChunkLength => "chunk_length",
            Self::TrackId => "track_id",
            Self::LongName => "long_name",
            Self::SharedControls => "shared_controls",
            Self::NoEndOfTrack => "no_end_of_track",
            Self::EventsAfterEndOfTrack => "events_after_end_of_track",
            Self::RunningStatusKept => "running_status_kept",
            Self::StrayDataByte => "stray_data_byte",
            Self::DataByteTooLarge => "data_byte_too_large",
            Self::UnknownStatus => "unknown_status",
            Self::LongVariableNumber => "long_variable_number",
            Self::EventTooLong => "event_too_long",
            Self::BadMetaEvent => "bad_meta_event",
            Self::CutOff => "cut_off",
            Self::AbsurdTime => "absurd_time",
        }
    }
}

impl fmt::Display for RepairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The problem.
    pub kind: RepairKind,
    /// The track, counted from 0; `None` outside tracks.
    pub track: Option<u32>,
    /// Offset in the file, in bytes from its start.
    pub offset: u64,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        self.track.map_or(Ok(()), |track| write!(f, " in track {track}"))
    }
}

/// Counts of notes whose on and off events do not pair up, and of shared channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NoteCounts {
    /// Offs without a sounding note: ignored.
    pub spurious_offs: u64,
    /// Tones of no length: left out (parity reading).
    pub empty_dropped: u64,
    /// Tones of no length: kept with one tick, as players strike them (lenient and strict reading).
    pub empty_kept: u64,
    /// Drum hits of no length: kept with one tick (lenient and strict reading).
    pub empty_drums_kept: u64,
    /// Notes without an end: left out (parity), or ended with their track (lenient and strict
    /// reading).
    pub unended: u64,
    /// Notes that a controller ended before their off: all sound off (120), all notes off (123), or
    /// a change of mode (124 to 127). Lenient and strict reading.
    pub ended_by_controller: u64,
    /// Notes that another note of the same key overlaps: both end at the first off.
    pub overlapping: u64,
    /// Control changes and pitch bends of a channel that plays no note: left out.
    pub controls_without_notes: u64,
    /// Control changes and pitch bends that instruments did not get, because copies for all
    /// instruments that share a channel would be much larger than the file.
    pub controls_not_shared: u64,
    /// Channels joined with others into one line: members of an MPE zone, or the strings of a
    /// guitar (lenient and strict reading).
    pub channels_joined: u64,
    /// Notes that are drums on a channel other than 10, by a bank or message of XG, GS or GM2, or
    /// tones on channel 10 (lenient and strict reading).
    pub drums_by_bank: u64,
}

/// The report of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReport {
    /// The reading mode.
    pub mode: ReadMode,
    /// The header's format number (0 one track, 1 parallel tracks, 2 songs), read as if in
    /// parallel.
    pub format: u16,
    /// The header's division, unchanged: ticks per quarter note, or SMPTE time if the top bit is
    /// set.
    pub division: u16,
    /// Number of tracks announced by the header.
    pub n_tracks_declared: u16,
    /// Number of tracks read.
    pub n_tracks: u32,
    /// The first [`ReadReport::MAX_DETAILED`] repairs.
    pub repairs: Vec<Repair>,
    /// All repairs, counted by kind.
    pub repair_counts: BTreeMap<RepairKind, u64>,
    /// Number of bytes skipped after the end of their tracks.
    pub bytes_after_end: u64,
    /// Counts of notes that are not simple pairs of on and off.
    pub notes: NoteCounts,
}

impl ReadReport {
    /// Maximum number of repairs listed one by one; all are counted.
    pub const MAX_DETAILED: usize = 256;

    pub(crate) fn new(mode: ReadMode) -> Self {
        Self {
            mode,
            format: 0,
            division: 0,
            n_tracks_declared: 0,
            n_tracks: 0,
            repairs: Vec::new(),
            repair_counts: BTreeMap::new(),
            bytes_after_end: 0,
            notes: NoteCounts::default(),
        }
    }

    /// All repairs of all kinds.
    pub fn n_repairs(&self) -> u64 {
        self.repair_counts.values().sum()
    }
}
