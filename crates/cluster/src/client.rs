//! A plan on a scheduler: handed in, waited for, and its rows fetched.
//!
//! Ballista has a client of its own. Ours differs in what it does after a machine died: the scheduler
//! (55.0) keeps naming the places of rows that the dead machine held beside those where they were made
//! anew, and Ballista's client asks them all. This one asks the newest place of each part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::client::BallistaClient;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, ExecuteQueryParams, GetJobStatusParams, KeyValuePair, PartitionLocation,
    execute_query_result, job_status,
};
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use ballista_core::version;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::physical_plan::{ExecutionPlan, common};
use datafusion::prelude::SessionContext;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use thiserror::Error;
use tonic::transport::Channel;

use crate::codec::ClusterCodec;

/// How often is asked whether a plan is done.
const POLL: Duration = Duration::from_millis(50);
/// Questions in a row that a scheduler may leave without an answer.
const MAX_SILENT: usize = 5;
/// The largest message, so that a plan over many files fits.
pub(crate) const MESSAGE: u32 = 64 << 20;

/// Why a plan gave no rows.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// A machine died after its work and before it was asked for the rows: asking again helps.
    #[error("part {part} lay on {host}, which does not answer: {reason}")]
    Lost {
        /// Which part of the rows.
        part: u32,
        /// Where it lay.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// The plan failed, or the scheduler does not answer.
    #[error(transparent)]
    Failed(#[from] DataFusionError),
}

fn failed(error: impl std::fmt::Display) -> ClientError {
    ClientError::Failed(DataFusionError::Execution(error.to_string()))
}

/// Runs a plan on the scheduler at `url` and gives its rows, part after part. One that is dropped before
/// its end calls its job off.
pub(crate) async fn run(
    url: &str,
    plan: Arc<dyn ExecutionPlan>,
    context: &SessionContext,
) -> Result<Vec<RecordBatch>, ClientError> {
    let mut job = Job::submit(url, plan, context).await?;
    let places = job.wait().await?;
    job.is_over = true;
    let mut rows = Vec::new();
    for (part, place) in newest(places) {
        rows.extend(fetch(part, place).await?);
    }
    Ok(rows)
}

type Scheduler = SchedulerGrpcClient<Channel>;

/// A plan on its way.
struct Job {
    scheduler: Scheduler,
    id: String,
    is_over: bool,
}

impl Job {
    async fn submit(
        url: &str,
        plan: Arc<dyn ExecutionPlan>,
        context: &SessionContext,
    ) -> Result<Self, ClientError> {
        let mut bytes = Vec::new();
        PhysicalPlanNode::try_from_physical_plan(plan, &ClusterCodec::default())?
            .try_encode(&mut bytes)?;
        let settings = context.copied_config().options().entries().into_iter();
        let query = ExecuteQueryParams {
            query: Some(Query::PhysicalPlan(bytes)),
            settings: settings
                .map(|entry| KeyValuePair { key: entry.key, value: entry.value })
                .collect(),
            // One for all plans: executors keep what they know of files for each session.
            session_id: context.session_id(),
            operation_id: uuid::Uuid::new_v4().to_string(),
        };
        let endpoint =
            create_grpc_client_endpoint(url.to_owned(), Some(&GrpcClientConfig::default()))
                .map_err(failed)?;
        let mut scheduler = SchedulerGrpcClient::new(endpoint.connect().await.map_err(failed)?)
            .max_encoding_message_size(MESSAGE as usize)
            .max_decoding_message_size(MESSAGE as usize);
        let mut request = tonic::Request::new(query);
        version::insert_version_header(request.metadata_mut());
        let answer = scheduler.execute_query(request).await.map_err(failed)?;
        let of_scheduler = version::version_from_metadata(answer.metadata()).map(str::to_owned);
        version::check_compatibility(
            Some(ballista_core::BALLISTA_VERSION),
            of_scheduler.as_deref(),
        )
        .map_err(failed)?;
        match answer.into_inner().result {
            Some(execute_query_result::Result::Success(job)) => {
                Ok(Self { scheduler, id: job.job_id, is_over: false })
            }
            Some(execute_query_result::Result::Failure(error)) => {
                Err(failed(format!("the scheduler refuses the plan: {error:?}")))
            }
            None => Err(failed("the scheduler gave no answer")),
        }
    }

    /// Waits for its end; gives the places of the rows, in the order in which they were made.
    async fn wait(&mut self) -> Result<Vec<PartitionLocation>, ClientError> {
        let mut n_silent = 0;
        loop {
            let question = GetJobStatusParams { job_id: self.id.clone() };
            let status = match self.scheduler.get_job_status(question).await {
                Ok(answer) => answer.into_inner().status.and_then(|status| status.status),
                Err(error) if n_silent < MAX_SILENT => {
                    n_silent += 1;
                    tracing::warn!("the scheduler gave no answer, asking again: {error}");
                    tokio::time::sleep(20 * POLL).await;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            n_silent = 0;
            match status {
                Some(job_status::Status::Successful(job)) => return Ok(job.partition_location),
                Some(job_status::Status::Failed(job)) => {
                    self.is_over = true;
                    return Err(failed(format!("Job {} failed: {}", self.id, job.error)));
                }
                Some(job_status::Status::Queued(_) | job_status::Status::Running(_)) | None => {
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // Nobody will fetch what it makes.
        let (mut scheduler, job_id) = (self.scheduler.clone(), std::mem::take(&mut self.id));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { scheduler.cancel_job(CancelJobParams { job_id }).await });
        }
    }
}

/// The newest place of each part: those before lay on machines that died.
fn newest(places: Vec<PartitionLocation>) -> BTreeMap<u32, PartitionLocation> {
    places
        .into_iter()
        .map(|place| (place.partition_id.as_ref().map_or(0, |id| id.partition_id), place))
        .collect()
}

/// The rows at a place.
async fn fetch(part: u32, place: PartitionLocation) -> Result<Vec<RecordBatch>, ClientError> {
    let layout = place.layout();
    let (Some(executor), Some(id)) = (place.executor_meta, place.partition_id) else {
        return Err(failed("the scheduler names no place of the rows"));
    };
    let address = format!("{}:{}", executor.host, executor.port);
    let lost = |error: &dyn std::fmt::Display| ClientError::Lost {
        part,
        host: address.clone(),
        reason: error.to_string(),
    };
    let port = u16::try_from(executor.port).map_err(failed)?;
    let GrpcClientConfig { io_retries_times, io_retry_wait_time_ms, .. } =
        GrpcClientConfig::default();
    let mut client = BallistaClient::try_new(
        &executor.host,
        port,
        MESSAGE as usize,
        false,
        None,
        io_retries_times,
        io_retry_wait_time_ms,
        0,
        0,
    )
    .await
    .map_err(|error| lost(&error))?;
    let rows = client
        .fetch_partition(&executor.id, &id.into(), place.file_id, layout, true)
        .await
        .map_err(|error| lost(&error))?;
    common::collect(rows).await.map_err(|error| lost(&error))
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::protobuf::{ExecutorMetadata, PartitionId};

    use super::*;

    #[test]
    fn rows_are_asked_for_where_they_were_made_last() {
        let place = |part: u32, executor: &str| PartitionLocation {
            partition_id: Some(PartitionId { partition_id: part, ..PartitionId::default() }),
            executor_meta: Some(ExecutorMetadata {
                id: executor.to_owned(),
                ..ExecutorMetadata::default()
            }),
            ..PartitionLocation::default()
        };
        let places =
            vec![place(2, "dead"), place(0, "a"), place(1, "dead"), place(2, "a"), place(1, "b")];
        let asked: Vec<(u32, String)> = newest(places)
            .into_iter()
            .map(|(part, place)| (part, place.executor_meta.unwrap().id))
            .collect();
        let expected = [(0, "a"), (1, "b"), (2, "a")].map(|(part, id)| (part, id.to_owned()));
        assert_eq!(asked, expected);
    }
}
