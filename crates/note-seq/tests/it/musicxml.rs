//! MusicXML read back with an independent reader: bars are full, and notes are those of the melody.

use note_seq::{
    KeySignature, Melody, MelodyEncoding, MelodyEvent, Mode, MusicXmlError, MusicXmlOptions, Pitch,
    StepsPerQuarter, TimeSignature,
};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

/// One `note` element.
#[derive(Debug, Clone, Default, PartialEq)]
struct Found {
    pitch: Option<i32>,
    duration: usize,
    is_tied_from: bool,
    is_tied_to: bool,
    has_type: bool,
}

/// The notes of every measure, in order; checks that elements are properly nested.
fn measures(document: &str) -> Vec<Vec<Found>> {
    let mut reader = Reader::from_str(document);
    let mut path: Vec<String> = Vec::new();
    let mut measures: Vec<Vec<Found>> = Vec::new();
    let (mut note, mut text) = (Found::default(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                match name.as_str() {
                    "measure" => measures.push(Vec::new()),
                    "note" => note = Found::default(),
                    _ => {}
                }
                path.push(name);
                text.clear();
            }
            Event::Empty(empty) if empty.name().as_ref() == "tie" => {
                let kind = empty.attributes().next().unwrap().unwrap().value.into_owned();
                note.is_tied_from |= kind == "stop";
                note.is_tied_to |= kind == "start";
            }
            Event::Text(content) => text = content.to_string(),
            Event::End(end) => {
                let name = path.pop().unwrap();
                assert_eq!(name, end.name().as_ref());
                let semitones = |step| [9, 11, 0, 2, 4, 5, 7][usize::from(step - b'A')];
                match name.as_str() {
                    "step" => note.pitch = Some(semitones(text.as_bytes()[0])),
                    "alter" => note.pitch = note.pitch.map(|p| p + text.parse::<i32>().unwrap()),
                    "octave" => {
                        note.pitch =
                            note.pitch.map(|p| p + 12 * (text.parse::<i32>().unwrap() + 1));
                    }
                    "duration" => note.duration = text.parse().unwrap(),
                    "type" => note.has_type = true,
                    "note" => measures.last_mut().unwrap().push(note.clone()),
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(path.len(), 0);
    measures
}

/// Pitch, first step and length of every note, with tied ones joined.
fn spans(measures: &[Vec<Found>]) -> Vec<(i32, usize, usize)> {
    let mut spans: Vec<(i32, usize, usize)> = Vec::new();
    let (mut step, mut is_open) = (0, false);
    for note in measures.iter().flatten() {
        assert_eq!(note.is_tied_from, is_open, "a tie ends where one began");
        if let Some(pitch) = note.pitch {
            match spans.last_mut() {
                Some(last) if note.is_tied_from => {
                    assert_eq!(last.0, pitch);
                    last.2 += note.duration;
                }
                _ => spans.push((pitch, step, note.duration)),
            }
        }
        is_open = note.is_tied_to;
        step += note.duration;
    }
    assert!(!is_open);
    spans
}

/// The same for a melody, whose last bar is padded.
fn melody_spans(melody: &Melody, n_steps: usize) -> Vec<(i32, usize, usize)> {
    let mut spans = Vec::new();
    for (step, event) in melody.events.iter().enumerate() {
        if let MelodyEvent::NoteOn(pitch) = event {
            let rest = &melody.events[step + 1..];
            let length = rest.iter().position(|e| *e != MelodyEvent::NoEvent);
            spans.push((i32::from(pitch.get()), step, length.map_or(n_steps - step, |l| l + 1)));
        }
    }
    spans
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bars_are_full_and_notes_are_the_melodys(
        labels in prop::collection::vec(prop_oneof![4 => Just(0_u16), 1 => Just(1), 3 => 2_u16..90], 1..200),
        (numerator, denominator, steps_per_quarter) in prop::sample::select(vec![
            (4_u32, 4_u32, 4_u16), (3, 4, 4), (6, 8, 4), (2, 2, 2), (5, 4, 12), (4, 4, 3), (7, 8, 24),
        ]),
        key in 0_u8..12,
    ) {
        let meter = TimeSignature { time: 0.0, numerator, denominator };
        let mut melody = MelodyEncoding::PIANO.decode(&labels).unwrap();
        let bar = usize::from(steps_per_quarter) * 4 * numerator as usize / denominator as usize;
        melody.steps_per_quarter = StepsPerQuarter::new(steps_per_quarter).unwrap();
        melody.steps_per_bar = i64::try_from(bar).unwrap();
        let options = MusicXmlOptions {
            title: "a < b & c".to_owned(),
            time_signature: meter,
            key_signature: KeySignature { time: 0.0, key, mode: Mode::Major },
            ..MusicXmlOptions::default()
        };
        let document = melody.to_musicxml(&options).unwrap();
        prop_assert!(document.contains("<work-title>a &lt; b &amp; c</work-title>"));
        let measures = measures(&document);
        prop_assert_eq!(measures.len(), labels.len().div_ceil(bar));
        for measure in &measures {
            prop_assert_eq!(measure.iter().map(|n| n.duration).sum::<usize>(), bar);
            // A rest of a whole bar needs no note value.
            prop_assert!(measure.iter().all(|n| n.has_type) || (measure.len() == 1 && measure[0].pitch.is_none()));
        }
        prop_assert_eq!(spans(&measures), melody_spans(&melody, measures.len() * bar));
    }
}

#[test]
fn flats_in_flat_keys_and_the_clef_by_the_median() {
    let melody =
        MelodyEncoding::PIANO.decode(&[29, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let key_signature = KeySignature { time: 0.0, key: 8, mode: Mode::Major };
    let options = MusicXmlOptions { key_signature, ..MusicXmlOptions::default() };
    let document = melody.to_musicxml(&options).unwrap();
    let flat = document.replace([' ', '\n'], "");
    assert!(flat.contains("<key><fifths>-4</fifths><mode>major</mode></key>"), "{document}");
    assert!(flat.contains("<clef><sign>F</sign><line>4</line></clef>"));
    assert!(flat.contains("<step>E</step><alter>-1</alter><octave>3</octave>"));
    assert!(flat.contains("<rest/><duration>8</duration><voice>1</voice><type>half</type>"));
    assert!(
        flat.contains("<per-minute>120</per-minute>") && flat.contains("<soundtempo=\"120\"/>")
    );
}

#[test]
fn what_has_no_notation_is_refused() {
    let mut melody = MelodyEncoding::PIANO.decode(&[41, 0, 0, 0]).unwrap();
    let options = MusicXmlOptions::default();
    melody.steps_per_bar = 12;
    let refused = melody.to_musicxml(&options);
    assert!(matches!(refused, Err(MusicXmlError::WrongBarLength { steps_per_bar: 12, .. })));
    melody.steps_per_bar = 20;
    melody.steps_per_quarter = StepsPerQuarter::new(5).unwrap();
    let refused = melody.to_musicxml(&options);
    assert_eq!(refused, Err(MusicXmlError::UnsupportedGrid { steps_per_quarter: 5 }));
    let low = Pitch::new(11).unwrap();
    let melody = Melody::new(vec![MelodyEvent::NoteOn(low)]);
    assert_eq!(melody.to_musicxml(&options), Err(MusicXmlError::PitchTooLow { pitch: low }));
}
