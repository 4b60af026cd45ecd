//! One note of a passage.

use crate::note_list::Family;
use crate::pitch::{Pitch, Velocity};

/// A note of a [`super::Passage`], in ticks ([`crate::TICKS_PER_QUARTER`]) from its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassageNote {
    /// When it starts, on the grid.
    pub onset: u32,
    /// How far after (before, if negative) `onset` it is played.
    pub offset: f32,
    /// How long it lasts; it may last past the end. Drums need none.
    pub duration: u32,
    /// MIDI pitch; of a drum its percussion key.
    pub pitch: Pitch,
    /// The family of instruments that plays it.
    pub family: Family,
    /// Velocity; `None` if the music has no dynamics.
    pub velocity: Option<Velocity>,
}
