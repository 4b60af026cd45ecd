//! One HTML page of many pieces: piano rolls, players, facts, and MIDI files to download.
//!
//! The page is a single file that works without a server: it contains its script, its style and its
//! music, makes no network requests (its content security policy forbids them), and needs nothing
//! but a browser.

mod html;

use note_seq::NoteSequence;
use note_seq::midi::{self, WriteError, WriteOptions};
use thiserror::Error;

/// Why no page was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SheetError {
    /// MIDI can't represent the music, so it can't be offered for download.
    #[error("`{entry}` can't be put on a page")]
    Midi {
        /// The entry's title.
        entry: String,
        /// The cause.
        source: WriteError,
    },
}

/// A page of pieces in groups.
///
/// # Examples
/// ```
/// use note_render::sheet::{Entry, Sheet};
/// # let (original, copy) = (note_seq::NoteSequence::default(), note_seq::NoteSequence::default());
/// let entry = Entry::new("A reel")
///     .take("original", &original)?
///     .take("by the model", &copy)?
///     .field("seed", 7);
/// let html = Sheet::new("Reconstructions").text("By today's model.").entry(entry).to_html();
/// assert!(html.contains("A reel"));
/// # Ok::<(), note_render::sheet::SheetError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sheet {
    title: String,
    texts: Vec<String>,
    groups: Vec<Group>,
}

/// Entries under one heading.
#[derive(Clone, Debug)]
struct Group {
    title: Option<String>,
    texts: Vec<String>,
    entries: Vec<Entry>,
}

/// A piece, or several versions of it side by side, with facts about it.
#[derive(Clone, Debug)]
pub struct Entry {
    title: String,
    versions: Vec<Version>,
    fields: Vec<(String, String)>,
    notes: Vec<String>,
}

/// One version of a piece.
#[derive(Clone, Debug)]
struct Version {
    label: String,
    sequence: NoteSequence,
    midi: Vec<u8>,
}

impl Sheet {
    /// Creates an empty page.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), texts: Vec::new(), groups: Vec::new() }
    }

    /// Adds a paragraph, below the title or below the heading of the last group.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let texts = self.groups.last_mut().map_or(&mut self.texts, |group| &mut group.texts);
        texts.push(text.into());
        self
    }

    /// Starts a group; the entries that follow belong to it.
    #[must_use]
    pub fn group(mut self, title: impl Into<String>) -> Self {
        let title = Some(title.into());
        self.groups.push(Group { title, texts: Vec::new(), entries: Vec::new() });
        self
    }

    /// Adds an entry to the last group.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.push(entry);
        self
    }

    /// Adds an entry to the last group.
    pub fn push(&mut self, entry: Entry) {
        if self.groups.is_empty() {
            self.groups.push(Group { title: None, texts: Vec::new(), entries: Vec::new() });
        }
        let group = self.groups.last_mut().expect("a group was added if there was none");
        group.entries.push(entry);
    }

    /// The number of entries.
    pub fn n_entries(&self) -> usize {
        self.groups.iter().map(|group| group.entries.len()).sum()
    }

    /// Returns the page as one HTML document.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}

impl Entry {
    /// Creates an entry without music.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), versions: Vec::new(), fields: Vec::new(), notes: Vec::new() }
    }

    /// Adds a version of the piece. The label distinguishes it from other versions; it may be empty
    /// if there is only one.
    ///
    /// # Errors
    /// [`SheetError`] if MIDI can't represent the music.
    pub fn take(
        mut self,
        label: impl Into<String>,
        sequence: &NoteSequence,
    ) -> Result<Self, SheetError> {
        let midi = midi::write(sequence, &WriteOptions::default())
            .map_err(|source| SheetError::Midi { entry: self.title.clone(), source })?;
        self.versions.push(Version { label: label.into(), sequence: sequence.clone(), midi });
        Ok(self)
    }

    /// Adds a fact with a name and a value.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl std::fmt::Display) -> Self {
        self.fields.push((name.into(), value.to_string()));
        self
    }

    /// Adds a remark, for example a warning.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

#[cfg(test)]
mod tests;
