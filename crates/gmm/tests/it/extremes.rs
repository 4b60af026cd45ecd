//! Values and parameters at numerical limits, and rejected input.

use crate::support::clusters;
use gmm::select::{Criterion, SweepParams};
use gmm::{
    CovarianceType, Covariances, Gaussian, GaussianMixture, GmmParams, Init, ModelError, Samples,
    SufficientStats,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn two(weights: [f64; 2]) -> GaussianMixture {
    let covariances = Covariances::Spherical(vec![1.0, 1.0]);
    GaussianMixture::from_parameters(weights.to_vec(), vec![0.0, 10.0], covariances).unwrap()
}

#[test]
fn tied_covariances_of_clusters_far_apart_keep_their_digits() {
    let n = 3_000;
    let within = clusters(n, 2, 1, 0.0, 12);
    // Relative to each cluster's own mean, computed directly.
    let mut wanted = [0.0; 3];
    for cluster in 0..3 {
        let rows = || (0..n).filter(move |i| i % 3 == cluster).map(|i| &within[2 * i..2 * i + 2]);
        let mean = |j: usize| rows().map(|row| row[j]).sum::<f64>() / (n / 3) as f64;
        let (x, y) = (mean(0), mean(1));
        for row in rows() {
            wanted[0] += (row[0] - x).powi(2) / n as f64;
            wanted[1] += (row[0] - x) * (row[1] - y) / n as f64;
            wanted[2] += (row[1] - y).powi(2) / n as f64;
        }
    }
    // Distance, and the possible effect of rounding the data themselves: the distance times half a
    // unit in the last place.
    let check = |covariance: &[f64], allowed: f64| {
        for (found, wanted) in [covariance[0], covariance[1], covariance[3]].iter().zip(wanted) {
            assert!((found - 1e-6 - wanted).abs() < allowed + 2e-6, "{found} for {wanted}");
        }
    };
    for (distance, allowed) in [(1e3, 1e-9), (1e7, 1e-7)] {
        let mut data = within.clone();
        for (i, row) in data.chunks_mut(2).enumerate() {
            row[0] += distance * (i % 3) as f64;
            row[1] -= distance * (i % 3) as f64;
        }
        let samples = Samples::new(&data, n, 2).unwrap();
        let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
        let params = GmmParams::new(3).covariance_type(CovarianceType::Tied);
        let fit = params.init(Init::Labels(labels)).fit(&samples, 0).unwrap();
        check(fit.model.covariances().as_slice(), allowed);
    }
    let narrow: Vec<f32> = (within.chunks(2).enumerate())
        .flat_map(|(i, row)| [row[0] + 3e3 * (i % 3) as f64, row[1] - 3e3 * (i % 3) as f64])
        .map(|x| x as f32)
        .collect();
    let samples = Samples::new(&narrow, n, 2).unwrap();
    let params = GmmParams::new(3).covariance_type(CovarianceType::Tied);
    let fit = params.fit(&samples, 0).unwrap();
    // f32 holds 6000 to 2.4e-4.
    check(fit.model.covariances().as_slice(), 1e-3);
}

#[test]
fn without_a_heavy_component_the_rest_sums_to_one() {
    for small in [1e-3, 1e-12, 1e-16, 1e-200] {
        let rest = Covariances::Spherical(vec![1.0; 3]);
        let weights = vec![1.0 - 2.0 * small, small, small];
        let mixture = GaussianMixture::from_parameters(weights, vec![0.0, 1.0, 2.0], rest).unwrap();
        let left = mixture.without(0).unwrap();
        assert_eq!(left.weights(), [0.5, 0.5], "{small}");
        let text = serde_json::to_string(&left).unwrap();
        assert_eq!(serde_json::from_str::<GaussianMixture>(&text).unwrap(), left);
    }
    let all = two([1.0, 0.0]);
    assert_eq!(all.without(0), Err(ModelError::NoComponents));
}

#[test]
fn ranks_that_are_none_are_refused() {
    for rank in [0, usize::MAX] {
        let covariances = Covariances::LowRank { rank, values: vec![1.0, 1.0] };
        let found = GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], covariances);
        assert_eq!(found, Err(ModelError::Rank { rank }));
        let file = format!(
            r#"{{"format": "gmm.mixture", "version": 1, "covariance_type": {{"low_rank": {rank}}},
            "n_components": 1, "n_features": 2, "weights": [1.0], "means": [[0.0, 0.0]],
            "covariances": [[[1.0], [1.0]]]}}"#
        );
        assert!(serde_json::from_str::<GaussianMixture>(&file).is_err());
    }
}

#[test]
fn matrices_must_be_symmetric() {
    let make = |upper: f64| {
        let full = Covariances::Full(vec![2.0, upper, 0.5, 1.0]);
        GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], full)
    };
    assert!(matches!(
        make(0.7),
        Err(ModelError::NotSymmetric { matrix: 0, row: 1, column: 0, .. })
    ));
    // Rounding errors are corrected.
    let mended = make(0.5 + 1e-15).unwrap();
    assert_eq!(mended.covariance(0), [2.0, 0.5, 0.5, 1.0]);
    let one = Gaussian::new(vec![0.0, 0.0], vec![2.0, -0.5, 0.5, 1.0]);
    assert!(matches!(one, Err(ModelError::NotSymmetric { .. })));
    let tied = Covariances::Tied(vec![2.0, 0.4, 0.5, 1.0]);
    let tied = GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], tied);
    assert!(matches!(tied, Err(ModelError::NotSymmetric { .. })));
}

