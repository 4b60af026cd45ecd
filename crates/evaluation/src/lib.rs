//! Reproducible measures of a model's quality.
//!
//! Every measure is defined here, once:
//!
//! | measure | module | source |
//! |---|---|---|
//! | accuracy by token type, pitch and rhythm apart, onset F1 | [`scores`] | Roberts et al. 2018, Table 1 |
//! | ELBO, KL, active units | `reconstruction` | Burda et al. 2016 for active units |
//! | distribution features, overlapping area, divergence | [`music`], [`density`], [`distribution`] | Yang and Lerch 2020 (mgeval); muspy 0.5 |
//! | Fréchet distance, named by its space | [`frechet`] | Dowson and Landau 1982 |
//! | AMI, NMI, ARI, V-measure, purity, k-means | [`clusters`] | scikit-learn; Vinh et al. 2010 |
//! | labeled pieces, the judge of styles, its features | [`labelled`], [`judge`], [`logistic`], [`music`] | multinomial logistic regression |
//! | density and coverage, in principal components | [`manifold`], [`feature_space`] | Naeem et al. 2020 |
//! | MIG, SAP, modularity; music of known factors | [`disentangle`], [`dmelodies`] | Chen et al. 2018; Kumar et al. 2018; Ridgeway and Mozer 2018 |
//! | interpolation | `interpolation`, [`language`] | Roberts et al. 2018, figure on interpolation |
//! | re-encoding, styles of pieces, few files | `discovery`, `piece_labels`, `few_shot` | |
//! | whole pieces: key, returns, joins, endings, succession | `pieces` | see [`controlgen::piece`] |
//! | styles mixed into tunes, accompaniments | `combination` | see [`controlgen::mix`], [`controlgen::accompany`] |
//! | attributes, copies, response time | `steering` | see [`controlgen::attribute`], [`controlgen::copy`] |
//! | intervals, rank correlation | [`statistics`] | Efron and Tibshirani 1993 |
//!
//! Intervals are over files, never over windows. Only held-out windows that do not occur in the
//! training split are scored.

pub mod clusters;
mod combination;
pub mod data;
pub mod density;
mod diff;
mod discovery;
pub mod disentangle;
pub mod distribution;
pub mod dmelodies;
pub mod feature_space;
mod few_shot;
pub mod frechet;
mod generation;
mod interpolation;
pub mod judge;
pub mod labelled;
mod labels;
pub mod language;
pub mod logistic;
pub mod manifold;
pub mod music;
mod piece_labels;
mod pieces;
mod reconstruction;
pub mod report;
pub mod samples;
pub mod scores;
pub mod statistics;
mod steering;
mod view;

use std::path::PathBuf;

use controlgen::generate::GenerateError;
use controlgen::model::Model;
use controlgen::style::{StyleError, StyleFolders, Styles};
use corpus::artifact::ArtifactError;
use corpus::progress::Progress;
use thiserror::Error;

use data::EvalData;
use labelled::LabelledData;

pub use diff::{Change, Difference, diff};
pub use dmelodies::{DMelodiesRequest, evaluate_dmelodies};
pub use labels::{LabelEvalRequest, evaluate_labels};
pub use pieces::{PieceEvalRequest, evaluate_pieces};
pub use report::{Better, Chart, EvalReport, Figure, Section};
pub use view::{check_report, html, markdown, write_report};

