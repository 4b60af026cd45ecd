//! `controlgen-cluster bench`: runs the same corpus in every mode on this machine: without plans,
//! with plans in one process, on a scheduler with two executors, and with one executor killed in
//! each stage.

mod compare;
mod large;
mod make;
mod processes;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use cluster::stages::StageReport;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::output::{print, status};
use compare::Results;
use processes::{Cluster, Driver};

/// The measurements to make.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Folders of MIDI files from which the corpus is made by repeating and perturbing them
    #[arg(default_value = "../shared/data", value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Number of files to make
    #[arg(long, default_value_t = 20_000)]
    files: usize,
    /// The model folder
    #[arg(long, default_value = "crates/cli/model/melody")]
    model: PathBuf,
    /// Working folder; files made by an earlier run are reused
    #[arg(long, value_name = "DIR")]
    work: PathBuf,
    /// Components of the mixture
    #[arg(long, default_value_t = 16)]
    components: usize,
    /// Passes of EM
    #[arg(long, default_value_t = 10)]
    passes: usize,
    /// Number of partitions that each stage is split into
    #[arg(long, default_value_t = 16)]
    partitions: usize,
    /// Also fit latents of MIB mebibytes, and of four times that, on executors limited to 64 MiB
    #[arg(long, value_name = "MIB")]
    large: Option<usize>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Output of a driver process.
#[derive(Debug, Deserialize)]
struct Answer {
    stages: Vec<StageReport>,
    peak_memory_bytes: u64,
}

/// Figures of one mode.
struct Row {
    name: &'static str,
    seconds: f64,
    stages: Vec<StageReport>,
    /// Peak memory of the driver, the scheduler and all executors.
    peak_mib: Vec<f64>,
    shuffled_mib: Option<f64>,
    kills: Vec<String>,
    results: Results,
}

impl Row {
    fn stage(&self, names: &[&str]) -> f64 {
        let is_named = |stage: &&StageReport| names.contains(&stage.stage.as_str());
        self.stages.iter().filter(is_named).map(|stage| stage.seconds).sum()
    }

    fn line(&self, n_files: f64, baseline: f64) -> String {
        let peaks = self.peak_mib.iter().map(|mib| format!("{mib:.0}"));
        format!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {} | {} | {:+.0} % |",
            self.name,
            self.stage(&["corpus", "list", "read", "group", "deduplicate"]),
            self.stage(&["encode"]),
            self.stage(&["fit"]),
            self.seconds,
            n_files / self.seconds,
            peaks.collect::<Vec<_>>().join(" / "),
            self.shuffled_mib.map_or("–".to_owned(), |mib| format!("{mib:.1}")),
            (self.seconds / baseline - 1.0) * 100.0,
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "seconds": self.seconds, "stages": self.stages,
            "peak_mib": self.peak_mib, "shuffled_mib": self.shuffled_mib, "kills": self.kills,
            "windows": self.results.n_windows, "windows_hash": self.results.windows,
            "latents_hash": self.results.latents,
        })
    }
}

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    let bench = Bench::new(args)?;
    let mut rows = vec![
        bench.row("one machine, no plans", "baseline", &Mode::NoPlans)?,
        bench.row("plans, one process", "local", &Mode::OneProcess)?,
        bench.row("scheduler, 2 executors", "cluster", &Mode::Cluster)?,
    ];
    let dying = Mode::Dying(rows[2].stages.clone());
    rows.push(bench.row("…, one killed in each stage", "killed", &dying)?);
    let n_files = args.files as f64;
    print(
        "| mode | corpus, s | encode, s | fit, s | all, s | files/s \
         | peak MiB, driver / scheduler / executors | shuffled, MiB | overhead |\n\
         |---|---|---|---|---|---|---|---|---|",
    )?;
    for row in &rows {
        print(&row.line(n_files, rows[0].seconds))?;
    }
    for row in &rows {
        for kill in &row.kills {
            print(kill)?;
        }
    }
    for row in &rows[1..] {
        let (one, other) = (&rows[0].results, &row.results);
        let difference = one.difference(other)?;
        print(&format!(
            "{}: {} windows, {}; latents {}; mixture within {difference:.1e}",
            row.name,
            other.n_windows,
            if one.windows == other.windows { "the same" } else { "DIFFERENT" },
            if one.latents == other.latents { "bit-identical" } else { "not bit-identical" },
        ))?;
        ensure!(one.windows == other.windows, "`{}` gave different windows", row.name);
        ensure!(difference <= 1e-9, "`{}` gave a different mixture", row.name);
    }
    let mut figures = json!({ "rows": rows.iter().map(Row::json).collect::<Vec<_>>() });
    if let Some(mebibytes) = args.large {
        figures["large"] = large::run(&bench, mebibytes)?;
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}

