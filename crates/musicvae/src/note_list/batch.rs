//! Windows of note lists, and batches of them in the order in which the model reads them.

use std::ops::Range;
use std::sync::Arc;

use note_seq::{Meter, NoteList, NoteListEncoding};
use thiserror::Error;

use super::order::ListOrder;
use crate::recurrent::SymbolSteps;
use crate::train::Corpus;

/// Windows of one encoding, for a model to train on or to encode.
#[derive(Clone, Copy, Debug)]
pub struct NoteListWindows<'a> {
    lists: &'a [NoteList],
    corpora: &'a [Corpus],
}

/// Why lists are not windows of a model.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteListWindowsError {
    /// A list has another encoding.
    #[error("window {window} has a different encoding than the model; convert its music again")]
    Encoding {
        /// Index of the window, from 0.
        window: usize,
    },
    /// A corpus has no windows, or its weight is not above 0.
    #[error("corpus {corpus} contains none of the given windows, or its weight is not above 0")]
    Corpus {
        /// Index of the corpus, from 0.
        corpus: usize,
    },
}

impl<'a> NoteListWindows<'a> {
    /// Checks and wraps `lists`. Training uses each of them once per epoch.
    ///
    /// # Errors
    /// If a list has another encoding.
    pub fn new(
        lists: &'a [NoteList],
        encoding: NoteListEncoding,
    ) -> Result<Self, NoteListWindowsError> {
        match lists.iter().position(|list| list.encoding() != encoding) {
            Some(window) => Err(NoteListWindowsError::Encoding { window }),
            None => Ok(Self { lists, corpora: &[] }),
        }
    }

    /// The same windows, which training samples by corpus and weight, so that a small corpus is
    /// used more often than in proportion to its windows, and a large one less often. A usual
    /// weight is the number of windows raised to a power below 1.
    ///
    /// # Errors
    /// If a corpus has no windows, or if its weight is not above 0.
    pub fn with_corpora(self, corpora: &'a [Corpus]) -> Result<Self, NoteListWindowsError> {
        let is_good = |corpus: &Corpus| {
            let Range { start, end } = corpus.windows;
            let weight = corpus.weight;
            start < end && end <= self.lists.len() && weight > 0.0 && weight.is_finite()
        };
        match corpora.iter().position(|corpus| !is_good(corpus)) {
            Some(corpus) => Err(NoteListWindowsError::Corpus { corpus }),
            None => Ok(Self { corpora, ..self }),
        }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The windows.
    pub fn lists(&self) -> &'a [NoteList] {
        self.lists
    }

    /// The corpora to sample from; empty if each window is used once per epoch.
    pub fn corpora(&self) -> &'a [Corpus] {
        self.corpora
    }
}

/// The classes to predict, and the classes that were possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    pub(super) classes: Vec<i32>,
    /// The possible classes of each target. In addition, the last class of the onset, which is the
    /// end of the list, is always possible.
    pub(super) allowed: Vec<Range<usize>>,
}

impl Targets {
    fn push(&mut self, class: usize, allowed: Range<usize>) {
        self.classes.push(id(class));
        self.allowed.push(allowed);
    }
}

/// A batch of windows in the order in which the model reads them: the lists of all cells step by
/// step, sorted from the longest list to the shortest.
#[derive(Clone, Debug)]
pub struct NoteListBatch {
    pub(super) n_windows: usize,
    /// The class of each window's meter, `[B]`.
    pub(crate) meters: Vec<i32>,
    /// The cell of each list, `cell * B + window`, `[U]`.
    pub(crate) cells: Vec<i32>,
    /// `[R, F]`, packed: the previous note, or at the start of a list the symbol after all classes.
    pub(super) inputs: Arc<SymbolSteps>,
    /// The rows of `inputs` whose next symbol is a note and not an end, `[N]` of `0..R`: the first
    /// rows of each step.
    pub(super) note_rows: Vec<i32>,
    /// `[N, F]`: the classes of each note, where each field has a separate range.
    pub(crate) notes: Arc<SymbolSteps>,
    /// The list of each note, `[N]` of `0..U`.
    pub(super) lists: Vec<i32>,
    /// The position of each note, or the end, `[R]`.
    pub(super) positions: Targets,
    /// The other fields, `[N]` each.
    pub(super) fields: Vec<Targets>,
}

/// The list of one cell.
struct CellList {
    /// `cell * B + window`.
    cell: usize,
    /// Number of positions in the cell.
    len: usize,
    /// The classes of each note, the onset counted from the start of the cell.
    notes: Vec<Vec<u16>>,
}

fn id(n: usize) -> i32 {
    i32::try_from(n).expect("the rows of a batch fit an i32")
}

