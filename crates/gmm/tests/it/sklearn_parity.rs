//! Results of scikit-learn and of an 80-bit implementation, with the same start after the same
//! number of iterations.

use crate::support::relative_difference;
use gmm::{CovarianceType, Covariances, Fit, GaussianMixture, GmmParams, Init, Samples};
use serde_json::Value;
use std::path::PathBuf;

const TYPES: [(CovarianceType, &str); 4] = [
    (CovarianceType::Full, "full"),
    (CovarianceType::Tied, "tied"),
    (CovarianceType::Diag, "diag"),
    (CovarianceType::Spherical, "spherical"),
];

/// The folder of recorded answers; `None` if it doesn't exist.
fn golden() -> Option<PathBuf> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oracles/gmm-golden");
    if folder.is_dir() {
        Some(folder)
    } else {
        println!("skipped: {} is not there", folder.display());
        None
    }
}

/// All numbers of nested arrays, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

/// A two-dimensional little-endian `f64` array in NumPy's format, version 1.
fn read_npy(path: &std::path::Path) -> (Vec<f64>, usize, usize) {
    let bytes = std::fs::read(path).unwrap();
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + header_len]).into_owned();
    assert!(header.contains("'<f8'") && header.contains("'fortran_order': False"), "{header}");
    let shape = header.split('(').nth(1).unwrap().split(')').next().unwrap();
    let sizes: Vec<usize> = shape.split(',').filter_map(|s| s.trim().parse().ok()).collect();
    let values = bytes[10 + header_len..]
        .as_chunks::<8>()
        .0
        .iter()
        .map(|b| f64::from_le_bytes(*b))
        .collect();
    (values, sizes[0], sizes[1])
}

fn covariances(covariance_type: CovarianceType, values: Vec<f64>) -> Covariances {
    match covariance_type {
        CovarianceType::Full => Covariances::Full(values),
        CovarianceType::Tied => Covariances::Tied(values),
        CovarianceType::Diag => Covariances::Diag(values),
        _ => Covariances::Spherical(values),
    }
}

/// Replays a recorded run: same start, same iterations.
fn replay(answer: &Value, covariance_type: CovarianceType, samples: &Samples<'_>) -> Fit {
    let start = GaussianMixture::from_parameters(
        numbers(&answer["init"]["weights"]),
        numbers(&answer["init"]["means"]),
        covariances(covariance_type, numbers(&answer["init"]["covariances"])),
    )
    .unwrap();
    GmmParams::new(start.n_components())
        .covariance_type(covariance_type)
        .init(Init::Model(Box::new(start)))
        .reg_covar(answer["reg_covar"].as_f64().unwrap())
        .tol(0.0)
        .max_iter(usize::try_from(answer["iters"].as_u64().unwrap()).unwrap())
        .fit(samples, 0)
        .unwrap()
}

/// Largest relative difference between a fit and a recorded answer, over all recorded values.
fn difference(fit: &Fit, answer: &Value, samples: &Samples<'_>) -> f64 {
    let model = &fit.model;
    let head = model.predict_proba(samples).unwrap();
    [
        relative_difference(model.weights(), &numbers(&answer["weights"])),
        relative_difference(model.means(), &numbers(&answer["means"])),
        relative_difference(model.covariances().as_slice(), &numbers(&answer["covariances"])),
        relative_difference(&fit.report.lower_bounds, &numbers(&answer["lower_bounds"])),
        relative_difference(&[fit.report.score], &[answer["score"].as_f64().unwrap()]),
        relative_difference(&[fit.report.bic], &[answer["bic"].as_f64().unwrap()]),
        relative_difference(&[fit.report.aic], &[answer["aic"].as_f64().unwrap()]),
        relative_difference(
            &head.as_slice()[..3 * model.n_components()],
            &numbers(&answer["resp_head"]),
        ),
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

fn answer(folder: &std::path::Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn the_small_problem_agrees_with_scikit_learn_and_the_80_bit_answer() {
    let Some(folder) = golden() else { return };
    let (data, n, d) = read_npy(&folder.join("small.npy"));
    let samples = Samples::new(&data, n, d).unwrap();
    for (covariance_type, name) in TYPES {
        for engine in ["sklearn", "longdouble"] {
            let answer = answer(&folder, &format!("small_{name}_{engine}.json"));
            let fit = replay(&answer, covariance_type, &samples);
            let difference = difference(&fit, &answer, &samples);
            println!("small {name} {engine}: {difference:e}");
            // The two engines differ from each other by up to 4e-16; here, ten iterations with
            // another order of sums.
            assert!(difference < 1e-12, "{name} {engine}: {difference:e}");
        }
    }
}

#[test]
fn shifted_data_come_nearer_to_the_80_bit_answer_than_scikit_learn_does() {
    let Some(folder) = golden() else { return };
    let (data, n, d) = read_npy(&folder.join("offset.npy"));
    let samples = Samples::new(&data, n, d).unwrap();
    for (covariance_type, name) in TYPES {
        let exact = answer(&folder, &format!("offset_{name}_longdouble.json"));
        let peer = answer(&folder, &format!("offset_{name}_sklearn.json"));
        let fit = replay(&exact, covariance_type, &samples);
        let exact_covariances = numbers(&exact["covariances"]);
        let ours = relative_difference(fit.model.covariances().as_slice(), &exact_covariances);
        let theirs = relative_difference(&numbers(&peer["covariances"]), &exact_covariances);
        println!("offset {name}: covariances ours {ours:e}, scikit-learn {theirs:e}");
        assert!(ours < theirs, "{name}: ours {ours:e}, theirs {theirs:e}");
        let exact_score = exact["score"].as_f64().unwrap();
        let ours = (fit.report.score - exact_score).abs();
        let theirs = (peer["score"].as_f64().unwrap() - exact_score).abs();
        println!("offset {name}: score ours {ours:e}, scikit-learn {theirs:e}");
        assert!(ours <= theirs, "{name}: ours {ours:e}, theirs {theirs:e}");
    }
}
