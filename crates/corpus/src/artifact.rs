//! Files of the program: the format is checked when a file is read, and files are written
//! completely or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Error from reading or writing a file or folder of the program.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The operating system returned an error.
    #[error("can't {action} {}", path.display())]
    Io {
        /// The attempted action: `read`, `write`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A JSON file has unexpected contents.
    #[error("{} is damaged: it does not contain a `{format}`", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The expected contents.
        format: &'static str,
        /// The position and the cause.
        source: serde_json::Error,
    },
    /// A file has a different format or version.
    #[error(
        "{} holds `{found}` version {found_version}; this program reads `{format}` version \
         {version}", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The version found.
        found_version: u32,
        /// The format this program reads.
        format: &'static str,
        /// The version this program reads.
        version: u32,
    },
    /// A Parquet file can't be read or written.
    #[error("{} is not a readable table; make it again", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// A Parquet file does not have the columns of the expected table.
    #[error("{} has other columns than this program reads; make it again", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// The column and the cause.
        source: serde_arrow::Error,
    },
    /// A column has values that don't fit the model or corpus.
    #[error("{} holds values in column `{column}` that don't fit the model; make it again", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// A weights file can't be used.
    #[error("{} can't be used: {source}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Audio or an image can't be made.
    #[error("can't make {}", path.display())]
    Render {
        /// The file to be made.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The output path already exists.
    #[error(
        "{} already exists; nothing was changed, so give another path, or remove it", path.display()
    )]
    Exists {
        /// The existing path.
        path: PathBuf,
    },
    /// Latents of different windows or from a different model.
    #[error(
        "{} does not hold the latents of {of}; make them again with `controlgen encode`",
        latents.display()
    )]
    OtherLatents {
        /// The latents folder.
        latents: PathBuf,
        /// The model or corpus that the latents should belong to.
        of: &'static str,
    },
    /// The output path is a file that another program wrote, or that was changed after this program
    /// wrote it.
    #[error(
        "{} already exists and is not as this program wrote it; it was left unchanged, so give \
         another path, or `--force` to overwrite it", path.display()
    )]
    NotOwn {
        /// The file.
        path: PathBuf,
    },
    /// A folder lacks an expected file.
    #[error("{} has no {what}; {remedy}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// The missing file.
        what: &'static str,
        /// The remedy.
        remedy: &'static str,
    },
}

impl ArtifactError {
    /// Creates the error for a weights file that can't be used.
    pub fn weights(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Weights { path: path.to_owned(), source: Box::new(source) }
    }
}

/// The result of reading or writing a file of the program.
pub type ArtifactResult<T> = Result<T, ArtifactError>;

/// An error and its causes, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// For `map_err`: an [`ArtifactError::Io`] for `action` on `path`.
pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::Io { action, path, source }
}

/// Reads a whole file.
///
/// # Errors
/// Returns [`ArtifactError::Io`] if the file can't be read.
pub fn read(path: &Path) -> ArtifactResult<Vec<u8>> {
    std::fs::read(path).map_err(io("read", path))
}

/// Prefix of the names of files and folders that are still being written. A killed process leaves
/// them behind.
pub const UNFINISHED: &str = ".unfinished-";

/// Writes a file completely or not at all: to a temporary file next to it that is then renamed.
///
/// # Errors
/// Returns [`ArtifactError::Io`] if writing fails; an existing file is then unchanged.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> ArtifactResult<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(folder)
        .map_err(io("write", path))?;
    file.write_all(bytes).map_err(io("write", path))?;
    file.as_file().sync_all().map_err(io("write", path))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private to their owner; the result should be an ordinary file.
        let permissions = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(permissions).map_err(io("write", path))?;
    }
    file.persist(path).map_err(|error| io("write", path)(error.error))?;
    Ok(())
}

/// Creates a folder and all its parents.
///
/// # Errors
/// Returns [`ArtifactError::Io`] if a folder can't be created.
pub fn create_folder(path: &Path) -> ArtifactResult<()> {
    std::fs::create_dir_all(path).map_err(io("create the folder", path))
}

