//! Writes scores as documents.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::drums;
use super::durations::{Value, values};
use super::score::{Bar, Part, Score, Sounds, Tone};
use super::spelling::{Spelling, spelled};
use super::staff::{Clef, Slice, Staff, slices};
use crate::event::{KeySignature, Mode};
use crate::units::{Qpm, StepsPerQuarter};

type Xml = Writer<Vec<u8>>;

/// Number of numbered voices per staff; notation programs support four.
const VOICES_PER_STAFF: usize = 4;

/// MusicXML expresses loudness as a percentage of a forte, which has this velocity.
const FORTE: f64 = 90.0;

impl Score {
    pub(super) fn to_document(&self) -> String {
        let mut document = Writer::new_with_indent(Vec::new(), b' ', 2);
        score(&mut document, self).expect("writing to memory does not fail");
        String::from_utf8(document.into_inner()).expect("all that was written is UTF-8")
    }
}

fn score(xml: &mut Xml, score: &Score) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), Some("no"))))?;
    xml.write_event(Event::DocType(BytesText::from_escaped(concat!(
        "score-partwise PUBLIC \"-//Recordare//DTD MusicXML 4.0 Partwise//EN\" ",
        "\"http://www.musicxml.org/dtds/partwise.dtd\""
    ))))?;
    within(xml, "score-partwise", &[("version", "4.0")], |xml| {
        if !score.title.is_empty() {
            within(xml, "work", &[], |xml| text(xml, "work-title", &score.title))?;
        }
        within(xml, "identification", &[], |xml| {
            within(xml, "encoding", &[], |xml| text(xml, "software", "note-seq"))
        })?;
        let ids: Vec<String> = (1..=score.parts.len()).map(|n| format!("P{n}")).collect();
        within(xml, "part-list", &[], |xml| {
            ids.iter().zip(&score.parts).try_for_each(|(id, part)| part_head(xml, id, part))
        })?;
        for (i, (id, part)) in ids.iter().zip(&score.parts).enumerate() {
            let tempos = if i == 0 { score.tempos.as_slice() } else { &[] };
            within(xml, "part", &[("id", id)], |xml| bars(xml, score, id, part, tempos))?;
        }
        Ok(())
    })
}

/// Names and sounds of a part.
fn part_head(xml: &mut Xml, id: &str, part: &Part) -> io::Result<()> {
    within(xml, "score-part", &[("id", id)], |xml| {
        text(xml, "part-name", &part.name)?;
        match &part.sounds {
            Sounds::Unknown => Ok(()),
            Sounds::Program(program, channel) => {
                let id = format!("{id}-I1");
                within(xml, "score-instrument", &[("id", &id)], |xml| {
                    text(xml, "instrument-name", program.name())
                })?;
                within(xml, "midi-instrument", &[("id", &id)], |xml| {
                    text(xml, "midi-channel", &channel.to_string())?;
                    text(xml, "midi-program", &(program.get() + 1).to_string())
                })
            }
            Sounds::Drums(keys) => {
                for key in keys {
                    let id = drum_id(id, key.get());
                    within(xml, "score-instrument", &[("id", &id)], |xml| {
                        text(xml, "instrument-name", drums::sign(*key).name)
                    })?;
                }
                for key in keys {
                    let id = drum_id(id, key.get());
                    within(xml, "midi-instrument", &[("id", &id)], |xml| {
                        text(xml, "midi-channel", "10")?;
                        text(xml, "midi-unpitched", &(key.get() + 1).to_string())
                    })?;
                }
                Ok(())
            }
        }
    })
}

fn drum_id(part: &str, key: u8) -> String {
    format!("{part}-I{}", key + 1)
}

/// All bars of a part.
fn bars(
    xml: &mut Xml,
    score: &Score,
    id: &str,
    part: &Part,
    tempos: &[(u32, Qpm)],
) -> io::Result<()> {
    let mut writing = Writing {
        grid: score.steps_per_quarter,
        id,
        is_drums: matches!(part.sounds, Sounds::Drums(_)),
        n_staves: part.staves.len(),
        key: KeySignature::default(),
    };
    let (mut signs, mut tempos) = (part.signs.iter().peekable(), tempos.iter().peekable());
    let mut before = None;
    for (i, bar) in score.bars.iter().enumerate() {
        let end = bar.start + bar.n_steps;
        writing.key = bar.key.unwrap_or(writing.key);
        within(xml, "measure", &[("number", &bar.number.to_string())], |xml| {
            attributes(xml, &writing, bar, (i == 0).then_some(&part.staves))?;
            while let Some((step, qpm)) = tempos.next_if(|(step, _)| *step < end) {
                tempo(xml, step - bar.start, *qpm, before.replace(*qpm))?;
            }
            while let Some((_, sign)) = signs.next_if(|(at, _)| *at == i) {
                loudness(xml, sign)?;
            }
            staves(xml, &writing, bar, i, &part.staves)
        })?;
    }
    Ok(())
}

