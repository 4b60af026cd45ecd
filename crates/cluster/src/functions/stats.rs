//! `gmm_stats(window_id, z, step)`: the E step over the rows of a table, as an aggregate.
//!
//! Its partial states are [`SufficientStats`]: a machine sends at most `K (1 + D + D²)` numbers,
//! however many windows it processed. States are summed in the order of their first windows, and
//! the rows of each state in blocks of a fixed size, so the same partitions give the same bits
//! regardless of which answers first.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float32Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};
use gmm::{Samples, SufficientStats};

use crate::operators::external;
use crate::shared::{self, EmStep};

/// Rows per E step.
const ROWS_PER_BLOCK: usize = 1 << 13;

/// The aggregate function; its last argument is a [`StepSpec`](crate::shared::StepSpec) in JSON.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct GmmStats {
    signature: Signature,
}

impl Default for GmmStats {
    fn default() -> Self {
        Self::new()
    }
}

impl GmmStats {
    /// Creates the function.
    pub fn new() -> Self {
        Self { signature: Signature::any(3, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for GmmStats {
    fn name(&self) -> &'static str {
        "gmm_stats"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new(format!("{}[first]", args.name), DataType::UInt64, true)),
            Arc::new(Field::new(format!("{}[stats]", args.name), DataType::Binary, true)),
        ])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Accumulated::default()))
    }
}

/// Decodes the statistics from a result of the function (which is null if there were no rows).
///
/// # Errors
/// Returns an error if the bytes are not statistics.
pub fn decode_stats(result: &[u8]) -> Result<SufficientStats> {
    let stats: SufficientStats = postcard::from_bytes(result).map_err(external)?;
    stats.check_format().map_err(external)?;
    Ok(stats)
}

/// Rows waiting for a block to fill up, and the statistics of earlier blocks.
#[derive(Debug, Default)]
struct Accumulated {
    /// The step whose mixture the rows are scored with.
    step: Option<Arc<EmStep>>,
    /// Row-major, active dimensions only.
    waiting: Vec<f64>,
    /// The first window of this partition.
    first: Option<u64>,
    local: Option<SufficientStats>,
    /// Statistics of other partitions, each with its first window.
    others: Vec<(u64, SufficientStats)>,
}

impl Accumulated {
    /// Runs E steps over the waiting rows, `ROWS_PER_BLOCK` at a time; over an incomplete block
    /// only if `is_last`.
    fn collect(&mut self, is_last: bool) -> Result<()> {
        let Some(step) = &self.step else { return Ok(()) };
        let d = step.dimensions.len();
        let block = ROWS_PER_BLOCK * d;
        let n_whole = self.waiting.len() / block * block;
        let n = if is_last { self.waiting.len() } else { n_whole };
        for rows in self.waiting[..n].chunks(block) {
            let samples = Samples::new(rows, rows.len() / d, d).map_err(external)?;
            let stats = SufficientStats::collect(&step.mixture, &samples).map_err(external)?;
            match &mut self.local {
                Some(local) => local.merge(&stats).map_err(external)?,
                empty => *empty = Some(stats),
            }
        }
        self.waiting.drain(..n);
        Ok(())
    }

    /// The sum of all statistics, and the first window.
    fn total(&mut self) -> Result<Option<(u64, SufficientStats)>> {
        self.collect(true)?;
        let mut parts = std::mem::take(&mut self.others);
        parts.extend(self.first.zip(self.local.take()));
        parts.sort_by_key(|(first, _)| *first);
        let mut parts = parts.into_iter();
        let Some((first, mut total)) = parts.next() else { return Ok(None) };
        for (_, part) in parts {
            total.merge(&part).map_err(external)?;
        }
        Ok(Some((first, total)))
    }
}

