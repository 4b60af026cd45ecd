//! Arguments of `fit` and `style`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use gmm::CovarianceType;

use super::DecodingArgs;

/// A model and where its styles are kept.
#[derive(Clone, Debug, Args)]
pub(crate) struct StylesArgs {
    /// A model folder, or a model in the program: poly, drums, melody [default: poly]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Keep changed and added styles in this folder [default: the model folder; if that can't be
    /// written, and for models in the program, the user's data folder]
    #[arg(long = "styles", value_name = "FOLDER")]
    pub(crate) styles_folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    /// The model folder: receives the mixture and its styles
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: PathBuf,
    /// The latents folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) latents: PathBuf,
    /// The corpus folder that was encoded
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: PathBuf,
    /// Which latents of the windows to fit on
    #[arg(long, value_enum, default_value_t = LatentsOfArg::Mean)]
    pub(crate) latents_of: LatentsOfArg,
    /// Number of styles, or a range to choose from, both ends included [default: 2..16]
    #[arg(short, long, value_name = "K|FROM..TO", value_parser = crate::args::values::components)]
    pub(crate) k: Option<std::ops::RangeInclusive<usize>>,
    /// Shapes of covariance to choose from: full (a matrix for each style), tied (one for all),
    /// diag (a variance for each dimension), spherical (one for all of them), `low-rank:R` (R
    /// factors and a variance for each dimension) [default: diag,full]
    #[arg(long, value_delimiter = ',', value_name = "SHAPES", value_parser = crate::args::values::covariance)]
    pub(crate) covariance: Vec<CovarianceType>,
    /// Whether styles are clusters of windows, or of pieces, each with one to four separate
    /// components. Styles of pieces are those that composers, genres and ensembles differ in; they
    /// take many pieces to find
    #[arg(long, value_enum, default_value_t = GranularityArg::Auto)]
    pub(crate) granularity: GranularityArg,
    /// Criterion for the choice
    #[arg(long, value_enum, default_value_t = CriterionArg::Bic)]
    pub(crate) criterion: CriterionArg,
    /// Skip the rest of a shape after N numbers of styles in a row were worse than its best
    /// [default: try all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) patience: Option<u16>,
    /// Number of starts of each fit [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n_init: Option<u16>,
    /// Pairs of random halves of the windows whose fits are compared, to measure stability; 0 for
    /// none [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) resamples: Option<u16>,
    /// The seed of every start
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

/// What styles are clusters of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GranularityArg {
    /// Pieces, if there are at least 20 for each of the most styles asked for; otherwise windows
    Auto,
    /// Each style is a component of one mixture of all windows
    Windows,
    /// Each style is a cluster of pieces
    Pieces,
}

/// Which latents a mixture is fitted on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LatentsOfArg {
    /// Means of the posteriors
    Mean,
    /// Samples of the posteriors, as in the paper
    Sampled,
}

/// The criterion that chooses the number of styles.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CriterionArg {
    /// Bayesian information criterion
    Bic,
    /// Akaike's information criterion
    Aic,
    /// Integrated completed likelihood: prefers styles that don't overlap
    Icl,
    /// Likelihood of windows held out of the fit, over five folds
    Heldout,
    /// The number above which more styles hardly raise the likelihood
    Elbow,
    /// Agreement of the styles of random halves: those that are found again. Few styles agree more
    /// easily than many, so give a range that begins at the fewest you want
    Stability,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StyleCommand {
    /// List the styles of a model
    List {
        #[command(flatten)]
        of: StylesArgs,
        /// Also list hidden styles
        #[arg(long)]
        all: bool,
        /// Draw N windows of each style, and choose N among several draws each; report how many are
        /// assigned to it when encoded again, how consonant they are, and how many copy
        #[arg(long, value_name = "N")]
        check: Option<usize>,
    },
    /// Describe styles, on request with a picture of real windows, their reconstructions and new
    /// windows
    Show {
        /// Names or numbers of styles [default: the three largest]
        #[arg(value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
        /// The picture to write
        #[arg(long, value_name = "FILE.svg")]
        picture: Option<PathBuf>,
        /// Write a small picture of each style's nearest windows, NAME.svg, to this folder
        #[arg(long, value_name = "FOLDER")]
        thumbnails: Option<PathBuf>,
        /// Number of windows of each kind in the picture
        #[arg(short, default_value_t = 4, value_name = "N")]
        n: usize,
        #[command(flatten)]
        decoding: DecodingArgs,
    },
    /// Make a style of one or more pieces, without training
    Add {
        /// Its name
        name: String,
        /// MIDI files; all tracks that fit are used
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        of: StylesArgs,
    },
    #[command(flatten)]
    Change(StyleChange),
}

/// Changes of the list of styles, and exchange of styles.
#[derive(Debug, Subcommand)]
pub(crate) enum StyleChange {
    /// Remove styles that were added
    Remove {
        /// Their names or numbers
        #[arg(required = true, value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Give a style another name
    Rename {
        /// Its name or number
        style: String,
        /// The new name
        name: String,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Merge several styles into one
    Merge {
        /// Their names or numbers
        #[arg(required = true, num_args = 2.., value_name = "STYLE")]
        styles: Vec<String>,
        /// The name of the merged style [default: that of the first one]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Split a merged style
    Split {
        /// Its name or number
        style: String,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Leave styles out of lists
    Hide {
        /// Their names or numbers
        #[arg(required = true, value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Put hidden styles back into lists
    Unhide {
        /// Their names or numbers
        #[arg(required = true, value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Write a style to a file, for others who use the same model
    Export {
        /// Its name or number
        style: String,
        /// The file to write, for example NAME.style.json
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Add a style from a file that was exported
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A new name for it
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
}
