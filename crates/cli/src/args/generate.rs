//! Arguments of `generate`, `reconstruct` and `interpolate`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use controlgen::attribute::Dial;
use controlgen::generate::Interpolation;

use super::values::StyleWeight;
use super::{
    ArrangementArgs, AttributeMethodArg, ComposeArgs, ControlArgs, DecodingArgs, DrumsArgs,
    FormatArgs, KeepArgs, LatentArgs, PlaybackArgs, RedecodingArgs, StylesArgs, TuneArgs,
    TuneFileArgs,
};

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) music: NewMusicArgs,
    /// Number of pieces
    #[arg(short, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) n: u32,
    /// The folder to write to
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}

/// Arguments for new music, shared by `generate` and `watch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewMusicArgs {
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// A style's name or number, see `controlgen style list`; or several with their weights, for
    /// example "0:0.7,2:0.3", for the style between them (the Wasserstein barycenter of their
    /// Gaussians) [default: a random style for each piece, by share]
    #[arg(long, value_name = "STYLE", value_parser = crate::args::values::blend)]
    pub(crate) style: Option<Blend>,
    /// Styles that each piece moves through, from first to last, for example "0,2,1"
    #[arg(long, value_name = "STYLES", value_delimiter = ',', conflicts_with = "style", num_args = 1..)]
    pub(crate) path: Vec<String>,
    /// Bars of each piece, as whole windows of the model [default: one window; with --path, 16 bars
    /// or one window per style]
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) bars: Option<u32>,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
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
    /// Shift an attribute by standard deviations of the training music, relative to the mean of the
    /// style, for example density:+1.5: latents are shifted, and of several candidates
    /// (--candidates) the nearest is kept; may be given several times
    #[arg(long, value_name = "NAME:BY", value_parser = crate::args::values::dial, allow_hyphen_values = true)]
    pub(crate) attribute: Vec<Dial>,
    /// Method of finding the directions of attributes
    #[arg(long, value_enum, default_value_t = AttributeMethodArg::Regression)]
    pub(crate) attribute_method: AttributeMethodArg,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

/// Styles with their weights, as the value of one option.
pub(crate) type Blend = Arc<[StyleWeight]>;

#[derive(Debug, Args)]
pub(crate) struct ReconstructArgs {
    #[command(flatten)]
    pub(crate) file: TuneFileArgs,
    #[command(flatten)]
    pub(crate) taking: TuneArgs,
    #[command(flatten)]
    pub(crate) decoding: RedecodingArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InterpolateArgs {
    /// Two or more MIDI files, or `style:NAME` for the mean of a style: the ends, in order
    #[arg(value_name = "TUNE|style:NAME", required_unless_present = "corners", num_args = 2..)]
    pub(crate) ends: Vec<String>,
    /// A grid between four MIDI files or styles: the ends of the first row, then those of the last
    #[arg(long, num_args = 4, value_names = ["A", "B", "C", "D"], conflicts_with_all = ["ends", "steps"])]
    pub(crate) corners: Vec<String>,
    /// Number of windows along each side of the grid
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = crate::args::values::steps, requires = "corners")]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// Total number of windows, including the ends
    #[arg(long, default_value_t = 9, value_name = "N", value_parser = crate::args::values::steps)]
    pub(crate) steps: usize,
    /// Method of interpolation
    #[arg(long, alias = "joining", value_enum, default_value_t = InterpolationArg::Slerp)]
    pub(crate) interpolation: InterpolationArg,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
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

/// Method of interpolation between latents.
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
