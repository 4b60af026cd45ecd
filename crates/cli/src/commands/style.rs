//! `controlgen style …`, and `controlgen fit`, which finds the styles.

mod card;
mod edit;

use std::borrow::Cow;
use std::path::PathBuf;

use controlgen::attribute::AttributeVectors;
use controlgen::copy::CopyIndex;
use controlgen::encode::encode_windows;
use controlgen::generate::{
    Decoding, LatentPath, PieceFilter, PieceRequest, StyleCheck, controls_of, pieces,
};
use controlgen::model::Model;
use controlgen::names::Names;
use controlgen::piano_roll::{Roll, RollRow, draw};
use controlgen::piece::{DEFAULT_CANDIDATES, PieceFacts, PieceModel};
use controlgen::style::{
    FitFacts, FitRequest, FitSummary, Reference, SkippedStyle, Style, Styles, fit as fit_styles,
};
use corpus::artifact::with_causes;
use serde::Serialize;

use super::Context;
use super::loading::load;
use crate::args::{DEFAULT_TEMPERATURE, DecodingArgs, FitArgs, StyleCommand, StylesArgs};
use crate::output::table;
use crate::progress::note;

/// Number of styles shown if none are given.
const LARGEST: usize = 3;

pub(super) fn run(context: &Context, command: StyleCommand) -> anyhow::Result<()> {
    match command {
        StyleCommand::List { of, all, check } => list(context, &of, all, check),
        StyleCommand::Show { styles, of, picture, thumbnails, n, decoding } => {
            let pictures = Pictures { picture, thumbnails, n, decoding };
            show(context, &styles, &of, &pictures)
        }
        StyleCommand::Add { name, files, of } => edit::add(context, &of, &name, &files),
        StyleCommand::Change(change) => edit::run(context, change),
    }
}

pub(super) fn fit(context: &Context, args: &FitArgs) -> anyhow::Result<()> {
    let model = context.model_folder(&args.model)?;
    let usual = FitRequest::new(args.latents.clone(), args.corpus.clone());
    let request = FitRequest {
        latents_of: args.latents_of.into(),
        n_components: args.k.clone().unwrap_or(usual.n_components),
        covariance_types: match &args.covariance[..] {
            [] => usual.covariance_types,
            typed => typed.to_vec(),
        },
        criterion: args.criterion.into(),
        patience: args.patience.map(usize::from),
        n_init: args.n_init.map_or(usual.n_init, usize::from),
        n_resamples: args.resamples.map_or(usual.n_resamples, usize::from),
        granularity: args.granularity.asked(),
        seed: args.seed,
        ..usual
    };
    let fitted = fit_all(context, &model, &request, None)?;
    context.output.result(&fitted.summary, || fitted.lines())
}

/// The results of a fit that are written to a model folder.
pub(super) struct Fitted {
    pub(super) summary: FitSummary,
    index: CopyIndex,
    pieces: Option<PieceFacts>,
}

/// Fits styles, and creates everything else in a model folder that is derived from the same
/// windows: the model of whole pieces, attributes, and the copy index, which also receives the
/// music of an older one.
pub(super) fn fit_all(
    context: &Context,
    model: &Model,
    request: &FitRequest,
    older: Option<CopyIndex>,
) -> anyhow::Result<Fitted> {
    let summary = fit_styles(model, request, &context.stages)?;
    let index = CopyIndex::make(&request.corpus, model, older)?;
    let styles = Styles::load(model)?;
    let (corpus, latents, stages) = (&request.corpus, &request.latents, &context.stages);
    let pieces = PieceModel::make(model, &styles, corpus, latents, request.seed, stages);
    if let Err(error) = &pieces {
        // Music of only one or two windows has no model of whole pieces.
        note(&format!("without whole pieces: {}", with_causes(error)));
    }
    let learnt = AttributeVectors::learn(model, &Reference::load(model)?);
    if let Err(error) = &learnt {
        // Styles don't need attributes, and not every model has the windows for learning them.
        note(&format!("without attributes: {error}"));
    }
    Ok(Fitted { summary, index, pieces: pieces.ok() })
}

impl Fitted {
    /// The summary for the terminal.
    pub(super) fn lines(&self) -> Vec<String> {
        let summary = &self.summary;
        let mut lines = vec![
            format!(
                "{} components ({:?} covariance) on {} active dimensions, fitted on {} of {} windows; \
                 mean log-likelihood {:.2} nats{}",
                summary.n_components,
                summary.covariance_type,
                summary.n_features,
                summary.n_fit_samples,
                summary.facts.n_samples,
                summary.score,
                summary.heldout_score.map_or_else(String::new, |s| format!(", {s:.2} held out")),
            ),
            format!("all candidates: {}", summary.chart.display()),
        ];
        lines.extend(lines_of(&summary.styles.iter().enumerate().collect::<Vec<_>>()));
        lines.extend(lines_of_facts(&summary.facts, &summary.styles));
        lines.extend(self.pieces.as_ref().map(pieces_line));
        lines.push(super::copy_index::index_line(&self.index));
        lines
    }
}

