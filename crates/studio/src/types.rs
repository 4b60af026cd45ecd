//! What requests and answers have in common: notes, windows, pieces, places in latent space.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A note on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub(crate) struct Note {
    /// Its first step.
    pub(crate) start: u32,
    /// The step after its last one.
    pub(crate) end: u32,
    /// MIDI number; of drums, the General MIDI percussion key.
    #[schema(minimum = 0, maximum = 127)]
    pub(crate) pitch: u8,
    /// Which part plays it, from 0; see `voices` of `GET /model`.
    #[serde(default)]
    pub(crate) voice: u32,
}

/// A window: what the model reads and writes at once.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Window {
    /// One token a step, track after track.
    pub(crate) tokens: Vec<u16>,
    /// Its place in latent space.
    pub(crate) z: Vec<f32>,
    /// What sounds; the first step is 0.
    pub(crate) notes: Vec<Note>,
    /// How surely `z` belongs to each style, 0 to 1, in the order of `GET /styles`.
    pub(crate) memberships: Vec<f64>,
}

/// Music of one window or of several, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Piece {
    /// What it is called.
    pub(crate) title: String,
    /// Its length.
    pub(crate) n_steps: usize,
    /// Its tempo, in quarter notes a minute.
    pub(crate) qpm: f64,
    /// What sounds; a note may go on from window to window.
    pub(crate) notes: Vec<Note>,
    /// What it is made of.
    pub(crate) windows: Vec<Window>,
    /// The seed that made it; none for music that was not drawn.
    #[schema(required)]
    pub(crate) seed: Option<u64>,
    /// The temperature it was drawn at; none for the likeliest notes.
    #[schema(required)]
    pub(crate) temperature: Option<f32>,
    /// How surely it belongs to the style asked for, encoded again, mean over its windows.
    #[schema(required)]
    pub(crate) membership: Option<f64>,
    /// Its longest match with the training music; none where nothing matches or there is nothing to look in.
    #[schema(required)]
    pub(crate) copy: Option<Copied>,
}

/// A stretch that stands in the training music, too, in any key.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Copied {
    /// Its share of the notes of the part that it is in, 0 to 1.
    pub(crate) share: f64,
    /// Its notes.
    pub(crate) n_notes: usize,
    /// Where the training music has it.
    pub(crate) file: String,
    /// The bar there, from 1.
    pub(crate) bar: u32,
}

/// Where real music comes from.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Place {
    /// The file, relative to the corpus.
    pub(crate) file: String,
    /// The bar in which it begins, from 1.
    pub(crate) bar: u32,
}

/// A place in latent space.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Anchor {
    /// The place itself.
    Z(Vec<f32>),
    /// The middle of a style.
    Style(String),
    /// Where windows are encoded to: of several the first, but for `POST /similar`, which varies all.
    Tokens(Vec<Vec<u16>>),
}

/// How latents become notes.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Drawing {
    /// Above 0 and up to 10: lower is more careful, 1 is as learnt; none for the likeliest notes.
    #[serde(default)]
    pub(crate) temperature: Option<f32>,
    /// The seed of every draw, up to 2^53 - 1.
    #[serde(default)]
    pub(crate) seed: u64,
}
