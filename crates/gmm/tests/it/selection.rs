//! Sweeps: the curve, the choice, and that the chosen fit is the one of the curve.

use crate::support::clusters;
use gmm::select::{Criterion, Sweep};
use gmm::{CovarianceType, GmmParams, Samples};

#[test]
fn bic_finds_the_number_of_clusters() {
    for seed in 0..4 {
        let data = clusters(1_500, 3, 4, 6.0, 40 + seed);
        let samples = Samples::new(&data, 1_500, 3).unwrap();
        let selection = Sweep::new(1..=7)
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
        let curve = &selection.selection;
        assert_eq!(curve.curve.len(), 14);
        let chosen = &curve.curve[curve.chosen];
        assert_eq!(chosen.bic.to_bits(), selection.best.report.bic.to_bits());
        assert!(curve.curve.iter().all(|c| c.value(Criterion::Bic) >= chosen.bic));
    }
}

#[test]
fn aic_never_chooses_fewer_components_than_bic() {
    let data = clusters(400, 2, 3, 3.0, 50);
    let samples = Samples::new(&data, 400, 2).unwrap();
    let choose = |criterion| {
        Sweep::new(1..=6).criterion(criterion).run(&samples, 1).unwrap().best.model.n_components()
    };
    assert!(choose(Criterion::Aic) >= choose(Criterion::Bic));
}
