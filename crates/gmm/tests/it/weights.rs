//! Sample weights: a row of weight `w` counts like `w` such rows, and the scale of the weights is
//! irrelevant.

use crate::support::clusters;
use gmm::select::{Criterion, SweepParams, stability};
use gmm::{BayesianParams, CovarianceType, Covariances, GaussianMixture, GmmParams, Init, Samples};

/// 90 rows of 2 features in three overlapping clusters with weights 0 to 3, and the rows repeated
/// accordingly.
fn problem() -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let data = clusters(90, 2, 3, 2.0, 5);
    let weights: Vec<f64> = (0..90).map(|i| f64::from(i % 4)).collect();
    let repeated: Vec<f64> = (0..90).flat_map(|i| data[2 * i..2 * i + 2].repeat(i % 4)).collect();
    (data, weights, repeated)
}

fn start(shape: CovarianceType) -> Init {
    let covariances = match shape {
        CovarianceType::Full => Covariances::Full([4.0, 0.0, 0.0, 4.0].repeat(3)),
        CovarianceType::Tied => Covariances::Tied(vec![4.0, 0.0, 0.0, 4.0]),
        CovarianceType::Diag => Covariances::Diag(vec![4.0; 6]),
        _ => Covariances::Spherical(vec![4.0; 3]),
    };
    let means = vec![-2.0, 0.0, 2.0, 0.0, 0.0, 2.0];
    let model = GaussianMixture::from_parameters(vec![1.0 / 3.0; 3], means, covariances).unwrap();
    Init::Model(Box::new(model))
}

#[test]
fn integer_weights_and_repeated_rows_agree() {
    let (data, weights, repeated) = problem();
    let weighted = Samples::new(&data, 90, 2).unwrap().with_weights(&weights).unwrap();
    let repeated = Samples::new(&repeated, repeated.len() / 2, 2).unwrap();
    for shape in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
    ] {
        let sweep = SweepParams::new([3]).params(
            GmmParams::new(3).covariance_type(shape).init(start(shape)).tol(0.0).max_iter(30),
        );
        let a = sweep.run(&weighted, 0).unwrap().sweep.candidates[0].clone();
        let b = sweep.run(&repeated, 0).unwrap().sweep.candidates[0].clone();
        for (name, a, b) in [
            ("score", a.score, b.score),
            ("bic", a.bic, b.bic),
            ("aic", a.aic, b.aic),
            ("icl", a.icl, b.icl),
            ("silhouette", a.silhouette, b.silhouette),
            ("smallest weight", a.smallest_weight, b.smallest_weight),
        ] {
            // Sums of 135 terms in another order, over 30 iterations.
            assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{shape:?} {name}: {a} and {b}");
        }
    }
}

#[test]
fn rows_without_weight_never_make_a_start() {
    // Ten outliers of weight 0: no start may put a component there.
    let mut data = clusters(200, 2, 2, 4.0, 6);
    let mut weights = vec![1.0; 200];
    for row in 0..10 {
        data[2 * row] = 1e4;
        weights[row] = 0.0;
    }
    let samples = Samples::new(&data, 200, 2).unwrap().with_weights(&weights).unwrap();
    for init in
        [Init::ShortRuns, Init::KMeans, Init::KMeansParallel, Init::KMeansPlusPlus, Init::Random]
    {
        for seed in 0..10 {
            let fit = GmmParams::new(3).init(init.clone()).fit(&samples, seed).unwrap();
            let far = fit.model.means().iter().any(|m| *m > 1e3);
            assert!(!far && fit.report.repairs.is_empty(), "{init:?} {seed}: {:?}", fit.report);
        }
    }
}

#[test]
fn the_scale_of_weights_does_not_choose_the_number_of_components() {
    let data = clusters(300, 2, 3, 8.0, 9);
    let shares = vec![1.0 / 300.0; 300];
    let plain = Samples::new(&data, 300, 2).unwrap();
    let scaled = plain.with_weights(&shares).unwrap();
    assert!((scaled.effective_size() - 300.0).abs() < 1e-9);
    for criterion in [Criterion::Bic, Criterion::Aic, Criterion::Icl] {
        let sweep = SweepParams::new(1..=6).criterion(criterion).params(GmmParams::new(1));
        let (a, b) = (sweep.run(&plain, 1).unwrap(), sweep.run(&scaled, 1).unwrap());
        assert_eq!(a.best.model.n_components(), b.best.model.n_components(), "{criterion:?}");
        for (a, b) in a.sweep.candidates.iter().zip(&b.sweep.candidates) {
            let (a, b) = (a.value(criterion), b.value(criterion));
            assert!((a - b).abs() <= 1e-3 * a.abs(), "{criterion:?}: {a} and {b}");
        }
        let model = &a.best.model;
        let (a, b) = (model.bic(&plain).unwrap(), model.bic(&scaled).unwrap());
        assert!((a - b).abs() <= 1e-9 * a.abs());
    }
    // Unequal weights reduce the number of samples: (1 + 1 + 2)² / (1 + 1 + 4) = 8 / 3, and their
    // sum is 4.
    let unequal = Samples::new(&data[..6], 3, 2).unwrap().with_weights(&[1.0, 1.0, 2.0]).unwrap();
    assert!((unequal.effective_size() - 4.0).abs() < 1e-15);
    let shares = [0.25, 0.25, 0.5];
    let unequal = Samples::new(&data[..6], 3, 2).unwrap().with_weights(&shares).unwrap();
    assert!((unequal.effective_size() - 8.0 / 3.0).abs() < 1e-15);
}

#[test]
fn weights_that_sum_to_one_leave_the_bayesian_prior_finite() {
    let data = clusters(400, 2, 2, 4.0, 3);
    let samples = Samples::new(&data, 400, 2).unwrap();
    for factor in [1.0, 1.0 + 1e-15, 1.0 - 1e-15, 1.0 + 1e-12] {
        let shares = vec![factor / 400.0; 400];
        let scaled = samples.with_weights(&shares).unwrap();
        let fit = BayesianParams::new(2).fit(&scaled, 0).unwrap();
        let largest = fit.model.covariances().as_slice().iter().fold(0.0_f64, |m, v| m.max(*v));
        // The covariance of all rows is below 60.
        assert!(largest < 200.0, "{factor}: {largest}");
    }
}

#[test]
fn stability_counts_rows_by_weight() {
    // Half of the rows are noise of weight 0: only the clusters matter.
    let mut data = clusters(400, 2, 2, 12.0, 8);
    let noise = clusters(400, 2, 1, 0.0, 9);
    data.extend(noise.iter().map(|x| x * 30.0));
    let mut weights = vec![1.0; 400];
    weights.extend([0.0; 400]);
    let samples = Samples::new(&data, 800, 2).unwrap().with_weights(&weights).unwrap();
    let agreement = stability(&GmmParams::new(2), &samples, 3, 1).unwrap();
    assert!(agreement > 0.99, "{agreement}");
}
