//! How much a request may ask for.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// The largest body that is no upload.
pub(crate) const BODY_BYTES: usize = 2 << 20;
/// The largest upload, all its files together.
pub(crate) const UPLOAD_BYTES: usize = 8 << 20;
/// The most files of an upload.
pub(crate) const UPLOAD_FILES: usize = 10;
/// The most pieces at once.
pub(crate) const N_PIECES: usize = 64;
/// The most bars of a new piece.
pub(crate) const N_BARS: usize = 64;
/// The most windows of a request, all its pieces together, and of a tune.
pub(crate) const N_WINDOWS: usize = 256;
/// The most cells along the side of a grid.
pub(crate) const N_GRID: usize = 9;
/// The most notes of a piece that is written as a file.
pub(crate) const N_NOTES: usize = 20_000;
/// The last step of such a piece: 1,024 bars.
pub(crate) const N_STEPS: u32 = 1 << 14;
/// The longest sound that is made.
pub(crate) const WAV_SECONDS: f64 = 900.0;
/// The largest seed: JavaScript's largest exact whole number.
pub(crate) const MAX_SEED: u64 = (1 << 53) - 1;
/// Latents beyond this are nowhere near any music.
pub(crate) const MAX_LATENT: f32 = 100.0;

/// What is read of a MIDI file, far beyond any music: a small file can announce a great many events.
pub(crate) const MIDI_EVENTS: u64 = 2_000_000;
/// The most notes of a MIDI file.
pub(crate) const MIDI_NOTES: u64 = 200_000;

/// Requests answered at once; further ones are told to come back.
pub(crate) const REQUESTS: usize = 64;
/// The longest that a body may take to arrive.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(20);
/// The longest that a request may take in all.
pub(crate) const REQUEST_TIME: Duration = Duration::from_mins(2);
/// The longest that a request's head may take to arrive, and that a connection may idle.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(30);
/// The longest head of a request.
pub(crate) const HEAD_BYTES: usize = 16 << 10;
/// Connections held at once. Where more come, those that have idled longest are closed.
pub(crate) const CONNECTIONS: usize = 128;

/// How much a request may ask for.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// The largest upload, in bytes, all its files together.
    upload_bytes: usize,
    /// The most files of an upload.
    upload_files: usize,
    /// The largest other body, in bytes.
    body_bytes: usize,
    /// The most pieces of a request.
    n_pieces: usize,
    /// The most bars of a new piece.
    n_bars: usize,
    /// The most windows of a request to decode, encode, mix or vary.
    n_windows: usize,
    /// The most cells along the side of a grid.
    n_grid: usize,
}

impl Limits {
    /// The limits that hold.
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
