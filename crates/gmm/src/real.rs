//! The two float types that samples may have, and the conversions the kernels need.

/// Seals [`Real`](super::Real) and carries what only this crate may see of it.
pub(crate) mod sealed {
    /// Element type of the block kernels.
    pub trait Kernel: faer::traits::RealField + Copy {
        /// Nearest value of this type.
        fn from_f64(value: f64) -> Self;
        /// Exact widening.
        fn to_f64(self) -> f64;
    }

    impl Kernel for f32 {
        #[inline]
        #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked for")]
        fn from_f64(value: f64) -> Self {
            value as Self
        }
        #[inline]
        fn to_f64(self) -> f64 {
            f64::from(self)
        }
    }

    impl Kernel for f64 {
        #[inline]
        fn from_f64(value: f64) -> Self {
            value
        }
        #[inline]
        fn to_f64(self) -> f64 {
            self
        }
    }
}

/// Element type of [`Samples`](crate::Samples): `f32` or `f64`.
///
/// Parameters are always `f64`; with `f32` samples only the products inside a block run in `f32`, and block totals
/// are added up in `f64`.
pub trait Real: sealed::Kernel + Send + Sync + 'static {
    /// True unless the value is infinite or not a number.
    fn is_finite_real(self) -> bool {
        sealed::Kernel::to_f64(self).is_finite()
    }
}

impl Real for f32 {}
impl Real for f64 {}
