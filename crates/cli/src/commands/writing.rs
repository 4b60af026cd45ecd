//! Writing music, for all commands: MIDI files with their sidecars, and on request audio, images
//! and a page.

use std::path::{Path, PathBuf};

use anyhow::bail;
use controlgen::copy::CopyIndex;
use controlgen::encode::encode_windows;
use controlgen::generate::Decoding;
use controlgen::latent::argmax;
use controlgen::model::Model;
use controlgen::names::shortened;
use controlgen::output::{Batch, CopyCheck, Formats, Sidecar, Sound, music};
use controlgen::session::Session;
use controlgen::style::Styles;
use controlgen::tune::{Tune, TuneOptions};
use corpus::overwrite::Overwrite;
use note_seq::{NoteListPlayback, NoteSequence};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use crate::args::{FormatArgs, PlaybackArgs, TuneArgs, TuneFileArgs};
use crate::progress::note;

/// One written piece.
#[derive(Serialize)]
pub(super) struct Written {
    #[serde(with = "corpus::path_text")]
    pub(super) file: PathBuf,
    /// The most probable component after encoding it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<usize>,
    /// Its membership in the requested style.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) membership: Option<f64>,
    /// The search for copies of training music.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) copy: Option<CopyCheck>,
}

impl Written {
    /// The file with its measurements, in one line.
    pub(super) fn line(&self) -> String {
        let mut line = self.file.display().to_string();
        if let Some(membership) = self.membership {
            line.push_str(&format!("  membership {membership:.2}"));
        }
        if let Some(longest) = self.copy.as_ref().and_then(|copy| copy.longest.as_ref()) {
            line.push_str(&format!(
                "  longest copy {} notes ({} bar {})",
                longest.n_notes,
                longest.file,
                longest.start_bar + 1
            ));
        }
        line
    }
}

/// A piece to write.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) windows: Vec<Vec<u16>>,
    /// The properties of this piece only.
    pub(super) sidecar: Sidecar,
}

/// The folder, formats and playback settings for a command's pieces.
pub(super) struct Destination<'a> {
    pub(super) out: &'a Path,
    /// The heading of the page.
    pub(super) title: String,
    pub(super) formats: &'a FormatArgs,
    pub(super) playback: &'a PlaybackArgs,
    pub(super) overwrite: Overwrite,
    /// The tune that the pieces are made from: they have its tempo and its key unless others are
    /// requested.
    pub(super) tune: Option<&'a Tune>,
}

impl<'a> Destination<'a> {
    /// The destination of music made from a tune.
    pub(super) fn of_tune(
        context: &Context,
        file: &'a TuneFileArgs,
        playback: &'a PlaybackArgs,
        tune: &'a Tune,
        title: String,
    ) -> Self {
        let TuneFileArgs { out, formats, .. } = file;
        let overwrite = context.overwrite;
        Self { out, title, formats, playback, overwrite, tune: Some(tune) }
    }
}

/// Writes the pieces of one command.
pub(super) struct Writer<'a> {
    model: &'a Model,
    styles: Option<&'a Styles>,
    index: Option<&'a CopyIndex>,
    playback: NoteListPlayback,
    batch: Batch,
    /// Semitones by which pieces are transposed when they are written.
    transpose: i32,
    /// Semitones by which each window of the tune was transposed to the common key, which is
    /// reversed for the pieces. Empty if a key is requested, or without a tune.
    moved: Vec<i8>,
    shared: Sidecar,
}

impl<'a> Writer<'a> {
    /// A writer for a command with the given options.
    pub(super) fn new(
        session: &'a Session,
        to: Destination<'_>,
        (command, options): (&str, Value),
        decoding: Decoding,
    ) -> anyhow::Result<Self> {
        let playback = match to.tune {
            Some(tune) => to.playback.of_tune(tune),
            None => NoteListPlayback::from(to.playback),
        };
        let model = session.model();
        let key = to.playback.key;
        if key.is_some() && !model.kind().is_in_one_key() {
            bail!(
                "`--key` moves music out of the common key, which windows of `{}` don't have; \
                 leave it out",
                model.kind().name
            );
        }
        let moved = match (to.tune, key) {
            (Some(tune), None) => tune.windows.iter().map(|window| window.transposed).collect(),
            _ => Vec::new(),
        };
        let transpose = key.map_or(0, |key| -i32::from(key.semitones_to_common()));
        let sound = Sound::from(to.playback);
        let mut options = options;
        options["qpm"] = playback.qpm.into();
        options["programs"] = json!(sound.programs);
        options["programs_of_families"] = json!(sound.instruments);
        options["velocity"] = json!(sound.velocity);
        if let Some(key) = key {
            options["key"] = key.to_string().into();
        }
        let batch = Batch::new(to.out, to.title, Formats::from(to.formats), sound)
            .overwriting(to.overwrite);
        batch.check()?;
        let styles = session.styles_if_any();
        let index = session.copy_index()?;
        let shared = Sidecar::new(model, command, options, decoding);
        Ok(Self { model, styles, index, playback, batch, transpose, moved, shared })
    }

    /// Shifts the written music back to the range of the tune, if `--transpose-back` is given.
    pub(super) fn transposed(mut self, taking: &TuneArgs, tune: &Tune) -> Self {
        if taking.transpose_back {
            self.transpose = -tune.transposed;
        }
        self.shared.options["transposed"] = (self.transpose + tune.transposed).into();
        self
    }

