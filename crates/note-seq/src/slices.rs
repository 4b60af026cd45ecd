//! What all converters share: the cut into windows, repetitions, caps.

use std::collections::BTreeSet;

use crate::conversion::{Conversion, Dedupe, SkipReason};

/// The starts of windows of `length` in `n_steps`, every `hop` steps.
pub(crate) fn starts(n_steps: usize, length: usize, hop: usize) -> impl Iterator<Item = usize> {
    let last = if length > 0 { n_steps.checked_sub(length) } else { None };
    (0..last.map_or(0, |l| l + 1)).step_by(hop.max(1))
}

/// How a line of labels is cut into windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Steps per window.
    pub(crate) length: usize,
    /// Steps from one window to the next.
    pub(crate) hop: usize,
    /// Labels below it start nothing: those before a window's first start become 0, as what they
    /// end is not there.
    pub(crate) first_start: u16,
    /// Whether windows in which nothing starts are kept.
    pub(crate) keep_empty: bool,
}

impl Cut {
    /// Cuts a line; `window` makes a window of labels and the step they stand at.
    pub(crate) fn windows<W>(
        self,
        labels: &[u16],
        seen: &mut Seen,
        conversion: &mut Conversion<W>,
        mut window: impl FnMut(Vec<u16>, usize) -> W,
    ) {
        if self.length == 0 || labels.len() < self.length {
            conversion.skip(SkipReason::TooShort);
        }
        for start in starts(labels.len(), self.length, self.hop) {
            let labels = &labels[start..start + self.length];
            let n_before = labels.iter().position(|label| *label >= self.first_start);
            if n_before.is_none() && !self.keep_empty {
                conversion.skip(SkipReason::EmptyWindow);
                continue;
            }
            let mut tokens = labels.to_vec();
            tokens[..n_before.unwrap_or(self.length)].fill(0);
            if seen.is_repeated(&tokens) {
                conversion.skip(SkipReason::Duplicate);
            } else if seen.has_room(tokens.len()) {
                conversion.windows.push(window(tokens, start));
            } else {
                conversion.skip(SkipReason::OverCap);
            }
        }
    }
}

/// All windows of a sequence together may have this many labels for each of its notes, and
/// [`FREE_LABELS`] (131,072 windows of two bars, 16,384 of sixteen). Music has fewer; a file of
/// long notes could ask for thousands of windows per note.
const LABELS_A_NOTE: usize = 32;
const FREE_LABELS: usize = 1 << 22;

/// Remembers the windows that were there, and how many more there may be.
#[derive(Debug)]
pub(crate) struct Seen {
    dedupe: Dedupe,
    windows: BTreeSet<Vec<u16>>,
    /// How many more labels there is room for.
    room: usize,
}

impl Seen {
    /// For a sequence of `n_notes` notes.
    pub(crate) fn new(dedupe: Dedupe, n_notes: usize) -> Self {
        let room = n_notes.saturating_mul(LABELS_A_NOTE).saturating_add(FREE_LABELS);
        Self { dedupe, windows: BTreeSet::new(), room }
    }

    /// Reserves room for a window of `n_labels` labels; returns whether there was enough left.
    pub(crate) fn has_room(&mut self, n_labels: usize) -> bool {
        let left = self.room.checked_sub(n_labels);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    pub(crate) fn begin_segment(&mut self) {
        if self.dedupe == Dedupe::PerSegment {
            self.windows.clear();
        }
    }

    /// Whether a window is to be left out as a repetition.
    pub(crate) fn is_repeated(&mut self, window: &[u16]) -> bool {
        match self.dedupe {
            Dedupe::Off => false,
            Dedupe::PerSegment | Dedupe::PerSequence => {
                if self.windows.contains(window) {
                    return true;
                }
                // What finds no room is not there to be repeated.
                if self.room >= window.len() {
                    self.windows.insert(window.to_vec());
                }
                false
            }
        }
    }
}

/// Leaves out what is over the cap.
pub(crate) fn cap<W>(conversion: &mut Conversion<W>, max_windows: Option<usize>) {
    if let Some(max) = max_windows {
        conversion.skip_n(SkipReason::OverCap, conversion.windows.len().saturating_sub(max));
        conversion.windows.truncate(max);
    }
}
