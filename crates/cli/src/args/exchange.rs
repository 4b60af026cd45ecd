//! Arguments of the commands that import, export and shrink models.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ImportMagentaArgs {
    /// A folder from magenta-js or deeplearn.js, a TensorFlow checkpoint (its folder or .index
    /// file), or a .tar of one
    #[arg(value_name = "PATH")]
    pub(crate) checkpoint: PathBuf,
    /// The model folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Standard deviation of all posteriors, 0.001 to 1, for checkpoints without one (some of
    /// magenta-js)
    #[arg(long, value_name = "S", value_parser = crate::args::values::std_dev)]
    pub(crate) std_dev: Option<f32>,
    /// Corpus for finding the latent dimensions that carry information [default: use all
    /// dimensions]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportTorchArgs {
    /// The model folder
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The safetensors file to write; must not exist
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct HalveArgs {
    /// The model folder
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// The model folder to write; must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}
