//! The only file that uses faer: small factorizations and the two products of the EM loop.
//!
//! Everything here runs on the calling thread; callers run blocks and components in parallel.

use crate::Real;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{
    LltRegularization, cholesky_in_place, cholesky_in_place_scratch,
};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Accum, MatMut, MatRef, Par, Spec};

/// A matrix that is not positive definite to working precision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotPositiveDefinite;

/// Lower Cholesky factor `L` (row-major, zeros above) with `matrix = L Lᵀ`; only the lower triangle
/// is read.
pub(crate) fn cholesky(matrix: &[f64], d: usize) -> Result<Vec<f64>, NotPositiveDefinite> {
    let mut factor = matrix.to_vec();
    cholesky_in(&mut factor, d)?;
    Ok(factor)
}

/// Like [`cholesky`], in place.
pub(crate) fn cholesky_in(factor: &mut [f64], d: usize) -> Result<(), NotPositiveDefinite> {
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(d, Par::Seq, Spec::default()));
    cholesky_in_place(
        MatMut::from_row_major_slice_mut(factor, d, d),
        LltRegularization::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Spec::default(),
    )
    .map_err(|_| NotPositiveDefinite)?;
    for i in 0..d {
        factor[i * d + i + 1..(i + 1) * d].fill(0.0);
    }
    let sound = (0..d).all(|i| factor[i * d + i] > 0.0) && factor.iter().all(|v| v.is_finite());
    if sound { Ok(()) } else { Err(NotPositiveDefinite) }
}

/// Inverse of a lower triangular row-major matrix, row-major with zeros above.
pub(crate) fn invert_lower(factor: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    invert_lower_into(factor, d, &mut inverse);
    inverse
}

/// Like [`invert_lower`], into an existing matrix.
pub(crate) fn invert_lower_into(factor: &[f64], d: usize, inverse: &mut [f64]) {
    inverse.fill(0.0);
    invert_lower_triangular(
        MatMut::from_row_major_slice_mut(inverse, d, d),
        MatRef::from_row_major_slice(factor, d, d),
        Par::Seq,
    );
}

/// `y = z · lowerᵀ` for row-major `z`, `y` of `rows` rows, and `lower` triangular `[d, d]`.
pub(crate) fn times_lower_transposed<T: Real>(y: &mut [T], z: &[T], lower: &[T], d: usize) {
    let rows = y.len() / d;
    triangular::matmul(
        MatMut::from_row_major_slice_mut(y, rows, d),
        BlockStructure::Rectangular,
        Accum::Replace,
        MatRef::from_row_major_slice(z, rows, d),
        BlockStructure::Rectangular,
        MatRef::from_row_major_slice(lower, d, d).transpose(),
        BlockStructure::TriangularUpper,
        T::from_f64(1.0),
        Par::Seq,
    );
}

/// `out = a · bᵀ` for row-major `a` and `b` of rows of `d` values.
pub(crate) fn times_transposed(out: &mut [f64], a: &[f64], b: &[f64], d: usize) {
    let (rows, columns) = (a.len() / d, b.len() / d);
    faer::linalg::matmul::matmul(
        MatMut::from_row_major_slice_mut(out, rows, columns),
        Accum::Replace,
        MatRef::from_row_major_slice(a, rows, d),
        MatRef::from_row_major_slice(b, columns, d).transpose(),
        1.0,
        Par::Seq,
    );
}

/// Adds the lower triangle of `zᵀ z` to `gram` (`[d, d]`); the values above the diagonal are not
/// changed.
pub(crate) fn add_gram_lower<T: Real>(gram: &mut [T], z: &[T], d: usize) {
    let rows = z.len() / d;
    let z = MatRef::from_row_major_slice(z, rows, d);
    triangular::matmul(
        MatMut::from_row_major_slice_mut(gram, d, d),
        BlockStructure::TriangularLower,
        Accum::Add,
        z.transpose(),
        BlockStructure::Rectangular,
        z,
        BlockStructure::Rectangular,
        T::from_f64(1.0),
        Par::Seq,
    );
}

