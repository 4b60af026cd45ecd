//! Agreement of clusters and labels.

use gmm::cluster::Contingency;
use serde::{Deserialize, Serialize};

/// Agreement of clusters and labels. For all measures, 1 is best.
///
/// With counts `n_ck` of items of class c in cluster k, entropies `H` and mutual information `I` in
/// nats:
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Normalized mutual information, `2 I(C; K) / (H(C) + H(K))`. Above 0 by chance, especially
    /// with few items for each pair of class and cluster; see [`Agreement::ami`].
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
    /// `1 - H(C | K) / H(C)`: 1 if each cluster has items of only one class.
    pub homogeneity: f64,
    /// `1 - H(K | C) / H(K)`: 1 if all items of each class are in one cluster.
    pub completeness: f64,
    /// `Σ_k max_c n_ck / n`: accuracy if each cluster predicts its most frequent class. Increases
    /// with the number of clusters.
    pub purity: f64,
}

/// Compares clusters with labels, both as numbers from 0. `None` without items, or for lists of
/// different lengths.
pub fn agreement(labels: &[usize], clusters: &[usize]) -> Option<Agreement> {
    if labels.is_empty() || labels.len() != clusters.len() {
        return None;
    }
    let table = Contingency::new(labels, clusters);
    let (h_labels, h_clusters) = table.entropies();
    let mutual = table.mutual_information();
    // A single class is always complete.
    let part = |h: f64| if h > 0.0 { (mutual / h).min(1.0) } else { 1.0 };
    let (homogeneity, completeness) = (part(h_labels), part(h_clusters));
    let v_measure = if homogeneity + completeness > 0.0 {
        2.0 * homogeneity * completeness / (homogeneity + completeness)
    } else {
        0.0
    };
    let counts = table.table();
    let n_clusters = counts.first().map_or(0, Vec::len);
    let largest = |k: usize| counts.iter().map(|row| row[k]).fold(0.0, f64::max);
    let purity = (0..n_clusters).map(largest).sum::<f64>() / labels.len() as f64;
    Some(Agreement {
        nmi: table.normalized_mutual_information(),
        ami: table.adjusted_mutual_information(),
        ari: table.adjusted_rand_index(),
        v_measure,
        homogeneity,
        completeness,
        purity,
    })
}

/// Counts of pairs, `[classes of a][classes of b]`.
pub fn confusion(a: &[usize], b: &[usize]) -> Vec<Vec<f64>> {
    Contingency::new(a, b).table()
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicvae::seed;
    use rand::RngExt;

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
            // Hand-computed: clusters 0 to 3 have at most 3, 3, 3 and 1 items of one class.
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
        // Separate clusters for all items carry no information, either; crossing pairs are worse
        // than chance (scikit-learn: -0.5).
        assert!(agreement(&y, &[0, 1, 2, 3, 4, 5]).unwrap().ami.abs() < 1e-12);
        assert!((agreement(&[0, 1, 0, 1], &[0, 0, 1, 1]).unwrap().ami + 0.5).abs() < 1e-12);
        assert!((agreement(&[0; 3], &[0; 3]).unwrap().ami - 1.0).abs() < 1e-12);
    }

    /// Random clusters agree with labels only by chance: AMI shows it, NMI does not.
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
}
