//! Assignment of General MIDI percussion keys to the nine drums.

use serde::{Deserialize, Serialize};

use super::N_DRUM_CLASSES;
use crate::pitch::Pitch;

/// Percussion keys of each class; the first one is used for playback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<Pitch>>", into = "Vec<Vec<Pitch>>")]
pub struct DrumMap {
    exemplars: [Pitch; N_DRUM_CLASSES],
    /// Class of every key, or [`UNKNOWN`].
    classes: [u8; 128],
}

const UNKNOWN: u8 = u8::MAX;

const fn map(lists: [&[u8]; N_DRUM_CLASSES]) -> DrumMap {
    let mut exemplars = [Pitch::MIN; N_DRUM_CLASSES];
    let mut classes = [UNKNOWN; 128];
    let (mut class, mut class_number) = (0, 0);
    while class < N_DRUM_CLASSES {
        exemplars[class] = Pitch::saturating(lists[class][0]);
        let mut i = 0;
        while i < lists[class].len() {
            classes[lists[class][i] as usize] = class_number;
            i += 1;
        }
        class += 1;
        class_number += 1;
    }
    DrumMap { exemplars, classes }
}

impl DrumMap {
    /// The map of current Python `note_seq`.
    pub const MAGENTA: Self = map([
        &[36, 35],
        &[38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85],
        &[42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22],
        &[46, 67, 72, 74, 79, 81, 26],
        &[45, 29, 41, 43, 61, 64, 84],
        &[48, 47, 60, 63, 77, 86, 87],
        &[50, 30, 62, 76, 83],
        &[49, 52, 55, 57, 58],
        &[51, 53, 59, 82],
    ]);

    /// The map of magenta-js, which was used for training the published models: key 43 is a high
    /// tom, 52 a ride, and 22 and 26 are unknown.
    pub const MAGENTA_JS: Self = map([
        &[36, 35],
        &[38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85],
        &[42, 44, 54, 68, 69, 70, 71, 73, 78, 80],
        &[46, 67, 72, 74, 79, 81],
        &[45, 29, 41, 61, 64, 84],
        &[48, 47, 60, 63, 77, 86, 87],
        &[50, 30, 43, 62, 76, 83],
        &[49, 55, 57, 58],
        &[51, 52, 53, 59, 82],
    ]);

    /// The map of Roland's TD-11 kit, used for recording the Groove dataset.
    pub const ROLAND: Self = map([
        &[36],
        &[38, 37, 40],
        &[42, 22, 44],
        &[46, 26],
        &[43, 58],
        &[47, 45],
        &[50, 48],
        &[49, 52, 55, 57],
        &[51, 53, 59],
    ]);

    /// The class of a key, or `None` if it is not in the map.
    pub fn class(&self, pitch: Pitch) -> Option<u8> {
        Some(self.classes[usize::from(pitch.get())]).filter(|class| *class != UNKNOWN)
    }

    /// The key played for a class; the kick's for classes beyond the nine.
    pub fn exemplar(&self, class: u8) -> Pitch {
        self.exemplars.get(usize::from(class)).copied().unwrap_or(self.exemplars[0])
    }
}

impl Default for DrumMap {
    fn default() -> Self {
        Self::MAGENTA
    }
}

/// Lists of keys that are not a valid map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{n_lists} lists of keys, {n_empty} of them empty (needed: 9, none empty)")]
pub struct BadDrumMap {
    n_lists: usize,
    n_empty: usize,
}

impl TryFrom<Vec<Vec<Pitch>>> for DrumMap {
    type Error = BadDrumMap;

    fn try_from(lists: Vec<Vec<Pitch>>) -> Result<Self, BadDrumMap> {
        let n_empty = lists.iter().filter(|l| l.is_empty()).count();
        if lists.len() != N_DRUM_CLASSES || n_empty > 0 {
            return Err(BadDrumMap { n_lists: lists.len(), n_empty });
        }
        let mut map = Self { exemplars: [Pitch::MIN; N_DRUM_CLASSES], classes: [UNKNOWN; 128] };
        for ((class, list), exemplar) in (0..).zip(&lists).zip(&mut map.exemplars) {
            *exemplar = list[0];
            for pitch in list {
                map.classes[usize::from(pitch.get())] = class;
            }
        }
        Ok(map)
    }
}

impl From<DrumMap> for Vec<Vec<Pitch>> {
    fn from(map: DrumMap) -> Self {
        let mut lists: Self = map.exemplars.iter().map(|e| vec![*e]).collect();
        for (pitch, class) in (0..=127).map(Pitch::saturating).zip(map.classes) {
            if let Some(list) = lists.get_mut(usize::from(class)).filter(|l| l[0] != pitch) {
                list.push(pitch);
            }
        }
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_maps_differ_in_four_keys() {
        let class = |map: &DrumMap, pitch| map.class(Pitch::new(pitch).unwrap());
        let differing: Vec<u8> = (0..128)
            .filter(|p| class(&DrumMap::MAGENTA, *p) != class(&DrumMap::MAGENTA_JS, *p))
            .collect();
        assert_eq!(differing, [22, 26, 43, 52]);
        assert_eq!(
            (class(&DrumMap::MAGENTA, 43), class(&DrumMap::MAGENTA_JS, 43)),
            (Some(4), Some(6))
        );
        assert_eq!(
            (class(&DrumMap::MAGENTA, 52), class(&DrumMap::MAGENTA_JS, 52)),
            (Some(7), Some(8))
        );
    }

    #[test]
    fn maps_go_through_json_and_bad_ones_are_refused() {
        for map in [DrumMap::MAGENTA, DrumMap::MAGENTA_JS, DrumMap::ROLAND] {
            let json = serde_json::to_string(&map).unwrap();
            assert_eq!(serde_json::from_str::<DrumMap>(&json).unwrap(), map);
        }
        assert!(serde_json::from_str::<DrumMap>("[[36]]").is_err());
    }
}
