//! The plug-in in a host of plug-ins, in one process: what a DAW does, and what it hears.
//!
//! In every block, whatever a test is about, the host checks what every host relies on: events are
//! sorted and within the block, each note that starts ends once, nothing sounds while the song
//! stands, and the plug-in allocates and frees nothing ([`daw::Daw::advance`]).
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod daw;
mod host;
mod hostile;
mod moves;
mod playing;
mod saving;
mod song;
mod surface;
mod transport;

use nice_assert_no_alloc::AllocDisabler;

/// Ends the tests when the plug-in allocates on the audio thread.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;
