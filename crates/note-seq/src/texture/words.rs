//! Profiles in a musician's words.

use super::{Pattern, TextureFeature as F, TextureProfile};
use crate::note_list::Family;

/// Minimum fraction of the windows for something to be stated about all of them.
const MOSTLY: f64 = 0.5;
/// Minimum fraction of the windows for a pattern to be named together with another.
const PARTLY: f64 = 0.25;
/// Minimum deviation from the reference for a feature to be named, and maximum number of these.
const NOTABLE: f64 = 1.0;
const N_NOTABLE: usize = 3;

/// Features named if they are far above or below the reference, with words for both.
const CONTRASTS: [(F, [&str; 2]); 18] = [
    (F::NotesPerBeat, ["many notes", "few notes"]),
    (F::OnsetsPerBeat, ["busy", "sparse"]),
    (F::NoteLength, ["long notes", "short notes"]),
    (F::Polyphony, ["thick", "thin"]),
    (F::Spread, ["widely spread", "closely spaced"]),
    (F::MeanPitch, ["high", "low"]),
    (F::Range, ["wide in range", "narrow in range"]),
    (F::Scale, ["diatonic", "chromatic"]),
    (F::Consonance, ["consonant", "dissonant"]),
    (F::ChordChanges, ["many changes of chord", "few changes of chord"]),
    (F::SeventhChords, ["many seventh chords", "few seventh chords"]),
    (F::Syncopation, ["syncopated", "unsyncopated"]),
    (F::Sounding, ["no rests", "many rests"]),
    (F::Velocity, ["louder than most", "softer than most"]),
    (F::VelocityRange, ["wide dynamics", "even dynamics"]),
    (F::BassRate, ["busy bass", "slow bass"]),
    (F::DrumHits, ["busy drums", "sparse drums"]),
    (F::DrumVelocitySpread, ["lively accents", "even accents"]),
];

