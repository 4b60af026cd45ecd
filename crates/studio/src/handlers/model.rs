//! `GET /model`: facts about the model.

use axum::Json;
use axum::extract::State;
use note_seq::vocabulary::LOWEST_PITCH;
use note_seq::window::WindowLayout;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Studio;
use crate::limits::Limits;
use crate::music::{self, Voice};

/// The model, and the limits of requests.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "facts, each a field of the response")]
pub(crate) struct ModelInfo {
    /// Display name.
    name: String,
    /// Version of the program.
    version: &'static str,
    /// Identifies its weights.
    hash: String,
    /// Kind of its windows, for example `mel-2bar`.
    kind: &'static str,
    /// Dimensions of its latents.
    z_size: usize,
    /// The dimensions that carry information.
    active_dimensions: Vec<usize>,
    /// Steps per window.
    window_steps: usize,
    /// Bars per window.
    window_bars: usize,
    steps_per_quarter: u32,
    steps_per_bar: usize,
    /// The lowest pitch that it writes.
    pitch_min: u8,
    /// The highest pitch that it writes.
    pitch_max: u8,
    /// Whether any of its voices are drums.
    drums: bool,
    /// Its parts. In a piece with more voices, for example a tune with its mix, voice `v` is like
    /// part `v` modulo the number of parts.
    voices: Vec<Voice>,
    /// Default tempo of new music, in quarter notes per minute.
    qpm: f64,
    /// Number of windows on the map.
    n_windows: usize,
    n_styles: usize,
    /// The folder that `POST /save` writes to; `null` without one.
    #[schema(required)]
    save_folder: Option<String>,
    /// Whether new music is checked for copies of training music.
    has_copy_index: bool,
    /// Whether longer pieces follow what was learned from real ones.
    has_pieces: bool,
    /// Whether its music is in one key, C major or A minor, so that any key can be chosen.
    in_one_key: bool,
    /// Attributes that can be turned up and down.
    attributes: Vec<AttributeInfo>,
    limits: Limits,
}

/// An attribute that can be shifted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttributeInfo {
    name: &'static str,
    /// The measured property.
    what: &'static str,
    /// Its standard deviation over the training music, the unit of `by`.
    sd: f64,
    /// Its lower and upper quartile over the training music.
    usual: [f64; 2],
}

/// Quarters of a bar on the page's grid, which is in 4/4.
const QUARTERS_PER_BAR: usize = 4;

/// Returns the model, and the limits of requests.
#[utoipa::path(get, path = "/model", tag = "reading", responses((status = 200, body = ModelInfo)))]
pub(crate) async fn model(State(studio): State<Studio>) -> Json<ModelInfo> {
    let config = studio.model.config();
    let kind = studio.model.kind();
    let form = studio.model.form();
    let n_classes = |layout: &WindowLayout| layout.tracks.first().map_or(0, |t| t.n_classes);
    let classes = form.layout().map_or(0, n_classes);
    let range = kind.melody_range().map(|(lowest, highest)| [lowest.get(), highest.get()]);
    let highest =
        u8::try_from(usize::from(LOWEST_PITCH) + classes.saturating_sub(3)).unwrap_or(127);
    let has_all = studio.voices.first().is_some_and(|voice| voice.drums) || form.layout().is_none();
    let pitches = if has_all { [0, 127] } else { [LOWEST_PITCH, highest.min(127)] };
    let [pitch_min, pitch_max] = range.unwrap_or(pitches);
    let vectors = studio.attributes.iter().flat_map(|attributes| &attributes.vectors);
    Json(ModelInfo {
        name: studio.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        hash: studio.model.hash().to_owned(),
        kind: kind.name,
        z_size: studio.model.z_size(),
        active_dimensions: config.active_dimensions.clone(),
        window_steps: kind.n_bars() * music::steps_per_quarter(form) * QUARTERS_PER_BAR,
        window_bars: kind.n_bars(),
        steps_per_quarter: music::steps_per_quarter(form) as u32,
        steps_per_bar: music::steps_per_quarter(form) * QUARTERS_PER_BAR,
        pitch_min,
        pitch_max,
        drums: studio.voices.iter().any(|voice| voice.drums),
        voices: studio.voices.clone(),
        qpm: note_seq::DEFAULT_QPM,
        n_windows: studio.source.n_windows(),
        n_styles: studio.catalog().styles.all().len(),
        has_pieces: studio.pieces.is_some(),
        in_one_key: kind.is_in_one_key(),
        save_folder: studio.save_folder.as_ref().map(|folder| folder.display().to_string()),
        has_copy_index: studio.copy_index.is_some(),
        attributes: vectors
            .map(|vector| AttributeInfo {
                name: vector.attribute.name(),
                what: vector.attribute.unit(form),
                sd: vector.std_dev,
                usual: vector.quartiles,
            })
            .collect(),
        limits: Limits::ALL,
    })
}
