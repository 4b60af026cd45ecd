//! The evidence lower bound.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Int, TensorData};

/// Terms of the evidence lower bound for one batch.
///
/// `loss = reconstruction + beta · max(kl - free_bits · ln 2, 0)`, each averaged over the batch: as
/// in Magenta's `_compute_model_loss`, where the allowance holds for a whole sequence (its comment
/// there says "per dimension").
///
/// # Shapes
/// - `reconstruction`, `kl`: `[B]`.
/// # Units
/// Nats per sequence; the reconstruction term is a sum over steps, not a mean.
#[derive(Clone, Debug)]
pub struct Elbo {
    /// `-Σ_t ln p(x_t | x_<t, z)`.
    pub reconstruction: Tensor<1>,
    /// `KL(q(z | x) || N(0, I))`.
    pub kl: Tensor<1>,
}

impl Elbo {
    /// The loss to minimise, `[1]`.
    pub fn loss(&self, beta: f64, free_bits: f64) -> Tensor<1> {
        let free_nats = free_bits * std::f64::consts::LN_2;
        let kl = relu(self.kl.clone().sub_scalar(free_nats));
        self.reconstruction.clone().mean() + kl.mean().mul_scalar(beta)
    }
}

/// Cross-entropy of each sequence: `-Σ_t ln softmax(logits_t)[target_t]`.
///
/// # Shapes
/// - `logits`: `[T * B, V]`, time first; `targets`: `T * B` classes; the result: `[B]`.
/// # Units
/// Nats.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: &[i32], batch: usize) -> Tensor<1> {
    let steps = targets.len() / batch;
    let data = TensorData::new(targets.to_vec(), [targets.len(), 1]);
    let targets = Tensor::<2, Int>::from_data(data, &logits.device());
    let chosen = log_softmax(logits, 1).gather(1, targets);
    chosen.reshape([steps, batch]).sum_dim(0).squeeze_dim::<1>(0).neg()
}
