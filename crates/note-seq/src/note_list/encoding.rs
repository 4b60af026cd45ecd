//! Encoding of a note in a list as small classes: fields, their classes, the grid, cells.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::field::{DURATIONS, Field, FieldSpec, class, n_durations, set};
use super::meter::{Meter, TICKS_PER_SIXTEENTH};
use super::{Family, ListNote, NoteListError};
use crate::drums::N_DRUM_CLASSES;

/// Encoding of the notes of a window as classes: the number of bars, the grid, the fields.
///
/// A note is one class for each of [`Self::fields`], in order; the first is always the onset. A
/// window of any [`Meter`] is divided into *cells*, one per beat: [`Self::cell_of`].
///
/// # Examples
/// ```
/// use note_seq::{Meter, NoteListEncoding};
/// let encoding = NoteListEncoding::POLY_2BAR;
/// let classes: Vec<_> = encoding.fields().iter().map(|f| (f.name(), f.n_classes)).collect();
/// assert_eq!(
///     classes,
///     [("onset", 144), ("family", 6), ("pitch", 128), ("duration", 18), ("dynamics", 9)]
/// );
/// let jig = Meter::from_signature(6, 8).unwrap();
/// assert_eq!((encoding.n_steps(jig), encoding.n_cells(jig)), (72, 4));
/// assert_eq!(encoding.cell_of(jig, 20), (1, 2)); // the second dotted quarter, tick 2 of it
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "EncodingForm", into = "EncodingForm")]
pub struct NoteListEncoding {
    n_bars: u8,
    ticks_per_step: u8,
    n_fields: u8,
    fields: [FieldSpec; MAX_FIELDS],
}

/// Maximum number of fields.
pub(crate) const MAX_FIELDS: usize = 6;

/// Serialized form of an encoding.
#[derive(Serialize, Deserialize)]
struct EncodingForm {
    n_bars: u8,
    ticks_per_step: u8,
    fields: Vec<FieldSpec>,
}

/// An invalid encoding.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("this is not an encoding of note lists: {0}")]
pub struct BadNoteListEncoding(String);

const PAD: FieldSpec = FieldSpec::new(Field::Onset, 0);

impl NoteListEncoding {
    /// Two bars of everything except drums: onset in ticks, family, pitch, duration, dynamics.
    pub const POLY_2BAR: Self = Self::poly(2, 6);

    /// Four bars of everything but drums, with the fields of [`Self::POLY_2BAR`].
    pub const POLY_4BAR: Self = Self::poly(4, 6);

    /// Two bars of everything including drums as a seventh family, whose pitch is the percussion
    /// key.
    pub const ALL_2BAR: Self = Self::poly(2, 7);

    /// Two bars of drums as played: onset in sixteenths, offset in twelfths of one, drum, velocity.
    pub const DRUMS_2BAR_GROOVE: Self = Self {
        n_bars: 2,
        ticks_per_step: TICKS_PER_SIXTEENTH,
        n_fields: 4,
        fields: [
            FieldSpec::new(Field::Onset, 48),
            FieldSpec::new(Field::Offset, 12),
            FieldSpec::new(Field::Drum, N_DRUM_CLASSES as u16),
            FieldSpec::new(Field::Velocity, 16),
            PAD,
            PAD,
        ],
    };

    const fn poly(n_bars: u8, n_families: u16) -> Self {
        let n_steps = Meter::MAX_BAR as u16 * n_bars as u16;
        Self {
            n_bars,
            ticks_per_step: 1,
            n_fields: 5,
            fields: [
                FieldSpec::new(Field::Onset, n_steps),
                FieldSpec::new(Field::Family, n_families),
                FieldSpec::new(Field::Pitch, 128),
                FieldSpec::new(Field::Duration, n_durations(n_steps)),
                FieldSpec::new(Field::Dynamics, 9),
                PAD,
            ],
        }
    }

