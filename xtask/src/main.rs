//! Repository tasks: `cargo xtask TASK`.

mod bench_all;
mod bench_corpus;
mod bench_studio;
mod bench_train;
mod check;
mod e2e;
mod eval;
mod fetch;
mod gmm;
mod parity_notes;
mod process;
mod regress;
mod tidy;
mod train;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
    /// Get public data sets and published models, checked and unpacked
    Fetch(fetch::FetchArgs),
    /// Get the Lakh MIDI Dataset
    FetchLakh(fetch::FetchLakhArgs),
    /// A model's figures: `controlgen eval`, built first
    Eval(eval::EvalArgs),
    /// The whole way on music in known styles: found, written anew, and one more added
    E2e(e2e::E2eArgs),
    /// A small pinned run beside the committed baseline, `tests/baseline.json`
    Regress(regress::RegressArgs),
    /// Our speed beside that of the field's own tools
    #[command(subcommand)]
    Bench(Bench),
    /// Our answers beside those of the field's own tools
    #[command(subcommand)]
    Parity(Parity),
    /// Format, lints, tests, documentation: what must pass before anything lands
    Check,
    /// Lints, tests and documentation of the cluster runner, which `check` leaves out as it is slow to build
    CheckCluster,
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
        /// Leave out chords and grooves, which take by far the longest
        #[arg(long)]
        oracle_only: bool,
    },
    /// `gmm` beside scikit-learn, after 1, 5 and 20 iterations from the same start
    Gmm(gmm::Peer),
    /// Likelihoods that default fits of `gmm` and of scikit-learn reach, with many seeds
    GmmOptima(gmm::optima::Optima),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// All of them in one table, saved, beside an earlier one
    All(bench_all::BenchAll),
    /// Seconds of an EM iteration, `gmm` beside scikit-learn and linfa, by turns
    Gmm {
        #[command(flatten)]
        peer: gmm::Peer,
        /// Also measure how an iteration grows with rows and with components
        #[arg(long)]
        growth: bool,
    },
    /// Files a second, memory and its growth of the corpus builder
    Corpus(bench_corpus::BenchCorpus),
    /// A step of decoding over HTTP, memory and the page's weight; or what hostile requests get
    Studio(bench_studio::BenchStudio),
    /// Training, encoding and sampling beside the same model in PyTorch, by turns
    Train(bench_train::BenchTrain),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Train(args) => train::run(&args),
        Task::Eval(args) => eval::run(&args),
        Task::E2e(args) => e2e::run(&args),
        Task::Regress(args) => regress::run(&args),
        Task::Parity(Parity::Notes { dirs, python, oracle_only }) => {
            parity_notes::run(&dirs, python, oracle_only)
        }
        Task::Parity(Parity::Gmm(peer)) => gmm::parity::run(&peer),
        Task::Parity(Parity::GmmOptima(optima)) => gmm::optima::run(&optima),
        Task::Bench(Bench::Gmm { peer, growth }) => gmm::bench::run(&peer, growth),
        Task::Bench(Bench::All(args)) => bench_all::run(&args),
        Task::Bench(Bench::Corpus(args)) => bench_corpus::run(&args),
        Task::Bench(Bench::Studio(args)) => bench_studio::run(&args),
        Task::Bench(Bench::Train(args)) => bench_train::run(&args),
        Task::Fetch(args) => fetch::run(&args),
        Task::FetchLakh(args) => fetch::run_lakh(&args),
        Task::Check => check::run(),
        Task::CheckCluster => check::cluster(),
    }
}
