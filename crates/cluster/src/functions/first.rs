//! `first_windows(number, heldout, row)`: among identical windows, the first one of each side of
//! the split.
//!
//! The state of a group is two numbers and two rows, so a partial state is never larger than its
//! input, and repetitions within one partition are dropped before the shuffle. The smallest number
//! wins regardless of the order of the partitions, so the result equals that of the one-machine
//! path.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, StructArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

/// The aggregate function; it returns a struct of the rows `train` and `heldout`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct FirstWindows {
    signature: Signature,
}

impl Default for FirstWindows {
    fn default() -> Self {
        Self::new()
    }
}

impl FirstWindows {
    /// Creates the function.
    pub fn new() -> Self {
        let arguments = vec![DataType::UInt64, DataType::Boolean, DataType::Binary];
        Self { signature: Signature::exact(arguments, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for FirstWindows {
    fn name(&self) -> &'static str {
        "first_windows"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(kept()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |what: &str, kind: DataType| {
            Arc::new(Field::new(format!("{}[{what}]", args.name), kind, true))
        };
        Ok(vec![
            field("train_number", DataType::UInt64),
            field("train", DataType::Binary),
            field("heldout_number", DataType::UInt64),
            field("heldout", DataType::Binary),
        ])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Firsts::default()))
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One::default()))
    }
}

fn kept() -> Fields {
    Fields::from(vec![
        Field::new("train", DataType::Binary, true),
        Field::new("heldout", DataType::Binary, true),
    ])
}

/// The first window of one side so far: its number and its row.
type First = Option<(u64, Box<[u8]>)>;

/// The first windows of each group.
#[derive(Debug, Default)]
struct Firsts {
    train: Vec<First>,
    heldout: Vec<First>,
    /// Total bytes of all rows.
    n_bytes: usize,
}

impl Firsts {
    fn grow(&mut self, n_groups: usize) {
        self.train.resize(n_groups, None);
        self.heldout.resize(n_groups, None);
    }

    fn add(&mut self, group: usize, is_heldout: bool, number: u64, row: &[u8]) {
        let side = if is_heldout { &mut self.heldout } else { &mut self.train };
        let first = &mut side[group];
        if let Some((before, kept)) = first {
            if *before <= number {
                return;
            }
            self.n_bytes -= kept.len();
        }
        self.n_bytes += row.len();
        *first = Some((number, row.into()));
    }

    fn take(&mut self, emit_to: EmitTo) -> (Vec<First>, Vec<First>) {
        let (train, heldout) =
            (emit_to.take_needed(&mut self.train), emit_to.take_needed(&mut self.heldout));
        let n_bytes =
            |side: &[First]| side.iter().flatten().map(|(_, row)| row.len()).sum::<usize>();
        self.n_bytes -= n_bytes(&train) + n_bytes(&heldout);
        (train, heldout)
    }
}

fn numbers(side: &[First]) -> ArrayRef {
    Arc::new(side.iter().map(|first| first.as_ref().map(|f| f.0)).collect::<UInt64Array>())
}

fn rows(side: &[First]) -> ArrayRef {
    Arc::new(side.iter().map(|first| first.as_ref().map(|f| &f.1)).collect::<BinaryArray>())
}

/// Downcasts the arguments of the function to their array types.
fn arguments(values: &[ArrayRef]) -> Result<(&UInt64Array, &BooleanArray, &BinaryArray)> {
    if let [number, heldout, row] = values
        && let Some(number) = number.as_primitive_opt::<UInt64Type>()
        && let Some(heldout) = heldout.as_boolean_opt()
        && let Some(row) = row.as_binary_opt::<i32>()
    {
        return Ok((number, heldout, row));
    }
    exec_err!("`first_windows` takes a number, a boolean and bytes")
}

/// Downcasts a partial state to its array types: number and row of each side.
fn states(values: &[ArrayRef]) -> Result<[(&UInt64Array, &BinaryArray); 2]> {
    if let [a, b, c, d] = values
        && let Some(a) = a.as_primitive_opt::<UInt64Type>()
        && let Some(b) = b.as_binary_opt::<i32>()
        && let Some(c) = c.as_primitive_opt::<UInt64Type>()
        && let Some(d) = d.as_binary_opt::<i32>()
    {
        return Ok([(a, b), (c, d)]);
    }
    exec_err!("the state of `first_windows` is two numbers and two rows")
}

