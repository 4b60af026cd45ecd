//! What is generated: a MIDI file and a JSON file beside it that says how it came about.

use std::path::{Path, PathBuf};

use note_seq::NoteSequence;
use note_seq::midi::{self, WriteOptions};
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, write_atomic};
use crate::copy::CopyMatch;

/// The JSON file beside a generated MIDI file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The program that wrote it.
    pub program_version: String,
    /// The model's hash.
    pub model_hash: String,
    /// The command: `generate`, `mix`, …
    pub command: String,
    /// Its options.
    pub options: serde_json::Value,
    /// The seed of every draw.
    pub seed: u64,
    /// Which of the command's outputs this is, from 0.
    pub index: usize,
    /// The style's name, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// The style's mixture component, the first if it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<usize>,
    /// Latents of the windows, one after the other.
    pub z: Vec<Vec<f32>>,
    /// Temperature of the draws; none for the most probable token each.
    pub temperature: Option<f32>,
    /// Probability of each component after encoding the output again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<Vec<f64>>,
    /// How surely the output, encoded again, belongs to the style asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style_membership: Option<f64>,
    /// The attempt that made it, where some were dropped; from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<usize>,
    /// The search for copies; none where the model has no index of its training music.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyCheck>,
    /// What a user should know.
    pub warnings: Vec<String>,
}

/// A search for copies of training music.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyCheck {
    /// The longest match; none if not even two notes in a row match.
    pub longest: Option<CopyMatch>,
}

impl JsonFormat for Sidecar {
    const FORMAT: &'static str = "controlgen.output";
    const VERSION: u32 = 1;
}

/// Writes `FOLDER/NAME.mid` and `FOLDER/NAME.json`; returns the first.
///
/// # Errors
/// Where a file can't be written. Neither is half-written then.
pub fn write_output(
    folder: &Path,
    name: &str,
    sequence: &NoteSequence,
    sidecar: &Sidecar,
) -> ArtifactResult<PathBuf> {
    let path = folder.join(format!("{name}.mid"));
    let bytes = midi::write(sequence, &WriteOptions::default()).map_err(|error| {
        let source = std::io::Error::other(error);
        ArtifactError::Io { action: "write", path: path.clone(), source }
    })?;
    write_atomic(&path, &bytes)?;
    sidecar.save(&folder.join(format!("{name}.json")))?;
    Ok(path)
}
