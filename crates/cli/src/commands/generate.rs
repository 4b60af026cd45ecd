//! `controlgen generate`, `reconstruct` and `interpolate`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use controlgen::generate::{self as library, Decoding, Waypoint};
use controlgen::model::Model;
use controlgen::output::{Sidecar, write_output};
use controlgen::style::Styles;
use controlgen::tune::Tune;
use note_seq::Playback;
use serde::Serialize;

use super::Context;
use crate::args::{GenerateArgs, InterpolateArgs, PlaybackArgs, ReconstructArgs};

/// One written piece.
#[derive(Serialize)]
struct Written {
    file: PathBuf,
    /// The component it falls into after encoding it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<usize>,
    /// How surely it belongs to the style it was asked of.
    #[serde(skip_serializing_if = "Option::is_none")]
    membership: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
}

/// The parts of a sidecar that a command's outputs share.
fn sidecar(
    model: &Model,
    command: &str,
    options: serde_json::Value,
    decoding: Decoding,
) -> Sidecar {
    Sidecar {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        model_hash: model.hash().to_owned(),
        command: command.to_owned(),
        options,
        seed: decoding.seed,
        index: 0,
        style: None,
        component: None,
        z: Vec::new(),
        temperature: decoding.temperature,
        membership: None,
        warnings: Vec::new(),
    }
}

fn playback_options(playback: &PlaybackArgs) -> serde_json::Value {
    serde_json::json!({ "qpm": playback.qpm, "program": playback.program })
}

pub(super) fn generate(context: &Context, args: &GenerateArgs) -> anyhow::Result<()> {
    let (model, styles) = super::style::load(context, &args.of)?;
    let style = styles.find(&args.style)?;
    let decoding = Decoding::from(&args.decoding);
    let n = usize::try_from(args.n)?;
    let generated = library::generate(&model, &styles, style, n, args.chords.as_deref(), decoding)?;
    let mut options = playback_options(&args.playback);
    options["style"] = args.style.clone().into();
    options["n"] = n.into();
    options["chords"] = args.chords.as_deref().into();
    let shared = sidecar(&model, "generate", options, decoding);
    let playback = Playback::from(&args.playback);
    let mut written = Vec::new();
    for (index, window) in generated.into_iter().enumerate() {
        let sequence = model.kind().to_sequence([&window.tokens[..]], &playback);
        let mut warnings = Vec::new();
        if sequence.notes.is_empty() {
            warnings.push("no note in it; try another seed or a lower temperature".to_owned());
        }
        let component = window.component();
        let membership = Some(window.in_style);
        let sidecar = Sidecar {
            index,
            style: Some(style.name.clone()),
            component: style.component(),
            z: vec![window.z],
            membership: Some(window.membership),
            warnings,
            ..shared.clone()
        };
        let name = format!("{}-seed{}-{index:03}", file_name(&style.name), args.decoding.seed);
        let file = write_output(&args.out, &name, &sequence, &sidecar)?;
        written.push(Written { file, component, membership, accuracy: None });
    }
    context.output.result(&written, || {
        let line = |w: &Written| {
            format!("{}  membership {:.2}", w.file.display(), w.membership.unwrap_or(0.0))
        };
        written.iter().map(line).collect()
    })
}

/// A style's name as part of a file's name.
pub(super) fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
    name.chars().map(plain).collect()
}

/// The name of what comes from a tune.
fn stem(path: &Path) -> String {
    match path.file_stem() {
        Some(stem) if path != Path::new("-") => stem.to_string_lossy().into_owned(),
        _ => "tune".to_owned(),
    }
}

