//! Priors, adaptation and shrinkage: valid and useful with fewer samples than features.

use crate::support::clusters;
use gmm::{
    CovarianceType, Covariances, FitError, GaussianMixture, GmmParams, Init, Prior, Samples,
    Shrinkage,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn map_in_one_dimension_by_hand() {
    // Rows 1 and 3: n = 2, mean 2, scatter 2. Prior: m0 = 0, Σ0 = 1, κ0 = 2, ν0 = 3, so S0 = (3 +
    // 3) · 1 = 6. μ = (2 · 0 + 2 · 2) / 4 = 1; Σ = (6 + 2 + 2 · 2 / 4 · 4) / (3 + 2 + 3) = 12 / 8.
    let data = [1.0, 3.0];
    let samples = Samples::new(&data, 2, 1).unwrap();
    let prior = Prior::new(vec![0.0], vec![1.0]).unwrap();
    let prior = prior.mean_strength(2.0).covariance_strength(3.0);
    for covariance_type in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
    ] {
        let params = GmmParams::new(1).covariance_type(covariance_type).prior(prior.clone());
        let fit = params.reg_covar(0.0).fit(&samples, 0).unwrap();
        assert!((fit.model.mean(0)[0] - 1.0).abs() < 1e-14);
        assert!((fit.model.covariance(0)[0] - 1.5).abs() < 1e-14, "{covariance_type:?}");
        let shares = fit.report.prior_shares[0];
        assert!((shares.mean - 0.5).abs() < 1e-15 && (shares.covariance - 0.75).abs() < 1e-15);
    }
    let wrong = Prior::new(vec![0.0; 2], vec![1.0, 0.0, 0.0, 1.0]).unwrap();
    assert!(matches!(
        GmmParams::new(1).prior(wrong).fit(&samples, 0),
        Err(FitError::PriorFeatures { found: 2, expected: 1 })
    ));
}

#[test]
fn map_in_two_dimensions_by_hand() {
    // Rows (1, 0) and (3, 2): n = 2, mean (2, 1), scatter 2 everywhere. Prior: m0 = 0, Σ0 = I,
    // κ0 = 2, ν0 = 4. μ = (1, ½). The mean adds 2 · 2 / 4 · (4, 2; 2, 1). With D = 2, S0 = 8 I and
    // the divisor is 4 + 2 + 4 = 10; feature by feature they are 7 and 4 + 2 + 3 = 9.
    let data = [1.0, 0.0, 3.0, 2.0];
    let samples = Samples::new(&data, 2, 2).unwrap();
    let prior = Prior::new(vec![0.0; 2], vec![1.0, 0.0, 0.0, 1.0]).unwrap();
    let prior = prior.mean_strength(2.0).covariance_strength(4.0);
    let dense = [1.4, 0.4, 0.4, 1.1];
    for (covariance_type, wanted) in [
        (CovarianceType::Full, dense),
        (CovarianceType::Tied, dense),
        (CovarianceType::Diag, [13.0 / 9.0, 0.0, 0.0, 10.0 / 9.0]),
        (CovarianceType::Spherical, [11.5 / 9.0, 0.0, 0.0, 11.5 / 9.0]),
    ] {
        let params = GmmParams::new(1).covariance_type(covariance_type).prior(prior.clone());
        let fit = params.reg_covar(0.0).fit(&samples, 0).unwrap();
        let found = [fit.model.mean(0), &fit.model.covariance(0)].concat();
        for (found, wanted) in found.iter().zip([1.0, 0.5].iter().chain(&wanted)) {
            assert!((found - wanted).abs() < 1e-14, "{covariance_type:?}: {found} {wanted}");
        }
    }
}

#[test]
fn a_prior_carries_components_that_have_no_rows() {
    let data = [0.0, 0.1, 0.2, 0.3];
    let samples = Samples::new(&data, 4, 1).unwrap();
    let prior = Prior::new(vec![9.0], vec![2.0]).unwrap().weight_concentration(2.0);
    let fit = GmmParams::new(2)
        .prior(prior)
        .init(Init::Labels(vec![0; 4]))
        .max_iter(1)
        .reg_covar(0.0)
        .fit(&samples, 0)
        .unwrap();
    assert_eq!(fit.report.repairs.len(), 0);
    assert!(fit.model.weights()[1] > 0.0);
    assert!((fit.model.mean(1)[0] - 9.0).abs() < 0.1);
    assert!(fit.report.prior_shares[1].covariance > 0.99);
}

