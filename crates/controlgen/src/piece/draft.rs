//! A piece in the making.

use std::sync::OnceLock;

use super::form::Form;
use super::plan::Composed;
use super::pool::Pool;
use super::propose::Around;
use super::similarity::Onsets;
use super::sound::{Sounds, turned};

/// A window of a piece.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) tokens: Vec<u16>,
    pub(super) z: Vec<f32>,
    pub(super) mu: Vec<f32>,
    /// The point that the next one is drawn from: active dimensions of `mu`, without the shift.
    pub(super) point: Vec<f64>,
    pub(super) sounds: Sounds,
    pub(super) onsets: Onsets,
}

/// A piece in the making.
pub(super) struct Draft {
    pub(super) number: u64,
    pub(super) form: Form,
    pub(super) windows: Vec<Option<Made>>,
    /// Meter or chords of all its windows, once known.
    pub(super) control: Option<Vec<u16>>,
    /// How long each pitch class sounds so far, in the common key, and where it sounds.
    pub(super) classes: [f64; 12],
    pub(super) sounding: [f64; 12],
    /// The tonic of its major scale, once known.
    pub(super) scale: Option<usize>,
    /// Draws of the style, made when the first are needed.
    pub(super) pool: OnceLock<Pool>,
}

impl Draft {
    /// The windows around a place, as far as they are made.
    pub(super) fn around(&self, at: usize) -> Around<'_> {
        let window = |at: Option<usize>| {
            let made = at.and_then(|at| self.windows.get(at)).and_then(Option::as_ref);
            made.map(|made| made.point.as_slice())
        };
        Around {
            before: window(at.checked_sub(1)),
            two_before: window(at.checked_sub(2)),
            after: window(Some(at + 1)),
            two_after: window(Some(at + 2)),
        }
    }
}

/// Adds how long each pitch class of a window sounds, moved by `key` semitones.
pub(super) fn add(classes: &mut [f64; 12], sounds: &Sounds, key: i32) {
    let more = turned(&sounds.pitch_classes(), key);
    classes.iter_mut().zip(more).for_each(|(sum, value)| *sum += value);
}

/// A piece of which every window was made.
pub(super) fn finished(draft: Draft) -> Composed {
    let form = draft.form;
    let (mut windows, mut z, mut mu) = (Vec::new(), Vec::new(), Vec::new());
    for made in draft.windows {
        let made = made.expect("every window was made");
        windows.push(made.tokens);
        z.push(made.z);
        mu.push(made.mu);
    }
    Composed { windows, z, mu, form }
}
