//! Tunes as users have them: everything that is left out is reported.

use corpus::synthetic;
use note_seq::midi::{WriteOptions, write};
use note_seq::{NoteSequence, Tempo, TimeSignature};

use crate::support::TestDir;

/// Consecutive quarter notes at 120 per minute, with time signatures at these quarter notes.
fn quarters(n: u32, meters: &[(f64, u32, u32)]) -> NoteSequence {
    let like = synthetic::piece(0, 3, 0).notes[0];
    let mut music = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    music.tempos.push(Tempo { time: 0.0, qpm: 120.0 });
    for i in 0..n {
        let start_time = 0.5 * f64::from(i);
        let pitch = note_seq::Pitch::new(60 + u8::try_from(i % 7).unwrap()).unwrap();
        let (instrument, end_time) = (0, start_time + 0.5);
        music.push(note_seq::Note { pitch, instrument, start_time, end_time, ..like });
    }
    let meter = |(at, numerator, denominator): &(f64, u32, u32)| TimeSignature {
        time: 0.5 * at,
        numerator: *numerator,
        denominator: *denominator,
    };
    music.time_signatures.extend(meters.iter().map(meter));
    music
}

#[test]
fn no_note_of_a_tune_is_left_out_without_a_word() {
    let dir = TestDir::new();
    dir.melody_model();
    let bytes = |music: &NoteSequence| write(music, &WriteOptions::default()).unwrap();
    let upbeat = quarters(33, &[(0.0, 1, 4), (1.0, 4, 4)]);
    let short_bar = quarters(34, &[(0.0, 4, 4), (16.0, 2, 4), (18.0, 4, 4)]);
    let section = quarters(28, &[(0.0, 4, 4), (8.0, 3, 4), (20.0, 4, 4)]);
    for (name, music) in [("upbeat", &upbeat), ("short", &short_bar), ("section", &section)] {
        dir.write(&format!("{name}.mid"), &bytes(music));
    }
    let left = "12 notes in bars 3 to 6 left out: windows have bars of four quarters, and these \
                are in 3/4";
    for (name, used, all, said) in [
        ("upbeat", 33, 33, "bar 1 is an upbeat of 1 quarter note: a rest was added before it"),
        ("short", 34, 34, "bar 5 is in 2/4: a rest was added to make four quarters"),
        ("section", 16, 28, left),
    ] {
        let count =
            if used == all { format!("all {all} notes") } else { format!("{used} of {all} notes") };
        for (line, file) in [
            (format!("reconstruct {name}.mid"), format!("{name}-reconstruction")),
            (format!("mix {name}.mid --style 0"), format!("{name}-mix-style-0")),
            (format!("similar {name}.mid -n 1"), format!("{name}-similar-000")),
            (format!("attribute apply {name}.mid --attribute pitch:+0"), format!("{name}-turned")),
        ] {
            let run = dir.run(&format!("{line} --model run/model -o out"));
            assert_eq!(run.code, Some(0), "{line}: {}", run.stderr);
            assert!(
                run.stderr.contains(said) && run.stderr.contains(&count),
                "{line}: {}",
                run.stderr
            );
            let sidecar = dir.json_file(&format!("out/{file}.json"));
            assert!(sidecar["warnings"].to_string().contains(said), "{line}");
            let usage = &sidecar["options"]["usage"];
            assert_eq!(
                (&usage["n_used"], &usage["n_notes"]),
                (&used.into(), &all.into()),
                "{line}"
            );
        }
        let line = format!("interpolate {name}.mid style:0 --steps 2 --model run/model -o way");
        let run = dir.run(&line);
        assert!(run.stderr.contains(said), "{line}: {}", run.stderr);
        assert!(run.stderr.contains("the first of"), "{line}: {}", run.stderr);
        let warnings = dir.json_file("way/interpolation.json")["warnings"].to_string();
        assert!(warnings.contains(said) && warnings.contains("one window"), "{warnings}");
        let added = dir.ok(&format!("style add of-{name} {name}.mid --model run/model"));
        assert!(added.contains(said), "{added}");
    }

    // Tempo does not matter: the same windows result if half of the tune is at another tempo.
    let mut rubato = upbeat.clone();
    let at = |time: f64| if time > 4.5 { 4.5 + 2.0 * (time - 4.5) } else { time };
    rubato.tempos.push(Tempo { time: 4.5, qpm: 60.0 });
    for note in &mut rubato.notes {
        (note.start_time, note.end_time) = (at(note.start_time), at(note.end_time));
    }
    rubato.total_time = at(rubato.total_time);
    dir.write("rubato.mid", &bytes(&rubato));
    dir.ok("reconstruct rubato.mid --model run/model -o out");
    let z = |name: &str| dir.json_file(&format!("out/{name}-reconstruction.json"))["z"].clone();
    assert_eq!(z("rubato"), z("upbeat"));
    let count = |name: &str| {
        let added = dir.json(&format!("style add n-{name} {name}.mid --model run/model"));
        added["n_windows"].clone()
    };
    assert_eq!(count("rubato"), count("upbeat"));
}
