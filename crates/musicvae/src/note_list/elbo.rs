//! The evidence lower bound of note lists.

use burn::tensor::Tensor;

use crate::elbo::{FreeBits, kl_cost};

/// Terms of the evidence lower bound for one batch of note lists.
///
/// `loss = Σ_fields nats + beta · kl_cost`, with the cost of [`crate::Elbo`].
///
/// # Units
/// Nats per window.
#[derive(Clone, Debug)]
pub struct NoteListElbo {
    /// `-Σ ln p(class | classes before it, z)` of each field, summed over notes (of the onset over
    /// ends, too), in the mean over windows: `[1]` each.
    pub fields: Vec<Tensor<1>>,
    /// `KL(q(z_d | x) || N(0, 1))`, `[B, Z]`.
    pub kl_by_dimension: Tensor<2>,
}

impl NoteListElbo {
    /// The reconstruction term, `[1]`.
    pub fn reconstruction(&self) -> Tensor<1> {
        let sum = self.fields.iter().cloned().reduce(|sum, field| sum + field);
        sum.expect("an encoding has an onset")
    }

    /// `KL(q(z | x) || N(0, I))`, `[B]`.
    pub fn kl(&self) -> Tensor<1> {
        self.kl_by_dimension.clone().sum_dim(1).squeeze_dim::<1>(1)
    }

    /// The loss to minimize, `[1]`.
    pub fn loss(&self, beta: f64, free_bits: FreeBits) -> Tensor<1> {
        self.reconstruction() + kl_cost(&self.kl_by_dimension, free_bits).mul_scalar(beta)
    }
}
