//! Melodies as MusicXML 4.0 (feature `musicxml`): one part, one voice, for every notation program.

mod durations;

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::durations::{Value, values};
use crate::event::{KeySignature, Mode, TimeSignature};
use crate::melody::{Melody, MelodyEvent};
use crate::pitch::Pitch;
use crate::units::{DEFAULT_QPM, Qpm, StepsPerQuarter};

/// Properties that a melody does not contain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MusicXmlOptions {
    /// The work's title; not written if it is empty.
    pub title: String,
    /// Name of the part.
    pub part_name: String,
    /// Tempo in quarter notes per minute.
    pub qpm: Qpm,
    /// The meter. Its bar must be as long as the melody's.
    pub time_signature: TimeSignature,
    /// Key; flats are written in keys with flats, sharps in all others.
    pub key_signature: KeySignature,
}

impl Default for MusicXmlOptions {
    /// 120 quarter notes per minute, 4/4, C major.
    fn default() -> Self {
        Self {
            title: String::new(),
            part_name: "Melody".to_owned(),
            qpm: DEFAULT_QPM,
            time_signature: TimeSignature::default(),
            key_signature: KeySignature::default(),
        }
    }
}

/// Why a melody could not be written as MusicXML.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum MusicXmlError {
    /// The meter's bar is not as long as the melody's.
    #[error(
        "a bar of {numerator}/{denominator} does not have the melody's {steps_per_bar} steps at \
         {steps_per_quarter} per quarter"
    )]
    WrongBarLength {
        /// Beats per bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
        /// The melody's steps per bar.
        steps_per_bar: i64,
        /// The melody's steps per quarter note.
        steps_per_quarter: u16,
    },
    /// No note value lasts one step.
    #[error(
        "{steps_per_quarter} steps per quarter have no note values (allowed: powers of 2 to 256, \
         and three times those \
             to 96)"
    )]
    UnsupportedGrid {
        /// Steps per quarter note.
        steps_per_quarter: u16,
    },
    /// MusicXML's octaves begin at 0.
    #[error("pitch {pitch} cannot be written (allowed: 12 to 127); transpose the melody")]
    PitchTooLow {
        /// The pitch found.
        pitch: Pitch,
    },
}

/// Note or rest, and how many steps of one bar it fills.
#[derive(Debug, Clone, Copy)]
struct Piece {
    pitch: Option<Pitch>,
    n_steps: u32,
    /// Whether the note is tied to the previous piece, and to the next one.
    ties: [bool; 2],
}

