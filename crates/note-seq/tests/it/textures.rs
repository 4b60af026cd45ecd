//! Textures: names of hand-made and real music, and properties of all windows.

use std::path::PathBuf;

use note_seq::midi::{self, ReadOptions};
use note_seq::texture::{
    Passage, PassageNote, Pattern, Texture, TextureFeature as F, TextureProfile,
};
use note_seq::{Family, ListNote, Meter, NoteList, NoteListConverter, NoteListEncoding, Pitch};
use note_seq::{Program, Velocity};
use proptest::prelude::*;

use crate::golden::shared;

/// A keyboard note without dynamics: onset and duration in ticks, pitch.
fn note((onset, duration, pitch): (u16, u16, u8)) -> ListNote {
    ListNote { onset, duration, pitch: Pitch::new(pitch).unwrap(), ..ListNote::default() }
}

fn texture(
    (numerator, denominator): (u32, u32),
    notes: impl IntoIterator<Item = ListNote>,
) -> Texture {
    let meter = Meter::from_signature(numerator, denominator).unwrap();
    let list = NoteList::from_notes(NoteListEncoding::POLY_2BAR, meter, notes).unwrap();
    Texture::from(&list)
}

fn words(texture: &Texture) -> String {
    TextureProfile::of([texture]).words(None).join("; ")
}

/// A note of equal length every `ticks` ticks.
fn line(ticks: u16, pitches: &[u8]) -> Vec<ListNote> {
    (0..).step_by(ticks.into()).zip(pitches).map(|(onset, p)| note((onset, ticks, *p))).collect()
}

fn chord(onset: u16, duration: u16, pitches: &[u8]) -> Vec<ListNote> {
    pitches.iter().map(|pitch| note((onset, duration, *pitch))).collect()
}

/// C5 over C3 with E4 and G4, then D5 over G2 with F4 and B4, at one velocity.
fn waltz(velocity: u8) -> Texture {
    let notes = [
        chord(0, 36, &[72]),
        chord(0, 12, &[48]),
        chord(12, 12, &[64, 67]),
        chord(24, 12, &[64, 67]),
        chord(36, 36, &[74]),
        chord(36, 12, &[43]),
        chord(48, 12, &[65, 71]),
        chord(60, 12, &[65, 71]),
    ];
    let velocity = Some(Velocity::new(velocity).unwrap());
    texture((3, 4), notes.concat().into_iter().map(|note| ListNote { velocity, ..note }))
}

#[test]
fn accompaniments_are_named() {
    let found = words(&waltz(40));
    assert_eq!(found, "waltz accompaniment, bass then two chords; keys; major; soft");
    let bar = |start| {
        [
            chord(start, 12, &[48]),
            chord(start + 12, 12, &[64, 67, 72]),
            chord(start + 24, 12, &[43]),
            chord(start + 36, 12, &[64, 67, 72]),
        ]
        .concat()
    };
    let march = texture((4, 4), [bar(0), bar(48)].concat());
    assert_eq!(words(&march), "oom-pah, bass then a chord; keys; major");
    let melody = (0..).step_by(24).zip([72, 76, 72, 67]).map(|(onset, p)| note((onset, 24, p)));
    let alberti = line(6, &[48, 55, 52, 55].repeat(4)).into_iter().chain(melody);
    assert_eq!(words(&texture((4, 4), alberti)), "Alberti bass, broken chords; keys; major");
    let arpeggio = line(6, &[48, 55, 64, 67, 72, 67, 64, 55].repeat(2));
    let guitar = arpeggio.into_iter().map(|note| ListNote { family: Family::Guitar, ..note });
    let found = words(&texture((4, 4), guitar));
    assert_eq!(found, "arpeggiated, broken chords; guitar; major");
}

