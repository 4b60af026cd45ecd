//! A window as a list of notes.

use serde::{Deserialize, Serialize};

use super::{Family, Field, ListNote, Meter, NoteListEncoding, NoteListError};

/// The notes that start in a window, as classes: sorted by onset, then pitch (or drum), then
/// family, no two alike in these three.
///
/// # Examples
/// ```
/// use note_seq::{Meter, NoteList, NoteListEncoding, NoteListPlayback};
/// // Onset, family, pitch, duration class, dynamics: C and E together, then G, for a quarter each.
/// let tokens = vec![0, 0, 60, 7, 0, 0, 0, 64, 7, 0, 12, 0, 67, 7, 0];
/// let list = NoteList::new(NoteListEncoding::POLY_2BAR, Meter::COMMON, tokens)?;
/// assert_eq!(list.len(), 3);
/// let sequence = list.to_sequence(&NoteListPlayback::default());
/// let spans: Vec<_> =
///     sequence.notes.iter().map(|n| (n.pitch.get(), n.start_time, n.end_time)).collect();
/// assert_eq!(spans, [(60, 0.0, 0.5), (64, 0.0, 0.5), (67, 0.5, 1.0)]);
/// # Ok::<(), note_seq::NoteListError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "ListForm", into = "ListForm")]
pub struct NoteList {
    encoding: NoteListEncoding,
    meter: Meter,
    tokens: Vec<u16>,
}

/// How a list is written.
#[derive(Serialize, Deserialize)]
struct ListForm {
    encoding: NoteListEncoding,
    meter: Meter,
    tokens: Vec<u16>,
}

impl NoteList {
    /// A list of `tokens`, [`NoteListEncoding::n_fields`] a note.
    ///
    /// # Errors
    /// [`NoteListError`] for tokens that are no list of notes of this encoding and meter, or not in
    /// order; [`Self::sorted`] puts them in order.
    pub fn new(
        encoding: NoteListEncoding,
        meter: Meter,
        tokens: Vec<u16>,
    ) -> Result<Self, NoteListError> {
        check(encoding, meter, &tokens)?;
        let key = |note: &[u16]| sort_key(encoding, note);
        let rows: Vec<&[u16]> = tokens.chunks_exact(encoding.n_fields()).collect();
        if let Some(i) = rows.windows(2).position(|pair| key(pair[0]) >= key(pair[1])) {
            return Err(NoteListError::NotSorted { note: i + 1 });
        }
        Ok(Self { encoding, meter, tokens })
    }

    /// A list of tokens in any order, as a model generates them, and the number of notes left out
    /// because they repeat the onset, pitch and family of one before them.
    ///
    /// # Errors
    /// [`NoteListError`] for tokens that are no list of notes of this encoding and meter.
    pub fn sorted(
        encoding: NoteListEncoding,
        meter: Meter,
        tokens: &[u16],
    ) -> Result<(Self, usize), NoteListError> {
        check(encoding, meter, tokens)?;
        let mut rows: Vec<&[u16]> = tokens.chunks_exact(encoding.n_fields()).collect();
        let n_before = rows.len();
        // Stable, so that of equals the first stays.
        rows.sort_by_key(|note| sort_key(encoding, note));
        rows.dedup_by_key(|note| sort_key(encoding, note));
        let n_repeated = n_before - rows.len();
        Ok((Self { encoding, meter, tokens: rows.concat() }, n_repeated))
    }

    /// The nearest list to some notes ([`NoteListEncoding::encode`]). Of notes that share onset,
    /// pitch and family the first stays; notes whose onset is past the window are an error.
    ///
    /// # Errors
    /// [`NoteListError::UnknownClass`] for an onset past the window.
    pub fn from_notes(
        encoding: NoteListEncoding,
        meter: Meter,
        notes: impl IntoIterator<Item = ListNote>,
    ) -> Result<Self, NoteListError> {
        let tokens: Vec<u16> = notes.into_iter().flat_map(|n| encoding.encode(&n)).collect();
        Self::sorted(encoding, meter, &tokens).map(|(list, _)| list)
    }

    /// The meaning of the classes.
    pub const fn encoding(&self) -> NoteListEncoding {
        self.encoding
    }

    /// The meter of the window's bars.
    pub const fn meter(&self) -> Meter {
        self.meter
    }

    /// The classes, note after note.
    pub fn tokens(&self) -> &[u16] {
        &self.tokens
    }

    /// The classes, note after note, as a vector.
    pub fn into_tokens(self) -> Vec<u16> {
        self.tokens
    }

