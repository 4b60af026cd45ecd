//! Listing of the files of a chunk, with their locations, so that any process can read them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CorpusError;
use super::archive::{self, Member};
use super::content::Content;
use super::files::{FileKind, MidiFile};
use super::source::{SourceFile, SourceReader};
use super::unused::Unused;

/// A file and its location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    file: MidiFile,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    OnDisk {
        #[serde(with = "crate::path_text")]
        path: PathBuf,
        n_bytes: u64,
    },
    /// The number of MIDI-like members of the archive before it.
    Member {
        #[serde(with = "crate::path_text")]
        archive: PathBuf,
        kind: FileKind,
        number: u64,
    },
    /// An archive that can't be read further, with the cause.
    Damaged { why: String },
    /// In a store that is read by [`Fetch`].
    InStore { url: String, n_bytes: u64 },
}

impl Listed {
    pub(super) fn file(&self) -> &MidiFile {
        &self.file
    }
}

/// A MIDI file in a store that is not a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InStore {
    /// Path below the store's root, used as the name in tables.
    pub relative: String,
    /// URL passed to [`Fetch`].
    pub url: String,
    /// Size in bytes.
    pub n_bytes: u64,
}

/// Fetches files from a store: for each URL its bytes, or the error.
pub type Fetch<'a> = &'a dyn Fn(&[String]) -> Vec<std::io::Result<Vec<u8>>>;

/// Number of files fetched together.
const FILES_PER_FETCH: usize = 64;

impl InStore {
    /// Whether the name looks like that of a MIDI file.
    pub fn is_midi(&self) -> bool {
        FileKind::of(&self.relative) == FileKind::Midi
    }

    pub(super) fn listed(self) -> Listed {
        let Self { relative, url, n_bytes } = self;
        Listed { file: MidiFile::new(None, &relative), place: Place::InStore { url, n_bytes } }
    }
}

/// Records where files are, without reading them.
pub(super) struct Places;

impl SourceReader for Places {
    type Item = Listed;

    fn file(&self, file: MidiFile, path: &Path, n_bytes: u64) -> Listed {
        Listed { file, place: Place::OnDisk { path: path.to_owned(), n_bytes } }
    }

    fn member(
        &self,
        file: MidiFile,
        (archive, kind, number): (&Path, FileKind, u64),
        _member: &mut Member<'_>,
    ) -> Listed {
        Listed { file, place: Place::Member { archive: archive.to_owned(), kind, number } }
    }

    fn damaged(&self, file: MidiFile, error: std::io::Error) -> Listed {
        Listed { file, place: Place::Damaged { why: error.to_string() } }
    }
}

/// Passes the files of a list to `each`, in order. Successive members of an archive are read in one
/// pass.
///
/// # Errors
/// Returns any error of `each`, and [`CorpusError::Changed`] if an archive has fewer members than
/// were listed.
pub(super) fn open(
    listed: Vec<Listed>,
    max_bytes: u64,
    fetch: Fetch<'_>,
    each: &mut dyn FnMut(SourceFile) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let mut listed = listed.into_iter().peekable();
    while let Some(Listed { file, place }) = listed.next() {
        match place {
            Place::OnDisk { path, n_bytes } => {
                each(SourceFile { file, content: Content::OnDisk { path, n_bytes } })?;
            }
            Place::Damaged { why } => {
                each(SourceFile { file, content: Content::damaged_archive(why) })?;
            }
            Place::InStore { url, n_bytes } => {
                let mut wanted = vec![(file, url, n_bytes)];
                let is_in_store = |next: &Listed| matches!(next.place, Place::InStore { .. });
                while wanted.len() < FILES_PER_FETCH
                    && let Some(next) = listed.next_if(is_in_store)
                {
                    if let Place::InStore { url, n_bytes } = next.place {
                        wanted.push((next.file, url, n_bytes));
                    }
                }
                fetched(wanted, max_bytes, fetch, each)?;
            }
            Place::Member { archive: path, kind, number } => {
                let mut wanted = VecDeque::from([(number, file)]);
                let is_of_it = |next: &Listed| match &next.place {
                    Place::Member { archive, .. } => *archive == path,
                    _ => false,
                };
                while let Some(Listed { file, place }) = listed.next_if(is_of_it) {
                    if let Place::Member { number, .. } = place {
                        wanted.push_back((number, file));
                    }
                }
                members(&path, kind, wanted, max_bytes, each)?;
            }
        }
    }
    Ok(())
}

