//! Assigns windows to styles by the rules of the styles; nothing is learned.

use note_seq::vocabulary::STEPS_PER_BAR;
use note_seq::window::{Content, notes};

use super::rules::{STYLES, Style};
use super::style_names;

/// Weights of the rules. Rhythm and scale distinguish most styles; register and motion the rest.
const RHYTHM: f64 = 2.0;
const SCALE: f64 = 2.0;
const REGISTER: f64 = 1.0;
const MOTION: f64 = 1.0;
/// Range of degrees of a melody, see `Composer::piece`.
const LOWEST_DEGREE: i32 = -6;
const HIGHEST_DEGREE: i32 = 8;
/// Maximum distance of a piece's tonic from that of its style, in semitones.
const TRANSPOSED: i32 = 3;

/// The result of judging a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The style whose rules are followed best, as an index into [`style_names`].
    pub style: usize,
    /// The degree to which the rules of each style are followed, 0 to 1.
    pub kept: Vec<f64>,
}

/// Judges a window of `mel-2bar` tokens by how well it follows the rules of each style: bars with
/// one of its rhythms, notes in its scale on one of its tonics and in its register, and steps that
/// it uses. `None` if the window has no note.
pub fn judge(tokens: &[u16]) -> Option<Verdict> {
    let notes = notes(Content::Pitches, tokens);
    let onsets: Vec<(usize, i32)> = notes.iter().map(|note| (note.start, note.pitch)).collect();
    if onsets.is_empty() {
        return None;
    }
    let kept: Vec<f64> = STYLES.iter().map(|style| how_far(style, tokens.len(), &onsets)).collect();
    // The first of equal ones.
    let style = (0..style_names().len()).rev().max_by(|a, b| kept[*a].total_cmp(&kept[*b]))?;
    Some(Verdict { style, kept })
}

fn how_far(style: &Style, n_steps: usize, onsets: &[(usize, i32)]) -> f64 {
    let tonics = -TRANSPOSED..=TRANSPOSED;
    let best =
        tonics.map(|shift| on_tonic(style, style.register + shift, onsets)).fold(0.0, f64::max);
    (RHYTHM * rhythm(style, n_steps, onsets) + best) / (RHYTHM + SCALE + REGISTER + MOTION)
}

/// Agreement of the bars' onsets with the style's rhythms: for each bar, the Jaccard index (onsets
/// in both over onsets in either) of the best rhythm.
fn rhythm(style: &Style, n_steps: usize, onsets: &[(usize, i32)]) -> f64 {
    let n_bars = n_steps.div_ceil(STEPS_PER_BAR).max(1);
    let of_bar = |bar: usize| {
        let own: Vec<usize> = onsets
            .iter()
            .filter(|(step, _)| step / STEPS_PER_BAR == bar)
            .map(|(step, _)| step % STEPS_PER_BAR)
            .collect();
        let alike = |rhythm: &&[(usize, usize)]| {
            let both = rhythm.iter().filter(|(step, _)| own.contains(step)).count();
            both as f64 / (own.len() + rhythm.len() - both) as f64
        };
        style.rhythms.iter().map(alike).fold(0.0, f64::max)
    };
    (0..n_bars).map(of_bar).sum::<f64>() / n_bars as f64
}

/// Agreement of pitches and steps with the style, on one tonic.
fn on_tonic(style: &Style, tonic: i32, onsets: &[(usize, i32)]) -> f64 {
    let n = i32::try_from(style.scale.len()).expect("a scale is short");
    let degree = |pitch: i32| {
        let place = style.scale.iter().position(|tone| *tone == (pitch - tonic).rem_euclid(12))?;
        Some((pitch - tonic).div_euclid(12) * n + i32::try_from(place).expect("a scale is short"))
    };
    let degrees: Vec<Option<i32>> = onsets.iter().map(|(_, pitch)| degree(*pitch)).collect();
    let share = |count: usize, of: usize| if of > 0 { count as f64 / of as f64 } else { 1.0 };
    let in_scale = degrees.iter().flatten().count();
    let inside = |degree: &&i32| (LOWEST_DEGREE..=HIGHEST_DEGREE).contains(*degree);
    let in_register = degrees.iter().flatten().filter(inside).count();
    // Steps within a bar; the first note of a bar is near the previous one by a separate rule.
    let steps = onsets.windows(2).zip(degrees.windows(2));
    let steps =
        steps.filter(|(onsets, _)| onsets[0].0 / STEPS_PER_BAR == onsets[1].0 / STEPS_PER_BAR);
    let made = |(_, degrees): &(&[(usize, i32)], &[Option<i32>])| match degrees {
        [Some(a), Some(b)] => style.motion.contains(&(b - a)),
        _ => false,
    };
    let (n_steps, n_made) = (steps.clone().count(), steps.filter(made).count());
    SCALE * share(in_scale, onsets.len())
        + REGISTER * share(in_register, onsets.len())
        + MOTION * share(n_made, n_steps)
}

#[cfg(test)]
mod tests {
    use super::super::piece;
    use super::*;
    use crate::kind::Kind;

    #[test]
    fn every_style_is_told_by_its_rules() {
        let kind = Kind::mel_2bar();
        for (style, name) in style_names().into_iter().enumerate() {
            let (mut right, mut n) = (0, 0);
            for index in 0..20 {
                for window in kind.windows(&piece(style, 11, index)).windows {
                    let verdict = judge(&window.tokens).unwrap();
                    right += usize::from(verdict.style == style);
                    n += 1;
                }
            }
            assert!(f64::from(right as u32) > 0.97 * f64::from(n), "{name}: {right} of {n}");
        }
    }

    #[test]
    fn a_window_that_keeps_no_rule_is_kept_by_none() {
        assert_eq!(judge(&[0; 32]), None);
        // Semitones on odd steps.
        let mut odd = [0_u16; 32];
        (0..16).for_each(|i| odd[2 * i + 1] = 20 + (i as u16 % 2) * 37);
        let verdict = judge(&odd).unwrap();
        assert!(verdict.kept.iter().all(|kept| *kept < 0.6), "{verdict:?}");
    }
}
