//! The same bits with any number of threads and with the same seed; other starts with other seeds.

use crate::support::{clusters, with_threads};
use gmm::{CovarianceType, GmmParams, Init, Samples};

/// Enough rows for several super-blocks of the EM pass, and an incomplete last block.
const N: usize = 20_011;

#[test]
fn equal_bits_at_1_2_and_7_threads() {
    let data = clusters(N, 5, 4, 2.0, 11);
    let samples = Samples::new(&data, N, 5).unwrap();
    for covariance_type in [
        CovarianceType::Full,
        CovarianceType::Tied,
        CovarianceType::Diag,
        CovarianceType::Spherical,
        CovarianceType::LowRank(2),
    ] {
        let fit = |n_threads| {
            with_threads(n_threads, || {
                GmmParams::new(4)
                    .covariance_type(covariance_type)
                    .n_init(2)
                    .max_iter(6)
                    .fit(&samples, 3)
                    .unwrap()
            })
        };
        let one = fit(1);
        for n_threads in [2, 7] {
            let many = fit(n_threads);
            assert_eq!(one, many, "{covariance_type:?} at {n_threads} threads");
            let score = with_threads(n_threads, || many.model.score(&samples).unwrap());
            assert_eq!(score.to_bits(), one.model.score(&samples).unwrap().to_bits());
        }
    }
}

#[test]
fn equal_bits_for_f32_samples() {
    let data: Vec<f32> = clusters(N, 5, 3, 2.0, 12).iter().map(|v| *v as f32).collect();
    let samples = Samples::new(&data, N, 5).unwrap();
    let fit = |n| with_threads(n, || GmmParams::new(3).max_iter(5).fit(&samples, 3).unwrap());
    assert_eq!(fit(1), fit(7));
}

#[test]
fn equal_bits_for_starts_from_all_rows() {
    let data = clusters(N, 5, 4, 2.0, 15);
    let samples = Samples::new(&data, N, 5).unwrap();
    let params = GmmParams::new(4).init(Init::KMeansParallel).max_iter(3);
    let fit = |n| with_threads(n, || params.clone().fit(&samples, 3).unwrap());
    let one = fit(1);
    assert_eq!(one, fit(2));
    assert_eq!(one, fit(7));
}

#[test]
fn every_start_is_made_anew() {
    // With hardly any iterations, random starts must differ in their first bound.
    let data = clusters(400, 3, 4, 2.0, 13);
    let samples = Samples::new(&data, 400, 3).unwrap();
    for init in [Init::Random, Init::KMeansPlusPlus, Init::KMeansParallel] {
        let fit = GmmParams::new(4).init(init).n_init(5).max_iter(1).fit(&samples, 1).unwrap();
        let mut first: Vec<f64> = fit.report.starts.iter().map(|s| s.first_bound).collect();
        first.sort_by(f64::total_cmp);
        first.dedup();
        assert_eq!(first.len(), 5, "five starts, five different first bounds");
        let best = fit.report.starts.iter().map(|s| s.score).fold(f64::MIN, f64::max);
        assert_eq!(best.to_bits(), fit.report.score.to_bits());
    }
}

#[test]
fn the_first_of_several_starts_is_the_only_one_of_one() {
    let data = clusters(300, 2, 3, 2.0, 14);
    let samples = Samples::new(&data, 300, 2).unwrap();
    let one = GmmParams::new(3).fit(&samples, 9).unwrap();
    let many = GmmParams::new(3).n_init(4).fit(&samples, 9).unwrap();
    assert_eq!(one.report.starts[0], many.report.starts[0]);
    assert!(many.report.score >= one.report.score);
}
