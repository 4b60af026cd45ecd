//! `POST /generate`: new pieces in a style, or in a blend of styles.

use axum::Json;
use axum::extract::State;
use controlgen::attribute::{Aim, AttributeMethod};
use controlgen::copy::CopyMatch;
use controlgen::generate::{LatentSampling, PieceFilter, PieceRequest, Target, pieces_while};
use controlgen::piece::{Composition, DEFAULT_CANDIDATES, Form, FormRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attributes::{AttributeShift, dials, vectors};
use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::limits;
use crate::types::{Copied, Piece, SamplingOptions};

/// Default number of pieces.
const DEFAULT_N_PIECES: usize = 4;

/// A request for new music.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GenerateRequest {
    /// The name of a style; use either this or `blend`.
    #[serde(default)]
    style: Option<String>,
    /// Styles with their weights.
    #[serde(default)]
    blend: Option<Vec<BlendPart>>,
    /// Number of pieces; default 4.
    #[serde(default)]
    n: Option<usize>,
    /// Length of each piece in bars, a multiple of the window length; default one window.
    #[serde(default)]
    bars: Option<usize>,
    /// Temperature of the latents: 0 gives the mean of the style, 1 samples it; at most 4.
    #[serde(default)]
    latent_temperature: Option<f64>,
    /// Similarity of consecutive windows of a longer piece, 0 to 1, instead of what was learned
    /// from real pieces; for a model without that, 0.8 by default.
    #[serde(default)]
    smoothness: Option<f64>,
    /// The form of longer pieces: a letter for each section, with ' for a varied return, for
    /// example AABA; or verse-chorus, rondo, binary, ternary, through; by default that of a real
    /// piece.
    #[serde(default)]
    form: Option<String>,
    /// Number of draws of each window, of which the best fitting one is kept; default 8 for pieces
    /// of several windows and with attributes, otherwise 1.
    #[serde(default)]
    candidates: Option<usize>,
    /// Maximum distance from the mean of the style, in its standard deviations.
    #[serde(default)]
    truncate: Option<f64>,
    /// Minimum probability, 0 to 1, with which the music belongs to the style when it is encoded
    /// again.
    #[serde(default)]
    min_membership: Option<f64>,
    /// Maximum fraction of a piece, 0 to 1, that may match one passage of the training music
    /// (`copy.fraction` of a piece).
    #[serde(default)]
    max_copy_fraction: Option<f64>,
    /// Move notes outside the scale of the key into it: down a semitone. Only for models whose
    /// music is in one key (`in_one_key`).
    #[serde(default)]
    in_scale: bool,
    /// Attributes to turn up or down, from what the style usually has.
    #[serde(default)]
    attributes: Vec<AttributeShift>,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// A style and its weight in a blend.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct BlendPart {
    style: String,
    /// Positive; weights need not sum to 1.
    weight: f64,
}

/// Generated pieces.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Generated {
    pieces: Vec<Piece>,
    /// Rejected pieces, by reason.
    dropped: Vec<Dropped>,
}

/// The number of pieces rejected for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dropped {
    /// The reason, phrased to follow the number: "without a note".
    why: String,
    n: usize,
}

impl From<CopyMatch> for Copied {
    fn from(found: CopyMatch) -> Self {
        Self {
            fraction: found.n_notes as f64 / found.of_notes.max(1) as f64,
            n_notes: found.n_notes,
            file: found.file,
            bar: found.start_bar + 1,
        }
    }
}

/// Checks the number of draws of each window.
pub(crate) fn checked_candidates(n: Option<usize>) -> Result<Option<usize>, ApiError> {
    match n {
        Some(n) if !(1..=limits::N_CANDIDATES).contains(&n) => {
            let message = format!("`candidates` must be 1 to {}, not {n}", limits::N_CANDIDATES);
            Err(ApiError::invalid(message))
        }
        n => Ok(n),
    }
}

impl GenerateRequest {
    /// The number of pieces, and of windows per piece.
    fn sizes(&self, studio: &Studio) -> Result<[usize; 2], ApiError> {
        let n = self.n.unwrap_or(DEFAULT_N_PIECES);
        if !(1..=limits::N_PIECES).contains(&n) {
            let message =
                format!("the number of pieces must be 1 to {}, not {n}", limits::N_PIECES);
            return Err(ApiError::invalid(message));
        }
        let per_window = studio.model.kind().n_bars().max(1);
        let bars = self.bars.unwrap_or(per_window);
        // A single window may be longer than the limit.
        if bars == 0 || bars > limits::N_BARS.max(per_window) || !bars.is_multiple_of(per_window) {
            let message = format!(
                "the length must be a multiple of {per_window} bars, up to {} bars, not {bars}",
                limits::N_BARS.max(per_window)
            );
            return Err(ApiError::invalid(message));
        }
        Ok([n, bars / per_window])
    }

