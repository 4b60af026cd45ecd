//! `controlgen reconstruct` and `interpolate`.

use std::path::Path;

use anyhow::Context as _;
use controlgen::generate::{self as library, Decoding, Waypoint};
use controlgen::model::Model;
use controlgen::output::Sidecar;
use controlgen::style::Styles;
use controlgen::tune::TuneOptions;
use note_seq::vocabulary::STEPS_PER_BAR;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::writing::{Output, Target, Writer, Written, read_tune, rows, stem, tune_options};
use crate::args::{InterpolateArgs, ReconstructArgs};
use crate::progress::{Show, note};

/// A tune that was written back.
#[derive(Serialize)]
struct WrittenBack {
    #[serde(flatten)]
    written: Written,
    /// Share of steps that are the same.
    accuracy: f64,
    /// What was taken of the tune.
    tune: serde_json::Value,
}

pub(super) fn reconstruct(context: &Context, args: &ReconstructArgs) -> anyhow::Result<()> {
    let (model, styles) = super::loading::load_if_any(context, &args.of)?;
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
        overwrite: context.overwrite,
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
    let accuracy = reconstruction.accuracy;
    let back = WrittenBack { written, accuracy, tune: tune_options(&tune) };
    context.output.result(&back, || {
        let numbers: Vec<String> = tune.instruments.iter().map(u32::to_string).collect();
        let names = match tune.instrument_names.as_slice() {
            [] => "without a name".to_owned(),
            names => names.join(", "),
        };
        vec![format!(
            "{}: {} windows of instrument {} ({names}), {}, {:.1} % of steps the same",
            back.written.file.display(),
            tune.windows.len(),
            numbers.join(", "),
            tune.usage.in_words(),
            100.0 * back.accuracy,
        )]
    })
}

/// An end of a way.
struct End {
    z: Vec<f32>,
    /// What a user should know of the tune it is of.
    warnings: Vec<String>,
}

/// The latent at an end of a way: a style's mean, or a tune's first window.
fn end(
    context: &Context,
    (model, styles): (&Model, Option<&Styles>),
    text: &str,
) -> anyhow::Result<End> {
    if let Some(name) = text.strip_prefix("style:") {
        let styles = styles.context("the model has no styles; fit them with `controlgen fit`")?;
        let style = styles.find(name)?;
        let mut z = vec![0.0; model.z_size()];
        let moments = styles.distribution(style).moments()?;
        for (dimension, value) in model.config().active_dimensions.iter().zip(moments.mean()) {
            z[*dimension] = *value as f32;
        }
        return Ok(End { z, warnings: Vec::new() });
    }
    let tune = read_tune(context, Path::new(text), model, TuneOptions::default())?;
    let first = tune.windows.first().context("a tune has at least one window")?;
    let mut warnings = tune.warnings.clone();
    if let [first, _, ..] = tune.windows.as_slice() {
        let n_bars = model.kind().n_steps() / STEPS_PER_BAR;
        let only = format!(
            "an end is one window: the first of {} was taken, {n_bars} bars from bar {} on",
            tune.windows.len(),
            first.start_bar + 1,
        );
        if context.show != Show::Nothing {
            note(&format!("{}: {only}", tune.source));
        }
        warnings.push(only);
    }
    let warnings = warnings.into_iter().map(|warning| format!("{}: {warning}", tune.source));
    let z = controlgen::encode::encode_windows(model, std::slice::from_ref(&first.tokens));
    Ok(End { z, warnings: warnings.collect() })
}

pub(super) fn interpolate(context: &Context, args: &InterpolateArgs) -> anyhow::Result<()> {
    let (model, styles) = super::loading::load_if_any(context, &args.of)?;
    let decoding = Decoding::from(&args.decoding);
    let is_grid = !args.corners.is_empty();
    let names = if is_grid { &args.corners } else { &args.ends };
    let found: Vec<End> = names
        .iter()
        .map(|name| end(context, (&model, styles.as_ref()), name))
        .collect::<Result<_, _>>()?;
    let warnings: Vec<String> = found.iter().flat_map(|end| end.warnings.clone()).collect();
    let ends: Vec<Vec<f32>> = found.into_iter().map(|end| end.z).collect();
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
        overwrite: context.overwrite,
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
        let z = vec![z.clone()];
        let sidecar = Sidecar { index, z, warnings: warnings.clone(), ..writer.sidecar() };
        written.push(writer.write(Output { name, windows: vec![tokens.clone()], sidecar })?);
    }
    // Each way as one piece, to listen to: the whole of it, or a row of the grid.
    for (number, stops) in stops.chunks(row).enumerate() {
        let name =
            if is_grid { format!("grid-row-{number:02}") } else { "interpolation".to_owned() };
        let z = stops.iter().map(|at| at.z.clone()).collect();
        let (index, warnings) = (written.len(), warnings.clone());
        let sidecar = Sidecar { index, z, warnings, ..writer.sidecar() };
        let windows = stops.iter().map(|at| at.tokens.clone()).collect();
        written.push(writer.write(Output { name, windows, sidecar })?);
    }
    writer.finish()?;
    context.output.result(&written, || written.iter().map(Written::line).collect())
}
