//! Whole sequences as MusicXML, read back with an independent reader: every note's onset, pitch,
//! duration, velocity and instrument.

use std::collections::BTreeMap;

use note_seq::{
    InstrumentInfo, KeySignature, Mode, MusicXmlError, Note, NoteSequence, Pitch, Program,
    ScoreOptions, StepsPerQuarter, Tempo, TimeSignature, Velocity,
};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// First step, step after the last, pitch (for a drum its key), velocity.
type Span = (u32, u32, u8, u8);

/// The parsed contents of a document.
#[derive(Debug, Default)]
struct Document {
    /// Notes of each part, sorted, with tied ones joined.
    parts: Vec<Vec<Span>>,
    /// Steps of each bar, from the first part.
    bars: Vec<u32>,
    names: Vec<String>,
    programs: Vec<u8>,
    /// Steps and tempos, from all parts.
    tempos: Vec<(u32, f64)>,
    /// Numbers of staves and voices that contain notes.
    places: Vec<(u8, u32)>,
}

/// A `note` element being read.
#[derive(Debug, Default)]
struct Element {
    is_chord: bool,
    is_rest: bool,
    pitch: i32,
    drum: Option<u8>,
    duration: u32,
    ties: [bool; 2],
    voice: u32,
    staff: u8,
    velocity: u8,
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut all = start.attributes().map(Result::unwrap);
    all.find(|attribute| attribute.key.as_ref() == name).map(|a| a.value.into_owned())
}

/// A part being read.
#[derive(Debug, Default)]
struct Cursor {
    bar_start: u32,
    bar_end: u32,
    at: u32,
    /// Start of the last note, for the other notes of its chord.
    chord: u32,
    /// Notes with open ties, by voice and pitch: start, end so far, velocity.
    open: BTreeMap<(u32, u8), (u32, u32, u8)>,
}

/// The velocity for a loudness as a percentage of a forte, which is velocity 90.
#[expect(clippy::cast_sign_loss, reason = "the range is checked")]
fn velocity_of(loudness: f64) -> u8 {
    let velocity = (loudness * 0.9).round();
    assert!((0.0..=127.0).contains(&velocity), "{loudness}");
    velocity as u8
}

