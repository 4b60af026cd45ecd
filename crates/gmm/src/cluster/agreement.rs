//! Measures of agreement of two partitions, all computed from their [`Contingency`] table.

use std::collections::BTreeMap;

/// Total weight of the items in each pair of classes of two partitions, with row and column sums.
#[derive(Clone, Debug, PartialEq)]
pub struct Contingency {
    joint: BTreeMap<(usize, usize), f64>,
    first: BTreeMap<usize, f64>,
    second: BTreeMap<usize, f64>,
    total: f64,
}

impl Contingency {
    /// Counts the pairs of labels of the same items.
    ///
    /// # Panics
    /// If the labelings have different lengths.
    pub fn new(first: &[usize], second: &[usize]) -> Self {
        Self::weighted(first, second, |_| 1.0)
    }

    /// Like [`new`](Self::new), with item `n` counted `weight(n)` times.
    ///
    /// # Panics
    /// If the labelings have different lengths.
    pub fn weighted(first: &[usize], second: &[usize], weight: impl Fn(usize) -> f64) -> Self {
        assert_eq!(first.len(), second.len(), "labels of the same things");
        let mut own = Self {
            joint: BTreeMap::new(),
            first: BTreeMap::new(),
            second: BTreeMap::new(),
            total: 0.0,
        };
        for (n, (a, b)) in first.iter().zip(second).enumerate() {
            let weight = weight(n);
            *own.joint.entry((*a, *b)).or_default() += weight;
            *own.first.entry(*a).or_default() += weight;
            *own.second.entry(*b).or_default() += weight;
            own.total += weight;
        }
        own
    }

    /// The table, `[classes of the first][classes of the second]`, with zeros for numbers that
    /// don't occur.
    pub fn table(&self) -> Vec<Vec<f64>> {
        let size =
            |sums: &BTreeMap<usize, f64>| sums.last_key_value().map_or(0, |(last, _)| last + 1);
        let mut table = vec![vec![0.0; size(&self.second)]; size(&self.first)];
        for ((a, b), weight) in &self.joint {
            table[*a][*b] = *weight;
        }
        table
    }

    /// Entropies of the first and the second partition, in nats.
    pub fn entropies(&self) -> (f64, f64) {
        (self.entropy(self.first.values()), self.entropy(self.second.values()))
    }

    /// Mutual information of the partitions, in nats.
    pub fn mutual_information(&self) -> f64 {
        let (first, second) = self.entropies();
        (first + second - self.entropy(self.joint.values())).max(0.0)
    }

    fn entropy<'a>(&self, sums: impl Iterator<Item = &'a f64>) -> f64 {
        let terms = sums.filter(|sum| **sum > 0.0).map(|sum| sum / self.total);
        -terms.map(|p| p * p.ln()).sum::<f64>()
    }

    /// Mutual information divided by the mean entropy, `2 I / (H₁ + H₂)`: 1 for the same partition,
    /// above 0 by chance; 1 if both have a single class.
    pub fn normalized_mutual_information(&self) -> f64 {
        let (first, second) = self.entropies();
        let both = first + second;
        if both > 0.0 { (2.0 * self.mutual_information() / both).min(1.0) } else { 1.0 }
    }

    /// Mutual information adjusted for chance, `(I - E) / ((H₁ + H₂) / 2 - E)` (Vinh, Epps & Bailey
    /// 2010), where `E` is the mean of `I` over random partitions of the same sizes: 1 for the same
    /// partition, 0 by chance on average.
    ///
    /// Counts are rounded to whole numbers for `E`, which is defined only for these.
    pub fn adjusted_mutual_information(&self) -> f64 {
        let (first, second) = self.entropies();
        let (mutual, mean) = (self.mutual_information(), f64::midpoint(first, second));
        let expected = self.expected_mutual_information();
        // If both have a single class, or each item is a class in both, there is no difference from
        // chance.
        if mean - expected > 1e-12 {
            (mutual - expected) / (mean - expected)
        } else {
            f64::from(mutual >= mean - 1e-12)
        }
    }

    /// Mean mutual information, in nats, of random partitions of these sizes: the hypergeometric
    /// model (Vinh, Epps & Bailey 2010, eq. 24a).
    #[expect(clippy::cast_sign_loss, reason = "the weights are not negative")]
    fn expected_mutual_information(&self) -> f64 {
        let sizes = |sums: &BTreeMap<usize, f64>| -> Vec<usize> {
            sums.values().map(|sum| sum.round().max(0.0) as usize).collect()
        };
        let (rows, columns) = (sizes(&self.first), sizes(&self.second));
        let n: usize = rows.iter().sum();
        let n = n.max(columns.iter().sum());
        // `ln k!` for all `k` up to `n`.
        let mut ln_factorial = vec![0.0; n + 1];
        for k in 1..=n {
            ln_factorial[k] = ln_factorial[k - 1] + (k as f64).ln();
        }
        let mut expected = 0.0;
        for a in &rows {
            for b in &columns {
                let fixed =
                    ln_factorial[*a] + ln_factorial[*b] + ln_factorial[n - a] + ln_factorial[n - b]
                        - ln_factorial[n];
                for both in (a + b).saturating_sub(n).max(1)..=(*a).min(*b) {
                    let varying = ln_factorial[both]
                        + ln_factorial[a - both]
                        + ln_factorial[b - both]
                        + ln_factorial[n + both - a - b];
                    let fraction = both as f64 / n as f64;
                    let ratio = n as f64 * both as f64 / (*a as f64 * *b as f64);
                    expected += fraction * ratio.ln() * (fixed - varying).exp();
                }
            }
        }
        expected
    }

    /// Rand index adjusted for chance (Hubert & Arabie 1985): 1 for the same partition, 0 by chance
    /// on average.
    pub fn adjusted_rand_index(&self) -> f64 {
        let pairs = |n: f64| n * (n - 1.0) / 2.0;
        let together: f64 = self.joint.values().map(|n| pairs(*n)).sum();
        let in_first: f64 = self.first.values().map(|n| pairs(*n)).sum();
        let in_second: f64 = self.second.values().map(|n| pairs(*n)).sum();
        let expected = in_first * in_second / pairs(self.total).max(1.0);
        let most = f64::midpoint(in_first, in_second);
        if most > expected { (together - expected) / (most - expected) } else { 1.0 }
    }
}

