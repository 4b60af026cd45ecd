//! `GET /model`: what there is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Studio;
use crate::limits::Limits;
use crate::music::{LOWEST_PITCH, STEPS_PER_BAR, STEPS_PER_QUARTER, Voice};

/// The model, and what may be asked of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelFacts {
    /// What it is called.
    name: String,
    /// The program's version.
    version: &'static str,
    /// What its windows are: `mel-2bar`.
    kind: &'static str,
    /// Dimensions of its latents.
    z_size: usize,
    /// Those of them that carry something.
    active_dimensions: Vec<usize>,
    /// Steps of a window.
    window_steps: usize,
    /// Bars of a window.
    window_bars: usize,
    steps_per_quarter: u32,
    steps_per_bar: usize,
    /// The lowest pitch it writes.
    pitch_min: u8,
    /// The highest one.
    pitch_max: u8,
    /// Whether any of its voices are drums.
    drums: bool,
    /// Its parts. Voice `v` of a piece of more voices, such as a tune with its mix, is like part `v` modulo their number.
    voices: Vec<Voice>,
    /// The tempo of new music, in quarter notes a minute.
    qpm: f64,
    /// Windows on the map.
    n_windows: usize,
    n_styles: usize,
    /// Whether copies of training music are looked for.
    has_copy_index: bool,
    /// What can be turned.
    attributes: Vec<AttributeFacts>,
    limits: Limits,
}

/// What can be turned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttributeFacts {
    name: &'static str,
    /// What it counts.
    what: &'static str,
    /// Its standard deviation over the training music: what `by` counts in.
    sd: f64,
    /// Between which values half of the training music lies.
    usual: [f64; 2],
}

/// The model, and what may be asked of it.
#[utoipa::path(get, path = "/model", tag = "reading", responses((status = 200, body = ModelFacts)))]
pub(crate) async fn model(State(studio): State<Studio>) -> Json<ModelFacts> {
    let config = studio.model.config();
    let kind = studio.model.kind();
    let classes = config.musicvae.window().tracks.first().map_or(0, |track| track.n_classes);
    let range = kind.melody_range().map(|(lowest, highest)| [lowest.get(), highest.get()]);
    let highest =
        u8::try_from(usize::from(LOWEST_PITCH) + classes.saturating_sub(3)).unwrap_or(127);
    let own = if studio.voices.first().is_some_and(|voice| voice.drums) {
        [0, 127]
    } else {
        [LOWEST_PITCH, highest.min(127)]
    };
    let [pitch_min, pitch_max] = range.unwrap_or(own);
    let vectors = studio.attributes.iter().flat_map(|attributes| &attributes.vectors);
    Json(ModelFacts {
        name: studio.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        kind: kind.name,
        z_size: studio.model.z_size(),
        active_dimensions: config.active_dimensions.clone(),
        window_steps: kind.n_steps(),
        window_bars: kind.n_steps() / STEPS_PER_BAR,
        steps_per_quarter: STEPS_PER_QUARTER,
        steps_per_bar: STEPS_PER_BAR,
        pitch_min,
        pitch_max,
        drums: studio.voices.iter().any(|voice| voice.drums),
        voices: studio.voices.clone(),
        qpm: note_seq::DEFAULT_QPM,
        n_windows: studio.source.n_windows(),
        n_styles: studio.catalog().styles.all().len(),
        has_copy_index: studio.index.is_some(),
        attributes: vectors
            .map(|vector| AttributeFacts {
                name: vector.attribute.name(),
                what: vector.attribute.unit(),
                sd: vector.std_dev,
                usual: vector.quartiles,
            })
            .collect(),
        limits: Limits::ALL,
    })
}
