//! `controlgen generate`.

use std::collections::BTreeMap;

use controlgen::attribute::AttributeMethod;
use controlgen::generate::{
    ControlRequest, Decoding, Dropped, GenerateError, LatentSampling, PieceFilter, PieceRequest,
    Pieces, Target, pieces,
};
use controlgen::output::{CopyCheck, Sidecar};
use controlgen::style::Styles;
use note_seq::Meter;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::loading::open;
use super::writing::{Destination, Output, Writer, Written, file_name};
use crate::args::GenerateArgs;
use crate::progress::note;

/// What was written.
#[derive(Serialize)]
struct Generated {
    pieces: Vec<Written>,
    /// Attempts made.
    n_attempts: usize,
    /// Pieces dropped, by reason.
    dropped: BTreeMap<Dropped, usize>,
}

pub(super) fn generate(context: &Context, args: &GenerateArgs) -> anyhow::Result<()> {
    let session = open(context, &args.of)?;
    let (model, styles) = (session.model(), session.styles()?);
    let target = target(styles, args)?;
    let bars = args.bars.map(usize::try_from).transpose()?;
    let n_windows = target.n_windows(model, bars)?;
    let decoding = Decoding::from(&args.decoding);
    let sampling = LatentSampling {
        temperature: args.latent.latent_temperature,
        truncate: args.latent.truncate,
        smoothness: args.latent.smoothness,
    };
    let method = AttributeMethod::from(args.attribute_method);
    let shift = session.shift(&args.attribute, method)?;
    let n = usize::try_from(args.n)?;
    let options = json!({
        "style": target.name,
        "n": n,
        "bars": n_windows * model.kind().n_bars(),
        "chords": args.chords.as_deref(),
        "meter": args.meter.map(Meter::time_signature),
        "latent_temperature": sampling.temperature,
        "truncate": sampling.truncate,
        "smoothness": sampling.smoothness,
        "min_membership": args.keep.min_membership,
        "max_copy_notes": args.keep.max_copy_notes,
        "max_copy_fraction": args.keep.max_copy_fraction,
        "keep_empty": args.keep.keep_empty,
        "attributes": args.attribute.iter().map(|dial| json!(dial)).collect::<Vec<_>>(),
        "attribute_method": method,
    });
    let to = Destination {
        out: &args.out,
        title: format!("New music of {}", target.name),
        formats: &args.formats,
        playback: &args.playback,
        overwrite: context.overwrite,
        tune: None,
    };
    let mut writer = Writer::new(&session, to, ("generate", options), decoding)?;
    let request = PieceRequest {
        n_windows,
        sampling,
        shift: shift.as_deref(),
        control: ControlRequest { chords: args.chords.as_deref(), meter: args.meter },
        filter: PieceFilter {
            keep_degenerate: args.keep.keep_empty,
            min_membership: args.keep.min_membership,
            max_copy_notes: args.keep.max_copy_notes,
            max_copy_fraction: args.keep.max_copy_fraction,
            index: writer.index(),
        },
        max_attempts: args.keep.max_attempts,
        ..PieceRequest::new(&target.path, &target.styles, n, decoding)
    };
    let found = pieces(model, styles, &request)?;
    let generated = write(&mut writer, &target, found, args.decoding.seed)?;
    writer.finish()?;
    if generated.pieces.len() < n {
        note(&format!(
            "{} of {n} pieces after {} attempts; ask for less, or give more `--max-attempts`",
            generated.pieces.len(),
            generated.n_attempts,
        ));
    }
    context.output.result(&generated, || {
        let mut lines: Vec<String> = generated.pieces.iter().map(Written::line).collect();
        if !generated.dropped.is_empty() {
            let counts = generated.dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
            lines.push(format!("dropped: {}", counts.collect::<Vec<_>>().join(", ")));
        }
        lines
    })
}

fn write(
    writer: &mut Writer<'_>,
    target: &Target<'_>,
    found: Pieces,
    seed: u64,
) -> anyhow::Result<Generated> {
    let Pieces { kept, n_attempts, dropped } = found;
    let mut written = Vec::new();
    for (index, piece) in kept.into_iter().enumerate() {
        let sidecar = Sidecar {
            index,
            style: Some(target.name.clone()),
            component: target.component(),
            z: piece.z,
            membership: Some(piece.components),
            style_membership: Some(piece.membership),
            attempt: Some(piece.attempt),
            copy: writer.index().map(|_| CopyCheck { longest: piece.copy }),
            ..writer.sidecar()
        };
        let name = format!("{}-seed{seed}-{index:03}", file_name(&target.name));
        written.push(writer.write(Output { name, windows: piece.windows, sidecar })?);
    }
    Ok(Generated { pieces: written, n_attempts, dropped })
}

/// What `--style` or `--path` ask for.
fn target<'a>(styles: &'a Styles, args: &GenerateArgs) -> Result<Target<'a>, GenerateError> {
    if let Some(parts) = &args.style {
        let parts: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.weight)).collect();
        return Target::blend(styles, &parts);
    }
    let names: Vec<&str> = args.path.iter().map(|name| name.trim()).collect();
    Target::path(styles, &names)
}
