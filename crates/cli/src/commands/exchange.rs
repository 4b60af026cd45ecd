//! `controlgen import-magenta`, `export-torch` and `halve`: import, export and conversion of
//! models.

use controlgen::import::{self, ImportRequest};
use corpus::path_text;
use musicvae::NetworkConfig;
use serde_json::json;

use super::Context;
use crate::args::{ExportTorchArgs, HalveArgs, ImportMagentaArgs};

pub(super) fn import_magenta(context: &Context, args: &ImportMagentaArgs) -> anyhow::Result<()> {
    let request = ImportRequest {
        source: args.checkpoint.clone(),
        out: args.out.clone(),
        std_dev: args.std_dev,
        corpus: args.corpus.clone(),
    };
    let outcome = import::import_magenta(&request, &context.device()?)?;
    context.output.result(&outcome, || {
        let sizes = &outcome.musicvae;
        let mut lines = vec![format!(
            "model of kind {} in {}: encoder {:?}, decoder {:?}, {} of {} latent dimensions active",
            outcome.kind,
            outcome.model.display(),
            sizes.encoder_sizes,
            sizes.decoder_sizes,
            outcome.n_active,
            sizes.z_size,
        )];
        if args.corpus.is_none() {
            lines.push(
                "all dimensions count as active; give `--corpus` to find those that carry \
                 information before styles are fitted"
                    .to_owned(),
            );
        }
        lines
    })
}

pub(super) fn export_torch(context: &Context, args: &ExportTorchArgs) -> anyhow::Result<()> {
    let model = context.model(Some(&args.model))?;
    import::export_torch(&model, &args.out)?;
    let script = match model.config().network {
        NetworkConfig::Steps(_) => "musicvae_torch.py",
        NetworkConfig::Notes(_) => "note_list_torch.py",
    };
    context.output.result(
        &json!({ "file": path_text::of(&args.out), "model_hash": model.hash() }),
        || {
            let out = args.out.display();
            vec![format!("state dict in {out}; `crates/musicvae/docs/{script}` loads it")]
        },
    )
}

pub(super) fn halve(context: &Context, args: &HalveArgs) -> anyhow::Result<()> {
    let model = context.model(Some(&args.model))?;
    import::halve(&model, &args.out, &context.device()?)?;
    context.output.result(&json!({ "model": path_text::of(&args.out) }), || {
        vec![format!(
            "model in {}; make its styles with `controlgen encode` and `fit`",
            args.out.display()
        )]
    })
}
