//! The JSON form: bit-exact round trips, and specific errors for other files.

use crate::support::clusters;
use gmm::select::{Selected, SweepParams};
use gmm::{CovarianceType, Fit, FormatError, GaussianMixture, GmmParams, Samples};
use serde_json::{Value, json};

#[test]
fn a_fit_survives_json_bit_for_bit() {
    let data = clusters(200, 3, 2, 3.0, 21);
    let samples = Samples::new(&data, 200, 3).unwrap();
    for covariance_type in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
    ] {
        let fit = GmmParams::new(2).covariance_type(covariance_type).fit(&samples, 1).unwrap();
        let text = serde_json::to_string(&fit).unwrap();
        let back: Fit = serde_json::from_str(&text).unwrap();
        assert_eq!(back, fit);
        let model: GaussianMixture = serde_json::from_str(&text).unwrap();
        assert_eq!(model, fit.model, "a mixture is read from a document that holds more");
    }
}

#[test]
fn a_selection_is_a_mixture_with_a_curve() {
    let data = clusters(100, 2, 2, 3.0, 22);
    let samples = Samples::new(&data, 100, 2).unwrap();
    let selection = SweepParams::new(1..=3).run(&samples, 1).unwrap();
    let value = serde_json::to_value(&selection).unwrap();
    assert_eq!(value["format"], "gmm.mixture");
    assert_eq!(value["version"], 1);
    assert_eq!(value["selection"]["curve"].as_array().map(Vec::len), Some(3));
    assert!(value["report"]["lower_bounds"].is_array());
    assert!(value["report"].get("times").is_none(), "times would make equal fits differ");
    let back: Selected = serde_json::from_value(value).unwrap();
    assert_eq!(back, selection);
}

fn mixture() -> Value {
    json!({
        "format": "gmm.mixture", "version": 1, "covariance_type": "diag", "n_components": 1, "n_features": 2,
        "weights": [1.0], "means": [[0.0, 1.0]], "covariances": [[1.0, 2.0]], "made_by": "a later build"
    })
}

#[test]
fn unknown_versions_and_formats_are_refused() {
    assert!(GaussianMixture::try_from(mixture()).is_ok());
    let with = |field: &str, value: Value| {
        let mut changed = mixture();
        changed[field] = value;
        GaussianMixture::try_from(changed).unwrap_err()
    };
    let error = with("version", json!(2));
    assert!(matches!(error, FormatError::UnknownVersion { .. }));
    assert_eq!(
        error.to_string(),
        "version 2 of \"gmm.mixture\" is unknown; this build reads version 1"
    );
    assert!(matches!(with("format", json!("other")), FormatError::NotAMixture { .. }));
    assert!(matches!(with("means", json!([[0.0]])), FormatError::Shape { field: "means" }));
    assert!(matches!(with("means", json!("text")), FormatError::Fields(_)));
    assert!(matches!(with("weights", json!([0.5])), FormatError::Parameters(_)));
    assert!(matches!(with("covariances", json!([1.0])), FormatError::Shape { .. }));
    assert!(matches!(with("covariances", json!([[1.0, -2.0]])), FormatError::Parameters(_)));
    assert!(matches!(with("covariance_type", json!("tied")), FormatError::Parameters(_)));
    let text = serde_json::from_str::<GaussianMixture>("{\"format\": 3}").unwrap_err().to_string();
    assert!(text.contains("its `format` is 3"), "{text}");
}
