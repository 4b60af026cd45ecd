//! General MIDI programs by name.

use std::str::FromStr;

use thiserror::Error;

use crate::pitch::Program;

/// The names of General MIDI level 1, in program order.
const NAMES: [&str; 128] = [
    "Acoustic Grand Piano",
    "Bright Acoustic Piano",
    "Electric Grand Piano",
    "Honky-tonk Piano",
    "Electric Piano 1",
    "Electric Piano 2",
    "Harpsichord",
    "Clavinet",
    "Celesta",
    "Glockenspiel",
    "Music Box",
    "Vibraphone",
    "Marimba",
    "Xylophone",
    "Tubular Bells",
    "Dulcimer",
    "Drawbar Organ",
    "Percussive Organ",
    "Rock Organ",
    "Church Organ",
    "Reed Organ",
    "Accordion",
    "Harmonica",
    "Tango Accordion",
    "Acoustic Guitar (nylon)",
    "Acoustic Guitar (steel)",
    "Electric Guitar (jazz)",
    "Electric Guitar (clean)",
    "Electric Guitar (muted)",
    "Overdriven Guitar",
    "Distortion Guitar",
    "Guitar Harmonics",
    "Acoustic Bass",
    "Electric Bass (finger)",
    "Electric Bass (pick)",
    "Fretless Bass",
    "Slap Bass 1",
    "Slap Bass 2",
    "Synth Bass 1",
    "Synth Bass 2",
    "Violin",
    "Viola",
    "Cello",
    "Contrabass",
    "Tremolo Strings",
    "Pizzicato Strings",
    "Orchestral Harp",
    "Timpani",
    "String Ensemble 1",
    "String Ensemble 2",
    "Synth Strings 1",
    "Synth Strings 2",
    "Choir Aahs",
    "Voice Oohs",
    "Synth Voice",
    "Orchestra Hit",
    "Trumpet",
    "Trombone",
    "Tuba",
    "Muted Trumpet",
    "French Horn",
    "Brass Section",
    "Synth Brass 1",
    "Synth Brass 2",
    "Soprano Sax",
    "Alto Sax",
    "Tenor Sax",
    "Baritone Sax",
    "Oboe",
    "English Horn",
    "Bassoon",
    "Clarinet",
    "Piccolo",
    "Flute",
    "Recorder",
    "Pan Flute",
    "Blown Bottle",
    "Shakuhachi",
    "Whistle",
    "Ocarina",
    "Lead 1 (square)",
    "Lead 2 (sawtooth)",
    "Lead 3 (calliope)",
    "Lead 4 (chiff)",
    "Lead 5 (charang)",
    "Lead 6 (voice)",
    "Lead 7 (fifths)",
    "Lead 8 (bass + lead)",
    "Pad 1 (new age)",
    "Pad 2 (warm)",
    "Pad 3 (polysynth)",
    "Pad 4 (choir)",
    "Pad 5 (bowed)",
    "Pad 6 (metallic)",
    "Pad 7 (halo)",
    "Pad 8 (sweep)",
    "FX 1 (rain)",
    "FX 2 (soundtrack)",
    "FX 3 (crystal)",
    "FX 4 (atmosphere)",
    "FX 5 (brightness)",
    "FX 6 (goblins)",
    "FX 7 (echoes)",
    "FX 8 (sci-fi)",
    "Sitar",
    "Banjo",
    "Shamisen",
    "Koto",
    "Kalimba",
    "Bagpipe",
    "Fiddle",
    "Shanai",
    "Tinkle Bell",
    "Agogo",
    "Steel Drums",
    "Woodblock",
    "Taiko Drum",
    "Melodic Tom",
    "Synth Drum",
    "Reverse Cymbal",
    "Guitar Fret Noise",
    "Breath Noise",
    "Seashore",
    "Bird Tweet",
    "Telephone Ring",
    "Helicopter",
    "Applause",
    "Gunshot",
];

/// Maximum number of names listed in an error.
const LISTED: usize = 8;

/// A text that does not name exactly one program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnknownProgram {
    /// No name has these words.
    #[error(
        "{text:?} is not a General MIDI instrument (allowed: 0 to 127, or a name, for example \
         harpsichord, \"church organ\" or flute)"
    )]
    NoName {
        /// The text.
        text: String,
    },
    /// Several names have these words.
    #[error("{text:?} may be {}; give more of its name, or its number", listed(found))]
    Several {
        /// The text.
        text: String,
        /// The programs.
        found: Vec<Program>,
    },
}

