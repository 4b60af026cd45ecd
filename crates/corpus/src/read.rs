//! Reading one file: from bytes to windows and the facts for the report.

use std::collections::BTreeSet;
use std::fs::File;

use flate2::read::MultiGzDecoder;
use note_seq::midi::{self, MidiError};
use note_seq::{NoteSequence, SkipReason};
use rand::RngExt;

use super::archive::limited;
use super::content::Content;
use super::label::{Labeler, Labelled};
use super::near;
use super::parts::{FileFacts, Outcome, PartWindow, ReadFacts};
use super::source::SourceFile;
use super::{CorpusOptions, GroupRule, SameWindow};
use crate::kind::Window;

/// First bytes of gzip files, whatever they are called (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The tempo of a sequence without a tempo event.
const DEFAULT_QPM: f64 = 120.0;
/// Maximum number of meters per file in the report; more indicate a damaged file.
const MAX_METRES: usize = 16;
/// The `track` of a window with all instruments.
const ALL_INSTRUMENTS: i16 = -1;

/// Reads files according to the options.
pub(super) struct FileReader<'a> {
    pub(super) options: &'a CorpusOptions,
    pub(super) labeler: &'a Labeler,
}

impl FileReader<'_> {
    /// Reads a file and cuts it into windows. Never fails: if a file can't be used, the outcome has
    /// the reason.
    pub(super) fn read(&self, found: SourceFile) -> (FileFacts, Vec<PartWindow>) {
        let SourceFile { file, content } = found;
        let Labelled { is_listed, label, group } = self.labeler.of(&file);
        let group = group.or_else(|| self.options.group.given(&file));
        let (outcome, windows) = match bytes_of(content, self.options.read.limits.max_bytes) {
            Ok(bytes) => self.convert(&bytes),
            Err(outcome) => (outcome, Vec::new()),
        };
        let keys = windows.iter().map(|window| self.key(window)).collect();
        (FileFacts { file, group, is_listed, label, outcome, keys }, windows)
    }

    fn convert(&self, bytes: &[u8]) -> (Outcome, Vec<PartWindow>) {
        let read = match midi::read(bytes, &self.options.read) {
            Ok(read) => read,
            Err(error) => {
                let reason = match error {
                    MidiError::NotMidi { .. } => "not_midi",
                    MidiError::LimitExceeded { .. } => "over_limit",
                    _ => "damaged",
                };
                return (refused(reason, error.to_string()), Vec::new());
            }
        };
        let mut cut = self.options.kind.windows(&read.sequence);
        let why_empty = cut.why_empty();
        let mut file_hash = [0; 16];
        file_hash.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        if let Some(max) = self.options.max_windows_per_file {
            let n_over = self.draw(&mut cut.windows, max, file_hash);
            if n_over > 0 {
                *cut.skipped.entry(SkipReason::OverCap).or_default() += n_over;
            }
        }
        let windows = cut.windows.into_iter().map(|window| PartWindow {
            window_id: self.options.kind.window_id(&window.tokens),
            // Of several parts, the first: the melody.
            track: match window.instruments.first() {
                Some(instrument) => i16::try_from(*instrument).unwrap_or(i16::MAX),
                None => ALL_INSTRUMENTS,
            },
            start_bar: window.start_bar,
            transposed: window.transposed,
            tokens: window.tokens,
        });
        let is_compared = self.options.near_duplicates || self.options.group == GroupRule::Stem;
        let signature = if is_compared { near::signature(&read.sequence) } else { None };
        let facts = ReadFacts {
            file_hash,
            n_bytes: bytes.len() as u64,
            skipped: cut.skipped,
            notes: cut.notes,
            why_empty,
            n_repairs: read.report.n_repairs(),
            qpm: main_tempo(&read.sequence),
            metres: metres(&read.sequence),
            signature,
        };
        (Outcome::Read(Box::new(facts)), windows.collect())
    }

    /// Keeps at most `max` windows in their order, drawn by the seed and the file's content.
    /// Returns the number of windows removed.
    fn draw(&self, windows: &mut Vec<Window>, max: usize, file_hash: [u8; 16]) -> usize {
        let n = windows.len();
        if n <= max {
            return 0;
        }
        let mut index = [0; 8];
        index.copy_from_slice(&file_hash[..8]);
        let mut rng = seed::stream(self.options.seed, "windows of file", u64::from_le_bytes(index));
        // Floyd's algorithm: every subset is equally likely, with `max` draws.
        let mut kept = BTreeSet::new();
        for last in n - max..n {
            let drawn = rng.random_range(0..=last);
            if !kept.insert(drawn) {
                kept.insert(last);
            }
        }
        let mut at = 0..;
        windows.retain(|_| at.next().is_some_and(|at| kept.contains(&at)));
        n - windows.len()
    }

    /// The key that duplicate windows share.
    fn key(&self, window: &PartWindow) -> u64 {
        match self.options.same_window {
            // Already known.
            SameWindow::Exact => window.window_id,
            same @ SameWindow::Transposed => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&same.hash(&self.options.kind, &window.tokens)[..8]);
                u64::from_le_bytes(bytes)
            }
        }
    }
}

/// The bytes of a file, decompressed if it is a gzip file; or the reason why there are none.
pub(super) fn bytes_of(content: Content, max_bytes: u64) -> Result<Vec<u8>, Outcome> {
    let content = match content {
        Content::OnDisk { path, n_bytes } => match File::open(path) {
            Ok(file) => limited(file, n_bytes, max_bytes),
            Err(error) => Content::refused("unreadable", error),
        },
        content => content,
    };
    match content {
        Content::Bytes(bytes) if bytes.starts_with(&GZIP) => {
            match limited(MultiGzDecoder::new(&bytes[..]), 0, max_bytes) {
                Content::Bytes(bytes) => Ok(bytes),
                Content::Refused { reason, detail } => Err(refused(reason, detail)),
                Content::OnDisk { .. } => unreachable!("it was read just now"),
            }
        }
        Content::Bytes(bytes) => Ok(bytes),
        Content::Refused { reason, detail } => Err(refused(reason, detail)),
        Content::OnDisk { .. } => unreachable!("it was read just now"),
    }
}

fn refused(reason: &str, detail: String) -> Outcome {
    Outcome::Refused { reason: reason.to_owned(), detail }
}

/// The longest-lasting tempo.
fn main_tempo(sequence: &NoteSequence) -> f64 {
    let mut tempos: Vec<(f64, f64)> = sequence.tempos.iter().map(|t| (t.time, t.qpm)).collect();
    tempos.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends = tempos.iter().skip(1).map(|t| t.0).chain([sequence.total_time]);
    let spans = tempos.iter().zip(ends).map(|((start, qpm), end)| (end - start, *qpm));
    // The last of equally long ones: a piece without notes has the tempo it ends with.
    spans.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(DEFAULT_QPM, |(_, qpm)| qpm)
}

/// The distinct meters; 4/4 if none is set.
fn metres(sequence: &NoteSequence) -> Vec<(u32, u32)> {
    let metres: BTreeSet<(u32, u32)> =
        sequence.time_signatures.iter().map(|t| (t.numerator, t.denominator)).collect();
    let metres: Vec<_> = metres.into_iter().take(MAX_METRES).collect();
    if metres.is_empty() { vec![(4, 4)] } else { metres }
}
