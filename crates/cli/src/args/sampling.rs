//! Options for sampling new music and for filtering it.

use std::sync::Arc;

use clap::Args;
use controlgen::generate::{ControlRequest, LatentSampling};

/// Chords or meter of new music.
#[derive(Clone, Debug, Args)]
pub(crate) struct ControlArgs {
    /// Chords, evenly distributed over each window, for example "C Am F G"; only for models with
    /// chords [default: those of real windows]
    #[arg(long, value_name = "CHORDS", value_parser = crate::args::values::chords)]
    chords: Option<Arc<[u16]>>,
    /// Meter of the new music, for example 3/4 or 6/8; only for models of all meters [default: a
    /// meter of the style, or that of the tune]
    #[arg(long, value_name = "METER", value_parser = crate::args::values::meter)]
    meter: Option<note_seq::Meter>,
}

impl ControlArgs {
    pub(crate) fn request(&self) -> ControlRequest<'_> {
        ControlRequest { chords: self.chords.as_deref(), meter: self.meter }
    }
}

/// Options for sampling latents from a style.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LatentArgs {
    /// Temperature of the latents: 0 is the mean of the style, 1 samples the style, up to 4
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    pub(crate) latent_temperature: f64,
    /// Maximum Mahalanobis distance from the mean of the style (in D active dimensions, samples are
    /// near the square root of D)
    #[arg(long, value_name = "R")]
    pub(crate) truncate: Option<f64>,
    /// Similarity of consecutive windows of a longer piece, 0 to 1, instead of the learned
    /// transitions of real pieces [default: these, or 0.8 for a model without them]
    #[arg(long, value_name = "S")]
    pub(crate) smoothness: Option<f64>,
}

/// Filter for pieces.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Which pieces are kept; others are sampled again")]
pub(crate) struct KeepArgs {
    /// Minimum membership in the style after encoding the piece again, 0 to 1
    #[arg(long, value_name = "P")]
    pub(crate) min_membership: Option<f64>,
    /// Maximum number of consecutive notes that also occur in the training music, in any key
    #[arg(long, alias = "max-copy", value_name = "NOTES")]
    pub(crate) max_copy_notes: Option<usize>,
    /// Maximum fraction of a part's notes, 0 to 1, that also occur consecutively in the training
    /// music
    #[arg(long, value_name = "FRACTION")]
    pub(crate) max_copy_fraction: Option<f64>,
    /// Also keep pieces with fewer than two notes
    #[arg(long)]
    pub(crate) keep_empty: bool,
    /// Maximum number of attempts [default: 20 per piece, plus 100]
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<usize>,
}

impl From<&LatentArgs> for LatentSampling {
    fn from(args: &LatentArgs) -> Self {
        Self::new(args.latent_temperature, args.truncate, args.smoothness)
    }
}
