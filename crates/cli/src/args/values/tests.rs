//! Tests of the values of options.

use super::*;

#[test]
fn chords_are_read_by_their_symbols() {
    // C, A minor, no chord, G seventh as G.
    assert_eq!(*chords("C Am | N.C., G7").unwrap(), [1, 22, 0, 8]);
    assert!(chords("C Hm").unwrap_err().contains("\"Hm\""), "{:?}", chords("C Hm"));
    assert!(chords(" | ").is_err());
}

#[test]
fn a_meter_is_one_whose_bars_stay_whole() {
    let signature = |text: &str| {
        let signature = meter(text).unwrap().time_signature();
        (signature.numerator, signature.denominator)
    };
    assert_eq!(signature("6/8"), (6, 8));
    assert_eq!(signature(" 12 / 8"), (12, 8));
    // When reading music, these would be cut into bars of 3/4, or joined.
    for text in ["33/4", "9/4", "7/32", "0/4", "4/0"] {
        assert!(meter(text).unwrap_err().contains("a sixteenth to six quarters"), "{text}");
    }
    assert!(meter("4").unwrap_err().contains("is not a meter"));
    assert!(meter("-3/4").unwrap_err().contains("is not a meter"));
}

#[test]
fn components_are_a_number_or_a_range() {
    assert_eq!(components("7"), Ok(7..=7));
    assert_eq!(components("2..16"), Ok(2..=16));
    assert_eq!(components("2..=16"), Ok(2..=16));
    assert!(components("0").unwrap_err().contains("1 or more is allowed"));
    assert!(components("x..3").is_err());
    assert!(components("5..3").unwrap_err().contains("empty"));
}

#[test]
fn a_blend_is_names_with_weights() {
    let weight = |name: &str, weight| StyleWeight { name: name.to_owned(), weight };
    assert_eq!(*blend("3").unwrap(), [weight("3", 1.0)]);
    assert_eq!(*blend("slow:airs").unwrap(), [weight("slow:airs", 1.0)]);
    assert_eq!(*blend("a:0.7, b:0.3").unwrap(), [weight("a", 0.7), weight("b", 0.3)]);
    assert!(blend("a:0,b:1").unwrap_err().contains("weight of `a` is 0"));
}

#[test]
fn covariances_are_named_and_low_ranks_have_a_number() {
    assert_eq!(covariance("tied"), Ok(CovarianceType::Tied));
    assert_eq!(covariance("low-rank:4"), Ok(CovarianceType::LowRank(4)));
    for bad in ["low-rank", "low-rank:0", "low-rank:x", "Full"] {
        assert!(covariance(bad).unwrap_err().contains("low-rank:R"), "{bad}");
    }
}

#[test]
fn a_standard_deviation_is_that_of_a_posterior() {
    assert_eq!(std_dev("0.25"), Ok(0.25));
    for bad in ["0", "1.5", "nan", "x"] {
        assert_eq!(std_dev(bad), Err("0.001 to 1 are allowed".to_owned()), "{bad}");
    }
}

#[test]
fn a_sampling_schedule_is_a_name_and_a_number() {
    assert_eq!(
        scheduled_sampling("constant:0.3"),
        Ok(ScheduledSampling::Constant { probability: 0.3 })
    );
    assert_eq!(
        scheduled_sampling("exponential:0.9999"),
        Ok(ScheduledSampling::Exponential { base: 0.9999 })
    );
    assert_eq!(
        scheduled_sampling("inverse-sigmoid:1000"),
        Ok(ScheduledSampling::InverseSigmoid { k: 1000.0 })
    );
    for bad in ["constant", "constant:x", "linear:1"] {
        assert!(scheduled_sampling(bad).unwrap_err().contains("are allowed"), "{bad}");
    }
}
