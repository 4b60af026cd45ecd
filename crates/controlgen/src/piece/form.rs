//! The form of a piece: which of its windows are new, which return, and in what key.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};
use serde::Serialize;
use thiserror::Error;

use super::similarity::{Onsets, echoes};

/// How alike a varied section is where nothing was measured.
const USUAL_VARIATION: f64 = 0.7;
/// The forms that names stand for.
const NAMED: [(&str, &str); 4] =
    [("verse-chorus", "ABABCB"), ("rondo", "ABACA"), ("binary", "AABB"), ("ternary", "ABA")];

/// A window of a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Slot {
    /// The earlier window that returns here, and how alike they are: 1 for the same. `None` for a
    /// new one.
    pub returns: Option<(usize, f64)>,
    /// Semitones above the key of the piece.
    pub key: i8,
}

/// The form of a piece, window by window.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Form {
    /// Its windows, in order.
    pub slots: Vec<Slot>,
}

/// The form that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FormRequest {
    /// That of a real piece, drawn by how much it belongs to the style.
    #[default]
    Auto,
    /// Nothing returns but by chance.
    ThroughComposed,
    /// Sections of equal length: the same letter returns, with primes varied.
    Sections(Vec<SectionName>),
    /// That of another piece, window by window.
    Same(Form),
}

/// The name of a section: `A`, `A'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SectionName {
    /// `A` to `Z`.
    pub letter: char,
    /// Number of primes: each stands for another variation.
    pub n_primes: usize,
}

/// A text that names no form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a form (allowed: auto, through, verse-chorus, rondo, binary, ternary, or a \
     letter A to Z for each section, with ' for a varied return: AABA, AA'BA)"
)]
pub struct UnknownForm(String);

impl FromStr for FormRequest {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        let text = text.trim();
        match text {
            "auto" => return Ok(Self::Auto),
            "through" => return Ok(Self::ThroughComposed),
            _ => {}
        }
        let named = NAMED.iter().find(|(name, _)| *name == text).map(|(_, letters)| *letters);
        let mut sections: Vec<SectionName> = Vec::new();
        for c in named.unwrap_or(text).chars() {
            match (c, sections.last_mut()) {
                ('A'..='Z', _) => sections.push(SectionName { letter: c, n_primes: 0 }),
                ('\'' | '’' | '′', Some(last)) => last.n_primes += 1,
                _ => return Err(UnknownForm(text.to_owned())),
            }
        }
        if sections.is_empty() {
            return Err(UnknownForm(text.to_owned()));
        }
        Ok(Self::Sections(sections))
    }
}

impl fmt::Display for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.letter, "'".repeat(self.n_primes))
    }
}

impl fmt::Display for FormRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::ThroughComposed => f.write_str("through"),
            Self::Sections(sections) => sections.iter().try_for_each(|name| write!(f, "{name}")),
            Self::Same(form) => f.write_str(&form.letters()),
        }
    }
}

impl Form {
    /// A form of `n_windows` in which nothing returns.
    pub fn through_composed(n_windows: usize) -> Self {
        Self { slots: vec![Slot::default(); n_windows] }
    }

    /// Sections of equal length. A name that was there returns as it was; a letter with other
    /// primes returns varied, each window by as much as one of `variations`, the similarities of
    /// varied windows in real pieces. `None` if the sections don't divide the windows.
    pub fn of_sections(
        sections: &[SectionName],
        n_windows: usize,
        variations: &[f64],
        rng: &mut impl Rng,
    ) -> Option<Self> {
        let length = n_windows / sections.len().max(1);
        if length == 0 || length * sections.len() != n_windows {
            return None;
        }
        let mut form = Self::default();
        for (at, name) in sections.iter().enumerate() {
            let before = &sections[..at];
            let same = before.iter().position(|other| other == name);
            let varied = before.iter().position(|other| other.letter == name.letter);
            for window in 0..length {
                let returns = match (same, varied) {
                    (Some(section), _) => Some((section * length + window, 1.0)),
                    (None, Some(section)) => {
                        let similarity = match variations.len() {
                            0 => USUAL_VARIATION,
                            n => variations[rng.random_range(0..n)],
                        };
                        Some((section * length + window, similarity))
                    }
                    (None, None) => None,
                };
                form.slots.push(Slot { returns, key: 0 });
            }
        }
        Some(form)
    }

