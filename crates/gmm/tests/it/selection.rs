//! Sweeps: the curve, the selection, and that the selected fit is the one in the curve.

use crate::support::{clusters, with_threads};
use gmm::select::{Criterion, SweepParams, stability};
use gmm::{CovarianceType, GmmParams, Samples};

#[test]
fn bic_finds_the_number_of_clusters() {
    for seed in 0..4 {
        let data = clusters(1_500, 3, 4, 6.0, 40 + seed);
        let samples = Samples::new(&data, 1_500, 3).unwrap();
        let selection = SweepParams::new(1..=7)
            .params(GmmParams::new(1).n_init(3))
            .covariance_types([CovarianceType::Full, CovarianceType::Spherical])
            .run(&samples, seed)
            .unwrap();
        assert_eq!(selection.best.model.n_components(), 4, "seed {seed}");
        assert_eq!(
            selection.best.model.covariance_type(),
            CovarianceType::Spherical,
            "the clusters are spherical, so the smaller model wins"
        );
        let curve = &selection.sweep;
        assert_eq!(curve.candidates.len(), 14);
        let chosen = &curve.candidates[curve.chosen];
        assert_eq!(chosen.bic.to_bits(), selection.best.report.bic.to_bits());
        assert!(curve.candidates.iter().all(|c| c.value(Criterion::Bic) >= chosen.bic));
    }
}

#[test]
fn aic_never_chooses_fewer_components_than_bic() {
    let data = clusters(400, 2, 3, 3.0, 50);
    let samples = Samples::new(&data, 400, 2).unwrap();
    let choose = |criterion| {
        SweepParams::new(1..=6)
            .criterion(criterion)
            .run(&samples, 1)
            .unwrap()
            .best
            .model
            .n_components()
    };
    assert!(choose(Criterion::Aic) >= choose(Criterion::Bic));
}

#[test]
fn every_criterion_and_the_elbow_find_separated_clusters() {
    let data = clusters(900, 2, 3, 8.0, 61);
    let samples = Samples::new(&data, 900, 2).unwrap();
    let params = GmmParams::new(1).covariance_type(CovarianceType::Spherical).n_init(3);
    for criterion in [Criterion::Bic, Criterion::Icl, Criterion::HeldOut] {
        let sweep = SweepParams::new(1..=6).params(params.clone()).criterion(criterion);
        let selection = sweep.run(&samples, 3).unwrap();
        let curve = &selection.sweep;
        assert_eq!(curve.elbow(CovarianceType::Spherical), Some(3));
        if criterion == Criterion::HeldOut {
            // Held-out likelihood is flat beyond the true number, so an additional component may
            // win by chance.
            assert!(selection.best.model.n_components() >= 3);
            assert!(curve.candidates.iter().all(|c| c.held_out.is_some()));
        } else {
            assert_eq!(selection.best.model.n_components(), 3, "{criterion:?}");
            assert!(curve.candidates[2].silhouette > 0.95, "separated clusters are unmistakable");
        }
    }
    // Three clusters are found in every half; additional components divide them in different ways.
    let sweep = SweepParams::new(3..=6).params(params.clone()).criterion(Criterion::Stability);
    let selection = sweep.resamples(4).run(&samples, 3).unwrap();
    assert_eq!(selection.best.model.n_components(), 3);
    let curve = selection.sweep.candidates.iter().map(|c| c.stability.unwrap());
    let expected = (3..=6).map(|k| stability(&params.clone().n_components(k), &samples, 4, 3));
    assert!(curve.eq(expected.map(Result::unwrap)));
    let stable = stability(&params.clone().n_components(3), &samples, 3, 1).unwrap();
    let unstable = stability(&params.n_components(6), &samples, 3, 1).unwrap();
    assert!(stable > 0.98 && stable > unstable, "{stable} {unstable}");
}

#[test]
fn patience_ends_a_sweep_that_has_turned() {
    let data = clusters(600, 2, 2, 8.0, 62);
    let samples = Samples::new(&data, 600, 2).unwrap();
    let all = SweepParams::new(1..=8).run(&samples, 3).unwrap();
    let early = SweepParams::new(1..=8).patience(2).run(&samples, 3).unwrap();
    assert!(early.sweep.candidates.len() < 8);
    assert_eq!(early.best, all.best);
}

#[test]
fn entries_are_what_single_fits_give_at_any_number_of_threads() {
    let data = clusters(3_000, 3, 3, 4.0, 63);
    let samples = Samples::new(&data, 3_000, 3).unwrap();
    let types = [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag];
    let sweep = SweepParams::new(1..=6)
        .params(GmmParams::new(1).n_init(2).max_iter(20))
        .covariance_types(types)
        .patience(2);
    let one = with_threads(1, || sweep.run(&samples, 5).unwrap());
    for n_threads in [2, 7] {
        assert_eq!(with_threads(n_threads, || sweep.run(&samples, 5).unwrap()), one);
    }
    for entry in &one.sweep.candidates {
        let params = GmmParams::new(entry.n_components).covariance_type(entry.covariance_type);
        let alone = params.n_init(2).max_iter(20).fit(&samples, 5).unwrap();
        assert_eq!(alone.report.bic.to_bits(), entry.bic.to_bits());
    }
}

#[test]
fn a_sweep_can_be_cancelled() {
    let data = clusters(500, 2, 2, 4.0, 64);
    let samples = Samples::new(&data, 500, 2).unwrap();
    let mut n_calls = 0;
    let answer = SweepParams::new(1..=4).run_observed(&samples, 1, &mut |_| {
        n_calls += 1;
        std::ops::ControlFlow::Break(())
    });
    assert!(answer.unwrap_err().to_string().contains("the fit of 1 components failed"));
    assert!((1..=4).contains(&n_calls), "{n_calls} fits were begun");
}
