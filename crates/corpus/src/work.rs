//! The folder in which a corpus is built: next to the corpus. An interrupted build leaves it
//! behind, and the next build continues from it.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CorpusError;
use super::parts;
use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, UNFINISHED, create_folder, io};

/// The plan of a build; its parts can't be used with another plan.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    /// Hash of options, files and program version.
    hash: String,
}

impl JsonFormat for Plan {
    const FORMAT: &'static str = "controlgen.corpus_plan";
    const VERSION: u32 = 1;
}

/// A work folder, locked against other processes.
pub(super) struct Work {
    out: PathBuf,
    folder: PathBuf,
    /// Locked until dropped.
    _lock: File,
}

impl Work {
    /// Opens the work folder for a corpus to be written to `out`, with the parts of an earlier
    /// build if it had the same `plan`.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Exists`] if the corpus already exists, and [`CorpusError::Busy`] if
    /// another process is building it.
    pub(super) fn open(out: &Path, plan: &[u8]) -> Result<Self, CorpusError> {
        let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut name = OsString::from(UNFINISHED);
        name.push(out.file_name().unwrap_or_default());
        let folder = parent.join(name);
        if out.exists() {
            // Left by a build that was killed after renaming its corpus.
            let _ = std::fs::remove_dir_all(&folder);
            return Err(ArtifactError::Exists { path: out.to_owned() }.into());
        }
        create_folder(&folder)?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(io("write", &path))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(CorpusError::Busy { out: out.to_owned() });
            }
            // Some network file systems don't support locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let work = Self { out: out.to_owned(), folder, _lock: lock };
        let plan = Plan { hash: blake3::hash(plan).to_hex().to_string() };
        if Plan::load(&work.plan()).is_ok_and(|found| found == plan) {
            work.clear(&["scratch", "corpus"])?;
        } else {
            let _ = std::fs::remove_file(work.plan());
            work.clear(&["scratch", "corpus", "parts"])?;
            create_folder(&work.parts())?;
            plan.save(&work.plan())?;
        }
        create_folder(&work.scratch())?;
        create_folder(&work.corpus())?;
        Ok(work)
    }

    fn plan(&self) -> PathBuf {
        self.folder.join("plan.json")
    }

    /// The folder of parts.
    pub(super) fn parts(&self) -> PathBuf {
        self.folder.join("parts")
    }

    /// An empty folder.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// The folder of the unfinished corpus.
    pub(super) fn corpus(&self) -> PathBuf {
        self.folder.join("corpus")
    }

    /// Whether an earlier build has read a chunk.
    pub(super) fn has_part(&self, index: u32) -> bool {
        parts::has_part(&self.parts(), index)
    }

    fn clear(&self, folders: &[&str]) -> ArtifactResult<()> {
        for path in folders.iter().map(|name| self.folder.join(name)) {
            if path.exists() {
                std::fs::remove_dir_all(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Renames the corpus to its final name and removes the rest.
    pub(super) fn publish(self) -> ArtifactResult<()> {
        std::fs::rename(self.corpus(), &self.out).map_err(io("write", &self.out))?;
        self.discard();
        Ok(())
    }

    /// Removes the work folder, because there is nothing to continue from.
    pub(super) fn discard(self) {
        // A remaining folder does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
