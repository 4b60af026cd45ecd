//! A tune with all its voices, in its meter: for windows that are lists of notes.

use corpus::kind::{Kind, NoteUse};
use note_seq::{Assumption, NoteSequence, SkipReason};

use super::choose::{FoundTune, tracks};
use super::usage::{LeftOut, LeftOutReason, Usage};
use super::{NoTune, Refused, TuneOptions};

/// Takes all instruments, or the requested one.
pub(super) fn all_voices(
    sequence: &NoteSequence,
    kind: &Kind,
    options: TuneOptions,
) -> Result<FoundTune, NoTune> {
    let instruments = sequence.instruments();
    let taken = match options.track {
        None => sequence.clone(),
        Some(track) if instruments.contains(&track) => {
            sequence.with_notes(|note| note.instrument == track)
        }
        Some(track) => return Err(NoTune::NoSuchTrack { track, tracks: tracks(sequence) }),
    };
    let cut = kind.windows_in_a_row(&taken);
    if let Some(reason) = cut.why_empty() {
        return Err(NoTune::Refused(vec![Refused { track: "the file".to_owned(), reason }]));
    }
    let notes = cut.notes.clone().unwrap_or_default();
    let usage = usage(&taken, &notes);
    let warnings = warnings(&notes, &usage);
    Ok(FoundTune {
        instruments: taken.instruments(),
        windows: cut.windows,
        transposed: 0,
        choice: None,
        usage,
        warnings,
        playback: cut.playback,
    })
}

fn usage(sequence: &NoteSequence, notes: &NoteUse) -> Usage {
    let left = |reason, n_notes| LeftOut { reason, n_notes, bars: Vec::new() };
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut left_out: Vec<LeftOut> = notes
        .skipped
        .iter()
        .map(|(reason, n)| left(LeftOutReason::Other(*reason), count(*n)))
        .collect();
    let n_others = sequence.notes.len().saturating_sub(count(notes.n_notes));
    if n_others > 0 {
        let has_drums = sequence.notes.iter().any(|note| note.is_drum);
        let reason = if has_drums && !sequence.notes.iter().all(|note| note.is_drum) {
            LeftOutReason::Drums
        } else {
            LeftOutReason::Other(SkipReason::NotADrum)
        };
        left_out.push(left(reason, n_others));
    }
    Usage { n_notes: sequence.notes.len(), n_used: count(notes.n_in_windows), left_out }
}

fn warnings(notes: &NoteUse, usage: &Usage) -> Vec<String> {
    let assumed = notes.assumed.keys().map(|assumption| match assumption {
        Assumption::CommonTime => "it has no time signature: 4/4 is assumed".to_owned(),
        Assumption::WrittenTempo => {
            "its notes don't follow a beat: bars are those of its written tempo".to_owned()
        }
        other => other.name().to_owned(),
    });
    assumed.chain(usage.left_out.iter().map(ToString::to_string)).collect()
}
