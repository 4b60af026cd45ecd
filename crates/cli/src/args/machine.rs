//! Arguments of the commands about the program and the machine.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A model folder to look into
    #[arg(long, value_name = "FOLDER")]
    pub(crate) model: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write to, such as `~/.local/share/man/man1`
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}
