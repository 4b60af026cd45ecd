//! Arguments of `controlgen corpus …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use corpus::CorpusOptions;
use corpus::kind::Kind;

const LABELS: &str = "Labels, for evaluation only";
const LIMITS: &str = "Limits for one file; larger files are left out and counted";

#[derive(Debug, Subcommand)]
pub(crate) enum CorpusCommand {
    /// Build a corpus folder from MIDI files
    ///
    /// An interrupted build continues when it is started again with the same options.
    Build(Box<CorpusBuildArgs>),
    /// Report what a corpus contains and what was left out
    Report {
        /// The corpus folder
        corpus: PathBuf,
    },
    /// Write a small corpus of synthetic music in known styles, as MIDI files
    Synthesize(SynthesizeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CorpusBuildArgs {
    /// Folders to search for .mid, .midi, .kar and .rmi files (also with .gz) and for .zip, .tar,
    /// .tar.gz and .tgz archives of them, or single such files; archives are read in place
    #[arg(required = true, value_name = "PATH")]
    pub(crate) roots: Vec<PathBuf>,
    /// The corpus folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Fraction of the pieces to hold out for scoring
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    pub(crate) heldout: f64,
    /// Rule for which files belong to the same piece, which is never split between training and
    /// evaluation
    #[arg(long, value_enum, default_value_t = GroupArg::Stem)]
    pub(crate) group: GroupArg,
    /// Don't treat files with nearly the same music as one piece
    #[arg(long)]
    pub(crate) ignore_near_duplicates: bool,
    /// The kind of windows to cut
    #[arg(long, default_value = Kind::NAMES[0], value_name = "KIND", value_parser = Kind::NAMES)]
    pub(crate) kind: String,
    /// Rule for which windows are duplicates, of which one is kept
    #[arg(long, value_enum, default_value_t = SameWindowArg::Exact)]
    pub(crate) same_window: SameWindowArg,
    /// Maximum number of windows drawn per file [default: take all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_windows_per_file: Option<u32>,
    /// The seed for drawing them
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) labels: LabelArgs,
    /// Maximum number of bytes
    #[arg(long, value_name = "N", default_value_t = CorpusOptions::LIMITS.max_bytes, help_heading = LIMITS)]
    pub(crate) max_bytes: u64,
    /// Maximum number of MIDI events
    #[arg(long, value_name = "N", default_value_t = CorpusOptions::LIMITS.max_events, help_heading = LIMITS)]
    pub(crate) max_events: u64,
    /// Maximum number of notes
    #[arg(long, value_name = "N", default_value_t = CorpusOptions::LIMITS.max_notes, help_heading = LIMITS)]
    pub(crate) max_notes: u64,
}

/// Source of labels; at most one.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = LABELS)]
pub(crate) struct LabelArgs {
    /// The first folder below PATH is the label
    #[arg(long, group = "label_source")]
    pub(crate) label_folders: bool,
    /// A regular expression on the path below PATH; the match of its first group, or of the one
    /// named `label`, is the label
    #[arg(long, value_name = "REGEX", group = "label_source")]
    pub(crate) label_pattern: Option<String>,
    /// A table with a header, comma-separated if its name ends in .csv, otherwise tab-separated
    #[arg(long, value_name = "TABLE", group = "label_source")]
    pub(crate) labels: Option<PathBuf>,
    /// The table's column of labels
    #[arg(long, value_name = "COLUMN", default_value = "label", requires = "labels")]
    pub(crate) label_column: String,
    /// The table's column of file names: paths or last parts of paths, with or without extension
    /// [default: the first that exists of file, `midi_filename`, filename, path, name]
    #[arg(long, value_name = "COLUMN", requires = "labels")]
    pub(crate) file_column: Option<String>,
    /// A column of the table that determines which files belong to the same piece, instead of
    /// --group
    #[arg(long, value_name = "COLUMN", requires = "labels")]
    pub(crate) group_column: Option<String>,
}

/// Rule for grouping files into pieces.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GroupArg {
    /// Files whose names differ at most in a number, if their music or folders confirm it
    Stem,
    /// Each file separately
    File,
    /// All files of a folder
    Folder,
}

/// Rule for which windows are duplicates.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SameWindowArg {
    /// Windows with the same notes
    Exact,
    /// Also transpositions
    Transposed,
}

#[derive(Debug, Args)]
pub(crate) struct SynthesizeArgs {
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Styles to write [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…", value_parser = corpus::synthetic::style_names())]
    pub(crate) styles: Vec<String>,
    /// Number of pieces per style
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub(crate) pieces: u64,
    /// Write N melodies of the nine factors of dMelodies instead, drawn at random from 1,354,752;
    /// the names of the files tell the factors
    #[arg(long, value_name = "N", conflicts_with_all = ["styles", "pieces"])]
    pub(crate) dmelodies: Option<u32>,
    /// The seed of all random draws
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}
