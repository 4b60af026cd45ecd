//! How alike two windows are, and what of a piece returns.

use note_seq::window::WindowForm;

use super::sound::Sounds;

/// From this similarity on, a window is another one varied.
pub const VARIED: f64 = 0.5;

/// The onsets of a window, sorted, for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onsets {
    /// Steps of a window and of a bar: windows of other meters are never alike.
    grid: (usize, usize),
    /// Step, pitch.
    tones: Vec<(usize, i32)>,
    drums: Vec<(usize, i32)>,
}

impl Onsets {
    /// Those of a window.
    ///
    /// # Panics
    /// If the tokens are not a window of the form.
    pub fn of(form: &WindowForm, window: &[u16]) -> Self {
        Self::from(&Sounds::of(form, window))
    }

    /// Number of them.
    pub fn len(&self) -> usize {
        self.tones.len() + self.drums.len()
    }

    /// Whether nothing starts in the window.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How alike two windows are: the F1 of onsets with the same pitch, `2 |A ∩ B| / (|A| + |B|)`.
    /// 0 for windows of different meters or without a note.
    pub fn similarity(&self, other: &Self) -> f64 {
        let n = self.len() + other.len();
        if self.grid != other.grid || n == 0 {
            return 0.0;
        }
        let n_shared = shared(&self.tones, &other.tones) + shared(&self.drums, &other.drums);
        2.0 * n_shared as f64 / n as f64
    }
}

impl From<&Sounds> for Onsets {
    fn from(sounds: &Sounds) -> Self {
        let of = |notes: &[super::sound::Sound]| {
            let mut onsets: Vec<(usize, i32)> =
                notes.iter().map(|note| (note.start, note.pitch)).collect();
            onsets.dedup();
            onsets
        };
        let grid = (sounds.n_steps, sounds.bar);
        Self { grid, tones: of(&sounds.tones), drums: of(&sounds.drums) }
    }
}

/// Number of elements that two sorted lists share.
fn shared(a: &[(usize, i32)], b: &[(usize, i32)]) -> usize {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut n = 0;
    while let (Some(one), Some(other)) = (a.peek(), b.peek()) {
        match one.cmp(other) {
            std::cmp::Ordering::Less => {
                a.next();
            }
            std::cmp::Ordering::Greater => {
                b.next();
            }
            std::cmp::Ordering::Equal => {
                n += 1;
                a.next();
                b.next();
            }
        }
    }
    n
}

/// An earlier window that a window of a piece returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Echo {
    /// The window it is most like; of equals the one before which the window before it is like the
    /// one before this, then the latest.
    pub of: usize,
    /// How alike they are, [`VARIED`] to 1.
    pub similarity: f64,
}

/// What each window of a piece returns; `None` for what is new.
pub fn echoes(windows: &[Onsets]) -> Vec<Option<Echo>> {
    let mut found: Vec<Option<Echo>> = Vec::with_capacity(windows.len());
    for (at, window) in windows.iter().enumerate() {
        let continued = match found.last() {
            Some(Some(Echo { of, .. })) => Some(of + 1),
            _ => None,
        };
        let echo = |of: usize| {
            let similarity = windows[of].similarity(window);
            (similarity >= VARIED).then_some(Echo { of, similarity })
        };
        let rank = |echo: &Echo| (echo.similarity, Some(echo.of) == continued, echo.of);
        let best = (0..at)
            .filter_map(echo)
            .reduce(|best, next| if rank(&next) > rank(&best) { next } else { best });
        found.push(best);
    }
    found
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;
    use proptest::prelude::*;

    use super::*;

    fn onsets(pitches: &[u16]) -> Onsets {
        let mut window = vec![0_u16; 32];
        for (at, pitch) in pitches.iter().enumerate() {
            window[2 * at] = *pitch;
        }
        Onsets::of(&WindowForm::Steps(WindowLayout::melody(32, 90)), &window)
    }

    #[test]
    fn onsets_are_shared_by_hand() {
        let (a, b) = (onsets(&[40, 42, 44, 45]), onsets(&[40, 42, 47]));
        // Two of four and three.
        assert_eq!(a.similarity(&b), 4.0 / 7.0);
        assert_eq!(a.similarity(&onsets(&[43, 45, 47, 48])), 0.0);
        assert_eq!(onsets(&[]).similarity(&onsets(&[])), 0.0);
    }

    #[test]
    fn what_returns_is_found_where_it_was() {
        let (a, b, c) = (onsets(&[40, 42, 44]), onsets(&[50, 52, 54]), onsets(&[60, 62, 64]));
        let varied = onsets(&[60, 62, 70]);
        let piece = [a.clone(), b.clone(), a.clone(), c.clone(), a.clone(), varied, onsets(&[])];
        let found = echoes(&piece);
        let short: Vec<Option<(usize, f64)>> =
            found.iter().map(|echo| echo.map(|echo| (echo.of, echo.similarity))).collect();
        let two_of_three = 4.0 / 6.0;
        assert_eq!(
            short,
            [None, None, Some((0, 1.0)), None, Some((2, 1.0)), Some((3, two_of_three)), None]
        );
        // Of two equal windows the one that continues what was returned before.
        let block = [a.clone(), b.clone(), c.clone(), b.clone(), a.clone(), b.clone()];
        assert_eq!(echoes(&block)[5].unwrap().of, 1);
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_and_one_for_equals(
            a in proptest::collection::vec(30_u16..60, 1..16),
            b in proptest::collection::vec(30_u16..60, 1..16),
        ) {
            let (a, b) = (onsets(&a), onsets(&b));
            prop_assert_eq!(a.similarity(&b), b.similarity(&a));
            prop_assert_eq!(a.similarity(&a), 1.0);
        }
    }
}
