//! The model that comes with the program.
//!
//! With the feature `embed`, the files of a model folder are in the binary. Everything that reads a
//! model reads a folder, so they are written out once, to the folder that the system has for a
//! program's caches, under a name made of their hash: another version of the program has another
//! folder, and a cache that was cleared is filled again.

use std::path::PathBuf;

/// The files of the model folder by name.
#[cfg(feature = "embed")]
const FILES: &[(&str, &[u8])] = &[
    ("README.md", include_bytes!("../model/README.md")),
    ("attributes.json", include_bytes!("../model/attributes.json")),
    ("config.json", include_bytes!("../model/config.json")),
    ("copy.index", include_bytes!("../model/copy.index")),
    ("mixture.json", include_bytes!("../model/mixture.json")),
    ("mixture.svg", include_bytes!("../model/mixture.svg")),
    ("reference.parquet", include_bytes!("../model/reference.parquet")),
    ("styles.json", include_bytes!("../model/styles.json")),
    ("weights.safetensors", include_bytes!("../model/weights.safetensors")),
];
#[cfg(not(feature = "embed"))]
const FILES: &[(&str, &[u8])] = &[];

/// Whether a model comes with this program.
pub(crate) const HAS_MODEL: bool = !FILES.is_empty();

/// The folder of the model that comes with the program; it is written out if it is not there.
///
/// # Errors
/// If there is no such model, or its folder can't be written.
pub(crate) fn model_folder() -> anyhow::Result<PathBuf> {
    use anyhow::{Context as _, bail};
    if !HAS_MODEL {
        bail!(
            "this program was built without a model (feature `embed`); give one with `--model FOLDER`"
        );
    }
    let caches = directories::ProjectDirs::from("", "", "controlgen")
        .context("this system names no folder for caches; give a model with `--model FOLDER`")?;
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in FILES {
        hasher.update(name.as_bytes());
        hasher.update(bytes);
    }
    let name = hasher.finalize().to_hex();
    let folder = caches.cache_dir().join("models").join(&name[..16]);
    if folder.exists() {
        return Ok(folder);
    }
    let written = corpus::artifact::write_folder(&folder, |inside| {
        FILES
            .iter()
            .try_for_each(|(name, bytes)| corpus::artifact::write_atomic(&inside.join(name), bytes))
    });
    match written {
        Ok(()) => Ok(folder),
        // Another run was quicker.
        Err(_) if folder.exists() => Ok(folder),
        Err(error) => Err(error).context(
            "the model in the program can't be written out; set XDG_CACHE_HOME to a folder that can be \
             written, or give a model with `--model FOLDER`",
        ),
    }
}
