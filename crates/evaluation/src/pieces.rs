//! Whole pieces: what was made compared with real pieces, and with windows that are only near each
//! other.

mod measures;
mod structure;
mod succession;

use std::path::PathBuf;
use std::time::Instant;

use controlgen::generate::{
    Decoding, GenerateError, LatentPath, LatentSampling, PieceFilter, PieceRequest, pieces as made,
};
use controlgen::model::Model;
use controlgen::piece::{
    Composition, CorpusPiece, DEFAULT_CANDIDATES, FormRequest, PieceModel, corpus_pieces,
};
use controlgen::style::{Style, Styles};
use corpus::CorpusReport;
use corpus::progress::Progress;
use corpus::table::Split;

use super::EvalError;
use super::report::{Better, EvalReport, Figure, Rolls, Section};
use super::statistics::mean;
use measures::{Measures, auc_of_judge};

/// The most held-out pieces that are read.
const MAX_REAL: usize = 400;
/// Pieces shown.
const SHOWN: usize = 3;

const NOTE: &str = "Pieces of each of the largest styles (`composed`, as `generate` writes them), next to \
the same without a choice among draws, to windows that are only near each other (smoothness 0.8) and to \
unrelated ones of the style, and to the first bars of held-out pieces of the corpus that are as long or longer. Key fit: share of sounding time in \
the best major scale. Returns: share of windows, after the first, that share half of their onsets and \
pitches or more (F1) with an earlier one; distance: bars to the latest such. Repetition: the largest mean F1 \
of windows at any one distance. Structureness: the largest fitness (Müller et al. 2013) of passages of one \
bar to two, two to four, and four to half of the piece, from the pitch classes of half bars (the indicator \
of Wu and Yang 2020, whose frames are of recordings). Leaps: share of lines between windows over which the top voice moves by more \
than a fifth. Endings of real pieces are those of whole ones. Judge: the area under the curve of a logistic \
regression that tells made pieces from real ones by features of windows and pieces, in five folds; 0.5 is no \
difference.";

/// What an evaluation of whole pieces is of.
#[derive(Clone, Debug)]
pub struct PieceEvalRequest {
    /// The corpus folder.
    pub corpus: PathBuf,
    /// The corpus's latents by this model; without, its windows are encoded.
    pub latents: Option<PathBuf>,
    /// Pieces of each length.
    pub n_pieces: usize,
    /// Lengths in bars.
    pub bars: Vec<usize>,
    /// Styles, the largest ones.
    pub n_styles: usize,
    /// Draws of each window that one is chosen among.
    pub n_candidates: usize,
    /// Temperature of new music.
    pub temperature: f32,
    /// The seed of every draw.
    pub seed: u64,
}

impl PieceEvalRequest {
    /// The usual sizes: 200 pieces of 16 and of 32 bars of five styles.
    pub fn new(corpus: PathBuf) -> Self {
        Self {
            corpus,
            latents: None,
            n_pieces: 200,
            bars: vec![16, 32],
            n_styles: 5,
            n_candidates: DEFAULT_CANDIDATES,
            temperature: 0.5,
            seed: 0,
        }
    }
}

/// Pieces of one origin.
struct Set {
    name: &'static str,
    measures: Vec<Measures>,
    /// Windows of some, as they sound.
    shown: Vec<Vec<Vec<u16>>>,
    /// Milliseconds for each; none for real ones.
    milliseconds: Option<f64>,
    /// Mean membership in the style asked for; none for real ones.
    membership: Option<f64>,
}

impl Set {
    fn new(name: &'static str) -> Self {
        let (measures, shown) = (Vec::new(), Vec::new());
        Self { name, measures, shown, milliseconds: None, membership: None }
    }

    fn mean(&self, of: impl Fn(&Measures) -> Option<f64>) -> Option<f64> {
        mean(&self.measures.iter().filter_map(of).collect::<Vec<_>>())
    }
}

