//! Bad input: each gives a specific error or a valid result, never NaN and never a panic.

use gmm::select::{SelectError, SweepParams};
use gmm::{CovarianceType, Fit, FitError, GmmParams, Init, ModelError, RepairAction, Samples};
use std::ops::ControlFlow;

const TYPES: [CovarianceType; 4] =
    [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];

fn assert_sound(fit: &Fit) {
    let model = &fit.model;
    assert!((model.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12, "{:?}", model.weights());
    assert!(model.means().iter().all(|v| v.is_finite()));
    assert!(model.covariances().as_slice().iter().all(|v| v.is_finite()));
    assert!(fit.report.lower_bounds.iter().all(|v| v.is_finite()));
    assert!(fit.report.score.is_finite());
}

#[test]
fn too_few_samples() {
    let data = [1.0, 2.0];
    let samples = Samples::new(&data, 2, 1).unwrap();
    assert_eq!(
        GmmParams::new(3).fit(&samples, 0).unwrap_err(),
        FitError::TooFewSamples { n_samples: 2, n_components: 3 }
    );
    assert_eq!(
        SweepParams::new(1..=3).run(&samples, 0).unwrap_err(),
        SelectError::TooFewSamples { n_samples: 2, n_components: 3 }
    );
    assert_eq!(SweepParams::new([]).run(&samples, 0).unwrap_err(), SelectError::Empty);
}

#[test]
fn one_point() {
    let data = [1.0, 2.0, 3.0];
    let samples = Samples::new(&data, 1, 3).unwrap();
    for covariance_type in TYPES {
        let fit = GmmParams::new(1).covariance_type(covariance_type).fit(&samples, 0).unwrap();
        assert_sound(&fit);
        assert_eq!(fit.model.mean(0), &[1.0, 2.0, 3.0]);
    }
}

#[test]
fn duplicates_only() {
    let data = [2.0, -1.0].repeat(30);
    let samples = Samples::new(&data, 30, 2).unwrap();
    for covariance_type in TYPES {
        for init in [Init::KMeans, Init::KMeansPlusPlus, Init::KMeansParallel, Init::Random] {
            let params = GmmParams::new(3).covariance_type(covariance_type).init(init);
            let fit = params.fit(&samples, 5).unwrap();
            assert_sound(&fit);
        }
        let params = GmmParams::new(3).covariance_type(covariance_type).reg_covar(0.0);
        let error = params.fit(&samples, 5).unwrap_err();
        assert!(matches!(error, FitError::Singular { .. }), "{error}");
    }
}

#[test]
fn starved_components_are_moved_and_reported() {
    // Labels leave component 1 without a row.
    let data = [0.0, 0.1, 0.2, 9.0, 9.1, 9.2];
    let samples = Samples::new(&data, 6, 1).unwrap();
    let fit = GmmParams::new(2).init(Init::Labels(vec![0; 6])).fit(&samples, 0).unwrap();
    assert_sound(&fit);
    assert_eq!(fit.report.repairs[0].iteration, 0);
    assert_eq!(fit.report.repairs[0].component, 1);
    assert!(matches!(fit.report.repairs[0].action, RepairAction::Reseeded { .. }));
}

#[test]
fn constant_columns() {
    let data: Vec<f64> = (0..40).flat_map(|i| [f64::from(i % 5), 7.0]).collect();
    let samples = Samples::new(&data, 40, 2).unwrap();
    for covariance_type in TYPES {
        let fit = GmmParams::new(2).covariance_type(covariance_type).fit(&samples, 1).unwrap();
        assert_sound(&fit);
        assert!((fit.model.mean(0)[1] - 7.0).abs() < 1e-12, "a constant keeps its value");
    }
}

#[test]
fn extreme_scales() {
    let data = [1e300, 2e300, -1e300, 4e299];
    let samples = Samples::new(&data, 4, 1).unwrap();
    assert!(matches!(
        GmmParams::new(2).fit(&samples, 0).unwrap_err(),
        FitError::TooLarge { row: 0, column: 0, .. }
    ));
    for scale in [1e120, 1e-120] {
        let data: Vec<f64> = [1.0, 2.0, 3.0, 11.0, 12.0, 13.5].map(|x| x * scale).to_vec();
        let samples = Samples::new(&data, 6, 1).unwrap();
        for covariance_type in TYPES {
            let params = GmmParams::new(2).covariance_type(covariance_type);
            assert_sound(&params.fit(&samples, 1).unwrap());
        }
    }
    let data = [1e30_f32, 0.0];
    assert!(matches!(
        GmmParams::new(1).fit(&Samples::new(&data, 2, 1).unwrap(), 0).unwrap_err(),
        FitError::TooLarge { .. }
    ));
}

#[test]
fn starts_that_do_not_fit() {
    let data = [0.0, 1.0, 2.0];
    let samples = Samples::new(&data, 3, 1).unwrap();
    let bad = |init| GmmParams::new(2).init(init).fit(&samples, 0).unwrap_err();
    for init in [
        Init::Labels(vec![0, 1]),
        Init::Labels(vec![0, 1, 2]),
        Init::Responsibilities(vec![1.0; 3]),
        Init::Responsibilities(vec![1.0, 0.0, 0.5, 0.5, 0.9, 0.9]),
    ] {
        assert!(matches!(bad(init), FitError::BadStart { .. }));
    }
}

#[test]
fn features_must_match() {
    let data = [0.0, 1.0, 2.0, 5.0];
    let fit = GmmParams::new(1).fit(&Samples::new(&data, 4, 1).unwrap(), 0).unwrap();
    let other = Samples::new(&data, 2, 2).unwrap();
    let mismatch = ModelError::FeatureMismatch { found: 2, expected: 1 };
    assert_eq!(fit.model.predict(&other).unwrap_err(), mismatch);
    assert_eq!(fit.model.score(&other).unwrap_err(), mismatch);
}

#[test]
fn an_observer_can_cancel() {
    let data: Vec<f64> = (0..100).map(f64::from).collect();
    let samples = Samples::new(&data, 100, 1).unwrap();
    let mut n_calls = 0;
    let error = GmmParams::new(2)
        .tol(0.0)
        .fit_observed(&samples, 0, &mut |progress| {
            n_calls += 1;
            assert_eq!(progress.iteration, n_calls);
            if n_calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap_err();
    assert_eq!(error, FitError::Cancelled { start: 0, iteration: 3 });
}
