//! The MIDI files below some roots, in a fixed order and in chunks of a bounded size.
//!
//! Folders are walked in the order of their names and archives are read in the order of their
//! members, without keeping either list in memory. Chunk boundaries depend only on the files, so an
//! interrupted build finds the same chunks again.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use walkdir::WalkDir;

use super::CorpusError;
use super::archive::{self, Member};
use super::content::Content;
use super::files::{FileKind, MidiFile};
use super::unused::{Unused, UnusedReason};
use crate::path_text;
use crate::progress::Progress;

/// Maximum number of files in a chunk …
pub(super) const FILES_PER_CHUNK: usize = 256;
/// … and maximum size in bytes: the archive members of a chunk are in memory together.
pub(super) const BYTES_PER_CHUNK: u64 = 1 << 23;

/// The files to read.
pub(super) struct Sources {
    roots: Vec<Root>,
    /// MIDI files outside archives.
    n_files: u64,
    n_archives: u64,
    /// Total size of files and archives, in bytes.
    n_bytes: u64,
    /// Other entries outside archives.
    pub(super) unused: Unused,
    /// Hash of names, sizes and modification times, for detecting changes.
    pub(super) hash: [u8; 32],
}

struct Root {
    path: PathBuf,
    /// Prefix of the names of its files, if there are several roots.
    name: Option<String>,
}

/// A MIDI file that was found.
pub(super) struct SourceFile {
    pub(super) file: MidiFile,
    pub(super) content: Content,
}

/// Files that are read together.
pub(super) struct Chunk<T = SourceFile> {
    pub(super) index: u32,
    pub(super) files: Vec<T>,
    /// Its contribution to [`Sources::total`].
    pub(super) weight: u64,
}

/// Receives files during a walk.
pub(super) trait SourceReader {
    /// The elements of chunks.
    type Item;

    /// A file on disk.
    fn file(&self, file: MidiFile, path: &Path, n_bytes: u64) -> Self::Item;

    /// The `n`-th MIDI-like member of an archive; `place` has its number.
    fn member(
        &self,
        file: MidiFile,
        place: (&Path, FileKind, u64),
        member: &mut Member<'_>,
    ) -> Self::Item;

    /// An archive that can't be read further.
    fn damaged(&self, file: MidiFile, error: std::io::Error) -> Self::Item;
}

/// Records the locations of files on disk, and the bytes of archive members.
pub(super) struct Contents {
    pub(super) max_bytes: u64,
}

impl SourceReader for Contents {
    type Item = SourceFile;

    fn file(&self, file: MidiFile, path: &Path, n_bytes: u64) -> SourceFile {
        SourceFile { file, content: Content::OnDisk { path: path.to_owned(), n_bytes } }
    }

    fn member(
        &self,
        file: MidiFile,
        _place: (&Path, FileKind, u64),
        member: &mut Member<'_>,
    ) -> SourceFile {
        SourceFile { file, content: member.content(self.max_bytes) }
    }

    fn damaged(&self, file: MidiFile, error: std::io::Error) -> SourceFile {
        SourceFile { file, content: Content::damaged_archive(error) }
    }
}

/// Totals of [`Sources::hand_out`].
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) n_chunks: u32,
    pub(super) n_files: u64,
    /// Other entries in folders and archives.
    pub(super) unused: Unused,
}

/// A file found by a walk.
struct WalkedFile<'a> {
    root: &'a Root,
    path: &'a Path,
    /// Path below the root; empty if it is the root.
    relative: String,
    kind: FileKind,
    n_bytes: u64,
}

impl Sources {
    /// Walks the roots once, to count and to check. Links are not followed. A root inside another
    /// root is ignored.
    ///
    /// # Errors
    /// Returns [`CorpusError::Root`] if a root does not exist. A folder below a root that can't be
    /// read is counted as unused.
    pub(super) fn find(roots: &[PathBuf]) -> Result<Self, CorpusError> {
        let mut real = Vec::new();
        for root in roots {
            let path = std::fs::canonicalize(root)
                .map_err(|source| CorpusError::Root { path: root.clone(), source })?;
            real.push(path);
        }
        let is_inside = |i: usize| {
            let other = |j: usize| real[i].starts_with(&real[j]) && (real[i] != real[j] || j < i);
            (0..real.len()).any(|j| j != i && other(j))
        };
        let mut names: Vec<String> = Vec::new();
        let roots: Vec<Root> = (0..roots.len())
            .filter(|i| !is_inside(*i))
            .map(|i| {
                let name = if roots.len() > 1 { root_name(&roots[i], &mut names) } else { None };
                Root { path: roots[i].clone(), name }
            })
            .collect();
        let (unused, hash) = (Unused::default(), [0; 32]);
        let mut sources = Self { roots, n_files: 0, n_archives: 0, n_bytes: 0, unused, hash };
        let (mut n_files, mut n_archives, mut n_bytes) = (0, 0, 0);
        (sources.unused, sources.hash) = walk(&sources.roots, &mut |met| {
            n_bytes += met.n_bytes;
            *(if met.kind.is_archive() { &mut n_archives } else { &mut n_files }) += 1;
            Ok(true)
        })?;
        (sources.n_files, sources.n_archives, sources.n_bytes) = (n_files, n_archives, n_bytes);
        Ok(sources)
    }

