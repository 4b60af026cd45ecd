//! `controlgen generate`.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use controlgen::generate::{
    Course, Decoding, Dropped, Keep, LatentSampling, PieceRequest, Pieces, blend, pieces,
};
use controlgen::model::Model;
use controlgen::output::{CopyCheck, Sidecar};
use controlgen::style::{Style, Styles};
use note_seq::vocabulary::STEPS_PER_BAR;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::loading::{load, shift};
use super::writing::{Output, Target, Writer, Written, file_name};
use crate::args::GenerateArgs;
use crate::progress::note;

/// Bars of a piece that moves from style to style.
const PATH_BARS: usize = 16;

/// What was written.
#[derive(Serialize)]
struct Generated {
    pieces: Vec<Written>,
    /// Attempts made.
    n_attempts: usize,
    /// Pieces dropped, by reason.
    dropped: BTreeMap<Dropped, usize>,
}

/// What is asked for, found in the model.
struct Aim<'a> {
    styles: Vec<&'a Style>,
    course: Course,
    /// As it is written in the sidecar.
    name: String,
    n_windows: usize,
}

pub(super) fn generate(context: &Context, args: &GenerateArgs) -> anyhow::Result<()> {
    let (model, styles) = load(context, &args.of)?;
    let aim = aim(&model, &styles, args)?;
    let decoding = Decoding::from(&args.decoding);
    let sampling = LatentSampling {
        temperature: args.latent.latent_temperature,
        truncate: args.latent.truncate,
        smoothness: args.latent.smoothness,
    };
    let shift = shift(&model, &args.attribute, args.attribute_method)?;
    let n = usize::try_from(args.n)?;
    let options = json!({
        "style": aim.name,
        "n": n,
        "bars": aim.n_windows * model.kind().n_steps() / STEPS_PER_BAR,
        "chords": args.chords.as_deref(),
        "latent_temperature": sampling.temperature,
        "truncate": sampling.truncate,
        "smoothness": sampling.smoothness,
        "min_membership": args.keep.min_membership,
        "max_copy": args.keep.max_copy,
        "keep_empty": args.keep.keep_empty,
        "attributes": args.attribute.iter().map(|dial| json!(dial)).collect::<Vec<_>>(),
        "attribute_method": controlgen::attribute::AttributeMethod::from(args.attribute_method),
    });
    let target = Target {
        out: &args.out,
        title: format!("New music of {}", aim.name),
        formats: &args.formats,
        playback: &args.playback,
        overwrite: context.overwrite,
        tune: None,
    };
    let mut writer = Writer::new(&model, Some(&styles), target, ("generate", options), decoding)?;
    let request = PieceRequest {
        course: &aim.course,
        aims: &aim.styles,
        n,
        n_windows: aim.n_windows,
        sampling,
        shift: shift.as_deref(),
        decoding,
        chords: args.chords.as_deref(),
        keep: Keep {
            degenerate: args.keep.keep_empty,
            min_membership: args.keep.min_membership,
            max_copy: args.keep.max_copy,
            max_copy_share: None,
            index: writer.index(),
        },
        max_attempts: args.keep.max_attempts,
    };
    let found = pieces(&model, &styles, &request)?;
    let generated = write(&mut writer, &aim, found, args.decoding.seed)?;
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
    aim: &Aim<'_>,
    found: Pieces,
    seed: u64,
) -> anyhow::Result<Generated> {
    let Pieces { kept, n_attempts, dropped } = found;
    let only = if let [style] = aim.styles[..] { style.component() } else { None };
    let mut written = Vec::new();
    for (index, piece) in kept.into_iter().enumerate() {
        let sidecar = Sidecar {
            index,
            style: Some(aim.name.clone()),
            component: only,
            z: piece.z,
            membership: Some(piece.components),
            style_membership: Some(piece.membership),
            attempt: Some(piece.attempt),
            copy: writer.index().map(|_| CopyCheck { longest: piece.copy }),
            ..writer.sidecar()
        };
        let name = format!("{}-seed{seed}-{index:03}", file_name(&aim.name));
        written.push(writer.write(Output { name, windows: piece.windows, sidecar })?);
    }
    Ok(Generated { pieces: written, n_attempts, dropped })
}

/// What `--style` or `--path` and `--bars` ask for.
fn aim<'a>(model: &Model, styles: &'a Styles, args: &GenerateArgs) -> anyhow::Result<Aim<'a>> {
    let bars_per_window = model.kind().n_steps() / STEPS_PER_BAR;
    let windows = |bars: usize| {
        if bars.is_multiple_of(bars_per_window) {
            return Ok(bars / bars_per_window);
        }
        bail!("pieces of {bars} bars can't be made of windows of {bars_per_window}");
    };
    let bars = args.bars.map(usize::try_from).transpose()?;
    if let Some(parts) = &args.style {
        let found: Vec<&Style> =
            parts.iter().map(|part| styles.find(&part.name)).collect::<Result<_, _>>()?;
        let n_windows = bars.map_or(Ok(1), windows)?;
        if let [style] = found[..] {
            let course = Course::held(&styles.distribution(style))?;
            return Ok(Aim { course, name: style.name.clone(), styles: found, n_windows });
        }
        let distributions: Vec<_> = found.iter().map(|style| styles.distribution(style)).collect();
        let weighted: Vec<_> =
            parts.iter().zip(&distributions).map(|(part, style)| (part.share, style)).collect();
        let total: f64 = parts.iter().map(|part| part.share).sum();
        let name = parts.iter().zip(&found);
        let name = name.map(|(part, style)| format!("{}:{}", style.name, part.share / total));
        let course = Course::through(&[blend(&weighted)?])?;
        let name = name.collect::<Vec<_>>().join(",");
        return Ok(Aim { styles: found, course, name, n_windows });
    }
    let found: Vec<&Style> =
        args.path.iter().map(|name| styles.find(name.trim())).collect::<Result<_, _>>()?;
    let n_windows = match bars {
        Some(bars) => windows(bars)?,
        None => (PATH_BARS / bars_per_window).max(found.len()),
    };
    if n_windows < found.len() {
        bail!("a way through {} styles needs as many windows, not {n_windows}", found.len());
    }
    let gaussians = found.iter().map(|style| styles.distribution(style).moments());
    let course = Course::through(&gaussians.collect::<Result<Vec<_>, _>>()?)
        .context("no way through these styles")?;
    let names: Vec<&str> = found.iter().map(|style| style.name.as_str()).collect();
    Ok(Aim { course, name: names.join("-to-"), styles: found, n_windows })
}
