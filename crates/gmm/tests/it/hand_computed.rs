//! Small cases with hand-computed numbers, which need no external data.

use gmm::{CovarianceType, Covariances, GaussianMixture, GmmParams, Init, Samples};

fn close(found: f64, wanted: f64) {
    // A few operations on numbers near 1 in f64.
    assert!((found - wanted).abs() <= 1e-12 * wanted.abs().max(1.0), "{found} is not {wanted}");
}

#[test]
fn one_component_is_the_mean_and_the_biased_covariance() {
    // Rows (0,0), (2,0), (2,4), (0,4): mean (1,2), variances 1 and 4, covariance 0.
    let data = [0.0, 0.0, 2.0, 0.0, 2.0, 4.0, 0.0, 4.0];
    let samples = Samples::new(&data, 4, 2).unwrap();
    let fit = GmmParams::new(1).reg_covar(0.0).fit(&samples, 0).unwrap();
    let model = &fit.model;
    close(model.mean(0)[0], 1.0);
    close(model.mean(0)[1], 2.0);
    for (found, wanted) in model.covariance(0).iter().zip([1.0, 0.0, 0.0, 4.0]) {
        close(*found, wanted);
    }
    // Each row has Mahalanobis distance 1/1 + 4/4 = 2: ln p = -ln 2π - ½ ln 4 - 1.
    let wanted = -(2.0 * std::f64::consts::PI).ln() - 0.5 * 4.0_f64.ln() - 1.0;
    for score in model.score_samples(&samples).unwrap() {
        close(score, wanted);
    }
    close(fit.report.log_likelihood, 4.0 * wanted);
    // 0 free weights, 2 means, 3 covariances.
    assert_eq!(fit.report.n_parameters, 5);
    close(fit.report.bic, -8.0 * wanted + 5.0 * 4.0_f64.ln());
    close(fit.report.aic, -8.0 * wanted + 10.0);
    close(model.bic(&samples).unwrap(), fit.report.bic);
    close(model.aic(&samples).unwrap(), fit.report.aic);
}

// One EM step in one dimension. Start: w = (1/2, 1/2), μ = (-1, 1), σ² = 1; rows -1 and 1. r_1(-1)
// = 1/(1 + e^-2) =: s, since ln N(-1|-1) - ln N(-1|1) = 2. By symmetry μ_1 = -(2s - 1), μ_2 = 2s -
// 1, and the variance is 1 - (2s - 1)².
#[test]
fn one_step_of_em_in_one_dimension() {
    let s = 1.0 / (1.0 + (-2.0_f64).exp());
    let data = [-1.0, 1.0];
    let samples = Samples::new(&data, 2, 1).unwrap();
    let starts = [
        (CovarianceType::Full, Covariances::Full(vec![1.0, 1.0])),
        (CovarianceType::Tied, Covariances::Tied(vec![1.0])),
        (CovarianceType::Diag, Covariances::Diag(vec![1.0, 1.0])),
        (CovarianceType::Spherical, Covariances::Spherical(vec![1.0, 1.0])),
    ];
    for (covariance_type, covariances) in starts {
        let start =
            GaussianMixture::from_parameters(vec![0.5, 0.5], vec![-1.0, 1.0], covariances).unwrap();
        close(start.predict_proba(&samples).unwrap().row(0)[0], s);
        let fit = GmmParams::new(2)
            .covariance_type(covariance_type)
            .init(Init::Model(Box::new(start)))
            .reg_covar(0.0)
            .max_iter(1)
            .fit(&samples, 0)
            .unwrap();
        close(fit.model.weights()[0], 0.5);
        close(fit.model.mean(0)[0], 1.0 - 2.0 * s);
        close(fit.model.mean(1)[0], 2.0 * s - 1.0);
        close(fit.model.covariance(0)[0], 1.0 - (2.0 * s - 1.0).powi(2));
        assert!(!fit.report.converged, "one iteration has nothing to compare with");
    }
}

#[test]
fn a_weight_of_two_is_a_row_twice() {
    let twice = [0.0, 1.0, 1.0, 5.0, 6.0, 6.0];
    let once = [0.0, 1.0, 5.0, 6.0];
    let weights = [1.0, 2.0, 1.0, 2.0];
    let twice = Samples::new(&twice, 6, 1).unwrap();
    let once = Samples::new(&once, 4, 1).unwrap().with_weights(&weights).unwrap();
    let start = GaussianMixture::from_parameters(
        vec![0.5, 0.5],
        vec![0.0, 6.0],
        Covariances::Diag(vec![1.0, 1.0]),
    )
    .unwrap();
    let params = GmmParams::new(2)
        .covariance_type(CovarianceType::Diag)
        .init(Init::Model(Box::new(start)))
        .max_iter(5);
    let a = params.clone().fit(&twice, 0).unwrap();
    let b = params.fit(&once, 0).unwrap();
    for (x, y) in a.model.means().iter().zip(b.model.means()) {
        close(*x, *y);
    }
    for (x, y) in a.model.covariances().as_slice().iter().zip(b.model.covariances().as_slice()) {
        close(*x, *y);
    }
    close(a.report.bic, b.report.bic);
}

#[test]
fn a_start_from_labels_is_the_moments_of_the_labels() {
    let data = [0.0, 2.0, 10.0, 14.0];
    let samples = Samples::new(&data, 4, 1).unwrap();
    let start = |init| {
        GmmParams::new(2).init(init).reg_covar(0.0).max_iter(1).tol(0.0).fit(&samples, 0).unwrap()
    };
    let labels = start(Init::Labels(vec![0, 0, 1, 1]));
    let responsibilities =
        start(Init::Responsibilities(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]));
    assert_eq!(labels, responsibilities);
    // Moments of the labels: means 1 and 12, variances 1 and 4; the clusters are far apart, so one
    // step changes little.
    assert!((labels.model.mean(0)[0] - 1.0).abs() < 1e-3);
    assert!((labels.model.mean(1)[0] - 12.0).abs() < 1e-3);
    // ln p(0) at the start: ln ½ - ½ ln 2π - ½; ln p(10) = ln ½ - ½ ln (2π · 4) - ½; the other
    // component adds < 1e-8.
    let half_log = 0.5_f64.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln() - 0.5;
    let wanted = half_log - 0.25 * 4.0_f64.ln();
    assert!((labels.report.lower_bounds[0] - wanted).abs() < 1e-6);
}
