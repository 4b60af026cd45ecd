//! Our operators in DataFusion plans: each turns the rows of a partition into other rows.
//!
//! Operators never use the partition number, since an executor's plan holds only the partitions
//! assigned to it: everything an operator needs is in its rows and in the operator itself. Their
//! effects on files are repeatable: a part has the same content no matter which task wrote it, and
//! a shard counts only once the rows that name it have been returned.

mod sink;
mod source;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use corpus::artifact::with_causes;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use serde::{Deserialize, Serialize};

pub use sink::{Written, written};
pub use source::{ChunkTable, chunks_exec};

/// An operation on the rows of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Takes chunk numbers, reads their files, writes parts into the work folder, and returns the
    /// number of chunks read.
    ReadFiles {
        /// The results folder.
        out: PathBuf,
    },
    /// `midi_windows`: takes numbers of chunks that have been read and returns their windows.
    MidiWindows {
        /// The results folder.
        out: PathBuf,
    },
    /// Takes groups of identical windows, writes the kept ones to shards, and returns the names of
    /// the shards.
    WriteWindows {
        /// Folder for the shards.
        folder: PathBuf,
        /// The kind of window.
        kind: String,
    },
    /// Takes windows with posteriors, writes them to shards, and returns the names of the shards.
    WriteLatents {
        /// Folder for the shards.
        folder: PathBuf,
        /// Dimensions of the latent space.
        z_size: usize,
    },
}

impl Operator {
    /// The columns of the output.
    fn schema(&self) -> SchemaRef {
        let columns = match self {
            Self::ReadFiles { .. } => vec![Field::new("n_chunks", DataType::UInt64, false)],
            Self::MidiWindows { .. } => vec![
                Field::new("hash", DataType::FixedSizeBinary(16), false),
                Field::new("number", DataType::UInt64, false),
                Field::new("heldout", DataType::Boolean, false),
                Field::new("row", DataType::Binary, false),
            ],
            Self::WriteWindows { .. } | Self::WriteLatents { .. } => {
                vec![Field::new("written", DataType::Utf8, false)]
            }
        };
        Arc::new(Schema::new(columns))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::ReadFiles { .. } => "ReadFilesExec",
            Self::MidiWindows { .. } => "MidiWindowsExec",
            Self::WriteWindows { .. } => "WriteWindowsExec",
            Self::WriteLatents { .. } => "WriteLatentsExec",
        }
    }
}

/// An [`Operator`] over the partitions of another plan.
#[derive(Debug)]
pub struct OperatorExec {
    operator: Operator,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl OperatorExec {
    /// Applies the operator to `input`.
    pub fn new(operator: Operator, input: Arc<dyn ExecutionPlan>) -> Self {
        let n_partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(operator.schema()),
            Partitioning::UnknownPartitioning(n_partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { operator, input, properties: Arc::new(properties) }
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }
}

impl DisplayAs for OperatorExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operator.name())
    }
}

impl ExecutionPlan for OperatorExec {
    fn name(&self) -> &str {
        self.operator.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// Splitting the rows further has no benefit: they are few, and each is a lot of work.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else {
            return internal_err!("{} has one input, not {}", self.name(), children.len());
        };
        Ok(Arc::new(Self::new(self.operator.clone(), Arc::clone(input))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let runtime = context.runtime_env();
        let input = self.input.execute(partition, context)?;
        let schema = self.schema();
        Ok(match &self.operator {
            Operator::ReadFiles { out } => source::read_files(out.clone(), schema, input, runtime),
            Operator::MidiWindows { out } => source::windows(out.clone(), schema, input),
            Operator::WriteWindows { folder, kind } => {
                sink::write_windows(folder.clone(), kind.clone(), schema, input)
            }
            Operator::WriteLatents { folder, z_size } => {
                sink::write_latents(folder.clone(), *z_size, schema, input)
            }
        })
    }
}

/// Converts one of our errors to DataFusion's, with its causes in the text: only the text reaches
/// other machines.
pub(crate) fn external(error: impl std::error::Error) -> DataFusionError {
    DataFusionError::Execution(with_causes(&error))
}
