//! Files that are not completely downloaded yet.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::store::write_atomic;

/// The unfinished file.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    state: PathBuf,
}

/// The server's metadata of a partially downloaded file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct PartState {
    pub(crate) url: String,
    /// Its `ETag` or `Last-Modified`, for `If-Range`.
    pub(crate) validator: Option<String>,
}

impl Part {
    pub(crate) fn new(file: &Path) -> Self {
        let with = |suffix: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { path: with(".part"), state: with(".part.json") }
    }

    pub(crate) fn len(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    pub(crate) fn state(&self) -> PartState {
        let text = std::fs::read_to_string(&self.state).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn set_state(&self, state: &PartState) -> Result<()> {
        write_atomic(&self.state, serde_json::to_string(state)?.as_bytes())
    }

    /// Deletes the bytes received so far.
    pub(crate) fn clear(&self) -> Result<()> {
        for path in [&self.path, &self.state] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("can't remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
