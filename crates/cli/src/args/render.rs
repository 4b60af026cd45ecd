//! Playback settings and output formats.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use note_seq::{Family, Program};

/// Playback settings.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sound")]
pub(crate) struct PlaybackArgs {
    /// Tempo in quarter notes per minute [default: 120, or that of the given tune]
    #[arg(long, value_name = "QPM", value_parser = crate::args::values::qpm)]
    pub(crate) qpm: Option<f64>,
    /// General MIDI program, 0 to 127; a list for several parts without the drums, for example
    /// `--program 73,33` [default: that of the part, 0 for a melody]
    #[arg(long, value_name = "P,…", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(0..=127))]
    pub(crate) program: Vec<u8>,
    #[command(flatten)]
    pub(crate) instruments: InstrumentArgs,
    /// Key of new music, for example D or "E minor"; only for models whose music is in one key
    /// [default: C major or A minor, or that of the given tune]
    #[arg(long, value_name = "KEY", value_parser = crate::args::values::key)]
    pub(crate) key: Option<note_seq::Key>,
    /// Velocity of every note, 1 to 127 [default: 80, or that of the given tune]
    #[arg(long, value_name = "V", value_parser = clap::value_parser!(u8).range(1..=127))]
    pub(crate) velocity: Option<u8>,
}

/// Choice of instruments.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Sound")]
pub(crate) struct InstrumentArgs {
    /// Program for a family of instruments (keys, guitar, bass, strings, winds (and voices) or
    /// other), by number or name: `--instruments keys=harpsichord,bass=33` [default: piano, nylon
    /// guitar, finger bass, string ensemble, clarinet, sawtooth; for a tune, its own]
    #[arg(long, value_name = "FAMILY=P,…", value_delimiter = ',', value_parser = crate::args::values::instrument)]
    pub(crate) instruments: Vec<(Family, Program)>,
}

/// Formats written in addition to MIDI files.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(crate) struct FormatArgs {
    /// Also write a score of all voices as MusicXML, for notation programs
    #[arg(long)]
    pub(crate) musicxml: bool,
    /// Also write audio, as WAV
    #[arg(long)]
    pub(crate) wav: bool,
    /// Also write piano rolls, as SVG
    #[arg(long)]
    pub(crate) svg: bool,
    /// Also write piano rolls, as PNG
    #[arg(long)]
    pub(crate) png: bool,
    /// Also write a single page with all images and audio, `index.html`, which works offline
    #[arg(long)]
    pub(crate) html: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("form").args(["musicxml", "wav", "svg", "png", "html"]).required(true).multiple(true)))]
pub(crate) struct RenderArgs {
    /// MIDI files, or `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The folder to write to
    #[arg(short, long, default_value = ".", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}
