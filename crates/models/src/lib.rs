//! The models that come with the program and with the Python package.
//!
//! With the feature `embed`, the files of some model folders are in the binary, compressed. All
//! code that reads a model reads a folder, so the files of a model are written out once, to the
//! system's cache folder, under a name derived from their hash. Another version of the program uses
//! another folder, and a cache that was cleared is filled again.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use corpus::artifact::ArtifactError;
use flate2::read::GzDecoder;
use thiserror::Error;

/// The model that is used if none is named.
pub const DEFAULT: &str = "poly";

/// Why a model in the binary can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// This build has none.
    #[error(
        "this program was built without models (feature `embed`); give one with `--model FOLDER`"
    )]
    NotEmbedded,
    /// Neither a folder nor a model in the binary.
    #[error(
        "there is no model {}: it is neither a folder nor one of the models in this program ({}); \
         give one of them, or a model folder, such as `RUN/model` of a training run",
        name.display(),
        if HAS_MODELS { names().collect::<Vec<_>>().join(", ") } else { "it has none".to_owned() }
    )]
    Unknown {
        /// The name or path that was given.
        name: PathBuf,
    },
    /// The system has no cache folder.
    #[error("this system has no cache folder; give a model with `--model FOLDER`")]
    NoCacheFolder,
    /// A model's files can't be written.
    #[error(
        "the model in the program can't be written out; set XDG_CACHE_HOME to a folder that can be \
         written, or give a model with `--model FOLDER`"
    )]
    Write(#[from] ArtifactError),
}

/// A model folder in the binary.
struct EmbeddedModel {
    /// Its name for `--model`.
    name: &'static str,
    /// Its files by name, in gzip format.
    files: &'static [(&'static str, &'static [u8])],
}

/// All models, by name; written by `build.rs`. A `static`, because each use of a `const` may make
/// another copy.
#[cfg(feature = "embed")]
static MODELS: &[EmbeddedModel] = include!(concat!(env!("OUT_DIR"), "/models.rs"));
#[cfg(not(feature = "embed"))]
static MODELS: &[EmbeddedModel] = &[];

/// Whether this program includes models.
pub const HAS_MODELS: bool = cfg!(feature = "embed");

/// The names of the models in the program.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|model| model.name)
}

/// Whether `--model` names a model in the program, which is also the default. To use a folder of
/// the same name, pass `./NAME`.
pub fn is_named(model: Option<&Path>) -> bool {
    model.is_none_or(|model| names().any(|name| Path::new(name) == model))
}

/// The folder of a model: the one given, or that of a model in the program, which is written out if
/// it is not there yet.
///
/// # Errors
/// [`ModelsError`]: if there is no such folder or model in the program, or its folder can't be
/// written.
pub fn model_folder(model: Option<&Path>) -> Result<PathBuf, ModelsError> {
    let name = match model {
        Some(folder) if !is_named(model) => {
            return if folder.exists() {
                Ok(folder.to_owned())
            } else {
                Err(ModelsError::Unknown { name: folder.to_owned() })
            };
        }
        Some(name) => name,
        None => Path::new(DEFAULT),
    };
    let model = MODELS.iter().find(|model| Path::new(model.name) == name);
    model.ok_or(ModelsError::NotEmbedded)?.folder()
}

impl EmbeddedModel {
    /// Its folder in the cache, with all files.
    fn folder(&self) -> Result<PathBuf, ModelsError> {
        let caches = directories::ProjectDirs::from("", "", "controlgen")
            .ok_or(ModelsError::NoCacheFolder)?;
        let mut hasher = blake3::Hasher::new();
        for (name, bytes) in self.files {
            hasher.update(name.as_bytes());
            hasher.update(bytes);
        }
        let hash = hasher.finalize().to_hex();
        let folder = caches.cache_dir().join("models").join(&hash[..16]);
        if folder.exists() {
            return Ok(folder);
        }
        let written = corpus::artifact::write_folder(&folder, |inside| {
            self.files.iter().try_for_each(|(name, compressed)| {
                let mut bytes = Vec::new();
                GzDecoder::new(*compressed)
                    .read_to_end(&mut bytes)
                    .expect("build.rs has compressed the file");
                corpus::artifact::write_atomic(&inside.join(name), &bytes)
            })
        });
        match written {
            Ok(()) => Ok(folder),
            // Another process was faster.
            Err(_) if folder.exists() => Ok(folder),
            Err(error) => Err(error.into()),
        }
    }
}
