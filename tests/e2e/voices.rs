//! Music of many voices, in any meter and key.

use std::collections::BTreeSet;

use note_seq::midi::{WriteOptions, write};
use note_seq::{Note, NoteSequence, Pitch, Program, TimeSignature, Velocity};
use serde_json::Value;

use crate::support::TestDir;

/// A waltz in E flat major: strings over a bass and chords of a piano, with a drum on every bar.
fn waltz(n_bars: u32) -> NoteSequence {
    let time_signatures = vec![TimeSignature { time: 0.0, numerator: 3, denominator: 4 }];
    let mut waltz = NoteSequence { time_signatures, ..NoteSequence::default() };
    let mut push = |pitch: u8, beat: u32, length: u32, (instrument, program): (u32, u8)| {
        waltz.push(Note {
            pitch: Pitch::new(pitch).unwrap(),
            velocity: Velocity::new(if instrument == 0 { 90 } else { 60 }).unwrap(),
            start_time: f64::from(beat) * 0.5,
            end_time: f64::from(beat + length) * 0.5,
            instrument,
            program: Program::saturating(program),
            is_drum: instrument == 9,
        });
    };
    for bar in 0..n_bars {
        let (root, third) = [(51, 4), (56, 4), (58, 4), (51, 4)][bar as usize % 4];
        push(root + 24, 3 * bar, 2, (0, 40));
        push(root + 24 + third, 3 * bar + 2, 1, (0, 40));
        push(root - 12, 3 * bar, 1, (1, 0));
        for beat in [1, 2] {
            for above in [0, third, 7] {
                push(root + above, 3 * bar + beat, 1, (1, 0));
            }
        }
        push(36, 3 * bar, 1, (9, 0));
    }
    waltz
}

#[test]
fn a_tune_keeps_its_voices_its_meter_and_its_key() {
    let dir = TestDir::new();
    dir.model();
    dir.write("waltz.mid", &write(&waltz(8), &WriteOptions::default()).unwrap());
    let run = dir.run("reconstruct waltz.mid --model run/model -o out");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = "8 notes left out: windows contain everything except drums";
    assert!(run.stderr.contains(said) && run.stderr.contains("72 of 80 notes"), "{}", run.stderr);
    let of = dir.json_file("out/waltz-reconstruction.json");
    assert!(of["warnings"].to_string().contains(said), "{of}");
    assert_eq!(of["options"]["n_windows"], 4);
    let back = dir.music("out/waltz-reconstruction.mid");
    let meter = &back.time_signatures[0];
    assert_eq!((meter.numerator, meter.denominator, back.time_signatures.len()), (3, 4, 1));
    assert!((back.total_time - 12.0).abs() < 1e-6, "{}", back.total_time);

    // With nothing of the style mixed in, it is the same music.
    dir.ok("mix waltz.mid --style 1 --strength 0 --model run/model -o mix --seed 1");
    dir.ok("reconstruct waltz.mid --model run/model --temperature 0.5 --seed 1 -o same");
    let mixed = dir.music("mix/waltz-mix-style-1.mid");
    assert_eq!(mixed.notes, dir.music("same/waltz-reconstruction.mid").notes);

    // Another key moves it as a whole.
    let key = "reconstruct waltz.mid --model run/model --key";
    dir.ok(&format!("{key} C -o c"));
    dir.ok(&format!("{key} D -o d"));
    let pitches = |folder: &str| -> Vec<i32> {
        let music = dir.music(&format!("{folder}/waltz-reconstruction.mid"));
        music.notes.iter().map(|note| i32::from(note.pitch.get())).collect()
    };
    let moved: BTreeSet<i32> = pitches("c").iter().zip(pitches("d")).map(|(c, d)| d - c).collect();
    assert_eq!(moved, BTreeSet::from([2]));
    let run = dir.run(&format!("{key} H -o h"));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("is not a key"), "{}", run.stderr);
}

#[test]
fn new_music_is_in_the_meter_asked_for() {
    let dir = TestDir::new();
    dir.model();
    let line = "generate --model run/model --style 0 -n 2 --bars 4 --seed 3";
    dir.ok(&format!("{line} --meter 6/8 --even -o jig"));
    let jig = dir.music("jig/style-0-seed3-000.mid");
    let meter = &jig.time_signatures[0];
    assert_eq!((meter.numerator, meter.denominator), (6, 8));
    // Four bars of three quarters at 120 are 6 s; their last note begins in the second half.
    assert!(jig.total_time > 3.0 && jig.total_time <= 6.0 + 1e-6, "{}", jig.total_time);
    // Without `--meter`, the meter is that of the style's training music.
    dir.ok(&format!("{line} -o usual"));
    assert_eq!(dir.music("usual/style-0-seed3-000.mid").time_signatures[0].numerator, 4);
    assert_eq!(dir.run(&format!("{line} --meter 4 -o x")).code, Some(2));

    dir.melody_model();
    dir.fails(&format!("{line} --meter 3/4 -o x"), &["windows of `mel-2bar` are in 4/4"]);
    dir.fails(&format!("{line} --key D -o x"), &["a key moves music", "`mel-2bar`"]);
}