/// Stages during which an executor is killed.
const STAGES: [&str; 4] = ["read", "deduplicate", "encode", "fit"];

/// The mode in which the corpus is processed.
enum Mode {
    NoPlans,
    OneProcess,
    Cluster,
    /// On a cluster that loses an executor in the middle of each stage; the reports give the
    /// duration of each stage.
    Dying(Vec<StageReport>),
}

impl Mode {
    /// The time at which to kill an executor in a stage that begins now.
    fn kill_time(&self, stage: &str) -> Option<Instant> {
        let Self::Dying(lengths) = self else { return None };
        let length = lengths.iter().find(|length| length.stage == stage)?;
        let half = Duration::from_secs_f64(length.seconds / 2.0);
        STAGES.contains(&stage).then(|| Instant::now() + half)
    }
}

/// Settings shared by all modes.
struct Bench<'a> {
    args: &'a BenchArgs,
    work: PathBuf,
    midi: PathBuf,
    model: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(args: &'a BenchArgs) -> Result<Self> {
        std::fs::create_dir_all(&args.work)
            .with_context(|| format!("can't create {}", args.work.display()))?;
        let absolute = |path: &Path| {
            std::fs::canonicalize(path).with_context(|| format!("can't find {}", path.display()))
        };
        let (work, model) = (absolute(&args.work)?, absolute(&args.model)?);
        let midi = work.join(format!("midi-{}", args.files));
        make::make(&args.dirs, args.files, &midi)?;
        Ok(Self { args, work, midi, model })
    }

    /// Writes the plan of a mode; its results go to a folder with the mode's name.
    fn plan(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        let out = self.work.join(name);
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        let text = format!(
            "roots = [\"{}\"]\nout = \"{}\"\nmodel = \"{}\"\npartitions = {}\n\
             [fit]\nn_components = {}\nmax_iter = {}\ntol = 0.0\n",
            self.midi.display(),
            out.display(),
            self.model.display(),
            self.args.partitions,
            self.args.components,
            self.args.passes,
        );
        let plan = self.work.join(format!("{name}.toml"));
        std::fs::write(&plan, text)?;
        Ok((plan, out))
    }

    /// Measures one mode.
    fn row(&self, title: &'static str, name: &'static str, mode: &Mode) -> Result<Row> {
        status(&format!("== {title}"));
        let (plan, out) = self.plan(name)?;
        let plan = plan.display().to_string();
        let mut running = match mode {
            Mode::NoPlans | Mode::OneProcess => None,
            _ => Some(Cluster::start(&self.work.join(format!("{name}-cluster")), None)?),
        };
        let url = running.as_ref().map(Cluster::url);
        let words: Vec<&str> = match (&url, mode) {
            (Some(url), _) => vec!["run", &plan, "--scheduler", url, "--json"],
            (None, Mode::NoPlans) => vec!["baseline", &plan],
            (None, _) => vec!["run", &plan, "--local", "--json"],
        };
        let start = Instant::now();
        let mut driver = Driver::start(&words)?;
        let mut kills = Vec::new();
        let mut due: Option<(String, Instant)> = None;
        let mut begun: Vec<String> = Vec::new();
        while driver.is_running()? {
            for line in driver.lines() {
                status(&format!("   {line}"));
                let Some((stage, rest)) = line.split_once(": ") else { continue };
                if rest.starts_with("done") {
                    due = None;
                } else if !begun.iter().any(|before| before == stage) {
                    begun.push(stage.to_owned());
                    due = mode.kill_time(stage).map(|at| (stage.to_owned(), at));
                }
            }
            if let Some(running) = &mut running {
                running.sample()?;
                if let Some((stage, _)) = due.take_if(|(_, at)| *at <= Instant::now()) {
                    let id = running.kill_one()?;
                    let at = start.elapsed().as_secs_f64();
                    kills.push(format!("killed process {id} in `{stage}`, after {at:.1} s"));
                    status(&format!("   {}", kills[kills.len() - 1]));
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let answer: Answer =
            serde_json::from_str(&driver.finish()?).context("the driver printed no report")?;
        let seconds = answer.stages.iter().map(|stage| stage.seconds).sum();
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let mut peak_mib = vec![mebibytes(answer.peak_memory_bytes)];
        let mut shuffled_mib = None;
        if let Some(running) = &mut running {
            running.sample()?;
            peak_mib.extend(running.peaks().into_iter().map(mebibytes));
            shuffled_mib = Some(mebibytes(running.shuffled()));
        }
        let results = Results::read(&out)?;
        let stages = answer.stages;
        Ok(Row { name: title, seconds, stages, peak_mib, shuffled_mib, kills, results })
    }
}
