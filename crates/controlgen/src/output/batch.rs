//! All files that a command writes: MIDI with its JSON, and on request MusicXML, WAV, SVG, PNG and
//! an HTML page.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, ArtifactResult};
use corpus::overwrite::Overwrite;
use note_render::picture::{RollOptions, piano_roll};
use note_render::sheet::{Entry, Sheet};
use note_render::sound::{SoundOptions, check, wav};
use note_seq::{NoteSequence, ScoreOptions};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Sidecar, Sound, write_output};
use crate::names::Names;

/// The formats written in addition to MIDI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate option")]
pub struct Formats {
    /// A score of all voices: `NAME.musicxml`.
    pub musicxml: bool,
    /// Audio: `NAME.wav`.
    pub wav: bool,
    /// A piano roll: `NAME.svg`.
    pub svg: bool,
    /// A piano roll: `NAME.png`.
    pub png: bool,
    /// An HTML page with players for all pieces: `index.html`.
    pub html: bool,
}

/// Writes the pieces of one command into a folder.
#[derive(Debug)]
pub struct Batch {
    folder: PathBuf,
    formats: Formats,
    sound: Sound,
    overwrite: Overwrite,
    /// Names of the pieces.
    names: Names,
    sheet: Sheet,
    n_left_out: usize,
    /// Pieces to be rendered as audio, which takes longest; they are rendered in parallel at the
    /// end.
    to_play: Vec<(PathBuf, NoteSequence)>,
}

/// Maximum number of pieces on a page; more would be too many for a browser.
const MAX_ON_PAGE: usize = 2000;

/// Maximum number of pieces that wait for audio.
const MAX_WAITING: usize = 256;

/// Pixels of a PNG per unit of the image: for high-resolution screens.
const PNG_SCALE: f64 = 2.0;

impl Batch {
    /// Creates a batch without writing anything. Files of other programs are kept, unless changed
    /// by [`Self::overwriting`].
    pub fn new(folder: &Path, title: impl Into<String>, formats: Formats, sound: Sound) -> Self {
        Self {
            folder: folder.to_owned(),
            formats,
            sound,
            overwrite: Overwrite::default(),
            names: Names::of_folder(folder),
            sheet: Sheet::new(title),
            n_left_out: 0,
            to_play: Vec::new(),
        }
    }

    /// Sets the rule for overwriting files.
    #[must_use]
    pub fn overwriting(self, overwrite: Overwrite) -> Self {
        Self { overwrite, ..self }
    }

    /// Checks, before any work, whether the files written at the end may be written.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotOwn`] if one of them may not.
    pub fn check(&self) -> ArtifactResult<()> {
        if self.formats.html { self.overwrite.check(&self.folder.join(PAGE)) } else { Ok(()) }
    }

    /// The name for a piece, after checking that all its files may be written.
    fn name(&mut self, name: &str, endings: &[&str]) -> ArtifactResult<String> {
        self.check()?;
        let name = self.names.free(name);
        let Formats { svg, png, wav, musicxml, .. } = self.formats;
        let asked = [(musicxml, "musicxml"), (svg, "svg"), (png, "png"), (wav, "wav")];
        let asked = asked.iter().filter(|(asked, _)| *asked).map(|(_, ending)| ending);
        for ending in endings.iter().chain(asked) {
            self.overwrite.check(&self.path(&name, ending))?;
        }
        Ok(name)
    }

    /// Begins a group on the page.
    pub fn group(&mut self, title: impl Into<String>) {
        self.change(|sheet| sheet.group(title));
    }

    /// Adds a paragraph to the page.
    pub fn text(&mut self, text: impl Into<String>) {
        self.change(|sheet| sheet.text(text));
    }

    fn change(&mut self, change: impl FnOnce(Sheet) -> Sheet) {
        let sheet = std::mem::replace(&mut self.sheet, Sheet::new(String::new()));
        self.sheet = change(sheet);
    }

    /// Writes a piece: `NAME.mid`, `NAME.json` and the other requested files. Returns the path of
    /// the first. The name is adapted to be valid on every file system ([`crate::names`]).
    ///
    /// # Errors
    /// Returns an error if a file can't be rendered or written.
    pub fn write(
        &mut self,
        name: &str,
        sequence: &NoteSequence,
        sidecar: &Sidecar,
    ) -> ArtifactResult<PathBuf> {
        self.write_beside(name, sequence, sidecar, &[])
    }

    /// Like [`Self::write`], with related music next to it on the page, for example the source of a
    /// mix, each with a label.
    ///
    /// # Errors
    /// Same as [`Self::write`].
    pub fn write_beside(
        &mut self,
        name: &str,
        sequence: &NoteSequence,
        sidecar: &Sidecar,
        beside: &[(&str, &NoteSequence)],
    ) -> ArtifactResult<PathBuf> {
        let mut sequence = sequence.clone();
        self.sound.apply(&mut sequence);
        let name = &self.name(name, &["mid", "json"])?;
        let midi = write_output(&self.folder, name, &sequence, sidecar, self.overwrite)?;
        self.render(name, &sequence)?;
        if self.formats.html {
            let mut entry = facts(Entry::new(name), sidecar);
            let label = if beside.is_empty() { "" } else { "new" };
            let page = self.folder.join(PAGE);
            for (label, music) in beside.iter().copied().chain([(label, &sequence)]) {
                entry = entry.take(label, music).map_err(|error| failed(&page, error))?;
            }
            self.show(entry);
        }
        Ok(midi)
    }

