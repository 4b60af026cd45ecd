//! Limits of requests.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// Maximum body size, except for uploads.
pub(crate) const BODY_BYTES: usize = 2 << 20;
/// Maximum total size of an upload.
pub(crate) const UPLOAD_BYTES: usize = 8 << 20;
/// Maximum number of files in an upload.
pub(crate) const UPLOAD_FILES: usize = 10;
/// Maximum number of pieces per request.
pub(crate) const N_PIECES: usize = 64;
/// Maximum number of draws of each window of new music.
pub(crate) const N_CANDIDATES: usize = 32;
/// Maximum length of a new piece in bars.
pub(crate) const N_BARS: usize = 64;
/// Maximum number of windows per request (over all its pieces) and per tune.
pub(crate) const N_WINDOWS: usize = 256;
/// Maximum number of cells along a side of a grid.
pub(crate) const N_GRID: usize = 9;
/// Maximum number of notes in an exported piece.
pub(crate) const N_NOTES: usize = 20_000;
/// The last step of an exported piece: 1,024 bars.
pub(crate) const N_STEPS: u32 = 1 << 14;
/// Maximum duration of exported audio.
pub(crate) const WAV_SECONDS: f64 = 900.0;
/// Maximum seed: the largest integer that JavaScript represents exactly.
pub(crate) const MAX_SEED: u64 = (1 << 53) - 1;
/// Latent values beyond this are far from any music.
pub(crate) const MAX_LATENT: f32 = 100.0;

/// Maximum number of events in a MIDI file, far beyond real music: a small file can announce a huge
/// number of events.
pub(crate) const MIDI_EVENTS: u64 = 2_000_000;
/// Maximum number of notes in a MIDI file.
pub(crate) const MIDI_NOTES: u64 = 200_000;

/// Maximum number of concurrent requests; further ones are rejected as busy.
pub(crate) const REQUESTS: usize = 64;
/// Maximum time for a body to arrive.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(20);
/// Maximum total time of a request.
pub(crate) const REQUEST_TIME: Duration = Duration::from_mins(2);
/// Maximum time for the head of a request to arrive, and for a connection to be idle.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(30);
/// Maximum size of a request head.
pub(crate) const HEAD_BYTES: usize = 16 << 10;
/// Maximum number of open connections. If more arrive, those that have been idle longest are
/// closed.
pub(crate) const CONNECTIONS: usize = 128;

/// Limits of requests.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// Maximum total size of an upload, in bytes.
    upload_bytes: usize,
    /// Maximum number of files in an upload.
    upload_files: usize,
    /// Maximum size of other bodies, in bytes.
    body_bytes: usize,
    /// Maximum number of pieces per request.
    n_pieces: usize,
    /// Maximum length of a new piece in bars.
    n_bars: usize,
    /// Maximum number of windows to decode, encode, mix or vary per request.
    n_windows: usize,
    /// Maximum number of cells along a side of a grid.
    n_grid: usize,
}

impl Limits {
    /// The current limits.
    pub(crate) const ALL: Self = Self {
        upload_bytes: UPLOAD_BYTES,
        upload_files: UPLOAD_FILES,
        body_bytes: BODY_BYTES,
        n_pieces: N_PIECES,
        n_bars: N_BARS,
        n_windows: N_WINDOWS,
        n_grid: N_GRID,
    };
}