    /// The requested styles and their weights.
    fn blend_parts(&self) -> Result<Vec<BlendPart>, ApiError> {
        let parts = match (&self.style, &self.blend) {
            (Some(style), None) => vec![BlendPart { style: style.clone(), weight: 1.0 }],
            (None, Some(blend)) if !blend.is_empty() => blend.clone(),
            _ => return Err(ApiError::invalid("give either `style` or `blend`")),
        };
        match parts.iter().find(|part| !(part.weight > 0.0 && part.weight.is_finite())) {
            Some(BlendPart { style, weight }) => {
                let message = format!("the weight of {style:?} must be above 0, not {weight}");
                Err(ApiError::invalid(message))
            }
            None => Ok(parts),
        }
    }
}

/// Generates new music in a style, or in a blend of styles.
#[utoipa::path(
    post, path = "/generate", tag = "making music", request_body = GenerateRequest,
    responses((status = 200, body = Generated)),
)]
pub(crate) async fn generate(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<GenerateRequest>,
) -> Result<Json<Generated>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let [n, n_windows] = request.sizes(&studio)?;
    let parts = request.blend_parts()?;
    let dials = dials(&studio, &request.attributes)?;
    let n_candidates = checked_candidates(request.candidates)?;
    let form = request.form.as_deref().map(str::parse::<FormRequest>).transpose();
    let form = form.map_err(|error| ApiError::invalid(error.to_string()))?;
    let defaults = LatentSampling::default();
    let sampling = LatentSampling {
        temperature: request.latent_temperature.unwrap_or(defaults.temperature),
        truncate: request.truncate,
        smoothness: request.smoothness.unwrap_or(defaults.smoothness),
    };
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let styles = &catalog.styles;
        let parts: Vec<(&str, f64)> =
            parts.iter().map(|part| (part.style.as_str(), part.weight)).collect();
        let target = Target::blend(styles, &parts)?;
        let model = &work.model;
        let (shift, aim) = if dials.is_empty() {
            (None, None)
        } else {
            let vectors = vectors(&work)?;
            let shift = vectors.shift(&dials, AttributeMethod::default())?;
            (Some(shift), Some(Aim::of_dials(vectors, &dials, model.form(), &target.styles)?))
        };
        let walks = request.smoothness.is_some();
        let learned = work.pieces.as_ref().filter(|_| !walks);
        let is_asked = form.is_some() || n_candidates.is_some() || aim.is_some();
        let composition = Composition {
            learned: learned.filter(|_| n_windows > 1),
            form: form.as_ref().unwrap_or(&FormRequest::Auto),
            n_candidates: n_candidates.unwrap_or(DEFAULT_CANDIDATES),
        };
        let request = PieceRequest {
            n_windows,
            sampling,
            shift: shift.as_deref(),
            aim: aim.as_ref(),
            canceled: Some(cancel.flag()),
            composition: (is_asked || (n_windows > 1 && !walks)).then_some(composition),
            in_scale: request.in_scale,
            filter: PieceFilter {
                min_membership: request.min_membership,
                max_copy_fraction: request.max_copy_fraction,
                index: work.copy_index.as_ref(),
                ..PieceFilter::default()
            },
            ..PieceRequest::new(&target.path, &target.styles, n, decoding)
        };
        let found = pieces_while(model, styles, &request, &|| !cancel.is_canceled());
        cancel.check()?;
        let found = found?;
        let names: Vec<&str> = target.styles.iter().map(|style| style.name.as_str()).collect();
        let name = names.join(" and ");
        let ids = catalog.ids_of(&target.styles);
        let piece = |(at, kept): (usize, controlgen::generate::Piece)| {
            let title = format!("{name} {}", at + 1);
            let slots = kept.form.iter().flat_map(|form| &form.slots);
            let keys: Vec<i8> = slots.map(|slot| slot.key).collect();
            let z = kept.z.concat();
            let piece = work.piece_in_keys(&catalog, title, kept.windows, &z, &keys);
            Piece {
                form: kept.form.as_ref().map(Form::letters),
                seed: Some(decoding.seed),
                temperature: decoding.temperature,
                copy: kept.copy.map(Copied::from),
                ..piece.measured_in(&ids)
            }
        };
        let dropped = found.dropped.into_iter();
        Ok(Json(Generated {
            dropped: dropped
                .map(|(why, n)| Dropped { why: why.in_words().to_owned(), n })
                .collect(),
            pieces: found.kept.into_iter().enumerate().map(piece).collect(),
        }))
    });
    answer.await
}
