//! [`SparseResponsibilities`]: the responsibilities of one block of rows, by component, without
//! negligible ones.

use crate::density::BLOCK_ROWS;
use crate::kernels::diagonal::Lists;

/// For each component, rows of a block with a value for each.
#[derive(Clone, Debug)]
pub(super) struct SparseResponsibilities {
    /// `[K][BLOCK_ROWS]`, of which each component's span is used.
    rows: Vec<u32>,
    values: Vec<f64>,
    /// Start and end of each component's rows.
    spans: Vec<(usize, usize)>,
    /// The end of each span, which was added since [`settle`](Self::settle).
    added: Vec<(usize, usize)>,
}

impl SparseResponsibilities {
    pub(super) fn new(n_components: usize) -> Self {
        Self {
            rows: vec![0; n_components * BLOCK_ROWS],
            values: vec![0.0; n_components * BLOCK_ROWS],
            spans: (0..n_components).map(|k| (k * BLOCK_ROWS, k * BLOCK_ROWS)).collect(),
            added: (0..n_components).map(|k| (k * BLOCK_ROWS, k * BLOCK_ROWS)).collect(),
        }
    }

    pub(super) fn n_components(&self) -> usize {
        self.spans.len()
    }

    /// Removes all rows.
    pub(super) fn clear(&mut self) {
        for (k, (span, added)) in self.spans.iter_mut().zip(&mut self.added).enumerate() {
            *span = (k * BLOCK_ROWS, k * BLOCK_ROWS);
            *added = *span;
        }
    }

    /// Adds a row to a component.
    pub(super) fn push(&mut self, component: usize, row: u32, value: f64) {
        let at = self.spans[component].1;
        self.rows[at] = row;
        self.values[at] = value;
        self.spans[component].1 += 1;
        self.added[component].1 += 1;
    }

    /// Rows of a component, and their values.
    pub(super) fn of(&self, component: usize) -> (&[u32], &[f64]) {
        let (first, end) = self.spans[component];
        (&self.rows[first..end], &self.values[first..end])
    }

    /// Rows of a component, and their values for modification.
    pub(super) fn of_mut(&mut self, component: usize) -> (&[u32], &mut [f64]) {
        let (first, end) = self.spans[component];
        (&self.rows[first..end], &mut self.values[first..end])
    }

    /// Rows of all components, and the values at the positions of the lists.
    pub(super) fn lists(&self) -> (Lists<'_>, &[f64]) {
        (Lists { rows: &self.rows, spans: &self.spans }, &self.values)
    }

    /// Adds the selected rows to a component, which has had each of them at most once.
    pub(super) fn extend(&mut self, component: usize, wanted: &[bool]) {
        let (first, limit) = (self.spans[component].1, (component + 1) * BLOCK_ROWS);
        let mut end = first;
        // A row is written before it is known whether it is kept, to avoid branch mispredictions;
        // only a component with all rows has no space for that.
        for (row, wanted) in (0_u32..).zip(wanted) {
            if end == limit {
                break;
            }
            self.rows[end] = row;
            end += usize::from(*wanted);
        }
        self.spans[component].1 = end;
        self.added[component].1 = end;
    }

    /// The rows added to each component since [`settle`](Self::settle), and the values at the
    /// positions of the lists.
    pub(super) fn fresh(&mut self) -> (Lists<'_>, &mut [f64]) {
        (Lists { rows: &self.rows, spans: &self.added }, &mut self.values)
    }

    /// The rows added to one component since then, with their values.
    pub(super) fn added(&mut self, component: usize) -> (&[u32], &mut [f64]) {
        let (first, end) = self.added[component];
        (&self.rows[first..end], &mut self.values[first..end])
    }

    /// Marks all added rows as old.
    pub(super) fn settle(&mut self) {
        for (first, end) in &mut self.added {
            *first = *end;
        }
    }

    /// Multiplies the values of a component by the factors of their rows, and removes those that
    /// are then not above `least`.
    pub(super) fn keep_above(&mut self, component: usize, factors: &[f64], least: f64) {
        let (first, limit) = self.spans[component];
        let mut end = first;
        for at in first..limit {
            let row = self.rows[at];
            let value = self.values[at] * factors[row as usize];
            (self.rows[end], self.values[end]) = (row, value);
            end += usize::from(value > least);
        }
        self.spans[component].1 = end;
    }
}
