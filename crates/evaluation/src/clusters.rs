//! Agreement of clusters with labels, and k-means.

use musicvae::seed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How far clusters and labels agree. In all four, 1 is the best.
///
/// With counts `n_ck` of things of class c in cluster k, `H` entropies and `I` mutual information
/// in nats:
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Normalized mutual information, `2 I(C; K) / (H(C) + H(K))`. Above 0 by chance, the more so
    /// the fewer things there are for each pair of class and cluster; see [`Agreement::ami`].
    pub nmi: f64,
    /// Mutual information adjusted for chance (Vinh, Epps and Bailey 2010), `(I - E) / ((H(C) +
    /// H(K)) / 2 - E)`, with `E` the expectation of `I` over random clusters of the same sizes: 0
    /// by chance.
    pub ami: f64,
    /// Rand index adjusted for chance (Hubert and Arabie 1985): 0 by chance.
    pub ari: f64,
    /// V-measure (Rosenberg and Hirschberg 2007): the harmonic mean of homogeneity
    /// `1 - H(C | K) / H(C)` and completeness `1 - H(K | C) / H(K)`, which equals the NMI.
    pub v_measure: f64,
    /// `1 - H(C | K) / H(C)`: each cluster holds one class.
    pub homogeneity: f64,
    /// `1 - H(K | C) / H(K)`: each class lies in one cluster.
    pub completeness: f64,
    /// `Σ_k max_c n_ck / n`: right answers if each cluster answers its most frequent class. Grows
    /// with the number of clusters.
    pub purity: f64,
}

/// Compares clusters with labels, both as numbers from 0. None for no things, or lists of two
/// lengths.
pub fn agreement(labels: &[usize], clusters: &[usize]) -> Option<Agreement> {
    if labels.is_empty() || labels.len() != clusters.len() {
        return None;
    }
    let counts = confusion(labels, clusters);
    let n = labels.len() as f64;
    let rows: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
    let n_columns = counts.first().map_or(0, Vec::len);
    let columns: Vec<f64> = (0..n_columns).map(|k| counts.iter().map(|row| row[k]).sum()).collect();
    let entropy = |counts: &[f64]| -> f64 {
        counts.iter().filter(|c| **c > 0.0).map(|c| -c / n * (c / n).ln()).sum()
    };
    let (h_labels, h_clusters) = (entropy(&rows), entropy(&columns));
    let joint = entropy(&counts.concat());
    let mutual = (h_labels + h_clusters - joint).max(0.0);
    // One class alone is always whole.
    let share = |h: f64| if h > 0.0 { (mutual / h).min(1.0) } else { 1.0 };
    let (homogeneity, completeness) = (share(h_labels), share(h_clusters));
    let v_measure = if homogeneity + completeness > 0.0 {
        2.0 * homogeneity * completeness / (homogeneity + completeness)
    } else {
        0.0
    };
    let both = h_labels + h_clusters;
    let nmi = if both > 0.0 { (2.0 * mutual / both).min(1.0) } else { 1.0 };
    let expected = expected_mutual_information(&rows, &columns);
    let adjusted = 0.5 * both - expected;
    // Where all is one class and one cluster, or each thing is both by itself, nothing can be said
    // of chance.
    let ami = if adjusted > 1e-12 {
        (mutual - expected) / adjusted
    } else {
        f64::from(mutual >= 0.5 * both)
    };
    let pairs = |counts: &[f64]| -> f64 { counts.iter().map(|c| c * (c - 1.0) / 2.0).sum() };
    let (in_both, in_rows, in_columns) = (pairs(&counts.concat()), pairs(&rows), pairs(&columns));
    let chance = in_rows * in_columns / (n * (n - 1.0) / 2.0).max(1.0);
    let most = 0.5 * (in_rows + in_columns);
    let ari = if most > chance { (in_both - chance) / (most - chance) } else { 1.0 };
    let purity =
        (0..n_columns).map(|k| counts.iter().map(|row| row[k]).fold(0.0, f64::max)).sum::<f64>()
            / n;
    Some(Agreement { nmi, ami, ari, v_measure, homogeneity, completeness, purity })
}

