//! `GET /styles/{name}`: the card of a style.

use axum::Json;
use axum::extract::State;
use controlgen::style::{Share, Style, UsedFile};
use note_seq::features::Feature;
use serde::Serialize;
use utoipa::ToSchema;

use super::entry;
use crate::Studio;
use crate::catalog::{Catalog, StyleEntry};
use crate::error::ApiError;
use crate::params::PathParam;
use crate::types::{Place, Window};

/// Number of styles that a card compares.
const N_NEAREST: usize = 2;

/// A description of a style.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StyleCard {
    style: StyleEntry,
    /// Description in sentences.
    sentences: Vec<String>,
    /// The two styles nearest to it, and how it differs from them.
    nearest: Vec<NearestStyle>,
    features: Vec<FeatureValue>,
    /// The most frequent labels of its windows, if the corpus has labels.
    labels: Vec<LabelShare>,
    /// The most typical windows.
    examples: Vec<Example>,
    /// For an added style, what was used of each file.
    #[schema(required)]
    used: Option<Vec<Used>>,
}

/// A style that is near another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NearestStyle {
    /// Its `id`.
    id: String,
    name: String,
    /// The style of the card in comparison, the largest difference first.
    words: Vec<String>,
}

/// A measured property of the music.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeatureValue {
    name: &'static str,
    unit: &'static str,
    /// Its mean over the windows of the style.
    value: f64,
    /// Distance from the mean of all training music, in standard deviations over windows.
    #[schema(required)]
    deviation: Option<f64>,
}

/// A label's fraction of the windows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LabelShare {
    label: String,
    share: f64,
}

/// A window of real music in a style.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Example {
    source: Place,
    window: Window,
}

/// The parts of a file that were used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Used {
    file: String,
    /// Which tracks and bars, what was changed, and which bars were left out.
    sentence: String,
    n_windows: usize,
}

impl From<&UsedFile> for Used {
    fn from(used: &UsedFile) -> Self {
        let track = |track: &controlgen::style::UsedTrack| {
            let numbers: Vec<String> = track.instruments.iter().map(u32::to_string).collect();
            let names = match track.names.as_slice() {
                [] => String::new(),
                names => format!(" ({})", names.join(", ")),
            };
            format!(
                "track {}{names}, bars {} to {}",
                numbers.join(", "),
                track.first_bar + 1,
                track.last_bar + 1
            )
        };
        let tracks: Vec<String> = used.tracks.iter().map(track).collect();
        let mut sentence = tracks.join("; ");
        let changes = used.changes.iter().map(ToString::to_string);
        let left_out = used.left_out_bars.iter().map(ToString::to_string);
        for what in changes.chain(used.bars.iter().cloned()).chain(left_out) {
            sentence.push_str(&format!("; {what}"));
        }
        let n_windows = used.tracks.iter().map(|track| track.n_windows).sum();
        Self { file: used.file.clone(), sentence, n_windows }
    }
}

/// Describes a style, with its most typical windows.
#[utoipa::path(
    get, path = "/styles/{name}", tag = "reading",
    params(("name" = String, Path, description = "name or number of a style")),
    responses((status = 200, body = StyleCard)),
)]
pub(crate) async fn card(
    State(studio): State<Studio>,
    PathParam(name): PathParam,
) -> Result<Json<StyleCard>, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    studio.quick.run(move |_| Ok(Json(style_card(&work, &catalog, &name)?))).await
}

fn style_card(studio: &Studio, catalog: &Catalog, name: &str) -> Result<StyleCard, ApiError> {
    let style = catalog.styles.find(name)?;
    let added = catalog.styles.added(&style.name);
    let textures = style.card.iter().filter_map(|card| card.texture.as_ref()).flat_map(|texture| {
        texture.features.iter().map(|(feature, summary)| FeatureValue {
            name: feature.name(),
            unit: feature.unit(),
            value: summary.mean,
            deviation: None,
        })
    });
    let of_lines = style.card.iter().filter(|card| card.texture.is_none());
    let features = of_lines.flat_map(|card| {
        Feature::ALL.into_iter().filter_map(|feature| {
            let summary = card.profile.feature(feature);
            (summary.n > 0).then(|| FeatureValue {
                name: feature.name(),
                unit: feature.unit(),
                value: summary.mean,
                deviation: card.deviations.get(&feature).copied(),
            })
        })
    });
    let labels = style.card.iter().flat_map(|card| &card.labels);
    let label = |label: &Share| LabelShare { label: label.name.clone(), share: label.share };
    let nearest =
        catalog.styles.nearest(style, N_NEAREST)?.into_iter().map(|contrast| NearestStyle {
            id: catalog.styles.id(contrast.other),
            name: contrast.other.name.clone(),
            words: contrast.words,
        });
    Ok(StyleCard {
        sentences: sentences(style),
        nearest: nearest.collect(),
        features: features.chain(textures).collect(),
        labels: labels.map(label).collect(),
        examples: examples(studio, catalog, style),
        used: added.map(|added| added.files.iter().map(Used::from).collect()),
        style: entry(catalog, &style.name)?,
    })
}

/// Facts about a style, in sentences.
fn sentences(style: &Style) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut sentences = vec![match &style.added {
        Some(added) => format!(
            "Added from {} windows; the model's own styles contribute {}.",
            added.n_windows,
            percent(added.prior_share)
        ),
        None => format!("{} of the training windows are in this style.", percent(style.share)),
    }];
    let Some(card) = &style.card else { return sentences };
    sentences.push(if card.words.is_empty() {
        "It sounds like the corpus as a whole.".to_owned()
    } else {
        format!("It sounds {}.", card.words.join(", "))
    });
    if let Some(minor) = card.minor {
        let keys = card.keys.iter().map(|key| format!("{} {}", key.name, percent(key.share)));
        let keys = keys.collect::<Vec<_>>().join(", ");
        sentences.push(format!("The most common keys are {keys}; {} is in minor.", percent(minor)));
    }
    if !card.titles.is_empty() {
        let titles = card
            .titles
            .iter()
            .map(|title| format!("{} ({} of its windows)", title.name, percent(title.share)));
        let titles = titles.collect::<Vec<_>>().join(", ");
        sentences.push(format!("Its files are called or lie in: {titles}."));
    }
    sentences
}

/// The windows nearest to a style, with their sources.
fn examples(studio: &Studio, catalog: &Catalog, style: &Style) -> Vec<Example> {
    let reference = |id| studio.reference.rows.iter().find(|row| row.window_id == id);
    let (mut sources, mut tokens) = (Vec::new(), Vec::new());
    if style.is_added() {
        let examples = catalog.styles.examples(&studio.reference, style);
        for (source, example) in style.nearest.iter().zip(examples) {
            sources.push(source);
            tokens.push(example);
        }
    } else {
        for source in &style.nearest {
            if let Some(row) = reference(source.window_id) {
                sources.push(source);
                tokens.push(row.tokens.clone());
            }
        }
    }
    if tokens.is_empty() {
        return Vec::new();
    }
    let z = controlgen::encode::encode_windows(&studio.model, &tokens);
    let windows = studio.encoded_windows(catalog, tokens, &z);
    let place = |source: &controlgen::style::WindowSource| Place {
        file: source.file.clone(),
        bar: source.start_bar + 1,
    };
    sources
        .into_iter()
        .zip(windows)
        .map(|(source, window)| Example { source: place(source), window })
        .collect()
}
