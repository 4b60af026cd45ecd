//! Tests of `note-seq` through its public interface.

#![expect(clippy::unwrap_used, reason = "a failed preparation is a failed test")]

mod bounded;
mod channels;
mod edge_cases;
mod edge_files;
mod edge_golden;
mod golden;
#[cfg(feature = "musicxml")]
mod musicxml;
#[cfg(feature = "musicxml")]
mod musicxml_score;
mod note_list_properties;
mod note_lists;
#[path = "../oracle/mod.rs"]
mod oracle;
mod properties;
mod smf;
mod textures;
mod writing;