#[test]
fn an_error_about_one_matrix_names_no_component() {
    let error = Gaussian::new(vec![0.0, 0.0], vec![1.0, 2.0, 2.0, 1.0]).unwrap_err();
    assert_eq!(error.to_string(), "the covariance is not positive definite");
}

#[test]
fn statistics_of_any_scale_give_the_same_mixture_and_of_none_an_error() {
    let data = clusters(200, 2, 2, 4.0, 14);
    let samples = Samples::new(&data, 200, 2).unwrap();
    let start = GmmParams::new(2).fit(&samples, 0).unwrap().model;
    let stats = SufficientStats::collect(&start, &samples).unwrap();
    let wanted = stats.maximize(1e-6, &start).unwrap();
    for factor in [1e-12, 1e-100, 1e100] {
        let mut scaled = stats.clone();
        scaled.scale(factor);
        let found = scaled.maximize(1e-6, &start).unwrap();
        for (a, b) in found.means().iter().zip(wanted.means()) {
            assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{factor}: {a} {b}");
        }
    }
    for factor in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        let mut scaled = stats.clone();
        scaled.scale(factor);
        let found = scaled.maximize(1e-6, &start);
        assert!(matches!(found, Err(ModelError::BadValue { .. })), "{factor}: {found:?}");
    }
    let mut other = serde_json::to_value(&stats).unwrap();
    other["format"] = "other".into();
    let other: SufficientStats = serde_json::from_value(other).unwrap();
    let text = other.check_format().unwrap_err().to_string();
    assert!(text.contains("statistics") && text.contains("gmm.stats"), "{text}");
}

#[test]
fn rows_at_the_end_of_the_world_have_a_nearest_component() {
    let mixture = two([0.5, 0.5]);
    for (x, nearest) in [(1e160, 1), (-1e160, 0), (1e300, 1), (-f64::MAX, 0), (f64::MAX, 1)] {
        let data = [x];
        let samples = Samples::new(&data, 1, 1).unwrap();
        assert_eq!(mixture.predict(&samples).unwrap(), [nearest], "{x}");
        let proba = mixture.predict_proba(&samples).unwrap();
        assert!((proba.row(0).iter().sum::<f64>() - 1.0).abs() < 1e-12, "{x}: {proba:?}");
        assert_eq!(proba.labels(), [nearest]);
    }
    for (x, nearest) in [(1e25_f32, 1), (-1e25, 0), (f32::MAX, 1)] {
        let data = [x];
        let samples = Samples::new(&data, 1, 1).unwrap();
        assert_eq!(mixture.predict(&samples).unwrap(), [nearest], "{x}");
        // -½ x² is finite in f64.
        let score = mixture.score_samples(&samples).unwrap()[0];
        let wanted = -0.5 * f64::from(x).powi(2);
        assert!((score / wanted - 1.0).abs() < 1e-12, "{score} {wanted}");
    }
    // Functions that sum squares reject such rows instead of dropping them.
    let data = [0.0, 1e160];
    let samples = Samples::new(&data, 2, 1).unwrap();
    let refused = SufficientStats::collect(&mixture, &samples);
    assert!(matches!(refused, Err(ModelError::TooLarge { row: 1, column: 0, .. })));
    assert!(matches!(mixture.adapt(&samples, 1.0), Err(ModelError::TooLarge { .. })));
}