/// Right singular vectors, as rows, and singular values of a square row-major matrix, by one-sided
/// Jacobi rotations (Hestenes 1958): columns of very different scale keep their relative accuracy
/// (Demmel & Veselić 1992), which an eigenvalue decomposition of the product with its transpose
/// loses.
pub(crate) fn right_singular(matrix: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    // Columns as rows, so that a rotation accesses contiguous memory.
    let mut columns: Vec<f64> = (0..d * d).map(|at| matrix[at % d * d + at / d]).collect();
    let mut vectors = vec![0.0; d * d];
    for i in 0..d {
        vectors[i * d + i] = 1.0;
    }
    if let Some(rotated) = by_eigenvectors(&columns, d) {
        (columns, vectors) = rotated;
    }
    for _ in 0..MAX_SWEEPS {
        let mut is_settled = true;
        for p in 0..d {
            for q in p + 1..d {
                let (head, tail) = columns.split_at(q * d);
                let (a, b) = (&head[p * d..(p + 1) * d], &tail[..d]);
                let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
                if ab.abs() <= 1e-15 * (aa * bb).sqrt() || ab == 0.0 {
                    continue;
                }
                is_settled = false;
                let zeta = (bb - aa) / (2.0 * ab);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = t.hypot(1.0).recip();
                rotate(&mut columns, p, q, d, cosine, cosine * t);
                rotate(&mut vectors, p, q, d, cosine, cosine * t);
            }
        }
        if is_settled {
            break;
        }
    }
    let values = columns.chunks(d).map(|column| dot(column, column).sqrt()).collect();
    (vectors, values)
}

/// Maximum number of sweeps of rotations; half a dozen are typical.
const MAX_SWEEPS: usize = 40;

/// Columns (as rows) already rotated by the eigenvectors of their products, which leaves little to
/// do for the rotations; `None` if columns differ so much in scale that this would mix up the small
/// ones.
fn by_eigenvectors(columns: &[f64], d: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let lengths = || columns.chunks(d).map(|column| dot(column, column));
    let (least, most) = (lengths().fold(f64::INFINITY, f64::min), lengths().fold(0.0, f64::max));
    if least < 1e-8 * most || d < 4 {
        return None;
    }
    let mut products = vec![0.0; d * d];
    times_transposed(&mut products, columns, columns, d);
    let (_, vectors) = symmetric_eigen(&products, d).ok()?;
    // Eigenvectors are columns, so their transpose times the columns.
    let vectors: Vec<f64> = (0..d * d).map(|at| vectors[at % d * d + at / d]).collect();
    let transposed: Vec<f64> = (0..d * d).map(|at| columns[at % d * d + at / d]).collect();
    let mut turned = vec![0.0; d * d];
    times_transposed(&mut turned, &vectors, &transposed, d);
    Some((turned, vectors))
}

/// Rotates rows `p` and `q` of a matrix with rows of `d` values.
fn rotate(rows: &mut [f64], p: usize, q: usize, d: usize, cosine: f64, sine: f64) {
    let (head, tail) = rows.split_at_mut(q * d);
    for (a, b) in head[p * d..(p + 1) * d].iter_mut().zip(&mut tail[..d]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

/// The dot product of two vectors of the same length.
///
/// # Examples
/// ```
/// assert_eq!(gmm::points::dot(&[1.0, 2.0], &[3.0, -1.0]), 1.0);
/// ```
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |a, b| a * b)
}

/// The squared Euclidean distance of two points of the same length.
///
/// # Examples
/// ```
/// assert_eq!(gmm::points::squared_distance(&[1.0, 2.0], &[4.0, -2.0]), 25.0);
/// ```
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    sum_of_pairs(a, b, |a, b| (a - b) * (a - b))
}