/// Reads a document by the rules of its format, and checks that bars are full, ties match and
/// elements are properly nested.
fn parse(xml: &str) -> Document {
    let mut found = Document::default();
    let mut reader = Reader::from_str(xml);
    let (mut path, mut text) = (Vec::<String>::new(), String::new());
    let (mut note, mut cursor) = (Element::default(), Cursor::default());
    let (mut offset, mut sound) = (0, None);
    let mut drums = BTreeMap::<String, u8>::new();
    let mut instrument = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                match name.as_str() {
                    "part" => {
                        found.parts.push(Vec::new());
                        cursor = Cursor::default();
                    }
                    "measure" => {
                        cursor.bar_start = cursor.bar_end;
                        cursor.at = cursor.bar_start;
                    }
                    "note" => {
                        let loudness = attribute(&start, "dynamics");
                        let loudness = loudness.map_or(0.0, |l| l.parse::<f64>().unwrap());
                        let velocity = velocity_of(loudness);
                        note = Element { staff: 1, velocity, ..Element::default() };
                    }
                    "direction" => (offset, sound) = (0, None),
                    "midi-instrument" => instrument = attribute(&start, "id").unwrap(),
                    "rest" => note.is_rest = true,
                    _ => {}
                }
                path.push(name);
                text.clear();
            }
            Event::Empty(empty) => match empty.name().as_ref() {
                "chord" => note.is_chord = true,
                "rest" => note.is_rest = true,
                "tie" => match attribute(&empty, "type").unwrap().as_str() {
                    "stop" => note.ties[0] = true,
                    _ => note.ties[1] = true,
                },
                "instrument" => note.drum = Some(drums[&attribute(&empty, "id").unwrap()]),
                "sound" => sound = attribute(&empty, "tempo").map(|t| t.parse::<f64>().unwrap()),
                _ => {}
            },
            Event::Text(content) => text = content.to_string(),
            Event::End(end) => {
                let name = path.pop().unwrap();
                assert_eq!(name, end.name().as_ref());
                let parent = path.last().map_or("", String::as_str);
                match (parent, name.as_str()) {
                    ("score-part", "part-name") => found.names.push(text.clone()),
                    (_, "midi-program") => found.programs.push(text.parse::<u8>().unwrap() - 1),
                    (_, "midi-unpitched") => {
                        drums.insert(instrument.clone(), text.parse::<u8>().unwrap() - 1);
                    }
                    (_, "step") => {
                        note.pitch +=
                            [9, 11, 0, 2, 4, 5, 7][usize::from(text.as_bytes()[0] - b'A')];
                    }
                    (_, "alter") => note.pitch += text.parse::<i32>().unwrap(),
                    (_, "octave") => note.pitch += 12 * (text.parse::<i32>().unwrap() + 1),
                    ("note", "duration") => note.duration = text.parse().unwrap(),
                    ("note", "voice") => note.voice = text.parse().unwrap(),
                    ("note", "staff") => note.staff = text.parse().unwrap(),
                    ("direction", "offset") => offset = text.parse().unwrap(),
                    ("backup", "duration") => {
                        // A voice fills its bar before the next one begins.
                        cursor.bar_end = cursor.bar_end.max(cursor.at);
                        assert_eq!(cursor.at, cursor.bar_end);
                        cursor.at -= text.parse::<u32>().unwrap();
                        assert_eq!(cursor.at, cursor.bar_start);
                    }
                    ("forward", "duration") => cursor.at += text.parse::<u32>().unwrap(),
                    (_, "direction") => {
                        found.tempos.extend(sound.map(|qpm| (cursor.at + offset, qpm)));
                    }
                    (_, "note") => take(&note, &mut cursor, &mut found),
                    (_, "measure") => {
                        cursor.bar_end = cursor.bar_end.max(cursor.at);
                        assert_eq!(cursor.at, cursor.bar_end);
                        if found.parts.len() == 1 {
                            found.bars.push(cursor.bar_end - cursor.bar_start);
                        }
                    }
                    (_, "part") => {
                        assert_eq!(cursor.open.len(), 0, "{:?}", cursor.open);
                        found.parts.last_mut().unwrap().sort_unstable();
                    }
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(path.len(), 0);
    found
}

fn take(note: &Element, cursor: &mut Cursor, found: &mut Document) {
    if note.is_chord {
        assert_eq!(cursor.at, cursor.chord + note.duration, "notes of a chord last as long");
    } else {
        cursor.chord = cursor.at;
        cursor.at += note.duration;
    }
    if note.is_rest {
        return;
    }
    found.places.push((note.staff, note.voice));
    let (start, end) = (cursor.chord, cursor.chord + note.duration);
    let pitch = note.drum.unwrap_or_else(|| u8::try_from(note.pitch).unwrap());
    let key = (note.voice, pitch);
    let [stop, goes_on] = note.ties;
    let before = cursor.open.remove(&key);
    assert_eq!(stop, before.is_some(), "a tie ends where one began: {note:?} at {start}");
    let (from, until, velocity) = before.unwrap_or((start, start, note.velocity));
    assert_eq!(until, start, "tied notes follow each other");
    if goes_on {
        cursor.open.insert(key, (from, end, velocity));
    } else {
        found.parts.last_mut().unwrap().push((from, end, pitch, velocity));
    }
}

/// Notes on a grid: instrument, start and length in steps, pitch, velocity.
fn notes() -> impl Strategy<Value = Vec<(u32, u32, u32, u8, u8)>> {
    let note = (
        prop::sample::select(vec![0_u32, 2, 9]),
        0_u32..150,
        prop::sample::select(vec![1_u32, 2, 3, 4, 5, 6, 8, 9, 12, 13, 24, 36, 41, 48, 100]),
        12_u8..=127,
        1_u8..=127,
    );
    prop::collection::vec(note, 1..60)
}

fn sequence(
    notes: &[(u32, u32, u32, u8, u8)],
    steps_per_quarter: u16,
    (numerator, denominator): (u32, u32),
    tempos: &[(u32, f64)],
) -> NoteSequence {
    let mut music = NoteSequence { ticks_per_quarter: 960, ..NoteSequence::default() };
    music.time_signatures.push(TimeSignature { time: 0.0, numerator, denominator });
    for (step, qpm) in tempos {
        let quarters = f64::from(*step) / f64::from(steps_per_quarter);
        let time = music.tempo_map().seconds_at_quarters(quarters);
        music.tempos.push(Tempo { time, qpm: *qpm });
    }
    let map = music.tempo_map();
    for (instrument, start, length, pitch, velocity) in notes.iter().copied() {
        let seconds =
            |step: u32| map.seconds_at_quarters(f64::from(step) / f64::from(steps_per_quarter));
        music.push(Note {
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::saturating(velocity),
            start_time: seconds(start),
            end_time: seconds(start + length),
            instrument,
            program: Program::saturating(if instrument == 2 { 40 } else { 0 }),
            is_drum: instrument == 9,
        });
    }
    music
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_note_reads_back_as_it_was(
        notes in notes(),
        meter in prop::sample::select(vec![(4_u32, 4_u32), (3, 4), (6, 8), (2, 2), (5, 4), (7, 8)]),
        steps_per_quarter in prop::sample::select(vec![12_u16, 24]),
        key in 0_u8..12,
        mode in prop::sample::select(vec![Mode::Major, Mode::Minor]),
        slower in prop::option::of(1_u32..100),
    ) {
        let mut tempos = vec![(0, 100.0)];
        tempos.extend(slower.map(|step| (step, 80.0)));
        let mut music = sequence(&notes, steps_per_quarter, meter, &tempos);
        music.key_signatures.push(KeySignature { time: 0.0, key, mode });
        let grid = StepsPerQuarter::new(steps_per_quarter);
        let options = ScoreOptions { title: "a < b".to_owned(), steps_per_quarter: grid };
        let document = music.to_musicxml(&options).unwrap();
        let found = parse(&document);
        prop_assert!(document.contains("<work-title>a &lt; b</work-title>"));
        // Drums are last.
        let mut expected = BTreeMap::<u32, Vec<Span>>::new();
        for (instrument, start, length, pitch, velocity) in notes.iter().copied() {
            expected.entry(instrument).or_default().push((start, start + length, pitch, velocity));
        }
        let mut expected: Vec<Vec<Span>> = expected.into_values().collect();
        expected.iter_mut().for_each(|part| part.sort_unstable());
        prop_assert_eq!(&found.parts, &expected);
        // Full bars up to the end of the last note.
        let bar = u32::from(steps_per_quarter) * 4 * meter.0 / meter.1;
        let end = notes.iter().map(|note| note.1 + note.2).max().unwrap();
        prop_assert_eq!(&found.bars, &vec![bar; end.div_ceil(bar) as usize]);
        let in_bars: Vec<(u32, f64)> =
            tempos.into_iter().filter(|(step, _)| *step < end.div_ceil(bar) * bar).collect();
        prop_assert_eq!(found.tempos.len(), in_bars.len());
        for ((step, qpm), (expected_step, expected_qpm)) in found.tempos.iter().zip(&in_bars) {
            prop_assert_eq!(step, expected_step);
            prop_assert!((qpm - expected_qpm).abs() < 0.01);
        }
    }
}

#[test]
fn parts_have_names_programs_staves_and_few_voices() {
    // A pianist's two hands, a violin without a name, drums.
    let hands = [(0, 0, 48, 43, 80), (0, 0, 12, 72, 80), (0, 12, 36, 76, 80), (0, 0, 12, 55, 80)];
    let others = [(2, 0, 48, 67, 80), (9, 0, 3, 36, 80), (9, 0, 3, 42, 80)];
    let mut music = sequence(&[hands.as_slice(), &others].concat(), 12, (4, 4), &[]);
    music.instrument_infos.push(InstrumentInfo { instrument: 0, name: "left & right".to_owned() });
    let document = music.to_musicxml(&ScoreOptions::default()).unwrap();
    let found = parse(&document);
    // Of a name with an entity, the reader keeps only the end.
    assert!(document.contains("<part-name>left &amp; right</part-name>"));
    assert_eq!(found.names, [" right", "Violin", "drums"]);
    assert_eq!(found.programs, [0, 40]);
    assert_eq!(document.matches("<staves>2</staves>").count(), 1);
    let mut places = found.places.clone();
    places.sort_unstable();
    places.dedup();
    // G2 is held and G3 is not: two voices in the left hand, one in the right.
    assert_eq!(places, [(1, 1), (2, 5), (2, 6)]);
    let flat = document.replace([' ', '\n'], "");
    assert!(flat.contains("<display-step>F</display-step>"), "{document}");
    assert!(flat.contains("<notehead>x</notehead>") && flat.contains("<dynamics><mf/></dynamics>"));
}

#[test]
fn low_pitches_are_refused_but_not_of_drums() {
    let write = |instrument| {
        sequence(&[(instrument, 0, 12, 5, 80)], 12, (4, 4), &[])
            .to_musicxml(&ScoreOptions::default())
    };
    let pitch = Pitch::saturating(5);
    assert_eq!(write(0), Err(MusicXmlError::PitchTooLow { pitch }));
    assert_eq!(parse(&write(9).unwrap()).parts, [[(0, 12, 5, 80)]]);
    // An empty sequence is one bar of rest.
    let empty = NoteSequence::default().to_musicxml(&ScoreOptions::default()).unwrap();
    assert_eq!(parse(&empty).parts.len(), 0);
}