impl Melody {
    /// The melody as a MusicXML 4.0 document, partwise, from its first bar to the end of its last.
    ///
    /// A note that does not fit one note value, or crosses a bar line, is written as several tied
    /// notes. Below middle C the clef is the bass clef, by the median of the notes.
    ///
    /// # Errors
    /// [`MusicXmlError`].
    ///
    /// # Examples
    /// ```
    /// use note_seq::{MelodyEncoding, MusicXmlOptions};
    /// let labels = [41, 0, 0, 0, 1, 0, 0, 0, 43, 0, 0, 0, 0, 0, 0, 0];
    /// let melody = MelodyEncoding::PIANO.decode(&labels)?;
    /// let document = melody.to_musicxml(&MusicXmlOptions::default())?;
    /// assert!(document.contains("<step>C</step>") && document.contains("<rest/>"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_musicxml(&self, options: &MusicXmlOptions) -> Result<String, MusicXmlError> {
        let meter = options.time_signature;
        let steps_per_quarter = self.steps_per_quarter.get();
        if meter.quarters_per_bar() * f64::from(steps_per_quarter) != self.steps_per_bar as f64 {
            return Err(MusicXmlError::WrongBarLength {
                numerator: meter.numerator,
                denominator: meter.denominator,
                steps_per_bar: self.steps_per_bar,
                steps_per_quarter,
            });
        }
        if values(1, self.steps_per_quarter).is_none() {
            return Err(MusicXmlError::UnsupportedGrid { steps_per_quarter });
        }
        if let Some(pitch) = self.pitches().find(|p| p.get() < 12) {
            return Err(MusicXmlError::PitchTooLow { pitch });
        }
        let mut document = Writer::new_with_indent(Vec::new(), b' ', 2);
        score(&mut document, self, options).expect("writing to memory does not fail");
        Ok(String::from_utf8(document.into_inner()).expect("all that was written is UTF-8"))
    }

    fn pitches(&self) -> impl Iterator<Item = Pitch> {
        self.events.iter().filter_map(|event| match event {
            MelodyEvent::NoteOn(pitch) => Some(*pitch),
            _ => None,
        })
    }

    /// The bars, each filled with notes and rests.
    fn bars(&self) -> Vec<Vec<Piece>> {
        let bar = usize::try_from(self.steps_per_bar.max(1)).unwrap_or(usize::MAX);
        let mut sounding = None;
        let mut bars = Vec::with_capacity(self.events.len().div_ceil(bar));
        for events in self.events.chunks(bar) {
            let mut pieces: Vec<Piece> = Vec::new();
            for event in
                events.iter().chain(std::iter::repeat_n(&MelodyEvent::NoEvent, bar - events.len()))
            {
                let pitch = match event {
                    MelodyEvent::NoEvent => sounding,
                    MelodyEvent::NoteOff => None,
                    MelodyEvent::NoteOn(pitch) => Some(*pitch),
                };
                let goes_on =
                    matches!(event, MelodyEvent::NoEvent) || (pitch, sounding) == (None, None);
                sounding = pitch;
                match pieces.last_mut() {
                    Some(piece) if goes_on => piece.n_steps += 1,
                    _ => {
                        let ties = [goes_on && pitch.is_some(), false];
                        pieces.push(Piece { pitch, n_steps: 1, ties });
                    }
                }
            }
            // The note that the first piece continues is the last one of the bar before.
            if pieces.first().is_some_and(|piece| piece.ties[0])
                && let Some(last) = bars.last_mut().and_then(|bar: &mut Vec<Piece>| bar.last_mut())
            {
                last.ties[1] = true;
            }
            bars.push(pieces);
        }
        bars
    }
}

type Xml = Writer<Vec<u8>>;

fn score(xml: &mut Xml, melody: &Melody, options: &MusicXmlOptions) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), Some("no"))))?;
    xml.write_event(Event::DocType(BytesText::from_escaped(concat!(
        "score-partwise PUBLIC \"-//Recordare//DTD MusicXML 4.0 Partwise//EN\" ",
        "\"http://www.musicxml.org/dtds/partwise.dtd\""
    ))))?;
    within(xml, "score-partwise", &[("version", "4.0")], |xml| {
        if !options.title.is_empty() {
            within(xml, "work", &[], |xml| text(xml, "work-title", &options.title))?;
        }
        within(xml, "identification", &[], |xml| {
            within(xml, "encoding", &[], |xml| text(xml, "software", "note-seq"))
        })?;
        within(xml, "part-list", &[], |xml| {
            within(xml, "score-part", &[("id", "P1")], |xml| {
                text(xml, "part-name", &options.part_name)
            })
        })?;
        within(xml, "part", &[("id", "P1")], |xml| {
            let first = melody.start_step / melody.steps_per_bar.max(1) + 1;
            for (number, pieces) in (first..).zip(melody.bars()) {
                within(xml, "measure", &[("number", &number.to_string())], |xml| {
                    if number == first {
                        attributes(xml, melody, options)?;
                        tempo(xml, options.qpm)?;
                    }
                    measure(xml, &pieces, melody.steps_per_quarter, options)
                })?;
            }
            Ok(())
        })
    })
}

fn attributes(xml: &mut Xml, melody: &Melody, options: &MusicXmlOptions) -> io::Result<()> {
    let mut pitches: Vec<Pitch> = melody.pitches().collect();
    pitches.sort_unstable();
    let is_low = pitches.get(pitches.len() / 2).is_some_and(|median| median.get() < 60);
    within(xml, "attributes", &[], |xml| {
        text(xml, "divisions", &melody.steps_per_quarter.get().to_string())?;
        within(xml, "key", &[], |xml| {
            text(xml, "fifths", &options.key_signature.sharps().to_string())?;
            match options.key_signature.mode {
                Mode::Major => text(xml, "mode", "major"),
                Mode::Minor => text(xml, "mode", "minor"),
                Mode::NotSpecified => Ok(()),
            }
        })?;
        within(xml, "time", &[], |xml| {
            text(xml, "beats", &options.time_signature.numerator.to_string())?;
            text(xml, "beat-type", &options.time_signature.denominator.to_string())
        })?;
        within(xml, "clef", &[], |xml| {
            text(xml, "sign", if is_low { "F" } else { "G" })?;
            text(xml, "line", if is_low { "4" } else { "2" })
        })
    })
}

