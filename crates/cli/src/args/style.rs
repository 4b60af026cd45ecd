//! Arguments of `fit` and `style`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use gmm::CovarianceType;

use super::DecodingArgs;

/// A model and the location of its styles.
#[derive(Clone, Debug, Args)]
pub(crate) struct StylesArgs {
    /// A model folder, or a model in the program: poly, drums, melody [default: poly]
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Keep changed and added styles in this folder, and the studio's pieces [default: the model
    /// folder; if that can't be written, for models in the program and for pieces, the user's data
    /// folder]
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
    /// The latents of the windows to fit on
    #[arg(long, value_enum, default_value_t = LatentsOfArg::Mean)]
    pub(crate) latents_of: LatentsOfArg,
    /// Number of styles, or a range to choose from, inclusive [default: 2..16]
    #[arg(short, long, value_name = "K|FROM..TO", value_parser = crate::args::values::components)]
    pub(crate) k: Option<std::ops::RangeInclusive<usize>>,
    /// Covariance types to choose from: full (a matrix for each style), tied (one for all), diag (a
    /// variance for each dimension), spherical (a single variance), `low-rank:R` (R factors and a
    /// variance for each dimension) [default: diag,full]
    #[arg(long, value_delimiter = ',', value_name = "SHAPES", value_parser = crate::args::values::covariance)]
    pub(crate) covariance: Vec<CovarianceType>,
    /// Whether styles are clusters of windows, or of pieces, each with one to four separate
    /// components. Styles of pieces are those that distinguish composers, genres and ensembles;
    /// they take many pieces to find
    #[arg(long, value_enum, default_value_t = GranularityArg::Auto)]
    pub(crate) granularity: GranularityArg,
    /// Criterion for choosing the number of styles
    #[arg(long, value_enum, default_value_t = CriterionArg::Bic)]
    pub(crate) criterion: CriterionArg,
    /// Stop trying a covariance type after N consecutive numbers of styles worse than its best
    /// [default: try all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) patience: Option<u16>,
    /// Number of starts of each fit [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) n_init: Option<u16>,
    /// Number of pairs of random halves of the windows whose fits are compared, to measure
    /// stability; 0 for none [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) resamples: Option<u16>,
    /// The seed of all starts
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

/// The unit of clustering.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GranularityArg {
    /// Pieces, if there are at least 20 for each of the maximum number of styles; otherwise windows
    Auto,
    /// Each style is a component of one mixture of all windows
    Windows,
    /// Each style is a cluster of pieces
    Pieces,
}

/// The latents to fit a mixture on.
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
    /// Number above which more styles hardly increase the likelihood
    Elbow,
    /// Agreement of the styles of random halves, which favors reproducible ones. Few styles agree
    /// more easily than many, so give a range that begins at the smallest number you want
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
    /// Describe styles, optionally with an image of real windows, their reconstructions and new
    /// windows
    Show {
        /// Names or numbers of styles [default: the three largest]
        #[arg(value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
        /// The image to write
        #[arg(long, value_name = "FILE.svg")]
        picture: Option<PathBuf>,
        /// Write a small image of each style's nearest windows, NAME.svg, to this folder
        #[arg(long, value_name = "FOLDER")]
        thumbnails: Option<PathBuf>,
        /// Number of windows of each kind in the image
        #[arg(short, default_value_t = 4, value_name = "N")]
        n: usize,
        #[command(flatten)]
        decoding: DecodingArgs,
    },
    /// Make a style from one or more pieces, without training
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

/// Changes to the list of styles, and exchange of styles.
#[derive(Debug, Subcommand)]
pub(crate) enum StyleChange {
    /// Remove added styles
    Remove {
        /// Their names or numbers
        #[arg(required = true, value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Rename a style
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
    /// Hide styles in lists
    Hide {
        /// Their names or numbers
        #[arg(required = true, value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Show hidden styles in lists again
    Unhide {
        /// Their names or numbers
        #[arg(required = true, value_name = "STYLE")]
        styles: Vec<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Export a style to a file, for other users of the same model
    Export {
        /// Its name or number
        style: String,
        /// The file to write, for example NAME.style.json
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        of: StylesArgs,
    },
    /// Import a style from an exported file
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A new name for the style
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        of: StylesArgs,
    },
}
