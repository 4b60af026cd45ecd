//! Lists of notes: properties for all inputs.

use std::path::{Path, PathBuf};

use note_seq::midi::{self, ReadOptions};
use note_seq::{
    Dedupe, Field, KeyTracker, Meter, Note, NoteList, NoteListConverter, NoteListEncoding,
    NoteListPlayback, NoteSequence, Pitch, Program, Tempo, TempoMap, TimeSignature, Velocity,
};
use proptest::prelude::*;

use crate::golden::shared;

const ENCODINGS: [NoteListEncoding; 4] = [
    NoteListEncoding::POLY_2BAR,
    NoteListEncoding::POLY_4BAR,
    NoteListEncoding::ALL_2BAR,
    NoteListEncoding::DRUMS_2BAR_GROOVE,
];

fn encoding() -> impl Strategy<Value = NoteListEncoding> {
    prop::sample::select(ENCODINGS.to_vec())
}

fn meter() -> impl Strategy<Value = Meter> {
    (0..Meter::N_CLASSES).prop_map(|class| Meter::from_class(class).unwrap())
}

/// A list of arbitrary classes valid for the encoding and meter. Dynamics are either all present,
/// with at least two levels, or all absent, because that is a property of whole files.
fn list() -> impl Strategy<Value = NoteList> {
    let rows = prop::collection::vec(prop::array::uniform6(any::<u16>()), 1..40);
    (encoding(), meter(), rows, any::<bool>()).prop_map(|(encoding, meter, rows, is_marked)| {
        let mut tokens = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            for (spec, random) in encoding.fields().iter().zip(row) {
                tokens.push(match spec.field {
                    Field::Onset => random % encoding.n_steps(meter),
                    Field::Dynamics if !is_marked || rows.len() == 1 => 0,
                    Field::Dynamics if i < 2 => 1 + u16::from(i == 1),
                    Field::Dynamics => 1 + random % (spec.n_classes - 1),
                    _ => random % spec.n_classes,
                });
            }
        }
        NoteList::sorted(encoding, meter, &tokens).unwrap().0
    })
}

fn converter(encoding: NoteListEncoding) -> NoteListConverter {
    NoteListConverter { encoding, key: None, dedupe: Dedupe::Off, ..NoteListConverter::poly_2bar() }
}

/// Arbitrary notes, with times off any grid, some of them impossible.
fn hostile() -> impl Strategy<Value = NoteSequence> {
    let time = prop_oneof![
        20 => -1.0..60.0_f64,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, -1e300, 1e300, 1e12, f64::MIN]),
    ];
    let note = (time.clone(), time.clone(), 0_u8..128, 0_u8..128, 0_u8..128, any::<bool>())
        .prop_map(|(start_time, end_time, pitch, velocity, program, is_drum)| Note {
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::saturating(velocity),
            program: Program::saturating(program),
            instrument: u32::from(program) / 8,
            start_time,
            end_time,
            is_drum,
        });
    let signature = (time.clone(), 0_u32..20, 0_u32..70)
        .prop_map(|(time, numerator, denominator)| TimeSignature { time, numerator, denominator });
    let tempo = (time, -10.0..1000.0_f64).prop_map(|(time, qpm)| Tempo { time, qpm });
    (
        prop::collection::vec(note, 0..80),
        prop::collection::vec(signature, 0..6),
        prop::collection::vec(tempo, 0..6),
        prop::sample::select(vec![0, 1, 96, 100, 480, 32_767, -7200, i32::MAX]),
    )
        .prop_map(|(notes, time_signatures, tempos, ticks_per_quarter)| {
            let mut sequence = NoteSequence {
                time_signatures,
                tempos,
                ticks_per_quarter,
                ..NoteSequence::default()
            };
            notes.into_iter().for_each(|note| sequence.push(note));
            sequence
        })
}

