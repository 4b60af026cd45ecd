//! One note of a list.

use serde::{Deserialize, Serialize};

use super::Family;
use crate::pitch::{Pitch, Velocity};

/// A note of a [`super::NoteList`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ListNote {
    /// Step of the grid on which it starts, from the start of the window.
    pub onset: u16,
    /// How far it starts after its step, as a fraction of a step: −0.5 to 0.5, early is negative.
    pub offset: f32,
    /// The family of instruments that plays it.
    pub family: Family,
    /// MIDI pitch; of a drum its percussion key.
    pub pitch: Pitch,
    /// How long it lasts, in ticks ([`super::TICKS_PER_QUARTER`]); it may last past the window's
    /// end.
    pub duration: u16,
    /// Velocity; `None` if the music has no dynamics.
    pub velocity: Option<Velocity>,
}