    /// An encoding with other bars, grid or fields.
    ///
    /// # Errors
    /// Returns [`BadNoteListEncoding`] unless `n_bars` is 1 to 16, `ticks_per_step` is 1 or 3, the
    /// first field is the onset with `72 · n_bars / ticks_per_step` classes, exactly one of pitch
    /// and drum is among the others, no field occurs twice, and every number of classes is valid
    /// for its field.
    pub fn new(
        n_bars: u8,
        ticks_per_step: u8,
        fields: &[FieldSpec],
    ) -> Result<Self, BadNoteListEncoding> {
        let bad = |why: String| Err(BadNoteListEncoding(why));
        if !(1..=16).contains(&n_bars) {
            return bad(format!("{n_bars} bars (allowed: 1 to 16)"));
        }
        if !matches!(ticks_per_step, 1 | TICKS_PER_SIXTEENTH) {
            return bad(format!("{ticks_per_step} ticks per step (allowed: 1 or 3)"));
        }
        if fields.len() > MAX_FIELDS {
            return bad(format!("{} fields (allowed: at most {MAX_FIELDS})", fields.len()));
        }
        let max_ticks = u16::from(Meter::MAX_BAR) * u16::from(n_bars);
        if fields.first().is_none_or(|f| f.field != Field::Onset) {
            return bad("the first field is not the onset".to_owned());
        }
        let n_keys = fields.iter().filter(|f| matches!(f.field, Field::Pitch | Field::Drum));
        if n_keys.count() != 1 {
            return bad("it needs pitch or drum, and not both".to_owned());
        }
        for (i, spec) in fields.iter().enumerate() {
            let n = spec.n_classes;
            let is_allowed = match spec.field {
                Field::Onset => n == max_ticks / u16::from(ticks_per_step),
                Field::Offset => n.is_multiple_of(2) && (2..=64).contains(&n),
                Field::Family => (6..=7).contains(&n),
                Field::Pitch => n == 128,
                Field::Drum => usize::from(n) == N_DRUM_CLASSES,
                Field::Duration => n == n_durations(max_ticks),
                Field::Velocity => (1..=64).contains(&n),
                Field::Dynamics => (2..=65).contains(&n),
            };
            if !is_allowed {
                return bad(format!("field {} cannot have {n} classes", spec.name()));
            }
            if fields[..i].iter().any(|f| f.field == spec.field) {
                return bad(format!("field {} occurs twice", spec.name()));
            }
        }
        let mut encoding = Self { n_bars, ticks_per_step, n_fields: 0, fields: [PAD; MAX_FIELDS] };
        for (slot, spec) in encoding.fields.iter_mut().zip(fields) {
            *slot = *spec;
            encoding.n_fields += 1;
        }
        Ok(encoding)
    }

    /// The fields of a note, in the order of its classes; the first is the onset.
    pub fn fields(&self) -> &[FieldSpec] {
        &self.fields[..usize::from(self.n_fields)]
    }

    /// The number of fields of a note.
    pub const fn n_fields(&self) -> usize {
        self.n_fields as usize
    }

    /// Index of a field in [`Self::fields`]; `None` if notes do not have it.
    pub fn index_of(&self, field: Field) -> Option<usize> {
        self.fields().iter().position(|f| f.field == field)
    }

    /// Number of bars per window.
    pub const fn n_bars(&self) -> u8 {
        self.n_bars
    }

    /// Number of ticks per step of the grid of onsets: 1, or 3 for sixteenths.
    pub const fn ticks_per_step(&self) -> u8 {
        self.ticks_per_step
    }

    /// Whether drums are included, alone or with everything else.
    pub fn has_drums(&self) -> bool {
        self.fields().iter().any(|f| {
            f.field == Field::Drum
                || f.field == Field::Family && f.n_classes > Family::Drums.class()
        })
    }

    /// Whether anything other than drums is included.
    pub fn has_tones(&self) -> bool {
        self.index_of(Field::Pitch).is_some()
    }

