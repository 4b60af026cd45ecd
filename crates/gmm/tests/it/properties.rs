//! Properties for any samples: invariance to order and coordinates, and a bound that never
//! decreases.

use crate::support::{clusters, relative_difference};
use gmm::{CovarianceType, Fit, FitError, GaussianMixture, GmmParams, Init, Samples};
use proptest::prelude::*;

const N: usize = 700;
const D: usize = 3;
const K: usize = 3;

fn shapes() -> impl Strategy<Value = CovarianceType> {
    prop_oneof![
        Just(CovarianceType::Full),
        Just(CovarianceType::Tied),
        Just(CovarianceType::Diag),
        Just(CovarianceType::Spherical),
        Just(CovarianceType::LowRank(1)),
    ]
}

/// A few iterations from given labels, which allow any change of rows or coordinates.
fn fit(data: &[f64], labels: Vec<usize>, shape: CovarianceType, iterations: usize) -> Fit {
    try_fit(data, labels, shape, iterations).unwrap()
}

fn try_fit(
    data: &[f64],
    labels: Vec<usize>,
    shape: CovarianceType,
    iterations: usize,
) -> Result<Fit, FitError> {
    GmmParams::new(K)
        .covariance_type(shape)
        .init(Init::Labels(labels))
        .reg_covar(0.0)
        .tol(0.0)
        .max_iter(iterations)
        .fit(&Samples::new(data, data.len() / D, D).unwrap(), 0)
}

fn labels(n: usize) -> Vec<usize> {
    (0..n).map(|i| (i * 7 + i / 11) % K).collect()
}

fn dense(model: &GaussianMixture) -> Vec<f64> {
    (0..K).flat_map(|k| model.covariance(k)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_bound_never_falls_by_more_than_rounding(seed in 0_u64..1_000, spread in 0.2_f64..4.0, shape in shapes()) {
        let data = clusters(N, D, K, spread, seed);
        let fit = match try_fit(&data, labels(N), shape, 25) {
            // Without a floor the likelihood has no maximum: for one start in two thousand EM
            // shrinks a component onto a row, and says so.
            Err(FitError::Singular { .. }) => return Err(TestCaseError::reject("a component collapsed")),
            fit => fit.unwrap(),
        };
        for pair in fit.report.lower_bounds.windows(2) {
            prop_assert!(pair[1] >= pair[0] - 1e-12 * pair[0].abs(), "{:?} {:?}", shape, pair);
        }
        prop_assert!(fit.report.repairs.is_empty());
    }

    #[test]
    fn the_order_of_rows_does_not_matter(seed in 0_u64..1_000, turn in 1_usize..N, shape in shapes()) {
        let data = clusters(N, D, K, 2.0, seed);
        let (mut turned, mut own) = (data.clone(), labels(N));
        turned.rotate_left(turn * D);
        own.rotate_left(turn);
        let (a, b) = (fit(&data, labels(N), shape, 6), fit(&turned, own, shape, 6));
        prop_assert!(relative_difference(b.model.means(), a.model.means()) < 1e-9);
        prop_assert!(relative_difference(&dense(&b.model), &dense(&a.model)) < 1e-8);
        prop_assert!((a.report.score - b.report.score).abs() < 1e-10);
    }

    #[test]
    fn the_order_of_features_does_not_matter(seed in 0_u64..1_000, shape in shapes()) {
        let data = clusters(N, D, K, 2.0, seed);
        let turned: Vec<f64> = data.chunks(D).flat_map(|x| [x[2], x[0], x[1]]).collect();
        let (a, b) = (fit(&data, labels(N), shape, 6), fit(&turned, labels(N), shape, 6));
        let back = b.model.marginal(&[1, 2, 0]).unwrap();
        prop_assert!(relative_difference(back.means(), a.model.means()) < 1e-9);
        prop_assert!(relative_difference(&dense(&back), &dense(&a.model)) < 1e-8);
    }

    #[test]
    fn full_fits_move_with_affine_maps(seed in 0_u64..1_000, m in prop::collection::vec(-1.0_f64..1.0, 9), shift in -50.0_f64..50.0) {
        // I + m / 4 is invertible: its off-diagonal sums stay below its diagonal.
        let map: Vec<f64> = (0..9).map(|at| 0.25 * m[at] + f64::from(u8::from(at % 4 == 0))).collect();
        let image = |x: &[f64]| -> Vec<f64> {
            map.chunks(D).map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>()).collect()
        };
        let data = clusters(N, D, K, 2.0, seed);
        let moved: Vec<f64> = data.chunks(D).flat_map(&image).map(|x| x + shift).collect();
        let a = fit(&data, labels(N), CovarianceType::Full, 6);
        let b = fit(&moved, labels(N), CovarianceType::Full, 6);
        let means: Vec<f64> = a.model.means().chunks(D).flat_map(&image).map(|x| x + shift).collect();
        prop_assert!(relative_difference(b.model.means(), &means) < 1e-9);
        for k in 0..K {
            // A Σ Aᵀ: map the rows, then the columns.
            let half: Vec<f64> = a.model.covariance(k).chunks(D).flat_map(&image).collect();
            let turned: Vec<f64> = (0..9).map(|at| half[(at % D) * D + at / D]).collect();
            let wanted: Vec<f64> = turned.chunks(D).flat_map(&image).collect();
            prop_assert!(relative_difference(&b.model.covariance(k), &wanted) < 1e-8);
        }
    }

    #[test]
    fn responsibilities_are_shares(seed in 0_u64..1_000, shape in shapes()) {
        let data = clusters(N, D, K, 1.0, seed);
        let model = fit(&data, labels(N), shape, 3).model;
        let samples = Samples::new(&data, N, D).unwrap();
        for row in model.predict_proba(&samples).unwrap().rows() {
            prop_assert!(row.iter().all(|r| (0.0..=1.0).contains(r)));
            prop_assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        }
    }
}

