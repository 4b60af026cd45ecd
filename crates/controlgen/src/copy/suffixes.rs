//! A sparse suffix array over many lines of symbols.

use rayon::prelude::*;

/// Follows the last symbol of each line and is less than any other symbol in comparisons of
/// suffixes: no suffix extends beyond it.
pub(super) const END: u32 = u32::MAX;
/// Number of symbols by which suffixes are sorted; a longer match counts as one of this length.
pub(super) const MAX_SORTED: usize = 512;

/// Every `step`-th position (1 or 2) of `symbols`, without ends, sorted by the suffixes that begin
/// there; equal suffixes are in order of position.
///
/// By prefix doubling (Manber and Myers 1993): suffixes sorted by their first `h` symbols are
/// sorted by `2 h` symbols using the ranks of the suffixes `h` symbols later. Only groups that are
/// still equal are sorted again (Larsson and Sadakane 2007).
pub(super) fn sorted(symbols: &[u32], step: usize) -> Vec<u32> {
    // For each sampled position: its rank, and the end of its line.
    let n = symbols.len().div_ceil(step);
    let mut ends = vec![0_u32; n];
    let mut end = symbols.len();
    for at in (0..symbols.len()).rev() {
        if symbols[at] == END {
            end = at;
        }
        if at % step == 0 {
            ends[at / step] = small(end);
        }
    }
    let first = |at: u32| {
        let line = &symbols[at as usize..ends[at as usize / step] as usize];
        let symbol = |k: usize| line.get(k).map_or(0, |symbol| u64::from(*symbol) + 1);
        (0..step).fold(0, |key, k| key << 32 | symbol(k))
    };
    let sampled = (0..symbols.len()).step_by(step).filter(|at| symbols[*at] != END);
    let mut order: Vec<u32> = sampled.map(small).collect();
    order.par_sort_unstable_by_key(|at| first(*at));
    let mut ranks = vec![0_u32; n];
    let mut n_groups = rank(&mut ranks, &order, step, |a, b| first(a) == first(b));

    let mut h = step;
    while h < MAX_SORTED && n_groups < order.len() {
        let next = |at: u32| {
            let at = at as usize;
            if at + h < ends[at / step] as usize { ranks[(at + h) / step] } else { 0 }
        };
        let rank_of = |at: u32| ranks[at as usize / step];
        let groups = order.par_chunk_by_mut(|a, b| rank_of(*a) == rank_of(*b));
        groups.filter(|group| group.len() > 1).for_each(|group| {
            group.sort_unstable_by_key(|at| next(*at));
        });
        let mut finer = vec![0; n];
        let is_same = |a, b| rank_of(a) == rank_of(b) && next(a) == next(b);
        n_groups = rank(&mut finer, &order, step, is_same);
        ranks = finer;
        h *= 2;
    }
    let rank_of = |at: u32| ranks[at as usize / step];
    let groups = order.par_chunk_by_mut(|a, b| rank_of(*a) == rank_of(*b));
    groups.filter(|group| group.len() > 1).for_each(<[u32]>::sort_unstable);
    order
}

/// Ranks sorted positions from 1, with equal ranks for equal neighbors. Returns the number of
/// ranks.
fn rank(
    ranks: &mut [u32],
    order: &[u32],
    step: usize,
    is_same: impl Fn(u32, u32) -> bool,
) -> usize {
    let mut n_groups = 0;
    for (index, at) in order.iter().enumerate() {
        if index == 0 || !is_same(order[index - 1], *at) {
            n_groups += 1;
        }
        ranks[*at as usize / step] = small(n_groups);
    }
    n_groups
}

/// Conversion of a position; the caller has checked that all of them fit.
fn small(n: usize) -> u32 {
    u32::try_from(n).expect("positions of 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The part of a suffix by which it is sorted.
    fn suffix(symbols: &[u32], at: u32) -> Vec<u32> {
        let line = symbols[at as usize..].iter().copied();
        line.take_while(|symbol| *symbol != END).take(MAX_SORTED).collect()
    }

    #[test]
    fn long_repetitions_stay_in_the_order_of_positions() {
        // Two lines of 700 equal symbols: beyond 512 they count as equal.
        let mut symbols = [vec![7; 700], vec![END], vec![7; 700], vec![END]].concat();
        symbols.push(3);
        symbols.push(END);
        let order = sorted(&symbols, 1);
        let mut expected: Vec<u32> = (0..symbols.len() as u32).collect();
        expected.retain(|at| symbols[*at as usize] != END);
        expected.sort_by_key(|at| suffix(&symbols, *at));
        assert_eq!(order, expected);
    }

    proptest! {
        /// A stable sort of the suffixes themselves.
        #[test]
        fn suffixes_are_in_order(
            lines in proptest::collection::vec(proptest::collection::vec(0_u32..4, 0..40), 1..12),
            step in 1_usize..=2,
        ) {
            let symbols: Vec<u32> =
                lines.iter().flat_map(|line| line.iter().copied().chain([END])).collect();
            let mut expected: Vec<u32> = (0..symbols.len() as u32).step_by(step).collect();
            expected.retain(|at| symbols[*at as usize] != END);
            expected.sort_by_key(|at| suffix(&symbols, *at));
            prop_assert_eq!(sorted(&symbols, step), expected);
        }
    }
}
