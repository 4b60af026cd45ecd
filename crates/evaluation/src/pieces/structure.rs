//! Structure by repetition: how well a passage of a piece, of some length, stands for the whole.
//!
//! A passage's *fitness* (Müller, Jiang and Grosche, "A robust fitness measure for capturing
//! repetitions in music recordings", 2013) is the harmonic mean of the similarity of its returns
//! and the fraction of the piece they cover, both without what the passage gives by itself. The
//! *structureness indicator* of lengths `[l, u]` (Wu and Yang, "The Jazz Transformer on the front
//! line", 2020) is the largest fitness of all passages of these lengths. It is 0 for a piece
//! without repetition.
//!
//! Here a frame is half a bar, a feature its pitch classes weighted by duration, and likeness the
//! cosine of features. Of the matrix, the 15 % most alike stay, scaled to 0 to 1; all others are
//! -2, and a frame is like itself by 1. Recordings, for which both measures were made, are first
//! brought to such features.

/// Frames of a bar.
pub(super) const FRAMES_PER_BAR: usize = 2;
/// Percentage of the matrix that counts as alike.
const ALIKE_PERCENT: usize = 15;
/// Likeness of what does not.
const PENALTY: f64 = -2.0;

/// A feature of each frame.
pub(super) type Frame = [f64; 12];

/// Likenesses of every two frames, `[N, N]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SelfSimilarity {
    n: usize,
    values: Vec<f64>,
}

impl SelfSimilarity {
    pub(super) fn of(frames: &[Frame]) -> Self {
        let n = frames.len();
        let units: Vec<Frame> = frames.iter().map(unit).collect();
        let cosine = |a: &Frame, b: &Frame| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut values: Vec<f64> =
            units.iter().flat_map(|a| units.iter().map(move |b| cosine(a, b))).collect();
        enhance(&mut values);
        for frame in 0..n {
            values[frame * n + frame] = 1.0;
        }
        Self { n, values }
    }

    /// The largest fitness of passages of `lengths` frames, both ends included; 0 if there is none.
    pub(super) fn structureness(&self, lengths: [usize; 2]) -> f64 {
        let longest = lengths[1].min(self.n);
        let passages = (lengths[0].max(1)..=longest)
            .flat_map(|length| (0..=self.n - length).map(move |start| (start, length)));
        passages.map(|(start, length)| self.fitness(start, length)).fold(0.0, f64::max)
    }

    /// The fitness of the passage of `length` frames from `start` on.
    ///
    /// The best family of paths through the passage's columns is found by dynamic programming over
    /// all frames: a path is a return of the passage, and between two of them frames are skipped
    /// at no cost. Where several are as good, steps are preferred as in libfmp, the reference of
    /// the first author.
    fn fitness(&self, start: usize, length: usize) -> f64 {
        let of = |row: usize, column: usize| self.values[row * self.n + start + column];
        let nothing = Family { score: f64::NEG_INFINITY, ..Family::default() };
        // Families that end between paths, and in each column: of this row and of the two before.
        let mut idle = Family::default();
        let mut rows = [vec![nothing; length], vec![nothing; length], vec![nothing; length]];
        rows[0][0] = Family::default().begun(0, of(0, 0));
        for row in 1..self.n {
            rows.rotate_right(1);
            let [own, before, two_before] = &mut rows;
            let ended = before[length - 1].ended(row - 1);
            let skipped = idle;
            if ended.score > idle.score {
                idle = ended;
            }
            own[0] = idle.begun(row, of(row, 0));
            for column in 1..length {
                let straight = before[column - 1];
                let steep = two_before[column - 1];
                let flat = if column > 1 { before[column - 2] } else { skipped };
                let mut best = straight;
                // The first steps are straight.
                if row > 2 && steep.score > best.score {
                    best = steep;
                }
                if column > 1 && flat.score > best.score {
                    best = flat;
                }
                let score = straight.score.max(steep.score).max(flat.score) + of(row, column);
                own[column] = Family { score, n_cells: best.n_cells + 1, ..best };
            }
        }
        let last = rows[0][length - 1].ended(self.n - 1);
        let best = if last.score < idle.score { idle } else { last };
        let own = length as f64;
        if best.n_cells == 0 {
            return 0.0;
        }
        let score = (best.score - own) / best.n_cells as f64;
        let coverage = (best.n_covered as f64 - own) / self.n as f64;
        if score + coverage > 0.0 { 2.0 * score * coverage / (score + coverage) } else { 0.0 }
    }
}