pub(super) fn reconstruct(context: &Context, args: &ReconstructArgs) -> anyhow::Result<()> {
    let model = Model::load(&args.model, &context.device()?)?;
    let tune = Tune::read(&args.tune, model.kind())?;
    let decoding = Decoding::from(&args.decoding);
    let reconstruction = library::reconstruct(&model, &tune, decoding)?;
    let mut options = playback_options(&args.playback);
    options["tune"] = tune.source.clone().into();
    options["instruments"] = tune.instruments.clone().into();
    let sidecar = Sidecar {
        z: reconstruction.z.chunks_exact(model.z_size()).map(<[f32]>::to_vec).collect(),
        ..sidecar(&model, "reconstruct", options, decoding)
    };
    let playback = Playback::from(&args.playback);
    let windows = reconstruction.windows.iter().map(Vec::as_slice);
    let sequence = model.kind().to_sequence(windows, &playback);
    let name = format!("{}-reconstruction", stem(&args.tune));
    let file = write_output(&args.out, &name, &sequence, &sidecar)?;
    let accuracy = reconstruction.accuracy;
    let written = Written { file, component: None, membership: None, accuracy: Some(accuracy) };
    context.output.result(&written, || {
        let numbers: Vec<String> = tune.instruments.iter().map(u32::to_string).collect();
        let names = match tune.instrument_names.as_slice() {
            [] => "without a name".to_owned(),
            names => names.join(", "),
        };
        vec![format!(
            "{}: {} windows of instrument {} ({names}), {:.1} % of steps the same",
            written.file.display(),
            tune.windows.len(),
            numbers.join(", "),
            100.0 * accuracy,
        )]
    })
}

/// The latent at one end of an interpolation: a style's mean, or a tune's first window.
fn end(model: &Model, text: &str) -> anyhow::Result<Vec<f32>> {
    if let Some(name) = text.strip_prefix("style:") {
        let styles = Styles::load(model)?;
        let style = styles.find(name)?;
        let mut z = vec![0.0; model.z_size()];
        let moments = styles.distribution(style).moments()?;
        let mean = moments.mean();
        for (dimension, value) in model.config().active_dimensions.iter().zip(mean) {
            z[*dimension] = *value as f32;
        }
        return Ok(z);
    }
    let tune = Tune::read(Path::new(text), model.kind())?;
    let first = tune.windows.first().context("a tune has at least one window")?;
    Ok(library::encode(model, std::slice::from_ref(&first.tokens)))
}

pub(super) fn interpolate(context: &Context, args: &InterpolateArgs) -> anyhow::Result<()> {
    let model = Model::load(&args.model, &context.device()?)?;
    let decoding = Decoding::from(&args.decoding);
    let (from, to) = (end(&model, &args.from)?, end(&model, &args.to)?);
    let control = library::control(&model, 1, args.chords.as_deref(), decoding.seed)?;
    let way = library::interpolate(&model, &from, &to, args.steps, &control, decoding)?;
    let mut options = playback_options(&args.playback);
    options["from"] = args.from.clone().into();
    options["to"] = args.to.clone().into();
    options["steps"] = args.steps.into();
    options["chords"] = args.chords.as_deref().into();
    let shared = sidecar(&model, "interpolate", options, decoding);
    let playback = Playback::from(&args.playback);
    let mut written = Vec::new();
    for (index, Waypoint { z, tokens }) in way.iter().enumerate() {
        let sequence = model.kind().to_sequence([&tokens[..]], &playback);
        let sidecar = Sidecar { index, z: vec![z.clone()], ..shared.clone() };
        let name = format!("interpolation-{index:03}");
        written.push(write_output(&args.out, &name, &sequence, &sidecar)?);
    }
    // The whole way as one piece, to listen to.
    let all = model.kind().to_sequence(way.iter().map(|at| &at.tokens[..]), &playback);
    let z = way.iter().map(|at| at.z.clone()).collect();
    let sidecar = Sidecar { index: way.len(), z, ..shared };
    written.push(write_output(&args.out, "interpolation", &all, &sidecar)?);
    context
        .output
        .result(&written, || written.iter().map(|file| file.display().to_string()).collect())
}
