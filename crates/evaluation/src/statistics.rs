//! Basic statistics: means with their intervals, quantiles.

use musicvae::seed;
use rand::RngExt;

/// Number of resamples of a bootstrap.
const RESAMPLES: usize = 1000;
/// Fraction excluded from a 95 % interval at each end.
const TAIL: f64 = 0.025;

/// Counts for a fraction or mean of one unit: `of` items in total, with the sum `sum`.
///
/// Units are files: windows of one file are similar, so intervals over windows would be too narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum over the unit's items.
    pub sum: f64,
    /// Number of items.
    pub of: f64,
}

impl Tally {
    /// Counts one item.
    pub fn add(&mut self, value: f64) {
        self.sum += value;
        self.of += 1.0;
    }

    /// Counts one item, if it has a value.
    pub fn add_some(&mut self, value: Option<f64>) {
        value.into_iter().for_each(|value| self.add(value));
    }

    /// The mean over all items of all units, `Σ sum / Σ of`; `None` without items.
    pub fn mean<'a>(units: impl IntoIterator<Item = &'a Self>) -> Option<f64> {
        let (sum, of) = units.into_iter().fold((0.0, 0.0), |(s, o), t| (s + t.sum, o + t.of));
        (of > 0.0).then(|| sum / of)
    }
}

/// A mean with its 95 % percentile bootstrap interval over units (Efron and Tibshirani 1993, ch.
/// 13): units are drawn with replacement 1,000 times.
///
/// `None` if nothing was counted; no interval for a single unit.
pub fn bootstrap(units: &[Tally], seed: u64) -> Option<(f64, Option<[f64; 2]>)> {
    let value = Tally::mean(units)?;
    Some((value, bootstrap_of(units, seed, |drawn| Tally::mean(drawn.iter().copied()))))
}