#[test]
fn a_melody_gets_an_accompaniment_of_a_style() {
    let dir = TestDir::new();
    dir.model();
    let melody = waltz(8).with_notes(|note| note.instrument == 0);
    dir.write("melody.mid", &write(&melody, &WriteOptions::default()).unwrap());
    let line = "accompany melody.mid --style 0 --tries 6 -n 2 --model run/model";
    let written = dir.json(&format!("{line} -o out"));
    let fit = &written[0]["fit"];
    // None of the windows that the model learned from is in 3/4.
    assert!(fit["unrelated"].is_null(), "{fit}");
    for share in ["consonance", "unchosen", "membership"] {
        let share = fit[share].as_f64().unwrap_or_else(|| panic!("{share}: {fit}"));
        assert!((0.0..=1.0).contains(&share), "{share}");
    }
    let music = dir.music("out/melody-accompanied-style-0-000.mid");
    // The melody is kept on a separate instrument, and nothing else is above it.
    let is_melody = |note: &&Note| note.instrument == 0;
    // In milliseconds.
    let starts = |notes: &[Note]| -> Vec<(String, u8)> {
        notes.iter().map(|n| (format!("{:.3}", n.start_time), n.pitch.get())).collect()
    };
    let own: Vec<Note> = music.notes.iter().filter(is_melody).copied().collect();
    assert_eq!(starts(&own), starts(&melody.notes));
    let lowest = own.iter().map(|note| note.pitch).min().unwrap();
    let highest = own.iter().map(|note| note.pitch).max().unwrap();
    let others: Vec<&Note> = music.notes.iter().filter(|note| note.instrument != 0).collect();
    assert!(!others.is_empty() && others.iter().all(|note| note.pitch < highest), "{lowest:?}");

    dir.melody_model();
    dir.fails(&format!("{line} -o x"), &["windows of `mel-2bar` have no accompaniment"]);
}

#[test]
fn a_corpus_says_what_became_of_every_note() {
    let dir = TestDir::new();
    dir.write("midi/waltz.mid", &write(&waltz(8), &WriteOptions::default()).unwrap());
    let mut unmetered = waltz(4);
    unmetered.time_signatures.clear();
    dir.write("midi/unmetered.mid", &write(&unmetered, &WriteOptions::default()).unwrap());
    let report = dir.json("corpus build midi -o corpus --heldout 0 --group file");
    let notes = &report["notes"];
    assert_eq!((&notes["n_notes"], &notes["n_in_windows"]), (&108.into(), &108.into()));
    assert_eq!(notes["assumed"], serde_json::json!({ "common_time": 1 }));
    let text = dir.ok("corpus report corpus");
    assert!(text.contains("100.0 % of 108 notes are in windows"), "{text}");
    // Drums with their timing are a separate kind.
    let report = dir.json("corpus build midi -o drums --kind drums-2bar-groove --heldout 0");
    assert_eq!(report["notes"]["n_in_windows"], 12);
}

#[test]
fn a_model_of_many_voices_is_measured_by_notes_meters_and_texture() {
    let dir = TestDir::new();
    dir.model();
    let report = dir.json(
        "eval --model run/model --corpus corpus --latents run/latents --windows 200 \
         --resamples 2 -k 2 -o eval",
    );
    let sections = report["sections"].as_array().unwrap().iter();
    let figures: Vec<&Value> =
        sections.flat_map(|section| section["figures"].as_array().unwrap()).collect();
    let value = |key: &str| {
        let figure = figures.iter().find(|figure| figure["key"] == key);
        figure.unwrap_or_else(|| panic!("no {key}"))["value"].as_f64().unwrap()
    };
    for key in [
        "reconstruction.best.note_f1",
        "reconstruction.sampled.note_f1",
        "reconstruction.best.family",
        "control.reencode.accuracy",
        "control.judge.ratio",
        "generation.texture.consonance",
        "control.copies.share_whole",
    ] {
        assert!(value(key).is_finite(), "{key}");
    }
    assert!((0.0..=1.0).contains(&value("reconstruction.best.note_f1")));
}