/// The sum of a term of each pair. Eight sums run side by side: one alone would wait for each
/// addition before the next.
#[inline(always)]
fn sum_of_pairs(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    const SIDE_BY_SIDE: usize = 8;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SIDE_BY_SIDE>(), b.as_chunks::<SIDE_BY_SIDE>());
    let mut sums = [0.0; SIDE_BY_SIDE];
    for (a, b) in a.iter().zip(b) {
        for i in 0..SIDE_BY_SIDE {
            sums[i] += term(a[i], b[i]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Eigenvalues in ascending order, and eigenvectors as the columns of a row-major matrix.
pub(crate) fn symmetric_eigen(
    matrix: &[f64],
    d: usize,
) -> Result<(Vec<f64>, Vec<f64>), NotPositiveDefinite> {
    let mut values = faer::Col::<f64>::zeros(d);
    let mut vectors = faer::Mat::<f64>::zeros(d, d);
    let scratch =
        self_adjoint_evd_scratch::<f64>(d, ComputeEigenvectors::Yes, Par::Seq, Spec::default());
    self_adjoint_evd(
        MatRef::from_row_major_slice(matrix, d, d),
        values.as_mut().as_diagonal_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Spec::default(),
    )
    .map_err(|_| NotPositiveDefinite)?;
    let rows = (0..d * d).map(|at| vectors[(at / d, at % d)]).collect();
    Ok(((0..d).map(|i| values[i]).collect(), rows))
}

/// `outer · inner · outer` for symmetric matrices.
pub(crate) fn sandwich(outer: &[f64], inner: &[f64], d: usize) -> Vec<f64> {
    let (mut half, mut out) = (vec![0.0; d * d], vec![0.0; d * d]);
    let view = |m| MatRef::from_row_major_slice(m, d, d);
    let product = |to: &mut [f64], a, b| {
        let to = MatMut::from_row_major_slice_mut(to, d, d);
        faer::linalg::matmul::matmul(to, Accum::Replace, view(a), view(b), 1.0, Par::Seq);
    };
    product(&mut half, outer, inner);
    product(&mut out, &half, outer);
    out
}

/// Copies the lower triangle onto the upper one.
pub(crate) fn mirror_lower(matrix: &mut [f64], d: usize) {
    for i in 0..d {
        for j in 0..i {
            matrix[j * d + i] = matrix[i * d + j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factor_and_inverse_of_a_small_matrix() {
        // L = [[2, 0], [1, 3]] gives A = [[4, 2], [2, 10]]; L^-1 = [[1/2, 0], [-1/6, 1/3]].
        let factor = cholesky(&[4.0, 2.0, 2.0, 10.0], 2).unwrap();
        let inverse = invert_lower(&factor, 2);
        for (found, wanted) in factor.iter().zip([2.0, 0.0, 1.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-15, "{factor:?}");
        }
        for (found, wanted) in inverse.iter().zip([0.5, 0.0, -1.0 / 6.0, 1.0 / 3.0]) {
            assert!((found - wanted).abs() < 1e-15, "{inverse:?}");
        }
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_err());
        assert!(cholesky(&[f64::NAN], 1).is_err());
    }

    #[test]
    fn products_match_the_definition() {
        let z = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let lower = [2.0, 0.0, 1.0, 3.0];
        let mut y = [0.0_f64; 6];
        times_lower_transposed(&mut y, &z, &lower, 2);
        // Row [1, 2]: [1*2, 1*1 + 2*3].
        assert!(
            y.iter().zip([2.0, 7.0, 6.0, 15.0, 10.0, 23.0]).all(|(a, b)| (a - b).abs() < 1e-13)
        );
        let mut gram = [0.0_f64; 4];
        add_gram_lower(&mut gram, &z, 2);
        assert!(gram.iter().zip([35.0, 0.0, 44.0, 56.0]).all(|(a, b)| (a - b).abs() < 1e-13));
    }
}