/// The model of whole pieces, in one line.
fn pieces_line(facts: &PieceFacts) -> String {
    let share = |n: usize| 100.0 * n as f64 / facts.n_windows.max(1) as f64;
    let [exact, varied] = facts.n_returning;
    let gone = match facts.n_gone {
        0 => String::new(),
        n => format!(", {n} files no longer exist"),
    };
    format!(
        "whole pieces: {} with {} windows, of which {:.1} % return and {:.1} % return varied; what \
         follows what: {} components on {} triples; {} forms{gone}",
        facts.n_pieces,
        facts.n_windows,
        share(exact),
        share(varied),
        facts.n_components,
        facts.n_triples,
        facts.n_forms,
    )
}

/// The list, for JSON output.
#[derive(Serialize)]
struct List {
    styles: Vec<Style>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<FitFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reencoding: Option<StyleCheck>,
    /// The same of windows that are chosen among several draws, as `generate` does.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<StyleCheck>,
    skipped: Vec<SkippedStyle>,
}

fn list(context: &Context, of: &StylesArgs, all: bool, check: Option<usize>) -> anyhow::Result<()> {
    let (model, styles) = load(context, of)?;
    let decoding = Decoding { temperature: Some(DEFAULT_TEMPERATURE), seed: 0 };
    let index = CopyIndex::of_model(&model)?;
    let check = |n_candidates| {
        let of = |n| StyleCheck::of(&model, &styles, index.as_ref(), (n, n_candidates), decoding);
        check.map(of).transpose()
    };
    let (reencoding, chosen) = (check(1)?, check(DEFAULT_CANDIDATES)?);
    let visible = || styles.all().iter().enumerate().filter(|(_, style)| all || !style.hidden);
    let list = List {
        styles: visible().map(|(_, style)| style.clone()).collect(),
        fit: styles.fit_facts().cloned(),
        reencoding,
        chosen,
        skipped: styles.skipped().to_vec(),
    };
    context.output.result(&list, || {
        let mut lines = lines_of(&visible().collect::<Vec<_>>());
        let n_hidden = styles.all().len() - list.styles.len();
        if n_hidden > 0 {
            lines.push(format!("{n_hidden} hidden; list them with --all"));
        }
        let facts = list.fit.as_ref().map(|facts| lines_of_facts(facts, &list.styles));
        lines.extend(facts.unwrap_or_default());
        for skipped in &list.skipped {
            lines.push(format!("left out {}: {}", skipped.path.display(), skipped.reason));
        }
        lines.extend(list.reencoding.as_ref().map(line_of_check));
        lines.extend(list.chosen.as_ref().map(line_of_check));
        lines
    })
}

/// How new windows turned out.
fn line_of_check(found: &StyleCheck) -> String {
    let each = match found.n_candidates {
        1 => "each a single draw".to_owned(),
        n => format!("each chosen among {n} draws"),
    };
    let mut line = format!(
        "of {} new windows of each style, {each}, {:.1} % are assigned to it when encoded again (by \
         chance {:.1} %)",
        found.n_per_style,
        100.0 * found.accuracy,
        100.0 * found.chance,
    );
    if let (Some(own), Some(real)) = (found.consonance, found.real_consonance) {
        line.push_str(&format!("; consonant pairs of tones {own:.3}, in real music {real:.3}"));
    }
    if let Some(share) = found.copies_of_8 {
        line.push_str(&format!("; {:.1} % copy eight notes or more in a row", 100.0 * share));
    }
    line
}

/// Styles with their numbers as a table for people; bars count from 1.
fn lines_of(styles: &[(usize, &Style)]) -> Vec<String> {
    let head = ["", "style", "share", "sounds", "nearest real music"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(styles.iter().map(|(number, style)| {
        let share = match &style.added {
            Some(added) => format!("added, {} windows", added.n_windows),
            None => format!("{:.1} %", 100.0 * style.share),
        };
        let name = format!("{}{}", style.name, if style.hidden { " (hidden)" } else { "" });
        vec![number.to_string(), name, share, card::words(style), card::nearest(style)]
    }));
    table(&rows)
}

/// Facts about a fit.
fn lines_of_facts(facts: &FitFacts, styles: &[Style]) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(stability) = facts.stability {
        lines.push(format!(
            "stability {stability:.2}: adjusted Rand index between the styles of random halves of the \
             windows (1: the same, 0: by chance)"
        ));
    }
    if let Some(n) = facts.n_pieces {
        lines.push(format!("styles are clusters of {n} pieces, each a mixture of its windows"));
    }
    // Styles that have not been renamed or hidden since.
    let is_listed = |name: &&String| styles.iter().any(|s| s.name == **name && !s.hidden);
    let small: Vec<&str> = facts.small.iter().filter(is_listed).map(String::as_str).collect();
    if !small.is_empty() {
        lines.push(format!(
            "almost empty (below 0.5 % of the windows): {}; hide or merge them, or fit fewer \
             styles",
            small.join(", ")
        ));
    }
    lines
}

