//! How to read: mode and limits.

use serde::{Deserialize, Serialize};

/// What to do about files that are not in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadMode {
    /// Read what can be read, as players do, and report every repair.
    #[default]
    Lenient,
    /// Accept and refuse exactly what Python's `note_seq` does, with the same numbers to the last bit: tempo
    /// and signatures from the first track only, lyrics and markers left out.
    Parity,
    /// Refuse everything that lenient reading would repair.
    Strict,
}

/// Bounds on what is read, against hostile and broken files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLimits {
    /// Largest file, in bytes. Default 256 MiB.
    pub max_bytes: u64,
    /// Largest tick. Default 10^10, where Python's `note_seq` draws the line too. Lenient reading drops what a track
    /// holds beyond it; the other modes refuse the file.
    pub max_ticks: u64,
    /// Most events of all tracks together, whatever they are. Default 100 million.
    pub max_events: u64,
    /// Most notes. Default 10 million.
    pub max_notes: u64,
    /// Most tracks. Default 65,535.
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
    /// What to do about files that are not in order.
    pub mode: ReadMode,
    /// Bounds on what is read.
    pub limits: ReadLimits,
}

impl ReadOptions {
    /// Lenient reading with the default limits.
    pub fn lenient() -> Self {
        Self::default()
    }

    /// Reading as Python's `note_seq` does.
    pub fn parity() -> Self {
        Self { mode: ReadMode::Parity, ..Self::default() }
    }

    /// Strict reading.
    pub fn strict() -> Self {
        Self { mode: ReadMode::Strict, ..Self::default() }
    }
}
