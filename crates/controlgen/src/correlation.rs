//! Pearson's and Spearman's correlation of two series.

/// Spearman's rank correlation: Pearson's correlation of the ranks, with the mean rank for ties.
/// `None` for fewer than two pairs, or if either side is constant.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    pearson(&ranks(a), &ranks(b))
}

/// Pearson's correlation; `None` for fewer than two pairs, or if either side is constant.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
    };
    let scale = (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt();
    (scale > 0.0).then(|| product(a, mean_a, b, mean_b) / scale)
}

/// Ranks from 1; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let tied =
            order[first..].iter().take_while(|i| values[**i] == values[order[first]]).count();
        // Ranks `first + 1` to `first + tied`.
        let rank = first as f64 + f64::midpoint(tied as f64, 1.0);
        order[first..first + tied].iter().for_each(|i| ranks[*i] = rank);
        first += tied;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spearman_is_scipys() {
        // scipy.stats.spearmanr([1,2,2,4,5,7,7],[2,1,3,3,8,5,9]).statistic, scipy 1.17.1
        let (a, b) = ([1.0, 2.0, 2.0, 4.0, 5.0, 7.0, 7.0], [2.0, 1.0, 3.0, 3.0, 8.0, 5.0, 9.0]);
        assert!((spearman(&a, &b).unwrap() - 0.853_246_917_972_929_6).abs() < 1e-12);
        assert_eq!(spearman(&a, &[1.0; 7]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
    }
}
