//! The stages, one after the other, each of them a plan: read, deduplicate, encode, fit.
//!
//! A finished stage leaves a folder or a file under its final name and does not run again. Between
//! the stages are the steps for a single process: listing the files and grouping those that belong
//! together.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use controlgen::encode::EncodeReport;
use corpus::artifact::{ArtifactError, JsonFormat};
use corpus::progress::Silent;
use corpus::stages::{BuildStages, Listing};
use corpus::{CorpusError, CorpusReport, WindowCounts};
use datafusion::common::DataFusionError;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::prelude::{col, ident, lit};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::commit::{commit, stage};
use crate::em::{self, FitError};
use crate::functions::{encode_windows, first_windows};
use crate::operators::{ChunkTable, Operator, OperatorExec, Written, chunks_exec, written};
use crate::plan::{Job, Plan, PlanError};
use crate::session::{Runner, StatusCallback};
use crate::shared::ModelSpec;
use crate::store::{self, StoreError};

/// The reason a run failed. Finished stages are kept, and the same run resumes from there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan can't be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The corpus can't be built.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// One of this program's files can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A stage failed; the source is the error of the failed task.
    #[error("the stage `{stage}` failed")]
    Stage {
        /// The stage.
        stage: &'static str,
        /// The cause.
        source: Box<DataFusionError>,
    },
    /// An object store can't be searched.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mixture can't be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A stage did not write the expected number of rows.
    #[error("the stage `{stage}` returned {found} rows instead of {expected}; run it again")]
    Rows {
        /// The stage.
        stage: &'static str,
        /// Rows written.
        found: usize,
        /// Rows expected.
        expected: usize,
    },
}

/// Outcome of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// Its name.
    pub stage: String,
    /// Duration.
    pub seconds: f64,
    /// Whether it had been finished by an earlier run.
    pub resumed: bool,
}

/// Outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The stages, in order.
    pub stages: Vec<StageReport>,
    /// MIDI files read.
    pub n_files: usize,
    /// Files without windows, by reason, most frequent first, for example `12 not_midi`.
    pub reasons: Vec<String>,
    /// Training windows.
    pub n_train: usize,
    /// Held-out windows.
    pub n_heldout: usize,
    /// Windows dropped because they occur earlier on the same side of the split.
    pub n_repeated: usize,
    /// Passes of EM.
    pub n_iter: usize,
    /// Mean log-likelihood of the training windows in the last pass, in nats.
    pub score: f64,
}

impl JsonFormat for RunReport {
    const FORMAT: &'static str = "controlgen.cluster_run";
    const VERSION: u32 = 1;
}

/// A run in progress.
struct Run<'a> {
    job: Job,
    runner: &'a Runner,
    report: StatusCallback<'a>,
    stages: Vec<StageReport>,
}

/// Runs a plan to completion.
///
/// # Errors
/// Returns a [`RunError`] if the plan can't be used or a stage fails.
pub async fn run(
    plan: &Plan,
    runner: &Runner,
    report: StatusCallback<'_>,
) -> Result<RunReport, RunError> {
    let job = Job::open(plan)?;
    let mut run = Run { job, runner, report, stages: Vec::new() };
    let corpus = run.corpus().await?;
    run.encode(&corpus).await?;
    let last = run.fit().await?;
    let result = RunReport {
        stages: run.stages,
        n_files: corpus.n_files,
        reasons: corpus.reasons(),
        n_train: corpus.n_train,
        n_heldout: corpus.n_heldout,
        n_repeated: corpus.n_repeated,
        n_iter: last.iteration,
        score: last.score.unwrap_or(f64::NAN),
    };
    result.save(&run.job.plan.out.join("report.json"))?;
    // Its intermediate files are no longer needed.
    let _ = std::fs::remove_dir_all(run.job.work());
    Ok(result)
}

fn failed(stage: &'static str) -> impl FnOnce(DataFusionError) -> RunError {
    move |source| RunError::Stage { stage, source: Box::new(source) }
}