    /// The window as one row of tokens: the class of its meter, then the classes of its notes.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Meter, NoteList, NoteListEncoding};
    /// let encoding = NoteListEncoding::POLY_2BAR;
    /// let list = NoteList::new(encoding, Meter::COMMON, vec![0, 0, 60, 7, 0])?;
    /// assert_eq!(list.to_row(), [15, 0, 0, 60, 7, 0]);
    /// assert_eq!(NoteList::from_row(encoding, &list.to_row())?, list);
    /// # Ok::<(), note_seq::NoteListError>(())
    /// ```
    pub fn to_row(&self) -> Vec<u16> {
        std::iter::once(self.meter.class()).chain(self.tokens.iter().copied()).collect()
    }

    /// The window of a row of tokens, see [`Self::to_row`].
    ///
    /// # Errors
    /// [`NoteListError`] for tokens that are not a meter followed by notes of this encoding, in
    /// order.
    pub fn from_row(encoding: NoteListEncoding, row: &[u16]) -> Result<Self, NoteListError> {
        let found = row.first().copied();
        let meter = found.and_then(Meter::from_class).ok_or(NoteListError::Meter { found })?;
        Self::new(encoding, meter, row[1..].to_vec())
    }

    /// The number of notes.
    pub fn len(&self) -> usize {
        self.tokens.len() / self.encoding.n_fields()
    }

    /// Whether no note starts in the window.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The classes of each note.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u16> {
        self.tokens.chunks_exact(self.encoding.n_fields())
    }

    /// The notes.
    pub fn notes(&self) -> impl ExactSizeIterator<Item = ListNote> {
        self.rows().map(|row| self.encoding.note(row))
    }

    /// The list `semitones` higher; drums stay as they are. `None` if a note would leave 0 to 127.
    #[must_use]
    pub fn transposed(&self, semitones: i32) -> Option<Self> {
        let Some(pitch) = self.encoding.index_of(Field::Pitch) else { return Some(self.clone()) };
        let family = self.encoding.index_of(Field::Family);
        let mut moved = self.clone();
        for row in moved.tokens.chunks_exact_mut(self.encoding.n_fields()) {
            if family.is_none_or(|family| row[family] != Family::Drums.class()) {
                let target = i32::from(row[pitch]) + semitones;
                row[pitch] = u16::try_from(target).ok().filter(|p| *p < 128)?;
            }
        }
        // If drums and tones start together, their order may have changed.
        Self::sorted(self.encoding, self.meter, &moved.tokens).ok().map(|(list, _)| list)
    }

    /// The list `semitones` higher, or by less if a note would leave 0 to 127, and the number of
    /// semitones it was transposed by.
    #[must_use]
    pub fn transposed_within(&self, semitones: i32) -> (Self, i32) {
        if !self.encoding.has_tones() {
            return (self.clone(), 0);
        }
        let tones = self.notes().filter(|note| note.family != Family::Drums);
        let (lowest, highest) = tones.fold((127, 0), |(lowest, highest), note| {
            let pitch = i32::from(note.pitch.get());
            (pitch.min(lowest), pitch.max(highest))
        });
        let by = if lowest > highest { 0 } else { semitones.clamp(-lowest, 127 - highest) };
        (self.transposed(by).expect("every note stays within 0 to 127"), by)
    }
}

fn check(encoding: NoteListEncoding, meter: Meter, tokens: &[u16]) -> Result<(), NoteListError> {
    let n_fields = encoding.n_fields();
    if !tokens.len().is_multiple_of(n_fields) {
        return Err(NoteListError::Length { found: tokens.len(), n_fields });
    }
    for (i, note) in tokens.chunks_exact(n_fields).enumerate() {
        encoding.check(meter, note, i)?;
    }
    Ok(())
}

/// Onset, pitch or drum, family.
pub(super) fn sort_key(encoding: NoteListEncoding, note: &[u16]) -> (u16, u16, u16) {
    let mut key = (note[0], 0, 0);
    for (spec, class) in encoding.fields().iter().zip(note) {
        match spec.field {
            Field::Pitch | Field::Drum => key.1 = *class,
            Field::Family => key.2 = *class,
            _ => {}
        }
    }
    key
}

impl TryFrom<ListForm> for NoteList {
    type Error = NoteListError;

    fn try_from(form: ListForm) -> Result<Self, NoteListError> {
        Self::new(form.encoding, form.meter, form.tokens)
    }
}

impl From<NoteList> for ListForm {
    fn from(list: NoteList) -> Self {
        Self { encoding: list.encoding, meter: list.meter, tokens: list.tokens }
    }
}
