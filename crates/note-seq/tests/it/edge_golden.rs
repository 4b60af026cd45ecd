//! The edge cases compared with Python's results: read or rejected, bit-exact notes, steps, windows
//! of every kind.

use std::collections::BTreeMap;

use note_seq::midi::{self, ReadOptions};

use serde_json::{Value, json};

use crate::edge_files;
use crate::golden::shared;
use crate::oracle::{Summary, SummaryQuantized, SummarySegment, summary};

/// The answers by file name, created by `golden/make_edge.py`.
fn answers() -> BTreeMap<String, Value> {
    let lines = include_str!("../golden/edge.jsonl").lines();
    let answers = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    answers.map(|answer| (answer["file"].as_str().unwrap().to_owned(), answer)).collect()
}

/// Run-length encoded labels: `label`, or `label` x count.
fn runs(labels: &[u16]) -> String {
    let runs = labels.chunk_by(|a, b| a == b);
    let text = runs.map(|run| match run.len() {
        1 => run[0].to_string(),
        n => format!("{}x{n}", run[0]),
    });
    text.collect::<Vec<_>>().join(" ")
}

fn all_runs(windows: &[Vec<u16>]) -> Vec<String> {
    windows.iter().map(|w| runs(w)).collect()
}

/// Steps without the values determined by the notes in seconds.
fn steps(quantized: &SummaryQuantized, with_pitch: bool) -> Value {
    match quantized {
        SummaryQuantized::Error { error } => json!(error),
        SummaryQuantized::Steps { total_steps, notes, .. } => {
            let row = |n: &crate::oracle::QuantizedRow| {
                if with_pitch { json!([n.0, n.1, n.2]) } else { json!([n.1, n.2]) }
            };
            json!({ "total": total_steps, "notes": notes.iter().map(row).collect::<Vec<_>>() })
        }
    }
}

fn segment(segment: &SummarySegment) -> Value {
    let steps_per_bar = match &segment.quantized {
        SummaryQuantized::Steps { steps_per_bar, .. } => *steps_per_bar,
        SummaryQuantized::Error { .. } => None,
    };
    let trios =
        segment.trio16.iter().map(|parts| parts.iter().map(|p| runs(p)).collect::<Vec<_>>());
    json!({
        "start": segment.start,
        "total_time": segment.total_time,
        "tempos": segment.tempos,
        "time_signatures": segment.time_signatures,
        "steps_per_bar": steps_per_bar,
        "quantized": steps(&segment.quantized, true),
        "mel2": all_runs(&segment.mel2),
        "mel16": all_runs(&segment.mel16),
        "drums2": all_runs(&segment.drums2),
        "drums16": all_runs(&segment.drums16),
        "trio16": trios.collect::<Vec<_>>(),
    })
}

/// A summary in the format of the answers.
fn compact(name: &str, summary: &Summary) -> Value {
    json!({
        "file": name,
        "ticks_per_quarter": summary.ticks_per_quarter,
        "total_time": summary.total_time,
        "tempos": summary.tempos,
        "time_signatures": summary.time_signatures,
        "key_signatures": summary.key_signatures,
        "instrument_names": summary.instrument_names,
        "counts": summary.counts,
        "notes": summary.notes,
        "quantized": steps(&summary.quantized, false),
        "segments": summary.segments.iter().map(segment).collect::<Vec<_>>(),
    })
}

#[test]
fn the_edge_cases_agree_with_python() {
    let mut answers = answers();
    assert_eq!(answers.len(), 80);
    for (name, bytes) in edge_files::all() {
        let expected =
            answers.remove(name).unwrap_or_else(|| panic!("{name} has no answer, or two files"));
        let found = match midi::read(&bytes, &ReadOptions::parity()) {
            Ok(read) => compact(name, &summary(&read)),
            Err(_) => json!({ "file": name, "refused": true }),
        };
        for (key, expected) in expected.as_object().unwrap() {
            assert_eq!(&found[key], expected, "{name}: {key}");
        }
        assert_eq!(found, expected, "{name}");
    }
    assert!(answers.is_empty(), "no file for {answers:?}");
}

/// Lenient reading rejects none of them, and finds at least as many notes as Python, except that
/// Python reads on after the end of a track.
#[test]
fn lenient_reading_takes_every_edge_case() {
    for (name, bytes) in edge_files::all() {
        let lenient =
            midi::read(&bytes, &ReadOptions::lenient()).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Ok(parity) = midi::read(&bytes, &ReadOptions::parity()) {
            let (found, python) = (lenient.sequence.notes.len(), parity.sequence.notes.len());
            assert_eq!(found < python, lenient.report.bytes_after_end > 0, "{name}");
        }
    }
}

/// Our files equal the hand-made ones, if those are available.
#[test]
fn the_edge_files_are_the_ones_python_was_asked_about() {
    let Some(folder) = shared("data/edge-midi") else { return };
    for (name, bytes) in edge_files::all() {
        let expected = std::fs::read(folder.join(format!("{name}.mid"))).unwrap();
        assert!(bytes == expected, "{name}: the bytes differ");
    }
}
