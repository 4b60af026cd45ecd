//! Mixtures of factor analyzers: density, fit, and the other functions of the crate.

use crate::support::{clusters, with_threads};
use gmm::{CovarianceType, Covariances, FitError, GaussianMixture, GmmParams, Samples, StepwiseEm};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SHAPE: CovarianceType = CovarianceType::LowRank(2);

/// Two components in six dimensions with two factors each.
fn known() -> GaussianMixture {
    let loadings = [
        [2.0, 0.0, 0.5],
        [1.0, 1.0, 0.4],
        [0.0, 2.0, 0.3],
        [-1.0, 1.0, 0.6],
        [0.5, 0.5, 0.5],
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 0.2],
        [1.5, 0.0, 0.3],
        [1.0, -1.0, 0.5],
        [0.0, 0.0, 0.8],
        [-1.0, 0.5, 0.4],
        [2.0, 1.0, 0.6],
    ];
    let means = vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, -5.0, 4.0, 6.0, -4.0, 3.0];
    let values = loadings.concat();
    GaussianMixture::from_parameters(
        vec![0.4, 0.6],
        means,
        Covariances::LowRank { rank: 2, values },
    )
    .unwrap()
}

/// The same mixture with full covariances.
fn dense(mixture: &GaussianMixture) -> GaussianMixture {
    let all = (0..mixture.n_components()).flat_map(|k| mixture.covariance(k)).collect();
    let (weights, means) = (mixture.weights().to_vec(), mixture.means().to_vec());
    GaussianMixture::from_parameters(weights, means, Covariances::Full(all)).unwrap()
}

#[test]
fn everything_agrees_with_the_dense_form() {
    let (sparse, full) = (known(), dense(&known()));
    let draws = sparse.sample(300, &mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!(draws, full.sample(300, &mut ChaCha8Rng::seed_from_u64(1)));
    let samples = Samples::new(&draws.points, 300, 6).unwrap();
    let scores = sparse.score_samples(&samples).unwrap();
    for (a, b) in scores.iter().zip(full.score_samples(&samples).unwrap()) {
        assert!((a - b).abs() < 1e-11, "{a} {b}");
    }
    assert_eq!(sparse.predict(&samples).unwrap(), full.predict(&samples).unwrap());
    let narrow: Vec<f32> = draws.points.iter().map(|v| *v as f32).collect();
    let narrow = Samples::new(&narrow, 300, 6).unwrap();
    assert!((sparse.score(&narrow).unwrap() - sparse.score(&samples).unwrap()).abs() < 1e-4);
    let marginal = sparse.marginal(&[4, 1, 0]).unwrap();
    assert_eq!(marginal.covariance_type(), SHAPE);
    assert_eq!(marginal.covariance(1), full.marginal(&[4, 1, 0]).unwrap().covariance(1));
    let given = [(2, 0.5), (5, -0.5)];
    let (a, b) = (sparse.conditional(&given).unwrap(), full.conditional(&given).unwrap());
    for (a, b) in a.covariances().as_slice().iter().zip(b.covariances().as_slice()) {
        assert!((a - b).abs() < 1e-12);
    }
    // 1 weight, 12 means; 2 (6 · 3 - 1) covariances.
    assert_eq!(sparse.n_parameters(), 1 + 12 + 34);
    assert_eq!(sparse.without(0).unwrap().covariance(0), full.covariance(1));
    let text = serde_json::to_string(&sparse).unwrap();
    assert_eq!(serde_json::from_str::<GaussianMixture>(&text).unwrap(), sparse);
}

#[test]
fn a_known_mixture_is_found_again() {
    let truth = known();
    let draws = truth.sample(8_000, &mut ChaCha8Rng::seed_from_u64(2));
    let samples = Samples::new(&draws.points, 8_000, 6).unwrap();
    let params = GmmParams::new(2).covariance_type(SHAPE).reg_covar(0.0).tol(0.0).max_iter(150);
    let fit = with_threads(1, || params.clone().fit(&samples, 0).unwrap());
    assert_eq!(fit, with_threads(7, || params.fit(&samples, 0).unwrap()));
    for pair in fit.report.lower_bounds.windows(2) {
        assert!(pair[1] >= pair[0] - 1e-12, "{pair:?}");
    }
    let swap = usize::from(fit.model.mean(0)[0] > 2.5);
    for k in 0..2 {
        // Five standard errors of a variance of at most 6 from 3200 rows: 5 · 6 · sqrt(2 / 3200) =
        // 0.75.
        for (a, b) in fit.model.covariance(k ^ swap).iter().zip(truth.covariance(k)) {
            assert!((a - b).abs() < 0.75, "{a} {b}");
        }
    }
    // At least as likely as the truth, and less likely than full covariances, which have more
    // freedom.
    assert!(fit.report.score >= truth.score(&samples).unwrap());
    let full = GmmParams::new(2).tol(0.0).max_iter(150).fit(&samples, 0).unwrap();
    assert!(fit.report.score <= full.report.score + 1e-9);
    assert!(fit.report.bic < full.report.bic, "what BIC is for");
}

#[test]
fn few_rows_of_many_features_and_blocks() {
    let data = clusters(12, 64, 1, 0.0, 91);
    let samples = Samples::new(&data, 12, 64).unwrap();
    let fit = GmmParams::new(1).covariance_type(SHAPE).reg_covar(1e-2).fit(&samples, 0).unwrap();
    assert!(fit.report.score.is_finite());
    let adapted = fit.model.adapt(&samples, 4.0).unwrap().model;
    assert_eq!(adapted.covariance_type(), SHAPE);
    let mut em = StepwiseEm::new(fit.model.clone()).reg_covar(1e-2);
    let bound = em.step(&samples).unwrap();
    assert!((bound - fit.report.score).abs() < 1e-10);
    assert_eq!(em.model().covariance_type(), SHAPE);
    let params = GmmParams::new(1).covariance_type(CovarianceType::LowRank(64));
    let error = params.fit(&samples, 0).unwrap_err();
    assert_eq!(error, FitError::TooManyFactors { rank: 64, n_features: 64 });
}
