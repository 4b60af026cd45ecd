//! `controlgen inspect`: what is in MIDI files.

// The JSON of a file is that of the Python oracle, which only tests and this command need.
#[path = "../../../note-seq/tests/oracle/mod.rs"]
mod oracle;

use std::path::Path;

use note_seq::midi::{self, ReadOptions};
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

/// A file as a JSON object in the form of the Python oracle, and as lines for people.
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
    let mut value = json!(oracle::summary(&read));
    value["file"] = json!(path_text::of(file));
    let sequence = &read.sequence;
    let conversion = kind.windows(sequence);
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
    for instrument in sequence.instruments() {
        let notes = || sequence.notes.iter().filter(|n| n.instrument == instrument);
        let Some(first) = notes().next() else { continue };
        let program = first.program.get();
        let what = if first.is_drum { "drums".to_owned() } else { format!("program {program}") };
        let name = sequence.instrument_name(instrument).unwrap_or("without a name");
        let windows =
            conversion.windows.iter().filter(|w| w.instruments.contains(&instrument)).count();
        lines.push(format!(
            "  instrument {instrument} ({name}): {what}, {} notes, {windows} windows",
            notes().count()
        ));
    }
    for (reason, n) in &conversion.skipped {
        lines.push(format!("  left out: {n} {reason}"));
    }
    for repair in &read.report.repairs {
        lines.push(format!("  repaired: {repair}"));
    }
    (value, lines)
}

/// The first few of a list.
fn shorten(items: &[String], none: &str) -> String {
    const SHOWN: usize = 3;
    match items {
        [] => none.to_owned(),
        few if few.len() <= SHOWN => few.join(", "),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}
