//! What an evaluation comes to: figures with intervals, baselines and goals, and what is drawn.

use corpus::artifact::JsonFormat;
use serde::{Deserialize, Serialize};

/// The figures of a model, in sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// The program that made it.
    pub program_version: String,
    /// The model's hash.
    pub model_hash: String,
    /// The kind of window of the model.
    pub kind: String,
    /// Hash of the corpus: its windows, and on which side of the split each is.
    pub corpus_hash: String,
    /// The seed of every draw.
    pub seed: u64,
    /// Temperature of generated music.
    pub temperature: f32,
    /// Training windows looked at.
    pub n_train: usize,
    /// Held-out windows scored, none of them in train.
    pub n_heldout: usize,
    /// Files (pieces) these come from: what intervals are over.
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

/// Figures of one subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its name for programs.
    pub key: String,
    /// Its name for people.
    pub title: String,
    /// The measures, with their definitions and sources.
    pub note: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Curves, matrices and maps.
    pub charts: Vec<Chart>,
    /// Music to look at and to hear.
    pub rolls: Vec<Rolls>,
}

impl Section {
    /// An empty section.
    pub fn new(key: &str, title: &str, note: &str) -> Self {
        let text = |text: &str| text.to_owned();
        Self { key: text(key), title: text(title), note: text(note), ..Self::default() }
    }

    /// Adds a figure, unless it is no number.
    pub fn push(&mut self, figure: Figure) {
        if figure.value.is_finite() {
            self.figures.push(figure);
        }
    }

    /// Adds a figure that may not exist.
    pub fn push_some(&mut self, figure: Option<Figure>) {
        figure.into_iter().for_each(|figure| self.push(figure));
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More.
    #[default]
    Higher,
    /// Less.
    Lower,
    /// Neither: it describes.
    Neither,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name for programs, unique in a report: `reconstruction.sampled.onset`.
    pub key: String,
    /// Its name for people.
    pub title: String,
    /// The figure.
    pub value: f64,
    /// Its 95 % interval over files, by bootstrap, or by jackknife where a bootstrap is biased;
    /// `None` with a single file or without repetitions.
    pub interval: Option<[f64; 2]>,
    /// Of how many windows, files or resamples.
    pub n: usize,
    /// The unit: `share`, `nats`, `bits a step`, …
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// What does without the model, or without the method, and what real music itself has.
    pub baselines: Vec<Baseline>,
    /// The goal.
    pub goal: Option<f64>,
    /// Whether it comes from a clock: no two runs give the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timed: bool,
}

/// A value that a figure is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Whose.
    pub name: String,
    /// Its value.
    pub value: f64,
}

impl Figure {
    /// A figure without interval, baselines and goal, of which more is better.
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

    /// A share with its interval.
    pub fn share(key: &str, title: &str, found: (f64, Option<[f64; 2]>), n: usize) -> Self {
        Self { interval: found.1, ..Self::new(key, title, found.0, "share", n) }
    }

    /// With an interval.
    #[must_use]
    pub fn interval(self, interval: Option<[f64; 2]>) -> Self {
        Self { interval, ..self }
    }

    /// With another direction.
    #[must_use]
    pub fn better(self, better: Better) -> Self {
        Self { better, ..self }
    }

    /// With a goal.
    #[must_use]
    pub fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Adds a value for comparison, if it is a number.
    #[must_use]
    pub fn beside(mut self, name: &str, value: impl Into<Option<f64>>) -> Self {
        if let Some(value) = value.into().filter(|value| value.is_finite()) {
            self.baselines.push(Baseline { name: name.to_owned(), value });
        }
        self
    }

    /// Whether the goal is reached; none without a goal.
    pub fn reached(&self) -> Option<bool> {
        let goal = self.goal?;
        match self.better {
            Better::Higher => Some(self.value >= goal),
            Better::Lower => Some(self.value <= goal),
            Better::Neither => None,
        }
    }
}

/// Something to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "chart", rename_all = "snake_case")]
pub enum Chart {
    /// Curves.
    Lines {
        /// What it shows.
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
    /// Shares of rows that fall into columns.
    Matrix {
        /// What it shows.
        title: String,
        /// What rows are.
        row_label: String,
        /// What columns are.
        column_label: String,
        /// Names of the rows.
        rows: Vec<String>,
        /// Names of the columns.
        columns: Vec<String>,
        /// Shares, each row summing to 1 (or 0).
        shares: Vec<Vec<f64>>,
    },
    /// Points on a plane, colored by group.
    Map {
        /// What it shows.
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
    /// A matrix of counts as shares of each row.
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

/// Windows under one caption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rolls {
    /// What they are.
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
