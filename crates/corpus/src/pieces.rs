//! The whole pieces that a corpus's windows come from, read again from their files.
//!
//! The table of windows omits repetitions, so that nothing is learned twice. Only the files tell
//! what repeats in a piece and how it ends.

use std::collections::BTreeMap;
use std::path::Path;

use note_seq::midi;
use rayon::prelude::*;

use super::source::{Contents, SourceFile, Sources};
use super::{CorpusError, CorpusOptions, CorpusReport};
use crate::kind::{Kind, Window};
use crate::progress::Progress;
use crate::read::bytes_of;
use crate::table::{Split, read_windows};

/// A piece as consecutive windows without overlap or gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholePiece {
    /// Its file, as in the table of windows.
    pub file: String,
    /// Its group.
    pub group: String,
    /// Its longest run without a gap: of the instruments with the most windows, from the first
    /// window with a note to the last.
    pub windows: Vec<Window>,
    /// Whether the run ends where the music of these instruments does.
    pub has_end: bool,
}

/// Counts of the files read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PieceCounts {
    /// Files that contain a piece.
    pub n_read: usize,
    /// Files that no longer exist, or no longer contain a window.
    pub n_gone: usize,
}

/// Passes the pieces of one side of a corpus's split to `each`, in file order: at most `most`,
/// evenly spaced.
///
/// # Errors
/// Returns [`CorpusError::Root`] if a folder that the corpus was built from no longer exists, and
/// [`CorpusError::Artifact`] if the corpus can't be read.
pub fn read_pieces(
    corpus: &Path,
    kind: &Kind,
    side: Split,
    most: usize,
    progress: &dyn Progress,
    each: &mut dyn FnMut(WholePiece),
) -> Result<PieceCounts, CorpusError> {
    let report = CorpusReport::of_kind(corpus, kind)?;
    let mut groups = BTreeMap::<String, String>::new();
    read_windows(corpus, |row| {
        if row.split == side {
            groups.entry(row.file).or_insert(row.group);
        }
    })?;
    let every = groups.len().div_ceil(most.max(1)).max(1);
    let mut wanted: BTreeMap<String, String> = groups.into_iter().step_by(every).collect();
    let n_wanted = wanted.len();
    let options = CorpusOptions::new(report.roots, kind.clone());
    let sources = Sources::find(&options.roots)?;
    let max_bytes = options.read.limits.max_bytes;
    let mut counts = PieceCounts::default();
    progress.begin("reading whole pieces", "files", n_wanted as u64);
    let take = Contents { max_bytes };
    sources.hand_out(&take, max_bytes, &|_| false, progress, &mut |chunk| {
        let found: Vec<(SourceFile, String)> = chunk
            .files
            .into_iter()
            .filter_map(|found| wanted.remove(&found.file.name).map(|group| (found, group)))
            .collect();
        progress.advance(found.len() as u64);
        let pieces: Vec<WholePiece> = found
            .into_par_iter()
            .filter_map(|(found, group)| piece(found, group, &options))
            .collect();
        counts.n_read += pieces.len();
        pieces.into_iter().for_each(&mut *each);
        !wanted.is_empty()
    })?;
    progress.end();
    counts.n_gone = n_wanted - counts.n_read;
    Ok(counts)
}

fn piece(found: SourceFile, group: String, options: &CorpusOptions) -> Option<WholePiece> {
    let bytes = bytes_of(found.content, options.read.limits.max_bytes).ok()?;
    let read = midi::read(&bytes, &options.read).ok()?;
    let windows = options.kind.windows_in_a_row(&read.sequence).windows;
    let (windows, has_end) = longest_run(&options.kind, windows)?;
    Some(WholePiece { file: found.file.name, group, windows, has_end })
}

