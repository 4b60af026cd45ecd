//! Disentanglement of latent dimensions and known factors of the music: MIG, SAP, modularity.
//!
//! All three compare `D` latent dimensions with `F` factors that music was made by. As Locatello et
//! al. 2019 compute them ("Challenging common assumptions in the unsupervised learning of
//! disentangled representations"): mutual information over latents in 20 bins of equal width from
//! the least to the greatest value, in nats.

use gmm::cluster::Contingency;

/// Bins of a latent dimension.
pub const BINS: usize = 20;

/// Mutual information of latent dimensions and factors.
#[derive(Clone, Debug, PartialEq)]
pub struct Informed {
    /// `[D][F]`, in nats.
    pub mutual: Vec<Vec<f64>>,
    /// Entropies of the factors, `[F]`.
    pub entropies: Vec<f64>,
}

impl Informed {
    /// Of latents `[n, D]` and the values of factors, `[F][n]`, numbered from 0.
    ///
    /// # Panics
    /// If a factor has not one value for each latent.
    pub fn new(latents: &[f64], d: usize, factors: &[Vec<usize>]) -> Self {
        let entropies = factors.iter().map(|f| Contingency::new(f, f).entropies().0).collect();
        let mutual = (0..d)
            .map(|j| {
                let column: Vec<f64> = latents.iter().skip(j).step_by(d).copied().collect();
                let bins = bins(&column);
                let of = |factor: &Vec<usize>| {
                    assert_eq!(factor.len(), bins.len(), "a value for each latent");
                    Contingency::new(factor, &bins).mutual_information()
                };
                factors.iter().map(of).collect()
            })
            .collect();
        Self { mutual, entropies }
    }

    /// The mutual information gap of each factor (Chen et al. 2018): `(I_1 - I_2) / H` with the two
    /// dimensions that tell most of it. 1 if one dimension tells all of it and no other any, 0 if
    /// two tell the same. 0 for a factor that never varies.
    pub fn gaps(&self) -> Vec<f64> {
        let gap = |f: usize| {
            let [first, second] = two_largest(self.mutual.iter().map(|row| row[f]));
            if self.entropies[f] > 0.0 { (first - second) / self.entropies[f] } else { 0.0 }
        };
        (0..self.entropies.len()).map(gap).collect()
    }

    /// Modularity (Ridgeway and Mozer 2018): of each dimension `1 - Σ_{f ≠ f*} (I_f / I_f*)² / (F -
    /// 1)`, with the factor `f*` that it tells most of; mean over the dimensions. 1 if each
    /// dimension tells of one factor at most. A dimension that tells of none counts as 1.
    pub fn modularity(&self) -> f64 {
        let n_factors = self.entropies.len();
        let of = |row: &Vec<f64>| {
            let most = row.iter().copied().fold(0.0, f64::max);
            if most <= 0.0 || n_factors < 2 {
                return 1.0;
            }
            let all: f64 = row.iter().map(|mutual| (mutual / most).powi(2)).sum();
            1.0 - (all - 1.0) / (n_factors - 1) as f64
        };
        self.mutual.iter().map(of).sum::<f64>() / self.mutual.len().max(1) as f64
    }
}

/// The separated attribute predictability of each factor (Kumar et al. 2018): the accuracies of the
/// two single dimensions that predict it best, the second taken from the first. Each predicts by
/// the nearest of the classes' means in training (the best linear rule for classes of equal
/// variance), and is scored on other latents.
///
/// Latents are `[n, D]`, factors `[F][n]`.
///
/// # Panics
/// If a factor has not one value for each latent.
pub fn separated_attribute_predictability(
    train: (&[f64], &[Vec<usize>]),
    test: (&[f64], &[Vec<usize>]),
    d: usize,
) -> Vec<f64> {
    let column = |latents: &[f64], j: usize| -> Vec<f64> {
        latents.iter().skip(j).step_by(d).copied().collect()
    };
    let of = |(learned, asked): (&Vec<usize>, &Vec<usize>)| {
        let score = |j: usize| {
            let means = class_means(&column(train.0, j), learned);
            let values = column(test.0, j);
            assert_eq!(values.len(), asked.len(), "a value for each latent");
            let right =
                values.iter().zip(asked).filter(|(v, class)| nearest(&means, **v) == **class);
            right.count() as f64 / asked.len().max(1) as f64
        };
        let [first, second] = two_largest((0..d).map(score));
        first - second
    };
    train.1.iter().zip(test.1).map(of).collect()
}