/// Passes files of a store to `each`; those that are too large are not fetched.
fn fetched(
    wanted: Vec<(MidiFile, String, u64)>,
    max_bytes: u64,
    fetch: Fetch<'_>,
    each: &mut dyn FnMut(SourceFile) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let urls = wanted.iter().filter(|(.., n_bytes)| *n_bytes <= max_bytes);
    let urls: Vec<String> = urls.map(|(_, url, _)| url.clone()).collect();
    let mut answers = fetch(&urls).into_iter();
    for (file, _, n_bytes) in wanted {
        let content = if n_bytes <= max_bytes {
            match answers.next().ok_or(CorpusError::Changed)? {
                Ok(bytes) if bytes.len() as u64 > max_bytes => {
                    Content::over_limit(bytes.len() as u64, max_bytes)
                }
                Ok(bytes) => Content::Bytes(bytes),
                Err(error) => Content::refused("unreadable", error),
            }
        } else {
            Content::over_limit(n_bytes, max_bytes)
        };
        each(SourceFile { file, content })?;
    }
    Ok(())
}

/// Passes the requested members of an archive to `each`; their numbers must be ascending.
fn members(
    path: &Path,
    kind: FileKind,
    mut wanted: VecDeque<(u64, MidiFile)>,
    max_bytes: u64,
    each: &mut dyn FnMut(SourceFile) -> Result<(), CorpusError>,
) -> Result<(), CorpusError> {
    let (mut at, mut failed) = (0, None);
    // Members after the requested ones, and those that can't be read, are irrelevant.
    let outcome = archive::read(path, kind, &mut Unused::default(), &mut |mut member| {
        if wanted.front().is_some_and(|(number, _)| *number == at)
            && let Some((_, file)) = wanted.pop_front()
        {
            failed = each(SourceFile { file, content: member.content(max_bytes) }).err();
        }
        at += 1;
        failed.is_none() && !wanted.is_empty()
    });
    match (failed, wanted.pop_front(), outcome) {
        (Some(error), ..) => Err(error),
        (None, Some((_, file)), Err(error)) if at == 0 => {
            // It existed when it was listed, and may be inaccessible from this machine only.
            each(SourceFile { file, content: Content::refused("unreadable", &error) })?;
            wanted.into_iter().try_for_each(|(_, file)| {
                each(SourceFile { file, content: Content::refused("unreadable", &error) })
            })
        }
        (None, Some(_), _) => Err(CorpusError::Changed),
        (None, None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_store_are_fetched_together_and_none_that_is_too_large() {
        let file = |name: &str, n_bytes| {
            InStore { relative: name.to_owned(), url: format!("x://{name}"), n_bytes }.listed()
        };
        let listed =
            vec![file("a.mid", 3), file("b.mid", 1000), file("c.mid", 2), file("d.mid", 1)];
        let fetch = |urls: &[String]| {
            assert_eq!(urls, ["x://a.mid", "x://c.mid", "x://d.mid"]);
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            vec![Ok(vec![7; 3]), Ok(vec![7; 200]), Err(missing)]
        };
        let mut found = Vec::new();
        open(listed, 100, &fetch, &mut |next| {
            found.push(match next.content {
                Content::Bytes(bytes) => bytes.len().to_string(),
                Content::Refused { reason, .. } => format!("{} {reason}", next.file.name),
                Content::OnDisk { .. } => "on disk".to_owned(),
            });
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["3", "b.mid over_limit", "c.mid over_limit", "d.mid unreadable"]);
    }
}