fn listed(found: &[Program]) -> String {
    let named = found.iter().take(LISTED).map(|p| format!("{} ({})", p.name(), p.get()));
    let more = found.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("{more} more"));
    named.chain(more).collect::<Vec<_>>().join(", ")
}

impl Program {
    /// Its name in General MIDI level 1.
    ///
    /// # Examples
    /// ```
    /// use note_seq::Program;
    /// assert_eq!(Program::new(6)?.name(), "Harpsichord");
    /// # Ok::<(), note_seq::OutOfRange>(())
    /// ```
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.get())]
    }
}

/// The letters and digits of a name in lower case, in words.
fn words(text: &str) -> Vec<String> {
    let letters = |word: &str| word.to_lowercase();
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(letters).collect()
}

impl FromStr for Program {
    type Err = UnknownProgram;

    /// Parses a number from 0 to 127, a General MIDI name, or words of it that occur in no other
    /// name; case and punctuation are ignored, and the last word may be abbreviated. For names that
    /// differ only by their number (`Electric Piano 1`, `Slap Bass 2`), the first one is chosen.
    ///
    /// # Examples
    /// ```
    /// use note_seq::Program;
    /// let program = |text: &str| text.parse::<Program>().map(Program::get);
    /// assert_eq!((program("33"), program("Harpsichord")), (Ok(33), Ok(6)));
    /// assert_eq!((program("church"), program("slap bass")), (Ok(19), Ok(36)));
    /// let error = program("guitar").unwrap_err().to_string();
    /// assert!(error.contains("Acoustic Guitar (nylon) (24)"));
    /// assert!(program("128").is_err() && program("kazoo").is_err());
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let asked = words(text);
        let unknown = || UnknownProgram::NoName { text: text.to_owned() };
        if let [word] = &asked[..]
            && word.chars().all(|c| c.is_ascii_digit())
        {
            let number = word.parse::<i64>().ok().and_then(|number| Self::try_from(number).ok());
            return number.ok_or_else(unknown);
        }
        let (last, others) = asked.split_last().ok_or_else(unknown)?;
        let programs = || (0..128).map(Self::saturating);
        let named = |is: &dyn Fn(&[String]) -> bool| -> Vec<Self> {
            programs().filter(|program| is(&words(program.name()))).collect()
        };
        let has_all = |name: &[String]| others.iter().all(|word| name.contains(word));
        let is_number = |word: &String| word.chars().all(|c| c.is_ascii_digit());
        let mut found = named(&|name| name == asked);
        if found.is_empty() {
            found = named(&|name| name.iter().filter(|w| !is_number(w)).eq(&asked));
        }
        if found.is_empty() {
            found = named(&|name| has_all(name) && name.contains(last));
        }
        if found.is_empty() {
            found = named(&|name| has_all(name) && name.iter().any(|word| word.starts_with(last)));
        }
        let unnumbered = |program: &Self| {
            let words = words(program.name()).into_iter();
            words.filter(|word| !is_number(word)).collect::<Vec<_>>()
        };
        match &found[..] {
            [] => Err(unknown()),
            [first, rest @ ..] if rest.iter().all(|p| unnumbered(p) == unnumbered(first)) => {
                Ok(*first)
            }
            _ => Err(UnknownProgram::Several { text: text.to_owned(), found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_program() {
        for number in 0..128 {
            let program = Program::saturating(number);
            let name = program.name();
            assert_eq!(name.parse(), Ok(program), "{name}");
            assert_eq!(name.to_uppercase().replace(' ', "  ").parse(), Ok(program), "{name}");
            assert_eq!(number.to_string().parse(), Ok(program));
        }
    }

    #[test]
    fn what_is_not_one_instrument_is_refused_with_what_it_may_be() {
        let error = |text: &str| text.parse::<Program>().unwrap_err().to_string();
        assert!(error("kazoo").contains("\"kazoo\" is not a General MIDI instrument"));
        assert!(error("").contains("harpsichord") && error("-1 2").contains("0 to 127"));
        let piano = error("piano");
        assert!(piano.contains("Acoustic Grand Piano (0), Bright Acoustic Piano (1)"), "{piano}");
        assert!(error("lead").contains("8 (bass + lead) (87)"));
        assert!(error("s").contains(" more; give more"), "{}", error("s"));
        assert_eq!("electric piano".parse::<Program>().unwrap().get(), 4);
        assert_eq!("tango".parse::<Program>().unwrap().get(), 23);
    }
}