    /// Whether there are no readable files.
    pub(super) fn is_empty(&self) -> bool {
        self.n_files + self.n_archives == 0
    }

    /// Whether all files are known, because none is in an archive.
    pub(super) fn are_listed(&self) -> bool {
        self.n_archives == 0
    }

    /// The amount to read, and its unit: the number of files in an archive is not known in advance.
    pub(super) fn total(&self) -> (u64, &'static str) {
        match self.n_archives {
            0 => (self.n_files, "files"),
            _ => (self.n_bytes >> 20, "MiB"),
        }
    }

    /// Passes every chunk to `send`, except for those that `is_done`, until it returns `false`.
    ///
    /// # Errors
    /// Returns [`CorpusError::Changed`] if the files differ from those that [`Self::find`] found.
    pub(super) fn hand_out<T: SourceReader>(
        &self,
        take: &T,
        max_bytes: u64,
        is_done: &dyn Fn(u32) -> bool,
        progress: &dyn Progress,
        send: &mut dyn FnMut(Chunk<T::Item>) -> bool,
    ) -> Result<Totals, CorpusError> {
        let mut chunker = Chunker {
            take,
            counts_files: self.n_archives == 0,
            is_done,
            progress,
            send,
            files: Vec::new(),
            n_files: 0,
            n_bytes: 0,
            position: 0,
            sent: 0,
            totals: Totals::default(),
        };
        let mut goes_on = true;
        let (unused, hash) = walk(&self.roots, &mut |met| {
            goes_on = if met.kind == FileKind::Midi {
                let (file, n_bytes) = (met.file(), met.n_bytes);
                chunker.position += n_bytes;
                chunker.push(n_bytes, || take.file(file, met.path, n_bytes))
            } else {
                chunker.archive(&met, max_bytes)
            };
            Ok(goes_on)
        })?;
        if !goes_on || !chunker.flush() {
            // The receiver wants no more chunks, or has failed and reports the error.
            return Ok(chunker.totals);
        }
        if hash != self.hash {
            return Err(CorpusError::Changed);
        }
        let mut all = unused;
        all.add(std::mem::take(&mut chunker.totals.unused));
        chunker.totals.unused = all;
        Ok(chunker.totals)
    }
}

/// The prefix for names of a root's files: the root's name, with a number if an earlier root has
/// the same name.
fn root_name(root: &Path, names: &mut Vec<String>) -> Option<String> {
    let own = path_text::of_bytes(root.file_name()?.as_encoded_bytes());
    let numbered = (2..).map(|n| format!("{own} ({n})"));
    let name = std::iter::once(own.clone()).chain(numbered).find(|name| !names.contains(name))?;
    names.push(name.clone());
    Some(name)
}

/// Walks all roots until `each` returns `false`. Returns the entries that are neither MIDI nor
/// archives, and the hash of those that are.
fn walk(
    roots: &[Root],
    each: &mut dyn FnMut(WalkedFile<'_>) -> Result<bool, CorpusError>,
) -> Result<(Unused, [u8; 32]), CorpusError> {
    let (mut unused, mut hasher) = (Unused::default(), blake3::Hasher::new());
    for root in roots {
        let relative = |path: &Path| {
            let below = path.strip_prefix(&root.path).unwrap_or(path);
            let parts = below.components().map(|part| part.as_os_str().as_encoded_bytes());
            path_text::of_bytes(&parts.collect::<Vec<_>>().join(&b'/'))
        };
        for entry in WalkDir::new(&root.path).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let reason = UnusedReason::of_error(error.io_error());
                    unused.count(reason, || error.path().map(relative).unwrap_or_default());
                    continue;
                }
            };
            let file_type = entry.file_type();
            if file_type.is_dir() {
                continue;
            }
            let relative = relative(entry.path());
            if !file_type.is_file() {
                let is_link = file_type.is_symlink();
                let reason =
                    if is_link { UnusedReason::SymbolicLink } else { UnusedReason::SpecialFile };
                unused.count(reason, || relative);
                continue;
            }
            let kind = FileKind::of(&path_text::of_bytes(entry.file_name().as_encoded_bytes()));
            if kind == FileKind::Other {
                unused.count(UnusedReason::of_name(&relative), || relative);
                continue;
            }
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) => {
                    unused.count(UnusedReason::of_error(error.io_error()), || relative);
                    continue;
                }
            };
            let changed = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            let facts = (path_text::of(&root.path), &relative, metadata.len(), changed);
            hasher.update(format!("{facts:?}").as_bytes());
            let n_bytes = metadata.len();
            if !each(WalkedFile { root, path: entry.path(), relative, kind, n_bytes })? {
                return Ok((unused, *hasher.finalize().as_bytes()));
            }
        }
    }
    Ok((unused, *hasher.finalize().as_bytes()))
}

