//! One note of a list.

use serde::{Deserialize, Serialize};

use super::Family;
use crate::pitch::{Pitch, Velocity};

/// A note of a [`super::NoteList`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ListNote {
    /// Step of the grid on which it starts, from the start of the window.
    pub onset: u16,
    /// Distance of its start from the step, as a fraction of a step: −0.5 to 0.5, negative if
    /// early.
    pub offset: f32,
    /// The family of instruments that plays it.
    pub family: Family,
    /// MIDI pitch; for a drum, its percussion key.
    pub pitch: Pitch,
    /// Length in ticks ([`super::TICKS_PER_QUARTER`]); it may extend past the window's end.
    pub duration: u16,
    /// Velocity; `None` if the music has no dynamics.
    pub velocity: Option<Velocity>,
}
