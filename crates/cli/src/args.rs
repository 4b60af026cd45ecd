//! The arguments of the command line.

mod control;
mod corpus;
mod eval;
mod exchange;
mod generate;
mod machine;
mod piece;
mod render;
mod sampling;
mod studio;
mod style;
mod train;
pub(crate) mod values;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;

use ::corpus::kind::Kind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use control::{
    AccompanyArgs, AttributeApplyArgs, AttributeCommand, AttributeMethodArg, CopyIndexArgs,
    ForTuneArgs, MixArgs, SimilarArgs, TuneArgs, TuneFileArgs,
};
pub(crate) use corpus::{CorpusBuildArgs, CorpusCommand, GroupArg, LabelArgs, SameWindowArg};
pub(crate) use eval::{
    DMelodiesArgs, EvalArgs, EvalCommand, LabelMeasureArgs, MeasureArgs, PieceMeasureArgs,
};
pub(crate) use exchange::{ExportTorchArgs, HalveArgs, ImportMagentaArgs};
pub(crate) use generate::{GenerateArgs, InterpolateArgs, NewMusicArgs, ReconstructArgs};
pub(crate) use machine::{CompletionsArgs, DemoArgs, DoctorArgs, ManArgs};
pub(crate) use piece::{
    ArrangementArgs, ComposeArgs, ContinueArgs, DrumsArgs, FillArgs, InsertArgs,
};
pub(crate) use render::{FormatArgs, InstrumentArgs, PlaybackArgs, RenderArgs};
pub(crate) use sampling::{ControlArgs, KeepArgs, LatentArgs};
pub(crate) use studio::StudioArgs;
pub(crate) use style::{
    CriterionArg, FitArgs, GranularityArg, LatentsOfArg, StyleChange, StyleCommand, StylesArgs,
};
pub(crate) use train::{ObjectiveArgs, SettingsArgs, TrainArgs};
pub(crate) use watch::WatchArgs;

/// The steps from MIDI files to new music, at the end of the program's help.
const FROM_MIDI_TO_MUSIC: &str = "\
From a folder of MIDI files to new music:
  controlgen corpus build MIDI -o RUN/corpus
  controlgen train --corpus RUN/corpus -o RUN --minutes 20
  controlgen encode --model RUN/model --corpus RUN/corpus -o RUN/latents
  controlgen fit --model RUN/model --latents RUN/latents --corpus RUN/corpus
  controlgen style list --model RUN/model
  controlgen generate --model RUN/model --style 0 -o OUT";

/// Temperature of new music: Magenta's.
pub(crate) const DEFAULT_TEMPERATURE: f32 = 0.5;

/// The heading of [`Global`] options in every command's help.
const GLOBAL: &str = "Options of all commands";

/// Allowed numbers of threads: more than any machine has processors for this work, and each takes
/// memory.
const THREADS: std::ops::RangeInclusive<i64> = 1..=1024;

