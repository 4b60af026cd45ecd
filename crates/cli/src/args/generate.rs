//! What can be typed after `generate`, `reconstruct` and `interpolate`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use controlgen::attribute::Dial;
use controlgen::generate::Interpolation;

use super::{
    ArrangementArgs, AttributeMethodArg, ComposeArgs, DecodingArgs, DrumsArgs, FormatArgs,
    PlaybackArgs, RedecodingArgs, StylesArgs, TuneArgs,
};
use crate::resolve::StyleWeight;

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// A style's name or number, see `controlgen style list`; or several with their weights, for
    /// example "0:0.7,2:0.3", for the style between them (the Wasserstein barycenter of their
    /// Gaussians) [default: each piece of a style drawn by its share]
    #[arg(long, value_name = "STYLE", value_parser = crate::resolve::blend)]
    pub(crate) style: Option<Blend>,
    /// Styles that each piece moves through, first to last, such as "0,2,1"
    #[arg(long, value_name = "STYLES", value_delimiter = ',', conflicts_with = "style", num_args = 1..)]
    pub(crate) path: Vec<String>,
    /// How many pieces
    #[arg(short, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) n: u32,
    /// Bars of each piece, whole windows of the model [default: one window; with --path 16 bars, or
    /// a window for each style]
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) bars: Option<u32>,
    /// Chords spread evenly over each window, such as "C Am F G"; only for a model under chords
    /// [default: those of real windows]
    #[arg(long, value_name = "CHORDS", value_parser = crate::resolve::chords)]
    pub(crate) chords: Option<Arc<[u16]>>,
    /// Meter of new music, such as 3/4 or 6/8; only for models of every meter [default: that of the
    /// most similar real music]
    #[arg(long, value_name = "METER", value_parser = crate::resolve::meter)]
    pub(crate) meter: Option<note_seq::Meter>,
    #[command(flatten)]
    pub(crate) compose: ComposeArgs,
    #[command(flatten)]
    pub(crate) drums: DrumsArgs,
    #[command(flatten)]
    pub(crate) arrangement: ArrangementArgs,
    #[command(flatten)]
    pub(crate) latent: LatentArgs,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Turn an attribute up or down by standard deviations of the training music, from what the
    /// style usually has, for example density:+1.5: latents are shifted, and of several draws
    /// (--candidates) the nearest is kept; may be given several times
    #[arg(long, value_name = "NAME:BY", value_parser = crate::resolve::dial, allow_hyphen_values = true)]
    pub(crate) attribute: Vec<Dial>,
    /// How the directions of attributes are found
    #[arg(long, value_enum, default_value_t = AttributeMethodArg::Regression)]
    pub(crate) attribute_method: AttributeMethodArg,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

/// Styles with their weights, as the value of one option.
pub(crate) type Blend = Arc<[StyleWeight]>;

/// How latents are sampled from a style.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LatentArgs {
    /// Temperature of the latents: 0 is the mean of the style, 1 samples the style, up to 4
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    pub(crate) latent_temperature: f64,
    /// Maximum Mahalanobis distance from the mean of the style (in D active dimensions, samples lie
    /// near the root of D)
    #[arg(long, value_name = "R")]
    pub(crate) truncate: Option<f64>,
    /// Similarity of consecutive windows of a longer piece, 0 to 1, in place of what was learned of
    /// real pieces [default: what was learned, or 0.8 for a model without]
    #[arg(long, value_name = "S")]
    pub(crate) smoothness: Option<f64>,
}

/// Which pieces are kept.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Which pieces are kept; others are sampled again")]
pub(crate) struct KeepArgs {
    /// Minimum membership in the style after encoding again, 0 to 1
    #[arg(long, value_name = "P")]
    pub(crate) min_membership: Option<f64>,
    /// Maximum number of consecutive notes that also occur in the training music, in any key
    #[arg(long, alias = "max-copy", value_name = "NOTES")]
    pub(crate) max_copy_notes: Option<usize>,
    /// Maximum fraction of a part's notes, 0 to 1, that also occur consecutively in the training
    /// music
    #[arg(long, value_name = "FRACTION")]
    pub(crate) max_copy_fraction: Option<f64>,
    /// Also keep pieces with no note or a single one
    #[arg(long)]
    pub(crate) keep_empty: bool,
    /// Attempts before giving up [default: 20 for each piece, and 100 more]
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct ReconstructArgs {
    /// A MIDI file, or `-` for standard input
    pub(crate) tune: PathBuf,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) taking: TuneArgs,
    #[command(flatten)]
    pub(crate) decoding: RedecodingArgs,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InterpolateArgs {
    /// Two or more MIDI files, or `style:NAME` for the mean of a style: the ends, in order
    #[arg(value_name = "TUNE|style:NAME", required_unless_present = "corners", num_args = 2..)]
    pub(crate) ends: Vec<String>,
    /// A grid between four MIDI files or styles: the ends of the first row, then of the last
    #[arg(long, num_args = 4, value_names = ["A", "B", "C", "D"], conflicts_with_all = ["ends", "steps"])]
    pub(crate) corners: Vec<String>,
    /// Windows along each side of the grid
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = crate::resolve::steps, requires = "corners")]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// Windows in total, including the ends
    #[arg(long, default_value_t = 9, value_name = "N", value_parser = crate::resolve::steps)]
    pub(crate) steps: usize,
    /// How to interpolate between latents
    #[arg(long, alias = "joining", value_enum, default_value_t = InterpolationArg::Slerp)]
    pub(crate) interpolation: InterpolationArg,
    /// Chords spread evenly over each window, such as "C Am F G"; only for a model under chords
    /// [default: those of real windows]
    #[arg(long, value_name = "CHORDS", value_parser = crate::resolve::chords)]
    pub(crate) chords: Option<Arc<[u16]>>,
    /// Meter of new music, such as 3/4 or 6/8; only for models of every meter [default: that of the
    /// most similar real music]
    #[arg(long, value_name = "METER", value_parser = crate::resolve::meter)]
    pub(crate) meter: Option<note_seq::Meter>,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) decoding: RedecodingArgs,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

/// How to interpolate between latents.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum InterpolationArg {
    /// Along a great circle
    Slerp,
    /// In a straight line
    Lerp,
}

impl From<InterpolationArg> for Interpolation {
    fn from(interpolation: InterpolationArg) -> Self {
        match interpolation {
            InterpolationArg::Slerp => Self::Slerp,
            InterpolationArg::Lerp => Self::Lerp,
        }
    }
}
