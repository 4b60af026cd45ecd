//! What can be typed for whole pieces: after `generate`, `continue` and `fill`.

use std::path::PathBuf;

use clap::Args;
use controlgen::piece::FormRequest;

use super::{DecodingArgs, FormatArgs, InstrumentArgs, LatentArgs, StylesArgs};

/// How whole pieces are made.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Whole pieces")]
pub(crate) struct ComposeArgs {
    /// What returns: a letter for each section, with ' for a varied return, such as AABA or ABA'C;
    /// verse-chorus, rondo, binary or ternary; auto for the form of a real piece; through for none
    /// [default: auto]
    #[arg(long, value_name = "FORM", value_parser = crate::resolve::form)]
    pub(crate) form: Option<FormRequest>,
    /// Draws of each window that one is chosen among, by key, join, consonance, style, ending and
    /// the attributes asked for: more take longer and fit better, 1 to 256 [default: 8 for pieces
    /// of several windows and with --attribute, otherwise 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) candidates: Option<u16>,
}

/// Drums under new pieces.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Whole pieces")]
pub(crate) struct DrumsArgs {
    /// A model of drums, a folder or `drums` for the one in the program: each piece gets drums of
    /// the same length, meter and form, on a separate track
    #[arg(long, value_name = "MODEL")]
    pub(crate) drums: Option<PathBuf>,
}

/// How new pieces are arranged.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Whole pieces")]
pub(crate) struct ArrangementArgs {
    /// Begin with an introduction of so many bars, whole windows: the opening without its lead;
    /// only for models of many voices
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) intro: Option<u32>,
    /// Every section as loud, and one tempo to the end [default: pieces of several windows have
    /// louder and softer sections, and their last two bars slow down]
    #[arg(long)]
    pub(crate) even: bool,
}

/// Which bars are made, and of what.
#[derive(Debug, Args)]
pub(crate) struct InsertArgs {
    /// A MIDI file, or `-` for standard input
    pub(crate) tune: PathBuf,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// A style's name or number [default: the one that the tune belongs to most]
    #[arg(long, value_name = "STYLE")]
    pub(crate) style: Option<String>,
    /// Take this instrument, as `controlgen inspect` numbers them [default: the most melodic one,
    /// or all for a model of many voices]
    #[arg(long, value_name = "INSTRUMENT")]
    pub(crate) track: Option<u32>,
    /// How many versions
    #[arg(short, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) n: u32,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) compose: ComposeArgs,
    #[command(flatten)]
    pub(crate) latent: LatentArgs,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) instruments: InstrumentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ContinueArgs {
    #[command(flatten)]
    pub(crate) insert: InsertArgs,
    /// How many bars to add
    #[arg(long, default_value_t = 8, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) bars: u32,
}

#[derive(Debug, Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    pub(crate) insert: InsertArgs,
    /// The first bar to replace, counted from 1
    #[arg(long, value_name = "BAR", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) from_bar: u32,
    /// How many bars to replace
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) bars: u32,
}
