//! Repository tasks: `cargo xtask TASK`.

mod bench_gmm;
mod check;
mod parity_gmm;
mod parity_notes;
mod process;
mod tidy;
mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// MIDI to styles to new music, in one go
    Train(train::TrainArgs),
    /// Our speed beside that of the field's own tools
    #[command(subcommand)]
    Bench(Bench),
    /// Our answers beside those of the field's own tools
    #[command(subcommand)]
    Parity(Parity),
    /// Format, lints, tests, documentation: what must pass before anything lands
    Check,
}

#[derive(Debug, Subcommand)]
enum Parity {
    /// `note-seq` beside Python's `note_seq`, file by file
    Notes {
        /// Folders of MIDI files
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// A Python interpreter that has `note-seq` [default: python3]
        #[arg(long)]
        python: Option<PathBuf>,
    },
    /// `gmm` beside scikit-learn, after 1, 5 and 20 iterations from the same start
    Gmm(GmmPeer),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Seconds of an EM iteration, `gmm` beside scikit-learn, by turns
    Gmm {
        #[command(flatten)]
        peer: GmmPeer,
        /// Iterations of each turn
        #[arg(long, default_value_t = 20)]
        iterations: usize,
    },
}

/// What comparing mixtures needs.
#[derive(Debug, Args)]
struct GmmPeer {
    /// Folder of the problems that `gmm_problems.py` writes
    #[arg(long, value_name = "DIR")]
    problems: PathBuf,
    /// A Python interpreter that has scikit-learn
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Problems wanted, by their letter [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Write the rows as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds the example `fit` of `gmm`, which lies in `examples` beside this program.
fn build_fit() -> anyhow::Result<PathBuf> {
    process::cargo(&["build", "--release", "--package", "gmm", "--example", "fit"], &[])?;
    let own = std::env::current_exe()?;
    Ok(own.with_file_name("examples").join(format!("fit{}", std::env::consts::EXE_SUFFIX)))
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Train(args) => train::run(&args),
        Task::Parity(Parity::Notes { dirs, python }) => parity_notes::run(&dirs, python),
        Task::Parity(Parity::Gmm(peer)) => parity_gmm::run(
            &peer.python,
            &process::root().join("../shared/oracles/gmm_oracle.py"),
            &peer.problems,
            &build_fit()?,
            &peer.only,
            peer.json.as_deref(),
        ),
        Task::Bench(Bench::Gmm { peer, iterations }) => bench_gmm::run(
            &peer.python,
            &process::root().join("xtask/peers/gmm_sklearn.py"),
            &peer.problems,
            &build_fit()?,
            iterations,
            &peer.only,
            peer.json.as_deref(),
        ),
        Task::Check => check::run(),
    }
}
