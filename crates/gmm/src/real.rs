//! The two float types of samples, and the vector operations that the kernels need for them.
#![allow(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function is not compiled for its instruction set"
)]

/// Seals [`Real`](super::Real), and contains what only this crate may use.
pub(crate) mod sealed {
    use pulp::Simd;

    /// Element type of the block kernels.
    pub trait Kernel: faer::traits::RealField + Copy {
        /// A vector register of this type.
        type Vector<S: Simd>: Copy;

        /// Nearest value of this type.
        fn from_f64(value: f64) -> Self;
        /// Exact widening.
        fn to_f64(self) -> f64;

        /// Number of values in one register.
        fn lanes<S: Simd>() -> usize {
            size_of::<Self::Vector<S>>() / size_of::<Self>()
        }
        /// A slice as registers and the remainder.
        fn registers<S: Simd>(slice: &[Self]) -> (&[Self::Vector<S>], &[Self]);
        /// A mutable slice as registers and the remainder.
        fn registers_mut<S: Simd>(slice: &mut [Self]) -> (&mut [Self::Vector<S>], &mut [Self]);
        /// The value in every lane.
        fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
        /// `a - b`.
        fn sub_each<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
        /// `a + b`.
        fn add_each<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
        /// `a · b`.
        fn mul_each<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
        /// `a · b + c`, rounded once.
        fn mul_add<S: Simd>(
            simd: S,
            a: Self::Vector<S>,
            b: Self::Vector<S>,
            c: Self::Vector<S>,
        ) -> Self::Vector<S>;
        /// Sum of all lanes.
        fn sum_lanes<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    }

    macro_rules! kernel {
        ($real:ty, $vector:ident, $registers:ident, $registers_mut:ident, $splat:ident, $sub:ident, $add:ident,
            $mul:ident, $mul_add:ident, $sum:ident) => {
            impl Kernel for $real {
                type Vector<S: Simd> = S::$vector;

                #[inline(always)]
                #[expect(clippy::allow_attributes, reason = "f64 needs no cast, f32 needs it")]
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::unnecessary_cast,
                    reason = "rounding to the samples' type is intended"
                )]
                fn from_f64(value: f64) -> Self {
                    value as $real
                }
                #[inline(always)]
                fn to_f64(self) -> f64 {
                    f64::from(self)
                }
                #[inline(always)]
                fn registers<S: Simd>(slice: &[Self]) -> (&[Self::Vector<S>], &[Self]) {
                    S::$registers(slice)
                }
                #[inline(always)]
                fn registers_mut<S: Simd>(
                    slice: &mut [Self],
                ) -> (&mut [Self::Vector<S>], &mut [Self]) {
                    S::$registers_mut(slice)
                }
                #[inline(always)]
                fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S> {
                    simd.$splat(value)
                }
                #[inline(always)]
                fn sub_each<S: Simd>(
                    simd: S,
                    a: Self::Vector<S>,
                    b: Self::Vector<S>,
                ) -> Self::Vector<S> {
                    simd.$sub(a, b)
                }
                #[inline(always)]
                fn add_each<S: Simd>(
                    simd: S,
                    a: Self::Vector<S>,
                    b: Self::Vector<S>,
                ) -> Self::Vector<S> {
                    simd.$add(a, b)
                }
                #[inline(always)]
                fn mul_each<S: Simd>(
                    simd: S,
                    a: Self::Vector<S>,
                    b: Self::Vector<S>,
                ) -> Self::Vector<S> {
                    simd.$mul(a, b)
                }
                #[inline(always)]
                fn mul_add<S: Simd>(
                    simd: S,
                    a: Self::Vector<S>,
                    b: Self::Vector<S>,
                    c: Self::Vector<S>,
                ) -> Self::Vector<S> {
                    simd.$mul_add(a, b, c)
                }
                #[inline(always)]
                fn sum_lanes<S: Simd>(simd: S, a: Self::Vector<S>) -> Self {
                    simd.$sum(a)
                }
            }
        };
    }

    kernel!(
        f32,
        f32s,
        as_simd_f32s,
        as_mut_simd_f32s,
        splat_f32s,
        sub_f32s,
        add_f32s,
        mul_f32s,
        mul_add_f32s,
        reduce_sum_f32s
    );
    kernel!(
        f64,
        f64s,
        as_simd_f64s,
        as_mut_simd_f64s,
        splat_f64s,
        sub_f64s,
        add_f64s,
        mul_f64s,
        mul_add_f64s,
        reduce_sum_f64s
    );
}

/// Element type of [`Samples`](crate::Samples): `f32` or `f64`.
///
/// Parameters are always `f64`; with `f32` samples, only the products inside a block are `f32`, and
/// block totals are summed in `f64`.
pub trait Real: sealed::Kernel + Send + Sync + 'static {
    /// Whether the value is neither infinite nor NaN.
    fn is_finite_real(self) -> bool {
        sealed::Kernel::to_f64(self).is_finite()
    }
}

impl Real for f32 {}
impl Real for f64 {}
