//! `POST /generate`: new pieces in a style, or in a blend of styles.

use axum::Json;
use axum::extract::State;
use controlgen::copy::CopyMatch;
use controlgen::generate::{LatentSampling, PieceFilter, PieceRequest, Target, pieces_while};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attributes::{AttributeShift, shift};
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
    /// Similarity of consecutive windows of a longer piece, 0 to 1; default 0.8.
    #[serde(default)]
    smoothness: Option<f64>,
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
    /// Attributes to shift.
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
    let shift = shift(&studio, &request.attributes)?;
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
        let request = PieceRequest {
            n_windows,
            sampling,
            shift: shift.as_deref(),
            filter: PieceFilter {
                min_membership: request.min_membership,
                max_copy_fraction: request.max_copy_fraction,
                index: work.copy_index.as_ref(),
                ..PieceFilter::default()
            },
            ..PieceRequest::new(&target.path, &target.styles, n, decoding)
        };
        let found = pieces_while(&work.model, styles, &request, &|| !cancel.is_canceled())?;
        cancel.check()?;
        let names: Vec<&str> = target.styles.iter().map(|style| style.name.as_str()).collect();
        let name = names.join(" and ");
        let ids = catalog.ids_of(&target.styles);
        let piece = |(at, kept): (usize, controlgen::generate::Piece)| {
            let title = format!("{name} {}", at + 1);
            let piece = work.piece(&catalog, title, kept.windows, &kept.z.concat());
            Piece {
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
