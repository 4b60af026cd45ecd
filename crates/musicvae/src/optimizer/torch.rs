//! Adam with libtorch's fused operations. The cost of an update on a GPU is its memory traffic: 22
//! times the weights here, 30 times with burn's operations.

use burn::backend::LibTorch;
use burn::backend::libtorch::TchTensor;
use burn::tensor::Tensor;

use super::{BETA_1, BETA_2, EPSILON};

/// The libtorch tensor behind one of burn's, sharing its memory; `None` on another backend.
fn of_libtorch(tensor: &Tensor<1>) -> Option<tch::Tensor> {
    tensor.clone().try_into_primitive::<LibTorch>().ok().map(|own| own.tensor.shallow_clone())
}

fn to_burn(tensor: tch::Tensor) -> Tensor<1> {
    Tensor::from_primitive::<LibTorch>(TchTensor::new(tensor))
}

/// `Σ x²`, `[1]`; `None` on another backend.
pub(super) fn square_sum(values: &Tensor<1>) -> Option<Tensor<1>> {
    let values = of_libtorch(values)?;
    Some(to_burn(values.dot(&values).unsqueeze(0)))
}

/// Like [`super::update_device`]: new values and new moments; `None` on another backend.
pub(super) fn update(
    values: &Tensor<1>,
    gradient: &Tensor<1>,
    moments: [&Tensor<1>; 2],
    scale: f32,
    learning_rate: f32,
) -> Option<(Tensor<1>, [Tensor<1>; 2])> {
    let (values, gradient) = (of_libtorch(values)?, of_libtorch(gradient)?);
    let [Some(first), Some(second)] = moments.map(of_libtorch) else { return None };
    let [beta_1, beta_2, epsilon, scale, learning_rate] =
        [BETA_1, BETA_2, EPSILON, scale, learning_rate].map(f64::from);
    let (values, moments) = tch::no_grad(|| {
        let first = first.lerp(&gradient.g_mul_scalar(scale), 1.0 - beta_1);
        // tch's `addcmul` and `addcdiv` have no factor, so it is applied to their inputs.
        let of_second = gradient.g_mul_scalar(scale * (1.0 - beta_2).sqrt());
        // Only tensors created here are modified in place; all others may have other owners.
        let second = second.g_mul_scalar(beta_2).addcmul_(&of_second, &of_second);
        let mut divisor = second.sqrt();
        let _ = divisor.g_add_scalar_(epsilon).g_mul_scalar_(-1.0 / learning_rate);
        (values.addcdiv(&first, &divisor), [first, second])
    });
    Some((to_burn(values), moments.map(to_burn)))
}
