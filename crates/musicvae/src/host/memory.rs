//! The values of a backend's tensors, in the memory of this process.

use burn::backend::Backend;
#[cfg(any(feature = "ndarray", feature = "tch", feature = "wgpu", feature = "cuda"))]
use burn::backend::ops::FloatTensorOps as _;
use burn::backend::tensor::FloatTensor;
#[cfg(any(feature = "ndarray", feature = "tch", feature = "wgpu", feature = "cuda"))]
use burn::tensor::TensorData;

/// A backend whose tensors can be read from the memory of this process.
pub(crate) trait HostMemory: Backend {
    /// A tensor's values, row-major.
    type Values: AsRef<[f32]>;

    /// Reads a tensor, without a copy where the backend allows it.
    fn values(tensor: FloatTensor<Self>) -> Self::Values;
}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::Flex;

    use super::*;

    /// A contiguous tensor; shares memory with the one it was created from.
    pub(crate) struct FlexValues(FloatTensor<Flex>);

    impl AsRef<[f32]> for FlexValues {
        fn as_ref(&self) -> &[f32] {
            self.0.as_slice().expect("it is contiguous, and all our tensors are f32")
        }
    }

    impl HostMemory for Flex {
        type Values = FlexValues;

        fn values(tensor: FloatTensor<Self>) -> FlexValues {
            FlexValues(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
        }
    }
}

/// A copy of a tensor's values.
#[cfg(any(feature = "ndarray", feature = "tch", feature = "wgpu", feature = "cuda"))]
pub(crate) struct CopiedValues(TensorData);

#[cfg(any(feature = "ndarray", feature = "tch", feature = "wgpu", feature = "cuda"))]
impl AsRef<[f32]> for CopiedValues {
    fn as_ref(&self) -> &[f32] {
        self.0.as_slice().expect("all our tensors are f32")
    }
}

/// Copies the values of the tensors of a backend.
#[cfg(any(feature = "ndarray", feature = "tch", feature = "wgpu", feature = "cuda"))]
macro_rules! copied {
    ($backend:ty) => {
        impl HostMemory for $backend {
            type Values = CopiedValues;

            fn values(tensor: FloatTensor<Self>) -> CopiedValues {
                let data = burn::backend::try_read_sync(Self::float_into_data(tensor))
                    .expect("tensors of the CPU are in memory, so reading them does not block")
                    .expect("it reads this process's own memory");
                CopiedValues(data)
            }
        }
    };
}

#[cfg(feature = "ndarray")]
copied!(burn::backend::NdArray);
#[cfg(feature = "tch")]
copied!(burn::backend::LibTorch);
#[cfg(any(feature = "wgpu", feature = "cuda"))]
copied!(burn::backend::Cube);
