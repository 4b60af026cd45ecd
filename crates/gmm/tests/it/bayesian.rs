//! The variational mixture compared with scikit-learn's; unneeded components end up empty.

use crate::support::{clusters, relative_difference, with_threads};
use gmm::{BayesianFit, BayesianParams, CovarianceType, FitError, Init, Samples, WeightPrior};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// See `tests/golden/bayesian/README.md` for the source of the answers and the reason for 1e-9.
#[test]
fn answers_of_scikit_learn() {
    let answers: Value =
        serde_json::from_str(include_str!("../golden/bayesian/answers.json")).unwrap();
    let size = |key: &str| usize::try_from(answers[key].as_u64().unwrap()).unwrap();
    let (n, d, k) = (size("n"), size("d"), size("k"));
    let data = numbers(&answers["data"]);
    let samples = Samples::new(&data, n, d).unwrap();
    let labels: Vec<usize> = serde_json::from_value(answers["labels"].clone()).unwrap();
    let mut n_cases = 0;
    for case in answers["cases"].as_array().unwrap() {
        let covariance_type = match case["covariance"].as_str().unwrap() {
            "full" => CovarianceType::Full,
            "tied" => CovarianceType::Tied,
            "diag" => CovarianceType::Diag,
            _ => CovarianceType::Spherical,
        };
        let prior = if case["weight_prior"] == "dirichlet_process" {
            WeightPrior::DirichletProcess { concentration: None }
        } else {
            WeightPrior::Dirichlet { concentration: None }
        };
        let fit = BayesianParams::new(k)
            .covariance_type(covariance_type)
            .weights(prior)
            .init(Init::Labels(labels.clone()))
            .tol(0.0)
            .max_iter(usize::try_from(case["iterations"].as_u64().unwrap()).unwrap())
            .fit(&samples, 0)
            .unwrap();
        let parts: [(&str, &[f64]); 6] = [
            ("weights", fit.model.weights()),
            ("means", fit.model.means()),
            ("covariances", fit.model.covariances().as_slice()),
            ("mean_precision", &fit.mean_precision),
            ("degrees_of_freedom", &fit.degrees_of_freedom),
            ("lower_bounds", &fit.lower_bounds),
        ];
        for (name, found) in parts {
            let difference = relative_difference(found, &numbers(&case[name]));
            assert!(difference < 1e-9, "{covariance_type:?} {prior:?} {name}: {difference:e}");
        }
        n_cases += 1;
    }
    assert_eq!(n_cases, 24);
}

#[test]
fn components_that_are_not_needed_end_empty() {
    let data = clusters(2_000, 3, 3, 8.0, 300);
    let samples = Samples::new(&data, 2_000, 3).unwrap();
    let fit =
        |n| with_threads(n, || BayesianParams::new(10).max_iter(500).fit(&samples, 4).unwrap());
    let one = fit(1);
    assert_eq!(one, fit(7), "equal bits at any number of threads");
    assert!(one.converged);
    for pair in one.lower_bounds.windows(2) {
        // `reg_covar`, which is not part of the bound, may decrease it slightly.
        assert!(pair[1] >= pair[0] - 1e-3, "{pair:?}");
    }
    let pruned = one.pruned(0.02).unwrap();
    assert_eq!(pruned.n_components(), 3, "{:?}", one.model.weights());
    assert!((pruned.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let text = serde_json::to_string(&one).unwrap();
    let back: BayesianFit = serde_json::from_str(&text).unwrap();
    assert_eq!(back, one);
}

#[test]
fn bad_priors_are_named() {
    let data = [0.0, 1.0, 5.0, 6.0];
    let samples = Samples::new(&data, 2, 2).unwrap();
    let message = |params: BayesianParams| params.fit(&samples, 0).unwrap_err().to_string();
    assert!(message(BayesianParams::new(1).mean_precision(0.0)).contains("mean precision is 0"));
    assert!(message(BayesianParams::new(1).degrees_of_freedom(1.0)).contains("degrees of freedom"));
    let prior = WeightPrior::Dirichlet { concentration: Some(f64::NAN) };
    assert!(message(BayesianParams::new(1).weights(prior)).contains("weight concentration is NaN"));
    let factors = BayesianParams::new(1).covariance_type(CovarianceType::LowRank(1));
    assert!(message(factors).contains("LowRank(1)"));
    let random = BayesianParams::new(1).init(Init::Random).fit(&samples, 0).unwrap_err();
    assert!(matches!(random, FitError::BadStart { .. }));
}