/// Settings that the notes of a part share.
struct Writing<'a> {
    grid: StepsPerQuarter,
    id: &'a str,
    is_drums: bool,
    n_staves: usize,
    key: KeySignature,
}

/// Grid, key, meter and clefs, if they change.
fn attributes(
    xml: &mut Xml,
    writing: &Writing<'_>,
    bar: &Bar,
    first: Option<&Vec<Staff>>,
) -> io::Result<()> {
    let key = bar.key.filter(|_| !writing.is_drums || first.is_some());
    if first.is_none() && key.is_none() && bar.meter.is_none() {
        return Ok(());
    }
    within(xml, "attributes", &[], |xml| {
        if first.is_some() {
            text(xml, "divisions", &writing.grid.get().to_string())?;
        }
        if let Some(key) = key {
            within(xml, "key", &[], |xml| {
                // Drums have no key.
                let sharps = if writing.is_drums { 0 } else { key.sharps() };
                text(xml, "fifths", &sharps.to_string())?;
                match key.mode {
                    _ if writing.is_drums => Ok(()),
                    Mode::Major => text(xml, "mode", "major"),
                    Mode::Minor => text(xml, "mode", "minor"),
                    Mode::NotSpecified => Ok(()),
                }
            })?;
        }
        if let Some((beats, beat_type)) = bar.meter {
            within(xml, "time", &[], |xml| {
                text(xml, "beats", &beats.to_string())?;
                text(xml, "beat-type", &beat_type.to_string())
            })?;
        }
        let Some(staves) = first else { return Ok(()) };
        if staves.len() > 1 {
            text(xml, "staves", &staves.len().to_string())?;
        }
        for (number, staff) in (1..).zip(staves) {
            let number = [("number", number.to_string())];
            let number = number.iter().map(|(name, value)| (*name, value.as_str()));
            let number: Vec<_> = number.filter(|_| staves.len() > 1).collect();
            within(xml, "clef", &number, |xml| match staff.clef {
                Clef::Treble => text(xml, "sign", "G").and_then(|()| text(xml, "line", "2")),
                Clef::Bass => text(xml, "sign", "F").and_then(|()| text(xml, "line", "4")),
                Clef::Percussion => text(xml, "sign", "percussion"),
            })?;
        }
        Ok(())
    })
}

/// A change of tempo: as a number at a bar line, otherwise as words, without repetition.
fn tempo(xml: &mut Xml, offset: u32, qpm: Qpm, before: Option<Qpm>) -> io::Result<()> {
    let number = ((qpm * 1000.0).round() / 1000.0).to_string();
    within(xml, "direction", &[("placement", "above")], |xml| {
        within(xml, "direction-type", &[], |xml| match before {
            Some(before) if offset > 0 => {
                text(xml, "words", if qpm < before { "rit." } else { "accel." })
            }
            _ => within(xml, "metronome", &[], |xml| {
                text(xml, "beat-unit", "quarter")?;
                text(xml, "per-minute", &number)
            }),
        })?;
        if offset > 0 {
            text(xml, "offset", &offset.to_string())?;
        }
        xml.create_element("sound").with_attribute(("tempo", number.as_str())).write_empty()?;
        Ok(())
    })
}

fn loudness(xml: &mut Xml, sign: &'static str) -> io::Result<()> {
    within(xml, "direction", &[("placement", "below")], |xml| {
        within(xml, "direction-type", &[], |xml| {
            within(xml, "dynamics", &[], |xml| {
                xml.create_element(sign).write_empty()?;
                Ok(())
            })
        })
    })
}

/// The staves of a bar, voice by voice, each from the start of the bar.
fn staves(
    xml: &mut Xml,
    writing: &Writing<'_>,
    bar: &Bar,
    at: usize,
    staves: &[Staff],
) -> io::Result<()> {
    let (mut is_first, mut n_more) = (true, VOICES_PER_STAFF * staves.len());
    for (staff, Staff { voices, .. }) in staves.iter().enumerate() {
        for voice in 0..voices.len().max(1) {
            let number = if voice < VOICES_PER_STAFF {
                VOICES_PER_STAFF * staff + voice + 1
            } else {
                n_more += 1;
                n_more
            };
            let tones = voices.get(voice).map_or(&[] as &[Tone], |bars| &bars[at]);
            // Only the first voice of a staff shows rests.
            if tones.is_empty() && voice > 0 {
                continue;
            }
            if !is_first {
                within(xml, "backup", &[], |xml| text(xml, "duration", &bar.n_steps.to_string()))?;
            }
            is_first = false;
            let place = Place { staff: staff + 1, voice: number, shows_rests: voice == 0 };
            measure(xml, writing, &place, bar, tones)?;
        }
    }
    Ok(())
}

