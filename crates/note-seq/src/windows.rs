//! What all converters share: the cut into windows, repetitions, caps.

use std::collections::BTreeSet;

use crate::conversion::{Conversion, Dedupe, SkipReason};

/// The starts of windows of `length` in `n_steps`, every `hop` steps.
pub(crate) fn starts(n_steps: usize, length: usize, hop: usize) -> impl Iterator<Item = usize> {
    let last = if length > 0 { n_steps.checked_sub(length) } else { None };
    (0..last.map_or(0, |l| l + 1)).step_by(hop.max(1))
}

/// Remembers the windows that were there.
#[derive(Debug)]
pub(crate) struct Seen<T> {
    dedupe: Dedupe,
    windows: BTreeSet<T>,
}

impl<T: Ord + Clone> Seen<T> {
    pub(crate) fn new(dedupe: Dedupe) -> Self {
        Self { dedupe, windows: BTreeSet::new() }
    }

    pub(crate) fn begin_segment(&mut self) {
        if self.dedupe == Dedupe::PerSegment {
            self.windows.clear();
        }
    }

    /// Whether a window is to be left out as a repetition.
    pub(crate) fn is_repeated(&mut self, window: &T) -> bool {
        self.dedupe != Dedupe::Off && !self.windows.insert(window.clone())
    }
}

/// Leaves out what is over the cap.
pub(crate) fn cap<W>(conversion: &mut Conversion<W>, max_windows: Option<usize>) {
    if let Some(max) = max_windows {
        conversion.skip_n(SkipReason::OverCap, conversion.windows.len().saturating_sub(max));
        conversion.windows.truncate(max);
    }
}
