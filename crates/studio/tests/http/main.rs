//! The studio's interface, asked as a client asks it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

/// What is there: the model, its styles, its map.
mod reading;

/// From places in latent space to music and back.
mod making;

/// Uploads, changes of styles, downloads.
mod files;

/// What nobody should send.
mod hostile;

/// Real connections.
mod serving;

mod support;