/// Position of notes.
struct Place {
    staff: usize,
    voice: usize,
    shows_rests: bool,
}

impl Place {
    /// The number of the staff, if there are several.
    fn staff(&self, xml: &mut Xml, writing: &Writing<'_>) -> io::Result<()> {
        if writing.n_staves > 1 { text(xml, "staff", &self.staff.to_string()) } else { Ok(()) }
    }
}

fn measure(
    xml: &mut Xml,
    writing: &Writing<'_>,
    place: &Place,
    bar: &Bar,
    tones: &[Tone],
) -> io::Result<()> {
    if tones.is_empty() {
        return within(xml, "note", &[], |xml| {
            xml.create_element("rest").with_attribute(("measure", "yes")).write_empty()?;
            text(xml, "duration", &bar.n_steps.to_string())?;
            text(xml, "voice", &place.voice.to_string())?;
            place.staff(xml, writing)
        });
    }
    for slice in slices(tones, bar, writing.grid) {
        if slice.tones.is_empty() && !place.shows_rests {
            within(xml, "forward", &[], |xml| {
                text(xml, "duration", &slice.n_steps.to_string())?;
                text(xml, "voice", &place.voice.to_string())?;
                place.staff(xml, writing)
            })?;
            continue;
        }
        let sounding: Vec<Option<&Tone>> = if slice.tones.is_empty() {
            vec![None]
        } else {
            slice.tones.iter().map(Some).collect()
        };
        for (i, tone) in sounding.into_iter().enumerate() {
            note(xml, writing, place, &slice, (tone, i > 0))?;
        }
    }
    Ok(())
}

/// A note or rest; after the first of a chord, a chord note.
fn note(
    xml: &mut Xml,
    writing: &Writing<'_>,
    place: &Place,
    slice: &Slice,
    (tone, is_in_chord): (Option<&Tone>, bool),
) -> io::Result<()> {
    let [stop, start] = tone.map_or([false; 2], |tone| slice.ties(tone));
    let ties = |xml: &mut Xml, name: &'static str| {
        for (_, kind) in [(stop, "stop"), (start, "start")].into_iter().filter(|tie| tie.0) {
            xml.create_element(name).with_attribute(("type", kind)).write_empty()?;
        }
        Ok(())
    };
    let loudness = tone.and_then(|tone| tone.velocity);
    let loudness = loudness.map(|velocity| 100.0 * f64::from(velocity.get()) / FORTE);
    let loudness = loudness.map(|percent| format!("{percent:.2}"));
    let loudness: Vec<(&str, &str)> =
        loudness.iter().map(|percent| ("dynamics", percent.as_str())).collect();
    // Every step has note values: the grid was checked.
    let all = values(slice.n_steps, writing.grid).unwrap_or_default();
    let value: Option<&Value> = all.first();
    within(xml, "note", &loudness, |xml| {
        if is_in_chord {
            xml.create_element("chord").write_empty()?;
        }
        match tone {
            Some(tone) if writing.is_drums => unpitched(xml, tone)?,
            Some(tone) => pitch(xml, tone, &writing.key)?,
            None => {
                xml.create_element("rest").write_empty()?;
            }
        }
        text(xml, "duration", &slice.n_steps.to_string())?;
        ties(xml, "tie")?;
        if let Some(tone) = tone.filter(|_| writing.is_drums) {
            let id = drum_id(writing.id, tone.pitch.get());
            xml.create_element("instrument").with_attribute(("id", id.as_str())).write_empty()?;
        }
        text(xml, "voice", &place.voice.to_string())?;
        if let Some(value) = value {
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
        }
        let head = tone.filter(|_| writing.is_drums).and_then(|tone| drums::sign(tone.pitch).head);
        if let Some(head) = head {
            text(xml, "notehead", head)?;
        }
        place.staff(xml, writing)?;
        if stop || start {
            within(xml, "notations", &[], |xml| ties(xml, "tied"))?;
        }
        Ok(())
    })
}

fn pitch(xml: &mut Xml, tone: &Tone, key: &KeySignature) -> io::Result<()> {
    let Spelling { step, alter, octave } = spelled(tone.pitch, key);
    within(xml, "pitch", &[], |xml| {
        text(xml, "step", step)?;
        if alter != 0 {
            text(xml, "alter", &alter.to_string())?;
        }
        text(xml, "octave", &octave.to_string())
    })
}

fn unpitched(xml: &mut Xml, tone: &Tone) -> io::Result<()> {
    let sign = drums::sign(tone.pitch);
    within(xml, "unpitched", &[], |xml| {
        text(xml, "display-step", sign.step)?;
        text(xml, "display-octave", sign.octave)
    })
}

/// An element with nested elements.
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

/// An element with text.
fn text(xml: &mut Xml, name: &'static str, content: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(content))?;
    Ok(())
}