/// In `f32`, squares of values near 1,000 have three digits fewer than the values themselves: only
/// centered sums can fit this.
#[test]
fn narrow_data_far_from_zero_fit() {
    let near = clusters(N, D, K, 2.0, 500);
    let far: Vec<f32> = near.iter().map(|x| (x + 1_000.0) as f32).collect();
    // The same values as `f64`: the rounding of the data affects both.
    let wide: Vec<f64> = far.iter().map(|x| f64::from(*x)).collect();
    for shape in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
        CovarianceType::LowRank(1),
    ] {
        let params = || {
            let params = GmmParams::new(K).covariance_type(shape).init(Init::Labels(labels(N)));
            params.tol(0.0).max_iter(5)
        };
        let a = params().fit(&Samples::new(&far, N, D).unwrap(), 0).unwrap();
        let b = params().fit(&Samples::new(&wide, N, D).unwrap(), 0).unwrap();
        // Products have relative rounding errors of 6e-8; five iterations on overlapping clusters
        // amplify them.
        let difference = relative_difference(&dense(&a.model), &dense(&b.model));
        assert!(difference < 1e-3, "{shape:?}: {difference:e}");
        assert!((a.report.score - b.report.score).abs() < 1e-4, "{shape:?}");
    }
}

/// Omitted responsibilities are too small to matter: each iteration of a long fit, repeated
/// separately without earlier bounds, gives the same likelihood.
#[test]
fn skipping_changes_nothing_that_can_be_seen() {
    let (n, d, k) = (6_000, 12, 8);
    let data = clusters(n, d, k, 1.5, 400);
    let samples = Samples::new(&data, n, d).unwrap();
    for shape in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
        CovarianceType::LowRank(3),
    ] {
        let params = GmmParams::new(k).covariance_type(shape).tol(0.0);
        let start = params.clone().max_iter(1).init(Init::Random).fit(&samples, 7).unwrap().model;
        let from =
            |model: &GaussianMixture| params.clone().init(Init::Model(Box::new(model.clone())));
        let whole = from(&start).max_iter(15).fit(&samples, 0).unwrap();
        let mut model = start;
        for bound in &whole.report.lower_bounds {
            let one = from(&model).max_iter(1).fit(&samples, 0).unwrap();
            let dense = model.score(&samples).unwrap();
            // Rounding of sums over 6000 rows; the skipped part is at most 2^-53 of a row's
            // density.
            assert!((bound - dense).abs() < 1e-12 * dense.abs(), "{shape:?}: {bound} {dense}");
            model = one.model;
        }
        assert!(relative_difference(whole.model.means(), model.means()) < 1e-11, "{shape:?}");
    }
}