/// Twelve rows in 64 dimensions, evaluated by the likelihood of other rows.
#[test]
fn few_rows_of_many_features() {
    let (n, d) = (12, 64);
    let population = clusters(2_000, d, 6, 0.7, 81);
    let population = Samples::new(&population, 2_000, d).unwrap();
    let diag = || GmmParams::new(2).covariance_type(CovarianceType::Diag);
    let many = diag().n_components(6).fit(&population, 0).unwrap().model;
    let own = many.sample_component(3, n + 400, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
    let few = Samples::new(&own[..n * d], n, d).unwrap();
    let unseen = Samples::new(&own[n * d..], 400, d).unwrap();
    let held_out = |model: &GaussianMixture| model.score(&unseen).unwrap();

    let plain = held_out(&diag().fit(&few, 0).unwrap().model);
    let prior = Prior::from_population(&many).unwrap().mean_strength(1.0).covariance_strength(50.0);
    let map = held_out(&diag().prior(prior).fit(&few, 0).unwrap().model);
    let full = |shrinkage| {
        let fit = GmmParams::new(1).shrinkage(shrinkage).fit(&few, 0).unwrap();
        assert!(fit.report.prior_shares[0].covariance > 0.5, "12 rows say little of 2080 values");
        held_out(&fit.model)
    };
    let (oas, ledoit_wolf) = (full(Shrinkage::Oas), full(Shrinkage::LedoitWolf));
    let adapted = many.adapt(&few, 16.0).unwrap();
    assert!(adapted.shares.iter().all(|a| (0.0..1.0).contains(a)));
    let adapted = held_out(&adapted.model);
    // The true component can't be beaten on average. Each method must recover more than half of the
    // plain fit's loss compared with it.
    let truth = held_out(&many.only(&[3]).unwrap());
    for (name, score) in
        [("map", map), ("oas", oas), ("ledoit-wolf", ledoit_wolf), ("adapted", adapted)]
    {
        assert!(score > f64::midpoint(plain, truth), "{name}: {score}, {plain} to {truth}");
    }
    let prior = Prior::from_samples(&few, 2).unwrap();
    assert!(diag().prior(prior).fit(&few, 0).unwrap().report.score.is_finite());
}

#[test]
fn adaptation_by_hand() {
    // One component N(0, 1), rows 2 and 4, relevance 2: a = 1/2, mean 1.5,
    // variance ½ · 1 + ½ · 1 + ¼ · 9 = 3.25.
    let old = GaussianMixture::from_parameters(vec![1.0], vec![0.0], Covariances::Full(vec![1.0]))
        .unwrap();
    let rows = [2.0, 4.0];
    let samples = Samples::new(&rows, 2, 1).unwrap();
    let adapted = old.adapt(&samples, 2.0).unwrap();
    assert!((adapted.shares[0] - 0.5).abs() < 1e-15);
    assert!((adapted.model.mean(0)[0] - 1.5).abs() < 1e-15);
    assert!((adapted.model.covariance(0)[0] - 3.25).abs() < 1e-15);
    assert!(old.adapt(&samples, 0.0).is_err());
    let unmoved = old.adapt(&samples, 1e12).unwrap();
    assert!(unmoved.model.mean(0)[0].abs() < 1e-10);
}

#[test]
fn adaptation_in_two_dimensions_by_hand() {
    // N(0, I), rows (2, 1) and (4, 1), relevance 2: a = ½, mean (1.5, 0.5), and the covariance is
    // ½ (1, 0; 0, 0) + ½ I + ¼ (9, 3; 3, 1).
    for (covariances, between) in [
        (Covariances::Full(vec![1.0, 0.0, 0.0, 1.0]), 0.75),
        (Covariances::Diag(vec![1.0, 1.0]), 0.0),
    ] {
        let old = GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], covariances).unwrap();
        let rows = [2.0, 1.0, 4.0, 1.0];
        let adapted = old.adapt(&Samples::new(&rows, 2, 2).unwrap(), 2.0).unwrap().model;
        let found = [adapted.mean(0), &adapted.covariance(0)].concat();
        for (found, wanted) in found.iter().zip([1.5, 0.5, 3.25, between, between, 0.75]) {
            assert!((found - wanted).abs() < 1e-14, "{found} {wanted}");
        }
    }
}

#[test]
fn adaptation_about_the_new_mean_by_hand() {
    // As above with relevances 2 and 6: mean 1.5 by 1/2; variance by 1/4, of 1 and 1; neither
    // includes the movement of the mean. Distant rows: ¼ · 9 + ¾ · 1 = 3.
    for covariances in [Covariances::Full(vec![1.0]), Covariances::Diag(vec![1.0])] {
        let old = GaussianMixture::from_parameters(vec![1.0], vec![0.0], covariances).unwrap();
        for (rows, mean, variance) in [([2.0, 4.0], 1.5, 1.0), ([0.0, 6.0], 1.5, 3.0)] {
            let samples = Samples::new(&rows, 2, 1).unwrap();
            let adapted = old.adapt_about(&samples, 2.0, 6.0).unwrap();
            assert!((adapted.shares[0] - 0.5).abs() < 1e-15);
            assert!((adapted.model.mean(0)[0] - mean).abs() < 1e-15);
            assert!((adapted.model.covariance(0)[0] - variance).abs() < 1e-15);
        }
        let samples = Samples::new(&[1.0], 1, 1).unwrap();
        assert!(old.adapt_about(&samples, 1.0, 0.0).is_err());
    }
}
