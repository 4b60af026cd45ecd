//! The shelf: pieces that clients keep on the server, one file each in the user's data folder, so
//! that they outlive a browser and its storage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use corpus::artifact::{ArtifactResult, JsonFormat, io};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::cell::lock;

/// Suffix of the files.
const ENDING: &str = ".piece.json";
/// Maximum length of an id.
const ID_CHARS: usize = 64;

/// A piece as it is kept: an id of the client, and whatever the client stores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Kept {
    /// 1 to 64 letters, digits and hyphens.
    pub(crate) id: String,
    /// Larger for newer pieces.
    pub(crate) order: f64,
    /// The piece, an object.
    #[schema(value_type = Object)]
    pub(crate) piece: Value,
}

impl JsonFormat for Kept {
    const FORMAT: &'static str = "controlgen.studio-piece";
    const VERSION: u32 = 1;
}

impl Kept {
    /// Why it can't be kept, if it can't.
    pub(crate) fn refusal(&self) -> Option<String> {
        if !is_id(&self.id) {
            return Some(format!("{:?} is not an id", self.id));
        }
        if !self.order.is_finite() {
            return Some("`order` must be a number".to_owned());
        }
        (!self.piece.is_object()).then(|| "`piece` must be an object".to_owned())
    }
}

/// Whether a text can be an id, and so the name of a file on every system.
pub(crate) fn is_id(id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=ID_CHARS).contains(&id.len()) && id.chars().all(is_plain)
}

/// What changed since a revision.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct News {
    /// Identifies the run of the server that revisions are counted in.
    epoch: u64,
    /// The revision after these changes.
    revision: u64,
    /// New and changed pieces, newest first.
    pieces: Vec<Kept>,
    /// Ids of removed pieces.
    removed: Vec<String>,
    /// Files that can't be read; they are left as they are.
    unreadable: Vec<String>,
}

/// The revision that a client has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct Revision {
    /// Identifies the run of the server that revisions are counted in.
    pub(crate) epoch: u64,
    /// Number of changes in that run.
    pub(crate) revision: u64,
}

/// A folder of pieces. Reads and writes must not run at the same time: they share a pool of one
/// thread.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    log: Mutex<Log>,
}

/// The changes of this run.
#[derive(Debug)]
struct Log {
    now: Revision,
    /// By id: the revision of the last change, and whether the piece is still there.
    changes: BTreeMap<String, (u64, bool)>,
}

impl Shelf {
    /// A shelf in a folder, which is created by the first piece.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Milliseconds: exact in JavaScript.
        let epoch = u64::try_from(time.as_millis()).unwrap_or(0);
        let now = Revision { epoch, revision: 0 };
        Self { folder, log: Mutex::new(Log { now, changes: BTreeMap::new() }) }
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}{ENDING}"))
    }

    /// All pieces, or what changed since a revision of this run.
    ///
    /// # Errors
    /// If the folder can't be read.
    pub(crate) fn news(&self, since: Option<Revision>) -> ArtifactResult<News> {
        let log = lock(&self.log);
        let since = since.filter(|since| since.epoch == log.now.epoch);
        let (ids, removed) = match since {
            Some(since) => {
                let fresh = || log.changes.iter().filter(|(_, (at, _))| *at > since.revision);
                let of = |is_there: bool| {
                    let some = fresh().filter(move |(_, (_, there))| *there == is_there);
                    some.map(|(id, _)| id.clone()).collect::<Vec<_>>()
                };
                (of(true), of(false))
            }
            None => (ids(&self.folder)?, Vec::new()),
        };
        let mut news = News {
            epoch: log.now.epoch,
            revision: log.now.revision,
            pieces: Vec::new(),
            removed,
            unreadable: Vec::new(),
        };
        for id in ids {
            let path = self.path(&id);
            match Kept::load(&path) {
                // The name of the file decides, should it have been renamed.
                Ok(kept) => news.pieces.push(Kept { id, ..kept }),
                Err(_) => news.unreadable.push(path.display().to_string()),
            }
        }
        news.pieces.sort_by(|a, b| b.order.total_cmp(&a.order));
        Ok(news)
    }

    /// Keeps and removes pieces. If one can't be written, those before it are kept.
    ///
    /// # Errors
    /// If the folder can't be written, for example because the disk is full.
    pub(crate) fn change(&self, changed: &[Kept], removed: &[String]) -> ArtifactResult<Revision> {
        let mut log = lock(&self.log);
        if !changed.is_empty() {
            std::fs::create_dir_all(&self.folder).map_err(io("create", &self.folder))?;
        }
        let mut note = |id: &String, is_there: bool| {
            log.now.revision += 1;
            let at = log.now.revision;
            log.changes.insert(id.clone(), (at, is_there));
        };
        for kept in changed {
            kept.save(&self.path(&kept.id))?;
            note(&kept.id, true);
        }
        for id in removed {
            let path = self.path(id);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io("remove", &path)(error));
                }
                _ => note(id, false),
            }
        }
        Ok(log.now)
    }
}

/// The ids of the pieces in a folder, sorted; none if the folder is not there.
fn ids(folder: &Path) -> ArtifactResult<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io("read", folder)(error)),
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(io("read", folder))?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(ENDING));
        ids.extend(id.filter(|id| is_id(id)).map(str::to_owned));
    }
    ids.sort();
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(id: &str, order: f64) -> Kept {
        Kept { id: id.to_owned(), order, piece: json!({ "title": id }) }
    }

    #[test]
    fn pieces_outlive_a_run_and_changes_are_told_since_a_revision() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path().join("of a model"));
        assert_eq!(shelf.news(None).unwrap().pieces, []);
        let first = shelf.change(&[kept("a", 1.0), kept("b", 2.0)], &[]).unwrap();
        assert_eq!(first.revision, 2);
        shelf.change(&[kept("b", 3.0)], &["a".to_owned(), "never".to_owned()]).unwrap();
        let news = shelf.news(Some(first)).unwrap();
        assert_eq!(
            (news.pieces, news.removed),
            (vec![kept("b", 3.0)], vec!["a".into(), "never".into()])
        );
        // Another run: all of them, newest first, and what is damaged is told and stays.
        shelf.change(&[kept("c", 9.0)], &[]).unwrap();
        let other = Shelf::new(folder.path().join("of a model"));
        let damaged = other.path("broken");
        std::fs::write(&damaged, "{").unwrap();
        std::fs::write(folder.path().join("of a model/notes.txt"), "mine").unwrap();
        let news = other.news(Some(Revision { epoch: 1, revision: 0 })).unwrap();
        assert_eq!(news.pieces, [kept("c", 9.0), kept("b", 3.0)]);
        assert_eq!(news.unreadable, [damaged.display().to_string()]);
        assert!(damaged.exists());
    }

    #[test]
    fn ids_are_names_of_files_everywhere() {
        assert!(is_id("0b5c-F"));
        for bad in ["", "..", "a/b", "a.b", "ä", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
            assert!(kept(bad, 0.0).refusal().is_some());
        }
        assert!(Kept { piece: json!([]), ..kept("a", 0.0) }.refusal().is_some());
    }
}
