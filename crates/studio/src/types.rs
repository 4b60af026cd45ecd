//! Types shared by requests and responses: notes, windows, pieces, anchors in latent space.

use std::collections::BTreeMap;

use controlgen::generate::Decoding;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::limits;

/// A note on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub(crate) struct Note {
    /// Its first step.
    pub(crate) start: u32,
    /// The step after its last one.
    pub(crate) end: u32,
    /// MIDI pitch; for drums, the General MIDI percussion key.
    #[schema(minimum = 0, maximum = 127)]
    pub(crate) pitch: u8,
    /// The part that plays it, from 0; see `voices` of `GET /model`.
    #[serde(default)]
    pub(crate) voice: u32,
}

/// Probabilities by the `id` of a style.
pub(crate) type Memberships = BTreeMap<String, f64>;

/// A window: the unit that the model reads and writes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Window {
    /// One token per step, track by track.
    pub(crate) tokens: Vec<u16>,
    /// Its latent.
    pub(crate) z: Vec<f32>,
    /// Its length in steps, by its meter.
    pub(crate) n_steps: usize,
    /// Its time signature: beats of a bar, and the beat as a fraction of a whole note.
    pub(crate) meter: [u32; 2],
    /// Semitones from the key of the tokens up to the key in which it sounds: sections of a piece
    /// may be in other keys.
    pub(crate) key: i8,
    /// Its notes, as they sound; the first step is 0.
    pub(crate) notes: Vec<Note>,
    /// The probability that the tokens, encoded again, belong to each style, by the `id` of the
    /// style. The sum is at most 1; probabilities below 0.0001 are omitted.
    pub(crate) memberships: Memberships,
}

/// Music of one or more consecutive windows.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Piece {
    /// Its title.
    pub(crate) title: String,
    /// Its length in steps.
    pub(crate) n_steps: usize,
    /// Its tempo, in quarter notes per minute.
    pub(crate) qpm: f64,
    /// Its notes; a note may extend over several windows.
    pub(crate) notes: Vec<Note>,
    /// Its windows.
    pub(crate) windows: Vec<Window>,
    /// The random seed; `null` for music that was not generated.
    #[schema(required)]
    pub(crate) seed: Option<u64>,
    /// The sampling temperature; `null` for the most likely notes.
    #[schema(required)]
    pub(crate) temperature: Option<f32>,
    /// The probability that it belongs to the requested styles: the mean over the `memberships` of
    /// its windows; `null` if none was requested.
    #[schema(required)]
    pub(crate) membership: Option<f64>,
    /// Its longest match with the training music; `null` if nothing matches or there is no copy
    /// index.
    #[schema(required)]
    pub(crate) copy: Option<Copied>,
    /// The form of a composed piece: a letter for each window, with ' where it returns varied;
    /// `null` for other music.
    #[schema(required)]
    pub(crate) form: Option<String>,
}

/// A passage that also occurs in the training music, in any key.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Copied {
    /// Its fraction of the notes of the part that contains it, 0 to 1.
    pub(crate) fraction: f64,
    /// Number of notes.
    pub(crate) n_notes: usize,
    /// The file of the training music.
    pub(crate) file: String,
    /// The bar in that file, from 1.
    pub(crate) bar: u32,
}

/// The source of real music.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Place {
    /// The file, relative to the corpus.
    pub(crate) file: String,
    /// The bar in which it begins, from 1.
    pub(crate) bar: u32,
}

/// A point in latent space, given in one of several ways.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Anchor {
    /// The latent itself.
    Z(Vec<f32>),
    /// The mean of a style.
    Style(String),
    /// The latent of encoded windows: the first window, or all windows for `POST /similar`.
    Tokens(Vec<Vec<u16>>),
}

/// Options for sampling notes from latents.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SamplingOptions {
    /// Above 0 and at most 10: lower is more conservative, 1 follows the model; `null` for the most
    /// likely notes.
    #[serde(default)]
    pub(crate) temperature: Option<f32>,
    /// The random seed, at most 2^53 - 1.
    #[serde(default)]
    pub(crate) seed: u64,
}

impl Piece {
    /// Sets its membership in the styles with the given identities.
    pub(crate) fn measured_in(mut self, ids: &[String]) -> Self {
        // From 0.0, because the sum of no numbers is -0.0, which JSON in a browser doesn't keep.
        let of = |window: &Window| {
            ids.iter().filter_map(|id| window.memberships.get(id)).fold(0.0, |sum, p| sum + p)
        };
        let n = self.windows.len().max(1) as f64;
        self.membership = Some(self.windows.iter().map(of).sum::<f64>() / n);
        self
    }
}

impl SamplingOptions {
    /// Converts to the options of the library.
    ///
    /// # Errors
    /// Returns an error if the temperature or the seed is out of range.
    pub(crate) fn decoding(self) -> Result<Decoding, ApiError> {
        let Self { temperature, seed } = self;
        if seed > limits::MAX_SEED {
            let message = format!("the seed must be 0 to {}, not {seed}", limits::MAX_SEED);
            return Err(ApiError::invalid(message));
        }
        Ok(Decoding { temperature, seed }.check()?)
    }
}
