//! The HTML of a page. `maud` escapes all text; the data block is JSON that can't end its script
//! element.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::{Entry, Group, Sheet, Version};
use crate::picture::describe;
use crate::web::{MODULES, STYLE, Score, bundle, roll_colors};

/// The content security policy: the page may run its inline script and use its inline style;
/// nothing else is allowed.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
     style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The data block, which `sheet.js` reads.
#[derive(Serialize)]
struct Data<'a> {
    format: &'static str,
    version: u32,
    /// Scores, indexed by their `data-take` number on the page.
    takes: Vec<TakeData<'a>>,
}

#[derive(Serialize)]
struct TakeData<'a> {
    title: &'a str,
    label: &'a str,
    #[serde(flatten)]
    score: Score,
}

pub(super) fn page(sheet: &Sheet) -> String {
    let mut takes = Vec::new();
    let groups: Vec<Markup> = sheet.groups.iter().map(|g| group(g, &mut takes)).collect();
    let n_takes = takes.len();
    let data = Data { format: "note-render.sheet", version: 1, takes };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (sheet.title) }
                style { (PreEscaped(roll_colors())) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (sheet.title) }
                    @for text in &sheet.texts { p { (text) } }
                }
                main {
                    @if n_takes == 0 { p { "There is nothing on this page." } }
                    @for group in groups { (group) }
                }
                (transport())
                script type="application/json" id="data" { (PreEscaped(json(&data))) }
                script type="module" { (PreEscaped(bundle(&MODULES))) }
            }
        }
    }
    .into_string()
}

fn group<'a>(group: &'a Group, takes: &mut Vec<TakeData<'a>>) -> Markup {
    html! {
        section {
            @if let Some(title) = &group.title { h2 { (title) } }
            @for text in &group.texts { p { (text) } }
            div.entries {
                @for entry in &group.entries {
                    (self::entry(entry, group.title.is_some(), takes))
                }
            }
        }
    }
}

fn entry<'a>(entry: &'a Entry, in_group: bool, takes: &mut Vec<TakeData<'a>>) -> Markup {
    html! {
        article {
            // Heading levels must not be skipped.
            @if in_group { h3 { (entry.title) } } @else { h2 { (entry.title) } }
            @for take in &entry.versions { (self::take(entry, take, takes)) }
            @for note in &entry.notes { p.note { (note) } }
            @if !entry.fields.is_empty() {
                dl { @for (name, value) in &entry.fields { div { dt { (name) } dd { (value) } } } }
            }
        }
    }
}

fn take<'a>(entry: &'a Entry, take: &'a Version, takes: &mut Vec<TakeData<'a>>) -> Markup {
    let number = takes.len();
    let score = Score::from(&take.sequence);
    takes.push(TakeData { title: &entry.title, label: &take.label, score });
    let name = match take.label.as_str() {
        "" => entry.title.clone(),
        label => format!("{}, {label}", entry.title),
    };
    let midi = format!("data:audio/midi;base64,{}", STANDARD.encode(&take.midi));
    html! {
        figure.take data-take=(number) {
            @if !take.label.is_empty() { figcaption { (take.label) } }
            canvas role="img"
                aria-label={ "Piano roll of " (name) ": " (describe(&take.sequence)) } {}
            div.controls {
                button.play type="button" aria-label={ "Play " (name) } aria-pressed="false" {
                    span.icon aria-hidden="true" {} span.word { "Play" }
                }
                a href=(midi) download=(file_name(&name))
                    aria-label={ "Download " (name) " as MIDI" } {
                    "MIDI"
                }
            }
        }
    }
}

/// The transport bar at the bottom of the window.
fn transport() -> Markup {
    html! {
        nav #transport aria-label="Player" {
            button #previous type="button" aria-label="Previous" title="Previous (p)" {
                span aria-hidden="true" { "«" }
            }
            button #toggle type="button" aria-label="Play" title="Play or stop (space)" {
                span aria-hidden="true" { "▶" }
            }
            button #next type="button" aria-label="Next" title="Next (n)" {
                span aria-hidden="true" { "»" }
            }
            button #loop type="button" aria-label="Loop" aria-pressed="false" title="Loop (l)" {
                span aria-hidden="true" { "⟲" }
            }
            span #now role="status" { "Nothing is playing" }
            span #clock aria-hidden="true" {}
            label { span { "Volume" }
                input #volume type="range" min="0" max="1" step="0.05" value="0.8";
            }
        }
    }
}

/// A file name that is valid on all systems, with the extension `.mid`.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(80).collect();
    let name = name.trim_matches(['.', '_']);
    let name = if name.is_empty() { "piece" } else { name };
    format!("{name}.mid")
}

/// JSON without `<`, so that it can neither end its script element nor begin a comment.
fn json(data: &Data<'_>) -> String {
    let text = serde_json::to_string(data).expect("numbers and strings are JSON");
    text.replace('<', "\\u003c")
}