#[test]
fn voices_are_named() {
    let chorale = [
        [48, 55, 64, 72],
        [47, 55, 62, 74],
        [45, 57, 64, 72],
        [41, 57, 60, 72],
        [40, 55, 60, 72],
        [43, 55, 62, 71],
        [50, 57, 65, 69],
        [48, 55, 64, 67],
    ];
    let notes = (0..).step_by(12).zip(&chorale).flat_map(|(onset, c)| chord(onset, 12, c));
    let found = words(&texture((4, 4), notes));
    assert_eq!(found, "four-part chorale, block chords; keys; major");

    let upper = [(0, 6, 72), (6, 6, 74), (12, 12, 76), (24, 6, 74), (30, 6, 72), (36, 12, 71)];
    let lower = [(0, 12, 48), (12, 6, 50), (18, 6, 52), (24, 12, 53), (36, 6, 52), (42, 6, 50)];
    let bar = upper.iter().chain(&lower);
    let bars = [0, 48].map(|start| bar.clone().map(move |n| note((n.0 + start, n.1, n.2))));
    let counterpoint = texture((4, 4), bars.into_iter().flatten());
    assert_eq!(words(&counterpoint), "two voices in counterpoint; keys; major");

    let thirds = [72, 74, 76, 77, 76, 74, 72, 71];
    let both = line(12, &thirds).into_iter().chain(line(12, &thirds.map(|pitch| pitch - 3)));
    assert_eq!(texture((4, 4), both).pattern(), Some(Pattern::TwoInParallel));

    let melody = line(6, &[72, 74, 76, 77, 79, 77, 76, 74].repeat(2));
    let bass = [note((0, 48, 48)), note((48, 48, 53))];
    let both = texture((4, 4), melody.into_iter().chain(bass));
    assert_eq!(both.pattern(), Some(Pattern::MelodyOverBass));
}

#[test]
fn basses_drones_and_chords_are_named() {
    let bass = line(12, &[36, 38, 40, 41, 43, 41, 40, 38]);
    let bass = bass.into_iter().map(|note| ListNote { family: Family::Bass, ..note });
    let comping = [12, 36, 60, 84].into_iter().flat_map(|onset| chord(onset, 12, &[64, 67, 71]));
    let found = words(&texture((4, 4), bass.chain(comping)));
    assert!(found.starts_with("walking bass; keys and bass"), "{found}");

    let melody = line(12, &[67, 69, 71, 72, 74, 72, 71, 69]);
    let drone = melody.iter().copied().chain(chord(0, 96, &[55, 62]));
    let found = words(&texture((4, 4), drone));
    assert!(found.starts_with("melody over a drone; keys; major"), "{found}");

    let chords = [chord(0, 48, &[48, 52, 55]), chord(48, 48, &[53, 57, 60])].concat();
    let melody = line(12, &[72, 74, 76, 74, 72, 69, 72, 77]);
    let both = texture((4, 4), melody.into_iter().chain(chords.iter().copied()));
    assert_eq!(words(&both), "melody over block chords; keys; major");
    assert_eq!(texture((4, 4), chords).pattern(), Some(Pattern::SustainedChords));
    let repeated = (0..8).flat_map(|i| chord(12 * i, 12, &[48, 64, 67]));
    assert_eq!(words(&texture((4, 4), repeated)), "three-part block chords; keys; major");
}

#[test]
fn single_lines_are_named() {
    let jig = line(6, &[67, 69, 71, 74, 71, 67, 69, 71, 69, 67, 64, 62]);
    let found = words(&texture((6, 8), jig));
    assert!(found.starts_with("a single line; jig rhythm in 6/8; keys"), "{found}");
    let call = line(12, &[67, 67, 67, 72, 76, 72, 76, 79]);
    let velocity = Some(Velocity::new(104).unwrap());
    let call = call.into_iter().map(|n| ListNote { family: Family::Winds, velocity, ..n });
    assert_eq!(words(&texture((4, 4), call)), "fanfare; voice and winds; major; loud");
    let swung = (0..8).flat_map(|i| [note((12 * i, 8, 60)), note((12 * i + 8, 4, 62))]);
    let found = words(&texture((4, 4), swung));
    assert!(found.ends_with("swung; triplets"), "{found}");
    let staccato = (0..8).map(|i| note((12 * i, 4, 60 + u8::from(i % 2 == 1))));
    assert!(words(&texture((4, 4), staccato)).ends_with("staccato"));
    assert_eq!(texture((4, 4), []).pattern(), None);
}

#[test]
fn drums_are_described() {
    let meter = Meter::COMMON;
    let hit = |(onset, offset, key): (u16, f32, u8)| ListNote {
        offset,
        family: Family::Drums,
        velocity: Some(Velocity::saturating(90)),
        ..note((onset, 0, key))
    };
    // Kick on 1 and 3, snare on 2 and 4 a third of a sixteenth late, ride swung.
    let bar = [(0, 0.0, 36), (8, 0.0, 36), (4, 0.33, 38), (12, 0.33, 38)];
    let ride = [0, 4, 8, 12].map(|beat| [(beat, 0.0, 51), (beat + 3, -0.33, 51)]).concat();
    let hits = bar.into_iter().chain(ride).map(hit);
    let list = NoteList::from_notes(NoteListEncoding::DRUMS_2BAR_GROOVE, meter, hits).unwrap();
    let texture = Texture::from(&list);
    assert_eq!(words(&texture), "drums; backbeat; swung drums");
    assert!((texture.get(F::DrumSwing).unwrap() - 2.0).abs() < 1e-6);
    assert_eq!(texture.get(F::Notes), None);
}

