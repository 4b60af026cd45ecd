//! The result of an evaluation: figures with intervals, baselines and goals, and charts.

use corpus::artifact::JsonFormat;
use serde::{Deserialize, Serialize};

/// The figures of a model, in sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// The version of the program that made it.
    pub program_version: String,
    /// The model's hash.
    pub model_hash: String,
    /// The kind of window of the model.
    pub kind: String,
    /// Hash of the corpus: its windows, and the side of the split that each is on.
    pub corpus_hash: String,
    /// The seed of all random draws.
    pub seed: u64,
    /// Temperature of generated music.
    pub temperature: f32,
    /// Number of training windows used.
    pub n_train: usize,
    /// Number of held-out windows scored, none of which occur in the training split.
    pub n_heldout: usize,
    /// Number of files (pieces) these come from: the units of intervals.
    pub n_files: usize,
    /// The figures.
    pub sections: Vec<Section>,
}

impl JsonFormat for EvalReport {
    const FORMAT: &'static str = "controlgen.eval";
    const VERSION: u32 = 1;
}

impl EvalReport {
    /// All figures in order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.figures)
    }

    /// A figure by its key.
    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures().find(|figure| figure.key == key)
    }
}

/// Figures on one subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its key, for programs.
    pub key: String,
    /// Its title, for display.
    pub title: String,
    /// The measures, with their definitions and sources.
    pub note: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Curves, matrices and maps.
    pub charts: Vec<Chart>,
    /// Music to view and play.
    pub rolls: Vec<Rolls>,
}

impl Section {
    /// An empty section.
    pub fn new(key: &str, title: &str, note: &str) -> Self {
        let text = |text: &str| text.to_owned();
        Self { key: text(key), title: text(title), note: text(note), ..Self::default() }
    }

    /// Adds a figure, unless its value is not finite.
    pub fn push(&mut self, figure: Figure) {
        if figure.value.is_finite() {
            self.figures.push(figure);
        }
    }

    /// Adds a figure, if there is one.
    pub fn push_some(&mut self, figure: Option<Figure>) {
        figure.into_iter().for_each(|figure| self.push(figure));
    }
}

/// The better direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More.
    #[default]
    Higher,
    /// Less.
    Lower,
    /// Neither: descriptive.
    Neither,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its key for programs, unique in a report: `reconstruction.sampled.onset`.
    pub key: String,
    /// Its title, for display.
    pub title: String,
    /// The value.
    pub value: f64,
    /// Its 95 % interval over files, by bootstrap, or by jackknife if a bootstrap is biased; `None`
    /// with a single file or without repetitions.
    pub interval: Option<[f64; 2]>,
    /// Number of windows, files or resamples.
    pub n: usize,
    /// The unit: `share`, `nats`, `bits a step`, …
    pub unit: String,
    /// The better direction.
    pub better: Better,
    /// Results without the model, or without the method, and those of real music itself.
    pub baselines: Vec<Baseline>,
    /// The goal.
    pub goal: Option<f64>,
    /// Whether it is a time measurement, which differs in every run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timed: bool,
}

/// A value that a figure is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The name of the baseline.
    pub name: String,
    /// Its value.
    pub value: f64,
}

impl Figure {
    /// A figure without interval, baselines and goal, for which higher is better.
    pub fn new(key: &str, title: &str, value: f64, unit: &str, n: usize) -> Self {
        Self {
            key: key.to_owned(),
            title: title.to_owned(),
            value,
            interval: None,
            n,
            unit: unit.to_owned(),
            better: Better::Higher,
            baselines: Vec::new(),
            goal: None,
            timed: false,
        }
    }

    /// A fraction with its interval.
    pub fn share(key: &str, title: &str, found: (f64, Option<[f64; 2]>), n: usize) -> Self {
        Self { interval: found.1, ..Self::new(key, title, found.0, "share", n) }
    }

    /// Sets the interval.
    #[must_use]
    pub fn interval(self, interval: Option<[f64; 2]>) -> Self {
        Self { interval, ..self }
    }

    /// Sets the better direction.
    #[must_use]
    pub fn better(self, better: Better) -> Self {
        Self { better, ..self }
    }

