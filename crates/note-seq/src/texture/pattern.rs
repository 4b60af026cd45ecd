//! Names that a musician would give to a window.

use serde::{Deserialize, Serialize};

use super::{Texture, TextureFeature as F};
use crate::note_list::Family;

/// A kind of texture, recognized by rules over [`F`]eatures.
///
/// The first rule that applies decides, in the order of the variants. An undefined feature counts
/// as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Only drums.
    Drums,
    /// Bass notes and after-beats in every bar ([`F::BassThenChords`] at 1). Waltz, march, polka.
    OomPah,
    /// Only winds that repeat notes (0.15 or more of [`F::TopRepeats`]) and hardly move by step (at
    /// most 0.2 of [`F::TopSteps`]) on at most four pitch classes, with a mean velocity of at least
    /// 64.
    Fanfare,
    /// Low, high, middle, high: three quarters of the moments or more are [`F::Alberti`].
    AlbertiBass,
    /// Half of the moments or more are [`F::BrokenChords`].
    BrokenChords,
    /// One voice ([`F::Voices`]) that is none of these.
    SingleLine,
    /// A held or repeated lowest tone: [`F::Pedal`] at 0.9 or more, at most three voices, the bass
    /// struck at most every other beat, and the top line at least once per beat.
    Drone,
    /// A bass that moves with nearly every beat of a simple meter (0.85 to 1.3 notes per beat, 0.85
    /// or more of them on beats), mostly below F sharp 3 (54), with at most a fifth of its
    /// intervals repeated notes and at least 0.3 steps, and often alone ([`F::Together`] at most
    /// 0.6).
    WalkingBass,
    /// Three voices or more that move together ([`F::Homophony`] at 0.6 or more) in long notes: two
    /// beats or more on average.
    SustainedChords,
    /// Three voices or more that move together, with a top line of steps and repeated notes (0.6 or
    /// more of its intervals), and more than one chord change per bar.
    Chorale,
    /// Three voices or more, whose lower ones start together (0.6 or more of [`F::BlockChords`]),
    /// apart from the top line in 0.4 or more of the moments ([`F::MelodyApart`]).
    MelodyOverChords,
    /// Other music of three voices or more that move together.
    BlockChords,
    /// Two voices that start together in nine tenths or more of their tones ([`F::Homophony`]).
    TwoInParallel,
    /// Two voices, the upper of which has at least twice as many notes.
    MelodyOverBass,
    /// Independent voices: [`F::Homophony`] below 0.9 for two, below 0.6 for more.
    Counterpoint,
}

impl Pattern {
    /// The pattern of a window; `None` if no rule applies, for example if it is silent.
    pub(super) fn of(texture: &Texture) -> Option<Self> {
        let value = |feature: F| texture.get(feature).unwrap_or_default();
        let voices = value(F::Voices);
        let moves_together = voices >= 3.0 && value(F::Homophony) >= 0.6;
        let mut tonal = texture.families().filter(|family| *family != Family::Drums);
        let is_winds = voices > 0.0 && tonal.all(|family| family == Family::Winds);
        let is_walking = !texture.meter().is_compound()
            && (0.85..=1.3).contains(&value(F::BassRate))
            && value(F::BassOnBeat) >= 0.85
            && value(F::BassPitch) < 54.0
            && value(F::BassRepeats) <= 0.2
            && value(F::BassSteps) >= 0.3
            && value(F::Together) <= 0.6;
        let rules = [
            (Self::Drums, voices == 0.0 && value(F::DrumHits) > 0.0),
            (Self::OomPah, value(F::BassThenChords) >= 1.0),
            (
                Self::Fanfare,
                is_winds
                    && value(F::TopRepeats) >= 0.15
                    && value(F::TopSteps) <= 0.2
                    && value(F::PitchClasses) <= 4.0
                    && texture.get(F::Velocity).is_none_or(|velocity| velocity >= 64.0),
            ),
            (Self::AlbertiBass, value(F::Alberti) >= 0.75),
            (Self::BrokenChords, value(F::BrokenChords) >= 0.5),
            (Self::SingleLine, voices == 1.0),
            (
                Self::Drone,
                (2.0..=3.0).contains(&voices)
                    && value(F::Pedal) >= 0.9
                    && value(F::BassRate) <= 0.5
                    && value(F::TopRate) >= 1.0,
            ),
            (Self::WalkingBass, voices >= 2.0 && is_walking),
            (Self::SustainedChords, moves_together && value(F::NoteLength) >= 2.0),
            (
                Self::Chorale,
                moves_together
                    && value(F::TopSteps) + value(F::TopRepeats) >= 0.6
                    && value(F::ChordChanges) > 1.0,
            ),
            (
                Self::MelodyOverChords,
                voices >= 3.0 && value(F::BlockChords) >= 0.6 && value(F::MelodyApart) >= 0.4,
            ),
            (Self::BlockChords, moves_together),
            (Self::TwoInParallel, voices == 2.0 && value(F::Homophony) >= 0.9),
            (Self::MelodyOverBass, voices == 2.0 && value(F::TopRate) >= 2.0 * value(F::BassRate)),
            (Self::Counterpoint, voices >= 2.0),
        ];
        rules.into_iter().find(|(_, applies)| *applies).map(|(pattern, _)| pattern)
    }
}
