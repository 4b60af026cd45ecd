//! Timed run on one machine without plans: the baseline of `bench`.

use std::time::Instant;

use anyhow::{Context, bail};
use cluster::em;
use cluster::plan::{Job, Plan};
use cluster::shared::EmStep;
use cluster::stages::StageReport;
use controlgen::encode::encode_corpus;
use controlgen::model::Model;
use corpus;
use corpus::progress::Silent;
use corpus::table::{LatentRow, Split, read_latents};
use gmm::{Samples, StepwiseEm};
use serde::Serialize;

/// Rows per E step, as in the plans.
const ROWS_PER_BLOCK: usize = 1 << 13;

/// Stage times and totals of the run.
#[derive(Debug, Serialize)]
pub(crate) struct Baseline {
    stages: Vec<StageReport>,
    n_files: usize,
    n_train: usize,
    n_heldout: usize,
    n_repeated: usize,
    n_iter: usize,
    score: f64,
}

/// Builds the corpus, encodes it, and fits the mixture with the stepwise EM of `gmm` over blocks,
/// from the same start as the plans.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<Baseline> {
    let job = Job::open(plan)?;
    let mut stages = Vec::new();
    let mut start = Instant::now();
    let mut end = |stage: &str| {
        let seconds = start.elapsed().as_secs_f64();
        stages.push(StageReport { stage: stage.to_owned(), seconds, resumed: false });
        start = Instant::now();
    };
    let report = corpus::build(&job.corpus_options()?, &job.corpus(), &Silent)?;
    end("corpus");
    let device = musicvae::device::parse(&plan.device)?;
    let model = Model::load(&plan.model, &device)?;
    encode_corpus(&model, &job.corpus(), &job.latents(), &Silent)?;
    end("encode");
    let last = fit(&job)?;
    let text = serde_json::to_string_pretty(&last.mixture)?;
    corpus::artifact::write_atomic(&job.mixture(), text.as_bytes())?;
    end("fit");
    Ok(Baseline {
        stages,
        n_files: report.n_files,
        n_train: report.n_train,
        n_heldout: report.n_heldout,
        n_repeated: report.n_repeated,
        n_iter: last.iteration,
        score: last.score.context("no pass was made")?,
    })
}

fn fit(job: &Job) -> anyhow::Result<EmStep> {
    let fit = &job.plan.fit;
    let d = job.active_dimensions.len();
    let latents = read_latents(&job.latents(), job.z_size)?;
    let mut train: Vec<&LatentRow> =
        latents.rows.iter().filter(|row| row.split == Split::Train).collect();
    if train.is_empty() {
        bail!("there are no training windows");
    }
    let chosen = |rows: &[&LatentRow]| -> Vec<f64> {
        let dimensions = |row: &LatentRow| {
            job.active_dimensions.iter().map(|d| f64::from(row.mu[*d])).collect::<Vec<f64>>()
        };
        rows.iter().flat_map(|row| dimensions(row)).collect()
    };
    let all = chosen(&train);
    train.sort_by_key(|row| row.window_id);
    train.truncate(fit.n_start_windows);
    let mut step = em::initial_step(job, &chosen(&train))?;
    let blocks = all
        .chunks(ROWS_PER_BLOCK * d)
        .map(|rows| Samples::new(rows, rows.len() / d, d))
        .collect::<Result<Vec<_>, _>>()?;
    let mut running = StepwiseEm::new(step.mixture.clone()).reg_covar(fit.reg_covar);
    loop {
        let before = step.score;
        let score = running.pass(&blocks)?;
        step.iteration += 1;
        step.score = Some(score);
        step.mixture = running.model().clone();
        let is_done = before.is_some_and(|before| (score - before).abs() < fit.tol);
        if is_done || step.iteration >= fit.max_iter {
            return Ok(step);
        }
    }
}
