//! Moments, marginals, conditionals, merging and removing, compared with hand-computed numbers and
//! with densities.

use gmm::{Covariances, GaussianMixture, ModelError, Samples};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn mixture() -> GaussianMixture {
    GaussianMixture::from_parameters(
        vec![0.25, 0.75],
        vec![0.0, 0.0, 4.0, -2.0],
        Covariances::Full(vec![1.0, 0.5, 0.5, 2.0, 2.0, -1.0, -1.0, 3.0]),
    )
    .unwrap()
}

fn density(mixture: &GaussianMixture, x: &[f64]) -> f64 {
    mixture.score_samples(&Samples::new(x, 1, x.len()).unwrap()).unwrap()[0].exp()
}

#[test]
fn moments_by_hand() {
    let moments = mixture().moments().unwrap();
    // Mean (3, -1.5); covariance ¼ Σ₁ + ¾ Σ₂ + ¼ · ¾ Δ Δᵀ with Δ = (4, -2).
    let wanted = [0.25 + 1.5 + 3.0, 0.125 - 0.75 - 1.5, 0.5 + 2.25 + 0.75];
    let found = moments.covariance();
    assert!((moments.mean()[0] - 3.0).abs() < 1e-14 && (moments.mean()[1] + 1.5).abs() < 1e-14);
    for (found, wanted) in [found[0], found[1], found[3]].iter().zip(wanted) {
        assert!((found - wanted).abs() < 1e-14, "{found} {wanted}");
    }
}

#[test]
fn joint_is_marginal_times_conditional() {
    let mixture = mixture();
    let marginal = mixture.marginal(&[1]).unwrap();
    for (x, y) in [(0.3, -1.0), (4.0, 2.0), (-2.0, 0.5)] {
        let conditional = mixture.conditional(&[(1, y)]).unwrap();
        let product = density(&marginal, &[y]) * density(&conditional, &[x]);
        let joint = density(&mixture, &[x, y]);
        assert!((product - joint).abs() < 1e-13 * joint, "{product} {joint}");
    }
    assert!(matches!(mixture.marginal(&[0, 0]), Err(ModelError::BadFeatures { .. })));
    assert!(matches!(mixture.marginal(&[2]), Err(ModelError::BadFeatures { .. })));
    assert!(matches!(
        mixture.conditional(&[(0, 1.0), (1, 1.0)]),
        Err(ModelError::BadFeatures { .. })
    ));
    assert!(matches!(mixture.conditional(&[(0, f64::NAN)]), Err(ModelError::BadValue { .. })));
}

#[test]
fn a_merged_mixture_keeps_its_moments() {
    let three = GaussianMixture::from_parameters(
        vec![0.2, 0.3, 0.5],
        vec![0.0, 1.0, 5.0, 2.0, 0.5, 1.5],
        Covariances::Diag(vec![1.0, 2.0, 3.0, 1.0, 1.0, 1.0]),
    )
    .unwrap();
    let (i, j, distance) = three.closest_components().unwrap().unwrap();
    assert_eq!((i, j), (0, 2));
    assert!(distance > 0.0);
    let two = three.merged(i, j).unwrap();
    assert_eq!(two.n_components(), 2);
    let (before, after) = (three.moments().unwrap(), two.moments().unwrap());
    for k in 0..2 {
        assert!((before.mean()[k] - after.mean()[k]).abs() < 1e-14);
        // Diagonal covariances keep the variances, but not the off-diagonal values.
        assert!((before.covariance()[3 * k] - after.covariance()[3 * k]).abs() < 1e-13);
    }
    let some = three.only(&[2, 0]).unwrap();
    assert_eq!((some.mean(0), some.mean(1)), (three.mean(2), three.mean(0)));
    assert_eq!(
        (some.covariance(0), some.covariance(1)),
        (three.covariance(2), three.covariance(0))
    );
    assert!((some.weights()[1] - 0.2 / 0.7).abs() < 1e-15);
    assert!(matches!(three.only(&[0, 0]), Err(ModelError::NoSuchComponent { .. })));
    assert!(matches!(three.only(&[]), Err(ModelError::NoComponents)));
    let one = three.without(1).unwrap();
    assert!((one.weights()[0] - 0.2 / 0.7).abs() < 1e-15);
    assert!(matches!(three.merged(1, 1), Err(ModelError::NoSuchComponent { .. })));
    assert!(matches!(three.without(3), Err(ModelError::NoSuchComponent { .. })));
}

#[test]
fn truncated_draws_stay_inside_the_radius() {
    let mixture = mixture();
    let component = mixture.component(1).unwrap();
    for radius in [0.3, 1.0, 3.0] {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let points = mixture.sample_component_within(1, radius, 4_000, &mut rng).unwrap();
        let distances: Vec<f64> =
            points.chunks(2).map(|x| component.mahalanobis_squared(x).sqrt()).collect();
        assert!(distances.iter().all(|r| *r <= radius * (1.0 + 1e-12)));
        // In two dimensions P(r < s) = (1 - e^(-s²/2)) / (1 - e^(-R²/2)): compare the fraction
        // within half the radius.
        let within = distances.iter().filter(|r| **r < radius / 2.0).count() as f64 / 4_000.0;
        let cdf = |s: f64| 1.0 - (-0.5 * s * s).exp();
        // Five standard errors: 5 sqrt(0.25 / 4000) = 0.04.
        assert!((within - cdf(radius / 2.0) / cdf(radius)).abs() < 0.04, "{radius}: {within}");
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    assert!(mixture.sample_component_within(0, -1.0, 1, &mut rng).is_err());
}
