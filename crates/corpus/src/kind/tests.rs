//! Tests of kinds: windows of every kind are cut, made into music, and cut again.

use super::*;
use crate::synthetic;

#[test]
fn a_window_id_depends_on_tokens_and_kind() {
    let kind = Kind::mel_2bar();
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"mel-2bar\x01\x00\x2c\x00");
    let expected = u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().unwrap());
    assert_eq!(kind.window_id(&[1, 44]), expected);
    assert_ne!(kind.window_id(&[44, 1]), expected);
}

#[test]
fn windows_join_without_a_gap() {
    let kind = Kind::mel_2bar();
    let (mut a, mut b) = ([0_u16; 32], [0_u16; 32]);
    (a[0], b[0], b[16]) = (41, 43, 1);
    let sequence = kind.to_sequence([&a[..], &b[..]], &NoteListPlayback::default());
    let spans: Vec<_> = sequence.notes.iter().map(|n| (n.start_time, n.end_time)).collect();
    // 32 steps of an eighth of a second.
    assert_eq!(spans, [(0.0, 4.0), (4.0, 6.0)]);
}

#[test]
fn every_kind_has_its_model_and_windows_of_its_form() {
    let piece = synthetic::piece(1, 3, 0);
    for name in Kind::NAMES {
        let kind = Kind::find(name).unwrap();
        let form = kind.form();
        for window in kind.windows(&piece).windows {
            assert_eq!(form.check(&window.tokens), Ok(()), "{name}");
        }
    }
    let unknown = Kind::find("mel-3bar").unwrap_err().to_string();
    assert!(unknown.contains("`mel-3bar`; known are poly-2bar, poly-4bar"), "{unknown}");
}

/// The same notes with one tempo, with another, and with a different one for every beat.
#[test]
fn tempo_makes_no_difference_to_windows() {
    let piece = synthetic::piece(1, 3, 0);
    let quarters = piece.tempo_map();
    let at_tempos = |qpm: &dyn Fn(u32) -> f64| {
        let mut tempos = Vec::new();
        let mut time = 0.0;
        let mut starts = Vec::new();
        for beat in 0..1000 {
            tempos.push(note_seq::Tempo { time, qpm: qpm(beat) });
            starts.push(time);
            time += 60.0 / qpm(beat);
        }
        let moved = |seconds: f64| {
            let beats = quarters.quarters(seconds);
            let beat = (1_u32..1000).take_while(|next| f64::from(*next) <= beats).count();
            starts[beat] + (beats - beat as f64) * 60.0 / qpm(beat as u32)
        };
        let mut other = piece.clone();
        for note in &mut other.notes {
            (note.start_time, note.end_time) = (moved(note.start_time), moved(note.end_time));
        }
        other.time_signatures.iter_mut().for_each(|t| t.time = moved(t.time));
        other.total_time = moved(piece.total_time);
        other.tempos = tempos;
        other
    };
    let slow = at_tempos(&|_| 83.7);
    let wild = at_tempos(&|beat| 60.0 + f64::from(beat * 37 % 100));
    for name in Kind::NAMES {
        let kind = Kind::find(name).unwrap();
        let found = |cut: Cut| (cut.windows, cut.skipped, cut.notes);
        let expected = found(kind.windows(&piece));
        assert!(found(kind.windows(&slow)) == expected, "{name}");
        assert!(found(kind.windows(&wild)) == expected, "{name}");
        let in_a_row = found(kind.windows_in_a_row(&piece));
        assert!(found(kind.windows_in_a_row(&wild)) == in_a_row, "{name}");
    }
}

/// Generated windows, written as music and cut again, are unchanged.
#[test]
fn music_of_each_kind_gives_its_windows_back() {
    let drums = Kind::find("drums-2bar").unwrap();
    let beat: Vec<u16> = (0..32).map(|i| [1, 0, 4, 0, 6, 0, 4, 0][i % 8]).collect();
    let sequence = drums.to_sequence([&beat[..]], &NoteListPlayback::default());
    assert_eq!(drums.windows_in_a_row(&sequence).windows[0].tokens, beat);

    let trio = Kind::find("trio-16bar").unwrap();
    let line = |first: u16| {
        (0..256).map(move |i: u16| if i.is_multiple_of(4) { first + i / 32 } else { 0 })
    };
    let mut tokens: Vec<u16> = line(40).chain(line(20)).collect();
    tokens.extend(beat.iter().cycle().take(256));
    let sequence = trio.to_sequence([&tokens[..]], &NoteListPlayback::default());
    let again = trio.windows(&sequence);
    assert_eq!(again.windows.len(), 1, "{:?}", again.skipped);
    assert_eq!(again.windows[0].tokens, tokens);
}

/// Chords in 3/4 on two instruments with drums, in D major.
fn waltz() -> NoteSequence {
    let mut waltz = NoteSequence {
        time_signatures: vec![note_seq::TimeSignature { time: 0.0, numerator: 3, denominator: 4 }],
        ..NoteSequence::default()
    };
    let mut push = |pitch: u8, beat: u32, instrument: u32| {
        waltz.push(note_seq::Note {
            pitch: Pitch::new(pitch).unwrap(),
            velocity: note_seq::Velocity::new(80).unwrap(),
            start_time: f64::from(beat) * 0.5,
            end_time: f64::from(beat + 1) * 0.5,
            instrument,
            is_drum: instrument == 9,
            ..note_seq::Note::default()
        });
    };
    for bar in 0..4 {
        let root = [50, 55, 57, 50][bar as usize];
        push(root, 3 * bar, 0);
        for (beat, third) in [(1, 4), (2, 7)] {
            push(root + 12 + third, 3 * bar + beat, 1);
            push(root + 12, 3 * bar + beat, 1);
        }
        push(36, 3 * bar, 9);
    }
    waltz
}

#[test]
fn all_voices_come_in_their_meter_and_in_one_key_and_go_back() {
    let (kind, waltz) = (Kind::poly_2bar(), waltz());
    let cut = kind.windows_in_a_row(&waltz);
    let starts: Vec<(u32, i8)> = cut.windows.iter().map(|w| (w.start_bar, w.transposed)).collect();
    assert_eq!(starts, [(0, -2), (2, -2)]);
    let notes = cut.notes.unwrap();
    // The four drums are not relevant to the kind.
    assert_eq!((notes.n_notes, notes.n_in_windows, notes.share()), (20, 20, 1.0));
    let form = kind.form();
    let back = cut.windows.iter().map(|window| {
        let mut tokens = window.tokens.clone();
        form.transpose(&mut tokens, 2);
        tokens
    });
    let back: Vec<Vec<u16>> = back.collect();
    let rows = back.iter().map(Vec::as_slice);
    let again = kind.to_sequence(rows, &NoteListPlayback::default());
    let spans = |sequence: &NoteSequence| {
        let tones = sequence.notes.iter().filter(|note| !note.is_drum);
        let mut spans: Vec<_> =
            tones.map(|n| (n.start_time.to_bits(), n.pitch, n.end_time.to_bits())).collect();
        spans.sort_unstable();
        spans
    };
    assert_eq!(spans(&again), spans(&waltz));
    assert_eq!(again.time_signatures[0].numerator, 3);
}