/// Bins of equal width from the least to the greatest value.
fn bins(values: &[f64]) -> Vec<usize> {
    let (least, most) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    let width = (most - least) / BINS as f64;
    let bin = |v: &f64| {
        if width > 0.0 { super::statistics::whole((v - least) / width).min(BINS - 1) } else { 0 }
    };
    values.iter().map(bin).collect()
}

/// The mean of each class, infinitely far for a class without members.
fn class_means(values: &[f64], classes: &[usize]) -> Vec<f64> {
    let n_classes = classes.iter().max().map_or(0, |last| last + 1);
    let mut sums = vec![(0.0, 0.0); n_classes];
    for (value, class) in values.iter().zip(classes) {
        sums[*class].0 += value;
        sums[*class].1 += 1.0;
    }
    sums.into_iter().map(|(sum, n)| if n > 0.0 { sum / n } else { f64::INFINITY }).collect()
}

fn nearest(means: &[f64], value: f64) -> usize {
    let distance = |class: &usize| (means[*class] - value).abs();
    (0..means.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
}

fn two_largest(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold(
        [0.0; 2],
        |[first, second], value| {
            if value > first { [value, first] } else { [first, second.max(value)] }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty latents of four dimensions, and three factors.
    fn made() -> (Vec<f64>, Vec<Vec<usize>>) {
        let factors: Vec<Vec<usize>> = vec![
            (0..60).map(|i| i % 3).collect(),
            (0..60).map(|i| i / 3 % 2).collect(),
            (0..60).map(|i| i * 7 % 5).collect(),
        ];
        let latents = (0..60)
            .flat_map(|i| {
                let at = i as f64;
                let [a, b, c] = [0, 1, 2].map(|f: usize| factors[f][i] as f64);
                [
                    a + 0.3 * (1.7 * at).sin(),
                    2.0 * b - 0.2 * a + 0.4 * (2.3 * at).cos(),
                    (0.9 * at).sin() + 0.5 * c,
                    (0.31 * at).cos(),
                ]
            })
            .collect();
        (latents, factors)
    }

    #[test]
    fn information_gaps_and_modularity_are_those_of_scikit_learn_and_numpy() {
        let (latents, factors) = made();
        let found = Informed::new(&latents, 4, &factors);
        // sklearn.metrics.mutual_info_score of numpy.digitize(z, numpy.histogram(z, 20)[1][:-1]).
        let expected = [
            [1.098_612_29, 0.090_782_53, 0.778_63],
            [0.534_816_89, std::f64::consts::LN_2, 0.875_187_37],
            [0.356_496_21, 0.193_858_47, 0.890_426_74],
            [0.234_373_28, 0.343_331_11, 0.964_921_36],
        ];
        for (row, expected) in found.mutual.iter().zip(expected) {
            for (found, expected) in row.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
            }
        }
        for (gap, expected) in
            found.gaps().into_iter().zip([0.513_188_69, 0.504_677_92, 0.046_286_11])
        {
            assert!((gap - expected).abs() < 1e-8, "{gap} is not {expected}");
        }
        assert!((found.modularity() - 0.762_109_633_478_822_4).abs() < 1e-12);
    }

    #[test]
    fn a_dimension_for_each_factor_has_every_gap_and_one_factor_twice_has_none() {
        let (_, factors) = made();
        let alone: Vec<f64> =
            (0..60).flat_map(|i| [0, 1, 2].map(|f: usize| factors[f][i] as f64)).collect();
        let found = Informed::new(&alone, 3, &factors);
        // The factors are independent: 60 of them are twice all of 3 · 2 · 5.
        assert!(found.gaps().into_iter().all(|gap| (gap - 1.0).abs() < 1e-9));
        assert!((found.modularity() - 1.0).abs() < 1e-9);
        let twice: Vec<f64> = factors[0].iter().flat_map(|v| [*v as f64, -(*v as f64)]).collect();
        assert!(Informed::new(&twice, 2, &factors[..1]).gaps()[0].abs() < 1e-12);
    }

    #[test]
    fn predictability_by_hand() {
        // Means of the classes: 0 and 10 in the first dimension, 2 and 3 in the second.
        let (train, labels) = ([-1.0, 2.0, 1.0, 2.0, 9.0, 3.0, 11.0, 3.0], vec![vec![0, 0, 1, 1]]);
        // Nearest: 0 0 1 1 by the first, 0 1 0 1 by the second.
        let (test, asked) = ([0.0, 2.1, 4.0, 2.9, 6.0, 2.4, 9.0, 2.6], vec![vec![0, 0, 1, 1]]);
        let found = separated_attribute_predictability((&train, &labels), (&test, &asked), 2);
        assert_eq!(found, [1.0 - 0.5]);
    }
}
