//! Repository tasks: `cargo xtask TASK`.

mod bench_all;
mod bench_corpus;
mod bench_note_lists;
mod bench_studio;
mod bench_train;
mod check;
mod control;
mod dmelodies;
mod e2e;
mod eval;
mod files;
mod gmm;
mod model;
mod parity_notes;
mod plugin;
mod process;
mod regress;
mod tidy;
mod train;

use std::ffi::OsString;
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
    /// Run the pipeline from MIDI to styles to new music
    Train(train::TrainArgs),
    /// Rebuild a model of the program from its data sets
    Model(model::ModelArgs),
    /// Download, verify and unpack public data sets and published models
    #[command(disable_help_flag = true)]
    Fetch(FetchArgs),
    /// Download the Lakh MIDI Dataset
    #[command(disable_help_flag = true)]
    FetchLakh(FetchArgs),
    /// Evaluate a model: `controlgen eval`, built first
    Eval(eval::EvalArgs),
    /// Evaluate the program's models on seven sets of labels: `controlgen eval labels`, corpora
    /// built first
    Control(control::ControlArgs),
    /// Train a small model on melodies with nine known factors, and measure how its latents and
    /// styles relate to them
    Dmelodies(dmelodies::DMelodiesArgs),
    /// Run the whole pipeline on music in known styles: find them, generate them, add one more
    E2e(e2e::E2eArgs),
    /// Compare a small pinned run with the committed baseline, `tests/baseline.json`
    Regress(regress::RegressArgs),
    /// Build the CLAP plug-in for DAWs, and put it where they look for it
    Plugin(plugin::PluginArgs),
    /// Compare our speed with that of the field's standard tools
    #[command(subcommand)]
    Bench(Bench),
    /// Compare our results with those of the field's standard tools
    #[command(subcommand)]
    Parity(Parity),
    /// Format, lints, tests, documentation: what must pass before a commit
    Check,
    /// Lints, tests and documentation of the cluster runner, which `check` omits because it is slow
    /// to build
    CheckCluster,
}

/// Arguments of the package `fetch`, which is built when it is first used: TLS and archives take
/// minutes to compile.
#[derive(Debug, Args)]
struct FetchArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    args: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
enum Parity {
    /// Compare `note-seq` with Python's `note_seq`, file by file
    Notes {
        /// Folders of MIDI files
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// A Python interpreter with `note-seq` [default: python3]
        #[arg(long)]
        python: Option<PathBuf>,
        /// Omit chords and grooves, which take by far the longest
        #[arg(long)]
        oracle_only: bool,
    },
    /// Compare `gmm` with scikit-learn, after 1, 5 and 20 iterations from the same start
    Gmm(gmm::Peer),
    /// Compare likelihoods reached by default fits of `gmm` and of scikit-learn, with many seeds
    GmmOptima(gmm::optima::Optima),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Run all benchmarks, and save and compare one table
    All(bench_all::BenchAll),
    /// Measure seconds per EM iteration, `gmm` compared with scikit-learn and linfa, in alternating
    /// runs
    Gmm {
        #[command(flatten)]
        peer: gmm::Peer,
        /// Also measure how an iteration scales with rows and components
        #[arg(long)]
        growth: bool,
    },
    /// Files per second, memory and its growth of the corpus builder
    Corpus(bench_corpus::BenchCorpus),
    /// A decoding step over HTTP, memory and page size; or responses to hostile requests
    Studio(bench_studio::BenchStudio),
    /// Training, encoding and sampling compared with the same model in PyTorch, in alternating runs
    Train(bench_train::BenchTrain),
    /// Training on lists of notes compared with a PyTorch counterpart on the same windows
    NoteLists(bench_note_lists::BenchNoteLists),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Train(args) => train::run(&args),
        Task::Model(args) => model::run(&args),
        Task::Eval(args) => eval::run(&args),
        Task::Control(args) => control::run(&args),
        Task::Dmelodies(args) => dmelodies::run(&args),
        Task::E2e(args) => e2e::run(&args),
        Task::Regress(args) => regress::run(&args),
        Task::Plugin(args) => plugin::run(&args),
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
        Task::Bench(Bench::NoteLists(args)) => bench_note_lists::run(&args),
        Task::Fetch(args) => process::fetch("fetch", &args.args),
        Task::FetchLakh(args) => process::fetch("fetch-lakh", &args.args),
        Task::Check => check::run(),
        Task::CheckCluster => check::cluster(),
    }
}
