//! Eigendecomposition of symmetric matrices.

use faer::{MatRef, Side};

/// Returns the eigenvalues in ascending order and their eigenvectors. Only the lower triangle of
/// the matrix is read. If the computation fails (NaN), the result is all zeros.
pub(crate) fn symmetric_eigen(matrix: &[f64], d: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    if d == 0 {
        return (Vec::new(), Vec::new());
    }
    let matrix = MatRef::from_row_major_slice(matrix, d, d);
    match matrix.self_adjoint_eigen(Side::Lower) {
        Ok(found) => {
            let values = found.S().column_vector();
            let vectors = found.U();
            let column = |j: usize| (0..d).map(|i| vectors[(i, j)]).collect();
            ((0..d).map(|i| values[i]).collect(), (0..d).map(column).collect())
        }
        Err(_) => (vec![0.0; d], vec![vec![0.0; d]; d]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_ascend_and_match_their_vectors() {
        // The upper triangle is ignored.
        let (values, vectors) = symmetric_eigen(&[2.0, 9.0, 1.0, 2.0], 2);
        assert!((values[0] - 1.0).abs() < 1e-12 && (values[1] - 3.0).abs() < 1e-12);
        assert!((vectors[1][0] - vectors[1][1]).abs() < 1e-12, "{vectors:?}");
        assert_eq!(symmetric_eigen(&[], 0), (vec![], vec![]));
    }
}
