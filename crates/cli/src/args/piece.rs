//! Arguments for whole pieces, shared by `generate`, `watch`, `continue` and `fill`.

use std::path::PathBuf;

use clap::Args;
use controlgen::generate::CompositionRequest;
use controlgen::piece::FormRequest;

use super::{ForTuneArgs, InstrumentArgs, LatentArgs};

/// Options for composing whole pieces.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Whole pieces")]
pub(crate) struct ComposeArgs {
    /// The form: one letter per section, with ' for a varied return, for example AABA or ABA'C; or
    /// verse-chorus, rondo, binary or ternary; or auto for the form of a real piece, through for no
    /// repetition [default: auto]
    #[arg(long, value_name = "FORM", value_parser = crate::args::values::form)]
    pub(crate) form: Option<FormRequest>,
    /// Number of draws of each window, of which one is chosen by key, join, consonance, style,
    /// ending and the attributes asked for: more take longer and fit better, 1 to 256 [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) candidates: Option<u16>,
}

impl ComposeArgs {
    /// The request for composing with latents sampled in a given way.
    pub(crate) fn request(&self, latent: &LatentArgs, has_attributes: bool) -> CompositionRequest {
        CompositionRequest {
            form: self.form.clone(),
            n_candidates: self.candidates.map(usize::from),
            smoothness: latent.smoothness,
            has_attributes,
        }
    }
}

/// Drums for new pieces.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Whole pieces")]
pub(crate) struct DrumsArgs {
    /// A drum model, as a folder or `drums` for the one in the program: each piece gets drums of
    /// the same length, meter and form, on a separate track
    #[arg(long, value_name = "MODEL")]
    pub(crate) drums: Option<PathBuf>,
}

/// Arrangement of new pieces.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Whole pieces")]
pub(crate) struct ArrangementArgs {
    /// Begin with an introduction of this many bars, as whole windows: the opening without its
    /// lead; only for models of many voices
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) intro: Option<u32>,
    /// Keep loudness and tempo constant [default: pieces of several windows have louder and softer
    /// sections, and their last two bars slow down]
    #[arg(long)]
    pub(crate) even: bool,
    /// Move notes outside the scale of the key into it, down a semitone; minor is natural minor.
    /// Only for models whose music is in one key
    #[arg(long)]
    pub(crate) in_scale: bool,
}

/// New bars for a tune.
#[derive(Debug, Args)]
pub(crate) struct InsertArgs {
    #[command(flatten)]
    pub(crate) new: ForTuneArgs,
    /// A style's name or number [default: the one that fits the tune best]
    #[arg(long, value_name = "STYLE")]
    pub(crate) style: Option<String>,
    #[command(flatten)]
    pub(crate) compose: ComposeArgs,
    #[command(flatten)]
    pub(crate) latent: LatentArgs,
    #[command(flatten)]
    pub(crate) instruments: InstrumentArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ContinueArgs {
    #[command(flatten)]
    pub(crate) insert: InsertArgs,
    /// Number of bars to add
    #[arg(long, default_value_t = 8, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) bars: u32,
}

#[derive(Debug, Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    pub(crate) insert: InsertArgs,
    /// The first bar to replace, counted from 1
    #[arg(long, value_name = "BAR", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) from_bar: u32,
    /// Number of bars to replace
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) bars: u32,
}
