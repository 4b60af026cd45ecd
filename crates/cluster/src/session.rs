//! Where plans run: in this process or on a Ballista cluster. The plans are the same.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::physical_plan::{self, ExecutionPlan};
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionConfig, SessionContext};
use thiserror::Error;

use crate::client::{self, ClientError};
use crate::codec::ClusterCodec;
use crate::functions::{encode_windows, first_windows, gmm_stats};
use crate::operators::external;

/// Maximum number of runs of a plan if machines that hold rows of its result die before these are
/// fetched. If machines die earlier, the scheduler runs their tasks again.
const MAX_RUNS: usize = 4;

/// The configuration of the client, the scheduler and the executors.
pub fn session_config() -> SessionConfig {
    #[cfg(feature = "s3")]
    let config = ballista_core::object_store::session_config_with_s3_support();
    #[cfg(not(feature = "s3"))]
    let config = SessionConfig::new_with_ballista();
    config
        .with_ballista_adaptive_query_planner(false)
        .with_ballista_physical_extension_codec(Arc::new(ClusterCodec::default()))
}

/// A session with our functions registered.
///
/// # Errors
/// Returns an error if DataFusion can't create one.
pub fn session_state(config: SessionConfig) -> Result<SessionState> {
    #[cfg(feature = "s3")]
    let state = ballista_core::object_store::session_state_with_s3_support(config)?;
    #[cfg(not(feature = "s3"))]
    let state = ballista_core::utils::default_session_builder(config)?;
    let mut builder = SessionStateBuilder::new_from_existing(state);
    builder.scalar_functions().get_or_insert_default().push(encode_windows());
    let aggregates = builder.aggregate_functions().get_or_insert_default();
    aggregates.push(first_windows());
    aggregates.push(gmm_stats());
    Ok(builder.build())
}

/// The functions that executors look up by name.
///
/// # Errors
/// See [`session_state`].
pub fn functions() -> Result<BallistaFunctionRegistry> {
    Ok((&session_state(session_config())?).into())
}

/// The reason a cluster can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Nothing answers at the address.
    #[error("no scheduler answers at {url}; start one with `controlgen-cluster scheduler`")]
    NoScheduler {
        /// The address.
        url: String,
    },
    /// There is a scheduler, but it has no executors.
    #[error(
        "no executor has registered at {url} within {seconds} seconds; start some with \
         `controlgen-cluster executor --scheduler {url}`"
    )]
    NoExecutor {
        /// The scheduler's address.
        url: String,
        /// Seconds that the client waited.
        seconds: u64,
    },
}

/// Receives a line whenever a step begins or ends.
pub type StatusCallback<'a> = &'a (dyn Fn(&str) + Sync);

/// The place where plans run.
pub struct Runner {
    /// The session in which plans are made.
    pub context: SessionContext,
    scheduler: Option<String>,
}

impl Runner {
    /// Runs plans in this process, each stage in `n_partitions` partitions.
    ///
    /// # Errors
    /// See [`session_state`].
    pub fn local(n_partitions: usize) -> Result<Self> {
        Self::new(n_partitions, None)
    }

    /// Runs plans on the cluster of a scheduler, for example `http://10.0.0.1:50050`.
    ///
    /// # Errors
    /// See [`session_state`].
    pub fn scheduler(n_partitions: usize, url: &str) -> Result<Self> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let url = url.replacen("df://", "http://", 1).trim_end_matches('/').to_owned();
        Self::new(n_partitions, Some(url))
    }

    fn new(n_partitions: usize, scheduler: Option<String>) -> Result<Self> {
        let config = session_config().with_target_partitions(n_partitions.max(1));
        let context = SessionContext::new_with_state(session_state(config)?);
        Ok(Self { context, scheduler })
    }

    /// Waits until the cluster is ready.
    ///
    /// # Errors
    /// Returns [`ClusterError`] if it is not ready after `patience`.
    pub async fn wait(&self, patience: Duration) -> std::result::Result<(), ClusterError> {
        let Some(url) = self.scheduler.clone() else { return Ok(()) };
        let start = Instant::now();
        loop {
            let ready = format!("{url}/readyz");
            let answer = tokio::task::spawn_blocking(move || is_ready(&ready)).await;
            match answer {
                Ok(Some(true)) => return Ok(()),
                _ if start.elapsed() < patience => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Ok(Some(false)) => {
                    return Err(ClusterError::NoExecutor { url, seconds: patience.as_secs() });
                }
                Ok(None) | Err(_) => return Err(ClusterError::NoScheduler { url }),
            }
        }
    }

    /// The table in a folder's Parquet files.
    ///
    /// # Errors
    /// Returns an error if the files can't be read.
    pub(crate) async fn table(&self, folder: &Path) -> Result<DataFrame> {
        let folder = format!("{}/", folder.display());
        self.context.read_parquet(folder, ParquetReadOptions::default()).await
    }

    /// Runs the plan that `plan` makes, and returns all its rows.
    ///
    /// # Errors
    /// Returns the error of the task that failed.
    pub async fn collect(
        &self,
        mut plan: impl AsyncFnMut() -> Result<Arc<dyn ExecutionPlan>>,
    ) -> Result<Vec<RecordBatch>> {
        let mut run = 1;
        loop {
            let plan = plan().await?;
            let Some(url) = &self.scheduler else {
                return physical_plan::collect(plan, self.context.task_ctx()).await;
            };
            match client::run(url, plan, &self.context).await {
                Ok(rows) => return Ok(rows),
                Err(lost @ ClientError::Lost { .. }) if run < MAX_RUNS => {
                    tracing::warn!("{lost}; running the plan again");
                    run += 1;
                }
                Err(ClientError::Failed(error)) => return Err(error),
                Err(lost) => return Err(external(lost)),
            }
        }
    }
}

/// Whether a scheduler has executors; `None` if it does not answer.
fn is_ready(url: &str) -> Option<bool> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .new_agent();
    let answer = agent.get(url).call().ok()?;
    Some(answer.status().is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_that_is_not_there_is_named() {
        let runner = Runner::scheduler(2, "127.0.0.1:1").unwrap();
        let error = runner.wait(Duration::ZERO).await.unwrap_err().to_string();
        assert!(error.starts_with("no scheduler answers at http://127.0.0.1:1;"), "{error}");
        Runner::local(2).unwrap().wait(Duration::ZERO).await.unwrap();
    }
}
