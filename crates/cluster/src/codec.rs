//! Serialization of our operators: JSON after a prefix. Ballista's operators use Ballista's codec.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use crate::operators::OperatorExec;

/// Prefix of the bytes of our operators. No message of Ballista's can begin with it: its first byte
/// would be a field of the reserved wire type 7.
const PREFIX: &[u8] = b"\x0fcontrolgen\0";

/// The codec used by the client, the scheduler and the executors.
#[derive(Debug, Default)]
pub struct ClusterCodec {
    ballista: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for ClusterCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(bytes) = buf.strip_prefix(PREFIX) else {
            return self.ballista.try_decode(buf, inputs, ctx, proto_converter);
        };
        let operator = serde_json::from_slice(bytes)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let [input] = inputs else {
            return internal_err!("an operator has one input, not {}", inputs.len());
        };
        Ok(Arc::new(OperatorExec::new(operator, Arc::clone(input))))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(ours) = node.downcast_ref::<OperatorExec>() else {
            return self.ballista.try_encode(node, buf, proto_converter);
        };
        buf.extend_from_slice(PREFIX);
        serde_json::to_writer(buf, ours.operator())
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion_proto::physical_plan::AsExecutionPlan;
    use datafusion_proto::protobuf::PhysicalPlanNode;

    use super::*;
    use crate::operators::{Operator, chunks_exec};

    #[test]
    fn operators_come_back_with_their_input() {
        let input = chunks_exec(&[3, 4, 5], 2).unwrap();
        let operator = Operator::ReadFiles { out: "/shared/x".into() };
        let plan = Arc::new(OperatorExec::new(operator.clone(), input));
        let codec = ClusterCodec::default();
        let mut bytes = Vec::new();
        let node = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
        node.try_encode(&mut bytes).unwrap();
        let found = PhysicalPlanNode::try_decode(&bytes)
            .unwrap()
            .try_into_physical_plan(&TaskContext::default(), &codec)
            .unwrap();
        let found = found.downcast_ref::<OperatorExec>().unwrap();
        assert_eq!(*found.operator(), operator);
        assert_eq!(found.properties().output_partitioning().partition_count(), 2);
    }
}
