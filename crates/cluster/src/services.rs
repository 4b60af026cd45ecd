//! Scheduler and executor processes that know our operators and functions.

use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::{BallistaError, Result};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;

use crate::client::MAX_MESSAGE_BYTES;
use crate::codec::ClusterCodec;
use crate::session::{functions, session_config, session_state};

/// Executors ask for work. With Ballista's push scheduling (in 55.0), the scheduler counts the free
/// slots of each executor, and loses count if a task ends after its stage was reset, so that the
/// executor gets no more work. With pull scheduling, executors also need to be reachable for
/// shuffled rows only.
const POLICY: TaskSchedulingPolicy = TaskSchedulingPolicy::PullStaged;
/// Seconds without a request after which an executor is considered dead and its work is repeated
/// elsewhere; executors send a request at least every five seconds.
const EXECUTOR_TIMEOUT: u64 = 20;
/// Interval of the search for dead executors, in seconds.
const EXPIRY_INTERVAL: u64 = 5;

/// Address and port of a scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// The address to bind to.
    pub bind: String,
    /// The name or address under which executors reach it.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Runs a scheduler until the process ends. Jobs of several clients run concurrently.
///
/// # Errors
/// Returns an error if it can't listen.
pub async fn scheduler(options: &SchedulerOptions) -> Result<()> {
    let config = SchedulerConfig {
        bind_host: options.bind.clone(),
        bind_port: options.port,
        external_host: options.host.clone(),
        scheduling_policy: POLICY,
        executor_timeout_seconds: EXECUTOR_TIMEOUT,
        expire_dead_executor_interval_seconds: EXPIRY_INTERVAL,
        // After all executors have died, new ones may join within this time.
        no_executors_grace_period_seconds: 3 * EXECUTOR_TIMEOUT,
        grpc_server_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MAX_MESSAGE_BYTES,
        grpc_client_max_message_size: MAX_MESSAGE_BYTES,
        override_physical_codec: Some(Arc::new(ClusterCodec::default())),
        override_session_builder: Some(Arc::new(session_state)),
        override_config_producer: Some(Arc::new(session_config)),
        ..SchedulerConfig::default()
    };
    let address = format!("{}:{}", options.bind, options.port)
        .parse()
        .map_err(|error| BallistaError::Configuration(format!("{}: {error}", options.bind)))?;
    let cluster = BallistaCluster::new_from_config(&config).await?;
    start_server(cluster, address, Arc::new(config)).await
}

/// Address, port and resources of an executor.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    /// The scheduler's host.
    pub scheduler_host: String,
    /// The scheduler's port.
    pub scheduler_port: u16,
    /// The address to bind to.
    pub bind: String,
    /// The name or address under which others reach it; defaults to its address.
    pub host: Option<String>,
    /// The port from which others fetch rows.
    pub port: u16,
    /// Partitions processed at the same time.
    pub vcores: usize,
    /// Bytes that DataFusion's operators may hold before they spill; defaults to a fraction of all
    /// memory.
    pub memory: Option<u64>,
    /// Folder for shuffled rows; defaults to a temporary folder.
    pub work: Option<PathBuf>,
}

/// Runs an executor until it is asked to stop. Waits for its scheduler to become available.
///
/// # Errors
/// Returns an error if it can't listen, or its folder can't be created.
pub async fn executor(options: &ExecutorOptions) -> Result<()> {
    // Ballista would not remove a temporary folder it created.
    let temporary = tempfile::tempdir()?;
    let work = options.work.as_deref().unwrap_or(temporary.path());
    let config = ExecutorProcessConfig {
        bind_host: options.bind.clone(),
        external_host: options.host.clone(),
        port: options.port,
        scheduler_host: options.scheduler_host.clone(),
        scheduler_port: options.scheduler_port,
        scheduler_connect_timeout_seconds: 30,
        vcores: options.vcores,
        work_dir: Some(work.display().to_string()),
        memory_pool_size: options.memory,
        task_scheduling_policy: POLICY,
        // Removes shuffled rows of completed jobs and of interrupted runs.
        job_data_clean_up_interval_seconds: 600,
        job_data_ttl_seconds: 24 * 3600,
        grpc_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_max_encoding_message_size: MAX_MESSAGE_BYTES,
        override_function_registry: Some(Arc::new(functions()?)),
        override_config_producer: Some(Arc::new(session_config)),
        override_physical_codec: Some(Arc::new(ClusterCodec::default())),
        #[cfg(feature = "s3")]
        override_runtime_producer: Some(Arc::new(
            ballista_core::object_store::runtime_env_with_s3_support,
        )),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(config)).await
}