/// Finds styles in unlabeled MIDI files and writes new music in them.
#[derive(Debug, Parser)]
#[command(name = "controlgen", version, long_version = crate::about::long_version())]
#[command(propagate_version = true, after_help = FROM_MIDI_TO_MUSIC)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of all commands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = GLOBAL)]
pub(crate) struct Global {
    /// Backend that runs the model: flex, ndarray, tch, `tch:cuda:N`, wgpu, `cuda:N`
    #[arg(long, global = true, default_value = "flex", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Threads to use [default: all processors]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(THREADS))]
    pub(crate) threads: Option<u16>,
    /// Also overwrite files that this program did not write, or that were changed since
    #[arg(long, global = true)]
    pub(crate) force: bool,
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more messages; given twice, all of them
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Cli {
    /// The definition of all arguments. A negative number after an option is its value, so that the
    /// error message comes from the code that knows the allowed range.
    pub(crate) fn definition() -> clap::Command {
        with_negative_numbers(Self::command())
    }

    /// Parses the arguments; wrong usage ends the program with exit code 2.
    pub(crate) fn typed() -> Self {
        let matches = Self::definition().try_get_matches();
        let typed = matches.and_then(|matches| Self::from_arg_matches(&matches));
        typed.unwrap_or_else(|error| crate::output::wrong_use(&error))
    }
}

fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let is_option = arg.get_long().is_some() || arg.get_short().is_some();
            if is_option && arg.get_action().takes_values() && !arg.is_allow_hyphen_values_set() {
                arg.allow_negative_numbers(true)
            } else {
                arg
            }
        })
        .mut_subcommands(with_negative_numbers)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build tables of windows from MIDI files
    #[command(subcommand)]
    Corpus(CorpusCommand),
    /// Train a model on a corpus
    Train(TrainArgs),
    /// Encode a corpus into latents
    Encode(EncodeArgs),
    /// Fit a mixture over latents: its components are the styles
    Fit(FitArgs),
    /// List and describe styles; rename, merge and hide them; add and share your own
    #[command(subcommand)]
    Style(StyleCommand),
    /// Write new music in a style
    Generate(GenerateArgs),
    /// Continue a tune with new bars
    Continue(ContinueArgs),
    /// Replace some bars of a tune with new ones
    Fill(FillArgs),
    /// Keep a folder filled with new music of a style, for the browser of a DAW
    Watch(WatchArgs),
    /// Encode a tune and decode it again
    Reconstruct(ReconstructArgs),
    /// Interpolate between tunes or styles: along a path through two or more, or on a grid between
    /// four
    Interpolate(InterpolateArgs),
    /// Mix a style into a tune, and also write the mix as a second voice next to the tune
    Mix(MixArgs),
    /// Write an accompaniment in a style for a melody
    Accompany(AccompanyArgs),
    /// Write variations of a tune at a given distance
    Similar(SimilarArgs),
    /// Learn, list and shift attributes of music: density, pitch, range, syncopation, intervals,
    /// scale and more
    #[command(subcommand)]
    Attribute(AttributeCommand),
    /// Build the index of training music for finding copies
    CopyIndex(CopyIndexArgs),
    /// Render MIDI files as audio, images and a web page
    Render(RenderArgs),
    /// Show the contents of MIDI files
    Inspect(InspectArgs),
    /// Measure a model, or compare two measurements
    Eval(EvalArgs),
    /// Build corpus, latents and mixture on many machines, with `controlgen-cluster`
    #[command(disable_help_flag = true)]
    Cluster(ClusterArgs),
    /// List the named model configurations
    Presets,
    /// Convert a checkpoint published by Magenta to a model folder
    ImportMagenta(ImportMagentaArgs),
    /// Write a model's weights for PyTorch
    ExportTorch(ExportTorchArgs),
    /// Write a copy of a model in half precision, half as large; then encode and fit again
    Halve(HalveArgs),
    /// Explore a model's latent space in a browser, on a page served only on this machine
    Studio(StudioArgs),
    /// Write a page that shows what this program can do, within a minute, without arguments or
    /// network
    Demo(DemoArgs),
    /// Report what this program and this machine can do
    Doctor(DoctorArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Write man pages
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Arguments of `controlgen-cluster`, for example `run PLAN --local`, `--help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    /// A model folder, or a model in the program: poly, drums, melody
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The corpus folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The latents folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

/// Decoding of new latents.
#[derive(Clone, Debug, Args)]
pub(crate) struct DecodingArgs {
    /// Sampling temperature, above 0: lower is more conservative, 1 follows the model
    #[arg(long, value_name = "T", default_value_t = DEFAULT_TEMPERATURE)]
    pub(crate) temperature: f32,
    /// The seed of all random draws
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

/// Decoding of the latents of given tunes.
#[derive(Clone, Debug, Args)]
pub(crate) struct RedecodingArgs {
    /// Sample the notes at this temperature [default: take the most probable ones]
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f32>,
    /// The seed of all random draws
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// MIDI files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The kind of window to look for
    #[arg(long, default_value = Kind::NAMES[0], value_name = "KIND", value_parser = Kind::NAMES)]
    pub(crate) kind: String,
    /// Treatment of damaged files
    #[arg(long, value_enum, default_value_t = ModeArg::Lenient)]
    pub(crate) mode: ModeArg,
}

/// Treatment of damaged files.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeArg {
    /// Read everything that can be read
    Lenient,
    /// Accept and reject the same files as Python's `note_seq`
    Parity,
    /// Reject damaged files
    Strict,
}