proptest! {
    /// Values that the classes can represent are restored exactly: every class of every field in
    /// every meter.
    #[test]
    fn lists_come_back_from_sequences(list in list(), qpm in 20.0..400.0_f64) {
        // A silent window first, because the first hit of a groove may be early.
        let silence = NoteList::new(list.encoding(), list.meter(), Vec::new()).unwrap();
        let playback = NoteListPlayback { qpm, ..NoteListPlayback::default() };
        let sequence = NoteList::join([&silence, &list], &playback);
        let conversion = converter(list.encoding()).windows(&sequence);
        let at = i64::from(list.encoding().n_ticks(list.meter()));
        let window = conversion.windows.iter().find(|w| w.start_tick == at);
        // The last onset may be in the first bar, and then the window is not the last.
        let n_bars = i64::from(list.encoding().n_bars());
        let n_steps = list.encoding().n_steps(list.meter());
        let steps_per_bar = n_steps / u16::from(list.encoding().n_bars());
        let last = list.rows().last().map(|row| i64::from(row[0] / steps_per_bar));
        if last == Some(n_bars - 1) {
            prop_assert_eq!(window.map(|w| &w.notes), Some(&list));
            prop_assert_eq!(window.map(|w| w.start_bar), Some(u32::from(list.encoding().n_bars())));
        }
        prop_assert_eq!(conversion.n_in_windows, list.len());
    }

    /// A single list, whose piece is shorter than a window, gives one window: itself.
    #[test]
    fn a_piece_of_one_window_is_that_window(list in list()) {
        prop_assume!(list.encoding().index_of(Field::Offset).is_none());
        let sequence = list.to_sequence(&NoteListPlayback::default());
        let windows = converter(list.encoding()).windows(&sequence).windows;
        prop_assert_eq!(windows.len(), 1);
        prop_assert_eq!(&windows[0].notes, &list);
    }

    /// Notes that classes can represent are decoded and encoded without loss, also as JSON.
    #[test]
    fn notes_and_json_lead_back(list in list()) {
        let (encoding, meter) = (list.encoding(), list.meter());
        let again = NoteList::from_notes(encoding, meter, list.notes());
        prop_assert_eq!(again.as_ref(), Ok(&list));
        let json = serde_json::to_string(&list).unwrap();
        prop_assert_eq!(serde_json::from_str::<NoteList>(&json).unwrap(), list);
    }

    /// Cells partition the window: every onset is at one position of one cell, and is restored from
    /// it.
    #[test]
    fn every_onset_has_one_place_in_one_cell(encoding in encoding(), meter in meter()) {
        let mut n_places = 0;
        for cell in 0..=encoding.max_cells() {
            for position in 0..=encoding.max_positions() {
                let Some(onset) = encoding.onset_at(meter, cell, position) else { continue };
                prop_assert_eq!(encoding.cell_of(meter, onset), (cell, position));
                prop_assert_eq!(onset, n_places, "cells are in order of time");
                n_places += 1;
            }
        }
        prop_assert_eq!(n_places, encoding.n_steps(meter));
        let n_in_cells: usize =
            (0..encoding.n_cells(meter)).map(|cell| encoding.cell_len(meter, cell)).sum();
        prop_assert_eq!(n_in_cells, usize::from(n_places));
        prop_assert!(encoding.n_cells(meter) <= encoding.max_cells());
    }

    /// Arbitrary tokens are an error or a list, never a panic.
    #[test]
    fn hostile_tokens_are_refused(
        encoding in encoding(),
        meter in meter(),
        tokens in prop::collection::vec(prop_oneof![0_u16..20, any::<u16>()], 0..60),
    ) {
        if let Ok((list, n_repeated)) = NoteList::sorted(encoding, meter, &tokens) {
            prop_assert_eq!(list.len() + n_repeated, tokens.len() / encoding.n_fields());
            prop_assert!(NoteList::new(encoding, meter, list.tokens().to_vec()).is_ok());
            prop_assert_eq!(list.notes().len(), list.len());
        }
    }

    /// Every note of any sequence is in a window or counted with a reason, and none twice.
    #[test]
    fn every_note_is_accounted_for(
        sequence in hostile(),
        encoding in encoding(),
        hop_bars in 1_u32..6,
        max_notes in 1_usize..40,
    ) {
        let converter = NoteListConverter {
            encoding,
            hop_bars,
            max_notes,
            apply_sustain: false,
            ..NoteListConverter::poly_2bar()
        };
        let conversion = converter.windows(&sequence);
        let n_skipped: usize = conversion.skipped_notes.values().sum();
        prop_assert_eq!(conversion.n_in_windows + n_skipped, sequence.notes.len());
        prop_assert_eq!(conversion.n_notes, sequence.notes.len());
        prop_assert_eq!(conversion.why_empty().is_none(), !conversion.windows.is_empty());
        for window in &conversion.windows {
            let list = &window.notes;
            prop_assert!((1..=max_notes).contains(&list.len()));
            let again = NoteList::new(encoding, list.meter(), list.tokens().to_vec());
            prop_assert_eq!(again.as_ref(), Ok(list));
        }
    }

    /// Tempo is not part of a window: the same ticks at other tempos give the same windows.
    #[test]
    fn tempo_never_matters(
        notes in prop::collection::vec((0_u8..128, 0_u64..6000, 1_u64..900), 1..60),
        tempos in prop::collection::vec((0_u64..6000, 100_000_u32..2_000_000), 0..20),
        resolution in prop::sample::select(vec![24_u16, 96, 100, 220, 480, 960]),
    ) {
        let mut tempos = tempos;
        tempos.sort_by_key(|t| t.0);
        tempos.dedup_by_key(|t| t.0);
        let plain = TempoMap::new(resolution);
        let mut changing = TempoMap::new(resolution);
        tempos.iter().for_each(|(tick, microseconds)| changing.push(*tick, *microseconds));
        let windows = |map: &TempoMap| {
            let mut sequence = NoteSequence {
                ticks_per_quarter: i32::from(resolution),
                ..NoteSequence::default()
            };
            sequence.tempos =
                map.pieces().iter().map(|p| Tempo { time: p.seconds, qpm: map.qpm(p) }).collect();
            let signature =
                TimeSignature { time: map.seconds(1200), numerator: 6, denominator: 8 };
            sequence.time_signatures.push(signature);
            for (pitch, tick, length) in &notes {
                sequence.push(Note {
                    pitch: Pitch::saturating(*pitch),
                    velocity: Velocity::MAX,
                    start_time: map.seconds(*tick),
                    end_time: map.seconds(tick + length),
                    ..Note::default()
                });
            }
            NoteListConverter { key: Some(KeyTracker::default()), ..NoteListConverter::poly_2bar() }
                .windows(&sequence)
                .windows
        };
        prop_assert_eq!(windows(&plain), windows(&changing));
    }
}