/// The reason why there are no figures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// There are no held-out windows.
    #[error(
        "{} has no held-out window that is not in train, so nothing can be scored; build it with a larger \
         `--heldout`", corpus.display()
    )]
    NoHeldout {
        /// The corpus.
        corpus: PathBuf,
    },
    /// There are no training windows for baselines.
    #[error(
        "{} has no training window, so there are no baselines; build it with a smaller `--heldout`",
        corpus.display()
    )]
    NoTrain {
        /// The corpus.
        corpus: PathBuf,
    },
    /// No labels to evaluate.
    #[error(
        "{} has no two labels with enough pieces of eight windows (two for styles, two for the judge, one \
         held out; {n_short} labeled pieces are shorter); label more files (`corpus build --label-folders`, \
         `--label-pattern` or `--labels`) or hold out more (`--heldout 0.5`)", corpus.display()
    )]
    NoLabels {
        /// The corpus.
        corpus: PathBuf,
        /// Labeled pieces of fewer than eight windows.
        n_short: usize,
    },
    /// The corpus is of other music than melodies of known factors.
    #[error(
        "{} has too few melodies with factors in their names; build it from files that `controlgen \
         corpus synthesize --dmelodies N` wrote", corpus.display()
    )]
    NoMelodies {
        /// The corpus.
        corpus: PathBuf,
    },
    /// Music can't be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Points have no statistics.
    #[error(transparent)]
    Points(#[from] gmm::points::PointsError),
    /// The styles can't be read.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// Attributes can't be read or shifted.
    #[error(transparent)]
    Attribute(#[from] controlgen::attribute::AttributeError),
    /// Whole pieces can't be read.
    #[error(transparent)]
    Piece(#[from] controlgen::piece::PieceError),
    /// The copy index can't be read.
    #[error(transparent)]
    Copy(#[from] controlgen::copy::CopyError),
    /// A mixture can't be fitted to the training latents.
    #[error("a mixture can't be fitted to the training latents")]
    Fit(#[from] gmm::FitError),
    /// A mixture does not fit the latents.
    #[error("the mixture does not fit the latents")]
    Mixture(#[from] gmm::ModelError),
    /// The latents are not valid samples.
    #[error("the latents are not valid samples")]
    Samples(#[from] gmm::SamplesError),
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// The scope of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// Everything that concerns styles: re-encoding, the judge, distributions, few files, labels,
    /// interpolation.
    Control,
}

/// The inputs of an evaluation.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    /// The corpus folder.
    pub corpus: PathBuf,
    /// The corpus's latents by this model; without them, its windows are encoded.
    pub latents: Option<PathBuf>,
    /// The scope of an evaluation.
    pub scope: Scope,
    /// Maximum number of held-out windows to score.
    pub n_windows: usize,
    /// Maximum number of training windows for baselines and classifiers.
    pub n_train: usize,
    /// Number of components for measuring re-encoding; `None` for the visible styles.
    pub k: Option<usize>,
    /// Number of resamples of files for each point of the few-shot curve.
    pub n_resamples: usize,
    /// Temperature of new music.
    pub temperature: f32,
    /// The seed of all random draws.
    pub seed: u64,
}

impl EvalRequest {
    /// Default sizes: 2,000 held-out and 20,000 training windows, the visible styles, 20 resamples,
    /// `generate`'s temperature.
    pub fn new(corpus: PathBuf) -> Self {
        Self {
            corpus,
            latents: None,
            scope: Scope::All,
            n_windows: 2_000,
            n_train: 20_000,
            k: None,
            n_resamples: 20,
            temperature: 0.5,
            seed: 0,
        }
    }
}

/// Number of pairs of windows for interpolation.
const PAIRS: usize = 200;

/// A part of an evaluation, which returns its sections.
type Part<'a> = Box<dyn FnOnce() -> Result<Vec<Section>, EvalError> + 'a>;

/// Measures all parts; keeps the sections that are not empty.
fn measure(parts: Vec<Part<'_>>, progress: &dyn Progress) -> Result<Vec<Section>, EvalError> {
    progress.begin("measuring", "parts", parts.len() as u64);
    let mut sections = Vec::new();
    for part in parts {
        let found = part()?.into_iter();
        sections.extend(found.filter(|s| !s.figures.is_empty() || !s.charts.is_empty()));
        progress.advance(1);
    }
    progress.end();
    Ok(sections)
}

/// Evaluates a model on a corpus. Without a mixture, everything that needs styles is left out of
/// the report; without labels in the corpus, everything that needs labels.
///
/// # Errors
/// Returns an [`EvalError`].
pub fn evaluate(
    model: &Model,
    request: &EvalRequest,
    progress: &dyn Progress,
) -> Result<EvalReport, EvalError> {
    let sizes = [request.n_train, request.n_windows];
    let data = EvalData::read(model, &request.corpus, request.latents.as_deref(), sizes, progress)?;
    let styles = Styles::load_if_any(model, StyleFolders::of(model))?;
    let mixture = styles.as_ref().map(Styles::mixture);
    let (temperature, seed) = (request.temperature, request.seed);
    let labelled = match &styles {
        Some(_) => LabelledData::read(model, &request.corpus, progress)?,
        None => LabelledData::default(),
    };
    let (data, labelled, corpus) = (&data, &labelled, &request.corpus);
    let mut parts: Vec<Part<'_>> = Vec::new();
    if request.scope == Scope::All {
        parts.push(Box::new(move || Ok(vec![reconstruction::section(model, data, seed)])));
    }
    if let Some(styles) = &styles {
        let k = request.k.map(|k| k.min(data.train.rows.len()));
        parts.push(Box::new(move || {
            Ok(vec![discovery::reencode(model, styles, data, k, temperature, seed)?])
        }));
        let n_resamples = request.n_resamples;
        parts.push(Box::new(move || {
            few_shot::sections(model, styles, labelled, n_resamples, temperature, seed)
        }));
    }
    if let Some(styles) = &styles {
        parts.push(Box::new(move || {
            let of_windows = discovery::labels(model, styles, data, seed)?;
            let of_pieces = piece_labels::section(model, styles, labelled, seed)?;
            Ok(of_windows.into_iter().chain(of_pieces).collect())
        }));
    }
    let known = styles.as_ref();
    parts.push(Box::new(move || {
        Ok(generation::section(model, known, data, temperature, seed)?.into_iter().collect())
    }));
    parts.push(Box::new(move || {
        Ok(interpolation::section(model, data, PAIRS, seed).into_iter().collect())
    }));
    parts.push(Box::new(move || Ok(steering::attributes(model, seed)?.into_iter().collect())));
    if let Some(styles) = &styles {
        parts.push(Box::new(move || {
            Ok(combination::section(model, styles, data, temperature, seed)?.into_iter().collect())
        }));
        parts.push(Box::new(move || {
            Ok(steering::asked(model, styles, temperature, seed)?.into_iter().collect())
        }));
    }
    parts.push(Box::new(move || {
        Ok(vec![steering::copies(model, corpus, mixture, data, temperature, seed)?])
    }));
    if let Some(styles) = &styles {
        parts.push(Box::new(move || {
            Ok(vec![steering::speed(model, styles, data, temperature, seed)?])
        }));
    }
    parts.push(Box::new(move || Ok(discovery::map(model, mixture, data)?.into_iter().collect())));

    let sections = measure(parts, progress)?;
    Ok(EvalReport {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        model_hash: model.hash().to_owned(),
        kind: model.kind().name.to_owned(),
        corpus_hash: data.corpus_hash.clone(),
        seed,
        temperature,
        n_train: data.train.rows.len(),
        n_heldout: data.heldout.rows.len(),
        n_files: data.n_files(),
        sections,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A progress bar that records its total and its position.
    #[derive(Default)]
    struct Told(Mutex<(u64, u64)>);

    impl Progress for Told {
        fn begin(&self, _: &str, _: &str, total: u64) {
            *self.0.lock().unwrap() = (total, 0);
        }

        fn advance(&self, n: u64) {
            self.0.lock().unwrap().1 += n;
        }

        fn end(&self) {}
    }

    #[test]
    fn progress_reaches_its_end_however_many_parts_there_are() {
        let section = |key: &str| {
            let mut section = Section::new(key, key, "");
            section.push(Figure::new(key, key, 1.0, "", 1));
            section
        };
        for n in [1_u64, 3, 12] {
            let told = Told::default();
            let parts: Vec<Part<'_>> = (0..n)
                .map(|i| -> Part<'_> {
                    Box::new(move || match i {
                        0 => Ok(vec![section("a"), section("b"), Section::new("empty", "", "")]),
                        1 => Ok(Vec::new()),
                        _ => Ok(vec![section("c")]),
                    })
                })
                .collect();
            let sections = measure(parts, &told).unwrap();
            assert_eq!(*told.0.lock().unwrap(), (n, n));
            assert_eq!(sections.len() as u64, 2 + n.saturating_sub(2));
        }
    }
}