/// Fills a folder completely or not at all: under a temporary name next to `path`, then renamed.
///
/// # Errors
/// Returns [`ArtifactError::Exists`] if `path` already exists, and any error of `fill`.
pub fn write_folder<T, E: From<ArtifactError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    if path.exists() {
        return Err(ArtifactError::Exists { path: path.to_owned() }.into());
    }
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(parent)?;
    let temporary = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(parent)
        .map_err(io("create a folder in", parent))?;
    let value = fill(temporary.path())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(temporary.path(), permissions).map_err(io("write", path))?;
    }
    std::fs::rename(temporary.path(), path).map_err(io("write", path))?;
    Ok(value)
}

/// The header of every JSON file of the program.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// A value in a JSON file, preceded by its format and version.
#[derive(Serialize)]
struct Versioned<'a, T> {
    format: &'a str,
    version: u32,
    #[serde(flatten)]
    value: &'a T,
}

/// A type that is stored as a JSON file.
pub trait JsonFormat: Serialize + DeserializeOwned {
    /// The `format` field.
    const FORMAT: &'static str;
    /// The `version` field.
    const VERSION: u32;

    /// The file's text.
    fn to_json(&self) -> String {
        let value = Versioned { format: Self::FORMAT, version: Self::VERSION, value: self };
        let mut text = serde_json::to_string_pretty(&value).expect("our values are plain");
        text.push('\n');
        text
    }

    /// Writes the file completely or not at all.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Io`] if writing fails.
    fn save(&self, path: &Path) -> ArtifactResult<()> {
        write_atomic(path, self.to_json().as_bytes())
    }

    /// Reads the file, after checking its format and version.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Io`], [`ArtifactError::Json`] or [`ArtifactError::Version`] if the
    /// file can't be read, is damaged, or has a different format or version.
    fn load(path: &Path) -> ArtifactResult<Self> {
        let bytes = read(path)?;
        let damaged =
            |source| ArtifactError::Json { path: path.to_owned(), format: Self::FORMAT, source };
        let header: Header = serde_json::from_slice(&bytes).map_err(damaged)?;
        if header.format != Self::FORMAT || header.version != Self::VERSION {
            return Err(ArtifactError::Version {
                path: path.to_owned(),
                found: header.format,
                found_version: header.version,
                format: Self::FORMAT,
                version: Self::VERSION,
            });
        }
        serde_json::from_slice(&bytes).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Thing {
        size: u32,
    }

    impl JsonFormat for Thing {
        const FORMAT: &'static str = "test.thing";
        const VERSION: u32 = 2;
    }

    #[test]
    fn a_json_file_comes_back_and_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/thing.json");
        Thing { size: 3 }.save(&path).unwrap();
        assert_eq!(Thing::load(&path).unwrap(), Thing { size: 3 });
        assert!(std::fs::read_to_string(&path).unwrap().contains("\"format\": \"test.thing\""));
    }

    #[test]
    fn other_versions_and_damage_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thing.json");
        std::fs::write(&path, r#"{"format": "test.thing", "version": 3, "size": 1}"#).unwrap();
        let error = Thing::load(&path).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "holds `test.thing` version 3; this program reads `test.thing` version 2"
            )
        );
        std::fs::write(&path, r#"{"format": "test.thing", "version": 2, "si"#).unwrap();
        assert!(matches!(Thing::load(&path), Err(ArtifactError::Json { .. })));
        assert!(matches!(Thing::load(folder.path()), Err(ArtifactError::Io { .. })));
    }

    #[test]
    fn a_folder_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let failed: Result<(), ArtifactError> = write_folder(&path, |inside| {
            write_atomic(&inside.join("half"), b"x")?;
            Err(ArtifactError::Exists { path: PathBuf::new() })
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write_folder(&path, |inside| write_atomic(&inside.join("whole"), b"x")).unwrap();
        assert!(path.join("whole").exists());
        let again = write_folder(&path, |_| Ok::<(), ArtifactError>(()));
        assert!(matches!(again, Err(ArtifactError::Exists { .. })));
        assert!(path.join("whole").exists());
    }
}
