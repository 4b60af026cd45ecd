//! Known mixtures are recovered, and samples have the expected moments.

use crate::support::clusters;
use gmm::select::SweepParams;
use gmm::{CovarianceType, Covariances, GaussianMixture, GmmParams, Init, Samples};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn known() -> GaussianMixture {
    GaussianMixture::from_parameters(
        vec![0.2, 0.5, 0.3],
        vec![0.0, 0.0, 6.0, 1.0, -5.0, 4.0],
        Covariances::Full(vec![1.0, 0.6, 0.6, 1.0, 2.0, -0.8, -0.8, 1.5, 0.5, 0.0, 0.0, 0.7]),
    )
    .unwrap()
}

#[test]
fn a_known_mixture_is_recovered() {
    let truth = known();
    for seed in 0..5 {
        let draws = truth.sample(6_000, &mut ChaCha8Rng::seed_from_u64(seed));
        let samples = Samples::new(&draws.points, 6_000, 2).unwrap();
        let fit = GmmParams::new(3).tol(1e-8).fit(&samples, seed).unwrap();
        assert!(fit.report.converged);
        for k in 0..3 {
            let distance = |j: &usize| -> f64 {
                fit.model.mean(*j).iter().zip(truth.mean(k)).map(|(a, b)| (a - b).powi(2)).sum()
            };
            let j = (0..3).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
            // Standard error of a mean: sqrt(2 / 1200) = 0.04; of a weight: sqrt(0.25 / 6000) =
            // 0.0065; of a variance at most 2 sqrt(2 / 1200) = 0.08. Five of each.
            assert!(distance(&j).sqrt() < 0.2, "mean of {k}");
            assert!((fit.model.weights()[j] - truth.weights()[k]).abs() < 0.033, "weight of {k}");
            for (a, b) in fit.model.covariance(j).iter().zip(truth.covariance(k)) {
                assert!((a - b).abs() < 0.4, "covariance of {k}: {a} {b}");
            }
        }
    }
}

