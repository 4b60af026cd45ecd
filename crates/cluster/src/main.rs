//! The program `controlgen-cluster`: runs plans, and serves as scheduler and executor of a cluster.

mod baseline;
mod bench;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use cluster::plan::Plan;
use cluster::services::{self, ExecutorOptions, SchedulerOptions};
use cluster::session::Runner;
use cluster::stages;

use bench::BenchArgs;

/// Encoding allocates and frees large buffers; the system allocator would map them again each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Corpus, latents and mixture of MIDI files, on one machine or many.
#[derive(Debug, Parser)]
#[command(name = "controlgen-cluster", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a plan, or resume it
    Run(RunArgs),
    /// Distribute work to executors
    Scheduler(SchedulerArgs),
    /// Do the work that a scheduler distributes
    Executor(ExecutorArgs),
    /// Run the stages of a plan on one machine without plans, for comparison
    #[command(hide = true)]
    Baseline(BaselineArgs),
    /// Measure all modes on this machine, with and without failing executors
    Bench(BenchArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The plan
    plan: PathBuf,
    /// Run in this process
    #[arg(long, conflicts_with = "scheduler", required_unless_present = "scheduler")]
    local: bool,
    /// Run on the cluster of this scheduler, for example `http://10.0.0.1:50050`
    #[arg(long, value_name = "URL")]
    scheduler: Option<String>,
    /// Seconds to wait for the scheduler and its executors
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait: u64,
    /// Threads to use in this process [default: all processors]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct SchedulerArgs {
    /// The address to listen on; `0.0.0.0` to accept other machines, in a trusted network only
    #[arg(long, default_value = "127.0.0.1")]
    bind: String,
    /// The name or address under which executors reach this machine
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port to listen on
    #[arg(long, default_value_t = 50050)]
    port: u16,
}

#[derive(Debug, Args)]
struct ExecutorArgs {
    /// The scheduler, for example `10.0.0.1:50050`
    #[arg(long, default_value = "127.0.0.1:50050", value_name = "HOST:PORT")]
    scheduler: String,
    /// The address to listen on; `0.0.0.0` to accept other machines, in a trusted network only
    #[arg(long, default_value = "127.0.0.1")]
    bind: String,
    /// The name or address under which others reach this machine [default: its address]
    #[arg(long)]
    host: Option<String>,
    /// The port from which others fetch shuffled rows
    #[arg(long, default_value_t = 50051)]
    port: u16,
    /// Partitions to process at the same time [default: all processors]
    #[arg(long, value_name = "N")]
    vcores: Option<usize>,
    /// Memory for rows, in MiB, before they spill to disk [default: 70 % of all memory]
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// Folder for shuffled rows [default: a temporary folder]
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct BaselineArgs {
    plan: PathBuf,
}

fn main() -> ExitCode {
    // Usage errors exit here, with code 2.
    let cli = Cli::parse();
    output::init_logging();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    match cli.command {
        Command::Run(args) => {
            let n_threads = args.threads.unwrap_or(n_processors);
            threads(n_threads)?;
            runtime(n_threads)?.block_on(run_plan(&args))
        }
        Command::Scheduler(args) => {
            let SchedulerArgs { bind, host, port } = args;
            let options = SchedulerOptions { bind, host, port };
            Ok(runtime(n_processors)?.block_on(services::scheduler(&options))?)
        }
        Command::Executor(args) => {
            let options = executor_options(args, n_processors)?;
            threads(options.vcores)?;
            Ok(runtime(n_processors)?.block_on(services::executor(&options))?)
        }
        Command::Baseline(args) => output::json(&baseline::run(&Plan::read(&args.plan)?)?),
        Command::Bench(args) => bench::run(&args),
    }
}

async fn run_plan(args: &RunArgs) -> anyhow::Result<()> {
    let plan = Plan::read(&args.plan)?;
    let runner = match &args.scheduler {
        Some(url) => Runner::scheduler(plan.partitions, url)?,
        None => Runner::local(plan.partitions)?,
    };
    runner.wait(Duration::from_secs(args.wait)).await?;
    let stop = async {
        if args.scheduler.is_some() {
            let _ = tokio::signal::ctrl_c().await;
        } else {
            // Work in this process ends immediately with the process; a handler would delay it.
            std::future::pending::<()>().await;
        }
    };
    let report = tokio::select! {
        report = stages::run(&plan, &runner, &output::status) => report?,
        () = stop => {
            // Leaves time to cancel the jobs that executors still have.
            tokio::time::sleep(Duration::from_millis(500)).await;
            anyhow::bail!("stopped; run the same command again to resume");
        }
    };
    if args.json {
        return output::json(&report);
    }
    output::print(&format!(
        "{} files, {} windows, {} held out, {} repetitions; {} passes, {:.4} nats per window",
        report.n_files,
        report.n_train,
        report.n_heldout,
        report.n_repeated,
        report.n_iter,
        report.score,
    ))?;
    for reason in &report.reasons {
        output::print(&format!("    without windows: {reason}"))?;
    }
    Ok(())
}

fn executor_options(args: ExecutorArgs, n_processors: usize) -> anyhow::Result<ExecutorOptions> {
    let address = args.scheduler.trim_start_matches("http://").trim_end_matches('/');
    let (scheduler_host, port) = address
        .rsplit_once(':')
        .with_context(|| format!("`{address}` has no port; expected HOST:PORT"))?;
    let scheduler_port = port.parse().with_context(|| format!("`{port}` is not a port number"))?;
    Ok(ExecutorOptions {
        scheduler_host: scheduler_host.to_owned(),
        scheduler_port,
        bind: args.bind,
        host: args.host,
        port: args.port,
        vcores: args.vcores.unwrap_or(n_processors),
        memory: args.memory.map(|mebibytes| mebibytes << 20),
        work: args.work,
    })
}

/// Sets the threads for matrix products and E steps.
fn threads(n: usize) -> anyhow::Result<()> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(n).build_global()?)
}

/// The runtime that runs plans; it has two more threads than workers, so that heartbeats continue
/// during work.
fn runtime(n_threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(n_threads + 2)
        .enable_all()
        // Plans are decoded recursively.
        .thread_stack_size(8 << 20)
        .build()
        .context("can't start a runtime")
}