/// Evaluates the whole pieces of a model.
///
/// # Errors
/// See [`EvalError`]; [`EvalError::NoHeldout`] if no held-out piece is there to compare with.
pub fn evaluate_pieces(
    model: &Model,
    request: &PieceEvalRequest,
    progress: &dyn Progress,
) -> Result<EvalReport, EvalError> {
    let report = CorpusReport::of_kind(&request.corpus, model.kind())?;
    let styles = Styles::load(model)?;
    let learned = PieceModel::of_model(model)?;
    let latents = request.latents.as_deref();
    let (real, _) =
        corpus_pieces(model, &request.corpus, latents, Split::Heldout, MAX_REAL, progress)?;
    if real.is_empty() {
        return Err(EvalError::NoHeldout { corpus: request.corpus.clone() });
    }
    let mut sections = Vec::new();
    sections.extend(succession::section(model, &styles, learned.as_ref(), &real)?);
    progress.begin("composing", "lengths", request.bars.len() as u64);
    for bars in &request.bars {
        sections.push(of_length(model, &styles, learned.as_ref(), &real, *bars, request)?);
        progress.advance(1);
    }
    progress.end();
    let mut hash = corpus::table::CorpusHash::default();
    corpus::table::read_windows(&request.corpus, |row| hash.add(&row))?;
    Ok(EvalReport {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        model_hash: model.hash().to_owned(),
        kind: model.kind().name.to_owned(),
        corpus_hash: hash.finish(),
        seed: request.seed,
        temperature: request.temperature,
        n_train: report.n_train,
        n_heldout: real.iter().map(|piece| piece.windows.len()).sum(),
        n_files: real.len(),
        sections,
    })
}

fn of_length(
    model: &Model,
    styles: &Styles,
    learned: Option<&PieceModel>,
    real: &[CorpusPiece],
    bars: usize,
    request: &PieceEvalRequest,
) -> Result<Section, EvalError> {
    let n_bars = model.kind().n_bars().max(1);
    if bars == 0 || !bars.is_multiple_of(n_bars) {
        return Err(GenerateError::Bars { found: bars, n_bars }.into());
    }
    let n_windows = bars / n_bars;
    let form = FormRequest::Auto;
    let composition = |n_candidates| Some(Composition { learned, form: &form, n_candidates });
    let near = LatentSampling::default();
    let unrelated = LatentSampling { smoothness: 0.0, ..near };
    let sets = [
        drawn(
            model,
            styles,
            "composed",
            (composition(request.n_candidates), near),
            n_windows,
            request,
        )?,
        drawn(model, styles, "without choosing", (composition(1), near), n_windows, request)?,
        drawn(model, styles, "smoothness alone", (None, near), n_windows, request)?,
        drawn(model, styles, "unrelated windows", (None, unrelated), n_windows, request)?,
        real_set(model, real, n_windows),
    ];
    let [first, others @ ..] = &sets;
    let key = format!("pieces.{bars}");
    let mut section = Section::new(&key, &format!("Whole pieces of {bars} bars"), NOTE);
    let n = first.measures.len();
    let figure = |name: &str, title: &str, unit: &str, of: &dyn Fn(&Measures) -> Option<f64>| {
        let value = first.mean(of).unwrap_or(f64::NAN);
        let mut figure = Figure::new(&format!("{key}.{name}"), title, value, unit, n);
        for other in others {
            figure = figure.beside(other.name, other.mean(of));
        }
        figure
    };
    section.push(figure("key_fit", "key fit", "share", &|m| m.key_fit).goal(0.95));
    let neither = Better::Neither;
    section.push(figure("returns", "windows that return", "share", &|m| m.returns).better(neither));
    section.push(
        figure("exact", "windows that return exactly", "share", &|m| m.exact).better(neither),
    );
    section
        .push(figure("distance", "distance of returns", "bars", &|m| m.distance).better(neither));
    section.push(figure("repetition", "repetition", "F1", &|m| m.repetition).better(neither));
    let lengths = [("short", "1 to 2 bars"), ("mid", "2 to 4 bars"), ("long", "4 bars to half")];
    for (at, (name, length)) in lengths.into_iter().enumerate() {
        let title = format!("structureness, {length}");
        let of = |m: &Measures| Some(m.structure[at]);
        section.push(figure(&format!("structure.{name}"), &title, "fitness", &of).better(neither));
    }
    if first.membership.is_some() {
        let value = first.membership.unwrap_or(f64::NAN);
        let title = "membership in the style asked for, encoded again";
        let mut figure = Figure::new(&format!("{key}.membership"), title, value, "share", n);
        for other in others {
            figure = figure.beside(other.name, other.membership);
        }
        section.push(figure);
    }
    section.push(figure("leaps", "leaps over joins", "share", &|m| m.leaps).better(Better::Lower));
    let ends = |m: &Measures| m.ending.map(|ending| f64::from(ending.is_on_tonic));
    section.push(figure("tonic", "endings on the tonic", "share", &ends).goal(0.8));
    let long = |m: &Measures| m.ending.map(|ending| f64::from(ending.is_long));
    section.push(figure("long", "endings on a long note", "share", &long));
    let at_line = |m: &Measures| m.ending.map(|ending| f64::from(ending.is_at_bar_line));
    section.push(figure("bar_line", "endings that last to the bar line", "share", &at_line));
    section.push(
        figure("empty", "empty bars", "share", &|m| Some(m.empty_bars)).better(Better::Lower),
    );
    let [.., real] = &sets;
    let auc = |set: &Set| auc_of_judge(&real.measures, &set.measures);
    if let Some(value) = auc(first) {
        let mut figure =
            Figure::new(&format!("{key}.judge"), "judge of made against real", value, "AUC", n)
                .better(Better::Lower);
        for other in others.iter().filter(|other| other.milliseconds.is_some()) {
            figure = figure.beside(other.name, auc(other));
        }
        section.push(figure);
    }
    if let Some(value) = first.milliseconds {
        let mut figure =
            Figure::new(&format!("{key}.milliseconds"), "time a piece", value, "ms", n)
                .better(Better::Lower);
        figure.timed = true;
        for other in others {
            figure = figure.beside(other.name, other.milliseconds);
        }
        section.push(if bars == 32 { figure.goal(500.0) } else { figure });
    }
    for set in &sets {
        for windows in &set.shown {
            section.rolls.push(Rolls { caption: set.name.to_owned(), windows: windows.clone() });
        }
    }
    Ok(section)
}