impl WalkedFile<'_> {
    fn own_name(&self) -> String {
        path_text::of_bytes(self.path.file_name().unwrap_or_default().as_encoded_bytes())
    }

    /// The file, if it is a MIDI file or represents an archive.
    fn file(&self) -> MidiFile {
        match self.relative.as_str() {
            "" => MidiFile::new(None, &self.own_name()),
            relative => MidiFile::new(self.root.name.as_deref(), relative),
        }
    }

    /// The name of a member of this archive.
    fn member(&self, name: &str) -> MidiFile {
        match self.relative.as_str() {
            "" => MidiFile::new(self.root.name.as_deref(), name),
            relative => MidiFile::new(self.root.name.as_deref(), &format!("{relative}/{name}")),
        }
    }
}

/// Collects files into chunks.
struct Chunker<'a, T: SourceReader> {
    take: &'a T,
    counts_files: bool,
    is_done: &'a dyn Fn(u32) -> bool,
    progress: &'a dyn Progress,
    send: &'a mut dyn FnMut(Chunk<T::Item>) -> bool,
    /// The chunk's files, if they are needed.
    files: Vec<T::Item>,
    n_files: usize,
    n_bytes: u64,
    /// Bytes on disk read so far, including those of earlier chunks.
    position: u64,
    sent: u64,
    totals: Totals,
}

impl<T: SourceReader> Chunker<'_, T> {
    /// Adds a file, which is evaluated only if its chunk is needed.
    fn push(&mut self, n_bytes: u64, found: impl FnOnce() -> T::Item) -> bool {
        if !(self.is_done)(self.totals.n_chunks) {
            self.files.push(found());
        }
        self.totals.n_files += 1;
        self.n_files += 1;
        self.n_bytes += n_bytes;
        let is_full = self.n_files >= FILES_PER_CHUNK || self.n_bytes >= BYTES_PER_CHUNK;
        !is_full || self.flush()
    }

    /// Adds the members of an archive. A damaged archive counts as an unreadable file, after its
    /// readable members.
    fn archive(&mut self, met: &WalkedFile<'_>, max_bytes: u64) -> bool {
        let (start, mut goes_on, take) = (self.position, true, self.take);
        let mut number = 0;
        let mut unused = Unused::default();
        let outcome = archive::read(met.path, met.kind, &mut unused, &mut |mut member| {
            self.position = start + member.consumed.min(met.n_bytes);
            let file = met.member(&member.name);
            let n_bytes = member.n_bytes.min(max_bytes);
            let place = (met.path, met.kind, number);
            goes_on = self.push(n_bytes, || take.member(file, place, &mut member));
            number += 1;
            goes_on
        });
        self.position = start + met.n_bytes;
        for of_reason in unused.by_reason.values_mut() {
            of_reason.example = met.member(&of_reason.example).name;
        }
        self.totals.unused.add(unused);
        match outcome {
            Ok(()) => goes_on,
            Err(error) => goes_on && self.push(0, || take.damaged(met.file(), error)),
        }
    }

    /// Sends the collected chunk.
    fn flush(&mut self) -> bool {
        if self.n_files == 0 {
            return true;
        }
        let index = self.totals.n_chunks;
        let weight = if self.counts_files {
            self.n_files as u64
        } else {
            (self.position >> 20) - (self.sent >> 20)
        };
        self.totals.n_chunks += 1;
        (self.n_files, self.n_bytes, self.sent) = (0, 0, self.position);
        let files = std::mem::take(&mut self.files);
        if (self.is_done)(index) {
            self.progress.advance(weight);
            return true;
        }
        (self.send)(Chunk { index, files, weight })
    }
}
