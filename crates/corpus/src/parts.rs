//! Parts of a corpus under construction: the result of reading each chunk of files, in two zstd
//! files. `facts` has the outcome for each file; `windows` has the tokens of the windows.
//!
//! Both are sequences of length-prefixed records and are read from front to back. They exist until
//! the corpus is complete and are read only by the program that wrote them. If the steps run on
//! several machines, a third file (`listing`) has the locations of the chunk's files, and a fourth
//! (`groups`) the groups assigned to them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use note_seq::SkipReason;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::listing::Listed;
use super::{GroupRule, MidiFile};
use crate::artifact::{ArtifactError, ArtifactResult, io};
use crate::kind::NoteUse;

/// Fast compression: a part is read three times at most.
const ZSTD_LEVEL: i32 = 1;

/// A file of the corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FileFacts {
    pub(super) file: MidiFile,
    /// Its group, if a table or naming rule determines it; other pieces are found by the names and
    /// music of all files.
    pub(super) group: Option<String>,
    /// Whether a source of labels knows the file.
    pub(super) is_listed: bool,
    pub(super) label: Option<String>,
    pub(super) outcome: Outcome,
    /// For each window, the key that duplicates share.
    pub(super) keys: Vec<u64>,
}

impl FileFacts {
    /// The name of the group that the file forms alone.
    pub(super) fn own_group(&self) -> Cow<'_, str> {
        match &self.group {
            Some(group) => Cow::Borrowed(group),
            None => Cow::Owned(GroupRule::Stem.of(&self.file)),
        }
    }
}

/// The outcome of reading a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The file was read; it may have no windows, with the reasons counted.
    Read(Box<ReadFacts>),
    /// The file could not be read.
    Refused { reason: String, detail: String },
}

/// A file that could be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ReadFacts {
    pub(super) file_hash: [u8; 16],
    pub(super) n_bytes: u64,
    pub(super) skipped: BTreeMap<SkipReason, usize>,
    /// Counts of its notes, for kinds that count them.
    pub(super) notes: Option<NoteUse>,
    pub(super) why_empty: Option<SkipReason>,
    pub(super) n_repairs: u64,
    /// The longest-lasting tempo, in quarter notes per minute.
    pub(super) qpm: f64,
    /// Its distinct meters.
    pub(super) metres: Vec<(u32, u32)>,
    /// The signature for finding near-duplicates.
    pub(super) signature: Option<Vec<u32>>,
}

/// A window of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartWindow {
    pub(super) window_id: u64,
    pub(super) tokens: Vec<u16>,
    pub(super) track: i16,
    pub(super) start_bar: u32,
    pub(super) transposed: i8,
}

/// Writes records to a temporary file that is renamed when complete.
pub(super) struct Writer {
    path: PathBuf,
    temporary: PathBuf,
    zstd: zstd::Encoder<'static, BufWriter<File>>,
    record: Vec<u8>,
}

impl Writer {
    /// `tag` distinguishes the temporary file from those of other processes writing the same file.
    pub(super) fn create(path: PathBuf, tag: &str) -> ArtifactResult<Self> {
        // Appended to the whole name, because the files of a part differ only in their extension.
        let temporary = path.with_added_extension(tag);
        let file = File::create(&temporary).map_err(io("write", &temporary))?;
        let mut zstd = zstd::Encoder::new(BufWriter::new(file), ZSTD_LEVEL)
            .map_err(io("write", &temporary))?;
        zstd.include_checksum(true).map_err(io("write", &temporary))?;
        Ok(Self { path, temporary, zstd, record: Vec::new() })
    }

    pub(super) fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> ArtifactResult<()> {
        self.record.clear();
        let encoded = postcard::to_io(value, &mut self.record).map(|_| ());
        encoded.map_err(|error| self.damaged(error))?;
        let n = u32::try_from(self.record.len()).map_err(|error| self.damaged(error))?;
        self.zstd
            .write_all(&n.to_le_bytes())
            .and_then(|()| self.zstd.write_all(&self.record))
            .map_err(io("write", &self.temporary))
    }

    fn damaged(&self, error: impl std::error::Error + Send + Sync + 'static) -> ArtifactError {
        io("write", &self.temporary)(std::io::Error::other(error))
    }

    pub(super) fn finish(self) -> ArtifactResult<()> {
        let failed = |error| io("write", &self.path)(error);
        let buffer = self.zstd.finish().map_err(failed)?;
        let file = buffer.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&self.temporary, &self.path).map_err(failed)
    }
}

/// Writes the two files of a part.
pub(super) struct PartWriter {
    facts: Writer,
    windows: Writer,
}

impl PartWriter {
    pub(super) fn create(folder: &Path, index: u32, tag: &str) -> ArtifactResult<Self> {
        let facts = Writer::create(facts_path(folder, index), tag)?;
        let windows = Writer::create(windows_path(folder, index), tag)?;
        Ok(Self { facts, windows })
    }

    pub(super) fn push(&mut self, facts: &FileFacts, windows: &[PartWindow]) -> ArtifactResult<()> {
        debug_assert_eq!(facts.keys.len(), windows.len());
        self.facts.push(facts)?;
        windows.iter().try_for_each(|window| self.windows.push(window))
    }

    /// The facts are written last: if they exist, the part is complete.
    pub(super) fn finish(self) -> ArtifactResult<()> {
        self.windows.finish()?;
        self.facts.finish()
    }
}

/// Whether a part is complete.
pub(super) fn has_part(folder: &Path, index: u32) -> bool {
    facts_path(folder, index).exists()
}

/// The facts of all files, in order.
pub(super) fn facts(
    folder: &Path,
    n_parts: u32,
) -> impl Iterator<Item = ArtifactResult<FileFacts>> {
    records((0..n_parts).map(|index| facts_path(folder, index)).collect())
}

