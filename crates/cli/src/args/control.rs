//! Arguments of `mix`, `accompany`, `similar`, `attribute` and `copy-index`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use controlgen::attribute::{AttributeMethod, Dial};
use controlgen::mix::MixMethod;
use controlgen::tune::TuneOptions;

use super::{DecodingArgs, FormatArgs, PlaybackArgs, RedecodingArgs, StylesArgs};

/// A tune, the model, and the output folder: the arguments shared by all commands on a tune.
#[derive(Clone, Debug, Args)]
pub(crate) struct TuneFileArgs {
    /// A MIDI file, or `-` for standard input
    pub(crate) tune: PathBuf,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
}

/// Selection of the track of a file that is the tune.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "The tune")]
pub(crate) struct TrackArgs {
    /// Take this instrument, as numbered by `controlgen inspect` [default: the most melodic one, or
    /// all of them for a model of many voices]
    #[arg(long, value_name = "INSTRUMENT")]
    track: Option<u32>,
}

/// Options for reading a tune from a file.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "The tune")]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    track: TrackArgs,
    /// If the tune was shifted by octaves, shift the new music back
    #[arg(long)]
    pub(crate) transpose_back: bool,
}

/// New music for a tune: the arguments shared by `accompany`, `continue` and `fill`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ForTuneArgs {
    #[command(flatten)]
    pub(crate) file: TuneFileArgs,
    #[command(flatten)]
    pub(crate) track: TrackArgs,
    /// Number of versions
    #[arg(short, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) n: u32,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
}

impl From<&TrackArgs> for TuneOptions {
    fn from(args: &TrackArgs) -> Self {
        Self { track: args.track }
    }
}

impl From<&TuneArgs> for TuneOptions {
    fn from(args: &TuneArgs) -> Self {
        Self::from(&args.track)
    }
}

#[derive(Debug, Args)]
pub(crate) struct MixArgs {
    #[command(flatten)]
    pub(crate) file: TuneFileArgs,
    /// The style to mix in, by name or number
    #[arg(long, value_name = "STYLE")]
    pub(crate) style: String,
    /// Strength of the style: 0 is the tune, 1 the style
    #[arg(long, default_value_t = 0.5, value_name = "S")]
    pub(crate) strength: f64,
    /// Method of moving latents toward the style
    #[arg(long, value_enum, default_value_t = MixMethodArg::Transport)]
    pub(crate) method: MixMethodArg,
    /// General MIDI program of the second voice, 0 to 127
    #[arg(long, default_value_t = 11, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=127))]
    pub(crate) voice_program: u8,
    #[command(flatten)]
    pub(crate) taking: TuneArgs,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AccompanyArgs {
    #[command(flatten)]
    pub(crate) new: ForTuneArgs,
    /// The style of the accompaniment, by name or number
    #[arg(long, value_name = "STYLE")]
    pub(crate) style: String,
    /// Write only the new voices, without the melody
    #[arg(long)]
    pub(crate) alone: bool,
    /// Number of paths through the style to try for each version; more take longer and fit better
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) tries: u32,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

/// Method of moving a tune toward a style.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MixMethodArg {
    /// Optimal transport from the tune's nearest style
    Transport,
    /// Linear interpolation to samples of the style
    #[value(alias = "line")]
    Interpolate,
}

impl From<MixMethodArg> for MixMethod {
    fn from(method: MixMethodArg) -> Self {
        match method {
            MixMethodArg::Transport => Self::Transport,
            MixMethodArg::Interpolate => Self::Interpolate,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SimilarArgs {
    #[command(flatten)]
    pub(crate) file: TuneFileArgs,
    /// Distance from the tune, in standard deviations of the training music per dimension: 0 is the
    /// tune, 1.4 the typical distance of unrelated music
    #[arg(long, default_value_t = 0.5, value_name = "D")]
    pub(crate) distance: f64,
    /// Number of variations
    #[arg(short, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) n: u32,
    #[command(flatten)]
    pub(crate) taking: TuneArgs,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

/// Method of finding the directions of attributes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AttributeMethodArg {
    /// From windows with low values to windows with high ones; correlated attributes change, too
    Quartile,
    /// By regression on all attributes together, so that the others change as little as possible
    Regression,
}

impl From<AttributeMethodArg> for AttributeMethod {
    fn from(method: AttributeMethodArg) -> Self {
        match method {
            AttributeMethodArg::Quartile => Self::Quartile,
            AttributeMethodArg::Regression => Self::Regression,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AttributeCommand {
    /// List the attributes of a model
    List {
        /// A model folder, or a model in the program: poly, drums, melody [default: poly]
        #[arg(long, value_name = "MODEL")]
        model: Option<PathBuf>,
        /// Shift each attribute of N real windows and report how it and the others change
        #[arg(long, value_name = "N")]
        check: Option<usize>,
    },
    /// Learn the attributes from the model's reference windows again
    Learn {
        /// The model folder
        #[arg(long, value_name = "FOLDER")]
        model: PathBuf,
    },
    /// Shift attributes of a tune
    Apply(AttributeApplyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AttributeApplyArgs {
    #[command(flatten)]
    pub(crate) file: TuneFileArgs,
    /// An attribute and its offset in standard deviations of the training music, for example
    /// density:+1.5; may be given several times
    #[arg(long, required = true, value_name = "NAME:BY", value_parser = crate::args::values::dial, allow_hyphen_values = true)]
    pub(crate) attribute: Vec<Dial>,
    /// Method of finding the directions of attributes
    #[arg(long, value_enum, default_value_t = AttributeMethodArg::Regression)]
    pub(crate) attribute_method: AttributeMethodArg,
    #[command(flatten)]
    pub(crate) taking: TuneArgs,
    #[command(flatten)]
    pub(crate) decoding: RedecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CopyIndexArgs {
    /// The model folder: receives `copy.index`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: PathBuf,
    /// The corpus that the model was trained on
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
}
