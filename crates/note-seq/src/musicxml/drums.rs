//! Percussion keys on a staff: names, positions and noteheads by common drum notation.

use crate::pitch::Pitch;

/// Notation of a percussion key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DrumSign {
    pub(super) name: &'static str,
    /// The line or space, as in the treble clef.
    pub(super) step: &'static str,
    pub(super) octave: &'static str,
    /// The notehead, if it is not the standard one.
    pub(super) head: Option<&'static str>,
}

const CROSS: Option<&str> = Some("x");
const DIAMOND: Option<&str> = Some("diamond");
const TRIANGLE: Option<&str> = Some("triangle");

/// Name, position and notehead of the keys of General MIDI, 35 to 81.
const SIGNS: [(&str, &str, &str, Option<&str>); 47] = [
    ("Acoustic Bass Drum", "E", "4", None),
    ("Bass Drum 1", "F", "4", None),
    ("Side Stick", "C", "5", CROSS),
    ("Acoustic Snare", "C", "5", None),
    ("Hand Clap", "C", "5", TRIANGLE),
    ("Electric Snare", "C", "5", DIAMOND),
    ("Low Floor Tom", "G", "4", None),
    ("Closed Hi Hat", "G", "5", CROSS),
    ("High Floor Tom", "A", "4", None),
    ("Pedal Hi-Hat", "D", "4", CROSS),
    ("Low Tom", "B", "4", None),
    ("Open Hi-Hat", "G", "5", Some("circle-x")),
    ("Low-Mid Tom", "D", "5", None),
    ("Hi Mid Tom", "D", "5", DIAMOND),
    ("Crash Cymbal 1", "A", "5", CROSS),
    ("High Tom", "E", "5", None),
    ("Ride Cymbal 1", "F", "5", CROSS),
    ("Chinese Cymbal", "C", "6", CROSS),
    ("Ride Bell", "F", "5", DIAMOND),
    ("Tambourine", "B", "5", DIAMOND),
    ("Splash Cymbal", "B", "5", CROSS),
    ("Cowbell", "E", "5", TRIANGLE),
    ("Crash Cymbal 2", "A", "5", Some("circle-x")),
    ("Vibraslap", "D", "6", CROSS),
    ("Ride Cymbal 2", "F", "5", Some("circle-x")),
    ("Hi Bongo", "E", "5", CROSS),
    ("Low Bongo", "D", "5", CROSS),
    ("Mute Hi Conga", "E", "5", DIAMOND),
    ("Open Hi Conga", "E", "5", Some("circle-x")),
    ("Low Conga", "D", "5", Some("circle-x")),
    ("High Timbale", "E", "5", Some("slash")),
    ("Low Timbale", "D", "5", Some("slash")),
    ("High Agogo", "A", "5", TRIANGLE),
    ("Low Agogo", "G", "5", TRIANGLE),
    ("Cabasa", "B", "5", TRIANGLE),
    ("Maracas", "B", "5", Some("slash")),
    ("Short Whistle", "E", "6", CROSS),
    ("Long Whistle", "E", "6", DIAMOND),
    ("Short Guiro", "C", "6", TRIANGLE),
    ("Long Guiro", "C", "6", DIAMOND),
    ("Claves", "D", "6", TRIANGLE),
    ("Hi Wood Block", "A", "5", DIAMOND),
    ("Low Wood Block", "G", "5", DIAMOND),
    ("Mute Cuica", "D", "6", DIAMOND),
    ("Open Cuica", "D", "6", Some("circle-x")),
    ("Mute Triangle", "E", "6", TRIANGLE),
    ("Open Triangle", "E", "6", Some("circle-x")),
];

/// Notation of a key; keys outside General MIDI are on the middle line.
pub(super) fn sign(key: Pitch) -> DrumSign {
    let known = usize::from(key.get()).checked_sub(35).and_then(|at| SIGNS.get(at));
    let (name, step, octave, head) = known.copied().unwrap_or(("Percussion", "B", "4", DIAMOND));
    DrumSign { name, step, octave, head }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_signs_of_their_drums_and_no_two_look_alike() {
        let of = |key: u8| sign(Pitch::saturating(key));
        assert_eq!(of(38).name, "Acoustic Snare");
        assert_eq!((of(42).name, of(42).head), ("Closed Hi Hat", Some("x")));
        assert_eq!((of(81).name, of(34).name), ("Open Triangle", "Percussion"));
        let looks = |key: u8| (of(key).step, of(key).octave, of(key).head);
        for (a, b) in (35..=81).flat_map(|a| (a + 1..=81).map(move |b| (a, b))) {
            assert_ne!(looks(a), looks(b), "{a} {b}");
        }
    }
}