fn drawn(
    model: &Model,
    styles: &Styles,
    name: &'static str,
    (composition, sampling): (Option<Composition<'_>>, LatentSampling),
    n_windows: usize,
    request: &PieceEvalRequest,
) -> Result<Set, EvalError> {
    let mut largest: Vec<&Style> = styles.all().iter().filter(|style| !style.hidden).collect();
    largest.sort_by(|a, b| b.share.total_cmp(&a.share));
    largest.truncate(request.n_styles);
    let decoding = Decoding { temperature: Some(request.temperature), seed: request.seed };
    let mut set = Set::new(name);
    let (begin, n_each) = (Instant::now(), request.n_pieces.div_ceil(largest.len().max(1)));
    let mut pieces = Vec::new();
    for style in largest {
        let path = LatentPath::stationary(&styles.distribution(style))?;
        let targets = [style];
        let request = PieceRequest {
            n_windows,
            sampling,
            composition,
            filter: PieceFilter::KEEP_ALL,
            ..PieceRequest::new(&path, &targets, n_each, decoding)
        };
        pieces.extend(made(model, styles, &request)?.kept);
    }
    let n = pieces.len().max(1) as f64;
    set.milliseconds = Some(begin.elapsed().as_secs_f64() * 1000.0 / n);
    set.membership = Some(pieces.iter().map(|piece| piece.membership).sum::<f64>() / n);
    for piece in pieces {
        let windows = piece.sounding(model);
        let slots = piece.form.iter().flat_map(|form| &form.slots);
        let key: Vec<i8> = slots.map(|slot| slot.key).collect();
        set.measures.push(Measures::of(model, &piece.windows, &key, true));
        if set.shown.len() < SHOWN {
            set.shown.push(windows);
        }
    }
    Ok(set)
}

fn real_set(model: &Model, real: &[CorpusPiece], n_windows: usize) -> Set {
    let mut set = Set::new("real");
    for piece in real {
        if piece.windows.len() >= n_windows {
            let windows = &piece.windows[..n_windows];
            let key: Vec<i8> = piece.transposed.iter().take(n_windows).map(|t| -t).collect();
            let mut measures = Measures::of(model, windows, &key, false);
            if piece.has_end {
                let key: Vec<i8> = piece.transposed.iter().map(|t| -t).collect();
                measures.ending = Measures::of(model, &piece.windows, &key, true).ending;
            }
            set.measures.push(measures);
            if set.shown.len() < SHOWN {
                set.shown.push(windows.to_vec());
            }
        }
    }
    set
}
