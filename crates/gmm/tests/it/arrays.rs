//! The feature `ndarray`: the same results as with slices, in the shapes of arrays.

use crate::support::clusters;
use gmm::{CovarianceType, GmmParams, Samples, SamplesError};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn views_are_the_same_samples() {
    let data = clusters(60, 3, 2, 0.5, 11);
    let view = ArrayView2::from_shape((60, 3), &data).unwrap();
    let samples = Samples::try_from(view).unwrap();
    assert_eq!(samples.data().as_ptr(), data.as_ptr(), "nothing is copied");
    let params = GmmParams::new(2).covariance_type(CovarianceType::Diag);
    let model = params.clone().fit(&samples, 5).unwrap().model;
    let slices = Samples::new(&data, 60, 3).unwrap();
    assert_eq!(model, params.fit(&slices, 5).unwrap().model);

    let (means, covariances) = (model.means_array(), model.covariances_array());
    assert_eq!(covariances.dim(), (2, 3, 3));
    for k in 0..2 {
        assert_eq!(means.row(k).to_vec(), model.mean(k));
        let own: Vec<f64> = covariances.index_axis(Axis(0), k).iter().copied().collect();
        assert_eq!(own, model.covariance(k));
    }
    let probabilities = model.predict_proba(&slices).unwrap();
    let row = probabilities.row(41).to_vec();
    let probabilities = Array2::from(probabilities);
    assert_eq!((probabilities.dim(), probabilities.row(41).to_vec()), ((60, 2), row));
    let draws = model.sample(7, &mut ChaCha8Rng::seed_from_u64(1));
    let last = draws.points[18..].to_vec();
    let draws = Array2::from(draws);
    assert_eq!((draws.dim(), draws.row(6).to_vec()), ((7, 3), last));
    let none = Array2::from(model.sample(0, &mut ChaCha8Rng::seed_from_u64(1)));
    assert!(none.is_empty());
}

#[test]
fn other_layouts_and_bad_values_are_named() {
    fn samples(view: ArrayView2<'_, f64>) -> Result<(), SamplesError> {
        Samples::try_from(view).map(|_| ())
    }
    let data = Array2::from_shape_fn((4, 3), |(i, j)| i as f64 + 0.1 * j as f64);
    assert_eq!(samples(data.t()), Err(SamplesError::NotRowMajor));
    assert_eq!(samples(data.slice(s![.., ..2])), Err(SamplesError::NotRowMajor));
    let part = data.slice(s![1..3, ..]);
    assert_eq!(Samples::try_from(part).unwrap().row(1), data.row(2).to_slice().unwrap());
    let copied = data.t().as_standard_layout().into_owned();
    assert_eq!(Samples::try_from(copied.view()).unwrap().row(2), data.column(2).to_vec());
    assert_eq!(samples(data.slice(s![..0, ..])), Err(SamplesError::NoSamples));
    let mut bad = data;
    bad[[2, 1]] = f64::NAN;
    let found = samples(bad.view());
    assert!(matches!(found, Err(SamplesError::NotFinite { row: 2, column: 1, .. })));
}