/// The mutual information, in nats, of two random partitions with these sizes, on average: the
/// hypergeometric model (Vinh, Epps and Bailey 2010, eq. 24a).
fn expected_mutual_information(rows: &[f64], columns: &[f64]) -> f64 {
    let whole = super::statistics::whole;
    let n = whole(rows.iter().sum());
    // ln k! for all k.
    let ln_factorial: Vec<f64> = std::iter::once(0.0)
        .chain((1..=n).scan(0.0, |sum, k| {
            *sum += (k as f64).ln();
            Some(*sum)
        }))
        .collect();
    let mut expected = 0.0;
    for a in rows.iter().copied().map(whole) {
        for b in columns.iter().copied().map(whole) {
            let fixed =
                ln_factorial[a] + ln_factorial[b] + ln_factorial[n - a] + ln_factorial[n - b]
                    - ln_factorial[n];
            for both in (a + b).saturating_sub(n).max(1)..=a.min(b) {
                let varies = ln_factorial[both]
                    + ln_factorial[a - both]
                    + ln_factorial[b - both]
                    + ln_factorial[n + both - a - b];
                let share = both as f64 / n as f64;
                let ratio = n as f64 * both as f64 / (a as f64 * b as f64);
                expected += share * ratio.ln() * (fixed - varies).exp();
            }
        }
    }
    expected
}

/// Counts of pairs, `[classes of a][classes of b]`.
pub fn confusion(a: &[usize], b: &[usize]) -> Vec<Vec<f64>> {
    let size = |values: &[usize]| values.iter().max().map_or(0, |m| m + 1);
    let mut counts = vec![vec![0.0; size(b)]; size(a)];
    for (a, b) in a.iter().zip(b) {
        counts[*a][*b] += 1.0;
    }
    counts
}

/// Starts and rounds of k-means.
const STARTS: u64 = 4;
const ROUNDS: usize = 100;

/// Centers `[k, d]` of the best of four runs of k-means (Lloyd's rounds from k-means++ starts).
///
/// # Panics
/// If there is no row, or `rows` is no multiple of `d`.
pub fn k_means(rows: &[f64], d: usize, k: usize, seed: u64) -> Vec<f64> {
    assert!(d > 0 && rows.len() >= d && rows.len().is_multiple_of(d), "rows of {d} values");
    let runs = (0..STARTS).map(|start| {
        let mut rng = seed::stream(seed, "k-means", start);
        lloyd(rows, d, plus_plus(rows, d, k, &mut rng))
    });
    let best = runs.min_by(|a, b| a.1.total_cmp(&b.1));
    best.expect("there are starts").0
}

/// The nearest center of each row.
pub fn nearest_centers(rows: &[f64], d: usize, centers: &[f64]) -> Vec<usize> {
    rows.chunks_exact(d).map(|row| nearest(row, d, centers).0).collect()
}

