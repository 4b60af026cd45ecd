//! Measures of music of many voices: simultaneous tones, motion of lines, and accompaniment
//! patterns.
//!
//! A [`Passage`] is a window in its meter, usually a [`NoteList`]. A [`TextureFeature`] is a number
//! that describes it, a [`Pattern`] the name a musician would give it, and a [`Texture`] all of
//! that together. A [`TextureProfile`] describes many windows and puts them
//! [into words](TextureProfile::words); [`distances`] compares two sets of windows.
//! ([`crate::features`] has the measures of a single line on the grid of sixteenths.)
//!
//! Every measure uses the notes that start in the window, up to its end, in
//! [`TICKS_PER_QUARTER`](crate::TICKS_PER_QUARTER): tempo is irrelevant, except for the timing of
//! drums, which is in milliseconds. Beats are those of the meter: dotted quarters in 6/8.
//!
//! # Examples
//! ```
//! use note_seq::texture::{Passage, Pattern, Texture, TextureFeature, TextureProfile};
//! use note_seq::{Meter, NoteList, NoteListEncoding};
//! // A bar of a waltz, twice: C3, then C4 and E4 on the second and third beats.
//! let mut tokens = Vec::new();
//! for (onset, pitch) in [(0, 48), (12, 60), (12, 64), (24, 60), (24, 64)] {
//!     for bar in [0, 36] {
//!         tokens.extend([bar + onset, 0, pitch, 7, 0]);
//!     }
//! }
//! let meter = Meter::from_signature(3, 4).unwrap();
//! let (list, _) = NoteList::sorted(NoteListEncoding::POLY_2BAR, meter, &tokens)?;
//!
//! let passage = Passage::from(&list);
//! assert_eq!(TextureFeature::Polyphony.of(&passage), Some(5.0 / 3.0));
//! let texture = Texture::of(&passage);
//! assert_eq!(texture.pattern(), Some(Pattern::OomPah));
//! let words = TextureProfile::of([&texture]).words(None);
//! assert_eq!(words.join("; "), "waltz accompaniment, bass then two chords; keys; major");
//! # Ok::<(), note_seq::NoteListError>(())
//! ```

mod chord;
mod distance;
mod drums;
mod feature;
mod figure;
mod harmony;
mod line;
mod note;
mod passage;
mod pattern;
mod profile;
mod rhythm;
mod sounding;
mod words;

use crate::key::Key;
use crate::note_list::{Family, Meter, NoteList};

pub use distance::{Distance, distances, wasserstein};
pub use feature::TextureFeature;
pub use note::PassageNote;
pub use passage::Passage;
pub use pattern::Pattern;
pub use profile::TextureProfile;

/// All measures of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Texture {
    meter: Meter,
    key: Option<Key>,
    families: [bool; Family::ALL.len()],
    values: [Option<f64>; TextureFeature::N],
}

impl Texture {
    /// Measures a window.
    pub fn of(passage: &Passage) -> Self {
        let mut families = [false; Family::ALL.len()];
        for note in passage.notes() {
            families[usize::from(note.family.class())] = true;
        }
        Self {
            meter: passage.meter(),
            key: passage.key(),
            families,
            values: TextureFeature::ALL.map(|feature| feature.of(passage)),
        }
    }

    /// The meter.
    pub const fn meter(&self) -> Meter {
        self.meter
    }

    /// The key of the window estimated from it alone; `None` without tones.
    pub const fn key(&self) -> Option<Key> {
        self.key
    }

    /// The families of instruments that play.
    pub fn families(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().zip(self.families).filter(|(_, plays)| *plays).map(|(f, _)| f)
    }

    /// The value of a feature; `None` if it is undefined for the window.
    pub const fn get(&self, feature: TextureFeature) -> Option<f64> {
        self.values[feature as usize]
    }

    /// All values, in the order of [`TextureFeature::ALL`].
    pub const fn values(&self) -> &[Option<f64>; TextureFeature::N] {
        &self.values
    }

    /// The name a musician would give it; `None` if no rule of [`Pattern`] applies.
    pub fn pattern(&self) -> Option<Pattern> {
        Pattern::of(self)
    }
}

impl From<&NoteList> for Texture {
    fn from(list: &NoteList) -> Self {
        Self::of(&Passage::from(list))
    }
}