/// The windows of all files, in order.
pub(super) fn windows(
    folder: &Path,
    n_parts: u32,
) -> impl Iterator<Item = ArtifactResult<PartWindow>> {
    records((0..n_parts).map(|index| windows_path(folder, index)).collect())
}

/// The facts of a part's files, in order.
pub(super) fn facts_of(
    folder: &Path,
    index: u32,
) -> impl Iterator<Item = ArtifactResult<FileFacts>> {
    records(vec![facts_path(folder, index)])
}

/// The windows of a part's files, in order.
pub(super) fn windows_of(
    folder: &Path,
    index: u32,
) -> impl Iterator<Item = ArtifactResult<PartWindow>> {
    records(vec![windows_path(folder, index)])
}

/// The groups of a part's files, in order.
pub(super) fn groups_of(folder: &Path, index: u32) -> impl Iterator<Item = ArtifactResult<String>> {
    records(vec![groups_path(folder, index)])
}

/// Locations of a part's files, in order.
pub(super) fn listing_of(
    folder: &Path,
    index: u32,
) -> impl Iterator<Item = ArtifactResult<Listed>> {
    records(vec![listing_path(folder, index)])
}

/// Path of the groups of a part's files.
pub(super) fn groups_path(folder: &Path, index: u32) -> PathBuf {
    folder.join(format!("{index:06}.groups"))
}

/// Path of the locations of a part's files.
pub(super) fn listing_path(folder: &Path, index: u32) -> PathBuf {
    folder.join(format!("{index:06}.listing"))
}

fn facts_path(folder: &Path, index: u32) -> PathBuf {
    folder.join(format!("{index:06}.facts"))
}

fn windows_path(folder: &Path, index: u32) -> PathBuf {
    folder.join(format!("{index:06}.windows"))
}

/// All records of some files; ends after the first error.
fn records<T: DeserializeOwned>(paths: Vec<PathBuf>) -> impl Iterator<Item = ArtifactResult<T>> {
    let mut paths = paths.into_iter();
    let mut current: Option<(PathBuf, zstd::Decoder<'static, BufReader<File>>)> = None;
    let mut buffer = Vec::new();
    let mut next = move || -> ArtifactResult<Option<T>> {
        loop {
            let Some((path, reader)) = &mut current else {
                let Some(path) = paths.next() else { return Ok(None) };
                let opened = File::open(&path).and_then(zstd::Decoder::new);
                current = Some((path.clone(), opened.map_err(io("read", &path))?));
                continue;
            };
            let mut length = [0; 4];
            if reader.read(&mut length[..1]).map_err(io("read", path))? == 0 {
                current = None;
            } else {
                let failed = |error| io("read", path)(error);
                reader.read_exact(&mut length[1..]).map_err(failed)?;
                let length = usize::try_from(u32::from_le_bytes(length));
                buffer.resize(length.map_err(|e| failed(std::io::Error::other(e)))?, 0);
                reader.read_exact(&mut buffer).map_err(failed)?;
                let value = postcard::from_bytes(&buffer);
                return value.map(Some).map_err(|e| failed(std::io::Error::other(e)));
            }
        }
    };
    let mut is_over = false;
    std::iter::from_fn(move || {
        let item = if is_over { None } else { next().transpose() };
        is_over = !matches!(item, Some(Ok(_)));
        item
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, n_windows: usize) -> (FileFacts, Vec<PartWindow>) {
        let windows = (0..n_windows as u64).map(|i| PartWindow {
            window_id: i * 0x1234_5678_9abc,
            tokens: vec![i as u16; 32],
            track: i as i16 - 1,
            start_bar: 70_000,
            transposed: -3,
        });
        let skipped = BTreeMap::from([(SkipReason::Drums, 3)]);
        let facts = FileFacts {
            file: MidiFile::new(Some("root"), name),
            group: Some("g".to_owned()),
            is_listed: true,
            label: Some("é".to_owned()),
            outcome: Outcome::Read(Box::new(ReadFacts {
                file_hash: [7; 16],
                n_bytes: 1 << 40,
                skipped,
                notes: Some(NoteUse { n_notes: 9, n_in_windows: 7, ..NoteUse::default() }),
                why_empty: None,
                n_repairs: 2,
                qpm: 119.5,
                metres: vec![(4, 4), (3, 4)],
                signature: Some(vec![u32::MAX; 3]),
            })),
            keys: (0..n_windows as u64).collect(),
        };
        (facts, windows.collect())
    }

    #[test]
    fn parts_come_back_in_order_and_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let files = [file("a.mid", 3), file("b.mid", 0), file("c.mid", 5)];
        for (index, files) in [&files[..2], &files[2..]].into_iter().enumerate() {
            let index = index as u32;
            let mut writer = PartWriter::create(folder.path(), index, "new").unwrap();
            for (facts, windows) in files {
                writer.push(facts, windows).unwrap();
            }
            assert!(!has_part(folder.path(), index));
            writer.finish().unwrap();
            assert!(has_part(folder.path(), index));
        }
        let found: Vec<FileFacts> = facts(folder.path(), 2).map(Result::unwrap).collect();
        assert_eq!(found, files.clone().map(|(facts, _)| facts));
        let found: Vec<PartWindow> = windows(folder.path(), 2).map(Result::unwrap).collect();
        assert_eq!(found, files.map(|(_, windows)| windows).concat());

        let path = facts_path(folder.path(), 1);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        let found: Vec<_> = facts(folder.path(), 2).collect();
        assert!(found.len() == 4 && found[3].is_err() || found.len() == 3 && found[2].is_err());
    }
}
