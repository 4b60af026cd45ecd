//! The folder of data sets: which are present, what is pinned, and which are being fetched.
//!
//! `ROOT/NAME` is a complete data set with its [`Stamp`]; `ROOT/.fetch` contains unfinished work;
//! `ROOT/pins.toml` contains the hashes of files for which none is published.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::hashes::Expected;
use super::manifest::{DataSet, Pinned};
use crate::process::say;

/// The file that describes a complete data set.
pub(crate) const STAMP: &str = "FETCHED.json";
const PINS: &str = "pins.toml";
const WORK: &str = ".fetch";

/// The folder of data sets.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

/// The description of a fetched data set, as JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Stamp {
    pub(crate) format: String,
    pub(crate) version: u32,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) home: String,
    #[serde(alias = "licence")]
    pub(crate) license: String,
    pub(crate) citation: Option<String>,
    pub(crate) n_files: u64,
    pub(crate) bytes: u64,
    pub(crate) files: Vec<StampedFile>,
}

/// One fetched file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StampedFile {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// The hash that matched, `pin`, or `None` if it was pinned by this run.
    pub(crate) verified: Option<String>,
    /// SHA-256 of a line `<sha256>  <path>` for each unpacked file.
    pub(crate) contents_sha256: Option<String>,
    /// Members left out: reason, number, examples.
    pub(crate) left_out: BTreeMap<String, (u64, Vec<String>)>,
}

/// A hash recorded at the first download.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Pin {
    of: String,
    pub(crate) sha256: String,
    pub(crate) source: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Pins {
    format: String,
    version: u32,
    #[serde(default)]
    pin: BTreeMap<String, Pin>,
}

impl Stamp {
    const FORMAT: &str = "controlgen.fetched";

    pub(crate) fn new(set: &DataSet) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: 1,
            name: set.name.clone(),
            title: set.title.clone(),
            home: set.home.clone(),
            license: set.license.clone(),
            citation: set.citation.clone(),
            n_files: 0,
            bytes: 0,
            files: Vec::new(),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(STAMP);
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_atomic(&path, text.as_bytes())
    }
}

/// Whether a data set is present.
#[derive(Debug)]
pub(crate) enum Present {
    No,
    Yes(Box<Stamp>),
}

impl Store {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of a data set.
    pub(crate) fn folder(&self, set: &DataSet) -> PathBuf {
        self.root.join(&set.name)
    }

    /// The folder for a data set's files while they are being fetched.
    pub(crate) fn work(&self, set: &DataSet) -> PathBuf {
        self.root.join(WORK).join(&set.name)
    }

    /// Checks whether a data set is present.
    ///
    /// # Errors
    /// If its folder contains something else, or another version of it.
    pub(crate) fn present(&self, set: &DataSet) -> Result<Present> {
        let folder = self.folder(set);
        if !folder.exists() {
            return Ok(Present::No);
        }
        let path = folder.join(STAMP);
        let advice = || format!("move {} away and fetch again", folder.display());
        let Ok(text) = std::fs::read_to_string(&path) else {
            bail!("{} was not created by this program; {}", folder.display(), advice());
        };
        let stamp: Stamp = serde_json::from_str(&text)
            .with_context(|| format!("{} can't be read; {}", path.display(), advice()))?;
        ensure!(
            stamp.format == Stamp::FORMAT && stamp.version == 1 && stamp.name == set.name,
            "{} belongs to {:?} {:?}, version {}; {}",
            path.display(),
            stamp.format,
            stamp.name,
            stamp.version,
            advice()
        );
        for file in &set.files {
            let Some(have) = stamp.files.iter().find(|have| have.name == file.name) else {
                bail!("{} lacks {}; {}", folder.display(), file.name, advice());
            };
            let Expected { sha256: Some(sha256), .. } = file.expected() else { continue };
            ensure!(
                have.sha256 == sha256,
                "{} has a different {} from the manifest; {}",
                folder.display(),
                file.name,
                advice()
            );
        }
        Ok(Present::Yes(Box::new(stamp)))
    }

    /// Locks this data set against other runs until the lock is dropped; waits if another run has
    /// the lock.
    pub(crate) fn lock(&self, name: &str) -> Result<File> {
        let folder = self.root.join(WORK);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("can't create {}", folder.display()))?;
        let path = folder.join(format!("{name}.lock"));
        let can_t_lock = || format!("can't lock {}", path.display());
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .with_context(can_t_lock)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say(&format!("another run has locked {}; waiting for it", path.display()));
                file.lock().with_context(can_t_lock)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(can_t_lock),
        }
        Ok(file)
    }

    /// Compares with the pin of a file, or creates one if there is none. Returns whether there was
    /// one.
    ///
    /// # Errors
    /// If the hash differs from the pinned one.
    pub(crate) fn pin(
        &self,
        set: &DataSet,
        file: &str,
        of: Pinned,
        sha256: &str,
        source: &str,
    ) -> Result<bool> {
        let _lock = self.lock("pins")?;
        let path = self.root.join(PINS);
        let mut pins = self.pins()?;
        let key = format!("{}/{file}", set.name);
        let of = match of {
            Pinned::File => "file",
            Pinned::Contents => "contents",
        };
        if let Some(pin) = pins.pin.get(&key) {
            ensure!(
                pin.of == of && pin.sha256 == sha256,
                "the sha256 of its {of} is {sha256}, but at the first download, from {}, that of its \
                 {} was {}; if the publisher has changed it, remove {key:?} from {}",
                pin.source,
                pin.of,
                pin.sha256,
                path.display(),
            );
            return Ok(true);
        }
        let pin = Pin { of: of.to_owned(), sha256: sha256.to_owned(), source: source.to_owned() };
        pins.pin.insert(key, pin);
        write_atomic(&path, toml::to_string_pretty(&pins)?.as_bytes())?;
        Ok(false)
    }

    /// Rejects a file that differs from the pinned one before it is unpacked.
    pub(crate) fn check_pin(&self, set: &DataSet, file: &str, sha256: &str) -> Result<()> {
        let key = format!("{}/{file}", set.name);
        if let Some(pin) = self.pins()?.pin.get(&key) {
            let path = self.root.join(PINS);
            ensure!(
                pin.of != "file" || pin.sha256 == sha256,
                "its sha256 is {sha256}, but at the first download, from {}, it was {}; if the \
                 publisher has changed it, remove {key:?} from {}",
                pin.source,
                pin.sha256,
                path.display(),
            );
        }
        Ok(())
    }

    fn pins(&self) -> Result<Pins> {
        const FORMAT: &str = "controlgen.pins";
        let path = self.root.join(PINS);
        if !path.exists() {
            return Ok(Pins { format: FORMAT.to_owned(), version: 1, pin: BTreeMap::new() });
        }
        let can_t_read = || format!("can't read {}", path.display());
        let text = std::fs::read_to_string(&path).with_context(can_t_read)?;
        let pins: Pins = toml::from_str(&text).with_context(can_t_read)?;
        ensure!(
            pins.format == FORMAT && pins.version == 1,
            "{} is not in the format {FORMAT}",
            path.display()
        );
        Ok(pins)
    }
}

/// Writes a file completely or not at all.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let write = || -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("can't write {}", path.display()))
}
