//! The commands that change the list of styles.

use std::path::{Path, PathBuf};
use std::time::Instant;

use controlgen::style::AddReport;
use serde::Serialize;

use super::super::Context;
use super::{card, load};
use crate::args::{StyleChange, StylesArgs};

/// A change, for JSON output.
#[derive(Serialize)]
struct Changed {
    done: &'static str,
    styles: Vec<String>,
    #[serde(with = "corpus::path_text::option", skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

/// The result of adding a style, for JSON output.
#[derive(Serialize)]
struct Added {
    #[serde(flatten)]
    report: AddReport,
    /// Duration from the loaded model to the stored style, in seconds.
    add_seconds: f64,
}

pub(super) fn add(
    context: &Context,
    of: &StylesArgs,
    name: &str,
    files: &[PathBuf],
) -> anyhow::Result<()> {
    let (model, mut styles) = load(context, of)?;
    let start = Instant::now();
    let report = styles.add(&model, name, files)?;
    let added = Added { report, add_seconds: start.elapsed().as_secs_f64() };
    context.output.result(&added, || {
        let report = &added.report;
        let mut lines = vec![format!(
            "{}: added, from {} windows in {:.2} s; {:.0} % of it comes from the model's own styles; \
             stored in {}",
            report.name,
            report.n_windows,
            added.add_seconds,
            100.0 * report.prior_share,
            report.path.display(),
        )];
        lines.extend(report.files.iter().flat_map(card::used_lines));
        for refused in &report.refused {
            lines.push(format!("  refused   {}: {}", refused.file, refused.reason));
        }
        lines
    })
}

/// All other changes.
pub(super) fn run(context: &Context, command: StyleChange) -> anyhow::Result<()> {
    let changed = match command {
        StyleChange::Rename { style, name, of } => {
            let (_, mut styles) = load(context, &of)?;
            styles.rename(&style, &name)?;
            Changed { done: "renamed", styles: vec![name], file: None }
        }
        StyleChange::Merge { styles: names, name, of } => {
            let (model, mut styles) = load(context, &of)?;
            let merged = styles.merge(&model, &names, name.as_deref())?;
            Changed { done: "merged", styles: vec![merged.name.clone()], file: None }
        }
        StyleChange::Split { style, of } => {
            let (model, mut styles) = load(context, &of)?;
            let parts = styles.split(&model, &style)?;
            Changed { done: "split", styles: parts, file: None }
        }
        StyleChange::Hide { styles, of } => set_hidden(context, &of, &styles, true)?,
        StyleChange::Unhide { styles, of } => set_hidden(context, &of, &styles, false)?,
        StyleChange::Remove { styles, of } => remove(context, &of, &styles)?,
        StyleChange::Export { style, out, of } => export(context, &of, &style, &out)?,
        StyleChange::Import { file, name, of } => {
            let (model, mut styles) = load(context, &of)?;
            let path = styles.import(&model, &file, name.as_deref())?;
            let last = styles.all().last().map(|style| style.name.clone());
            Changed { done: "imported", styles: last.into_iter().collect(), file: Some(path) }
        }
    };
    context.output.result(&changed, || {
        let names = changed.styles.join(", ");
        match &changed.file {
            Some(file) => vec![format!("{} {names}: {}", changed.done, file.display())],
            None => vec![format!("{} {names}", changed.done)],
        }
    })
}

fn set_hidden(
    context: &Context,
    of: &StylesArgs,
    names: &[String],
    hidden: bool,
) -> anyhow::Result<Changed> {
    let (_, mut styles) = load(context, of)?;
    // Nothing changes unless all of them exist.
    let found: Vec<String> = find_all(&styles, names)?;
    for name in &found {
        styles.set_hidden(name, hidden)?;
    }
    Ok(Changed { done: if hidden { "hidden" } else { "unhidden" }, styles: found, file: None })
}

fn remove(context: &Context, of: &StylesArgs, names: &[String]) -> anyhow::Result<Changed> {
    let (_, mut styles) = load(context, of)?;
    let found = find_all(&styles, names)?;
    for name in &found {
        styles.remove(name)?;
    }
    Ok(Changed { done: "removed", styles: found, file: None })
}

fn export(context: &Context, of: &StylesArgs, style: &str, out: &Path) -> anyhow::Result<Changed> {
    let (model, styles) = load(context, of)?;
    let exported = styles.export(&model, style, out, context.overwrite)?;
    Ok(Changed { done: "exported", styles: vec![exported.name], file: Some(out.to_owned()) })
}

/// The names of styles, given by name or number, without duplicates.
fn find_all(styles: &controlgen::style::Styles, names: &[String]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names {
        let name = &styles.find(name)?.name;
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    Ok(found)
}