    /// The form of a real piece: what its windows return, and the semitones from the key of the
    /// piece up to that of each window. `transposed` are the semitones that were added to each to
    /// bring it to the common key (empty for kinds that have none). The key of a piece is that of
    /// its last window.
    pub fn of_piece(windows: &[Onsets], transposed: &[i8]) -> Self {
        let slots = echoes(windows).into_iter().enumerate().map(|(at, echo)| Slot {
            returns: echo.map(|echo| (echo.of, echo.similarity)),
            // What was added leads down to the common key from one that is as much lower.
            key: transposed.get(at).map_or(0, |added| wrapped(-i32::from(*added))),
        });
        let mut form = Self { slots: slots.collect() };
        form.come_home();
        form
    }

    /// Whether a section ends with a window: the next one returns something that was there, and
    /// does not go on with what this one returns.
    pub(super) fn is_end_of_section(&self, at: usize) -> bool {
        let of = |at: usize| self.slots.get(at).and_then(|slot| slot.returns).map(|r| r.0);
        of(at + 1).is_some_and(|next| of(at).is_none_or(|of| next != of + 1) && next != at)
    }

    /// Makes the key of the last window that of the piece.
    fn come_home(&mut self) {
        let home = i32::from(self.slots.last().map_or(0, |slot| slot.key));
        for slot in &mut self.slots {
            slot.key = wrapped(i32::from(slot.key) - home);
        }
    }

    /// The first `n_windows` of it, as a piece that ends there.
    #[must_use]
    pub fn cut(&self, n_windows: usize) -> Self {
        let mut form = Self { slots: self.slots.iter().take(n_windows).copied().collect() };
        form.come_home();
        form
    }

    /// Its windows as letters, each with primes where it returns varied: `ABAB'`; from the fourth
    /// variation on with their number, `A'4`. Beyond `Z` letters go on with numbers, `A2`.
    pub fn letters(&self) -> String {
        let mut names: Vec<(usize, usize)> = Vec::with_capacity(self.slots.len());
        let mut primes = BTreeMap::<usize, usize>::new();
        for slot in &self.slots {
            let name = match slot.returns {
                None => {
                    let letter = primes.len();
                    primes.insert(letter, 0);
                    (letter, 0)
                }
                Some((of, 1.0..)) => names[of],
                Some((of, _)) => {
                    let n = primes.entry(names[of].0).or_default();
                    *n += 1;
                    (names[of].0, *n)
                }
            };
            names.push(name);
        }
        let name = |(letter, n_primes): &(usize, usize)| {
            let turn = letter / 26 + 1;
            let letter = char::from(b'A' + u8::try_from(letter % 26).unwrap_or(0));
            let turn = if turn > 1 { turn.to_string() } else { String::new() };
            let primes = match n_primes {
                0..4 => "'".repeat(*n_primes),
                n => format!("'{n}"),
            };
            format!("{letter}{turn}{primes}")
        };
        names.iter().map(name).collect()
    }
}

/// Semitones as −6 to 5.
fn wrapped(semitones: i32) -> i8 {
    let semitones = (semitones + 6).rem_euclid(12) - 6;
    i8::try_from(semitones).unwrap_or(0)
}

/// A form of a real piece, with how much the piece belongs to each component of the mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Its form.
    pub form: Form,
    /// Mean responsibilities of its windows, `[K]`.
    pub components: Vec<f32>,
}

/// The forms of real pieces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates {
    /// All that are kept.
    pub all: Vec<Template>,
}

impl Templates {
    /// The most windows of a template.
    pub const MAX_WINDOWS: usize = 32;

    /// A form of `n_windows`, drawn among those that are long enough, by how much their pieces
    /// belong to some components (to any, if there are none). Longer pieces than any template are
    /// joined of several.
    pub fn draw(&self, n_windows: usize, components: &[usize], rng: &mut impl Rng) -> Form {
        let mut form = Form::default();
        while form.slots.len() < n_windows {
            let missing = n_windows - form.slots.len();
            let longest = self.all.iter().map(|template| template.form.slots.len()).max();
            let Some(longest) = longest.filter(|longest| *longest > 0) else {
                return Form::through_composed(n_windows);
            };
            let enough = missing.min(longest);
            let usable = || self.all.iter().filter(|t| t.form.slots.len() >= enough);
            let weight = |template: &Template| {
                let of = |k: &usize| template.components.get(*k).copied().unwrap_or(0.0);
                let sum: f32 = components.iter().map(of).sum();
                // None is impossible, and without components all are alike.
                1e-3 + f64::from(sum)
            };
            let mut left = rng.random::<f64>() * usable().map(weight).sum::<f64>();
            let drawn = usable().find(|template| {
                left -= weight(template);
                left < 0.0
            });
            // Rounding may leave a little after the last.
            let Some(drawn) = drawn.or_else(|| usable().next_back()) else { break };
            let first = form.slots.len();
            let moved = |slot: Slot| Slot {
                returns: slot.returns.map(|(of, similarity)| (of + first, similarity)),
                ..slot
            };
            form.slots.extend(drawn.form.cut(enough).slots.into_iter().map(moved));
        }
        form
    }

