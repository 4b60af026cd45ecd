//! `cargo xtask bench train`: the model's speed compared with the same model in PyTorch, in
//! alternating runs.

mod gpu;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::files::{self, save};
use crate::gmm::answer as json_line;
use crate::process::{self, answer};

/// Options of the comparison.
#[derive(Debug, Args)]
pub(crate) struct BenchTrain {
    /// The PyTorch counterpart: a script that prints one JSON line for the options `--enc`, `--dec`
    /// and so on
    #[arg(long, value_name = "FILE", default_value = "../shared/peers/torch_musicvae.py")]
    script: PathBuf,
    /// A Python interpreter with torch
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Sizes to run, by their number of units [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<usize>,
    /// Compare on libtorch's first GPU instead, with Magenta's large model; see the README for how
    /// to build with `tch`
    #[arg(long, conflicts_with = "only")]
    gpu: bool,
    /// With --gpu: the example `speed`, already built
    #[arg(long, value_name = "FILE", requires = "gpu")]
    program: Option<PathBuf>,
    /// Number of alternating runs of each program
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Also write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Units of encoder and decoder layers, and latent dimensions.
const SIZES: [(usize, usize); 2] = [(512, 256), (256, 128)];
const THREADS: [usize; 2] = [1, 2];

/// A task: its name, the key of its result, whether larger is better, and the goal.
struct Work {
    name: &'static str,
    key: &'static str,
    more_is_better: bool,
    goal: f64,
}

const WORKS: [Work; 4] = [
    Work { name: "train, sequences/s", key: "train_seq_per_s", more_is_better: true, goal: 1.4 },
    Work { name: "encode, sequences/s", key: "encode_seq_per_s", more_is_better: true, goal: 1.1 },
    Work {
        name: "sample a batch, sequences/s",
        key: "sample_seq_per_s",
        more_is_better: true,
        goal: 2.0,
    },
    Work { name: "sample one, ms", key: "sample_one_ms", more_is_better: false, goal: 3.0 },
];

pub(crate) fn run(args: &BenchTrain) -> Result<()> {
    let script = process::counterpart(&args.script)?;
    if args.gpu {
        return save(args.json.as_deref(), &gpu::run(args, &script)?);
    }
    let ours = process::build_example("musicvae", "speed")?;
    let peak = process::root().join("xtask/peers/peak.py");
    let mut rows = Vec::new();
    answer("units  threads  work                         ours      PyTorch   ratio  goal");
    for (units, z) in SIZES {
        if !args.only.is_empty() && !args.only.contains(&units) {
            continue;
        }
        let sizes = [("--enc", units), ("--dec", units), ("--dec-layers", 2), ("--z", z)];
        let sizes: Vec<String> =
            sizes.iter().flat_map(|(name, n)| [(*name).to_owned(), n.to_string()]).collect();
        for threads in THREADS {
            let (mut own, mut theirs, mut own_bf16) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..args.turns.max(1) {
                let mut command = Command::new(&ours);
                own.push(json_line(
                    command.args(&sizes).env("RAYON_NUM_THREADS", threads.to_string()),
                )?);
                let mut command = Command::new(&args.python);
                command.arg(&peak).arg(&script).args(&sizes);
                theirs.push(json_line(command.args(["--threads", &threads.to_string()]))?);
                let mut command = Command::new(&ours);
                command.args(&sizes).args(["--train-only", "--bf16"]);
                own_bf16.push(json_line(command.env("RAYON_NUM_THREADS", threads.to_string()))?);
            }
            for work in WORKS {
                let (a, b) = (median(&own, work.key), median(&theirs, work.key));
                let ratio = ratio_by_turns(&own, &theirs, work.key);
                let ratio = if work.more_is_better { ratio } else { 1.0 / ratio };
                answer(&format!(
                    "{units:5}  {threads:7}  {:27}  {a:8.1}  {b:8.1}  {ratio:5.2}  {}",
                    work.name, work.goal
                ));
                rows.push(json!({
                    "work": work.name, "units": units, "threads": threads,
                    "ours": a, "peer": b, "ratio": ratio, "goal": work.goal,
                }));
            }
            let key = "train_seq_per_s";
            let (a, b) = (median(&own_bf16, key), median(&theirs, key));
            let (name, ratio) =
                ("train in bf16, sequences/s", ratio_by_turns(&own_bf16, &theirs, key));
            answer(&format!(
                "{units:5}  {threads:7}  {name:27}  {a:8.1}  {b:8.1}  {ratio:5.2}  2.5"
            ));
            rows.push(json!({
                "work": name, "units": units, "threads": threads, "ours": a, "peer": b,
                "ratio": ratio, "goal": 2.5,
            }));
            let share = median(&own, "train_flop_per_s") / median(&own, "limit_flop_per_s");
            let mut command = Command::new(&ours);
            command.args(&sizes).arg("--train-only");
            let only_training = json_line(command.env("RAYON_NUM_THREADS", threads.to_string()))?;
            let mib = |answer: &Value| answer["peak_kib"].as_f64().unwrap_or(f64::NAN) / 1024.0;
            let (a, b) = (mib(&only_training), mib(&theirs[0]));
            answer(&format!(
                "{units:5}  {threads:7}  training reaches {:.0} GFLOP/s, {:.2} of what fused \
                 multiply-adds alone reach; peak memory {a:.0} and {b:.0} MiB",
                median(&own, "train_flop_per_s") / 1e9,
                share
            ));
            rows.push(json!({
                "work": "peak memory, MiB", "units": units, "threads": threads,
                "ours": a, "peer": b, "ratio": b / a, "goal": 2.0, "share_of_limit": share,
            }));
        }
    }
    save(args.json.as_deref(), &rows)
}

/// The median of our result relative to PyTorch's over the alternating runs: a disturbance of the
/// machine that lasts for minutes affects both runs of a pair.
fn ratio_by_turns(ours: &[Value], theirs: &[Value], key: &str) -> f64 {
    let number = |answer: &Value| answer[key].as_f64().unwrap_or(f64::NAN);
    files::median(ours.iter().zip(theirs).map(|(a, b)| number(a) / number(b)).collect())
}

fn median(answers: &[Value], key: &str) -> f64 {
    files::median(answers.iter().filter_map(|answer| answer[key].as_f64()).collect())
}