    /// Renders a piece whose MIDI file is elsewhere: all requested formats, but neither MIDI nor
    /// JSON. Returns the name of its files.
    ///
    /// # Errors
    /// Returns an error if a file can't be rendered or written.
    pub fn render_only(
        &mut self,
        name: &str,
        sequence: &NoteSequence,
        fields: &[(&str, String)],
    ) -> ArtifactResult<String> {
        let mut sequence = sequence.clone();
        self.sound.apply(&mut sequence);
        let name = self.name(name, &[])?;
        self.render(&name, &sequence)?;
        if self.formats.html {
            let entry = fields.iter().fold(Entry::new(&name), |e, (n, v)| e.field(*n, v));
            let page = self.folder.join(PAGE);
            let entry = entry.take("", &sequence).map_err(|error| failed(&page, error))?;
            self.show(entry);
        }
        Ok(name)
    }

    fn show(&mut self, entry: Entry) {
        if self.sheet.n_entries() < MAX_ON_PAGE {
            self.sheet.push(entry);
        } else {
            self.n_left_out += 1;
        }
    }

    /// Renders score and images now, and audio later together with other pieces.
    fn render(&mut self, name: &str, sequence: &NoteSequence) -> ArtifactResult<()> {
        let Formats { svg, png, musicxml, .. } = self.formats;
        if musicxml {
            let path = self.path(name, "musicxml");
            let options = ScoreOptions { title: name.to_owned(), ..ScoreOptions::default() };
            let score = sequence.to_musicxml(&options).map_err(|error| failed(&path, error))?;
            self.overwrite.write(&path, score.as_bytes())?;
        }
        if svg || png {
            let picture = piano_roll(sequence, &RollOptions::default());
            if svg {
                self.overwrite.write(&self.path(name, "svg"), picture.to_svg().as_bytes())?;
            }
            if png {
                let path = self.path(name, "png");
                let bytes = picture.to_png(PNG_SCALE).map_err(|error| failed(&path, error))?;
                self.overwrite.write(&path, &bytes)?;
            }
        }
        if self.formats.wav {
            let path = self.path(name, "wav");
            check(sequence, &SoundOptions::default()).map_err(|error| failed(&path, error))?;
            self.to_play.push((path, sequence.clone()));
            if self.to_play.len() >= MAX_WAITING {
                self.play()?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    /// Renders the waiting pieces as audio.
    fn play(&mut self) -> ArtifactResult<()> {
        let overwrite = self.overwrite;
        std::mem::take(&mut self.to_play).into_par_iter().try_for_each(|(path, sequence)| {
            let bytes = wav(&sequence, &SoundOptions::default());
            overwrite.write(&path, &bytes.map_err(|error| failed(&path, error))?)
        })
    }

    /// Writes the remaining files, and returns the path of the page if there is one.
    ///
    /// # Errors
    /// Returns an error if a file can't be rendered or written.
    pub fn finish(mut self) -> ArtifactResult<Option<PathBuf>> {
        self.play()?;
        if !self.formats.html {
            return Ok(None);
        }
        if self.n_left_out > 0 {
            let text = format!(
                "The first {MAX_ON_PAGE} pieces are shown; {} more are in the folder only.",
                self.n_left_out
            );
            self.change(|sheet| sheet.group("And more").text(text));
        }
        let page = self.folder.join(PAGE);
        self.overwrite.write(&page, self.sheet.to_html().as_bytes())?;
        Ok(Some(page))
    }
}

/// The page's name in its folder.
const PAGE: &str = "index.html";

fn failed(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> ArtifactError {
    ArtifactError::Render { path: path.to_owned(), source: Box::new(source) }
}

/// The contents of a sidecar, for display.
fn facts(entry: Entry, sidecar: &Sidecar) -> Entry {
    let mut entry = entry.field("seed", sidecar.seed);
    if let Some(style) = &sidecar.style {
        entry = entry.field("style", style);
    }
    let membership = sidecar.membership.as_deref().unwrap_or_default();
    let of_component =
        || sidecar.component.and_then(|component| membership.get(component).copied());
    if let Some(own) = sidecar.style_membership.or_else(of_component) {
        entry = entry.field("membership", format!("{own:.2}"));
    }
    if let Some(temperature) = sidecar.temperature {
        entry = entry.field("temperature", temperature);
    }
    if let Some(copy) = sidecar.copy.as_ref().and_then(|copy| copy.longest.as_ref()) {
        let at = format!("{} notes, {} bar {}", copy.n_notes, copy.file, copy.start_bar + 1);
        entry = entry.field("longest copy", at);
    }
    sidecar.warnings.iter().fold(entry, Entry::note)
}

#[cfg(test)]
mod tests {
    use corpus::synthetic;
    use note_seq::Velocity;
    use note_seq::midi::{ReadOptions, read};

    use super::*;

    fn sidecar(warnings: Vec<String>) -> Sidecar {
        Sidecar {
            program_version: String::new(),
            model_hash: String::new(),
            command: "generate".to_owned(),
            options: serde_json::json!({}),
            seed: 7,
            index: 0,
            style: Some("a<b".to_owned()),
            component: Some(1),
            z: Vec::new(),
            temperature: Some(0.5),
            membership: Some(vec![0.25, 0.75]),
            style_membership: None,
            attempt: None,
            copy: None,
            warnings,
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn all_that_is_asked_for_is_written_and_sounds_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let formats = Formats { musicxml: true, wav: true, svg: true, png: true, html: true };
        let sound = Sound {
            velocity: Some(Velocity::saturating(33)),
            qpm: Some(240.0),
            ..Sound::default()
        };
        let mut batch = Batch::new(folder.path(), "t", formats, sound);
        let piece = synthetic::piece(1, 3, 0);
        let warned = sidecar(vec!["look & see".to_owned()]);
        batch.write_beside("one", &piece, &warned, &[("real", &piece)]).unwrap();
        batch.render_only("two", &piece, &[("tempo", "fast".to_owned())]).unwrap();
        let page = batch.finish().unwrap().unwrap();
        let expected = "index.html one.json one.mid one.musicxml one.png one.svg one.wav two.musicxml \
             two.png two.svg two.wav";
        assert_eq!(names(folder.path()).join(" "), expected);
        let bytes = std::fs::read(folder.path().join("one.mid")).unwrap();
        let written = read(&bytes, &ReadOptions::strict()).unwrap().sequence;
        assert!(written.notes.iter().all(|note| note.velocity.get() == 33));
        let faster = piece.tempos[0].qpm / 240.0;
        assert!((written.total_time - piece.total_time * faster).abs() < 0.01);
        let html = std::fs::read_to_string(page).unwrap();
        for part in ["a&lt;b", "0.75", "look &amp; see", "real", "fast"] {
            assert!(html.contains(part), "{part}");
        }
        // Two versions of the first, one of the second.
        assert_eq!(html.matches("data:audio/midi").count(), 3);
    }

    #[test]
    fn without_wishes_there_is_midi_and_its_json() {
        let folder = tempfile::tempdir().unwrap();
        let mut batch = Batch::new(folder.path(), "t", Formats::default(), Sound::default());
        batch.group("unseen");
        batch.write("one", &synthetic::piece(1, 3, 0), &sidecar(Vec::new())).unwrap();
        assert_eq!(batch.finish().unwrap(), None);
        assert_eq!(names(folder.path()), ["one.json", "one.mid"]);
    }

    #[test]
    fn files_of_others_stay_and_nothing_of_the_piece_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let piece = synthetic::piece(1, 3, 0);
        let formats = Formats { svg: true, html: true, ..Formats::default() };
        let batch = || Batch::new(folder.path(), "t", formats, Sound::default());
        for file in ["index.html", "one.svg", "one.mid", "one.json"] {
            let path = folder.path().join(file);
            std::fs::write(&path, b"a user's").unwrap();
            let mut refused = batch();
            assert!(refused.write("one", &piece, &sidecar(Vec::new())).is_err(), "{file}");
            assert_eq!(
                (names(folder.path()), refused.check().is_err()),
                (vec![file.to_owned()], file == "index.html")
            );
            assert_eq!(std::fs::read(&path).unwrap(), b"a user's");
            std::fs::remove_file(&path).unwrap();
        }
        // Files it wrote itself are written again; here under other names if only the case differs.
        for _ in 0..2 {
            let mut batch = batch();
            batch.write("one", &piece, &sidecar(Vec::new())).unwrap();
            batch.write("One", &piece, &sidecar(Vec::new())).unwrap();
            batch.finish().unwrap();
        }
        let expected = "One-2.json One-2.mid One-2.svg index.html one.json one.mid one.svg";
        assert_eq!(names(folder.path()).join(" "), expected);
        std::fs::write(folder.path().join("one.mid"), b"a user's").unwrap();
        batch().overwriting(Overwrite::Any).write("one", &piece, &sidecar(Vec::new())).unwrap();
    }

    #[test]
    fn music_that_cannot_be_played_names_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let formats = Formats { wav: true, ..Formats::default() };
        let mut batch = Batch::new(folder.path(), "t", formats, Sound::default());
        let long = NoteSequence { total_time: 1e6, ..NoteSequence::default() };
        let error = batch.render_only("endless", &long, &[]).unwrap_err().to_string();
        assert!(error.contains("endless.wav"), "{error}");
        // The others continue.
        batch.render_only("short", &synthetic::piece(1, 3, 0), &[]).unwrap();
        assert_eq!(batch.finish().unwrap(), None);
        assert_eq!(names(folder.path()), ["short.wav"]);
    }
}
