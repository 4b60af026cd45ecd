//! Arguments of `controlgen watch`.

use std::path::PathBuf;

use clap::Args;

use super::NewMusicArgs;

#[derive(Clone, Debug, Args)]
pub(crate) struct WatchArgs {
    /// The folder to keep filled, which is shown in a DAW's browser
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) music: NewMusicArgs,
    /// Number of takes in the folder: when one is moved away or deleted, a new one is written
    #[arg(short, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) n: u32,
    /// Number of seconds between two checks of the folder
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = crate::args::values::interval)]
    pub(crate) interval: f64,
}