    /// Similarities of all windows that return varied.
    pub fn variations(&self) -> Vec<f64> {
        let slots = self.all.iter().flat_map(|template| &template.form.slots);
        slots.filter_map(|slot| slot.returns).map(|r| r.1).filter(|s| *s < 1.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> rand_chacha::ChaCha8Rng {
        musicvae::seed::stream(1, "test", 0)
    }

    fn sections(text: &str) -> Vec<SectionName> {
        match text.parse() {
            Ok(FormRequest::Sections(sections)) => sections,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn texts_are_forms_and_back() {
        for text in ["AABA", "AA'BA''", "auto", "through"] {
            assert_eq!(text.parse::<FormRequest>().unwrap().to_string(), text);
        }
        assert_eq!("rondo".parse::<FormRequest>().unwrap().to_string(), "ABACA");
        for text in ["", "'A", "aaba", "A-B", "automatic", "A1"] {
            assert!(text.parse::<FormRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn sections_return_as_they_were_or_varied() {
        let form = Form::of_sections(&sections("ABA'A"), 8, &[0.6], &mut rng()).unwrap();
        let returns: Vec<_> = form.slots.iter().map(|slot| slot.returns).collect();
        let varied = |of| Some((of, 0.6));
        let same = |of| Some((of, 1.0));
        let expected = [None, None, None, None, varied(0), varied(1), same(0), same(1)];
        assert_eq!(returns, expected);
        assert_eq!(form.letters(), "ABCDA'B'AB");
        let ends: Vec<usize> = (0..8).filter(|at| form.is_end_of_section(*at)).collect();
        assert_eq!(ends, [3, 5]);
        // A variation that returns is that variation.
        let form = Form::of_sections(&sections("AA'A'"), 3, &[], &mut rng()).unwrap();
        let returns: Vec<_> = form.slots.iter().map(|slot| slot.returns).collect();
        assert_eq!(returns, [None, Some((0, USUAL_VARIATION)), Some((1, 1.0))]);
        assert_eq!(Form::of_sections(&sections("AAB"), 4, &[], &mut rng()), None);
        assert_eq!(Form::of_sections(&sections("AAB"), 2, &[], &mut rng()), None);
    }

    #[test]
    fn keys_are_counted_from_the_end_and_a_cut_comes_home() {
        // A piece in D (2 taken off) that goes to A (3 added) and comes back, then to G.
        let windows: Vec<Onsets> = Vec::new();
        assert_eq!(Form::of_piece(&windows, &[]), Form::default());
        let key = |key| Slot { returns: None, key };
        let form = Form { slots: [2, -3, 2, -5].map(key).to_vec() };
        let keys = |form: &Form| form.slots.iter().map(|slot| slot.key).collect::<Vec<i8>>();
        assert_eq!(keys(&form.cut(3)), [0, -5, 0]);
        // G is seven semitones under D: five above.
        assert_eq!(keys(&form.cut(4)), [-5, 2, -5, 0]);
    }

    #[test]
    fn forms_are_drawn_by_their_style_and_joined_to_any_length() {
        let slot = |returns: Option<usize>| Slot { returns: returns.map(|of| (of, 1.0)), key: 0 };
        let template = |returns: [Option<usize>; 4], components: [f32; 2]| Template {
            form: Form { slots: returns.map(slot).to_vec() },
            components: components.to_vec(),
        };
        let (aaaa, abab) = ([None, Some(0), Some(0), Some(0)], [None, None, Some(0), Some(1)]);
        let all = vec![template(aaaa, [1.0, 0.0]), template(abab, [0.0, 1.0])];
        let templates = Templates { all };
        let mut rng = rng();
        let mut count = |components: &[usize]| {
            let drawn = (0..500).map(|_| templates.draw(4, components, &mut rng).letters());
            drawn.filter(|letters| letters == "ABAB").count()
        };
        assert!(count(&[1]) >= 495 && count(&[0]) <= 5);
        // Half of 500, within five standard deviations.
        assert!((194..=306).contains(&count(&[])));
        let varied = |of| Slot { returns: Some((of, 0.6)), key: 0 };
        let form = Form { slots: [slot(None), varied(0), varied(0), varied(0), varied(0)].into() };
        assert_eq!(form.letters(), "AA'A''A'''A'4");
        let long = templates.draw(6, &[1], &mut rng);
        assert_eq!(long.letters(), "ABABCD");
        assert_eq!(Templates::default().draw(3, &[], &mut rng).letters(), "ABC");
        assert_eq!(templates.variations(), Vec::<f64>::new());
    }
}
