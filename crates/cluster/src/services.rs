//! Scheduler and executor that know our operators and functions.

use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::{BallistaError, Result};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;

use crate::client::MESSAGE;
use crate::codec::ClusterCodec;
use crate::session::{functions, session_config, session_state};

/// Executors ask for work. Where the scheduler sends it (Ballista's other way, in 55.0), it counts what each
/// one has free, and loses count of those whose task ends after its stage was set back, so that they get
/// none any more. This way they need to be reached for shuffled rows only.
const POLICY: TaskSchedulingPolicy = TaskSchedulingPolicy::PullStaged;
/// Seconds without a question after which an executor counts as dead, and its work is done again elsewhere; it
/// asks at least every five.
const TIMEOUT: u64 = 20;
/// How often is looked for dead ones.
const LOOK: u64 = 5;

/// Where a scheduler listens.
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// The address that it binds to.
    pub bind: String,
    /// What executors call it.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Runs a scheduler until the process ends. Jobs of other clients run side by side.
///
/// # Errors
/// Where it can't listen.
pub async fn scheduler(options: &SchedulerOptions) -> Result<()> {
    let config = SchedulerConfig {
        bind_host: options.bind.clone(),
        bind_port: options.port,
        external_host: options.host.clone(),
        scheduling_policy: POLICY,
        executor_timeout_seconds: TIMEOUT,
        expire_dead_executor_interval_seconds: LOOK,
        // When all have died, new ones may come within this.
        no_executors_grace_period_seconds: 3 * TIMEOUT,
        grpc_server_max_decoding_message_size: MESSAGE,
        grpc_server_max_encoding_message_size: MESSAGE,
        grpc_client_max_message_size: MESSAGE,
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

/// Where an executor listens, and what it may use.
#[derive(Clone, Debug)]
pub struct ExecutorOptions {
    /// The scheduler's host.
    pub scheduler_host: String,
    /// The scheduler's port.
    pub scheduler_port: u16,
    /// The address that it binds to.
    pub bind: String,
    /// What others call it; by its address where there is none.
    pub host: Option<String>,
    /// The port that others fetch from.
    pub port: u16,
    /// Partitions worked on at the same time.
    pub vcores: usize,
    /// Bytes that DataFusion's operators may hold before they spill; a share of all memory where there is none.
    pub memory: Option<u64>,
    /// Where shuffled rows lie; a temporary folder where there is none.
    pub work: Option<PathBuf>,
}

/// Runs an executor until it is told to stop. It waits for its scheduler to be there.
///
/// # Errors
/// Where it can't listen, or its folder can't be made.
pub async fn executor(options: &ExecutorOptions) -> Result<()> {
    // Ballista would forget to remove one of its own.
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
        // Shuffled rows of jobs that are over, and of runs that were broken off.
        job_data_clean_up_interval_seconds: 600,
        job_data_ttl_seconds: 24 * 3600,
        grpc_max_decoding_message_size: MESSAGE,
        grpc_max_encoding_message_size: MESSAGE,
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
