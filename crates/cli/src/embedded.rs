//! The model that comes with the program.
//!
//! With the feature `embed`, the files of a model folder are in the binary, compressed. Everything
//! that reads a model reads a folder, so they are written out once, to the folder that the system
//! has for a program's caches, under a name made of their hash: another version of the program has
//! another folder, and a cache that was cleared is filled again.

use std::io::Read as _;
use std::path::PathBuf;

use flate2::read::GzDecoder;

/// The file of the model folder with a name, as `build.rs` compresses it.
#[cfg(feature = "embed")]
macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!(env!("OUT_DIR"), "/model/", $name, ".gz")))
    };
}

/// The files of the model folder by name, in gzip format. A `static`, because each use of a `const`
/// may be another copy.
#[cfg(feature = "embed")]
static FILES: &[(&str, &[u8])] = &[
    file!("README.md"),
    file!("attributes.json"),
    file!("config.json"),
    file!("copy.index"),
    file!("mixture.json"),
    file!("mixture.svg"),
    file!("reference.parquet"),
    file!("styles.json"),
    file!("weights.safetensors"),
];
#[cfg(not(feature = "embed"))]
static FILES: &[(&str, &[u8])] = &[];

/// Whether a model comes with this program.
pub(crate) const HAS_MODEL: bool = cfg!(feature = "embed");

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
        FILES.iter().try_for_each(|(name, compressed)| {
            let mut bytes = Vec::new();
            GzDecoder::new(*compressed)
                .read_to_end(&mut bytes)
                .expect("build.rs has compressed the file");
            corpus::artifact::write_atomic(&inside.join(name), &bytes)
        })
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