    /// The model's index of training music, if it has one.
    pub(super) fn index(&self) -> Option<&'a CopyIndex> {
        self.index
    }

    /// A sidecar with the properties shared by all outputs.
    pub(super) fn sidecar(&self) -> Sidecar {
        self.shared.clone()
    }

    /// The playback settings.
    pub(super) fn playback(&self) -> &NoteListPlayback {
        &self.playback
    }

    /// Windows as music, transposed as requested.
    pub(super) fn music(&self, windows: &[Vec<u16>], playback: &NoteListPlayback) -> NoteSequence {
        let form = self.model.form();
        let mut windows = windows.to_vec();
        for (window, moved) in windows.iter_mut().zip(self.moved.iter().cycle()) {
            form.transpose(window, -i32::from(*moved));
        }
        let mut music = music(self.model.kind(), windows.iter().map(Vec::as_slice), playback);
        // Notes may be lost, but the music still ends with its last window.
        let end = music.total_time;
        music.transpose(self.transpose);
        music.total_time = end;
        music
    }

    /// Writes a piece with its sidecar. Components and copies are determined here unless the
    /// sidecar already contains them.
    pub(super) fn write(&mut self, output: Output) -> anyhow::Result<Written> {
        let music = self.music(&output.windows, &self.playback);
        self.write_music(output, &music, &[])
    }

    /// Like [`Self::write`], for music in addition to its windows, with other labeled music next to
    /// it on the page.
    pub(super) fn write_music(
        &mut self,
        output: Output,
        music: &NoteSequence,
        beside: &[(&str, &NoteSequence)],
    ) -> anyhow::Result<Written> {
        let Output { name, windows, mut sidecar } = output;
        if let (None, Some(styles)) = (&sidecar.membership, self.styles) {
            let again = encode_windows(self.model, &windows);
            sidecar.membership = Some(styles.mean_responsibilities(self.model, &again));
        }
        match (self.index, &sidecar.copy) {
            (Some(index), None) => {
                let windows = windows.iter().map(Vec::as_slice);
                let longest = index.longest(self.model.form(), windows);
                sidecar.copy = Some(CopyCheck { longest });
            }
            (None, None) => sidecar.warnings.push(
                "copies of training music were not searched for: the model has no `copy.index`"
                    .to_owned(),
            ),
            _ => {}
        }
        if music.notes.is_empty() {
            sidecar
                .warnings
                .push("it has no notes; try another seed or a lower temperature".to_owned());
        }
        let component = sidecar.membership.as_deref().and_then(argmax);
        let file = self.batch.write_beside(&name, music, &sidecar, beside)?;
        let (membership, copy) = (sidecar.style_membership, sidecar.copy);
        Ok(Written { file, component, membership, copy })
    }

    /// Writes the remaining files, for example the page.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.batch.finish()?;
        Ok(())
    }
}

/// Maximum length, in bytes, of the name of a style or tune in a file name: blends of many styles
/// have long names.
const MAX_PART: usize = 60;

/// Reads a tune and reports on standard error the selected track, the changes made and the notes
/// used.
pub(super) fn read_tune(
    context: &Context,
    path: &Path,
    model: &Model,
    taking: TuneOptions,
) -> anyhow::Result<Tune> {
    Ok(read_tune_and_sequence(context, path, model, taking)?.0)
}

/// Like [`read_tune`], and also returns the complete contents of the file.
pub(super) fn read_tune_and_sequence(
    context: &Context,
    path: &Path,
    model: &Model,
    taking: TuneOptions,
) -> anyhow::Result<(Tune, NoteSequence)> {
    let (tune, sequence) = Tune::read_with_sequence(path, model.kind(), taking)?;
    if context.show != crate::progress::Show::Nothing {
        if let Some(choice) = &tune.choice {
            note(&format!("{}: {}", tune.source, choice.in_words()));
        }
        for warning in &tune.warnings {
            note(&format!("{}: {warning}", tune.source));
        }
        note(&format!(
            "{}: {}, in {} windows of {} bars",
            tune.source,
            tune.usage.in_words(),
            tune.windows.len(),
            model.kind().n_bars(),
        ));
    }
    Ok((tune, sequence))
}

/// The options that describe a tune, for sidecars.
pub(super) fn tune_options(tune: &Tune) -> Value {
    json!({
        "tune": tune.source,
        "instruments": tune.instruments,
        "choice": tune.choice.as_ref().map(controlgen::tune::Choice::in_words),
        "n_windows": tune.windows.len(),
        "usage": tune.usage,
        "changes": tune.warnings,
    })
}

/// A style's name for use in a file name.
pub(super) fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
    shortened(&name.chars().map(plain).collect::<String>(), MAX_PART)
}

/// The first part of the names of files made from a tune.
pub(super) fn stem(path: &Path) -> String {
    match path.file_stem() {
        Some(stem) if path != Path::new("-") => shortened(&stem.to_string_lossy(), MAX_PART),
        _ => "tune".to_owned(),
    }
}

/// Rows of latents `[n, Z]`.
pub(super) fn rows(z: &[f32], z_size: usize) -> Vec<Vec<f32>> {
    z.chunks_exact(z_size.max(1)).map(<[f32]>::to_vec).collect()
}