/// A family of paths as far as a row.
#[derive(Clone, Copy, Debug, Default)]
struct Family {
    score: f64,
    /// Cells of all its paths.
    n_cells: usize,
    /// Frames that finished paths cover.
    n_covered: usize,
    /// The first row of the path that is not finished.
    first: usize,
}

impl Family {
    /// With another path that begins in a row.
    fn begun(self, row: usize, likeness: f64) -> Self {
        Self { score: self.score + likeness, n_cells: self.n_cells + 1, first: row, ..self }
    }

    /// With its last path finished in a row.
    fn ended(self, row: usize) -> Self {
        Self { n_covered: self.n_covered + row + 1 - self.first, ..self }
    }
}

/// A feature of length 1; silence is like everything.
fn unit(frame: &Frame) -> Frame {
    let length = frame.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 { frame.map(|x| x / length) } else { [12.0_f64.sqrt().recip(); 12] }
}

/// Keeps what is most alike, scaled to 0 to 1.
fn enhance(values: &mut [f64]) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Rounded to the nearest.
    let n_below = (values.len() * (100 - ALIKE_PERCENT) + 50) / 100;
    let Some((limit, most)) = sorted.get(n_below).zip(sorted.last()) else { return };
    // Where more than that are equally alike, those stay.
    let range = most - limit;
    for value in values {
        *value = match *value {
            v if v < *limit => PENALTY,
            v if range > 0.0 => (v - limit) / range,
            _ => 1.0,
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn frames(case: &Value) -> Vec<Frame> {
        let rows = case["frames"].as_array().unwrap().iter();
        rows.map(|row| {
            let row = row.as_array().unwrap();
            std::array::from_fn(|i| row[i].as_f64().unwrap())
        })
        .collect()
    }

    #[test]
    fn fitness_is_that_of_libfmp() {
        let cases = include_str!("../../tests/oracle/fitness.json");
        let cases: Value = serde_json::from_str(cases).unwrap();
        for case in cases.as_array().unwrap() {
            let frames = frames(case);
            let found = SelfSimilarity::of(&frames);
            for (length, row) in case["fitness"].as_array().unwrap().iter().enumerate() {
                for (start, expected) in row.as_array().unwrap().iter().enumerate() {
                    let expected = expected.as_f64().unwrap().max(0.0);
                    let found = found.fitness(start, length + 1);
                    // Sums of some hundred terms of about 1, in another order.
                    assert!(
                        (found - expected).abs() < 1e-9,
                        "{} {start} {length}: {found}, not {expected}",
                        case["name"]
                    );
                }
            }
        }
    }

    #[test]
    fn what_returns_has_structure_and_what_does_not_has_none() {
        // Eight different frames, twice.
        let frame = |i: usize| -> Frame {
            let mut frame = [0.0; 12];
            (frame[i % 12], frame[(i * i + 3) % 12]) = (1.0, 0.7);
            frame
        };
        let once: Vec<Frame> = (0..8).map(frame).collect();
        let twice = [once.clone(), once.clone()].concat();
        let of = |frames: &[Frame], lengths| SelfSimilarity::of(frames).structureness(lengths);
        // Both halves, each like the other by 1: score (16 - 8) / 16, coverage (16 - 8) / 16.
        assert!((of(&twice, [8, 8]) - 0.5).abs() < 1e-12);
        assert!(of(&once, [6, 8]) < 0.2);
        assert_eq!(of(&twice, [20, 30]), 0.0);
        assert_eq!(of(&[], [1, 4]), 0.0);
    }
}
