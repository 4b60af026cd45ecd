//! A CLAP plug-in that plays the styles of a model in a DAW's tempo and bars.
//!
//! A file `controlgen.clap` holds one plug-in for each model in the program, for example
//! `Controlgen poly`. Each has a note output and no audio. The host's bars are divided into phrases
//! of two to 32 bars; each phrase is new music in the requested style and depends only on the
//! settings and its position in the song.
//!
//! | file | thread | purpose |
//! |---|---|---|
//! | `plugin.rs` | main, audio | CLAP's interface: parameters, note port, state, processing |
//! | `generator.rs`, `compose.rs` | generator | calls `controlgen`, which composes the phrases |
//! | `player.rs` and below | audio | plays phrases without allocating, locking or waiting |
//!
//! The threads exchange phrases through wait-free queues. Until a phrase is ready, the previous one
//! is repeated.

mod catalog;
mod compose;
mod entry;
mod generator;
mod params;
mod phrase;
mod player;
mod plugin;
mod settings;
mod state;

pub use entry::{ControlgenEntry, ModelSource, PluginFactory};
pub use params::{Kind, ParamId};
pub use state::MAX_STATE_BYTES;

// The symbol that hosts look for.
clack_plugin::clack_export_entry!(ControlgenEntry);
