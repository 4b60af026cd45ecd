//! What can be typed after `generate`, `reconstruct` and `interpolate`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use controlgen::attribute::Dial;
use controlgen::generate::Joining;

use super::{
    AttributeMethodArg, DecodingArgs, FormatArgs, PlaybackArgs, RedecodingArgs, StylesArgs,
    TuneArgs,
};
use crate::resolve::StyleShare;

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// A style's name or number, see `controlgen style list`; or several with their shares, such as
    /// "0:0.7,2:0.3", for the style between them (the Wasserstein barycenter of their Gaussians)
    #[arg(long, value_name = "STYLE", value_parser = crate::resolve::blend, required_unless_present = "path")]
    pub(crate) style: Option<Blend>,
    /// Styles that each piece moves through, first to last, such as "0,2,1"
    #[arg(long, value_name = "STYLES", value_delimiter = ',', conflicts_with = "style", num_args = 1..)]
    pub(crate) path: Vec<String>,
    /// How many pieces
    #[arg(short, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) n: u32,
    /// Bars of each piece, whole windows of the model [default: one window; with --path 16 bars, or a
    /// window for each style]
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
    pub(crate) latent: LatentArgs,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Turn an attribute by some deviations of the training music, such as density:+1.5; may be given
    /// several times
    #[arg(long, value_name = "NAME:BY", value_parser = crate::resolve::dial, allow_hyphen_values = true)]
    pub(crate) attribute: Vec<Dial>,
    /// Which directions attributes are turned in
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

/// Styles with their shares, as one value of an option.
pub(crate) type Blend = Arc<[StyleShare]>;

/// How latents are drawn from a style.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LatentArgs {
    /// How far pieces spread about the middle of the style: 0 not at all, 1 as the style does, up to 4
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    pub(crate) latent_temperature: f64,
    /// Draw no piece further from the middle of the style than this Mahalanobis distance, in its own
    /// deviations (in D active dimensions draws lie near the root of D)
    #[arg(long, value_name = "R")]
    pub(crate) truncate: Option<f64>,
    /// How much each window of a longer piece is like the one before, 0 to 1
    #[arg(long, default_value_t = 0.8, value_name = "S")]
    pub(crate) smoothness: f64,
}

/// Which pieces are kept.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "What is kept; other pieces are drawn anew")]
pub(crate) struct KeepArgs {
    /// Only pieces that, encoded again, belong to the style at least so surely, 0 to 1
    #[arg(long, value_name = "P")]
    pub(crate) min_membership: Option<f64>,
    /// Only pieces without more notes in a row than these that stand in the training music, in any key
    #[arg(long, value_name = "NOTES")]
    pub(crate) max_copy: Option<usize>,
    /// Pieces without a note, or of a single one, too
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
    /// Two or more MIDI files, or `style:NAME` for the middle of a style: ends of the way, in order
    #[arg(value_name = "TUNE|style:NAME", required_unless_present = "corners", num_args = 2..)]
    pub(crate) ends: Vec<String>,
    /// A square between four MIDI files or styles, instead of a way: two ends of the first row, and of
    /// the last
    #[arg(long, num_args = 4, value_names = ["A", "B", "C", "D"], conflicts_with_all = ["ends", "steps"])]
    pub(crate) corners: Vec<String>,
    /// Windows along each side of the square
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = crate::resolve::steps, requires = "corners")]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// Windows on the way, all ends among them
    #[arg(long, default_value_t = 9, value_name = "N", value_parser = crate::resolve::steps)]
    pub(crate) steps: usize,
    /// How latents are joined
    #[arg(long, value_enum, default_value_t = JoiningArg::Slerp)]
    pub(crate) joining: JoiningArg,
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

/// How latents are joined.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum JoiningArg {
    /// Along a great circle
    Slerp,
    /// In a straight line
    Lerp,
}

impl From<JoiningArg> for Joining {
    fn from(joining: JoiningArg) -> Self {
        match joining {
            JoiningArg::Slerp => Self::Slerp,
            JoiningArg::Lerp => Self::Lerp,
        }
    }
}
