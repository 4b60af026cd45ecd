//! EM over latents that don't fit into the memory of the executors.

use std::path::Path;

use anyhow::{Context, Result};
use corpus::CorpusReport;
use corpus::artifact::JsonFormat;
use corpus::table::{LatentRow, LatentsWriter, Split, read_latents};
use serde_json::{Value, json};

use super::processes::{Cluster, Driver};
use super::{Answer, Bench};
use crate::output::{print, status};

/// Memory that each executor may use for rows.
const LIMIT_MIB: u64 = 64;

/// Fits latents of `mebibytes` MiB and of four times that.
pub(super) fn run(bench: &Bench<'_>, mebibytes: usize) -> Result<Value> {
    print(&format!(
        "| latents, MiB | fit, s | peak MiB, scheduler / executors of {LIMIT_MIB} MiB |"
    ))?;
    print("|---|---|---|")?;
    let mut figures = Vec::new();
    for mebibytes in [mebibytes, 4 * mebibytes] {
        let name = format!("large-{mebibytes}");
        let (plan, out) = bench.plan(&name)?;
        prepare(&bench.work.join("local"), &out, mebibytes)?;
        status(&format!("== latents of {mebibytes} MiB"));
        let mut cluster =
            Cluster::start(&bench.work.join(format!("{name}-cluster")), Some(LIMIT_MIB))?;
        let (plan, url) = (plan.display().to_string(), cluster.url());
        let mut driver = Driver::start(&["run", &plan, "--scheduler", &url, "--json"])?;
        while driver.is_running()? {
            for line in driver.lines() {
                status(&format!("   {line}"));
            }
            cluster.sample()?;
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let answer: Answer =
            serde_json::from_str(&driver.finish()?).context("the driver printed no report")?;
        let seconds: f64 = answer.stages.iter().map(|stage| stage.seconds).sum();
        let peaks: Vec<f64> =
            cluster.peaks().into_iter().map(|bytes| bytes as f64 / f64::from(1 << 20)).collect();
        let texts: Vec<String> = peaks.iter().map(|mib| format!("{mib:.0}")).collect();
        print(&format!("| {mebibytes} | {seconds:.1} | {} |", texts.join(" / ")))?;
        figures.push(json!({ "latents_mib": mebibytes, "seconds": seconds, "peak_mib": peaks }));
        std::fs::remove_dir_all(&out)?;
    }
    Ok(Value::from(figures))
}

/// Creates a results folder whose latents have a given size, by repeating the latents of another
/// run with a small shift each time.
fn prepare(from: &Path, to: &Path, mebibytes: usize) -> Result<()> {
    let mut job = cluster::plan::Job::read_from(from)?;
    // Windows and latents already exist, so only the fit is left to do.
    let corpus = to.join("corpus");
    std::fs::create_dir_all(&corpus)?;
    to.clone_into(&mut job.plan.out);
    job.save(&job.path())?;
    let rows = read_latents(&from.join("latents"), job.z_size)?.rows;
    let latents = to.join("latents");
    std::fs::create_dir_all(&latents)?;
    let mut writer = LatentsWriter::new(&latents, job.z_size);
    let n_rows = (mebibytes << 20) / (2 * job.z_size * size_of::<f32>());
    let mut report = CorpusReport::load(&from.join("corpus/report.json"))?;
    (report.n_train, report.n_heldout) = (0, 0);
    for index in 0..n_rows {
        let row = &rows[index % rows.len()];
        let moved = (index / rows.len()) as f32 * 1e-3;
        match row.split {
            Split::Train => report.n_train += 1,
            Split::Heldout => report.n_heldout += 1,
        }
        writer.push(LatentRow {
            window_id: row.window_id.wrapping_add(index as u64),
            mu: row.mu.iter().map(|mu| mu + moved * mu.signum()).collect(),
            ..row.clone()
        })?;
    }
    writer.finish()?;
    Ok(report.save(&corpus.join("report.json"))?)
}