    /// Sets the goal.
    #[must_use]
    pub fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Adds a value for comparison, if it is finite.
    #[must_use]
    pub fn beside(mut self, name: &str, value: impl Into<Option<f64>>) -> Self {
        if let Some(value) = value.into().filter(|value| value.is_finite()) {
            self.baselines.push(Baseline { name: name.to_owned(), value });
        }
        self
    }

    /// Whether the goal is reached; `None` without a goal.
    pub fn reached(&self) -> Option<bool> {
        let goal = self.goal?;
        match self.better {
            Better::Higher => Some(self.value >= goal),
            Better::Lower => Some(self.value <= goal),
            Better::Neither => None,
        }
    }
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "chart", rename_all = "snake_case")]
pub enum Chart {
    /// Curves.
    Lines {
        /// The title.
        title: String,
        /// The horizontal axis.
        x_label: String,
        /// The vertical axis.
        y_label: String,
        /// Whether the horizontal axis is logarithmic.
        log_x: bool,
        /// The curves.
        series: Vec<Series>,
    },
    /// Fractions of rows that fall into columns.
    Matrix {
        /// The title.
        title: String,
        /// The meaning of rows.
        row_label: String,
        /// The meaning of columns.
        column_label: String,
        /// Names of the rows.
        rows: Vec<String>,
        /// Names of the columns.
        columns: Vec<String>,
        /// Fractions, with a sum of 1 (or 0) per row.
        shares: Vec<Vec<f64>>,
    },
    /// Points on a plane, colored by group.
    Map {
        /// The title.
        title: String,
        /// The horizontal axis.
        x_label: String,
        /// The vertical axis.
        y_label: String,
        /// The groups.
        groups: Vec<Series>,
    },
}

impl Chart {
    /// A matrix of counts as fractions of each row.
    pub fn confusion(
        title: &str,
        [row_label, column_label]: [&str; 2],
        names: [Vec<String>; 2],
        counts: &[Vec<f64>],
    ) -> Self {
        let [rows, columns] = names;
        let share = |row: &Vec<f64>| -> Vec<f64> {
            let sum: f64 = row.iter().sum();
            let of = |column: usize| row.get(column).copied().unwrap_or(0.0) / sum.max(1.0);
            (0..columns.len()).map(of).collect()
        };
        let none = Vec::new();
        let shares = (0..rows.len()).map(|row| share(counts.get(row).unwrap_or(&none))).collect();
        let text = |text: &str| text.to_owned();
        let (row_label, column_label) = (text(row_label), text(column_label));
        Self::Matrix { title: text(title), row_label, column_label, rows, columns, shares }
    }
}

/// A curve or a group of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<[f64; 2]>,
    /// 95 % intervals of a curve's points, if it has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<[f64; 2]>,
}

/// Windows with a common caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rolls {
    /// The caption.
    pub caption: String,
    /// Their tokens.
    pub windows: Vec<Vec<u16>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_from_the_right_side() {
        let figure = Figure::new("a", "A", 0.9, "share", 10).goal(0.8);
        assert_eq!(figure.reached(), Some(true));
        assert_eq!(figure.clone().better(Better::Lower).reached(), Some(false));
        assert_eq!(figure.better(Better::Neither).reached(), None);
        assert_eq!(Figure::new("a", "A", 0.9, "share", 10).reached(), None);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut section = Section::new("s", "S", "");
        section.push(Figure::new("a", "A", f64::NAN, "share", 1).beside("b", 1.0));
        section
            .push(Figure::new("b", "B", 1.0, "share", 1).beside("c", f64::NAN).beside("d", None));
        assert_eq!(section.figures.len(), 1);
        assert_eq!(section.figures[0].baselines, []);
    }

    #[test]
    fn a_confusion_matrix_has_a_row_for_each_name() {
        let names = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let counts = [vec![1.0, 3.0], vec![0.0, 2.0]];
        let Chart::Matrix { shares, .. } =
            Chart::confusion("t", ["r", "c"], [names(), names()], &counts)
        else {
            panic!("no matrix")
        };
        assert_eq!(shares, [[0.25, 0.75, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    }
}
