//! `POST /mix`: mixes a style into a tune.

use axum::Json;
use axum::extract::State;
use controlgen::encode::encode_windows;
use controlgen::mix::{MixMethod, MixRequest, mix_while};
use note_seq::features::harmony_of_windows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::export::checked_qpm;
use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::types::{Note, Piece, SamplingOptions};

/// How latents move toward a style.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// By optimal transport, which preserves what is special about the tune.
    #[default]
    Transport,
    /// In a straight line to samples of the style.
    Interpolate,
}

/// A tune, and the style to mix into it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MixQuery {
    /// The windows of the tune.
    tokens: Vec<Vec<u16>>,
    style: String,
    /// 0 is the tune, 1 the style.
    strength: f64,
    #[serde(default)]
    method: Method,
    /// Tempo of the response, in quarter notes per minute; default 120.
    #[serde(default)]
    qpm: Option<f64>,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// A tune with a style mixed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mixed {
    original: Piece,
    /// The mix alone.
    mixed: Piece,
    /// Both at once: the voices of the tune, then those of the mix.
    together: Piece,
    /// Fraction of the time in which both sound that is consonant; `null` if they never sound
    /// together.
    #[schema(required)]
    consonance: Option<f64>,
}

/// Mixes a style into a tune.
#[utoipa::path(
    post, path = "/mix", tag = "making music", request_body = MixQuery,
    responses((status = 200, body = Mixed)),
)]
pub(crate) async fn mix(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<MixQuery>,
) -> Result<Json<Mixed>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let qpm = checked_qpm(request.qpm)?;
    studio.check_windows(&request.tokens)?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let style = catalog.styles.find(&request.style)?;
        let method = match request.method {
            Method::Transport => MixMethod::Transport,
            Method::Interpolate => MixMethod::Interpolate,
        };
        let mix_request = MixRequest { style, strength: request.strength, method, decoding };
        let go_on = || !cancel.is_canceled();
        let tune = &request.tokens;
        let found = mix_while(&work.model, &catalog.styles, tune, &mix_request, &go_on);
        cancel.check()?;
        let found = found?;
        let rows = |windows: &'_ [Vec<u16>]| windows.iter().map(Vec::clone).collect::<Vec<_>>();
        let harmony = harmony_of_windows(
            work.model.form(),
            request.tokens.iter().map(Vec::as_slice),
            found.windows.iter().map(Vec::as_slice),
        );
        let z = encode_windows(&work.model, &request.tokens);
        let title = "The tune".to_owned();
        let ids = catalog.ids_of(&[style]);
        let original = work.encoded_piece(&catalog, title, rows(&request.tokens), &z);
        let original = Piece { qpm, ..original.measured_in(&ids) };
        let title = format!("With {}", style.name);
        let mixed = Piece {
            qpm,
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            ..work.piece(&catalog, title, rows(&found.windows), &found.z).measured_in(&ids)
        };
        let n_voices = u32::try_from(work.voices.len()).unwrap_or(1);
        let second = mixed.notes.iter().map(|note| Note { voice: note.voice + n_voices, ..*note });
        let mut notes: Vec<Note> = original.notes.iter().copied().chain(second).collect();
        notes.sort();
        let title = format!("The tune and {}", style.name);
        let together = Piece { title, notes, ..mixed.clone() };
        Ok(Json(Mixed { original, mixed, together, consonance: harmony.consonance() }))
    });
    answer.await
}
