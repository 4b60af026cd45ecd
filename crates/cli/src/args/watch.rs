//! What can be typed after `controlgen watch`.

use std::path::PathBuf;

use clap::Args;

use super::generate::Blend;
use super::{
    ArrangementArgs, AttributeMethodArg, ComposeArgs, DecodingArgs, DrumsArgs, FormatArgs,
    GenerateArgs, KeepArgs, LatentArgs, PlaybackArgs, StylesArgs,
};

#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    /// The folder to keep filled: one that a DAW's browser shows
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// A style's name or number, or several with their weights, as for `generate` [default: each
    /// piece of a style drawn by its share]
    #[arg(long, value_name = "STYLE", value_parser = crate::resolve::blend)]
    pub(crate) style: Option<Blend>,
    /// How many takes are in the folder: for each that is moved away or deleted, there is a new one
    #[arg(short, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) n: u32,
    /// Seconds from one look at the folder to the next
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = crate::resolve::interval)]
    pub(crate) interval: f64,
    /// Bars of each take, whole windows of the model [default: one window]
    #[arg(long, value_name = "BARS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) bars: Option<u32>,
    /// Meter of new music, such as 3/4 or 6/8; only for models of every meter [default: that of the
    /// most similar real music]
    #[arg(long, value_name = "METER", value_parser = crate::resolve::meter)]
    pub(crate) meter: Option<note_seq::Meter>,
    #[command(flatten)]
    pub(crate) drums: DrumsArgs,
    #[command(flatten)]
    pub(crate) compose: ComposeArgs,
    #[command(flatten)]
    pub(crate) latent: LatentArgs,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    #[command(flatten)]
    pub(crate) decoding: DecodingArgs,
    #[command(flatten)]
    pub(crate) formats: FormatArgs,
    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,
}

impl WatchArgs {
    /// What `generate` is asked for to make the next take.
    pub(crate) fn take(&self, seed: u64) -> GenerateArgs {
        let Self { folder, of, style, bars, meter, drums, compose, latent, keep, .. } =
            self.clone();
        GenerateArgs {
            of,
            style,
            path: Vec::new(),
            n: 1,
            bars,
            chords: None,
            meter,
            drums,
            // Takes are to be looped.
            arrangement: ArrangementArgs { intro: None, even: true },
            compose,
            latent,
            keep,
            attribute: Vec::new(),
            attribute_method: AttributeMethodArg::Regression,
            out: folder,
            decoding: DecodingArgs { seed, ..self.decoding },
            formats: self.formats,
            playback: self.playback.clone(),
        }
    }
}