/// The ratio of two means over separate units with its 95 % percentile bootstrap interval: the
/// units of both are drawn with replacement, independently. `None` if one mean is missing, or the
/// second is 0.
pub fn bootstrap_ratio(
    above: &[Tally],
    below: &[Tally],
    seed: u64,
) -> Option<(f64, Option<[f64; 2]>)> {
    let ratio = |above: Option<f64>, below: Option<f64>| {
        let below = below.filter(|value| *value != 0.0)?;
        Some(above? / below)
    };
    let value = ratio(Tally::mean(above), Tally::mean(below))?;
    let mut values: Vec<f64> = (0..RESAMPLES as u64)
        .filter_map(|resample| {
            let mut rng = seed::stream(seed, "bootstrap", resample);
            let mut drawn = |units: &[Tally]| {
                let drawn: Vec<Tally> =
                    units.iter().map(|_| units[rng.random_range(0..units.len())]).collect();
                Tally::mean(&drawn)
            };
            ratio(drawn(above), drawn(below))
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let interval = quantile(&values, TAIL).zip(quantile(&values, 1.0 - TAIL));
    let interval = interval.filter(|_| above.len() > 1 || below.len() > 1);
    Some((value, interval.map(|(low, high)| [low, high])))
}

/// The 95 % percentile bootstrap interval of any statistic over units.
pub fn bootstrap_of<T>(
    units: &[T],
    seed: u64,
    statistic: impl Fn(&[&T]) -> Option<f64>,
) -> Option<[f64; 2]> {
    if units.len() < 2 {
        return None;
    }
    let mut values: Vec<f64> = (0..RESAMPLES as u64)
        .filter_map(|resample| {
            let mut rng = seed::stream(seed, "bootstrap", resample);
            let drawn: Vec<&T> =
                units.iter().map(|_| &units[rng.random_range(0..units.len())]).collect();
            statistic(&drawn)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    Some([quantile(&values, TAIL)?, quantile(&values, 1.0 - TAIL)?])
}

/// The 95 % jackknife interval of any statistic over units: `value ± t · SE` with
/// `SE² = (n - 1) / n · Σ (θ_i - θ̄)²`, where `θ_i` is the statistic without unit `i`, and `t` is
/// the quantile of Student's distribution with `n - 1` degrees of freedom (Efron and Tibshirani
/// 1993, ch. 11).
///
/// For measures of agreement such as mutual information: a bootstrap draws units several times, and
/// copies agree with each other, so its values are above that of the units themselves. Here the
/// value is always inside its interval. `None` for fewer than three units.
pub fn jackknife_of<T>(units: &[T], statistic: impl Fn(&[&T]) -> Option<f64>) -> Option<[f64; 2]> {
    if units.len() < 3 {
        return None;
    }
    let all: Vec<&T> = units.iter().collect();
    let value = statistic(&all)?;
    let without = |i: usize| {
        let others: Vec<&T> = [&all[..i], &all[i + 1..]].concat();
        statistic(&others)
    };
    let values: Vec<f64> = (0..units.len()).map(without).collect::<Option<_>>()?;
    let n = units.len() as f64;
    let average = mean(&values)?;
    let squares: f64 = values.iter().map(|v| (v - average).powi(2)).sum();
    let half = student_t_975(n - 1.0) * ((n - 1.0) / n * squares).sqrt();
    Some([value - half, value + half])
}

/// The 97.5 % quantile of Student's t distribution, by the Cornish-Fisher expansion about that of
/// the normal distribution (Abramowitz and Stegun 1964, 26.7.5): accurate to a hundredth from 3
/// degrees of freedom on, and exact below that.
fn student_t_975(degrees: f64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    if degrees < 1.5 {
        return 12.706_204_736_432_095;
    }
    if degrees < 2.5 {
        return 4.302_652_729_696_142;
    }
    let z2 = Z * Z;
    let terms = [
        Z,
        Z * (z2 + 1.0) / 4.0,
        Z * (5.0 * z2 * z2 + 16.0 * z2 + 3.0) / 96.0,
        Z * (3.0 * z2.powi(3) + 19.0 * z2 * z2 + 17.0 * z2 - 15.0) / 384.0,
        Z * (79.0 * z2.powi(4) + 776.0 * z2.powi(3) + 1482.0 * z2 * z2 - 1920.0 * z2 - 945.0)
            / 92160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| sum / degrees + term)
}

/// A quantile of sorted values, interpolated like in `numpy.quantile`; `None` without values.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)? as f64;
    let at = q.clamp(0.0, 1.0) * last;
    let (low, high) = (sorted[whole(at.floor())], sorted[whole(at.ceil())]);
    Some(low + (high - low) * at.fract())
}

/// A nonnegative whole number as an index.
#[expect(clippy::cast_sign_loss, reason = "callers clamp to 0 or more")]
pub(super) fn whole(value: f64) -> usize {
    value as usize
}

/// The mean; `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Standard deviation with `n - 1`; `None` for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let average = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|v| (v - average).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 1]) = 1, 1.75, 3, 8
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (1.0, 8.0)] {
            assert_eq!(quantile(&sorted, q), Some(expected));
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(standard_deviation(&[1.0, 3.0]), Some(2.0_f64.sqrt()));
    }

    #[test]
    fn an_interval_has_the_width_that_theory_gives() {
        // 400 units of one fair coin each: the mean's standard error is 0.5 / 20 = 0.025.
        let units: Vec<Tally> =
            (0..400).map(|i| Tally { sum: f64::from(i % 2), of: 1.0 }).collect();
        let (value, interval) = bootstrap(&units, 3).unwrap();
        let [low, high] = interval.unwrap();
        assert_eq!(value, 0.5);
        assert!((high - low - 2.0 * 1.96 * 0.025).abs() < 0.015, "{low} {high}");
        assert_eq!(bootstrap(&units, 3), bootstrap(&units, 3));
        assert_eq!(bootstrap(&units[..1], 3), Some((0.0, None)));
        assert_eq!(bootstrap(&[], 3), None);
    }

    #[test]
    fn a_jackknife_interval_of_a_mean_is_the_classical_one() {
        // For a mean, the jackknife's standard error is s / √n; t(0.975, 4) = 2.776445.
        let units = [1.0, 2.0, 4.0, 8.0, 5.0];
        let found = jackknife_of(&units, |drawn| {
            Some(drawn.iter().copied().sum::<f64>() / drawn.len() as f64)
        });
        let [low, high] = found.unwrap();
        let half = 2.776_445 * standard_deviation(&units).unwrap() / 5.0_f64.sqrt();
        assert!((f64::midpoint(low, high) - 4.0).abs() < 1e-12);
        assert!(((high - low) / 2.0 / half - 1.0).abs() < 1e-2, "{low} {high}");
        assert_eq!(jackknife_of(&units[..2], |_| Some(1.0)), None);
        // scipy.stats.t.ppf(0.975, …)
        for (degrees, expected) in
            [(1.0, 12.706_2), (2.0, 4.302_65), (3.0, 3.182_45), (9.0, 2.262_16)]
        {
            assert!((student_t_975(degrees) / expected - 1.0).abs() < 0.01, "{degrees}");
        }
    }

    #[test]
    fn the_interval_of_a_ratio_has_the_width_that_theory_gives() {
        // 0.5 with a standard error of 0.025 by 0.8 with 0.02: the ratio's is 0.625 · √(0.05² +
        // 0.025²) to first order.
        let units = |of_ten: i32| -> Vec<Tally> {
            let right = |i: i32| f64::from(u8::from(i % 10 < of_ten));
            (0..400).map(|i| Tally { sum: right(i), of: 1.0 }).collect()
        };
        let (value, interval) = bootstrap_ratio(&units(5), &units(8), 1).unwrap();
        let [low, high] = interval.unwrap();
        let error = 0.625 * (0.05_f64.powi(2) + 0.025_f64.powi(2)).sqrt();
        assert!((value - 0.625).abs() < 1e-12);
        assert!((high - low - 2.0 * 1.96 * error).abs() < 0.02, "{low} {high}");
        assert_eq!(bootstrap_ratio(&units(5), &units(0), 1), None);
    }

    #[test]
    fn a_unit_counts_by_its_size() {
        let units = [Tally { sum: 1.0, of: 4.0 }, Tally { sum: 1.0, of: 1.0 }];
        assert_eq!(Tally::mean(&units), Some(0.4));
    }
}
