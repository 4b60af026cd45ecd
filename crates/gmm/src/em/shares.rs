//! [`Shares`]: the responsibilities of one block of rows, component by component, negligible ones left out.

use crate::density::BLOCK_ROWS;

/// For each component, rows of a block and a value for each.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    /// `[K][BLOCK_ROWS]`, of which the first `counts[k]` are in use.
    rows: Vec<u32>,
    values: Vec<f64>,
    counts: Vec<usize>,
}

impl Shares {
    pub(super) fn new(n_components: usize) -> Self {
        Self {
            rows: vec![0; n_components * BLOCK_ROWS],
            values: vec![0.0; n_components * BLOCK_ROWS],
            counts: vec![0; n_components],
        }
    }

    pub(super) fn n_components(&self) -> usize {
        self.counts.len()
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Adds a row to a component.
    pub(super) fn push(&mut self, component: usize, row: u32, value: f64) {
        let at = component * BLOCK_ROWS + self.counts[component];
        self.rows[at] = row;
        self.values[at] = value;
        self.counts[component] += 1;
    }

    /// Rows of a component and their values.
    pub(super) fn of(&self, component: usize) -> (&[u32], &[f64]) {
        let first = component * BLOCK_ROWS;
        let used = first..first + self.counts[component];
        (&self.rows[used.clone()], &self.values[used])
    }

    /// Rows of a component and their values, to be changed.
    pub(super) fn of_mut(&mut self, component: usize) -> (&[u32], &mut [f64]) {
        let first = component * BLOCK_ROWS;
        let used = first..first + self.counts[component];
        (&self.rows[used.clone()], &mut self.values[used])
    }

    /// Adds the rows that pass `wanted` to a component and returns them with room for their values.
    pub(super) fn extend(
        &mut self,
        component: usize,
        n_rows: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> (&[u32], &mut [f64]) {
        let first = component * BLOCK_ROWS + self.counts[component];
        let (mut end, limit) = (first, (component + 1) * BLOCK_ROWS);
        for row in 0..n_rows {
            if end == limit {
                break;
            }
            // The slot is overwritten by the next row unless this one is wanted: no branch to mispredict.
            self.rows[end] = row as u32;
            end += usize::from(wanted(row));
        }
        self.counts[component] += end - first;
        (&self.rows[first..end], &mut self.values[first..end])
    }

    /// Leaves out the values of a component that are not above `least`.
    pub(super) fn keep_above(&mut self, component: usize, least: f64) {
        let first = component * BLOCK_ROWS;
        let mut end = first;
        for at in first..first + self.counts[component] {
            self.rows[end] = self.rows[at];
            self.values[end] = self.values[at];
            end += usize::from(self.values[at] > least);
        }
        self.counts[component] = end - first;
    }
}
