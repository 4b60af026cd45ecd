//! The files of a checkpoint, in a folder or in a `.tar`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{ImportError, damaged};

/// A file: a whole file on disk, or a range of an archive.
#[derive(Clone, Debug)]
struct Member {
    path: PathBuf,
    offset: u64,
    len: u64,
}

/// The files of a folder or an archive by name. Nothing outside it is ever opened, whatever names a
/// manifest contains.
#[derive(Debug)]
pub(super) struct Files {
    members: BTreeMap<String, Member>,
}

/// For `map_err`: an [`ImportError::Io`] on `path`.
fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError + use<'_> {
    move |source| ImportError::Io { path: path.to_owned(), source }
}

impl Files {
    /// The regular files of a folder, without those of its subfolders.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, ImportError> {
        let mut members = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(io(folder))? {
            let path = entry.map_err(io(folder))?.path();
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            if let (true, Some(name)) = (metadata.is_file(), name) {
                members.insert(name, Member { path, offset: 0, len: metadata.len() });
            }
        }
        Ok(Self { members })
    }

    /// The regular files of a tar archive, which are read in place.
    pub(super) fn of_tar(path: &Path) -> Result<Self, ImportError> {
        let not_tar = |what: String| ImportError::NotACheckpoint { path: path.to_owned(), what };
        let mut file = File::open(path).map_err(io(path))?;
        let len = file.metadata().map_err(io(path))?.len();
        let mut magic = Vec::new();
        file.by_ref().take(2).read_to_end(&mut magic).map_err(io(path))?;
        if magic == [0x1f, 0x8b] {
            return Err(not_tar("it is compressed with gzip; unpack it first".to_owned()));
        }
        file.seek(SeekFrom::Start(0)).map_err(io(path))?;
        let mut archive = tar::Archive::new(file);
        let unreadable = |error: std::io::Error| match error.kind() {
            ErrorKind::PermissionDenied => io(path)(error),
            // The underlying error quotes the file, which may contain anything.
            _ => not_tar("it is not a complete tar archive".to_owned()),
        };
        let mut members = BTreeMap::new();
        for entry in archive.entries_with_seek().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.header().entry_type() != tar::EntryType::Regular {
                continue;
            }
            let name = entry.path().map_err(unreadable)?.to_string_lossy().into_owned();
            let member = Member {
                path: path.to_owned(),
                offset: entry.raw_file_position(),
                len: entry.size(),
            };
            if member.offset.checked_add(member.len).is_none_or(|end| end > len) {
                return Err(not_tar(format!("the archive ends in the middle of `{name}`")));
            }
            members.insert(name.trim_start_matches("./").to_owned(), member);
        }
        Ok(Self { members })
    }

    /// The names of all files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The length of a file in bytes; `None` if there is no such file.
    pub(super) fn len(&self, name: &str) -> Option<u64> {
        self.members.get(name).map(|member| member.len)
    }

    /// A whole file.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, ImportError> {
        self.read_part(name, 0, self.len(name).unwrap_or(0))
    }

    /// `len` bytes of a file starting at `offset`; memory is only reserved once the file is known
    /// to be long enough.
    pub(super) fn read_part(
        &self,
        name: &str,
        offset: u64,
        len: u64,
    ) -> Result<Vec<u8>, ImportError> {
        let member = self.members.get(name).ok_or_else(|| damaged(name, "it is missing"))?;
        let inside = offset.checked_add(len).is_some_and(|end| end <= member.len);
        let n_bytes = usize::try_from(len).ok().filter(|_| inside).ok_or_else(|| {
            let what = format!("it has {} bytes; {len} from {offset} on are needed", member.len);
            damaged(name, what)
        })?;
        let mut file = File::open(&member.path).map_err(io(&member.path))?;
        file.seek(SeekFrom::Start(member.offset + offset)).map_err(io(&member.path))?;
        let mut bytes = vec![0; n_bytes];
        file.read_exact(&mut bytes).map_err(io(&member.path))?;
        Ok(bytes)
    }
}
