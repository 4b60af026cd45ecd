//! Tests of the API, from a client's point of view.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

/// The model, its styles, its map.
mod reading;

/// From latents to music and back.
mod making;

/// Longer pieces: forms, sections, dials.
mod composing;

/// Uploads, changes of styles, downloads.
mod files;

/// What clients keep.
mod pieces;

/// Malformed and hostile requests.
mod hostile;

/// Real connections.
mod serving;

mod support;
