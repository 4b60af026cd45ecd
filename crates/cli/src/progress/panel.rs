//! The panel of a training run on a terminal: three lines that stay in place.
//!
//! ```text
//! training   ━━━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━━  812/1000  2.8 steps/s, 361 windows/s  1m left
//! loss       ▇▆▅▄▄▃▃▂▂▂▂▁▁▁▁▁  31.20 nats: reconstruction 28.13, KL 12.3 bits at weight 0.20
//! held out   ▇▄▂▁▁  33.10 nats after step 800, the best so far; accuracy 0.721, sampled 0.583
//! ```

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Levels of a sparkline, lowest first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Width of a sparkline in characters.
const WIDTH: usize = 24;

/// Three lines on standard error.
pub(super) struct Panel {
    lines: MultiProgress,
    bar: ProgressBar,
    loss: ProgressBar,
    heldout: ProgressBar,
}

impl Panel {
    /// Creates a panel with a bar up to `total`, if there is a total.
    pub(super) fn new(total: Option<u64>) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let bar = match total {
            Some(total) => {
                ProgressBar::new(total).with_style(style("{prefix:<9} {wide_bar:.cyan/dim} {msg}"))
            }
            None => ProgressBar::no_length().with_style(style("{prefix:<9} {spinner} {wide_msg}")),
        };
        let text = || ProgressBar::no_length().with_style(style("{prefix:<9} {wide_msg}"));
        let bar = lines.add(bar.with_prefix("training"));
        let loss = lines.add(text().with_prefix("loss"));
        let heldout = lines.add(text().with_prefix("held out"));
        heldout.set_message("not yet scored");
        Self { lines, bar, loss, heldout }
    }

    pub(super) fn at(&self, position: u64, rate: String) {
        self.bar.set_position(position);
        self.bar.set_message(rate);
    }

    pub(super) fn loss(&self, text: String) {
        self.loss.set_message(text);
    }

    pub(super) fn heldout(&self, text: String) {
        self.heldout.set_message(text);
    }

    /// Prints a line above the panel.
    pub(super) fn print(&self, line: &str) {
        // If this fails, standard error is closed, and the panel is invisible.
        let _ = self.lines.println(crate::output::printable(line));
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        for line in [&self.bar, &self.loss, &self.heldout] {
            line.finish_and_clear();
        }
    }
}

/// A few characters that show the course of some values: means of groups, from the lowest `▁` to
/// the highest `█`.
pub(super) fn sparkline(values: &[f64]) -> String {
    let group = values.len().div_ceil(WIDTH).max(1);
    let means: Vec<f64> =
        values.chunks(group).map(|group| group.iter().sum::<f64>() / group.len() as f64).collect();
    let (low, high) =
        means.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let block = |value: &f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        BLOCKS[(1..8).filter(|level| share * 8.0 >= f64::from(*level)).count()]
    };
    means.iter().map(block).collect()
}

/// A duration for display: `1h 05m`, `4m 09s`, `7s`.
pub(super) fn duration(time: Duration) -> String {
    let secs = time.as_secs();
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_goes_from_the_highest_block_to_the_lowest() {
        assert_eq!(sparkline(&[8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]), "█▇▆▅▄▃▂▁");
        assert_eq!(sparkline(&[3.0, 3.0]), "▁▁");
        assert_eq!(sparkline(&[]), "");
        // Two values per character.
        let falling: Vec<f64> = (0..48).map(|i| f64::from(48 - i)).collect();
        let line = sparkline(&falling);
        assert_eq!(line.chars().count(), WIDTH);
        assert!(line.starts_with('█') && line.ends_with('▁'));
    }

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        let told = [7, 249, 3900].map(|secs| duration(Duration::from_secs(secs)));
        assert_eq!(told, ["7s", "4m 09s", "1h 05m"]);
    }
}
