//! The space that distances of sets of windows are measured in: the principal components of their
//! descriptions.

use gmm::points::{Matrix, Pca, PointsError};
use note_seq::window::WindowForm;
use rayon::prelude::*;

use super::frechet::Units;
use super::music::description;

/// The main directions of the descriptions of real windows, each feature in its deviations there.
///
/// Descriptions have hundreds of features. A covariance of them all from a few dozen windows would
/// mostly be noise, so that Fréchet distances of few windows are measured in few dimensions.
pub struct FeatureSpace {
    form: WindowForm,
    units: Units,
    pca: Pca,
}

impl FeatureSpace {
    /// The `n` principal components of real windows.
    ///
    /// # Errors
    /// [`PointsError`] for fewer than two windows.
    pub fn fit<'a>(
        form: &WindowForm,
        windows: impl IntoIterator<Item = &'a Vec<u16>>,
        n: usize,
    ) -> Result<Self, PointsError> {
        let windows: Vec<&Vec<u16>> = windows.into_iter().collect();
        let rows: Vec<Vec<f64>> = windows.par_iter().map(|w| description(form, w)).collect();
        let n_features = rows.first().map_or(0, Vec::len);
        let rows = rows.concat();
        let units = Units::of(&rows, n_features.max(1));
        let scaled = units.scaled(&rows);
        let pca = Pca::fit(Matrix::new(&scaled, n_features)?, n)?;
        Ok(Self { form: form.clone(), units, pca })
    }

    /// Number of dimensions.
    pub fn n_dimensions(&self) -> usize {
        self.pca.explained_variance_ratio().len()
    }

    /// The share of the variance of real windows' descriptions that it has.
    pub fn explained(&self) -> f64 {
        self.pca.explained_variance_ratio().iter().sum()
    }

    /// Windows as points, `[n, dimensions]`.
    pub fn points<'a>(&self, windows: impl IntoIterator<Item = &'a Vec<u16>>) -> Vec<f64> {
        let windows: Vec<&Vec<u16>> = windows.into_iter().collect();
        let rows: Vec<Vec<f64>> = windows.par_iter().map(|w| description(&self.form, w)).collect();
        let scaled = rows.iter().map(|row| self.units.scaled(row));
        scaled.flat_map(|row| self.pca.transform(&row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use corpus::kind::Kind;

    use super::super::labelled::tests::made;
    use super::*;

    #[test]
    fn real_windows_have_mean_zero_and_each_dimension_less_variance_than_the_last() {
        let form = Kind::mel_2bar().form();
        let data = made(2, 12);
        let windows = || data.pieces.iter().flat_map(|piece| &piece.windows);
        let space = FeatureSpace::fit(&form, windows(), 4).unwrap();
        assert_eq!(space.n_dimensions(), 4);
        assert!(space.explained() > 0.2 && space.explained() < 1.0);
        let points = space.points(windows());
        let n = points.len() as f64 / 4.0;
        let moment = |j: usize, power: i32| {
            points.iter().skip(j).step_by(4).map(|v| v.powi(power)).sum::<f64>() / n
        };
        assert!((0..4).all(|j| moment(j, 1).abs() < 1e-9));
        assert!((1..4).all(|j| moment(j, 2) <= moment(j - 1, 2)));
    }
}