impl Run<'_> {
    fn begin(&self, stage: &str, what: &str) -> Instant {
        (self.report)(&format!("{stage}: {what}"));
        Instant::now()
    }

    fn end(&mut self, stage: &str, start: Instant, what: &str) {
        let seconds = start.elapsed().as_secs_f64();
        (self.report)(&format!("{stage}: done in {seconds:.1} s; {what}"));
        self.stages.push(StageReport { stage: stage.to_owned(), seconds, resumed: false });
    }

    fn resumed(&mut self, stage: &str) {
        (self.report)(&format!("{stage}: done earlier"));
        self.stages.push(StageReport { stage: stage.to_owned(), seconds: 0.0, resumed: true });
    }

    /// From files to the corpus folder.
    async fn corpus(&mut self) -> Result<CorpusReport, RunError> {
        let target = self.job.corpus();
        if target.exists() {
            for stage in ["list", "read", "group", "deduplicate"] {
                self.resumed(stage);
            }
            return Ok(CorpusReport::load(&target.join("report.json"))?);
        }
        let build = self.job.build_stages()?;
        let listing = if let Some(listing) = build.listing()? {
            self.resumed("list");
            listing
        } else {
            let start = self.begin("list", "looking for MIDI files");
            let runtime = self.runner.context.runtime_env();
            let mut in_stores = Vec::new();
            for url in &self.job.plan.stores {
                in_stores.extend(store::list(&runtime, url).await?);
            }
            let listing = build.list(in_stores, &Silent)?;
            self.end("list", start, &format!("{} files", listing.n_files));
            listing
        };
        self.read(&build, &listing).await?;
        let start = self.begin("group", "finding out which files belong together");
        let report = build.group(&listing, &Silent)?;
        self.end("group", start, &format!("{} groups", report.n_groups));
        self.deduplicate(&build, &listing, report).await
    }

    /// From chunks of files to parts.
    async fn read(&mut self, build: &BuildStages, listing: &Listing) -> Result<(), RunError> {
        let all = 0..listing.n_chunks;
        let left = || all.clone().filter(|chunk| !build.is_read(*chunk)).collect::<Vec<u32>>();
        let n_before = left().len();
        if n_before == 0 {
            self.resumed("read");
            return Ok(());
        }
        let start = self.begin("read", &format!("{n_before} of {} chunks to read", all.len()));
        let (out, n_partitions) = (self.job.plan.out.clone(), self.job.plan.partitions);
        let is_over = AtomicBool::new(false);
        let watch = async {
            // Parts are in a shared folder, so counting them shows the progress of all machines.
            let (mut ticks, mut before) = (0_u32, n_before);
            while !is_over.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                ticks += 1;
                if ticks.is_multiple_of(20) {
                    let n_left = left().len();
                    if n_left < before {
                        before = n_left;
                        (self.report)(&format!("read: {n_left} chunks left"));
                    }
                }
            }
        };
        let work = async {
            let rows = self
                .runner
                .collect(async || {
                    let operator = Operator::ReadFiles { out: out.clone() };
                    let input = chunks_exec(&left(), n_partitions)?;
                    Ok(Arc::new(OperatorExec::new(operator, input)) as Arc<dyn ExecutionPlan>)
                })
                .await;
            is_over.store(true, Ordering::Relaxed);
            rows
        };
        let (rows, ()) = futures::join!(work, watch);
        rows.map_err(failed("read"))?;
        let n_left = left().len();
        if n_left > 0 {
            let (found, expected) = (n_before - n_left, n_before);
            return Err(RunError::Rows { stage: "read", found, expected });
        }
        self.end("read", start, &format!("{} files", listing.n_files));
        Ok(())
    }

    /// From parts to the table of windows.
    async fn deduplicate(
        &mut self,
        build: &BuildStages,
        listing: &Listing,
        mut report: CorpusReport,
    ) -> Result<CorpusReport, RunError> {
        let start = self.begin("deduplicate", "grouping windows by their hash");
        let staged = self.job.work().join("corpus");
        let tasks = self
            .collect("deduplicate", &staged, async || {
                let out = self.job.plan.out.clone();
                let n_partitions = self.job.plan.partitions;
                let windows = ChunkTable::new(out, listing.n_chunks, n_partitions)?;
                let same = vec![col("number"), col("heldout"), ident("row")];
                let kept = self
                    .runner
                    .context
                    .read_table(Arc::new(windows))?
                    .aggregate(vec![col("hash")], vec![first_windows().call(same).alias("kept")])?
                    .select(vec![col("hash"), col("kept")])?
                    .create_physical_plan()
                    .await?;
                // Sorted by hash, so that shards don't depend on the order in which tasks finish.
                let by_hash = PhysicalSortExpr::new_default(Arc::new(Column::new("hash", 0)));
                let sorted = SortExec::new(LexOrdering::from([by_hash]), kept)
                    .with_preserve_partitioning(true);
                let (folder, kind) = (staged.clone(), self.job.kind.clone());
                let operator = Operator::WriteWindows { folder, kind };
                Ok(Arc::new(OperatorExec::new(operator, Arc::new(sorted)))
                    as Arc<dyn ExecutionPlan>)
            })
            .await?;
        for task in &tasks {
            report.add_windows(&task.counts);
        }
        build.check(&report)?;
        commit(tasks, "windows", &staged, &self.job.corpus(), |folder| {
            report.save(&folder.join("report.json"))
        })?;
        let what = format!("{} windows, {} repetitions", report.n_windows(), report.n_repeated);
        self.end("deduplicate", start, &what);
        Ok(report)
    }

    /// From the table of windows to the table of latents.
    async fn encode(&mut self, corpus: &CorpusReport) -> Result<(), RunError> {
        if self.job.latents().exists() {
            self.resumed("encode");
            return Ok(());
        }
        let start = self.begin("encode", &format!("{} windows", corpus.n_windows()));
        let staged = self.job.work().join("latents");
        let spec = ModelSpec {
            folder: self.job.plan.model.clone(),
            hash: self.job.model_hash.clone(),
            device: self.job.plan.device.clone(),
            z_size: self.job.z_size,
        };
        let tasks = self
            .collect("encode", &staged, async || {
                let spec = serde_json::to_string(&spec).expect("plain values");
                let posterior = encode_windows().call(vec![ident("tokens"), lit(spec)]);
                let encoded = self
                    .runner
                    .table(&self.job.corpus())
                    .await?
                    .select(vec![
                        ident("window_id"),
                        ident("group"),
                        ident("split"),
                        ident("seen"),
                        ident("label"),
                        posterior.alias("posterior"),
                    ])?
                    .create_physical_plan()
                    .await?;
                let (folder, z_size) = (staged.clone(), self.job.z_size);
                let operator = Operator::WriteLatents { folder, z_size };
                Ok(Arc::new(OperatorExec::new(operator, encoded)) as Arc<dyn ExecutionPlan>)
            })
            .await?;
        let mut counts = WindowCounts::default();
        for task in &tasks {
            counts.n_train += task.counts.n_train;
            counts.n_heldout += task.counts.n_heldout;
        }
        let found = EncodeReport { n_train: counts.n_train, n_heldout: counts.n_heldout };
        if found != (EncodeReport { n_train: corpus.n_train, n_heldout: corpus.n_heldout }) {
            let (found, expected) = (found.n_train + found.n_heldout, corpus.n_windows());
            return Err(RunError::Rows { stage: "encode", found, expected });
        }
        commit(tasks, "latents", &staged, &self.job.latents(), |_| Ok(()))?;
        self.end("encode", start, &format!("{} windows", corpus.n_windows()));
        Ok(())
    }

    /// From the table of latents to a mixture.
    async fn fit(&mut self) -> Result<crate::shared::EmStep, RunError> {
        let path = self.job.mixture();
        if path.exists()
            && let Some(last) = em::last(&self.job)?
        {
            self.resumed("fit");
            return Ok(last);
        }
        let start = self.begin("fit", &format!("{} components", self.job.plan.fit.n_components));
        let last = em::fit(&self.job, self.runner, self.report).await?;
        let mut text = serde_json::to_string_pretty(&last.mixture).expect("plain numbers");
        text.push('\n');
        corpus::artifact::write_atomic(&path, text.as_bytes())?;
        self.end("fit", start, &format!("{} passes", last.iteration));
        Ok(last)
    }

    /// Runs a plan that writes shards into `staged`.
    async fn collect(
        &self,
        stage_name: &'static str,
        staged: &Path,
        plan: impl AsyncFnMut() -> datafusion::common::Result<Arc<dyn ExecutionPlan>>,
    ) -> Result<Vec<Written>, RunError> {
        stage(staged)?;
        let rows = self.runner.collect(plan).await.map_err(failed(stage_name))?;
        written(&rows).map_err(failed(stage_name))
    }
}