impl GroupsAccumulator for Firsts {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let (number, heldout, row) = arguments(values)?;
        for (at, group) in group_indices.iter().enumerate() {
            if opt_filter.is_none_or(|filter| filter.is_valid(at) && filter.value(at)) {
                self.add(*group, heldout.value(at), number.value(at), row.value(at));
            }
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        for (is_heldout, (number, row)) in [false, true].into_iter().zip(states(values)?) {
            for (at, group) in group_indices.iter().enumerate() {
                if number.is_valid(at) {
                    self.add(*group, is_heldout, number.value(at), row.value(at));
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (train, heldout) = self.take(emit_to);
        let columns = vec![rows(&train), rows(&heldout)];
        Ok(Arc::new(StructArray::try_new(kept(), columns, None)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (train, heldout) = self.take(emit_to);
        Ok(vec![numbers(&train), rows(&train), numbers(&heldout), rows(&heldout)])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let n_rows = values.first().map_or(0, Array::len);
        let each: Vec<usize> = (0..n_rows).collect();
        let mut alone = Self::default();
        alone.update_batch(values, &each, opt_filter, n_rows)?;
        alone.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        (self.train.capacity() + self.heldout.capacity()) * size_of::<First>() + self.n_bytes
    }
}

/// The first windows of a single group.
#[derive(Debug, Default)]
struct One {
    firsts: Firsts,
}

impl One {
    fn scalars(arrays: &[ArrayRef]) -> Result<Vec<ScalarValue>> {
        arrays.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let n_rows = values.first().map_or(0, Array::len);
        self.firsts.update_batch(values, &vec![0; n_rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let n_rows = states.first().map_or(0, Array::len);
        self.firsts.merge_batch(states, &vec![0; n_rows], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.firsts.grow(1);
        ScalarValue::try_from_array(&self.firsts.evaluate(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.firsts.grow(1);
        Self::scalars(&self.firsts.state(EmitTo::All)?)
    }

    fn size(&self) -> usize {
        self.firsts.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(rows: &[(u64, bool, &str)]) -> Vec<ArrayRef> {
        vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(rows.iter().map(|row| Some(row.1)).collect::<BooleanArray>()),
            Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| row.2.as_bytes()))),
        ]
    }

    /// The kept values of each group, as (train, held out); `-` for none.
    fn texts(kept: &ArrayRef) -> Vec<(String, String)> {
        let sides = kept.as_struct();
        let text = |side: usize, at: usize| {
            let side = sides.column(side).as_binary::<i32>();
            let bytes = if side.is_valid(at) { side.value(at) } else { b"-" };
            String::from_utf8_lossy(bytes).into_owned()
        };
        (0..kept.len()).map(|at| (text(0, at), text(1, at))).collect()
    }

    fn pairs(both: &[&str]) -> Vec<(String, String)> {
        both.iter().map(|both| (both[..1].to_owned(), both[1..].to_owned())).collect()
    }

    #[test]
    fn the_first_of_each_side_stays_in_whatever_order_parts_come() {
        let parts = [
            (columns(&[(7, false, "g"), (3, true, "c"), (9, false, "i")]), vec![0, 0, 1]),
            (columns(&[(2, false, "b"), (5, true, "e"), (1, true, "a")]), vec![0, 0, 2]),
        ];
        let expected = pairs(&["bc", "i-", "-a"]);
        for order in [[0, 1], [1, 0]] {
            let mut whole = Firsts::default();
            let mut merged = Firsts::default();
            for part in order {
                let (values, groups) = &parts[part];
                whole.update_batch(values, groups, None, 3).unwrap();
                let mut own = Firsts::default();
                own.update_batch(values, groups, None, 3).unwrap();
                let state = own.state(EmitTo::All).unwrap();
                merged.merge_batch(&state, &[0, 1, 2], 3).unwrap();
                let alone = Firsts::default().convert_to_state(values, None).unwrap();
                merged.merge_batch(&alone, groups, 3).unwrap();
            }
            assert_eq!(texts(&whole.evaluate(EmitTo::All).unwrap()), expected);
            assert_eq!(texts(&merged.evaluate(EmitTo::All).unwrap()), expected);
            assert_eq!((whole.n_bytes, merged.n_bytes), (0, 0));
        }
    }

    #[test]
    fn groups_can_be_given_out_in_parts() {
        let mut firsts = Firsts::default();
        firsts
            .update_batch(&columns(&[(1, false, "aa"), (2, true, "b")]), &[0, 1], None, 2)
            .unwrap();
        let before = firsts.size();
        assert_eq!(
            texts(&firsts.evaluate(EmitTo::First(1)).unwrap()),
            [("aa".to_owned(), "-".to_owned())]
        );
        assert!(firsts.size() < before && firsts.n_bytes == 1);
        assert_eq!(texts(&firsts.evaluate(EmitTo::All).unwrap()), pairs(&["-b"]));
    }

    #[test]
    fn without_groups_all_windows_are_the_same() {
        let mut one = One::default();
        one.update_batch(&columns(&[(4, false, "d"), (2, false, "b")])).unwrap();
        let state = one.state().unwrap();
        let state: Vec<ArrayRef> = state.iter().map(|s| s.to_array().unwrap()).collect();
        let mut other = One::default();
        other.merge_batch(&state).unwrap();
        let kept = other.evaluate().unwrap().to_array().unwrap();
        assert_eq!(texts(&kept), pairs(&["b-"]));
    }
}
