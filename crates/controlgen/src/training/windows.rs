//! Properties of each form of model that training depends on.

use std::ops::Range;

use musicvae::note_list::{NoteListVaeConfig, NoteListWindows};
use musicvae::train::{Corpus, Trainable};
use musicvae::{Baselines, MusicVaeConfig, Scores, WindowLayout, Windows, baselines};
use note_seq::NoteList;
use note_seq::window::WindowFormError;

/// Exponent of a corpus's number of windows in how often training draws from it. Below 1, so that a
/// small corpus is drawn more often than its size alone implies.
const BALANCE: f64 = 0.6;

/// Frequency of draws from each part of a corpus: the number of its windows raised to the
/// power [`BALANCE`].
pub(super) fn drawn(roots: &[Range<usize>]) -> Vec<Corpus> {
    let weight = |windows: &Range<usize>| (windows.len() as f64).powf(BALANCE);
    roots.iter().map(|root| Corpus { windows: root.clone(), weight: weight(root) }).collect()
}

/// Windows with at most `most` tokens in total, evenly spaced; at least one, if there is any.
pub(crate) fn every_nth(windows: &[Vec<u16>], most: usize) -> Vec<Vec<u16>> {
    let n_tokens: usize = windows.iter().map(Vec::len).sum();
    let every = n_tokens.div_ceil(most).max(1);
    windows.iter().step_by(every).cloned().collect()
}

/// A configuration whose models are trained on the windows of a corpus folder.
pub(super) trait TrainedOnRows: Trainable<Evaluation: Into<Scores>> {
    /// Windows in the format the model reads.
    type Stored;

    /// Whether training draws by corpus; otherwise all windows are equally likely.
    const DRAWS_BY_CORPUS: bool;

    /// Checks windows and converts them to the format the model reads.
    fn store(&self, rows: &[Vec<u16>]) -> Result<Self::Stored, WindowFormError>;

    /// The windows to train on, drawn by corpus if there are several and the model supports it.
    fn windows<'a>(stored: &'a Self::Stored, corpora: &'a [Corpus]) -> Self::Windows<'a>;

    /// Scores of predictors without a model.
    fn baselines(train: Self::Windows<'_>, heldout: Self::Windows<'_>) -> Option<Baselines>;
}

/// Windows of steps, row-major.
pub(super) struct Steps {
    tokens: Vec<u16>,
    layout: WindowLayout,
}

impl TrainedOnRows for MusicVaeConfig {
    type Stored = Steps;

    const DRAWS_BY_CORPUS: bool = false;

    fn store(&self, rows: &[Vec<u16>]) -> Result<Steps, WindowFormError> {
        let form = note_seq::window::WindowForm::Steps(self.window());
        rows.iter().try_for_each(|row| form.check(row))?;
        Ok(Steps { tokens: rows.concat(), layout: self.window() })
    }

    fn windows<'a>(stored: &'a Steps, _: &'a [Corpus]) -> Windows<'a> {
        Windows::new(&stored.tokens, &stored.layout).expect("every row was checked")
    }

    fn baselines(train: Windows<'_>, heldout: Windows<'_>) -> Option<Baselines> {
        baselines(train, heldout)
    }
}

/// Windows that are lists of notes.
pub(super) struct Lists {
    lists: Vec<NoteList>,
    encoding: note_seq::NoteListEncoding,
}

impl TrainedOnRows for NoteListVaeConfig {
    type Stored = Lists;

    const DRAWS_BY_CORPUS: bool = true;

    fn store(&self, rows: &[Vec<u16>]) -> Result<Lists, WindowFormError> {
        let list = |row: &Vec<u16>| Ok(NoteList::from_row(self.encoding, row)?);
        let lists: Result<_, WindowFormError> = rows.iter().map(list).collect();
        Ok(Lists { lists: lists?, encoding: self.encoding })
    }

    fn windows<'a>(stored: &'a Lists, corpora: &'a [Corpus]) -> NoteListWindows<'a> {
        let windows = NoteListWindows::new(&stored.lists, stored.encoding);
        let windows = windows.and_then(|windows| windows.with_corpora(corpora));
        windows.expect("lists of the model's encoding, in corpora that are not empty")
    }

    fn baselines(_: NoteListWindows<'_>, _: NoteListWindows<'_>) -> Option<Baselines> {
        None
    }
}