/// The length and the notes of each cell of a window, as its meter defines them.
fn cells_of(list: &NoteList) -> Vec<(usize, Vec<Vec<u16>>)> {
    let (encoding, meter) = (list.encoding(), list.meter());
    let lens = (0..encoding.n_cells(meter)).map(|cell| encoding.cell_len(meter, cell));
    let mut cells: Vec<(usize, Vec<Vec<u16>>)> = lens.map(|len| (len, Vec::new())).collect();
    for row in list.rows() {
        let (cell, position) = encoding.cell_of(meter, row[0]);
        let mut note = row.to_vec();
        note[0] = u16::try_from(position).expect("a cell is shorter than a window");
        cells[cell].1.push(note);
    }
    cells
}

impl NoteListBatch {
    /// Makes a batch of windows of one encoding.
    ///
    /// # Panics
    /// If there are no windows, or if their encodings differ.
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a NoteList>) -> Self {
        let lists: Vec<&NoteList> = lists.into_iter().collect();
        let encoding = lists.first().expect("a batch has at least one window").encoding();
        assert!(
            lists.iter().all(|list| list.encoding() == encoding),
            "all windows must have the same encoding"
        );
        let n_windows = lists.len();
        let mut cells: Vec<CellList> = Vec::new();
        for (window, list) in lists.iter().enumerate() {
            let of_window = cells_of(list).into_iter().enumerate();
            cells.extend(of_window.map(|(cell, (len, notes))| CellList {
                cell: cell * n_windows + window,
                len,
                notes,
            }));
        }
        // A stable sort, so that the order depends only on the windows.
        cells.sort_by_key(|cell| std::cmp::Reverse(cell.notes.len()));
        let classes = n_classes(encoding);
        let meters = lists.iter().map(|list| i32::from(list.meter().class())).collect();
        Self::of_cells(encoding, &classes, n_windows, meters, &cells)
    }

    fn of_cells(
        encoding: NoteListEncoding,
        n_classes: &[usize],
        n_windows: usize,
        meters: Vec<i32>,
        cells: &[CellList],
    ) -> Self {
        let order = ListOrder::new(encoding);
        let n_fields = n_classes.len();
        let firsts: Vec<usize> =
            n_classes.iter().scan(0, |sum, n| Some(std::mem::replace(sum, *sum + n))).collect();
        let start = id(n_classes.iter().sum());
        let symbols = |note: &[u16]| -> Vec<i32> {
            note.iter().zip(&firsts).map(|(class, first)| id(first + usize::from(*class))).collect()
        };
        let longest = cells.first().map_or(0, |cell| cell.notes.len());
        let mut batch_sizes = vec![cells.len()];
        let (mut inputs, mut notes, mut note_sizes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut note_rows, mut of_lists) = (Vec::new(), Vec::new());
        let mut positions = Targets::default();
        let mut fields = vec![Targets::default(); n_fields - 1];
        for step in 0..=longest {
            let first_row = positions.classes.len();
            for (at, cell) in cells.iter().take(batch_sizes[step]).enumerate() {
                let previous = step.checked_sub(1).map(|step| &cell.notes[step][..]);
                if let Some(note) = previous {
                    inputs.extend(symbols(note));
                } else {
                    inputs.push(start);
                    inputs.extend(std::iter::repeat_n(SymbolSteps::NONE, n_fields - 1));
                }
                let possible = ListOrder::positions(previous, cell.len);
                let Some(note) = cell.notes.get(step) else {
                    positions.push(n_classes[0], possible);
                    continue;
                };
                positions.push(usize::from(note[0]), possible);
                for field in 1..n_fields {
                    let (known, n) = (&note[..field], n_classes[field]);
                    let possible = order.classes(field, n, known, previous);
                    fields[field - 1].push(usize::from(note[field]), possible);
                }
                notes.extend(symbols(note));
                note_rows.push(id(first_row + at));
                of_lists.push(id(at));
            }
            let n_notes = cells.partition_point(|cell| cell.notes.len() > step);
            if n_notes > 0 {
                batch_sizes.push(n_notes);
                note_sizes.push(n_notes);
            }
        }
        Self {
            n_windows,
            meters,
            cells: cells.iter().map(|cell| id(cell.cell)).collect(),
            inputs: Arc::new(SymbolSteps::packed(inputs, batch_sizes, n_fields)),
            note_rows,
            notes: Arc::new(SymbolSteps::packed(notes, note_sizes, n_fields)),
            lists: of_lists,
            positions,
            fields,
        }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.n_windows
    }

    /// Whether there are no windows; always `false`.
    pub fn is_empty(&self) -> bool {
        self.n_windows == 0
    }

    /// Number of notes.
    pub fn n_notes(&self) -> usize {
        self.lists.len()
    }
}

/// Number of classes of each field within a cell, see [`super::NoteListVaeConfig::n_classes`].
pub(super) fn n_classes(encoding: NoteListEncoding) -> Vec<usize> {
    let fields = encoding.fields().iter().skip(1).map(|field| usize::from(field.n_classes));
    std::iter::once(encoding.max_positions()).chain(fields).collect()
}

/// Number of meters that a model supports.
pub(super) const N_METERS: usize = Meter::N_CLASSES as usize;
