//! `controlgen reconstruct` and `interpolate`.

use std::path::Path;

use anyhow::Context as _;
use controlgen::generate::{self as library, ControlRequest, Decoded, Decoding, End, EndSource};
use controlgen::output::Sidecar;
use controlgen::session::Session;
use controlgen::tune::TuneOptions;
use note_seq::Meter;
use note_seq::window::WindowForm;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::loading::open;
use super::writing::{Destination, Output, Writer, Written, read_tune, rows, stem, tune_options};
use crate::args::{InterpolateArgs, ReconstructArgs};
use crate::progress::{Show, note};

/// A reconstructed tune.
#[derive(Serialize)]
struct WrittenBack {
    #[serde(flatten)]
    written: Written,
    /// Fraction of steps that are equal; for note lists, the F1 score of the notes.
    accuracy: f64,
    /// The part of the tune that was used.
    tune: serde_json::Value,
}

pub(super) fn reconstruct(context: &Context, args: &ReconstructArgs) -> anyhow::Result<()> {
    let session = open(context, &args.file.of)?;
    let model = session.model();
    let tune = read_tune(context, &args.file.tune, model, TuneOptions::from(&args.taking))?;
    let decoding = Decoding::from(&args.decoding);
    let reconstruction = library::reconstruct(model, &tune, decoding)?;
    let command = ("reconstruct", tune_options(&tune));
    let name = format!("{}-reconstruction", stem(&args.file.tune));
    let title = name.clone();
    let to = Destination::of_tune(context, &args.file, &args.playback, &tune, title);
    let mut writer = Writer::new(&session, to, command, decoding)?.transposed(&args.taking, &tune);
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
        let likeness = match model.form() {
            WindowForm::Steps(_) => "of steps the same",
            WindowForm::Notes(_) => "F1 of notes",
        };
        vec![format!(
            "{}: {} windows of instrument {} ({names}), {}, {:.1} % {likeness}",
            back.written.file.display(),
            tune.windows.len(),
            numbers.join(", "),
            tune.usage.in_words(),
            100.0 * back.accuracy,
        )]
    })
}

/// An end of an interpolation, as given by the user: a style's mean, or the first window of a tune,
/// with the warnings about the tune.
fn end(
    context: &Context,
    session: &Session,
    text: &str,
    (request, seed): (ControlRequest<'_>, u64),
) -> anyhow::Result<(End, Vec<String>)> {
    if let Some(name) = text.strip_prefix("style:") {
        let style = session.styles()?.find(name)?;
        return Ok((EndSource::Style(style).end(session, request, seed)?, Vec::new()));
    }
    let model = session.model();
    let tune = read_tune(context, Path::new(text), model, TuneOptions::default())?;
    let first = tune.windows.first().context("a tune has at least one window")?;
    let mut warnings = tune.warnings.clone();
    if let [first, _, ..] = tune.windows.as_slice() {
        let n_bars = model.kind().n_bars();
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
    Ok((EndSource::Window(&first.tokens).end(session, request, seed)?, warnings.collect()))
}

pub(super) fn interpolate(context: &Context, args: &InterpolateArgs) -> anyhow::Result<()> {
    let session = open(context, &args.of)?;
    let model = session.model();
    let decoding = Decoding::from(&args.decoding);
    let is_grid = !args.corners.is_empty();
    let names = if is_grid { &args.corners } else { &args.ends };
    let request = args.control.request();
    let read = |name: &String| end(context, &session, name, (request, decoding.seed));
    let found: Vec<(End, Vec<String>)> = names.iter().map(read).collect::<Result<_, _>>()?;
    let warnings: Vec<String> = found.iter().flat_map(|(_, warnings)| warnings.clone()).collect();
    // The meter or chords of the first one.
    let control = found.first().map(|(end, _)| end.control.clone()).unwrap_or_default();
    let ends: Vec<Vec<f32>> = found.into_iter().map(|(end, _)| end.z).collect();
    let interpolation = args.interpolation.into();
    let latents = match &ends[..] {
        [a, b, c, d] if is_grid => library::grid([a, b, c, d], args.size, interpolation)?,
        ends => library::interpolate(ends, args.steps, interpolation)?,
    };
    let stops = library::decode_all(model, latents, &control, decoding)?;
    let mut options = json!({
        "ends": names,
        "interpolation": interpolation,
        "chords": request.chords,
        "meter": request.meter.map(Meter::time_signature),
    });
    let row = if is_grid { args.size } else { stops.len() };
    options[if is_grid { "size" } else { "steps" }] = row.into();
    let to = Destination {
        out: &args.out,
        title: format!("Between {}", names.join(", ")),
        formats: &args.formats,
        playback: &args.playback,
        overwrite: context.overwrite,
        tune: None,
    };
    let mut writer = Writer::new(&session, to, ("interpolate", options), decoding)?;
    let mut written = Vec::new();
    for (index, Decoded { z, tokens }) in stops.iter().enumerate() {
        let name = if is_grid {
            format!("grid-{:02}-{:02}", index / row, index % row)
        } else {
            format!("interpolation-{index:03}")
        };
        let z = vec![z.clone()];
        let sidecar = Sidecar { index, z, warnings: warnings.clone(), ..writer.sidecar() };
        written.push(writer.write(Output { name, windows: vec![tokens.clone()], sidecar })?);
    }
    // The whole interpolation as one piece, or each row of the grid.
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