impl TextureProfile {
    /// The windows in a musician's words: texture, meter, instruments, mode, dynamics, rhythm, and
    /// the main differences from a reference, usually the corpus.
    ///
    /// - *Texture*: the [`Pattern`] of half of the windows or more, otherwise those of a quarter or
    ///   more.
    /// - *Meter*: that of half of the windows or more, unless it is 4/4; running eighths in 6/8
    ///   (1.8
    ///   onsets per beat) are the rhythm of a jig.
    /// - *Instruments*: the families that play in half of the windows or more.
    /// - *Mode*: major if less than 0.4 of the windows suggest minor, minor from 0.6 on.
    /// - *Dynamics*, without a reference: soft up to a mean velocity of 56, loud from 88 on
    ///   (halfway
    ///   between mezzo piano and piano, and between mezzo forte and forte). With a reference, they
    ///   are
    ///   compared like other features, because collections differ in their typical loudness.
    /// - *Rhythm*: swung from a ratio of 1.35 on, triplets from 0.25 of the moments on, staccato up
    ///   to an articulation of 0.55. For drums: a backbeat from 0.6 of the snare hits on, laid back
    ///   or ahead of the beat from 12 ms on.
    /// - *Comparison*: up to three features whose mean differs by at least one standard deviation
    ///   of
    ///   the reference from its mean, the largest difference first.
    ///
    /// Join them with "; ". Empty without windows.
    pub fn words(&self, reference: Option<&Self>) -> Vec<String> {
        if self.n_windows == 0 {
            return Vec::new();
        }
        let mut words = vec![self.texture_words()];
        words.extend(self.meter_words());
        words.extend(self.instrument_words());
        let mut add = |feature: F, words_of: &dyn Fn(f64) -> Option<&'static str>| {
            words.extend(self.mean(feature).and_then(words_of).map(str::to_owned));
        };
        let above = |threshold: f64, word: &'static str| {
            move |value: f64| (value >= threshold).then_some(word)
        };
        add(F::Minor, &|share| match share {
            ..0.4 => Some("major"),
            0.6.. => Some("minor"),
            _ => None,
        });
        let dynamics = |velocity| match velocity {
            ..=56.0 => Some("soft"),
            88.0.. => Some("loud"),
            _ => None,
        };
        if reference.is_none() {
            add(F::Velocity, &dynamics);
        }
        add(F::Swing, &above(1.35, "swung"));
        add(F::Triplets, &above(0.25, "triplets"));
        add(F::Articulation, &|held| (held <= 0.55).then_some("staccato"));
        add(F::DrumBackbeat, &above(0.6, "backbeat"));
        add(F::DrumSwing, &above(1.35, "swung drums"));
        add(F::DrumTiming, &|ms| match ms {
            12.0.. => Some("laid back"),
            ..=-12.0 => Some("ahead of the beat"),
            _ => None,
        });
        words.extend(reference.into_iter().flat_map(|reference| self.contrasts(reference)));
        words
    }

    fn texture_words(&self) -> String {
        let mut patterns: Vec<(Pattern, f64)> =
            self.patterns.iter().map(|(pattern, n)| (*pattern, self.of_windows(*n))).collect();
        // Stable: of equal ones, the first pattern.
        patterns.sort_by(|a, b| b.1.total_cmp(&a.1));
        let some = |least: f64| {
            let common = patterns.iter().filter(move |(_, share)| *share >= least);
            common.map(|(pattern, _)| self.pattern_words(*pattern)).collect::<Vec<_>>()
        };
        let (mostly, partly) = (some(MOSTLY), some(PARTLY));
        match (&mostly[..], &partly[..]) {
            ([one, ..], _) => one.clone(),
            (_, []) => "many textures".to_owned(),
            (_, parts) => format!("partly {}", parts.join(", partly ")),
        }
    }

    fn pattern_words(&self, pattern: Pattern) -> String {
        let n = |feature: F| self.mean(feature).unwrap_or_default().round();
        let voices = match n(F::Voices) {
            ..=2.0 => "two",
            3.0 => "three",
            4.0 => "four",
            5.0 => "five",
            6.0 => "six",
            _ => "many",
        };
        let is_triple = self
            .meters
            .first()
            .is_some_and(|(meter, _)| !meter.is_compound() && meter.beats_per_bar() == 3);
        match pattern {
            Pattern::Drums => "drums".to_owned(),
            Pattern::OomPah => {
                let name = if is_triple { "waltz accompaniment" } else { "oom-pah" };
                let chords = match n(F::AfterBeats) {
                    ..=1.0 => "a chord",
                    2.0 => "two chords",
                    _ => "chords",
                };
                format!("{name}, bass then {chords}")
            }
            Pattern::AlbertiBass => "Alberti bass, broken chords".to_owned(),
            Pattern::BrokenChords => "arpeggiated, broken chords".to_owned(),
            Pattern::SingleLine => "a single line".to_owned(),
            Pattern::Drone => "melody over a drone".to_owned(),
            Pattern::Fanfare => "fanfare".to_owned(),
            Pattern::SustainedChords => "sustained chords".to_owned(),
            Pattern::Chorale => format!("{voices}-part chorale, block chords"),
            Pattern::BlockChords => format!("{voices}-part block chords"),
            Pattern::WalkingBass => "walking bass".to_owned(),
            Pattern::MelodyOverChords => "melody over block chords".to_owned(),
            Pattern::TwoInParallel => "two voices moving together".to_owned(),
            Pattern::MelodyOverBass => "melody over a bass line".to_owned(),
            Pattern::Counterpoint => format!("{voices} voices in counterpoint"),
        }
    }

    fn meter_words(&self) -> Option<String> {
        let (meter, n) = self.meters.first()?;
        if self.of_windows(*n) < MOSTLY || *meter == crate::Meter::COMMON {
            return None;
        }
        let is_waltz = self.share(Pattern::OomPah) >= MOSTLY && meter.beats_per_bar() == 3;
        let is_duple = meter.is_compound() && meter.beats_per_bar() == 2;
        if is_duple && self.mean(F::OnsetsPerBeat).is_some_and(|rate| rate >= 1.8) {
            return Some(format!("jig rhythm in {meter}"));
        }
        (!is_waltz).then(|| format!("in {meter}"))
    }

    fn instrument_words(&self) -> Option<String> {
        let plays = |family: &Family| {
            let n = self.families.get(family).copied().unwrap_or_default();
            self.of_windows(n) >= MOSTLY
        };
        let drums_alone = self.families.keys().all(|family| *family == Family::Drums);
        let names: Vec<&str> =
            Family::ALL.iter().filter(|family| plays(family)).map(|f| f.name()).collect();
        (!names.is_empty() && !drums_alone).then(|| names.join(" and "))
    }

    fn contrasts(&self, reference: &Self) -> Vec<String> {
        let mut found: Vec<(f64, &str)> = CONTRASTS
            .iter()
            .filter_map(|(feature, [above, below])| {
                let away = self.deviation(*feature, reference)?;
                (away.abs() >= NOTABLE).then_some((away, if away > 0.0 { *above } else { *below }))
            })
            .collect();
        found.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        found.into_iter().take(N_NOTABLE).map(|(_, word)| word.to_owned()).collect()
    }
}
