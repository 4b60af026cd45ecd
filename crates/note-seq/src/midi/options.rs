//! Options for reading: mode and limits.

use serde::{Deserialize, Serialize};

/// Treatment of invalid files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadMode {
    /// Read as much as possible, as players do, and report every repair.
    #[default]
    Lenient,
    /// Accept and reject exactly the same files as Python's `note_seq`, with bit-identical numbers:
    /// tempo and signatures from the first track only, lyrics and markers left out.
    Parity,
    /// Reject everything that lenient reading would repair.
    Strict,
}

/// Limits for reading, against hostile and broken files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLimits {
    /// Maximum file size in bytes. Default 256 MiB.
    pub max_bytes: u64,
    /// Maximum tick. Default 10^10, the same limit as in Python's `note_seq`. Lenient reading drops
    /// the events of a track beyond it; the other modes reject the file.
    pub max_ticks: u64,
    /// Maximum number of events of all tracks together, of any kind. Default 100 million.
    pub max_events: u64,
    /// Maximum number of notes. Default 10 million.
    pub max_notes: u64,
    /// Maximum number of tracks. Default 65,535.
    pub max_tracks: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 28,
            max_ticks: 10_000_000_000,
            max_events: 100_000_000,
            max_notes: 10_000_000,
            max_tracks: 65_535,
        }
    }
}

/// Options of [`crate::midi::read`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Treatment of invalid files.
    pub mode: ReadMode,
    /// Limits for reading.
    pub limits: ReadLimits,
}

impl ReadOptions {
    /// Lenient reading with the default limits.
    pub fn lenient() -> Self {
        Self::default()
    }

    /// Reading like Python's `note_seq`.
    pub fn parity() -> Self {
        Self { mode: ReadMode::Parity, ..Self::default() }
    }

    /// Strict reading.
    pub fn strict() -> Self {
        Self { mode: ReadMode::Strict, ..Self::default() }
    }
}