#[test]
fn sets_of_windows_are_compared_with_a_reference() {
    let (soft, loud) = (waltz(40), waltz(104));
    let reference = TextureProfile::of([&soft, &loud]);
    // 72 on average, both at a distance of 32.
    let found = TextureProfile::of([&soft]).words(Some(&reference));
    assert_eq!(found.last().map(String::as_str), Some("softer than most"));
    assert_eq!(TextureProfile::of([]).words(Some(&reference)), [] as [String; 0]);
    let jig = texture((6, 8), line(6, &[67, 69, 71, 74, 71, 67, 69, 71, 69, 67, 64, 62]));
    let sustained = texture((4, 4), chord(0, 96, &[48, 52, 55]));
    let found = TextureProfile::of([&soft, &jig, &sustained, &jig, &soft, &sustained]).words(None);
    assert!(found[0].starts_with("partly waltz accompaniment"), "{found:?}");
    assert!(found[0].ends_with("partly a single line, partly sustained chords"), "{found:?}");
}

/// The windows of some of a corpus's files; `None` if there is no such folder.
fn profile(folder: &str, is_wanted: impl Fn(&str) -> bool) -> Option<TextureProfile> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(shared(folder)?)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&is_wanted))
        .collect();
    files.sort();
    let mut textures = Vec::new();
    for file in files.iter().filter(|file| file.is_file()).take(60) {
        let bytes = std::fs::read(file).unwrap();
        let Ok(read) = midi::read(&bytes, &ReadOptions::default()) else { continue };
        let windows = NoteListConverter::poly_2bar().windows(&read.sequence).windows;
        textures.extend(windows.iter().map(|window| Texture::from(&window.notes)));
    }
    assert!(!textures.is_empty(), "{folder}");
    Some(TextureProfile::of(&textures))
}

#[test]
fn real_corpora_are_described() {
    let Some(chorales) = profile("data/js-fakes/midi", |name| name.contains(".mid")) else {
        return;
    };
    assert_eq!(chorales.words(None)[0], "four-part chorale, block chords");
    assert!(chorales.share(Pattern::Chorale) > 0.8);
    let tunes = |prefix: &'static str| {
        profile("data/nottingham-jukedeck/MIDI", move |name| name.starts_with(prefix))
    };
    let (Some(waltzes), Some(jigs)) = (tunes("waltzes"), tunes("jigs")) else { return };
    let (waltzes, jigs) = (waltzes.words(None), jigs.words(None));
    for (words, meter) in [(&waltzes, "in 3/4"), (&jigs, "jig rhythm in 6/8")] {
        assert_eq!(words[0], "melody over block chords", "{words:?}");
        assert_eq!(words[1], meter, "{words:?}");
        assert!(words.contains(&"major".to_owned()), "{words:?}");
    }
}

fn passage_note() -> impl Strategy<Value = PassageNote> {
    (0_u32..160, 1_u32..60, 12_u8..116, 0_u8..128, prop::option::of(1_u8..128)).prop_map(
        |(onset, duration, pitch, program, velocity)| PassageNote {
            onset,
            offset: 0.0,
            duration,
            pitch: Pitch::saturating(pitch),
            family: Family::new(Program::saturating(program), false),
            velocity: velocity.map(Velocity::saturating),
        },
    )
}

fn notes() -> impl Strategy<Value = Vec<PassageNote>> {
    prop::collection::vec(passage_note(), 0..60)
}

fn meter() -> impl Strategy<Value = Meter> {
    (0..Meter::N_CLASSES).prop_map(|class| Meter::from_class(class).unwrap())
}