impl Accumulator for Accumulated {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [window_id, z, spec] = values else {
            return exec_err!("`gmm_stats` takes window ids, latents and a step");
        };
        if z.is_empty() {
            return Ok(());
        }
        let Some(window_id) = window_id.as_primitive_opt::<UInt64Type>() else {
            return exec_err!("window ids must be u64, not {}", window_id.data_type());
        };
        let step = if let Some(step) = &self.step {
            Arc::clone(step)
        } else {
            let spec = ScalarValue::try_from_array(spec, 0)?;
            let Some(Some(spec)) = spec.try_as_str() else {
                return exec_err!("the step of `gmm_stats` must be a string");
            };
            let spec = serde_json::from_str(spec).map_err(external)?;
            Arc::clone(self.step.insert(shared::step(&spec).map_err(external)?))
        };
        self.first = self.first.or(Some(window_id.value(0)));
        let Some(list) = z.as_fixed_size_list_opt() else {
            return exec_err!("latents must be fixed-size lists, not {}", z.data_type());
        };
        let Some(values) = list.values().as_primitive_opt::<Float32Type>() else {
            return exec_err!("latents must be f32, not {}", list.values().data_type());
        };
        let z_size = usize::try_from(list.value_length()).map_err(external)?;
        if step.dimensions.iter().any(|dimension| *dimension >= z_size) {
            return exec_err!("latents of {z_size} dimensions don't fit the mixture");
        }
        for row in values.values().chunks_exact(z_size) {
            self.waiting.extend(step.dimensions.iter().map(|d| f64::from(row[*d])));
        }
        self.collect(false)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [first, stats] = states else {
            return exec_err!("the state of `gmm_stats` is a number and statistics");
        };
        let (Some(first), Some(stats)) =
            (first.as_primitive_opt::<UInt64Type>(), stats.as_binary_opt::<i32>())
        else {
            return exec_err!("the state of `gmm_stats` is a number and statistics");
        };
        for at in (0..stats.len()).filter(|at| stats.is_valid(*at)) {
            self.others.push((first.value(at), decode_stats(stats.value(at))?));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let bytes = match self.total()? {
            Some((_, stats)) => Some(postcard::to_stdvec(&stats).map_err(external)?),
            None => None,
        };
        Ok(ScalarValue::Binary(bytes))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (first, bytes) = match self.total()? {
            Some((first, stats)) => {
                (Some(first), Some(postcard::to_stdvec(&stats).map_err(external)?))
            }
            None => (None, None),
        };
        Ok(vec![ScalarValue::UInt64(first), ScalarValue::Binary(bytes)])
    }

