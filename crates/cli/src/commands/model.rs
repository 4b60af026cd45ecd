//! `controlgen encode`, `fit` and `presets`.

use controlgen::attribute::AttributeVectors;
use controlgen::copy::CopyIndex;
use controlgen::encode::encode_corpus;
use controlgen::model::Model;
use controlgen::style::{FitRequest, Reference, fit as fit_styles};
use musicvae::presets as named;
use serde::Serialize;

use super::Context;
use crate::args::{EncodeArgs, FitArgs};
use crate::output::table;
use crate::progress::note;

pub(super) fn encode(context: &Context, args: &EncodeArgs) -> anyhow::Result<()> {
    let model = Model::load(&args.model, &context.device()?)?;
    let report = encode_corpus(&model, &args.corpus, &args.out, &context.stages)?;
    context.output.result(&report, || {
        let (train, heldout) = (report.n_train, report.n_heldout);
        vec![format!(
            "latents of {train} training and {heldout} held-out windows in {}",
            args.out.display()
        )]
    })
}

pub(super) fn fit(context: &Context, args: &FitArgs) -> anyhow::Result<()> {
    let model = Model::load(&args.model, &context.device()?)?;
    let request = FitRequest {
        latents: args.latents.clone(),
        corpus: args.corpus.clone(),
        n_components: args.k.clone(),
        covariance_types: args.covariance.iter().map(|c| (*c).into()).collect(),
        criterion: args.criterion.into(),
        n_init: args.n_init,
        seed: args.seed,
    };
    let summary = fit_styles(&model, &request, &context.stages)?;
    // What else stands in a model folder and rests on the same windows.
    let index = CopyIndex::make(&args.corpus, &model)?;
    let learnt = AttributeVectors::learn(&model, &Reference::load(&model)?);
    if let Err(error) = &learnt {
        // Styles don't need them, and not every model has what they are learnt from.
        note(&format!("without attributes: {error}"));
    }
    context.output.result(&summary, || {
        let mut lines = vec![format!(
            "{} styles ({:?} covariance) on {} active dimensions of {} windows; mean \
             log-likelihood {:.2} nats{}",
            summary.n_components,
            summary.covariance_type,
            summary.n_features,
            summary.n_samples,
            summary.score,
            summary.heldout_score.map_or_else(String::new, |s| format!(", {s:.2} held out")),
        )];
        lines.extend(super::style::lines(&summary.styles));
        lines.push(super::attribute::index_line(&index));
        lines
    })
}

/// A preset for programs.
#[derive(Serialize)]
struct PresetRow {
    name: &'static str,
    kind: &'static str,
    summary: &'static str,
    model: musicvae::MusicVaeConfig,
    training: musicvae::TrainingConfig,
}

pub(super) fn presets(context: &Context) -> anyhow::Result<()> {
    let rows: Vec<PresetRow> = named::all()
        .into_iter()
        .map(|preset| PresetRow {
            name: preset.name,
            kind: preset.kind,
            summary: preset.summary,
            model: preset.model,
            training: preset.training,
        })
        .collect();
    context.output.result(&rows, || {
        let mut cells = vec![["name", "of", "what"].map(str::to_owned).to_vec()];
        cells.extend(rows.iter().map(|r| [r.name, r.kind, r.summary].map(str::to_owned).to_vec()));
        table(&cells)
    })
}
