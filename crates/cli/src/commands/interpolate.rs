//! `controlgen reconstruct` and `interpolate`.

use std::path::Path;

use anyhow::Context as _;
use controlgen::generate::{self as library, Decoding, Waypoint};
use controlgen::model::Model;
use controlgen::output::Sidecar;
use controlgen::style::Styles;
use controlgen::tune::TuneOptions;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::writing::{Output, Target, Writer, Written, read_tune, rows, stem, tune_options};
use crate::args::{InterpolateArgs, ReconstructArgs};

/// A tune that was written back.
#[derive(Serialize)]
struct WrittenBack {
    #[serde(flatten)]
    written: Written,
    /// Share of steps that are the same.
    accuracy: f64,
}

pub(super) fn reconstruct(context: &Context, args: &ReconstructArgs) -> anyhow::Result<()> {
    let (model, styles) = super::style::load_if_any(context, &args.of)?;
    let tune = read_tune(context, &args.tune, &model, TuneOptions::from(&args.taking))?;
    let decoding = Decoding::from(&args.decoding);
    let reconstruction = library::reconstruct(&model, &tune, decoding)?;
    let command = ("reconstruct", tune_options(&tune));
    let name = format!("{}-reconstruction", stem(&args.tune));
    let target = Target {
        out: &args.out,
        title: name.clone(),
        formats: &args.formats,
        playback: &args.playback,
        tune: Some(&tune),
    };
    let mut writer = Writer::new(&model, styles.as_ref(), target, command, decoding)?
        .transposed(&args.taking, &tune);
    let sidecar = Sidecar {
        z: rows(&reconstruction.z, model.z_size()),
        warnings: tune.warnings.clone(),
        ..writer.sidecar()
    };
    let original = writer.music(&tune.window_tokens(), writer.playback());
    let music = writer.music(&reconstruction.windows, writer.playback());
    let output = Output { name, windows: reconstruction.windows, sidecar };
    let written = writer.write_music(output, &music, &[("original", &original)])?;
    writer.finish()?;
    let back = WrittenBack { written, accuracy: reconstruction.accuracy };
    context.output.result(&back, || {
        let numbers: Vec<String> = tune.instruments.iter().map(u32::to_string).collect();
        let names = match tune.instrument_names.as_slice() {
            [] => "without a name".to_owned(),
            names => names.join(", "),
        };
        vec![format!(
            "{}: {} windows of instrument {} ({names}), {:.1} % of steps the same",
            back.written.file.display(),
            tune.windows.len(),
            numbers.join(", "),
            100.0 * back.accuracy,
        )]
    })
}

/// The latent at an end of a way: a style's mean, or a tune's first window.
fn end(
    context: &Context,
    (model, styles): (&Model, Option<&Styles>),
    text: &str,
) -> anyhow::Result<Vec<f32>> {
    if let Some(name) = text.strip_prefix("style:") {
        let styles = styles.context("the model has no styles; fit them with `controlgen fit`")?;
        let style = styles.find(name)?;
        let mut z = vec![0.0; model.z_size()];
        let moments = styles.distribution(style).moments()?;
        for (dimension, value) in model.config().active_dimensions.iter().zip(moments.mean()) {
            z[*dimension] = *value as f32;
        }
        return Ok(z);
    }
    let tune = read_tune(context, Path::new(text), model, TuneOptions::default())?;
    let first = tune.windows.first().context("a tune has at least one window")?;
    Ok(library::encode(model, std::slice::from_ref(&first.tokens)))
}

pub(super) fn interpolate(context: &Context, args: &InterpolateArgs) -> anyhow::Result<()> {
    let (model, styles) = super::style::load_if_any(context, &args.of)?;
    let decoding = Decoding::from(&args.decoding);
    let is_grid = !args.corners.is_empty();
    let names = if is_grid { &args.corners } else { &args.ends };
    let ends: Vec<Vec<f32>> = names
        .iter()
        .map(|name| end(context, (&model, styles.as_ref()), name))
        .collect::<Result<_, _>>()?;
    let control = library::control(&model, 1, args.chords.as_deref(), decoding.seed)?;
    let joining = args.joining.into();
    let latents = match &ends[..] {
        [a, b, c, d] if is_grid => library::grid([a, b, c, d], args.size, joining)?,
        ends => library::way(ends, args.steps, joining)?,
    };
    let stops = library::decode_all(&model, latents, &control, decoding)?;
    let mut options = json!({
        "ends": names,
        "joining": joining,
        "chords": args.chords.as_deref(),
    });
    let row = if is_grid { args.size } else { stops.len() };
    options[if is_grid { "size" } else { "steps" }] = row.into();
    let target = Target {
        out: &args.out,
        title: format!("Between {}", names.join(", ")),
        formats: &args.formats,
        playback: &args.playback,
        tune: None,
    };
    let mut writer =
        Writer::new(&model, styles.as_ref(), target, ("interpolate", options), decoding)?;
    let mut written = Vec::new();
    for (index, Waypoint { z, tokens }) in stops.iter().enumerate() {
        let name = if is_grid {
            format!("grid-{:02}-{:02}", index / row, index % row)
        } else {
            format!("interpolation-{index:03}")
        };
        let sidecar = Sidecar { index, z: vec![z.clone()], ..writer.sidecar() };
        written.push(writer.write(Output { name, windows: vec![tokens.clone()], sidecar })?);
    }
    // Each way as one piece, to listen to: the whole of it, or a row of the grid.
    for (number, stops) in stops.chunks(row).enumerate() {
        let name =
            if is_grid { format!("grid-row-{number:02}") } else { "interpolation".to_owned() };
        let z = stops.iter().map(|at| at.z.clone()).collect();
        let sidecar = Sidecar { index: written.len(), z, ..writer.sidecar() };
        let windows = stops.iter().map(|at| at.tokens.clone()).collect();
        written.push(writer.write(Output { name, windows, sidecar })?);
    }
    writer.finish()?;
    context.output.result(&written, || written.iter().map(Written::line).collect())
}
