//! `encode_windows(tokens, model)`: the posterior of each window, one batch at a time.

use std::sync::Arc;

use controlgen::encode::posteriors;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, Float32Array, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, UInt16Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::operators::external;
use crate::shared::{self, ModelSpec};

/// The scalar function; its second argument is a [`ModelSpec`] in JSON.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EncodeWindows {
    signature: Signature,
}

impl Default for EncodeWindows {
    fn default() -> Self {
        Self::new()
    }
}

impl EncodeWindows {
    /// Creates the function.
    pub fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for EncodeWindows {
    fn name(&self) -> &'static str {
        "encode_windows"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        plan_err!("the type of `encode_windows` depends on its model")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Some(spec) = args.scalar_arguments.get(1).copied().flatten() else {
            return plan_err!("the model of `encode_windows` must be a constant");
        };
        let posterior = DataType::Struct(fields(parse(spec)?.z_size)?);
        Ok(Arc::new(Field::new(self.name(), posterior, false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [tokens, ColumnarValue::Scalar(spec)] = args.args.as_slice() else {
            return exec_err!("`encode_windows` takes windows and a model");
        };
        let spec = parse(spec)?;
        let tokens = tokens.to_array(args.number_rows)?;
        let posteriors = encode(&tokens, &spec)?;
        Ok(ColumnarValue::Array(Arc::new(posteriors)))
    }
}

fn parse(spec: &ScalarValue) -> Result<ModelSpec> {
    let Some(Some(spec)) = spec.try_as_str() else {
        return plan_err!("the model of `encode_windows` must be a string");
    };
    serde_json::from_str(spec).map_err(external)
}

fn encode(tokens: &ArrayRef, spec: &ModelSpec) -> Result<StructArray> {
    let windows = windows(tokens)?;
    let (mean, std_dev) = if windows.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        let model = shared::model(spec).map_err(external)?;
        let posteriors = posteriors(&model, &windows, |_| ()).map_err(external)?;
        (posteriors.mean, posteriors.std_dev)
    };
    let fields = fields(spec.z_size)?;
    let columns = fields
        .iter()
        .zip([mean, std_dev])
        .map(|(field, values)| {
            let DataType::FixedSizeList(item, length) = field.data_type() else {
                return exec_err!("latents must be fixed-size lists");
            };
            let values = Arc::new(Float32Array::from(values));
            let list = FixedSizeListArray::try_new(Arc::clone(item), *length, values, None)?;
            Ok(Arc::new(list) as ArrayRef)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(StructArray::try_new(fields, columns, None)?)
}

/// The tokens of each row; lists may have a fixed or a variable length.
fn windows(tokens: &ArrayRef) -> Result<Vec<Vec<u16>>> {
    let rows: Vec<ArrayRef> = match (tokens.as_fixed_size_list_opt(), tokens.as_list_opt::<i32>()) {
        (Some(list), _) => list.iter().flatten().collect(),
        (_, Some(list)) => list.iter().flatten().collect(),
        (None, None) => {
            return exec_err!("windows must be lists, not {}", tokens.data_type());
        }
    };
    rows.iter()
        .map(|row| match row.as_primitive_opt::<UInt16Type>() {
            Some(values) => Ok(values.values().to_vec()),
            None => exec_err!("tokens must be u16, not {}", row.data_type()),
        })
        .collect()
}

/// The fields of a posterior.
fn fields(z_size: usize) -> Result<Fields> {
    let length = i32::try_from(z_size).map_err(external)?;
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let list = DataType::FixedSizeList(item, length);
    Ok(Fields::from(vec![Field::new("mu", list.clone(), false), Field::new("sigma", list, false)]))
}