fn nearest(row: &[f64], d: usize, centers: &[f64]) -> (usize, f64) {
    let distances = centers.chunks_exact(d).map(|center| squared_distance(row, center));
    let best = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    best.expect("there are centers")
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Starting centers, each drawn by its squared distance to the ones before (Arthur and
/// Vassilvitskii 2007).
fn plus_plus(rows: &[f64], d: usize, k: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n = rows.len() / d;
    let row = |i: usize| &rows[i * d..][..d];
    let mut centers = row(rng.random_range(0..n)).to_vec();
    let mut far: Vec<f64> = (0..n).map(|i| squared_distance(row(i), &centers)).collect();
    while centers.len() < k.max(1) * d {
        let mut left = rng.random::<f64>() * far.iter().sum::<f64>();
        let drawn = far.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        // No distance is left where all rows are centers already.
        let drawn = drawn.unwrap_or_else(|| rng.random_range(0..n));
        centers.extend_from_slice(row(drawn));
        for (i, far) in far.iter_mut().enumerate() {
            *far = far.min(squared_distance(row(i), row(drawn)));
        }
    }
    centers
}

/// Lloyd's rounds; returns centers and the sum of squared distances to them.
fn lloyd(rows: &[f64], d: usize, mut centers: Vec<f64>) -> (Vec<f64>, f64) {
    let mut labels = Vec::new();
    for _ in 0..ROUNDS {
        let next = nearest_centers(rows, d, &centers);
        if next == labels {
            break;
        }
        labels = next;
        let k = centers.len() / d;
        let (mut sums, mut counts) = (vec![0.0; k * d], vec![0.0; k]);
        for (row, label) in rows.chunks_exact(d).zip(&labels) {
            counts[*label] += 1.0;
            sums[label * d..][..d].iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
        }
        // A center that lost its rows stays where it was.
        for (at, center) in
            centers.chunks_exact_mut(d).enumerate().filter(|(k, _)| counts[*k] > 0.0)
        {
            let sums = &sums[at * d..][..d];
            center.iter_mut().zip(sums).for_each(|(c, sum)| *c = sum / counts[at]);
        }
    }
    let spread = rows.chunks_exact(d).map(|row| nearest(row, d, &centers).1).sum();
    (centers, spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_scikit_learns() {
        // normalized_mutual_info_score, adjusted_mutual_info_score, adjusted_rand_score,
        // homogeneity_completeness_v_measure of y, c below; scikit-learn 1.9.1
        let y = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 1];
        let c = [0, 0, 1, 1, 1, 1, 2, 2, 0, 2, 0, 3];
        let found = agreement(&y, &c).unwrap();
        let expected = [
            (found.nmi, 0.606_978_999_945_060_5),
            (found.ami, 0.451_653_051_395_547_23),
            (found.ari, 0.395_604_395_604_395_6),
            (found.homogeneity, 0.658_760_328_571_390_2),
            (found.completeness, 0.562_744_888_197_985_1),
            (found.v_measure, 0.606_978_999_945_060_4),
            // By hand: clusters 0 to 3 hold at most 3, 3, 3 and 1 of one class.
            (found.purity, 10.0 / 12.0),
        ];
        for (found, expected) in expected {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn names_of_clusters_do_not_matter_and_one_cluster_tells_nothing() {
        let y = [0, 0, 1, 1, 2, 2];
        let same = agreement(&y, &[5, 5, 0, 0, 1, 1]).unwrap();
        assert!((same.nmi - 1.0).abs() < 1e-12 && (same.ari - 1.0).abs() < 1e-12);
        let one = agreement(&y, &[0; 6]).unwrap();
        assert!(one.nmi.abs() < 1e-12 && one.ari.abs() < 1e-12);
        assert!((one.purity - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(agreement(&y, &[0]), None);
        assert!((same.ami - 1.0).abs() < 1e-12 && one.ami.abs() < 1e-12);
        // Each thing by itself tells nothing either; pairs that cross are worse than chance
        // (scikit-learn: -0.5).
        assert!(agreement(&y, &[0, 1, 2, 3, 4, 5]).unwrap().ami.abs() < 1e-12);
        assert!((agreement(&[0, 1, 0, 1], &[0, 0, 1, 1]).unwrap().ami + 0.5).abs() < 1e-12);
        assert!((agreement(&[0; 3], &[0; 3]).unwrap().ami - 1.0).abs() < 1e-12);
    }

    /// Clusters drawn at random agree with labels by chance alone: AMI says so, NMI does not.
    #[test]
    fn by_chance_ami_is_0_and_nmi_is_not() {
        let mut rng = seed::stream(2, "chance", 0);
        let labels: Vec<usize> = (0..120).map(|i| i % 8).collect();
        let draws: Vec<Agreement> = (0..200)
            .map(|_| {
                let clusters: Vec<usize> = labels.iter().map(|_| rng.random_range(0..8)).collect();
                agreement(&labels, &clusters).unwrap()
            })
            .collect();
        let mean = |of: fn(&Agreement) -> f64| draws.iter().map(of).sum::<f64>() / 200.0;
        let ami = mean(|a| a.ami);
        // Five standard errors of the mean.
        let variance = draws.iter().map(|a| (a.ami - ami).powi(2)).sum::<f64>() / 199.0;
        assert!(ami.abs() < 5.0 * (variance / 200.0).sqrt(), "{ami}");
        assert!(mean(|a| a.nmi) > 0.08, "{}", mean(|a| a.nmi));
    }

    #[test]
    fn k_means_finds_separate_clouds() {
        let mut rng = seed::stream(1, "clouds", 0);
        let middles = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        let truth: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let rows: Vec<f64> = truth
            .iter()
            .flat_map(|c| middles[*c].map(|m| m + rng.random_range(-1.0..1.0)))
            .collect();
        let centers = k_means(&rows, 2, 3, 4);
        let found = agreement(&truth, &nearest_centers(&rows, 2, &centers)).unwrap();
        assert!((found.nmi - 1.0).abs() < 1e-12);
        // More centers than rows is no error.
        assert_eq!(k_means(&rows[..4], 2, 5, 4).len(), 10);
    }
}
