//! The controllers and bends of one channel, in order.

use std::collections::BTreeMap;

/// Marks a reset by controller 121 among the bends; no bend has this value.
pub(super) const RESET: i16 = i16::MIN;

/// Controllers that controller 121 resets, and their values after it (MIDI Manufacturers
/// Association, RP-015).
const RESETS: [(u8, u8); 8] =
    [(1, 0), (11, 127), (64, 0), (65, 0), (66, 0), (67, 0), (68, 0), (69, 0)];

/// Controllers of one channel, shared by all its instruments.
#[derive(Debug, Clone, Default)]
pub(super) struct Controls {
    pub(super) changes: Vec<(u64, u8, u8)>,
    pub(super) bends: Vec<(u64, i16)>,
}

impl Controls {
    pub(super) fn len(&self) -> usize {
        self.changes.len() + self.bends.len()
    }

    /// Sorts by tick and adds explicit controllers and bends for what a reset (controller 121)
    /// changes.
    pub(super) fn put_in_order(&mut self) {
        self.changes.sort_by_key(|c| c.0);
        self.bends.sort_by_key(|b| b.0);
        if self.bends.iter().all(|b| b.1 != RESET) {
            return;
        }
        let mut bend = 0;
        self.bends.retain_mut(|(_, value)| {
            let before = bend;
            bend = if *value == RESET { 0 } else { *value };
            let is_kept = *value != RESET || before != 0;
            *value = bend;
            is_kept
        });
        let mut values = BTreeMap::from(RESETS);
        let mut changes = Vec::with_capacity(self.changes.len());
        for (tick, number, value) in self.changes.drain(..) {
            if number == 121 {
                for (number, default) in RESETS {
                    if values.insert(number, default) != Some(default) {
                        changes.push((tick, number, default));
                    }
                }
            }
            if let Some(known) = values.get_mut(&number) {
                *known = value;
            }
            changes.push((tick, number, value));
        }
        self.changes = changes;
    }
}