    fn size(&self) -> usize {
        let stats = self.step.as_ref().map_or(0, |step| {
            let (k, d) = (step.mixture.n_components(), step.dimensions.len());
            k * (1 + 2 * d + d * d) * size_of::<f64>()
        });
        self.waiting.capacity() * size_of::<f64>() + stats * (1 + self.others.len())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use corpus::artifact::JsonFormat;
    use datafusion::arrow::array::{
        BinaryArray, FixedSizeListArray, Float32Array, StringArray, UInt64Array,
    };
    use gmm::{CovarianceType, GmmParams, StepwiseEm};

    use super::*;
    use crate::shared::StepSpec;

    /// Two clusters in dimensions 2 and 0 of three.
    fn latents(n: usize) -> Vec<f32> {
        (0..n)
            .flat_map(|i| {
                let center = if i % 2 == 0 { 0.0 } else { 5.0 };
                let at = i as f32;
                [center + (at * 0.7).sin(), 99.0, center + (at * 1.3).cos()]
            })
            .collect()
    }

    fn start(folder: &tempfile::TempDir, latents: &[f32]) -> (EmStep, PathBuf) {
        let values = chosen(latents);
        let samples = Samples::new(&values, values.len() / 2, 2).unwrap();
        let params = GmmParams::new(2).covariance_type(CovarianceType::Full).max_iter(2);
        let mixture = params.fit(&samples, 1).unwrap().model;
        let step =
            EmStep { iteration: 0, score: None, n_samples: 0.0, dimensions: vec![2, 0], mixture };
        let path = folder.path().join("step.json");
        step.save(&path).unwrap();
        (step, path)
    }

    fn chosen(latents: &[f32]) -> Vec<f64> {
        latents.chunks(3).flat_map(|row| [f64::from(row[2]), f64::from(row[0])]).collect()
    }

    fn columns(first: u64, latents: &[f32], path: &std::path::Path) -> Vec<ArrayRef> {
        let n = latents.len() / 3;
        let spec = serde_json::to_string(&StepSpec::from_file(path).unwrap()).unwrap();
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let values = Arc::new(Float32Array::from(latents.to_vec()));
        vec![
            Arc::new(UInt64Array::from_iter_values(first..first + n as u64)),
            Arc::new(FixedSizeListArray::try_new(item, 3, values, None).unwrap()),
            Arc::new(StringArray::from_iter_values((0..n).map(|_| &spec))),
        ]
    }

    #[test]
    fn parts_add_up_to_the_same_bits_in_any_order_and_to_batch_em() {
        let folder = tempfile::tempdir().unwrap();
        let latents = latents(3000);
        let (step, path) = start(&folder, &latents);
        let states: Vec<Vec<ScalarValue>> = [(0, 0..1000), (1000, 1000..1100), (1100, 1100..3000)]
            .into_iter()
            .map(|(first, rows): (u64, std::ops::Range<usize>)| {
                let mut part = Accumulated::default();
                // Split into batches of arbitrary sizes.
                let middle = rows.start + 70;
                let both = [rows.start..middle, middle..rows.end];
                for rows in both {
                    let first = first + (rows.start as u64) % 1000 % 100;
                    part.update_batch(&columns(
                        first,
                        &latents[3 * rows.start..3 * rows.end],
                        &path,
                    ))
                    .unwrap();
                }
                part.state().unwrap()
            })
            .collect();
        let merged = |order: [usize; 3]| {
            let mut total = Accumulated::default();
            for part in order {
                let state: Vec<ArrayRef> =
                    states[part].iter().map(|s| s.to_array().unwrap()).collect();
                total.merge_batch(&state).unwrap();
            }
            let ScalarValue::Binary(Some(bytes)) = total.evaluate().unwrap() else {
                panic!("no statistics")
            };
            bytes
        };
        let bytes = merged([0, 1, 2]);
        assert_eq!(bytes, merged([2, 0, 1]));

        let stats = decode_stats(&bytes).unwrap();
        let found = stats.maximize(1e-6, &step.mixture).unwrap();
        let values = chosen(&latents);
        let samples = Samples::new(&values, 3000, 2).unwrap();
        let mut em = StepwiseEm::new(step.mixture).reg_covar(1e-6);
        let bound = em.pass(&[samples]).unwrap();
        assert!((stats.mean_log_likelihood() - bound).abs() < 1e-12);
        for k in 0..2 {
            for (a, b) in found.mean(k).iter().zip(em.model().mean(k)) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }

    #[test]
    fn no_rows_are_no_statistics_and_wrong_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let latents = latents(10);
        let (_, path) = start(&folder, &latents);
        let mut none = Accumulated::default();
        assert_eq!(none.evaluate().unwrap(), ScalarValue::Binary(None));
        let state: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(vec![None])),
            Arc::new(BinaryArray::from_opt_vec(vec![None])),
        ];
        none.merge_batch(&state).unwrap();
        assert_eq!(none.state().unwrap()[1], ScalarValue::Binary(None));

        let columns = columns(0, &latents, &path);
        std::fs::write(&path, "{}").unwrap();
        let error = Accumulated::default().update_batch(&columns).unwrap_err().to_string();
        assert!(
            error.contains("step.json is not the mixture that this pass was started with"),
            "{error}"
        );
    }
}