fn tempo(xml: &mut Xml, qpm: Qpm) -> io::Result<()> {
    let qpm = qpm.to_string();
    within(xml, "direction", &[("placement", "above")], |xml| {
        within(xml, "direction-type", &[], |xml| {
            within(xml, "metronome", &[], |xml| {
                text(xml, "beat-unit", "quarter")?;
                text(xml, "per-minute", &qpm)
            })
        })?;
        xml.create_element("sound").with_attribute(("tempo", qpm.as_str())).write_empty()?;
        Ok(())
    })
}

fn measure(
    xml: &mut Xml,
    pieces: &[Piece],
    steps_per_quarter: StepsPerQuarter,
    options: &MusicXmlOptions,
) -> io::Result<()> {
    if let [Piece { pitch: None, n_steps, .. }] = pieces {
        return within(xml, "note", &[], |xml| {
            xml.create_element("rest").with_attribute(("measure", "yes")).write_empty()?;
            text(xml, "duration", &n_steps.to_string())?;
            text(xml, "voice", "1")
        });
    }
    for piece in pieces {
        // The grid was checked before: every number of steps has note values.
        let values = values(piece.n_steps, steps_per_quarter).unwrap_or_default();
        let n_values = values.len();
        for (i, value) in values.into_iter().enumerate() {
            let is_note = piece.pitch.is_some();
            let ties = [
                is_note && (i > 0 || piece.ties[0]),
                is_note && (i + 1 < n_values || piece.ties[1]),
            ];
            note(xml, piece.pitch, value, ties, options)?;
        }
    }
    Ok(())
}

fn note(
    xml: &mut Xml,
    sounding: Option<Pitch>,
    value: Value,
    [stop, start]: [bool; 2],
    options: &MusicXmlOptions,
) -> io::Result<()> {
    let ties = |xml: &mut Xml, name: &'static str| {
        for (_, kind) in [(stop, "stop"), (start, "start")].into_iter().filter(|tie| tie.0) {
            xml.create_element(name).with_attribute(("type", kind)).write_empty()?;
        }
        Ok(())
    };
    within(xml, "note", &[], |xml| {
        match sounding {
            Some(sounding) => pitch(xml, sounding, options)?,
            None => {
                xml.create_element("rest").write_empty()?;
            }
        }
        text(xml, "duration", &value.n_steps.to_string())?;
        ties(xml, "tie")?;
        text(xml, "voice", "1")?;
        text(xml, "type", value.name)?;
        for _ in 0..value.n_dots {
            xml.create_element("dot").write_empty()?;
        }
        if value.is_triplet {
            within(xml, "time-modification", &[], |xml| {
                text(xml, "actual-notes", "3")?;
                text(xml, "normal-notes", "2")
            })?;
        }
        if stop || start {
            within(xml, "notations", &[], |xml| ties(xml, "tied"))?;
        }
        Ok(())
    })
}

fn pitch(xml: &mut Xml, pitch: Pitch, options: &MusicXmlOptions) -> io::Result<()> {
    const SHARPS: [&str; 12] = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    const FLATS: [&str; 12] = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"];
    let names = if options.key_signature.sharps() < 0 { FLATS } else { SHARPS };
    let (step, sign) = names[usize::from(pitch.class())].split_at(1);
    within(xml, "pitch", &[], |xml| {
        text(xml, "step", step)?;
        match sign {
            "#" => text(xml, "alter", "1")?,
            "b" => text(xml, "alter", "-1")?,
            _ => {}
        }
        text(xml, "octave", &(pitch.get() / 12 - 1).to_string())
    })
}

/// An element with others inside.
fn within(
    xml: &mut Xml,
    name: &'static str,
    attributes: &[(&str, &str)],
    inside: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    let element = xml.create_element(name).with_attributes(attributes.iter().copied());
    element.write_inner_content(inside)?;
    Ok(())
}

/// An element that holds text.
fn text(xml: &mut Xml, name: &'static str, content: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(content))?;
    Ok(())
}
