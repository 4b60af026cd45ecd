//! `controlgen render`: MIDI files as audio, images and pages.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use controlgen::output::{Batch, Formats, Sound};
use note_seq::midi::{self, ReadOptions};
use serde::Serialize;

use super::Context;
use crate::args::RenderArgs;

/// The result for one file.
#[derive(Serialize)]
struct Rendered {
    #[serde(with = "corpus::path_text")]
    file: PathBuf,
    /// Prefix of the names of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The complete result.
#[derive(Serialize)]
struct Answer {
    #[serde(with = "corpus::path_text")]
    folder: PathBuf,
    #[serde(with = "corpus::path_text::option", skip_serializing_if = "Option::is_none")]
    page: Option<PathBuf>,
    files: Vec<Rendered>,
}

pub(super) fn run(context: &Context, args: &RenderArgs) -> anyhow::Result<()> {
    let title = match args.files.as_slice() {
        [one] => super::writing::stem(one),
        many => format!("{} MIDI files", many.len()),
    };
    let (formats, sound) = (Formats::from(&args.formats), Sound::from(&args.playback));
    let mut batch = Batch::new(&args.out, title, formats, sound).overwriting(context.overwrite);
    batch.check()?;
    let mut files = Vec::new();
    for file in &args.files {
        let (name, error) = match render(&mut batch, &super::writing::stem(file), file) {
            Ok(name) => (Some(name), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        files.push(Rendered { file: file.clone(), name, error });
    }
    let page = batch.finish()?;
    let answer = Answer { folder: args.out.clone(), page, files };
    context.output.result(&answer, || {
        let mut lines: Vec<String> = Vec::new();
        for file in &answer.files {
            lines.push(match (&file.name, &file.error) {
                (Some(name), _) => format!("{}", args.out.join(name).display()),
                (None, error) => format!("left out: {}", error.as_deref().unwrap_or_default()),
            });
        }
        lines.extend(answer.page.iter().map(|page| page.display().to_string()));
        lines
    })?;
    let n_failed = answer.files.iter().filter(|file| file.error.is_some()).count();
    if n_failed > 0 {
        anyhow::bail!("{n_failed} of {} files could not be rendered", answer.files.len());
    }
    Ok(())
}

/// Renders a file; returns the name of its outputs.
fn render(batch: &mut Batch, name: &str, file: &Path) -> anyhow::Result<String> {
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let bytes = bytes.with_context(|| format!("can't read {}", file.display()))?;
    let read = midi::read(&bytes, &ReadOptions::default())
        .with_context(|| format!("can't read {}", file.display()))?;
    let music = read.sequence;
    let qpm = music.tempos.first().map_or(note_seq::DEFAULT_QPM, |tempo| tempo.qpm);
    let fields = [
        ("file", file.display().to_string()),
        ("notes", music.notes.len().to_string()),
        ("seconds", format!("{:.1}", music.total_time)),
        ("tempo", format!("{qpm:.0}")),
    ];
    Ok(batch.render_only(name, &music, &fields)?)
}
