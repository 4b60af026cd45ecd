//! Conversion of numbers of steps to note values.

use crate::units::StepsPerQuarter;

/// A note value, possibly dotted or one of a triplet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    /// Its length in steps.
    pub(super) n_steps: u32,
    /// Its name in MusicXML.
    pub(super) name: &'static str,
    pub(super) n_dots: u8,
    /// Whether it lasts two thirds of its nominal duration.
    pub(super) is_triplet: bool,
}

/// Names by length, from eight quarters down to one sixty-fourth of a quarter.
const NAMES: [&str; 10] =
    ["breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th", "128th", "256th"];

/// Length of the first of [`NAMES`] in quarters.
const LONGEST_QUARTERS: u32 = 8;

/// The smallest number of note values with a total length of `n_steps` steps, longest first; `None`
/// if the grid is finer than the shortest note value or divides a quarter by primes other than 2
/// and, once, 3.
pub(super) fn values(n_steps: u32, steps_per_quarter: StepsPerQuarter) -> Option<Vec<Value>> {
    let known = known_values(u32::from(steps_per_quarter.get()));
    let mut values = Vec::new();
    let mut left = n_steps;
    while left > 0 {
        let longest = known.iter().find(|value| value.n_steps <= left)?;
        left -= longest.n_steps;
        values.push(*longest);
    }
    Some(values)
}

/// All values that are a whole number of steps, longest first; of equally long ones, the simplest.
fn known_values(steps_per_quarter: u32) -> Vec<Value> {
    let mut known = Vec::new();
    for (halvings, name) in (0_u32..).zip(NAMES) {
        // Thirds, dots and the value itself in sixths and quarters of steps: all are whole numbers
        // of twelfths.
        let twelfths = (12 * LONGEST_QUARTERS * steps_per_quarter) >> halvings;
        if twelfths << halvings != 12 * LONGEST_QUARTERS * steps_per_quarter {
            break;
        }
        let kinds = [(4, 4, 0, false), (6, 4, 1, false), (7, 4, 2, false), (2, 3, 0, true)];
        for (numerator, denominator, n_dots, is_triplet) in kinds {
            let (length, rest) = (
                twelfths * numerator / (12 * denominator),
                twelfths * numerator % (12 * denominator),
            );
            if rest == 0 && length > 0 {
                known.push(Value { n_steps: length, name, n_dots, is_triplet });
            }
        }
    }
    known.sort_by_key(|value| (std::cmp::Reverse(value.n_steps), value.is_triplet, value.n_dots));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n_steps: u32, steps_per_quarter: u16) -> Vec<(&'static str, u8, bool, u32)> {
        let values = values(n_steps, StepsPerQuarter::new(steps_per_quarter).unwrap()).unwrap();
        values.into_iter().map(|v| (v.name, v.n_dots, v.is_triplet, v.n_steps)).collect()
    }

    #[test]
    fn lengths_become_the_fewest_values() {
        assert_eq!(names(4, 4), [("quarter", 0, false, 4)]);
        assert_eq!(names(6, 4), [("quarter", 1, false, 6)]);
        assert_eq!(names(7, 4), [("quarter", 2, false, 7)]);
        assert_eq!(names(5, 4), [("quarter", 0, false, 4), ("16th", 0, false, 1)]);
        assert_eq!(names(16, 4), [("whole", 0, false, 16)]);
        assert_eq!(names(1, 3), [("eighth", 0, true, 1)]);
        assert_eq!(names(12, 24), [("eighth", 0, false, 12)]);
        assert_eq!(names(8, 24), [("eighth", 0, true, 8)]);
    }

    #[test]
    fn every_length_on_every_known_grid_is_filled() {
        for steps_per_quarter in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] {
            let grid = StepsPerQuarter::new(steps_per_quarter).unwrap();
            for n_steps in 1..300 {
                let total: u32 = values(n_steps, grid).unwrap().iter().map(|v| v.n_steps).sum();
                assert_eq!(total, n_steps);
            }
        }
        for steps_per_quarter in [5, 7, 9, 10, 1024] {
            assert_eq!(values(1, StepsPerQuarter::new(steps_per_quarter).unwrap()), None);
        }
    }
}
