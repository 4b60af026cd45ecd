//! Chunks of MIDI files: reads them, and presents their windows as a table.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use corpus::stages::{BuildStages, Candidate};
use corpus::table::Split;
use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, RecordBatch,
    UInt32Array, UInt64Array, UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, exec_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Operator, OperatorExec, external};
use crate::plan::Job;
use crate::store;

/// Rows per batch.
const ROWS_PER_BATCH: usize = 1 << 13;

/// The windows of all chunks, as a table that is computed while being read.
#[derive(Debug)]
pub struct ChunkTable {
    plan: Arc<OperatorExec>,
}

impl ChunkTable {
    /// The windows of the chunks `0..n_chunks` of a job, in `n_partitions` partitions.
    ///
    /// # Errors
    /// None, as long as the numbers fit into memory.
    pub fn new(out: PathBuf, n_chunks: u32, n_partitions: usize) -> Result<Self> {
        let chunks: Vec<u32> = (0..n_chunks).collect();
        let input = chunks_exec(&chunks, n_partitions)?;
        Ok(Self { plan: Arc::new(OperatorExec::new(Operator::MidiWindows { out }, input)) })
    }
}

#[async_trait]
impl TableProvider for ChunkTable {
    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan: Arc<dyn ExecutionPlan> = Arc::<OperatorExec>::clone(&self.plan);
        let Some(projection) = projection else { return Ok(plan) };
        let schema = plan.schema();
        let column = |at: &usize| -> (Arc<dyn PhysicalExpr>, String) {
            let name = schema.field(*at).name();
            (Arc::new(Column::new(name, *at)), name.clone())
        };
        let columns: Vec<_> = projection.iter().map(column).collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
    }
}

/// Chunk numbers, one per batch, in at most `n_partitions` partitions of consecutive numbers.
///
/// # Errors
/// None, as long as the numbers fit into memory.
pub fn chunks_exec(chunks: &[u32], n_partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(Schema::new(vec![Field::new("chunk", DataType::UInt32, false)]));
    let batch = |chunk: &u32| {
        let column: ArrayRef = Arc::new(UInt32Array::from(vec![*chunk]));
        Ok(RecordBatch::try_new(Arc::clone(&schema), vec![column])?)
    };
    let n = chunks.len().div_ceil(n_partitions.max(1)).max(1);
    let mut partitions = chunks
        .chunks(n)
        .map(|part| part.iter().map(batch).collect::<Result<Vec<_>>>())
        .collect::<Result<Vec<_>>>()?;
    if partitions.is_empty() {
        partitions.push(Vec::new());
    }
    Ok(MemorySourceConfig::try_new_exec(&partitions, schema, None)?)
}

/// The chunk numbers in a batch.
fn chunk_numbers(batch: &RecordBatch) -> Result<Vec<u32>> {
    let Some(chunks) = batch.column(0).as_primitive_opt::<UInt32Type>() else {
        return exec_err!("chunk numbers must be u32, not {}", batch.column(0).data_type());
    };
    Ok(chunks.values().to_vec())
}

/// Reads the files of all incoming chunks.
pub(super) fn read_files(
    out: PathBuf,
    schema: SchemaRef,
    mut input: SendableRecordBatchStream,
    runtime: Arc<RuntimeEnv>,
) -> SendableRecordBatchStream {
    let result = Arc::clone(&schema);
    let work = async move {
        let mut chunks = Vec::new();
        while let Some(batch) = input.try_next().await? {
            chunks.extend(chunk_numbers(&batch)?);
        }
        let build = Job::read_from(&out).map_err(external)?.build_stages().map_err(external)?;
        let fetch = |urls: &[String]| store::fetch(&runtime, urls);
        let tag = uuid::Uuid::new_v4().to_string();
        build.read(&chunks, &tag, &fetch).map_err(external)?;
        let column: ArrayRef = Arc::new(UInt64Array::from(vec![chunks.len() as u64]));
        Ok(RecordBatch::try_new(result, vec![column])?)
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(work)))
}

/// Returns the windows of all incoming chunks.
pub(super) fn windows(
    out: PathBuf,
    schema: SchemaRef,
    input: SendableRecordBatchStream,
) -> SendableRecordBatchStream {
    let result = Arc::clone(&schema);
    let mut build: Option<BuildStages> = None;
    let batches = input
        .map(move |batch| {
            let chunks = chunk_numbers(&batch?)?;
            let build = match &build {
                Some(build) => build,
                None => build.insert(
                    Job::read_from(&out).map_err(external)?.build_stages().map_err(external)?,
                ),
            };
            let mut rows = Rows::new(Arc::clone(&result));
            for chunk in chunks {
                build.windows(chunk, &mut |window| rows.push(&window)).map_err(external)?;
            }
            rows.finish()
        })
        .map(|batches| {
            stream::iter(match batches {
                Ok(batches) => batches.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        })
        .flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Collects windows into columns.
struct Rows {
    schema: SchemaRef,
    hash: FixedSizeBinaryBuilder,
    number: UInt64Builder,
    heldout: BooleanBuilder,
    row: BinaryBuilder,
    n_rows: usize,
    done: Vec<RecordBatch>,
    failed: Option<datafusion::common::DataFusionError>,
}

impl Rows {
    fn new(schema: SchemaRef) -> Self {
        Self {
            schema,
            hash: FixedSizeBinaryBuilder::new(16),
            number: UInt64Builder::new(),
            heldout: BooleanBuilder::new(),
            row: BinaryBuilder::new(),
            n_rows: 0,
            done: Vec::new(),
            failed: None,
        }
    }

    fn push(&mut self, window: &Candidate) {
        let pushed = postcard::to_stdvec(&window.row).map_err(external).and_then(|row| {
            self.row.append_value(row);
            Ok(self.hash.append_value(window.hash)?)
        });
        if let Err(error) = pushed {
            self.failed = Some(error);
            return;
        }
        self.number.append_value(window.number);
        self.heldout.append_value(window.row.split == Split::Heldout);
        self.n_rows += 1;
        if self.n_rows == ROWS_PER_BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.n_rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.hash.finish()),
            Arc::new(self.number.finish()),
            Arc::new(self.heldout.finish()),
            Arc::new(self.row.finish()),
        ];
        match RecordBatch::try_new(Arc::clone(&self.schema), columns) {
            Ok(batch) => self.done.push(batch),
            Err(error) => self.failed = Some(error.into()),
        }
    }

    fn finish(mut self) -> Result<Vec<RecordBatch>> {
        if self.failed.is_none() && self.n_rows > 0 {
            self.flush();
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(n_chunks: u32, n_partitions: usize) -> Vec<usize> {
        let chunks: Vec<u32> = (0..n_chunks).collect();
        let plan = chunks_exec(&chunks, n_partitions).unwrap();
        let n = plan.properties().output_partitioning().partition_count();
        (0..n)
            .map(|part| {
                let context = Arc::new(datafusion::execution::TaskContext::default());
                let batches = plan.execute(part, context).unwrap();
                let batches: Vec<_> = futures::executor::block_on(batches.try_collect()).unwrap();
                // One per batch, so that the windows of only one chunk are in memory at a time.
                assert!(batches.iter().all(|batch: &RecordBatch| batch.num_rows() == 1));
                batches.len()
            })
            .collect()
    }

    #[test]
    fn chunks_are_spread_over_parts() {
        assert_eq!(sizes(10, 4), [3, 3, 3, 1]);
        assert_eq!(sizes(2, 16), [1, 1]);
        assert_eq!(sizes(0, 16), [0]);
    }
}
