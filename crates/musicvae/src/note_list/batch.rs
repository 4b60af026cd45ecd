//! Windows of note lists, and batches of them in the order the model reads.

use std::ops::Range;
use std::sync::Arc;

use note_seq::{Meter, NoteList, NoteListEncoding};
use thiserror::Error;

use super::order::ListOrder;
use crate::recurrent::SymbolSteps;
use crate::train::Corpus;

/// Windows of one encoding: what a model is trained on and encodes.
#[derive(Clone, Copy, Debug)]
pub struct NoteListWindows<'a> {
    lists: &'a [NoteList],
    corpora: &'a [Corpus],
}

/// Why lists are no windows of a model.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteListWindowsError {
    /// A list has another encoding.
    #[error("window {window} is in another encoding than the model's; convert its music again")]
    Encoding {
        /// Which, counted from 0.
        window: usize,
    },
    /// A corpus has no windows, or no weight above 0.
    #[error("corpus {corpus} has no windows of those given, or its weight is not above 0")]
    Corpus {
        /// Which, counted from 0.
        corpus: usize,
    },
}

impl<'a> NoteListWindows<'a> {
    /// Checks and wraps `lists`, which are drawn epoch by epoch, each once.
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

    /// The same windows, drawn in training by corpus and weight: a small corpus is heard more often
    /// than its share of windows says, and a large one less. A power of their number below 1 is a
    /// usual weight.
    ///
    /// # Errors
    /// If a corpus has no windows or no weight.
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

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The windows.
    pub fn lists(&self) -> &'a [NoteList] {
        self.lists
    }

    /// What is drawn together, if anything is.
    pub fn corpora(&self) -> &'a [Corpus] {
        self.corpora
    }
}

/// Classes to predict, and those that were possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    pub(super) classes: Vec<i32>,
    /// The classes possible, for each target. The onset's last class, the end of the list, always
    /// is one.
    pub(super) allowed: Vec<Range<usize>>,
}

impl Targets {
    fn push(&mut self, class: usize, allowed: Range<usize>) {
        self.classes.push(id(class));
        self.allowed.push(allowed);
    }
}

/// Some windows, in the order the model reads: the lists of all cells step by step, from the
/// longest list to the shortest.
#[derive(Clone, Debug)]
pub struct NoteListBatch {
    pub(super) n_windows: usize,
    /// The class of each window's meter, `[B]`.
    pub(super) meters: Vec<i32>,
    /// Which cell each list is of: `cell * B + window`, `[U]`.
    pub(super) cells: Vec<i32>,
    /// `[R, F]`, packed: the note before, or the symbol behind all classes at the start of a list.
    pub(super) inputs: Arc<SymbolSteps>,
    /// The steps of lists that are a note, `[N]` of `0..R`: the first of each step.
    pub(super) note_rows: Vec<i32>,
    /// `[N, F]`: classes of each note, each field in a range of its own.
    pub(super) notes: Arc<SymbolSteps>,
    /// The list that each note is of, `[N]` of `0..U`.
    pub(super) lists: Vec<i32>,
    /// The position of each note or the end, `[R]`.
    pub(super) positions: Targets,
    /// The other fields, `[N]` each.
    pub(super) fields: Vec<Targets>,
}

/// The list of one cell.
struct CellList {
    /// `cell * B + window`.
    cell: usize,
    /// Positions in the cell.
    len: usize,
    /// The classes of each note, the onset counted from the start of the cell.
    notes: Vec<Vec<u16>>,
}

fn id(n: usize) -> i32 {
    i32::try_from(n).expect("a batch has fewer rows than an i32 counts")
}

/// The lists of each cell of a window that its meter has.
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
    /// Puts windows of one encoding together.
    ///
    /// # Panics
    /// If there is no window, or encodings differ.
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a NoteList>) -> Self {
        let lists: Vec<&NoteList> = lists.into_iter().collect();
        let encoding = lists.first().expect("a batch has a window").encoding();
        assert!(lists.iter().all(|list| list.encoding() == encoding), "one encoding");
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
        // Stable, so that the order depends on the windows alone.
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

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.n_windows
    }

    /// Whether there is no window, which is never so.
    pub fn is_empty(&self) -> bool {
        self.n_windows == 0
    }

    /// The number of notes.
    pub fn n_notes(&self) -> usize {
        self.lists.len()
    }
}

/// Classes of each field within a cell, see [`super::NoteListVaeConfig::n_classes`].
pub(super) fn n_classes(encoding: NoteListEncoding) -> Vec<usize> {
    let fields = encoding.fields().iter().skip(1).map(|field| usize::from(field.n_classes));
    std::iter::once(encoding.max_positions()).chain(fields).collect()
}

/// Meters that a model knows.
pub(super) const N_METERS: usize = Meter::N_CLASSES as usize;
