//! Runs a plan on a scheduler: submits it, waits for it, and fetches its rows.
//!
//! Ballista has a client too. This one differs in how it recovers when a machine dies: the
//! scheduler (55.0) keeps reporting the locations of the rows that the dead machine held, next to
//! the locations where they were recomputed, and Ballista's client asks all of them. This one asks
//! only the newest location of each partition.

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

/// Interval between two status requests.
const POLL: Duration = Duration::from_millis(50);
/// Consecutive status requests that may go unanswered.
const MAX_UNANSWERED: usize = 5;
/// Size limit of a message: large enough for a plan over many files.
pub(crate) const MAX_MESSAGE_BYTES: u32 = 64 << 20;

/// The reason a plan returned no rows.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// A machine died after its work was done and before its rows were fetched; running the plan
    /// again helps.
    #[error("the rows of partition {part} were on {host}, which does not answer: {reason}")]
    Lost {
        /// The partition.
        part: u32,
        /// The host that held its rows.
        host: String,
        /// The error of that host.
        reason: String,
    },
    /// The plan failed, or the scheduler does not answer.
    #[error(transparent)]
    Failed(#[from] DataFusionError),
}

fn failed(error: impl std::fmt::Display) -> ClientError {
    ClientError::Failed(DataFusionError::Execution(error.to_string()))
}

/// Runs a plan on the scheduler at `url` and returns its rows, partition by partition. Dropping the
/// future before it completes cancels the job.
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

/// A submitted plan.
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
            // One session for all plans: executors cache file metadata per session.
            session_id: context.session_id(),
            operation_id: uuid::Uuid::new_v4().to_string(),
        };
        let endpoint =
            create_grpc_client_endpoint(url.to_owned(), Some(&GrpcClientConfig::default()))
                .map_err(failed)?;
        let mut scheduler = SchedulerGrpcClient::new(endpoint.connect().await.map_err(failed)?)
            .max_encoding_message_size(MAX_MESSAGE_BYTES as usize)
            .max_decoding_message_size(MAX_MESSAGE_BYTES as usize);
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
                Err(failed(format!("the scheduler rejected the plan: {error:?}")))
            }
            None => Err(failed("the scheduler did not answer")),
        }
    }

    /// Waits for the job to end and returns the locations of the rows, in the order in which they
    /// were computed.
    async fn wait(&mut self) -> Result<Vec<PartitionLocation>, ClientError> {
        let mut n_unanswered = 0;
        loop {
            let question = GetJobStatusParams { job_id: self.id.clone() };
            let status = match self.scheduler.get_job_status(question).await {
                Ok(answer) => answer.into_inner().status.and_then(|status| status.status),
                Err(error) if n_unanswered < MAX_UNANSWERED => {
                    n_unanswered += 1;
                    tracing::warn!("the scheduler did not answer, asking again: {error}");
                    tokio::time::sleep(20 * POLL).await;
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            n_unanswered = 0;
            match status {
                Some(job_status::Status::Successful(job)) => return Ok(job.partition_location),
                Some(job_status::Status::Failed(job)) => {
                    self.is_over = true;
                    return Err(failed(format!("job {} failed: {}", self.id, job.error)));
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
        // Nobody will fetch its results.
        let (mut scheduler, job_id) = (self.scheduler.clone(), std::mem::take(&mut self.id));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { scheduler.cancel_job(CancelJobParams { job_id }).await });
        }
    }
}

/// The newest location of each partition: the earlier ones were on machines that died.
fn newest(places: Vec<PartitionLocation>) -> BTreeMap<u32, PartitionLocation> {
    places
        .into_iter()
        .map(|place| (place.partition_id.as_ref().map_or(0, |id| id.partition_id), place))
        .collect()
}

/// Fetches the rows at a location.
async fn fetch(part: u32, place: PartitionLocation) -> Result<Vec<RecordBatch>, ClientError> {
    let layout = place.layout();
    let (Some(executor), Some(id)) = (place.executor_meta, place.partition_id) else {
        return Err(failed("the scheduler returned no location of the rows"));
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
        MAX_MESSAGE_BYTES as usize,
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
