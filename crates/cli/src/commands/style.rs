//! `controlgen style …`

use std::path::Path;

use controlgen::artifact::write_atomic;
use controlgen::generate::{Decoding, FallBack, controls_of, encode, fall_back, generate};
use controlgen::model::Model;
use controlgen::piano_roll::{Roll, RollRow, STYLE_COLORS, draw};
use controlgen::style::{Reference, Style, Styles};
use serde::Serialize;

use super::Context;
use crate::args::{DEFAULT_TEMPERATURE, DecodingArgs, StyleCommand};
use crate::output::table;

pub(super) fn run(context: &Context, command: StyleCommand) -> anyhow::Result<()> {
    match command {
        StyleCommand::List { model, check } => list(context, &model, check),
        StyleCommand::Show { styles, model, picture, n, decoding } => {
            show(context, &styles, &model, &picture, n, &decoding)
        }
    }
}

/// The list for programs.
#[derive(Serialize)]
struct List {
    styles: Vec<Style>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fall_back: Option<FallBack>,
}

fn list(context: &Context, folder: &Path, check: Option<usize>) -> anyhow::Result<()> {
    let model = Model::load(folder, &context.device()?)?;
    let styles = Styles::load(&model)?;
    let decoding = Decoding { temperature: Some(DEFAULT_TEMPERATURE), seed: 0 };
    let fall_back = match check {
        Some(n) => Some(fall_back(&model, &styles, n, decoding)?),
        None => None,
    };
    let visible = styles.all().iter().filter(|s| !s.hidden).cloned().collect();
    let list = List { styles: visible, fall_back };
    context.output.result(&list, || {
        let mut lines = lines(&list.styles);
        if let Some(found) = &list.fall_back {
            lines.push(format!(
                "of {} new windows of each style, {:.1} % fall back into it when encoded again \
                 (by chance {:.1} %)",
                found.n_per_style,
                100.0 * found.share,
                100.0 * found.chance,
            ));
        }
        lines
    })
}

/// Styles as a table for people; bars count from 1.
pub(super) fn lines(styles: &[Style]) -> Vec<String> {
    let mut rows = vec![["style", "share", "nearest real music"].map(str::to_owned).to_vec()];
    rows.extend(styles.iter().map(|style| {
        let nearest: Vec<String> = style
            .nearest
            .iter()
            .map(|source| format!("{} bar {}", source.file, source.start_bar + 1))
            .collect();
        let share = format!("{:.1} %", 100.0 * style.share);
        vec![style.name.clone(), share, nearest.join("; ")]
    }));
    table(&rows)
}

/// What was drawn.
#[derive(Serialize)]
struct Shown<'a> {
    picture: &'a Path,
    styles: Vec<String>,
}

fn show(
    context: &Context,
    names: &[String],
    folder: &Path,
    picture: &Path,
    n: usize,
    decoding: &DecodingArgs,
) -> anyhow::Result<()> {
    let model = Model::load(folder, &context.device()?)?;
    let styles = Styles::load(&model)?;
    let reference = Reference::load(&model)?;
    let chosen: Vec<&Style> = if names.is_empty() {
        let mut all: Vec<&Style> = styles.all().iter().filter(|s| !s.hidden).collect();
        all.sort_by(|a, b| b.share.total_cmp(&a.share));
        all.into_iter().take(3).collect()
    } else {
        names.iter().map(|name| styles.find(name)).collect::<Result<_, _>>()?
    };
    // Real windows from all over the corpus.
    let every = (reference.rows.len() / n.max(1)).max(1);
    let rows = reference.rows.iter().skip(every / 2).step_by(every).take(n);
    let real: Vec<Vec<u16>> = rows.map(|row| row.tokens.clone()).collect();
    let control = controls_of(&model, real.iter().map(Vec::as_slice));
    let exact = Decoding { temperature: None, seed: decoding.seed };
    let reconstructed = exact.decode(&model, &encode(&model, &real), &control);
    let row = |caption: String, windows: Vec<Vec<u16>>, color| {
        let windows = windows.iter().map(|window| Roll::new(model.kind(), window)).collect();
        RollRow { caption, windows, color }
    };
    let mut picture_rows = vec![
        row("real".to_owned(), real, "#333333"),
        row("the same, encoded and decoded".to_owned(), reconstructed, "#777777"),
    ];
    for (number, style) in chosen.iter().enumerate() {
        let generated = generate(&model, &styles, style, n, None, decoding.into())?;
        let windows = generated.into_iter().map(|window| window.tokens).collect();
        let color = STYLE_COLORS[style.component().unwrap_or(number) % STYLE_COLORS.len()];
        picture_rows.push(row(format!("new, of {}", style.name), windows, color));
    }
    write_atomic(picture, draw(&picture_rows).as_bytes())?;
    let shown = Shown { picture, styles: chosen.iter().map(|style| style.name.clone()).collect() };
    context
        .output
        .result(&shown, || vec![format!("{}: {}", picture.display(), shown.styles.join(", "))])
}
