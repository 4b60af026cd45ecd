//! Densities of a mixture, cached in the layout of their kernel.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::sync::OnceLock;

use super::GaussianMixture;
use crate::Real;
use crate::density::BlockDensity;

/// Maximum number of values of inverse factors to cache in that layout: 32 MiB.
const MAX_KEPT: usize = 1 << 22;

/// Converting the factors of `K` components takes as long as the densities of dozens of rows, so it
/// is done only once for callers that score a few rows at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Prepared(OnceLock<BlockDensity<f64>>);

impl PartialEq for Prepared {
    /// It is determined by the parameters, so it is irrelevant for equality.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl GaussianMixture {
    /// The densities of the components for samples of a type: cached for `f64` unless they are
    /// large.
    pub(super) fn density<T: Real>(&self) -> Cow<'_, BlockDensity<T>> {
        let (k, d) = (self.n_components(), self.n_features());
        let is_small = k.saturating_mul(d).saturating_mul(d) <= MAX_KEPT;
        if is_small && TypeId::of::<T>() == TypeId::of::<f64>() {
            let kept = self.prepared.0.get_or_init(|| self.laid_out());
            if let Some(kept) = (kept as &dyn Any).downcast_ref() {
                return Cow::Borrowed(kept);
            }
        }
        Cow::Owned(self.laid_out())
    }

    fn laid_out<T: Real>(&self) -> BlockDensity<T> {
        BlockDensity::new(self.weights(), self.means(), self.cholesky())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Covariances;

    #[test]
    fn what_is_kept_is_used_again_and_makes_no_difference() {
        let full = Covariances::Full(vec![2.0, 0.5, 0.5, 1.0]);
        let mixture = GaussianMixture::from_parameters(vec![1.0], vec![1.0, 2.0], full).unwrap();
        let fresh = mixture.clone();
        let first = mixture.density::<f64>();
        let again = mixture.density::<f64>();
        assert!(
            matches!((&first, &again), (Cow::Borrowed(a), Cow::Borrowed(b)) if std::ptr::eq(*a, *b))
        );
        assert!(matches!(mixture.density::<f32>(), Cow::Owned(_)));
        assert_eq!(mixture, fresh);
    }
}
