//! `controlgen attribute …`.

use std::path::Path;

use controlgen::attribute::{
    AttributeMethod, AttributeVectors, DIALS, DialReport, DialRequest, dial_report,
};
use controlgen::encode::encode_windows;
use controlgen::generate::{Decoding, controls_of};
use controlgen::model::Model;
use controlgen::output::Sidecar;
use controlgen::session::Session;
use controlgen::style::Reference;
use controlgen::tune::TuneOptions;
use models::model_folder;
use note_seq::window::WindowForm;
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::loading::open;
use super::writing::{Destination, Output, Writer, read_tune, rows, stem, tune_options};
use crate::args::{AttributeApplyArgs, AttributeCommand};
use crate::output::table;

pub(super) fn run(context: &Context, command: AttributeCommand) -> anyhow::Result<()> {
    match command {
        AttributeCommand::List { model, check } => list(context, model.as_deref(), check),
        AttributeCommand::Learn { model } => {
            let model = context.model_folder(&model)?;
            let learnt = AttributeVectors::learn(&model, &Reference::load(&model)?)?;
            context.output.result(&learnt, || lines(&learnt, model.form()))
        }
        AttributeCommand::Apply(args) => apply(context, &args),
    }
}

/// The attributes, for JSON output.
#[derive(Serialize)]
struct List<'a> {
    attributes: &'a AttributeVectors,
    /// The effect of each attribute, by method.
    checks: Vec<DialReport>,
}

fn list(context: &Context, folder: Option<&Path>, check: Option<usize>) -> anyhow::Result<()> {
    let session = Session::open(&model_folder(folder)?, &context.device()?)?;
    let (model, attributes) = (session.model(), session.attributes()?);
    let mut checks = Vec::new();
    if let Some(n) = check {
        let reference = session.reference()?;
        for vector in &attributes.vectors {
            for method in [AttributeMethod::Regression, AttributeMethod::Quartile] {
                let request = DialRequest {
                    attribute: vector.attribute,
                    method,
                    dials: &DIALS,
                    n,
                    decoding: Decoding { temperature: None, seed: 0 },
                };
                checks.push(dial_report(model, reference, attributes, &request)?);
            }
        }
    }
    let list = List { attributes, checks };
    context.output.result(&list, || {
        let mut lines = lines(list.attributes, model.form());
        lines.extend(check_lines(&list.checks));
        lines
    })
}

/// Attributes as a table for the terminal.
fn lines(attributes: &AttributeVectors, form: &WindowForm) -> Vec<String> {
    let head = ["attribute", "unit", "mean", "std. deviation", "explained by latents"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    cells.extend(attributes.vectors.iter().map(|v| {
        vec![
            v.attribute.name().to_owned(),
            v.attribute.unit(form).to_owned(),
            format!("{:.2}", v.mean),
            format!("{:.2}", v.std_dev),
            format!("{:.0} %", 100.0 * v.r_squared),
        ]
    }));
    let mut lines = table(&cells);
    lines.push(format!("learned from {} windows", attributes.n_windows));
    lines.extend(
        attributes.unlearnt.iter().map(|u| format!("not {}: {}", u.attribute.name(), u.why)),
    );
    lines
}

fn check_lines(checks: &[DialReport]) -> Vec<String> {
    if checks.is_empty() {
        return Vec::new();
    }
    let head = ["attribute", "method", "Spearman", "slope", "other attributes that change"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for check in checks {
        let mut others: Vec<_> = check.others.iter().filter(|o| o.slope.abs() >= 0.1).collect();
        others.sort_by(|a, b| b.slope.abs().total_cmp(&a.slope.abs()));
        let others = others.iter().map(|o| format!("{} {:+.2}", o.attribute.name(), o.slope));
        let method = match check.method {
            AttributeMethod::Regression => "regression",
            AttributeMethod::Quartile => "quartile",
        };
        cells.push(vec![
            check.attribute.name().to_owned(),
            method.to_owned(),
            format!("{:.3}", check.spearman),
            format!("{:+.2}", check.slope),
            others.collect::<Vec<_>>().join(", "),
        ]);
    }
    table(&cells)
}

/// A tune with shifted attributes.
#[derive(Serialize)]
struct Turned {
    #[serde(flatten)]
    written: super::writing::Written,
    /// Attributes before and after, mean over the windows.
    measured: Vec<Measured>,
    /// The part of the tune that was used.
    tune: serde_json::Value,
}

/// An attribute before and after.
#[derive(Serialize)]
struct Measured {
    attribute: controlgen::attribute::Attribute,
    before: Option<f64>,
    after: Option<f64>,
}

fn apply(context: &Context, args: &AttributeApplyArgs) -> anyhow::Result<()> {
    let session = open(context, &args.file.of)?;
    let model = session.model();
    let tune = read_tune(context, &args.file.tune, model, TuneOptions::from(&args.taking))?;
    let decoding = Decoding::from(&args.decoding).check()?;
    let windows = tune.window_tokens();
    let mut z = encode_windows(model, &windows);
    let method = AttributeMethod::from(args.attribute_method);
    if let Some(shift) = session.shift(&args.attribute, method)? {
        model.latent_space().shift(&shift, &mut z);
    }
    let control = controls_of(model, windows.iter().map(Vec::as_slice));
    let turned = decoding.decode(model, &z, &control);
    let measured = args
        .attribute
        .iter()
        .map(|dial| Measured {
            attribute: dial.attribute,
            before: mean(model, dial.attribute, &windows),
            after: mean(model, dial.attribute, &turned),
        })
        .collect();
    let mut options = tune_options(&tune);
    options["attributes"] = json!(args.attribute);
    options["attribute_method"] = json!(method);
    let title = format!("{}, turned", stem(&args.file.tune));
    let to = Destination::of_tune(context, &args.file, &args.playback, &tune, title);
    let command = ("attribute apply", options);
    let mut writer = Writer::new(&session, to, command, decoding)?.transposed(&args.taking, &tune);
    let z = rows(&z, model.z_size());
    let sidecar = Sidecar { z, warnings: tune.warnings.clone(), ..writer.sidecar() };
    let name = format!("{}-turned", stem(&args.file.tune));
    let original = writer.music(&windows, writer.playback());
    let music = writer.music(&turned, writer.playback());
    let output = Output { name, windows: turned, sidecar };
    let written = writer.write_music(output, &music, &[("original", &original)])?;
    writer.finish()?;
    let turned = Turned { written, measured, tune: tune_options(&tune) };
    context.output.result(&turned, || {
        let number = |n: Option<f64>| n.map_or("-".to_owned(), |n| format!("{n:.2}"));
        let mut lines = vec![turned.written.line()];
        lines.extend(turned.measured.iter().map(|m| {
            let (name, unit) = (m.attribute.name(), m.attribute.unit(model.form()));
            format!("{name}: {} before, {} after ({unit})", number(m.before), number(m.after))
        }));
        lines.push(format!("of the tune, {}", tune.usage.in_words()));
        lines
    })
}

/// The mean of an attribute over the windows that have it.
fn mean(
    model: &Model,
    attribute: controlgen::attribute::Attribute,
    windows: &[Vec<u16>],
) -> Option<f64> {
    let form = model.form();
    let values: Vec<f64> =
        windows.iter().filter_map(|window| attribute.measure(form, window)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