#[test]
fn draws_from_a_component_have_its_moments() {
    let truth = known();
    let n = 20_000;
    for k in 0..3 {
        let points = truth.sample_component(k, n, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let samples = Samples::new(&points, n, 2).unwrap();
        let fit = GmmParams::new(1).reg_covar(0.0).fit(&samples, 0).unwrap();
        // Five standard errors: 5 sqrt(2 / 20000) = 0.05 for means, 5 * 2 sqrt(2 / 20000) = 0.1 for
        // covariances.
        for (a, b) in fit.model.mean(0).iter().zip(truth.mean(k)) {
            assert!((a - b).abs() < 0.05);
        }
        for (a, b) in fit.model.covariance(0).iter().zip(truth.covariance(k)) {
            assert!((a - b).abs() < 0.1);
        }
    }
    assert!(truth.sample_component(3, 1, &mut ChaCha8Rng::seed_from_u64(1)).is_err());
}

#[test]
fn draws_follow_the_weights() {
    let truth = known();
    let draws = truth.sample(50_000, &mut ChaCha8Rng::seed_from_u64(2));
    for k in 0..3 {
        let share = draws.components.iter().filter(|c| **c == k).count() as f64 / 50_000.0;
        // Five standard errors: 5 sqrt(0.25 / 50000) = 0.011.
        assert!((share - truth.weights()[k]).abs() < 0.011);
    }
}

#[test]
fn whitening_finds_clusters_that_a_wide_axis_hides() {
    // Four clusters on two axes, and a third axis of noise 30 times as wide.
    let n = 2_000;
    let mut found = [0, 0, 0];
    for seed in 0..10 {
        let mut data = clusters(n, 3, 1, 0.0, 100 + seed);
        for (i, row) in data.chunks_mut(3).enumerate() {
            row[0] += if i % 2 == 0 { 4.0 } else { -4.0 };
            row[1] += if i % 4 < 2 { 4.0 } else { -4.0 };
            row[2] *= 30.0;
        }
        let samples = Samples::new(&data, n, 3).unwrap();
        let params = || GmmParams::new(4).covariance_type(CovarianceType::Full).max_iter(10);
        let kinds = [
            params().init(Init::KMeans).whiten(false),
            params().init(Init::KMeans),
            // The default, which uses both.
            params(),
        ];
        for (count, params) in found.iter_mut().zip(kinds) {
            let fit = params.fit(&samples, seed).unwrap();
            let labels = fit.model.predict(&samples).unwrap();
            let pure = (0..4).all(|cell| {
                let of_cell: Vec<usize> =
                    (0..n).filter(|i| i % 4 == cell).map(|i| labels[i]).collect();
                of_cell.iter().filter(|l| **l == of_cell[0]).count() * 100 > of_cell.len() * 98
            });
            *count += usize::from(pure);
        }
    }
    assert!(found[1] >= 9, "whitened starts found the clusters in {} of 10 seeds", found[1]);
    assert!(found[1] > found[0], "whitened {} of 10, raw {} of 10", found[1], found[0]);
    assert_eq!(found[2], 10, "the default start");
}

#[test]
fn the_default_start_finds_clusters_that_make_up_an_axis() {
    // Three clusters along the first of two axes: they themselves cause the variance of this axis,
    // so whitening hides them.
    let n = 600;
    for gap in [8.0, 25.0, 100.0] {
        let mut data = clusters(n, 2, 1, 0.0, 41);
        for (i, row) in data.chunks_mut(2).enumerate() {
            row[0] += gap * (i % 3) as f64;
        }
        let samples = Samples::new(&data, n, 2).unwrap();
        for covariance_type in [
            CovarianceType::Full,
            CovarianceType::Tied,
            CovarianceType::Diag,
            CovarianceType::Spherical,
        ] {
            for seed in 0..20 {
                let params = GmmParams::new(3).covariance_type(covariance_type);
                let labels = params.fit(&samples, seed).unwrap().model.predict(&samples).unwrap();
                // At a gap of 8, one row in 30,000 is beyond the midpoint between two clusters.
                let wrong = (0..n).filter(|i| labels[*i] != labels[i % 3]).count();
                assert!(wrong <= 1, "{covariance_type:?}, gap {gap}, seed {seed}: {wrong} wrong");
            }
        }
        let params = GmmParams::new(1).covariance_type(CovarianceType::Diag);
        for seed in 0..5 {
            let chosen =
                SweepParams::new(1..=6).params(params.clone()).run(&samples, seed).unwrap();
            assert_eq!(chosen.best.model.n_components(), 3, "gap {gap}, seed {seed}");
        }
    }
}

#[test]
fn the_default_start_works_on_a_subset_of_many_rows() {
    // 40,000 rows of eight clusters: the runs use a part of them, the fit all.
    let (n, k) = (40_000, 8);
    let data = clusters(n, 3, k, 12.0, 77);
    let samples = Samples::new(&data, n, 3).unwrap();
    // Diagonal covariances continue the run on a subset, full ones its k-means.
    for covariance_type in [CovarianceType::Diag, CovarianceType::Full] {
        let params = GmmParams::new(k).covariance_type(covariance_type);
        let score = |seed| params.clone().fit(&samples, seed).unwrap().report.score;
        let fits: Vec<f64> = (0..5).map(score).collect();
        // k-means, which also finds separated clusters, gives the best optimum.
        let others = params.init(Init::KMeans).n_init(10).fit(&samples, 0).unwrap();
        for score in &fits {
            let best = others.report.score;
            assert!(best - score < 1e-3, "{covariance_type:?}: {best} and {fits:?}");
        }
    }
}

#[test]
fn starts_from_all_rows_find_what_a_subset_misses() {
    // Four of 60,000 rows are far away; for one seed in four, the 16,384 rows used by k-means
    // contain none of them.
    let n = 60_000;
    let mut data = clusters(n, 2, 2, 3.0, 32);
    for row in [7, 20_000, 41_111, 59_990] {
        data[2 * row] += 400.0;
        data[2 * row + 1] -= 300.0;
    }
    let samples = Samples::new(&data, n, 2).unwrap();
    let found = |init: Init| {
        let has_far = |seed: &u64| {
            let params = GmmParams::new(3).init(init.clone()).max_iter(5);
            let model = params.fit(&samples, *seed).unwrap().model;
            (0..3).any(|k| model.mean(k)[0] > 300.0)
        };
        (0..10).filter(has_far).count()
    };
    assert_eq!(found(Init::KMeansParallel), 10);
    let of_a_subset = found(Init::KMeans);
    assert!(of_a_subset < 10, "k-means on a subset found it {of_a_subset} times of 10");
}

#[test]
fn the_bound_never_falls() {
    let data = clusters(3_000, 4, 5, 1.0, 31);
    let samples = Samples::new(&data, 3_000, 4).unwrap();
    for covariance_type in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
        CovarianceType::LowRank(2),
    ] {
        let params = GmmParams::new(5).covariance_type(covariance_type).reg_covar(0.0);
        let fit = params.tol(0.0).max_iter(60).fit(&samples, 2).unwrap();
        for pair in fit.report.lower_bounds.windows(2) {
            // Rounding of a mean over 3000 values near 10.
            assert!(pair[1] >= pair[0] - 1e-13 * pair[0].abs(), "{covariance_type:?}: {pair:?}");
        }
        assert!(fit.report.score >= fit.report.lower_bounds[59] - 1e-12);
    }
}

#[test]
fn the_default_start_beats_the_best_of_many_k_means() {
    // Thirty clusters that touch: k-means puts two centers in some and none in others.
    let data = clusters(900, 2, 30, 12.0, 77);
    let samples = Samples::new(&data, 900, 2).unwrap();
    for seed in 0..3 {
        let default = GmmParams::new(30).fit(&samples, seed).unwrap().report.score;
        let others = GmmParams::new(30).init(Init::KMeans).n_init(16).fit(&samples, seed).unwrap();
        assert!(default > others.report.score + 5e-3, "{default} {}", others.report.score);
    }
}
