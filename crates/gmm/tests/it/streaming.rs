//! Merging of statistics, and EM over blocks.

use crate::support::{clusters, relative_difference, with_threads};
use gmm::{CovarianceType, GaussianMixture, GmmParams, Init, Samples, StepwiseEm, SufficientStats};

const N: usize = 6_000;
const D: usize = 4;

const TYPES: [CovarianceType; 4] =
    [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];

fn start(samples: &Samples<'_>, covariance_type: CovarianceType) -> GaussianMixture {
    let params = GmmParams::new(3).covariance_type(covariance_type).init(Init::Random);
    params.max_iter(1).fit(samples, 1).unwrap().model
}

/// Blocks of unequal size.
fn blocks(data: &[f64]) -> Vec<Samples<'_>> {
    let (a, rest) = data.split_at(1_000 * D);
    let (b, c) = rest.split_at(2_300 * D);
    [a, b, c].map(|rows| Samples::new(rows, rows.len() / D, D).unwrap()).to_vec()
}

#[test]
fn a_pass_over_blocks_is_an_iteration_of_batch_em() {
    // Far from zero: sums relative to zero would lose ten digits.
    let data: Vec<f64> = clusters(N, D, 3, 3.0, 71).iter().map(|x| x + 1e5).collect();
    let samples = Samples::new(&data, N, D).unwrap();
    for covariance_type in TYPES {
        let start = start(&samples, covariance_type);
        let batch = GmmParams::new(3)
            .covariance_type(covariance_type)
            .init(Init::Model(Box::new(start.clone())))
            .max_iter(4)
            .tol(0.0)
            .fit(&samples, 0)
            .unwrap();
        let mut em = StepwiseEm::new(start);
        for bound in &batch.report.lower_bounds {
            let found = em.pass(&blocks(&data)).unwrap();
            assert!((found - bound).abs() < 1e-11 * bound.abs(), "{found} {bound}");
        }
        let found = em.model();
        assert!(relative_difference(found.weights(), batch.model.weights()) < 1e-10);
        assert!(relative_difference(found.means(), batch.model.means()) < 1e-13);
        // Covariances of magnitude 1 from data of magnitude 1e5, whose last digit is 1.5e-11, over
        // four iterations.
        let covariances = batch.model.covariances().as_slice();
        assert!(relative_difference(found.covariances().as_slice(), covariances) < 1e-8);
    }
}

#[test]
fn merging_is_exact_in_order_and_close_in_any_other() {
    let data = clusters(N, D, 3, 3.0, 72);
    let samples = Samples::new(&data, N, D).unwrap();
    for covariance_type in TYPES {
        let model = start(&samples, covariance_type);
        let parts: Vec<SufficientStats> =
            blocks(&data).iter().map(|b| SufficientStats::collect(&model, b).unwrap()).collect();
        let fold = |order: [usize; 3]| {
            let mut total = parts[order[0]].clone();
            total.merge(&parts[order[1]]).unwrap();
            total.merge(&parts[order[2]]).unwrap();
            total
        };
        let elsewhere = with_threads(7, || {
            let mut parts = blocks(&data).into_iter();
            let mut next = || SufficientStats::collect(&model, &parts.next().unwrap()).unwrap();
            let mut total = next();
            total.merge(&next()).unwrap();
            total.merge(&next()).unwrap();
            total
        });
        assert_eq!(fold([0, 1, 2]), elsewhere, "the same order gives the same bits");
        let text = serde_json::to_string(&elsewhere).unwrap();
        let back: SufficientStats = serde_json::from_str(&text).unwrap();
        back.check_format().unwrap();
        assert_eq!(back, elsewhere);
        let one = fold([0, 1, 2]).maximize(1e-6, &model).unwrap();
        let other = fold([2, 0, 1]).maximize(1e-6, &model).unwrap();
        assert!(relative_difference(one.means(), other.means()) < 1e-12);
        let (a, b) = (one.covariances().as_slice(), other.covariances().as_slice());
        assert!(relative_difference(a, b) < 1e-12);
    }
}

#[test]
fn statistics_around_different_centers_merge() {
    let data = clusters(N, D, 3, 3.0, 73);
    let samples = Samples::new(&data, N, D).unwrap();
    let model = start(&samples, CovarianceType::Full);
    let all = SufficientStats::collect(&model, &samples).unwrap();
    // Nothing of another mixture's statistics, except for shifting to its centers.
    let moved = all.maximize(1e-6, &model).unwrap();
    let mut shifted = SufficientStats::collect(&moved, &samples).unwrap();
    shifted.scale(0.0);
    shifted.merge(&all).unwrap();
    let found = shifted.maximize(1e-6, &moved).unwrap();
    assert!(relative_difference(found.means(), moved.means()) < 1e-12);
    let (a, b) = (found.covariances().as_slice(), moved.covariances().as_slice());
    assert!(relative_difference(a, b) < 1e-11);
}

#[test]
fn one_stepwise_pass_goes_further_than_one_batch_iteration() {
    let data = clusters(20_000, D, 3, 3.0, 74);
    let samples = Samples::new(&data, 20_000, D).unwrap();
    let start = start(&samples, CovarianceType::Full);
    let mut batch = StepwiseEm::new(start.clone());
    batch.pass([&samples]).unwrap();
    let mut stepwise = StepwiseEm::new(start);
    for rows in data.chunks(500 * D) {
        stepwise.step(&Samples::new(rows, 500, D).unwrap()).unwrap();
    }
    let score = |model: &GaussianMixture| model.score(&samples).unwrap();
    assert!(score(stepwise.model()) > score(batch.model()) + 0.01);
}