proptest! {
    /// Transposition changes mean pitches and nothing else. (Of equally good chords and keys the
    /// first counts, which transposition may change: those features are excluded.)
    #[test]
    fn intervals_do_not_depend_on_the_key(
        notes in notes(),
        meter in meter(),
        semitones in -12_i32..12,
    ) {
        let moved = notes.iter().map(|note| PassageNote {
            pitch: note.pitch.transposed(semitones).unwrap(),
            ..*note
        });
        let (moved, notes) = (Passage::new(meter, 2, moved), Passage::new(meter, 2, notes));
        let (moved, notes) = (Texture::of(&moved), Texture::of(&notes));
        for feature in F::ALL {
            let shift = match feature {
                F::MeanPitch | F::BassPitch => f64::from(semitones),
                F::Minor | F::ChordTones | F::ChordChanges | F::SeventhChords => continue,
                _ => 0.0,
            };
            let (before, after) = (notes.get(feature), moved.get(feature));
            prop_assert_eq!(before.is_some(), after.is_some(), "{}", feature);
            let away = after.unwrap_or_default() - before.unwrap_or_default();
            let expected = if before.is_some() { shift } else { 0.0 };
            prop_assert!((away - expected).abs() < 1e-9, "{}: {}", feature, away);
        }
    }

    /// Twice as slow over twice as many bars: simultaneous tones are the same.
    #[test]
    fn harmony_does_not_depend_on_speed(notes in notes()) {
        let slow = notes.iter().map(|note| PassageNote {
            onset: 2 * note.onset,
            duration: 2 * note.duration,
            ..*note
        });
        let slow = Passage::new(Meter::COMMON, 4, slow);
        let fast = Passage::new(Meter::COMMON, 2, notes.iter().copied());
        for feature in [
            F::Notes, F::Onsets, F::Sounding, F::Polyphony, F::Voices, F::Spread, F::MeanPitch,
            F::Range, F::PitchClasses, F::Scale, F::Consonance, F::Minor, F::KeyClarity, F::Pedal,
            F::Together, F::Velocity, F::VelocityRange, F::Families,
        ] {
            let (slow, fast) = (feature.of(&slow), feature.of(&fast));
            prop_assert_eq!(slow.is_some(), fast.is_some(), "{}", feature);
            let away = slow.unwrap_or_default() - fast.unwrap_or_default();
            prop_assert!(away.abs() < 1e-9, "{}: {}", feature, away);
        }
        let rate = |passage: &Passage| F::NotesPerBeat.of(passage).unwrap();
        prop_assert_eq!(2.0 * rate(&slow), rate(&fast));
    }

    /// Values are not NaN, and fractions are 0 to 1, for any tokens of any encoding and meter.
    #[test]
    fn values_are_numbers_in_their_range(
        rows in prop::collection::vec(prop::array::uniform6(any::<u16>()), 0..80),
        meter in meter(),
        encoding in prop::sample::select(vec![
            NoteListEncoding::POLY_2BAR,
            NoteListEncoding::POLY_4BAR,
            NoteListEncoding::ALL_2BAR,
            NoteListEncoding::DRUMS_2BAR_GROOVE,
        ]),
    ) {
        let class = |spec: &note_seq::FieldSpec, random: u16| match spec.field {
            note_seq::Field::Onset => random % encoding.n_steps(meter),
            _ => random % spec.n_classes,
        };
        let tokens: Vec<u16> = rows
            .iter()
            .flat_map(|row| encoding.fields().iter().zip(row).map(|(f, r)| class(f, *r)))
            .collect();
        let (list, _) = NoteList::sorted(encoding, meter, &tokens).unwrap();
        let passage = Passage::from(&list);
        let texture = Texture::of(&passage);
        for feature in F::ALL {
            let Some(value) = texture.get(feature) else { continue };
            prop_assert_eq!(feature.of(&passage), Some(value));
            prop_assert!(value.is_finite(), "{}: {}", feature, value);
            if feature.unit().starts_with("of ") {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{}: {}", feature, value);
            }
        }
        prop_assert!(!TextureProfile::of([&texture]).words(None).is_empty());
        // Notes in another order give the same passage.
        let reversed = passage.notes().iter().rev().copied();
        let again = Passage::new(meter, encoding.n_bars().into(), reversed);
        prop_assert_eq!(again, passage);
    }

    /// A passage without bars, or with more notes than fit in the bars, does not panic.
    #[test]
    fn extremes_are_measured(notes in notes(), meter in meter(), n_bars in 0_u16..3) {
        let longest = notes.iter().map(|note| PassageNote { duration: u32::MAX, ..*note });
        let crowd = longest.cycle().take(50 * notes.len());
        let texture = Texture::of(&Passage::new(meter, n_bars, crowd));
        prop_assert!(texture.values().iter().flatten().all(|value| value.is_finite()));
    }
}