/// [`Contingency::adjusted_rand_index`] of two labelings of the same items.
///
/// # Panics
/// If the labelings have different lengths.
pub fn adjusted_rand_index(a: &[usize], b: &[usize]) -> f64 {
    Contingency::new(a, b).adjusted_rand_index()
}

/// [`Contingency::normalized_mutual_information`] of two labelings of the same items.
///
/// # Panics
/// If the labelings have different lengths.
pub fn normalized_mutual_information(a: &[usize], b: &[usize]) -> f64 {
    Contingency::new(a, b).normalized_mutual_information()
}

/// [`Contingency::adjusted_mutual_information`] of two labelings of the same items.
///
/// # Panics
/// If the labelings have different lengths.
pub fn adjusted_mutual_information(a: &[usize], b: &[usize]) -> f64 {
    Contingency::new(a, b).adjusted_mutual_information()
}

/// Like [`adjusted_rand_index`], with item `n` counted `weight(n)` times.
pub(crate) fn weighted_rand_index(a: &[usize], b: &[usize], weight: impl Fn(usize) -> f64) -> f64 {
    Contingency::weighted(a, b, weight).adjusted_rand_index()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rand_index_of_small_partitions() {
        assert!((adjusted_rand_index(&[0, 0, 1, 1], &[5, 5, 2, 2]) - 1.0).abs() < 1e-15);
        // Joint counts [[1, 1], [0, 2]]: together 1, in a 2, in b 3, expected 1, maximum 2.5: 0.
        assert!(adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 1, 1]).abs() < 1e-15);
    }

    #[test]
    fn measures_agree_with_scikit_learn() {
        // normalized_mutual_info_score, adjusted_mutual_info_score and adjusted_rand_score,
        // scikit-learn 1.9.1.
        let y = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1];
        let c = [0, 0, 1, 1, 1, 1, 2, 2, 0, 2, 0, 3];
        for (found, expected) in [
            (normalized_mutual_information(&y, &c), 0.606_978_999_945_060_5),
            (adjusted_mutual_information(&y, &c), 0.451_653_051_395_547_23),
            (adjusted_rand_index(&y, &c), 0.395_604_395_604_395_6),
        ] {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn names_of_classes_do_not_matter_and_one_class_says_nothing() {
        let y = [0, 0, 1, 1, 2, 2];
        let same = [5, 5, 0, 0, 1, 1];
        for measure in
            [adjusted_rand_index, normalized_mutual_information, adjusted_mutual_information]
        {
            assert!((measure(&y, &same) - 1.0).abs() < 1e-12);
            assert!(measure(&y, &[0; 6]).abs() < 1e-12);
            assert!((measure(&[0; 6], &[3; 6]) - 1.0).abs() < 1e-12);
        }
        let table = Contingency::new(&y, &same).table();
        assert_eq!((table.len(), table[0].len(), table[0][5]), (3, 6, 2.0));
    }
}
