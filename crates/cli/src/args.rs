//! What can be typed.

mod style;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use controlgen::kind::Kind;
use musicvae::schedule::ScheduledSampling;

pub(crate) use style::{CriterionArg, FitArgs, LatentsOfArg, StyleCommand, StylesArgs};

/// The way from MIDI files to new music, at the end of the program's help.
const ON_THE_WAY: &str = "\
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
const GLOBAL: &str = "Options of every command";

/// Finds styles in MIDI files without labels and writes new music of them.
#[derive(Debug, Parser)]
#[command(name = "controlgen", version, propagate_version = true, after_help = ON_THE_WAY)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = GLOBAL)]
pub(crate) struct Global {
    /// Backend that runs the model: flex, ndarray, tch, `tch:cuda:N`, wgpu, `cuda:N`
    #[arg(long, global = true, default_value = "flex", value_name = "DEVICE")]
    pub(crate) device: String,
    /// Threads to use [default: all processors]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice, everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
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
    /// List the styles of a model, or draw some
    #[command(subcommand)]
    Style(StyleCommand),
    /// Write new music of a style
    Generate(GenerateArgs),
    /// Encode a tune and decode it again
    Reconstruct(ReconstructArgs),
    /// Write the way from one tune or style to another
    Interpolate(InterpolateArgs),
    /// Show what is in MIDI files
    Inspect(InspectArgs),
    /// List the named model configurations
    Presets,
    /// Make a model folder of a checkpoint that Magenta published
    ImportMagenta(ImportMagentaArgs),
    /// Write a model's weights for PyTorch
    ExportTorch(ExportTorchArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CorpusCommand {
    /// Build a corpus folder from MIDI files
    Build(CorpusBuildArgs),
    /// Say what a corpus holds and what was left out
    Report {
        /// The corpus folder
        corpus: PathBuf,
    },
    /// Write a small corpus of made-up music in known styles, as MIDI files
    Synthesize(SynthesizeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CorpusBuildArgs {
    /// Folders to search for .mid, .midi and .kar files, or such files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) roots: Vec<PathBuf>,
    /// The corpus folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Share of the pieces to hold out for scoring
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    pub(crate) heldout: f64,
    /// Which files are of one piece, never split between learning and scoring
    #[arg(long, value_enum, default_value_t = GroupArg::Stem)]
    pub(crate) group: GroupArg,
    /// What to cut out
    #[arg(long, default_value = Kind::NAMES[0], value_name = "KIND", value_parser = Kind::NAMES)]
    pub(crate) kind: String,
    /// Take the first folder below PATH as each file's label (used in evaluation only)
    #[arg(long)]
    pub(crate) label_folders: bool,
}

/// How files are grouped into pieces.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GroupArg {
    /// Files of the same name in any folder
    Stem,
    /// Each file on its own
    File,
    /// All files of a folder
    Folder,
}

#[derive(Debug, Args)]
pub(crate) struct SynthesizeArgs {
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Pieces of each style
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub(crate) pieces: u64,
    /// The seed of every choice
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The corpus folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The run folder: receives checkpoints, metrics and the model
    #[arg(short, long, value_name = "RUN")]
    pub(crate) out: PathBuf,
    /// A named configuration, see `controlgen presets`
    #[arg(long, default_value = "cat-mel_2bar_tiny", value_name = "NAME")]
    pub(crate) preset: String,
    #[command(flatten)]
    pub(crate) objective: ObjectiveArgs,
    /// Round recurrent weights to bfloat16 in products, which reads half the memory (CPU only)
    #[arg(long)]
    pub(crate) bf16: bool,
    /// Stop after this many minutes of training
    #[arg(long, value_name = "M")]
    pub(crate) minutes: Option<f64>,
    /// Stop after this many steps
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Steps from one checkpoint to the next
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint_every: u64,
    /// Go on from the last checkpoint
    #[arg(long)]
    pub(crate) resume: bool,
    /// The seed of every draw
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// What training minimises, where it is not to be what the preset says.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Objective [default: the preset's]")]
pub(crate) struct ObjectiveArgs {
    /// Bits of KL that cost nothing, for a whole window
    #[arg(long, value_name = "BITS", conflicts_with = "free_bits_per_dimension")]
    pub(crate) free_bits: Option<f64>,
    /// Bits of KL that cost nothing, for each latent dimension
    #[arg(long, value_name = "BITS")]
    pub(crate) free_bits_per_dimension: Option<f64>,
    /// Largest weight of the KL term; alone, it keeps the preset's schedule
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) beta: Option<f64>,
    /// Raise the weight in a straight line over N steps; 0 for all of it at once
    #[arg(long, value_name = "N", conflicts_with = "beta_cycle")]
    pub(crate) beta_warmup: Option<u64>,
    /// Raise the weight from 0 again every N steps, for half of them each time
    #[arg(long, value_name = "N")]
    pub(crate) beta_cycle: Option<u64>,
    /// How often the decoder reads its own draws: `constant:P`, `exponential:BASE` (1 - BASE^step)
    /// or `inverse-sigmoid:K` (one half at step K ln K)
    #[arg(long, value_name = "SCHEDULE", value_parser = crate::resolve::scheduled_sampling)]
    pub(crate) scheduled_sampling: Option<ScheduledSampling>,
}

#[derive(Debug, Args)]
pub(crate) struct EncodeArgs {
    /// The model folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: PathBuf,
    /// The corpus folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The latents folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ImportMagentaArgs {
    /// A folder of magenta-js or deeplearn.js, a TensorFlow checkpoint (its folder or .index file),
    /// or a .tar of one
    #[arg(value_name = "PATH")]
    pub(crate) checkpoint: PathBuf,
    /// The model folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Where the checkpoint has no standard deviations of posteriors (some of magenta-js don't),
    /// give all of them this one, 0.001 to 1
    #[arg(long, value_name = "S", value_parser = crate::resolve::std_dev)]
    pub(crate) std_dev: Option<f32>,
    /// Find on this corpus which latent dimensions carry information [default: all count as such]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportTorchArgs {
    /// The model folder
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The safetensors file to write; must not exist
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

/// How new latents become music.
#[derive(Clone, Debug, Args)]
pub(crate) struct DecodingArgs {
    /// Above 0: lower is more careful, 1 is as learnt
    #[arg(long, value_name = "T", default_value_t = DEFAULT_TEMPERATURE)]
    pub(crate) temperature: f32,
    /// The seed of every draw
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// How the latents of given tunes become music.
#[derive(Clone, Debug, Args)]
pub(crate) struct RedecodingArgs {
    /// Draw the notes at this temperature [default: take the most probable ones]
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f32>,
    /// The seed of every draw
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// How music sounds.
#[derive(Clone, Debug, Args)]
pub(crate) struct PlaybackArgs {
    /// Tempo in quarter notes a minute
    #[arg(long, default_value_t = 120.0, value_name = "QPM", value_parser = crate::resolve::qpm)]
    pub(crate) qpm: f64,
    /// General MIDI program of the melody, 0 to 127
    #[arg(long, default_value_t = 0, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=127))]
    pub(crate) program: u8,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// A style's name or number, see `controlgen style list`
    #[arg(long, value_name = "STYLE")]
    pub(crate) style: String,
    /// How many pieces, of one window each
    #[arg(short, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) n: u32,
    /// Chords spread evenly over each window, such as "C Am F G"; only for a model under chords
    /// [default: those of real windows]
    #[arg(long, value_name = "CHORDS", value_parser = crate::resolve::chords)]
    pub(crate) chords: Option<std::sync::Arc<[u16]>>,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReconstructArgs {
    /// A MIDI file, or `-` for standard input
    pub(crate) tune: PathBuf,
    /// The model folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: PathBuf,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) decoding: RedecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InterpolateArgs {
    /// A MIDI file, or `style:NAME` for the middle of a style
    pub(crate) from: String,
    /// A MIDI file, or `style:NAME`
    pub(crate) to: String,
    /// The model folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: PathBuf,
    /// Windows on the way, both ends among them
    #[arg(long, default_value_t = 9, value_name = "N")]
    pub(crate) steps: usize,
    /// Chords spread evenly over each window, such as "C Am F G"; only for a model under chords
    /// [default: those of real windows]
    #[arg(long, value_name = "CHORDS", value_parser = crate::resolve::chords)]
    pub(crate) chords: Option<std::sync::Arc<[u16]>>,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) decoding: RedecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// MIDI files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The kind of window to look for
    #[arg(long, default_value = Kind::NAMES[0], value_name = "KIND", value_parser = Kind::NAMES)]
    pub(crate) kind: String,
    /// How damaged files are read
    #[arg(long, value_enum, default_value_t = ModeArg::Lenient)]
    pub(crate) mode: ModeArg,
}

/// How damaged files are read.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeArg {
    /// Read what can be read
    Lenient,
    /// Accept and refuse what Python's `note_seq` does
    Parity,
    /// Refuse what is not in order
    Strict,
}