/// The longest run of consecutive windows of the instruments with the most windows, without the
/// silent ones at both ends, and whether it ends with the last of them; the first of equally long
/// ones. `None` if no window has a note.
pub fn longest_run(kind: &Kind, windows: Vec<Window>) -> Option<(Vec<Window>, bool)> {
    let mut parts = BTreeMap::<Vec<u32>, Vec<Window>>::new();
    for window in windows {
        parts.entry(window.instruments.clone()).or_default().push(window);
    }
    let form = kind.form();
    let has_notes = |window: &Window| form.n_notes([window.tokens.as_slice()]) > 0;
    let n_sounding = |windows: &[Window]| windows.iter().filter(|w| has_notes(w)).count();
    // `max_by_key` takes the last of equal ones.
    let windows = parts.into_values().rev().max_by_key(|windows| n_sounding(windows))?;
    let last_sounding = windows.iter().rposition(has_notes)?;
    let n_bars = u32::try_from(kind.n_bars()).unwrap_or(u32::MAX);
    let mut runs: Vec<Vec<Window>> = Vec::new();
    for window in windows.into_iter().take(last_sounding + 1) {
        let follows = |run: &Vec<Window>| {
            // An upbeat has the number of the following bar.
            let last = run.last().map_or(0, |last| last.start_bar);
            (last..=last.saturating_add(n_bars)).contains(&window.start_bar)
        };
        match runs.last_mut().filter(|run| follows(run)) {
            Some(run) => run.push(window),
            None => runs.push(vec![window]),
        }
    }
    let n_runs = runs.len();
    let trimmed = runs.into_iter().enumerate().filter_map(|(number, mut run)| {
        let (first, last) = (run.iter().position(has_notes)?, run.iter().rposition(has_notes)?);
        run.truncate(last + 1);
        run.drain(..first);
        Some((run, number + 1 == n_runs))
    });
    let mut best: Option<(Vec<Window>, bool)> = None;
    for run in trimmed {
        if best.as_ref().is_none_or(|(longest, _)| run.0.len() > longest.len()) {
            best = Some(run);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn window(instrument: u32, start_bar: u32, has_note: bool) -> Window {
        let mut tokens = vec![0; 32];
        tokens[0] = if has_note { 41 } else { 0 };
        Window { tokens, instruments: vec![instrument], start_bar, transposed: 0 }
    }

    #[test]
    fn the_longest_stretch_of_one_instrument_is_the_piece() {
        let kind = Kind::mel_2bar();
        let windows = vec![
            window(1, 0, true),
            window(0, 0, true),
            window(0, 2, true),
            // A gap of two bars, a rest, and a rest at the end.
            window(0, 6, false),
            window(0, 8, true),
            window(0, 10, false),
            window(0, 12, true),
            window(0, 14, false),
        ];
        let (run, has_end) = longest_run(&kind, windows.clone()).unwrap();
        let bars: Vec<u32> = run.iter().map(|window| window.start_bar).collect();
        assert_eq!((bars, has_end), (vec![8, 10, 12], true));
        let (run, has_end) = longest_run(&kind, windows[..5].to_vec()).unwrap();
        assert_eq!((run.len(), run[0].start_bar, has_end), (2, 0, false));
        assert_eq!(longest_run(&kind, vec![window(0, 0, false)]), None);
    }

    #[test]
    fn pieces_come_back_whole_with_what_the_table_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let midi_folder = folder.path().join("midi");
        std::fs::create_dir(&midi_folder).unwrap();
        let kind = Kind::poly_2bar();
        for number in 0..4 {
            let piece = crate::synthetic::piece(0, 5, number);
            let bytes = midi::write(&piece, &midi::WriteOptions::default()).unwrap();
            std::fs::write(midi_folder.join(format!("{number}.mid")), bytes).unwrap();
        }
        let corpus = folder.path().join("corpus");
        let options = CorpusOptions {
            heldout: 0.0,
            ..CorpusOptions::new(vec![midi_folder.clone()], kind.clone())
        };
        crate::build(&options, &corpus, &Silent).unwrap();
        let mut pieces = Vec::new();
        let read = |most, pieces: &mut Vec<WholePiece>| {
            read_pieces(&corpus, &kind, Split::Train, most, &Silent, &mut |p| pieces.push(p))
        };
        let counts = read(10, &mut pieces).unwrap();
        assert_eq!(counts, PieceCounts { n_read: 4, n_gone: 0 });
        let files: Vec<&str> = pieces.iter().map(|piece| piece.file.as_str()).collect();
        assert_eq!(files, ["0.mid", "1.mid", "2.mid", "3.mid"]);
        for (number, piece) in pieces.iter().enumerate() {
            let music = crate::synthetic::piece(0, 5, number as u64);
            let row = kind.windows_in_a_row(&music).windows;
            assert!(piece.has_end && row.ends_with(&piece.windows), "{number}");
        }
        let mut some = Vec::new();
        read(2, &mut some).unwrap();
        assert_eq!(some, [pieces[0].clone(), pieces[2].clone()]);
        std::fs::remove_dir_all(&midi_folder).unwrap();
        let error = read(10, &mut some).unwrap_err();
        assert!(matches!(error, CorpusError::Root { .. }), "{error}");
    }
}