    /// The length of each class of [`Field::Duration`], in ticks: from 1 to all bars of a window in
    /// 6/4. Empty for an encoding without durations.
    pub fn durations(&self) -> &'static [u16] {
        let spec = self.fields().iter().find(|f| f.field == Field::Duration);
        &DURATIONS[..spec.map_or(0, |f| usize::from(f.n_classes))]
    }

    /// Number of ticks in a window.
    pub const fn n_ticks(&self, meter: Meter) -> u16 {
        meter.bar() as u16 * self.n_bars as u16
    }

    /// Number of steps in a window: onsets are below it.
    pub const fn n_steps(&self, meter: Meter) -> u16 {
        self.n_ticks(meter) / self.ticks_per_step as u16
    }

    /// Number of cells in a window: one per beat.
    pub const fn n_cells(&self, meter: Meter) -> usize {
        meter.beats_per_bar() as usize * self.n_bars as usize
    }

    /// The largest number of cells in any meter, that of 6/4.
    pub const fn max_cells(&self) -> usize {
        Meter::MAX_BEATS_PER_BAR as usize * self.n_bars as usize
    }

    /// The number of steps in the longest cell, a dotted quarter.
    pub const fn max_positions(&self) -> usize {
        (Meter::MAX_BEAT / self.ticks_per_step) as usize
    }

    /// The cell that contains an onset, and its position there in steps.
    pub fn cell_of(&self, meter: Meter, onset: u16) -> (usize, usize) {
        let steps = |ticks: u8| usize::from(ticks / self.ticks_per_step);
        let (bar, in_bar) =
            (usize::from(onset) / steps(meter.bar()), usize::from(onset) % steps(meter.bar()));
        let (beat, position) = (in_bar / steps(meter.beat()), in_bar % steps(meter.beat()));
        (bar * usize::from(meter.beats_per_bar()) + beat, position)
    }

    /// The onset at a position of a cell; `None` beyond the end of the cell or of the window.
    pub fn onset_at(&self, meter: Meter, cell: usize, position: usize) -> Option<u16> {
        if cell >= self.n_cells(meter) || position >= self.cell_len(meter, cell) {
            return None;
        }
        let per_bar = usize::from(meter.beats_per_bar());
        let ticks =
            cell / per_bar * usize::from(meter.bar()) + cell % per_bar * usize::from(meter.beat());
        u16::try_from(ticks / usize::from(self.ticks_per_step) + position).ok()
    }

    /// Number of steps in a cell: smaller in the last cell of a bar that the beat does not divide;
    /// 0 beyond the window.
    pub fn cell_len(&self, meter: Meter, cell: usize) -> usize {
        if cell >= self.n_cells(meter) {
            return 0;
        }
        let beat = cell % usize::from(meter.beats_per_bar());
        let ticks = usize::from(meter.bar()) - beat * usize::from(meter.beat());
        ticks.min(usize::from(meter.beat())) / usize::from(self.ticks_per_step)
    }

    /// The note with the given class of each field.
    ///
    /// # Errors
    /// Returns a [`NoteListError`] if the number of classes and fields differ, a class is out of
    /// range for its field, or the onset is beyond the window in this meter.
    pub fn decode(&self, meter: Meter, classes: &[u16]) -> Result<ListNote, NoteListError> {
        self.check(meter, classes, 0)?;
        Ok(self.note(classes))
    }

    /// The classes of a note, each the nearest one of its field. Properties without a field in the
    /// encoding are lost; for a field that the note lacks ([`ListNote::velocity`]), the middle
    /// class.
    pub fn encode(&self, note: &ListNote) -> Vec<u16> {
        let mut classes = Vec::with_capacity(self.n_fields());
        self.encode_into(note, &mut classes);
        classes
    }

    pub(super) fn encode_into(&self, note: &ListNote, tokens: &mut Vec<u16>) {
        tokens.extend(self.fields().iter().map(|spec| class(*spec, note)));
    }

    pub(super) fn check(
        &self,
        meter: Meter,
        classes: &[u16],
        note: usize,
    ) -> Result<(), NoteListError> {
        if classes.len() != self.n_fields() {
            let (found, n_fields) = (classes.len(), self.n_fields());
            return Err(NoteListError::Length { found, n_fields });
        }
        for (spec, class) in self.fields().iter().zip(classes) {
            let n_classes =
                if spec.field == Field::Onset { self.n_steps(meter) } else { spec.n_classes };
            if *class >= n_classes {
                let field = spec.field;
                return Err(NoteListError::UnknownClass { note, field, class: *class, n_classes });
            }
        }
        Ok(())
    }

    /// The note with the given classes, which must be valid.
    pub(super) fn note(&self, classes: &[u16]) -> ListNote {
        let mut note = ListNote::default();
        for (spec, class) in self.fields().iter().zip(classes) {
            set(&mut note, *spec, *class);
        }
        note
    }
}

impl TryFrom<EncodingForm> for NoteListEncoding {
    type Error = BadNoteListEncoding;

    fn try_from(form: EncodingForm) -> Result<Self, BadNoteListEncoding> {
        Self::new(form.n_bars, form.ticks_per_step, &form.fields)
    }
}

impl From<NoteListEncoding> for EncodingForm {
    fn from(encoding: NoteListEncoding) -> Self {
        Self {
            n_bars: encoding.n_bars,
            ticks_per_step: encoding.ticks_per_step,
            fields: encoding.fields().to_vec(),
        }
    }
}