#[test]
fn a_radius_next_to_nothing_draws_the_mean() {
    let mixture = two([0.5, 0.5]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for radius in [1e-200, 1e-160, f64::MIN_POSITIVE, 1e-10] {
        let drawn = mixture.sample_component_within(1, radius, 20, &mut rng).unwrap();
        assert!(drawn.iter().all(|x| (x - 10.0).abs() <= radius + 1e-14), "{radius}");
    }
}

#[test]
fn entries_that_fail_are_told_and_the_others_stand() {
    // Two distinct rows: without regularization, three full components are singular.
    let data: Vec<f64> = (0..40).flat_map(|i| [f64::from(i % 2), f64::from(i % 4)]).collect();
    let samples = Samples::new(&data, 40, 2).unwrap();
    let sweep = SweepParams::new(1..=6).params(GmmParams::new(1).reg_covar(0.0));
    let found = sweep.run(&samples, 0).unwrap();
    assert!(!found.sweep.failed.is_empty(), "{:?}", found.sweep);
    assert!(found.sweep.failed.iter().all(|f| f.reason.contains("singular")));
    let n_entries = found.sweep.candidates.len() + found.sweep.failed.len();
    assert_eq!(n_entries, 6);
}

#[test]
fn held_out_folds_do_not_follow_a_period() {
    // Every fifth row belongs to one cluster: folds by position would hold out the entire cluster.
    let n = 500;
    let mut data = clusters(n, 1, 1, 0.0, 20);
    data.iter_mut().enumerate().for_each(|(i, x)| *x += 10.0 * (i % 5) as f64);
    let samples = Samples::new(&data, n, 1).unwrap();
    let sweep = SweepParams::new([5]).criterion(Criterion::HeldOut).params(GmmParams::new(5));
    let entry = &sweep.run(&samples, 0).unwrap().sweep.candidates[0];
    let gap = entry.score - entry.held_out.unwrap();
    // 14 parameters over 500 rows cost a few hundredths of a nat.
    assert!(gap.abs() < 0.1, "{gap}");
}

#[test]
fn badly_scaled_gaussians_have_transports_and_barycenters() {
    // Standard deviations from 1 to 1e4, with all correlations 0.5.
    let scaled = |scales: [f64; 3]| {
        let value = |i: usize, j: usize| scales[i] * scales[j] * if i == j { 1.0 } else { 0.5 };
        let covariance = (0..9).map(|at| value(at / 3, at % 3)).collect();
        Gaussian::new(vec![0.0; 3], covariance).unwrap()
    };
    let (a, b) = (scaled([1.0, 1e2, 1e4]), scaled([3.0, 50.0, 2e4]));
    let map = a.transport_to(&b).unwrap();
    // M Σ₁ M = Σ₂, each value in units of its features.
    let matrix: Vec<Vec<f64>> = (0..3)
        .map(|j| {
            let mut unit = [0.0; 3];
            unit[j] = 1.0;
            map.apply(&unit)
        })
        .collect();
    let at = |m: &[f64], i: usize, j: usize| m[3 * i + j];
    for i in 0..3 {
        for j in 0..3 {
            let mut carried = 0.0;
            for p in 0..3 {
                for q in 0..3 {
                    carried += matrix[p][i] * at(a.covariance(), p, q) * matrix[q][j];
                }
            }
            let wanted = at(b.covariance(), i, j);
            assert!((carried / wanted - 1.0).abs() < 1e-6, "{i} {j}: {carried} {wanted}");
        }
    }
    assert!(a.wasserstein(&b).unwrap().is_finite());
    // Beyond that the map loses digits, but still exists.
    let (narrow, wide) = (scaled([1e-4, 1.0, 1e4]), scaled([1e4, 1.0, 1e-4]));
    assert!(narrow.transport_to(&wide).is_ok());
    assert!(Gaussian::barycenter(&[(0.5, &narrow), (0.5, &wide)]).is_ok());
    let between = Gaussian::barycenter(&[(0.5, &a), (0.5, &b)]).unwrap();
    // Halfway along the transport: (I + M) Σ₁ (I + M) / 4.
    for i in [0, 1, 2] {
        let mut wanted = 0.0;
        for p in 0..3 {
            for q in 0..3 {
                let half = |r: usize| f64::midpoint(matrix[r][i], if r == i { 1.0 } else { 0.0 });
                wanted += half(p) * at(a.covariance(), p, q) * half(q);
            }
        }
        let found = at(between.covariance(), i, i);
        assert!((found / wanted - 1.0).abs() < 1e-6, "{i}: {found} {wanted}");
    }
}

/// Twenty rows 1 apart, and two equal distant ones: a component with only those has no variance.
fn rows_and_a_repeated_one() -> Vec<f64> {
    (0..20).map(f64::from).chain([40.0, 40.0]).collect()
}

#[test]
fn a_start_that_fails_does_not_fail_the_others() {
    let rows = rows_and_a_repeated_one();
    let samples = Samples::new(&rows, rows.len(), 1).unwrap();
    let params = GmmParams::new(2).init(Init::KMeansPlusPlus).reg_covar(0.0).max_iter(2).n_init(10);
    let fit = params.fit(&samples, 1).unwrap();
    let failed: Vec<usize> = fit.report.failed_starts.iter().map(|f| f.start).collect();
    assert!(!failed.is_empty(), "no start gave a component the repeated rows alone");
    assert!(!failed.contains(&fit.report.best_init), "{failed:?}");
    assert_eq!(failed.len() + fit.report.starts.len(), 10);
    for failure in &fit.report.failed_starts {
        assert!(failure.reason.contains("singular covariance"), "{}", failure.reason);
    }
    let best = fit.report.starts.iter().map(|start| start.score).fold(f64::MIN, f64::max);
    assert!((fit.report.score - best).abs() < f64::EPSILON * best.abs());
}

#[test]
fn if_all_starts_fail_the_error_is_that_of_the_first() {
    let rows = rows_and_a_repeated_one();
    let samples = Samples::new(&rows, rows.len(), 1).unwrap();
    let labels = (0..22).map(|row| usize::from(row >= 20)).collect();
    let error = GmmParams::new(2).init(Init::Labels(labels)).reg_covar(0.0).fit(&samples, 1);
    assert!(matches!(error, Err(gmm::FitError::Singular { component: 1, .. })), "{error:?}");
}
