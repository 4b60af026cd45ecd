//! `controlgen encode` and `presets`.

use controlgen::encode::encode_corpus;
use musicvae::presets as named;
use serde::Serialize;

use super::Context;
use crate::args::EncodeArgs;
use crate::output::table;

pub(super) fn encode(context: &Context, args: &EncodeArgs) -> anyhow::Result<()> {
    let model = context.model(Some(&args.model))?;
    let report = encode_corpus(&model, &args.corpus, &args.out, &context.stages)?;
    context.output.result(&report, || {
        let (train, heldout) = (report.n_train, report.n_heldout);
        vec![format!(
            "latents of {train} training and {heldout} held-out windows in {}",
            args.out.display()
        )]
    })
}

/// A preset, for JSON output.
#[derive(Serialize)]
struct PresetRow {
    name: &'static str,
    kind: &'static str,
    summary: &'static str,
    #[serde(flatten)]
    model: musicvae::NetworkConfig,
    training: musicvae::TrainingConfig,
}

pub(super) fn presets(context: &Context) -> anyhow::Result<()> {
    let rows: Vec<PresetRow> = named::of_any_form()
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
