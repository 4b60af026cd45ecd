//! The fields of a note and their classes.

use serde::{Deserialize, Serialize};

use super::{Family, ListNote};
use crate::drums::DrumMap;
use crate::pitch::{Pitch, Velocity};

/// Lengths of notes in ticks, one per class: from one tick to four bars of six quarters, each about
/// a third longer than the previous one.
pub(super) const DURATIONS: [u16; 20] =
    [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 30, 36, 48, 60, 72, 96, 144, 192, 288];

/// One property of a note, as a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Step of the grid on which the note starts, from the start of the window. Always the first
    /// field; steps beyond the window of a meter with shorter bars do not occur.
    Onset,
    /// Position of the note's start within its step: class `k` of `n` is `k − n / 2` parts of `n`,
    /// so early notes are below `n / 2`.
    Offset,
    /// [`Family`]: six classes, or seven with drums.
    Family,
    /// MIDI pitch; for drums, the percussion key.
    Pitch,
    /// Class of a drum in [`DrumMap::MAGENTA`].
    Drum,
    /// Length of the note: classes on a logarithmic scale, see
    /// [`super::NoteListEncoding::durations`].
    Duration,
    /// Velocity: `n` equal steps of 0 to 127.
    Velocity,
    /// Dynamics: class 0 for music without dynamics (all notes of a file have the same velocity),
    /// otherwise velocity in `n − 1` equal steps.
    Dynamics,
}

impl Field {
    /// The field's stable name in `snake_case`, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onset => "onset",
            Self::Offset => "offset",
            Self::Family => "family",
            Self::Pitch => "pitch",
            Self::Drum => "drum",
            Self::Duration => "duration",
            Self::Velocity => "velocity",
            Self::Dynamics => "dynamics",
        }
    }
}

/// A field and the number of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldSpec {
    /// The property.
    pub field: Field,
    /// The number of classes.
    pub n_classes: u16,
}

impl FieldSpec {
    pub(super) const fn new(field: Field, n_classes: u16) -> Self {
        Self { field, n_classes }
    }

    /// The field's stable name in `snake_case`.
    pub const fn name(&self) -> &'static str {
        self.field.name()
    }
}

/// Durations of at most `max_ticks`.
pub(super) const fn n_durations(max_ticks: u16) -> u16 {
    let mut n = 0;
    while n < DURATIONS.len() && DURATIONS[n] <= max_ticks {
        n += 1;
    }
    n as u16
}

/// The class of a length: the one whose ratio to it is nearest to 1; of two equally near, the
/// shorter.
fn duration_class(ticks: u16, n_classes: u16) -> u16 {
    let table = &DURATIONS[..usize::from(n_classes)];
    let ticks = ticks.max(1);
    let above = table.partition_point(|d| *d < ticks).min(table.len() - 1);
    let below = above.saturating_sub(1);
    let square = |d: u16| u32::from(d) * u32::from(d);
    // ticks / below ≤ above / ticks
    let product = u32::from(table[below]) * u32::from(table[above]);
    let nearest = if square(ticks) <= product { below } else { above };
    u16::try_from(nearest).unwrap_or_default()
}

fn level(velocity: Velocity, n_levels: u16) -> u16 {
    u16::from(velocity.get()) * n_levels / 128
}

/// The middle of a level, which has the same level again for up to 64 levels.
fn middle(level: u16, n_levels: u16) -> Velocity {
    let velocity = (u32::from(level) * 128 + 64) / u32::from(n_levels);
    Velocity::saturating(u8::try_from(velocity).unwrap_or(u8::MAX))
}

/// The class of a field that is nearest to the note's value.
pub(super) fn class(spec: FieldSpec, note: &ListNote) -> u16 {
    let n = spec.n_classes;
    match spec.field {
        Field::Onset => note.onset,
        Field::Offset => {
            let parts = (note.offset * f32::from(n)).round() + f32::from(n / 2);
            #[expect(clippy::cast_sign_loss, reason = "clamped; NaN becomes 0")]
            let class = parts.clamp(0.0, f32::from(n - 1)) as u16;
            class
        }
        Field::Family => note.family.class().min(n - 1),
        Field::Pitch => u16::from(note.pitch.get()),
        Field::Drum => u16::from(DrumMap::MAGENTA.class(note.pitch).unwrap_or_default()),
        Field::Duration => duration_class(note.duration, n),
        Field::Velocity => note.velocity.map_or(n / 2, |velocity| level(velocity, n)),
        Field::Dynamics => note.velocity.map_or(0, |velocity| 1 + level(velocity, n - 1)),
    }
}

/// Sets a field of a note to the value of a class.
pub(super) fn set(note: &mut ListNote, spec: FieldSpec, class: u16) {
    let n = spec.n_classes;
    match spec.field {
        Field::Onset => note.onset = class,
        Field::Offset => note.offset = (f32::from(class) - f32::from(n / 2)) / f32::from(n),
        Field::Family => note.family = Family::from_class(class).unwrap_or_default(),
        Field::Pitch => note.pitch = Pitch::saturating(u8::try_from(class).unwrap_or(u8::MAX)),
        Field::Drum => {
            note.family = Family::Drums;
            note.pitch = DrumMap::MAGENTA.exemplar(u8::try_from(class).unwrap_or_default());
        }
        Field::Duration => {
            note.duration = DURATIONS.get(usize::from(class)).copied().unwrap_or(1);
        }
        Field::Velocity => note.velocity = Some(middle(class, n)),
        Field::Dynamics => note.velocity = class.checked_sub(1).map(|level| middle(level, n - 1)),
    }
}