#[test]
fn every_note_of_the_edge_files_is_in_a_window_or_counted() {
    for (name, bytes) in crate::edge_files::all() {
        let Ok(read) = midi::read(&bytes, &ReadOptions::default()) else { continue };
        for converter in [
            NoteListConverter::poly_2bar(),
            NoteListConverter::poly_4bar(),
            NoteListConverter::all_2bar(),
            NoteListConverter::drums_2bar_groove(),
            NoteListConverter { apply_sustain: true, hop_bars: 3, ..NoteListConverter::all_2bar() },
        ] {
            let conversion = converter.windows(&read.sequence);
            let n_skipped: usize = conversion.skipped_notes.values().sum();
            assert_eq!(conversion.n_in_windows + n_skipped, read.sequence.notes.len(), "{name}");
        }
    }
}

/// The goal for users' folders: 98 % of the files, 95 % of the notes other than drums.
#[test]
fn almost_all_notes_of_real_music_are_in_windows() {
    for corpus in ["open-hymnal", "games-small", "easyrpg-rtp", "pianobooster-music"] {
        let Some(folder) = shared(&format!("data/{corpus}")) else { return };
        let (mut n_files, mut n_used, mut n_notes, mut n_in_windows) = (0, 0, 0, 0);
        for file in midi_files(&folder) {
            let Ok(read) = midi::read(&std::fs::read(file).unwrap(), &ReadOptions::default())
            else {
                continue;
            };
            let n_tones = read.sequence.notes.iter().filter(|n| !n.is_drum).count();
            let conversion = NoteListConverter::poly_2bar().windows(&read.sequence);
            n_files += usize::from(n_tones > 0);
            n_used += usize::from(!conversion.windows.is_empty());
            n_notes += n_tones;
            n_in_windows += conversion.n_in_windows;
        }
        assert!(n_files > 0, "{corpus}");
        assert!(100 * n_used >= 98 * n_files, "{corpus}: {n_used} of {n_files} files");
        assert!(100 * n_in_windows >= 95 * n_notes, "{corpus}: {n_in_windows} of {n_notes} notes");
    }
}

fn midi_files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let is_midi = |path: &PathBuf| path.extension().is_some_and(|e| e == "mid");
    let below = folders.iter().flat_map(|folder| midi_files(folder));
    files.into_iter().filter(is_midi).chain(below).collect()
}
