//! What reading met: the file's shape, repairs, notes left out.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::options::ReadMode;

/// A kind of damage that lenient reading repairs and strict reading refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairKind {
    /// Bytes stand before the header (a RIFF wrapper, another container, or junk): passed over.
    BytesBeforeHeader,
    /// There is no header: 480 ticks a quarter note assumed.
    NoHeader,
    /// The header is shorter than six bytes or cut off: what is missing was assumed.
    BadHeader,
    /// The format is none of 0, 1, 2: read as 1.
    UnknownFormat,
    /// The division is 0: 480 ticks a quarter note assumed.
    ZeroDivision,
    /// The header announces another number of tracks than there are: all that are there were read.
    TrackCount,
    /// A chunk that is no track stands among the tracks: passed over.
    UnknownChunk,
    /// A chunk's length is wrong: the track's real end was looked for.
    ChunkLength,
    /// A track's chunk has another name than `MTrk`: read.
    TrackId,
    /// A track's name is longer than 200 bytes: cut.
    LongName,
    /// Too many instruments share a channel with many controllers and bends: the last of them got
    /// none. How many were not copied is in [`NoteCounts::controls_not_shared`].
    SharedControls,
    /// The track has no end-of-track event.
    NoEndOfTrack,
    /// Something stands after the end-of-track event: passed over, as players do. How much is in
    /// [`ReadReport::bytes_after_end`].
    EventsAfterEndOfTrack,
    /// Running status goes on after a meta or system event, which cancels it: continued.
    RunningStatusKept,
    /// A data byte without any status before it: passed over.
    StrayDataByte,
    /// A data byte above 127: taken as 127.
    DataByteTooLarge,
    /// A status byte that does not belong in a file: passed over.
    UnknownStatus,
    /// A number of variable length has more than four bytes: read.
    LongVariableNumber,
    /// An event announces more bytes than are left.
    EventTooLong,
    /// A tempo, signature or key that cannot be: left out.
    BadMetaEvent,
    /// The track ends in the middle of an event: the event was dropped.
    CutOff,
    /// A delta time leads beyond [`super::ReadLimits::max_ticks`]: the rest of the track was dropped.
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
    /// What was wrong.
    pub kind: RepairKind,
    /// The track, counted from 0; `None` outside tracks.
    pub track: Option<u32>,
    /// Where in the file, in bytes from its start.
    pub offset: u64,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        self.track.map_or(Ok(()), |track| write!(f, " in track {track}"))
    }
}

/// What became of notes whose on and off events do not pair up, and of channels that share.
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
    /// Notes that nothing ends: left out (parity), or ended with their track (lenient and strict
    /// reading).
    pub unended: u64,
    /// Notes that a controller ended before their off: all sound off (120), all notes off (123), or
    /// a change of mode (124 to 127). Lenient and strict reading.
    pub ended_by_controller: u64,
    /// Notes that another note of the same key overlaps: both end at the first off.
    pub overlapping: u64,
    /// Control changes and pitch bends of a channel that plays no note: left out.
    pub controls_without_notes: u64,
    /// Control changes and pitch bends that instruments did not get, because copies for all that
    /// share a channel would outgrow the file.
    pub controls_not_shared: u64,
    /// Channels that were joined with others to one line: members of an MPE zone, or the strings of a
    /// guitar (lenient and strict reading).
    pub channels_joined: u64,
    /// Notes that play drums on another channel than 10, by a bank or message of XG, GS or GM2, or
    /// tones on channel 10 (lenient and strict reading).
    pub drums_by_bank: u64,
}

/// What reading met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadReport {
    /// How it was read.
    pub mode: ReadMode,
    /// The header's format number (0 one track, 1 parallel tracks, 2 songs), read as if in parallel.
    pub format: u16,
    /// The header's division as it stands: ticks a quarter note, or SMPTE time if the top bit is set.
    pub division: u16,
    /// Tracks the header announces.
    pub n_tracks_declared: u16,
    /// Tracks that were read.
    pub n_tracks: u32,
    /// The first [`ReadReport::MAX_DETAILED`] repairs.
    pub repairs: Vec<Repair>,
    /// All repairs, counted by kind.
    pub repair_counts: BTreeMap<RepairKind, u64>,
    /// Bytes that stand after the end of their tracks and were passed over.
    pub bytes_after_end: u64,
    /// What became of notes that are not plain pairs of on and off.
    pub notes: NoteCounts,
}

impl ReadReport {
    /// How many repairs are listed one by one; all are counted.
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
