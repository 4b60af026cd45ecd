//! One note of a passage.

use crate::note_list::Family;
use crate::pitch::{Pitch, Velocity};

/// A note of a [`super::Passage`], in ticks ([`crate::TICKS_PER_QUARTER`]) from its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassageNote {
    /// Its start, on the grid.
    pub onset: u32,
    /// Delay after `onset` when played (negative if before).
    pub offset: f32,
    /// Its length; it may extend past the end. Irrelevant for drums.
    pub duration: u32,
    /// MIDI pitch; for a drum, its percussion key.
    pub pitch: Pitch,
    /// The family of instruments that plays it.
    pub family: Family,
    /// Velocity; `None` if the music has no dynamics.
    pub velocity: Option<Velocity>,
}
