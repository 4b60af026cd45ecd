//! Common parts of all converters: cutting into windows, repetitions, limits.

use std::collections::BTreeSet;

use crate::conversion::{Conversion, Dedupe, SkipReason};

/// The starts of windows of `length` in `n_steps`, every `hop` steps.
pub(crate) fn starts(n_steps: usize, length: usize, hop: usize) -> impl Iterator<Item = usize> {
    let last = if length > 0 { n_steps.checked_sub(length) } else { None };
    (0..last.map_or(0, |l| l + 1)).step_by(hop.max(1))
}

/// Settings for cutting a line of labels into windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Steps per window.
    pub(crate) length: usize,
    /// Steps from one window to the next.
    pub(crate) hop: usize,
    /// Labels below it are not onsets: those before a window's first onset become 0, because the
    /// note they end is not in the window.
    pub(crate) first_start: u16,
    /// Whether windows without an onset are kept.
    pub(crate) keep_empty: bool,
}

impl Cut {
    /// Cuts a line; `window` creates a window from labels and their first step.
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

/// Maximum number of labels in all windows of a sequence per note, in addition to [`FREE_LABELS`]
/// (131,072 windows of two bars, 16,384 of sixteen). Music has fewer; a file of long notes could
/// cause thousands of windows per note.
const LABELS_A_NOTE: usize = 32;
const FREE_LABELS: usize = 1 << 22;

/// Records the windows so far, and the number of labels still allowed.
#[derive(Debug)]
pub(crate) struct Seen {
    dedupe: Dedupe,
    windows: BTreeSet<Vec<u16>>,
    /// Number of labels still allowed.
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

    /// Whether to leave out a window as a repetition.
    pub(crate) fn is_repeated(&mut self, window: &[u16]) -> bool {
        match self.dedupe {
            Dedupe::Off => false,
            Dedupe::PerSegment | Dedupe::PerSequence => {
                if self.windows.contains(window) {
                    return true;
                }
                // A window that exceeds the limit can't be repeated.
                if self.room >= window.len() {
                    self.windows.insert(window.to_vec());
                }
                false
            }
        }
    }
}

/// Removes the windows over the limit.
pub(crate) fn cap<W>(conversion: &mut Conversion<W>, max_windows: Option<usize>) {
    if let Some(max) = max_windows {
        conversion.skip_n(SkipReason::OverCap, conversion.windows.len().saturating_sub(max));
        conversion.windows.truncate(max);
    }
}
