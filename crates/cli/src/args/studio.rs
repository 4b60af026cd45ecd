//! Arguments of `controlgen studio`.

use std::path::PathBuf;

use clap::Args;

use super::StylesArgs;

#[derive(Debug, Args)]
pub(crate) struct StudioArgs {
    #[command(flatten)]
    pub(crate) of: StylesArgs,
    /// Show the windows of this corpus on the map [default: those stored in the model folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: Option<PathBuf>,
    /// Latents of this corpus from `controlgen encode` [default: encode its windows now]
    #[arg(long, value_name = "FOLDER", requires = "corpus")]
    pub(crate) latents: Option<PathBuf>,
    /// The port of 127.0.0.1 to serve at [default: 6873, or any free port]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Let the page save MIDI files into this folder, for example one that a music program shows
    #[arg(long, value_name = "FOLDER")]
    pub(crate) save_folder: Option<PathBuf>,
    /// Don't open the page in a browser
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Serve the page from this folder, read again for each request, instead of from the program
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub(crate) page: Option<PathBuf>,
}
