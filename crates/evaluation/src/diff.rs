//! Comparison of two reports: changes, and whether they exceed chance.

use serde::{Deserialize, Serialize};

use super::report::{Better, EvalReport, Figure};

/// Change of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Better, beyond both intervals.
    Better,
    /// Worse, beyond both intervals.
    Worse,
    /// Different by more than both intervals, for figures without a better direction.
    Different,
    /// Not significant: the intervals overlap; or equal.
    Same,
    /// Different, but without intervals, so that the significance is unknown.
    Unknown,
    /// Only the first report has it.
    Gone,
    /// Only the second report has it.
    New,
}

/// A figure in two reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its key.
    pub key: String,
    /// Its name for display.
    pub title: String,
    /// In the first report.
    pub before: Option<f64>,
    /// In the second report.
    pub after: Option<f64>,
    /// The change.
    pub change: Change,
}

/// Compares two reports figure by figure: those of the first, followed by those only in the second.
/// Timed figures are left out.
///
/// Disjoint intervals are a conservative test: at 95 % each, overlapping ones may still differ.
pub fn diff(before: &EvalReport, after: &EvalReport) -> Vec<Difference> {
    let difference = |key: &str, a: Option<&Figure>, b: Option<&Figure>| Difference {
        key: key.to_owned(),
        title: a.or(b).map_or_else(String::new, |figure| figure.title.clone()),
        before: a.map(|figure| figure.value),
        after: b.map(|figure| figure.value),
        change: change(a, b),
    };
    let first = before.figures().map(|a| difference(&a.key, Some(a), after.figure(&a.key)));
    let new = after.figures().filter(|b| before.figure(&b.key).is_none());
    let timed = |key: &str| {
        [before.figure(key), after.figure(key)].into_iter().flatten().any(|figure| figure.timed)
    };
    first
        .chain(new.map(|b| difference(&b.key, None, Some(b))))
        .filter(|difference| !timed(&difference.key))
        .collect()
}

fn change(a: Option<&Figure>, b: Option<&Figure>) -> Change {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (Some(_), None) => return Change::Gone,
        _ => return Change::New,
    };
    if a.value == b.value {
        return Change::Same;
    }
    let (Some([low_a, high_a]), Some([low_b, high_b])) = (a.interval, b.interval) else {
        return Change::Unknown;
    };
    if low_a <= high_b && low_b <= high_a {
        return Change::Same;
    }
    match (b.better, b.value > a.value) {
        (Better::Neither, _) => Change::Different,
        (Better::Higher, true) | (Better::Lower, false) => Change::Better,
        _ => Change::Worse,
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Section;
    use super::*;

    fn report(figures: Vec<Figure>) -> EvalReport {
        EvalReport {
            program_version: String::new(),
            model_hash: String::new(),
            kind: "mel-2bar".to_owned(),
            corpus_hash: String::new(),
            seed: 0,
            temperature: 0.5,
            n_train: 1,
            n_heldout: 1,
            n_files: 1,
            sections: vec![Section { figures, ..Section::default() }],
        }
    }

    fn figure(key: &str, value: f64, interval: Option<[f64; 2]>, better: Better) -> Figure {
        Figure::new(key, key, value, "", 1).interval(interval).better(better)
    }

    #[test]
    fn changes_count_beyond_both_intervals() {
        use Better::{Higher, Lower, Neither};
        let band = |v: f64| Some([v - 0.1, v + 0.1]);
        let before = report(vec![
            figure("up", 0.5, band(0.5), Higher),
            figure("loss", 0.5, band(0.5), Lower),
            figure("near", 0.5, band(0.5), Higher),
            figure("plain", 0.5, None, Higher),
            figure("describes", 0.5, band(0.5), Neither),
            figure("gone", 0.5, None, Higher),
            Figure { timed: true, ..figure("seconds", 0.5, None, Lower) },
        ]);
        let after = report(vec![
            figure("up", 0.8, band(0.8), Higher),
            figure("loss", 0.8, band(0.8), Lower),
            figure("near", 0.6, band(0.6), Higher),
            figure("plain", 0.6, None, Higher),
            figure("describes", 0.8, band(0.8), Neither),
            figure("new", 0.5, None, Higher),
        ]);
        let found: Vec<(String, Change)> =
            diff(&before, &after).into_iter().map(|d| (d.key, d.change)).collect();
        let expected = [
            ("up", Change::Better),
            ("loss", Change::Worse),
            ("near", Change::Same),
            ("plain", Change::Unknown),
            ("describes", Change::Different),
            ("gone", Change::Gone),
            ("new", Change::New),
        ];
        assert_eq!(found, expected.map(|(key, change)| (key.to_owned(), change)));
        assert!(diff(&before, &before).iter().all(|d| d.change == Change::Same));
    }
}
