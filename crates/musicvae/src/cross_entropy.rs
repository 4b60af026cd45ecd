//! Cross-entropy of classes: one operation over host memory, tensor operations elsewhere.

use std::sync::Arc;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::device;
use crate::host::{self, HostOperation, Kept};
use crate::softmax::softmax;

/// Number of rows per task.
const ROWS: usize = 64;

/// Returns the cross-entropy of `targets` under `logits` `[T * B, V]`, summed over the steps of
/// each of `batch` sequences: `[B]`, in nats.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: &[i32], batch: usize) -> Tensor<1> {
    let device = logits.device();
    if device::is_host(&device) {
        let operation = CrossEntropy { targets: targets.to_vec(), batch };
        return host::unary(Arc::new(operation), logits).squeeze_dim::<1>(0);
    }
    by_tensors(logits, targets, batch)
}

/// Like [`cross_entropy`], by burn's operations.
fn by_tensors(logits: Tensor<2>, targets: &[i32], batch: usize) -> Tensor<1> {
    let steps = targets.len() / batch;
    let data = TensorData::new(targets.to_vec(), [targets.len(), 1]);
    let targets = Tensor::<2, Int>::from_data(data, &logits.device());
    let chosen = log_softmax(logits, 1).gather(1, targets);
    chosen.reshape([steps, batch]).sum_dim(0).squeeze_dim::<1>(0).neg()
}

/// The input is the logits, the result is `[1, B]`. Keeps the probabilities of all classes.
#[derive(Debug)]
struct CrossEntropy {
    targets: Vec<i32>,
    batch: usize,
}

impl CrossEntropy {
    fn n_classes(&self, logits: &[f32]) -> usize {
        (logits.len() / self.targets.len().max(1)).max(1)
    }
}

impl HostOperation<1> for CrossEntropy {
    fn forward(&self, [logits]: [&[f32]; 1], keep: bool) -> (Vec<f32>, [usize; 2], Kept) {
        let n_classes = self.n_classes(logits);
        let mut probabilities = logits.to_vec();
        let arch = Arch::new();
        let nats: Vec<Vec<f64>> = probabilities
            .par_chunks_mut(ROWS * n_classes)
            .zip(self.targets.par_chunks(ROWS))
            .map(|(rows, targets)| arch.dispatch(Rows { rows, targets, n_classes }))
            .collect();
        let mut sums = vec![0.0; self.batch];
        for (row, nats) in nats.iter().flatten().enumerate() {
            sums[row % self.batch] += nats;
        }
        let sums = sums.into_iter().map(|nats| nats as f32).collect();
        (sums, [1, self.batch], if keep { vec![probabilities] } else { Vec::new() })
    }

    /// `(p - one hot) * gradient` for each row.
    fn backward(&self, [logits]: [&[f32]; 1], kept: &Kept, gradient: &[f32]) -> [Vec<f32>; 1] {
        let n_classes = self.n_classes(logits);
        let mut of_logits = kept[0].clone();
        of_logits
            .par_chunks_mut(n_classes)
            .with_min_len(ROWS)
            .zip(&self.targets)
            .enumerate()
            .for_each(|(row, (values, target))| {
                let gradient = gradient[row % self.batch];
                for value in values.iter_mut() {
                    *value *= gradient;
                }
                values[class(*target)] -= gradient;
            });
        [of_logits]
    }
}

fn class(target: i32) -> usize {
    usize::try_from(target).expect("targets are classes of the windows, from 0")
}

/// Replaces the logits of some rows by probabilities; returns the cross-entropy of each.
struct Rows<'a> {
    rows: &'a mut [f32],
    targets: &'a [i32],
    n_classes: usize,
}

impl WithSimd for Rows<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f64> {
        let all = 0..self.n_classes;
        let rows = self.rows.chunks_exact_mut(self.n_classes).zip(self.targets);
        rows.map(|(row, target)| softmax(simd, row, &all, false, class(*target))).collect()
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        crate::model::host(tensor)
    }

    #[test]
    fn values_by_hand() {
        let device = Device::flex();
        // Two steps of one sequence: probabilities 1/4 and 3/4, then 1/2 and 1/2.
        let logits = Tensor::from_data([[0.0, 3.0_f32.ln()], [5.0, 5.0]], &device);
        let found = values(cross_entropy(logits, &[1, 0], 1))[0];
        let expected = (4.0_f32 / 3.0).ln() + 2.0_f32.ln();
        assert!((found - expected).abs() < 1e-6, "{found}");
    }

    #[test]
    fn it_is_what_tensor_operations_give_and_so_are_the_gradients() {
        let device = Device::flex().autodiff();
        let (steps, batch, n_classes) = (5, 27, 90);
        let n = steps * batch;
        // More rows than a task has, of logits that differ in every class.
        let logits: Vec<f32> =
            (0..n * n_classes).map(|i| ((i * 7919) % 613) as f32 / 100.0 - 3.0).collect();
        let targets: Vec<i32> =
            (0..n).map(|i| i32::try_from((i * 31) % n_classes).expect("below 90")).collect();
        let both = [by_tensors, cross_entropy].map(|loss| {
            let data = TensorData::new(logits.clone(), [n, n_classes]);
            let logits = Tensor::<2>::from_data(data, &device).require_grad();
            let nats = loss(logits.clone(), &targets, batch);
            // Each sequence counts differently, so that a gradient of another one is seen.
            let factors: Vec<f32> = (1..=batch).map(|b| b as f32).collect();
            let factors = Tensor::from_data(TensorData::new(factors, [batch]), &device);
            let gradients = (nats.clone() * factors).sum().backward();
            (values(nats), values(logits.grad(&gradients).unwrap()))
        });
        let [(nats, gradients), (ours, our_gradients)] = &both;
        // Sums of 5 terms of up to 10 nats in f32; gradients of up to 27.
        assert!(nats.iter().zip(ours).all(|(a, b)| (a - b).abs() < 1e-4), "{nats:?} {ours:?}");
        let far = gradients.iter().zip(our_gradients).filter(|(a, b)| (*a - *b).abs() > 1e-4);
        assert_eq!(far.count(), 0);
    }
}
