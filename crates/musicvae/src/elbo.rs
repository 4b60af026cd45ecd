//! The evidence lower bound.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

/// Number of bits of KL that are free of cost.
///
/// In JSON: a number for a whole sequence, or `{"per_dimension": 0.25}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "free bits: a number, or an object with `per_dimension`"
)]
pub enum FreeBits {
    /// For each sequence, summed over all dimensions: `max(kl - bits · ln 2, 0)`, Magenta's rule
    /// (although the comment in its code says "per dimension").
    PerSequence(f64),
    /// For each dimension, averaged over the batch: `Σ_d max(mean_B(kl_d) - bits · ln 2, 0)`
    /// (Kingma et al. 2016, arXiv:1606.04934, up to a constant). This gives every dimension an
    /// incentive to carry information, where the rule above is satisfied by a few.
    PerDimension {
        /// Number of bits.
        per_dimension: f64,
    },
}

impl FreeBits {
    /// The number of bits.
    pub fn bits(self) -> f64 {
        match self {
            Self::PerSequence(bits) | Self::PerDimension { per_dimension: bits } => bits,
        }
    }
}

/// Terms of the evidence lower bound for one batch.
///
/// `loss = mean_B(reconstruction) + beta · kl_cost`, where the cost is the KL term minus the free
/// bits, see [`FreeBits`]; with [`FreeBits::PerSequence`] it is Magenta's `_compute_model_loss`.
///
/// # Shapes
/// - `reconstruction`: `[B]`; `kl_by_dimension`: `[B, Z]`.
/// # Units
/// Nats per sequence; the reconstruction term is a sum over steps, not a mean.
#[derive(Clone, Debug)]
pub struct Elbo {
    /// `-Σ_t ln p(x_t | x_<t, z)`.
    pub reconstruction: Tensor<1>,
    /// `KL(q(z_d | x) || N(0, 1))`.
    pub kl_by_dimension: Tensor<2>,
}

impl Elbo {
    /// `KL(q(z | x) || N(0, I))`, `[B]`.
    pub fn kl(&self) -> Tensor<1> {
        self.kl_by_dimension.clone().sum_dim(1).squeeze_dim::<1>(1)
    }

    /// The loss to minimize, `[1]`.
    pub fn loss(&self, beta: f64, free_bits: FreeBits) -> Tensor<1> {
        let cost = kl_cost(&self.kl_by_dimension, free_bits);
        self.reconstruction.clone().mean() + cost.mul_scalar(beta)
    }
}

/// The cost of the KL term of a batch, `[1]`, given the KL divergence of each dimension, `[B, Z]`.
pub(crate) fn kl_cost(by_dimension: &Tensor<2>, free_bits: FreeBits) -> Tensor<1> {
    let free_nats = free_bits.bits() * std::f64::consts::LN_2;
    match free_bits {
        FreeBits::PerSequence(_) => {
            let kl = by_dimension.clone().sum_dim(1).squeeze_dim::<1>(1);
            relu(kl.sub_scalar(free_nats)).mean()
        }
        FreeBits::PerDimension { .. } => {
            let mean = by_dimension.clone().mean_dim(0);
            relu(mean.sub_scalar(free_nats)).sum()
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn losses_by_hand_under_both_rules_of_free_bits() {
        let device = Device::flex();
        let elbo = Elbo {
            reconstruction: Tensor::from_data([10.0, 20.0], &device),
            kl_by_dimension: Tensor::from_data([[1.0, 3.0], [0.0, 1.0]], &device),
        };
        let loss = |free_bits| {
            let loss = elbo.loss(0.5, free_bits).into_data();
            f64::from(loss.as_slice::<f32>().unwrap()[0])
        };
        // 2 nats are free. The KL of the sequences is 4 and 1, of which 2 and 0 cost: 15 + 0.5 · 1.
        let two_nats = 2.0 / std::f64::consts::LN_2;
        let found = loss(FreeBits::PerSequence(two_nats));
        assert!((found - 15.5).abs() < 1e-5, "{found}");
        // 1 nat is free. The means of the dimensions are 0.5 and 2, of which 0 and 1 cost: 15 + 0.5
        // · 1.
        let one_nat = 1.0 / std::f64::consts::LN_2;
        let found = loss(FreeBits::PerDimension { per_dimension: one_nat });
        assert!((found - 15.5).abs() < 1e-5, "{found}");
        // Nothing is free: the mean KL is 2.5 under both.
        for free_bits in [FreeBits::PerSequence(0.0), FreeBits::PerDimension { per_dimension: 0.0 }]
        {
            assert!((loss(free_bits) - 16.25).abs() < 1e-5);
        }
    }

    #[test]
    fn free_bits_are_told_by_their_form() {
        for (text, free_bits) in [
            ("48.0", FreeBits::PerSequence(48.0)),
            (r#"{"per_dimension":0.25}"#, FreeBits::PerDimension { per_dimension: 0.25 }),
        ] {
            assert_eq!(serde_json::from_str::<FreeBits>(text).unwrap(), free_bits);
            assert_eq!(serde_json::to_string(&free_bits).unwrap(), text);
        }
        let error = serde_json::from_str::<FreeBits>(r#"{"per_layer":1}"#).unwrap_err();
        assert!(error.to_string().starts_with("free bits: a number, or an object"), "{error}");
    }
}