/// The images to draw.
struct Pictures {
    picture: Option<PathBuf>,
    thumbnails: Option<PathBuf>,
    n: usize,
    decoding: DecodingArgs,
}

/// The styles shown.
#[derive(Serialize)]
struct Shown<'a> {
    styles: Vec<&'a Style>,
    #[serde(with = "corpus::path_text::option", skip_serializing_if = "Option::is_none")]
    picture: Option<PathBuf>,
    #[serde(with = "corpus::path_text::list", skip_serializing_if = "Vec::is_empty")]
    thumbnails: Vec<PathBuf>,
}

fn show(
    context: &Context,
    names: &[String],
    of: &StylesArgs,
    pictures: &Pictures,
) -> anyhow::Result<()> {
    let (model, styles) = load(context, of)?;
    let chosen: Vec<&Style> = if names.is_empty() {
        let mut all: Vec<&Style> = styles.all().iter().filter(|s| !s.hidden).collect();
        all.sort_by(|a, b| b.share.total_cmp(&a.share));
        all.into_iter().take(LARGEST).collect()
    } else {
        names.iter().map(|name| styles.find(name)).collect::<Result<_, _>>()?
    };
    if let Some(path) = &pictures.picture {
        context.overwrite.check(path)?;
        let picture = picture(&model, &styles, &chosen, pictures)?;
        context.overwrite.write(path, picture.as_bytes())?;
    }
    let mut thumbnails = Vec::new();
    if let Some(folder) = &pictures.thumbnails {
        let reference = Reference::load(&model)?;
        let mut names = Names::of_folder(folder);
        for style in &chosen {
            let examples = styles.examples(&reference, style);
            let row = row(&model, style.name.clone(), examples, styles.color(style));
            let name = names.free(&super::writing::file_name(&style.name));
            let path = folder.join(format!("{name}.svg"));
            context.overwrite.write(&path, draw(&[row]).as_bytes())?;
            thumbnails.push(path);
        }
    }
    let shown = Shown { styles: chosen, picture: pictures.picture.clone(), thumbnails };
    context.output.result(&shown, || {
        let mut lines: Vec<String> =
            shown.styles.iter().flat_map(|s| card::lines(s, styles.added(&s.name))).collect();
        let written = shown.picture.iter().chain(&shown.thumbnails).map(PathBuf::as_path);
        lines.extend(written.map(|path| path.display().to_string()));
        lines
    })
}

/// An image of real windows, their reconstructions, and new windows in styles.
fn picture(
    model: &Model,
    styles: &Styles,
    chosen: &[&Style],
    Pictures { n, decoding, .. }: &Pictures,
) -> anyhow::Result<String> {
    let reference = Reference::load(model)?;
    // Real windows, evenly spaced over the corpus.
    let every = (reference.rows.len() / (*n).max(1)).max(1);
    let rows = reference.rows.iter().skip(every / 2).step_by(every).take(*n);
    let real: Vec<Vec<u16>> = rows.map(|row| row.tokens.clone()).collect();
    let control = controls_of(model, real.iter().map(Vec::as_slice));
    let exact = Decoding { temperature: None, seed: decoding.seed };
    let reconstructed = exact.decode(model, &encode_windows(model, &real), &control);
    let mut picture = vec![
        row(model, "real".to_owned(), real, "#333333".into()),
        row(model, "the same, encoded and decoded".to_owned(), reconstructed, "#777777".into()),
    ];
    for style in chosen {
        let path = LatentPath::stationary(&styles.distribution(style))?;
        let targets = [*style];
        let request = PieceRequest {
            filter: PieceFilter::KEEP_ALL,
            ..PieceRequest::new(&path, &targets, *n, decoding.into())
        };
        let new = pieces(model, styles, &request)?.kept;
        let windows = new.into_iter().flat_map(|piece| piece.windows).collect();
        let caption = format!("new, of {}", style.name);
        picture.push(row(model, caption, windows, styles.color(style)));
    }
    Ok(draw(&picture))
}

fn row(
    model: &Model,
    caption: String,
    windows: Vec<Vec<u16>>,
    color: Cow<'static, str>,
) -> RollRow {
    let windows = windows.iter().map(|window| Roll::new(model.kind(), window)).collect();
    RollRow { caption, windows, color }
}
