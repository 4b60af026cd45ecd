//! `controlgen inspect`: shows the contents of MIDI files.

use std::collections::BTreeMap;
use std::path::Path;

use note_seq::midi::{self, ReadOptions, Repair};
use note_seq::{NoteSequence, SkipReason};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use crate::args::InspectArgs;
use corpus::kind::Kind;
use corpus::path_text;

pub(super) fn run(context: &Context, args: &InspectArgs) -> anyhow::Result<()> {
    let options = ReadOptions::from(args.mode);
    let kind = Kind::find(&args.kind)?;
    let mut n_failed = 0;
    for file in &args.files {
        let (value, lines) = inspect(file, &options, &kind);
        n_failed += usize::from(value.get("error").is_some());
        context.output.result(&value, || lines)?;
    }
    if n_failed > 0 {
        anyhow::bail!("{n_failed} of {} files could not be read", args.files.len());
    }
    Ok(())
}

/// The contents of a file, and the parts that a kind of window can use.
#[derive(Serialize)]
struct Inspection<'a> {
    file: String,
    /// Everything read from the file, as the JSON of Magenta's `NoteSequence`.
    sequence: &'a NoteSequence,
    /// Repairs of damage in the file.
    repairs: &'a [Repair],
    /// The kind of window.
    kind: &'a str,
    n_windows: usize,
    /// Reasons why there are no more windows: counts of what was left out.
    skipped: &'a BTreeMap<SkipReason, usize>,
    instruments: Vec<Instrument<'a>>,
}

/// A part of a file.
#[derive(Serialize)]
struct Instrument<'a> {
    /// Its number, for `--instrument`.
    instrument: u32,
    name: Option<&'a str>,
    program: u8,
    is_drum: bool,
    n_notes: usize,
    n_windows: usize,
}

/// A file as a JSON object, an [`Inspection`] or an error, and as lines for the terminal.
fn inspect(file: &Path, options: &ReadOptions, kind: &Kind) -> (Value, Vec<String>) {
    let failed = |error: String| {
        let lines = vec![format!("{}: {error}", file.display())];
        (json!({ "file": path_text::of(file), "error": error }), lines)
    };
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return failed(error.to_string()),
    };
    let read = match midi::read(&bytes, options) {
        Ok(read) => read,
        Err(error) => return failed(error.to_string()),
    };
    let sequence = &read.sequence;
    let conversion = kind.windows(sequence);
    let instrument = |instrument: u32| {
        let notes = || sequence.notes.iter().filter(|note| note.instrument == instrument);
        let first = notes().next()?;
        // A window without instruments contains all of them.
        let has = |all: &[u32]| all.is_empty() || all.contains(&instrument);
        Some(Instrument {
            instrument,
            name: sequence.instrument_name(instrument),
            program: first.program.get(),
            is_drum: first.is_drum,
            n_notes: notes().count(),
            n_windows: conversion.windows.iter().filter(|w| has(&w.instruments)).count(),
        })
    };
    let inspection = Inspection {
        file: path_text::of(file),
        sequence,
        repairs: &read.report.repairs,
        kind: kind.name,
        n_windows: conversion.windows.len(),
        skipped: &conversion.skipped,
        instruments: sequence.instruments().into_iter().filter_map(instrument).collect(),
    };
    let tempos: Vec<String> = sequence.tempos.iter().map(|t| format!("{:.1}", t.qpm)).collect();
    let signatures: Vec<String> = sequence
        .time_signatures
        .iter()
        .map(|s| format!("{}/{}", s.numerator, s.denominator))
        .collect();
    let mut lines = vec![format!(
        "{}: {} notes, {:.1} s, tempo {}, meter {}, {} windows of {}",
        file.display(),
        sequence.notes.len(),
        sequence.total_time,
        shorten(&tempos, "none (120)"),
        shorten(&signatures, "none (4/4)"),
        conversion.windows.len(),
        kind.name,
    )];
    for part in &inspection.instruments {
        let Instrument { instrument, program, n_notes, n_windows, .. } = part;
        let what = if part.is_drum { "drums".to_owned() } else { format!("program {program}") };
        let name = part.name.unwrap_or("without a name");
        lines.push(format!(
            "  instrument {instrument} ({name}): {what}, {n_notes} notes, {n_windows} windows",
        ));
    }
    for (reason, n) in &conversion.skipped {
        lines.push(format!("  left out: {n} {reason}"));
    }
    for repair in &read.report.repairs {
        lines.push(format!("  repaired: {repair}"));
    }
    (json!(inspection), lines)
}

/// The first few items of a list.
fn shorten(items: &[String], none: &str) -> String {
    const SHOWN: usize = 3;
    match items {
        [] => none.to_owned(),
        few if few.len() <= SHOWN => few.join(", "),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}
