//! Arguments of `controlgen eval`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DEFAULT_TEMPERATURE;

/// Measures a model, or compares two measurements.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    pub(crate) command: Option<EvalCommand>,
    #[command(flatten)]
    pub(crate) measure: Option<MeasureArgs>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Measure only what concerns styles: re-encoding, an independent judge, distributions, few
    /// files, labels
    Control(MeasureArgs),
    /// Only what a corpus's labels say of a model's styles: eight windows judged together, styles
    /// of few files next to other music of the label, styles and labels of pieces
    Labels(LabelMeasureArgs),
    /// A model of melodies next to the nine factors of melodies that `corpus synthesize
    /// --dmelodies` wrote: MIG, SAP, modularity, styles and factors
    Dmelodies(DMelodiesArgs),
    /// Compare whole pieces with real ones: key, repetition, joins, endings, succession
    Pieces(PieceMeasureArgs),
    /// Judge melodies by the rules of the synthetic styles of `corpus synthesize`; nothing is
    /// learned
    Rules {
        /// MIDI files, or folders of them
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Compare two reports figure by figure
    Diff {
        /// The first report: a folder written by `eval`, or its `eval.json`
        before: PathBuf,
        /// The second report
        after: PathBuf,
        /// Exit with 1 if a figure became worse by more than both intervals
        #[arg(long)]
        check: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LabelMeasureArgs {
    /// A model folder, or a model in the program: poly, drums, melody [default: poly]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// A corpus folder with labels, best built with `--heldout 0.5 --max-windows-per-file 12`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The folder to write: eval.json, eval.md and eval.html
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Number of draws of files at each point of the few-files curve
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) resamples: u16,
    /// Temperature of new music
    #[arg(long, default_value_t = DEFAULT_TEMPERATURE, value_name = "T")]
    pub(crate) temperature: f32,
    /// The seed of every draw
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DMelodiesArgs {
    /// A model folder of kind `mel-2bar`
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// The corpus folder, built from the files of `corpus synthesize --dmelodies`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The folder to write: eval.json, eval.md and eval.html
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Maximum number of held-out melodies to measure
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) windows: u32,
    /// Maximum number of training melodies that classifiers learn from
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) train_windows: u32,
    /// The seed of every draw
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PieceMeasureArgs {
    /// The model folder [default: the model in the program]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: Option<PathBuf>,
    /// The corpus folder, whose held-out pieces are used for comparison. The files that it was
    /// built from must still exist
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The corpus's latents by this model [default: encode the windows needed]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) latents: Option<PathBuf>,
    /// The folder to write: eval.json, eval.md and eval.html
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Number of pieces of each length
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) pieces: u32,
    /// Lengths in bars, as whole windows of the model
    #[arg(long, default_value = "16,32", value_name = "BARS,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) bars: Vec<u32>,
    /// Number of styles to make pieces in, the largest ones
    #[arg(long = "of-styles", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) n_styles: u16,
    /// Number of candidates for each window
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) candidates: u16,
    /// Temperature of new music
    #[arg(long, default_value_t = DEFAULT_TEMPERATURE, value_name = "T")]
    pub(crate) temperature: f32,
    /// The seed of all random draws
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MeasureArgs {
    /// A model folder, or a model in the program: poly, drums, melody [default: poly]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// The corpus folder, whose held-out windows are scored. Labels
    /// (`corpus build --label-folders`) allow more figures
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// The corpus's latents by this model [default: encode the windows needed]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) latents: Option<PathBuf>,
    /// The folder to write: eval.json, eval.md and eval.html
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Maximum number of held-out windows to score
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) windows: u32,
    /// Maximum number of training windows for baselines and judges
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) train_windows: u32,
    /// Sample from the components of a mixture of K, fitted for this purpose, and encode again;
    /// uses the model's own if it has K styles [default: the visible styles]
    #[arg(short, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) k: Option<u16>,
    /// Number of draws of files for each point of the few-files curve
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) resamples: u16,
    /// Temperature of new music
    #[arg(long, default_value_t = DEFAULT_TEMPERATURE, value_name = "T")]
    pub(crate) temperature: f32,
    /// The seed of all random draws
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}
