//! Writes the members of an archive as files below one folder, with limits on everything that an
//! archive determines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use md5::Md5;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::hashes::hex;
use super::names::{SkipReason, numbered, safe};
use super::store::STAMP;

/// Number of names kept as examples for each reason.
const EXAMPLES: usize = 3;

/// Limits for an archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Number of members, including those left out.
    pub(crate) entries: u64,
    /// Number of bytes when unpacked.
    pub(crate) bytes: u64,
}

/// Members left out for the same reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Omitted {
    pub(crate) n: u64,
    pub(crate) examples: Vec<String>,
}

/// The result of unpacking an archive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) n_files: u64,
    pub(crate) bytes: u64,
    pub(crate) left_out: BTreeMap<SkipReason, Omitted>,
    /// SHA-256 of a line `<sha256>  <path>` for each file, in order of paths.
    pub(crate) sha256: String,
}

/// Receives an archive's members.
///
/// The target is one of our own folders, in which links are never created, so that a path of plain
/// names stays inside it.
pub(crate) struct Sink<'a> {
    target: &'a Path,
    limits: Limits,
    names_are_md5: bool,
    entries: u64,
    bytes: u64,
    /// SHA-256 of each file by its path.
    files: BTreeMap<String, String>,
    /// Number of files for each requested path.
    asked: BTreeMap<String, u64>,
    /// Contents of paths that were requested more than once.
    seen: BTreeSet<(String, String)>,
    left_out: BTreeMap<SkipReason, Omitted>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(target: &'a Path, limits: Limits, names_are_md5: bool) -> Self {
        Self {
            target,
            limits,
            names_are_md5,
            entries: 0,
            bytes: 0,
            files: BTreeMap::new(),
            asked: BTreeMap::new(),
            seen: BTreeSet::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Maximum number of bytes of a whole stream of members: those of the files, and a generous
    /// kibibyte of headers per member.
    pub(crate) fn stream_limit(&self) -> u64 {
        self.limits.bytes.saturating_add(self.limits.entries.saturating_mul(2048)).max(1 << 20)
    }

    /// Counts a member of any kind.
    pub(crate) fn count(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            bail!("it has more than {} members, the limit of this data set", self.limits.entries);
        }
        Ok(())
    }

    /// Records a member that is not used.
    pub(crate) fn skip(&mut self, why: SkipReason, name: &[u8]) {
        let omitted = self.left_out.entry(why).or_default();
        omitted.n += 1;
        if omitted.examples.len() < EXAMPLES {
            let name: String = String::from_utf8_lossy(name).chars().take(200).collect();
            omitted.examples.push(name.escape_debug().to_string());
        }
    }

    /// Writes a file, or records why it is left out.
    pub(crate) fn file(&mut self, raw: &[u8], body: &mut impl Read) -> Result<()> {
        let path = match safe(raw) {
            Ok(path) if path == STAMP => {
                self.skip(SkipReason::Junk, raw);
                return Ok(());
            }
            Ok(path) => path,
            Err(why) => {
                self.skip(why, raw);
                return Ok(());
            }
        };
        let Some((name, mut file)) = self.create(&path)? else {
            self.skip(SkipReason::Conflict, raw);
            return Ok(());
        };
        let md5_of_name = if self.names_are_md5 { md5_of(&path) } else { None };
        let hashes = self.copy(body, &mut file, &name, md5_of_name.is_some())?;
        drop(file);
        let unwanted = if md5_of_name.is_some_and(|md5| hashes.md5.as_deref() != Some(md5)) {
            Some(SkipReason::WrongMd5)
        } else if self.seen.insert((path, hashes.sha256.clone())) {
            None
        } else {
            Some(SkipReason::Repeated)
        };
        if let Some(why) = unwanted {
            let place = self.target.join(&name);
            std::fs::remove_file(&place)
                .with_context(|| format!("can't remove {}", place.display()))?;
            self.skip(why, raw);
        } else {
            self.files.insert(name, hashes.sha256);
        }
        Ok(())
    }

    /// Creates a new file at a path, or at a numbered path if it is taken; `None` if there is a
    /// folder where a file should be, or vice versa.
    fn create(&mut self, path: &str) -> Result<Option<(String, File)>> {
        let full = self.target.join(path);
        if let Some(folder) = full.parent()
            && let Err(error) = std::fs::create_dir_all(folder)
        {
            return match error.kind() {
                ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Ok(None),
                _ => Err(error).with_context(|| format!("can't create {}", folder.display())),
            };
        }
        loop {
            let n = self.asked.entry(path.to_owned()).or_default();
            *n += 1;
            let name = numbered(path, *n);
            let full = self.target.join(&name);
            // `create_new`, so that a file whose name differs only in case is not overwritten on
            // case-insensitive file systems.
            match OpenOptions::new().write(true).create_new(true).open(&full) {
                Ok(file) => return Ok(Some((name, file))),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if full.is_dir() {
                        return Ok(None);
                    }
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("can't create {}", full.display()));
                }
            }
        }
    }

    fn copy(
        &mut self,
        body: &mut impl Read,
        file: &mut File,
        name: &str,
        with_md5: bool,
    ) -> Result<MemberHashes> {
        let mut sha256 = Sha256::new();
        let mut md5 = with_md5.then(Md5::new);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).with_context(|| format!("{name:?} is damaged")),
            };
            self.bytes += n as u64;
            if self.bytes > self.limits.bytes {
                bail!(
                    "it unpacks to more than {} bytes, the limit of this data set",
                    self.limits.bytes
                );
            }
            sha256.update(&buffer[..n]);
            if let Some(md5) = &mut md5 {
                md5.update(&buffer[..n]);
            }
            file.write_all(&buffer[..n]).with_context(|| format!("can't write {name:?}"))?;
        }
        Ok(MemberHashes {
            sha256: hex(&sha256.finalize()),
            md5: md5.map(|md5| hex(&md5.finalize())),
        })
    }

    /// Finishes an archive and returns a summary.
    pub(crate) fn finish(self) -> Contents {
        let mut sha256 = Sha256::new();
        for (path, hash) in &self.files {
            sha256.update(format!("{hash}  {path}\n"));
        }
        Contents {
            n_files: self.files.len() as u64,
            bytes: self.bytes,
            left_out: self.left_out,
            sha256: hex(&sha256.finalize()),
        }
    }
}

struct MemberHashes {
    sha256: String,
    md5: Option<String>,
}

/// The MD5 in a file's name, if there is one.
fn md5_of(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    let stem = name.strip_suffix(".mid")?;
    let is_md5 = stem.len() == 32 && stem.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_md5.then_some(stem)
}
