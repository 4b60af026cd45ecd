//! `POST /generate`: new pieces of a style, or of a blend of some.

use axum::Json;
use axum::extract::State;
use controlgen::copy::CopyMatch;
use controlgen::generate::{Course, Keep, LatentSampling, PieceRequest, blend, pieces_while};
use controlgen::style::Style;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attributes::{DialRequest, shift};
use crate::Studio;
use crate::body::Given;
use crate::error::ApiError;
use crate::limits;
use crate::music::STEPS_PER_BAR;
use crate::types::{Copied, Drawing, Piece};

/// Pieces where no number is given.
const DEFAULT_N: usize = 4;

/// What new music is asked for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GenerateRequest {
    /// A style's name; or a blend instead.
    #[serde(default)]
    style: Option<String>,
    /// Styles with their shares.
    #[serde(default)]
    blend: Option<Vec<Share>>,
    /// How many pieces; 4 if it is left out.
    #[serde(default)]
    n: Option<usize>,
    /// Bars of each, whole windows; one window if it is left out.
    #[serde(default)]
    bars: Option<usize>,
    /// How far pieces spread about the middle of the style: 0 not at all, 1 as the style does, up to 4.
    #[serde(default)]
    spread: Option<f64>,
    /// How much each window of a longer piece is like the one before, 0 to 1; 0.8 if it is left out.
    #[serde(default)]
    smoothness: Option<f64>,
    /// The largest distance from the middle of the style, in its own deviations.
    #[serde(default)]
    truncate: Option<f64>,
    /// Only pieces that, encoded again, belong to the style at least so surely, 0 to 1.
    #[serde(default)]
    min_membership: Option<f64>,
    /// Only pieces of which no larger share stands in the training music in one go, 0 to 1 (`copy.share` of a piece).
    #[serde(default)]
    max_copy: Option<f64>,
    /// What to turn up or down.
    #[serde(default)]
    attributes: Vec<DialRequest>,
    #[serde(flatten)]
    drawing: Drawing,
}

/// A style's share of a blend.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Share {
    style: String,
    /// Above 0; shares need not sum to 1.
    share: f64,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Generated {
    pieces: Vec<Piece>,
    /// Pieces that were not good enough.
    dropped: Vec<Dropped>,
}

/// Pieces that were not good enough, for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dropped {
    /// The reason, to follow the number: "without a note".
    why: String,
    n: usize,
}

impl From<CopyMatch> for Copied {
    fn from(found: CopyMatch) -> Self {
        Self {
            share: found.n_notes as f64 / found.of_notes.max(1) as f64,
            n_notes: found.n_notes,
            file: found.file,
            bar: found.start_bar + 1,
        }
    }
}

impl GenerateRequest {
    /// Pieces and windows of each.
    fn sizes(&self, studio: &Studio) -> Result<[usize; 2], ApiError> {
        let n = self.n.unwrap_or(DEFAULT_N);
        if !(1..=limits::N_PIECES).contains(&n) {
            let message = format!("{n} pieces; 1 to {} are allowed", limits::N_PIECES);
            return Err(ApiError::invalid(message));
        }
        let per_window = (studio.model.kind().n_steps() / STEPS_PER_BAR).max(1);
        let bars = self.bars.unwrap_or(per_window);
        // A window may be longer than the limit.
        if bars == 0 || bars > limits::N_BARS.max(per_window) || !bars.is_multiple_of(per_window) {
            let message = format!(
                "pieces of {bars} bars; whole windows of {per_window} bars are allowed, up to {} bars",
                limits::N_BARS.max(per_window)
            );
            return Err(ApiError::invalid(message));
        }
        Ok([n, bars / per_window])
    }

    /// The styles asked for, with their shares.
    fn shares(&self) -> Result<Vec<Share>, ApiError> {
        let shares = match (&self.style, &self.blend) {
            (Some(style), None) => vec![Share { style: style.clone(), share: 1.0 }],
            (None, Some(blend)) if !blend.is_empty() => blend.clone(),
            _ => return Err(ApiError::invalid("either `style` or `blend` tells what to write")),
        };
        match shares.iter().find(|part| !(part.share > 0.0 && part.share.is_finite())) {
            Some(Share { style, share }) => {
                let message = format!("the share of {style:?} is {share}; above 0 is allowed");
                Err(ApiError::invalid(message))
            }
            None => Ok(shares),
        }
    }
}

/// Writes new music of a style, or of the style between some.
#[utoipa::path(
    post, path = "/generate", tag = "making music", request_body = GenerateRequest,
    responses((status = 200, body = Generated)),
)]
pub(crate) async fn generate(
    State(studio): State<Studio>,
    Given(request): Given<GenerateRequest>,
) -> Result<Json<Generated>, ApiError> {
    let decoding = request.drawing.decoding()?;
    let [n, n_windows] = request.sizes(&studio)?;
    let shares = request.shares()?;
    let shift = shift(&studio, &request.attributes)?;
    let usual = LatentSampling::default();
    let sampling = LatentSampling {
        temperature: request.spread.unwrap_or(usual.temperature),
        truncate: request.truncate,
        smoothness: request.smoothness.unwrap_or(usual.smoothness),
    };
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |stop| {
        let styles = &catalog.styles;
        let aims: Vec<&Style> =
            shares.iter().map(|part| styles.find(&part.style)).collect::<Result<_, _>>()?;
        let distributions: Vec<_> = aims.iter().map(|style| styles.distribution(style)).collect();
        let course = match distributions.as_slice() {
            [only] => Course::held(only)?,
            several => {
                let parts: Vec<_> = shares.iter().map(|part| part.share).zip(several).collect();
                Course::through(&[blend(&parts)?])?
            }
        };
        let asked = PieceRequest {
            course: &course,
            aims: &aims,
            n,
            n_windows,
            sampling,
            shift: shift.as_deref(),
            decoding,
            chords: None,
            keep: Keep {
                degenerate: false,
                min_membership: request.min_membership,
                max_copy: None,
                max_copy_share: request.max_copy,
                index: work.index.as_ref(),
            },
            max_attempts: None,
        };
        let found = pieces_while(&work.model, styles, &asked, &|| !stop.is_set())?;
        stop.check()?;
        let names: Vec<&str> = aims.iter().map(|style| style.name.as_str()).collect();
        let name = names.join(" and ");
        let piece = |(at, kept): (usize, controlgen::generate::Piece)| Piece {
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            membership: Some(kept.membership),
            copy: kept.copy.map(Copied::from),
            ..work.piece(&catalog, format!("{name} {}", at + 1), kept.windows, &kept.z.concat())
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
