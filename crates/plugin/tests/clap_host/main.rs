//! The plug-in in a test host in the same process: what a DAW does, and what it receives.
//!
//! In every block of every test, the host checks what all hosts rely on: events are sorted and
//! within the block, each note that starts ends exactly once, nothing sounds while the song is
//! stopped, and the plug-in neither allocates nor frees memory ([`daw::Daw::advance`]).
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

/// Aborts the tests if the plug-in allocates on the audio thread.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;
