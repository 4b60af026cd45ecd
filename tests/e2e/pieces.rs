//! Whole pieces: repetitions, choice of windows, continuations of tunes.

use note_seq::midi::{WriteOptions, write};
use note_seq::{Note, NoteSequence, Pitch, Program, TimeSignature, Velocity};
use serde_json::Value;

use crate::support::TestDir;

/// Notes of `n` bars of 4/4 at 120: milliseconds from the first of these bars, and pitch.
fn bars(music: &NoteSequence, first: u32, n: u32) -> Vec<(String, u8)> {
    let (from, to) = (2.0 * f64::from(first), 2.0 * f64::from(first + n));
    let mut notes: Vec<(String, u8)> = music
        .notes
        .iter()
        .filter(|note| note.start_time > from - 1e-3 && note.start_time < to - 1e-3)
        .map(|note| (format!("{:.3}", note.start_time - from), note.pitch.get()))
        .collect();
    notes.sort();
    notes
}

/// A tune of eight bars in C major with a bass and, on every bar, a drum.
fn tune() -> NoteSequence {
    let time_signatures = vec![TimeSignature::default()];
    let mut tune = NoteSequence { time_signatures, ..NoteSequence::default() };
    let mut push = |pitch: u8, beat: u32, length: u32, instrument: u32, program: u8| {
        tune.push(Note {
            pitch: Pitch::new(pitch).unwrap(),
            velocity: Velocity::new(80).unwrap(),
            start_time: f64::from(beat) * 0.5,
            end_time: f64::from(beat + length) * 0.5,
            instrument,
            program: Program::saturating(program),
            is_drum: instrument == 9,
        });
    };
    for bar in 0..8 {
        let root = [60, 65, 67, 60][bar as usize % 4];
        for (beat, above) in [0, 4, 7, 4].into_iter().enumerate() {
            push(root + above + 12, 4 * bar + beat as u32, 1, 0, 0);
        }
        push(root - 12, 4 * bar, 4, 1, 32);
        push(36, 4 * bar, 1, 9, 0);
    }
    tune
}

#[test]
fn sections_return_as_the_form_says_and_the_same_seed_gives_the_same_piece() {
    let dir = TestDir::new();
    for make in [TestDir::model, TestDir::melody_model] {
        make(&dir);
        assert!(dir.path("run/model/pieces.safetensors").exists());
        let line = "generate --model run/model --style 0 -n 2 --bars 16 --seed 5";
        let written = dir.json(&format!("{line} --form ABAC --candidates 3 -o abac --force"));
        assert_eq!(written["pieces"][0]["form"], "ABCDABEF");
        for piece in 0..2 {
            let music = dir.music(&format!("abac/style-0-seed5-00{piece}.mid"));
            let first = bars(&music, 0, 3);
            assert_ne!(first, [] as [(String, u8); 0]);
            // A melody's last note may end with its section, but the onsets are the same.
            assert_eq!(bars(&music, 8, 3), first, "{piece}");
        }
        let again = format!("{line} --form ABAC --candidates 3 -o again --force --threads 1");
        dir.ok(&again);
        let file = "style-0-seed5-001.mid";
        assert_eq!(dir.read(&format!("abac/{file}")), dir.read(&format!("again/{file}")));
        let run = dir.run(&format!("{line} --form AxB -o x"));
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains("is not a form"), "{}", run.stderr);
        dir.fails(&format!("{line} --form ABA -o x"), &["3 sections", "a multiple of 6 bars"]);
    }
}

#[test]
fn pieces_have_the_form_of_real_ones_unless_smoothness_is_asked_for() {
    let dir = TestDir::new();
    dir.model();
    let line = "generate --model run/model --style 0 -n 2 --bars 8 --seed 1";
    let written = dir.json(&format!("{line} -o auto"));
    assert!(written["pieces"][0]["form"].is_string(), "{written}");
    let of = dir.json_file("auto/style-0-seed1-000.json");
    assert_eq!(of["options"]["follows"], "pieces");
    assert_eq!(of["z"].as_array().unwrap().len(), 4);
    let written = dir.json(&format!("{line} --smoothness 0.8 -o smooth"));
    assert!(written["pieces"][0]["form"].is_null(), "{written}");
    // Without the model of pieces, consecutive windows are similar, and are still chosen among
    // draws.
    std::fs::remove_file(dir.path("run/model/pieces.safetensors")).unwrap();
    dir.ok(&format!("{line} -o without"));
    let of = dir.json_file("without/style-0-seed1-000.json");
    assert_eq!(
        (&of["options"]["follows"], &of["options"]["candidates"]),
        (&"smoothness".into(), &8.into())
    );
    dir.ok(&format!("{line} --smoothness 0.8 -o again"));
    let file = "style-0-seed1-001.mid";
    assert_eq!(dir.read(&format!("smooth/{file}")), dir.read(&format!("again/{file}")));
    // A damaged file is named.
    dir.write("run/model/pieces.safetensors", b"no tensors");
    dir.fails(&format!("{line} -o x"), &["pieces.safetensors", "fit the model again"]);
}

#[test]
fn a_window_alone_is_chosen_among_its_draws() {
    let dir = TestDir::new();
    dir.model();
    let line = "generate --model run/model --style 0 -n 12 --seed 4";
    let membership = |written: &Value| -> f64 {
        let pieces = written["pieces"].as_array().unwrap();
        pieces.iter().map(|piece| piece["membership"].as_f64().unwrap()).sum::<f64>() / 12.0
    };
    let (chosen, first) = (
        dir.json(&format!("{line} -o chosen")),
        dir.json(&format!("{line} --candidates 1 -o first")),
    );
    assert!(membership(&chosen) >= membership(&first), "{chosen} {first}");
    let options = |folder: &str| {
        dir.json_file(&format!("{folder}/style-0-seed4-000.json"))["options"]["candidates"].clone()
    };
    assert_eq!((options("chosen"), options("first")), (8.into(), Value::Null));
    dir.ok(&format!("{line} -o again --threads 1"));
    let file = "style-0-seed4-003.mid";
    assert_eq!(dir.read(&format!("chosen/{file}")), dir.read(&format!("again/{file}")));
}

#[test]
fn without_a_style_each_piece_is_of_one_drawn() {
    let dir = TestDir::new();
    dir.model();
    let written = dir.json("generate --model run/model -n 12 --seed 2 -o out");
    let pieces = written["pieces"].as_array().unwrap();
    assert_eq!(pieces.len(), 12);
    let files: Vec<&str> = pieces.iter().map(|piece| piece["file"].as_str().unwrap()).collect();
    let of = |style: &str| files.iter().filter(|file| file.contains(style)).count();
    assert_eq!(of("style-0-seed2") + of("style-1-seed2"), 12, "{files:?}");
    dir.ok("style hide 0 --model run/model");
    let written = dir.json("generate --model run/model -n 3 --seed 2 -o shown");
    assert!(!written.to_string().contains("style-0"), "{written}");
}

#[test]
fn a_tune_goes_on_and_nothing_of_it_changes() {
    let dir = TestDir::new();
    let tune = tune();
    for make in [TestDir::model, TestDir::melody_model] {
        make(&dir);
        dir.write("tune.mid", &write(&tune, &WriteOptions::default()).unwrap());
        let line = "continue tune.mid --bars 4 --model run/model --candidates 2 -n 2 --force";
        let written = dir.json(&format!("{line} -o on"));
        assert_eq!((&written[0]["from_bar"], &written[0]["n_bars"]), (&9.into(), &4.into()));
        let file = written[1]["file"].as_str().unwrap();
        let longer = dir.music(file);
        assert_eq!(bars(&longer, 0, 8), bars(&tune, 0, 8));
        assert!(!bars(&longer, 8, 4).is_empty(), "{file}");
        assert!(longer.total_time <= 24.0 + 1e-6, "{}", longer.total_time);
        let again = dir.json(&format!("{line} -o again"));
        let other = again[1]["file"].as_str().unwrap();
        assert!(dir.read(file) == dir.read(other), "the same seed, the same bars");
        dir.ok(&format!("{line} --style 1 --form AA' -o styled"));
    }
}

#[test]
fn bars_are_filled_and_all_others_stay() {
    let dir = TestDir::new();
    let tune = tune();
    // Neither contains drums, and the melody does not include the bass.
    let cases: [(fn(&TestDir), fn(&Note) -> bool); 2] = [
        (TestDir::model, |note| note.is_drum),
        (TestDir::melody_model, |note| note.is_drum || note.program.get() == 32),
    ];
    for (make, keeps) in cases {
        make(&dir);
        dir.write("tune.mid", &write(&tune, &WriteOptions::default()).unwrap());
        let line = "fill tune.mid --model run/model --candidates 2 --seed 4 --force";
        // Three bars: a window and a half.
        let written = dir.json(&format!("{line} --from-bar 3 --bars 3 -o out"));
        let filled = dir.music(written[0]["file"].as_str().unwrap());
        for (first, n) in [(0, 2), (5, 3)] {
            assert_eq!(bars(&filled, first, n), bars(&tune, first, n));
        }
        assert_ne!(bars(&filled, 2, 3), bars(&tune, 2, 3));
        // Instruments that the model does not write are kept as well.
        let of = |music: &NoteSequence| bars(&music.with_notes(keeps), 0, 8);
        assert_ne!(of(&tune), [] as [(String, u8); 0]);
        assert_eq!(of(&filled), of(&tune));
        let beyond = ["bars 7 to 10", "bars 1 to 8"];
        dir.fails(&format!("{line} --from-bar 7 --bars 4 -o x"), &beyond);
    }
}

/// Sixteen bars of drums: hats, kicks and snares on sixteenths, different for each number.
fn groove(number: u32) -> NoteSequence {
    let mut groove = NoteSequence::default();
    let mut strike = |at: u32, pitch: u8, velocity: u8| {
        let start_time = f64::from(at) * 0.125;
        groove.push(Note {
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::saturating(velocity),
            start_time,
            end_time: start_time + 0.0625,
            instrument: 9,
            is_drum: true,
            ..Note::default()
        });
    };
    for at in 0..256_u32 {
        let (bar, step) = (at / 16, at % 16);
        if step.is_multiple_of(2 + number % 3) {
            strike(at, 42, 70);
        }
        if (step * (3 + number) + bar * 7) % 11 < 2 {
            strike(at, 36, 100);
        }
        if (step + number + bar) % 9 == 4 {
            strike(at, 38, 90);
        }
    }
    groove
}

#[test]
fn a_piece_gets_drums_of_its_length_meter_and_form() {
    let dir = TestDir::new();
    dir.model();
    for number in 0..24 {
        let bytes = write(&groove(number), &WriteOptions::default()).unwrap();
        dir.write(&format!("grooves/{number}.mid"), &bytes);
    }
    dir.ok("corpus build grooves -o drums --kind drums-2bar-groove --heldout 0.2 --group file");
    let train = "train --corpus drums --preset drums_2bar_groove_tiny -o beat --seed 2";
    dir.ok(&format!("{train} --steps 60 --beta 0.01"));
    dir.ok("encode --model beat/model --corpus drums -o beat/latents");
    dir.ok("fit --model beat/model --corpus drums --latents beat/latents -k 1 --covariance diag \
         --resamples 0");
    let line = "generate --model run/model --style 0 -n 1 --bars 8 --seed 3 --form AB --even";
    dir.ok(&format!("{line} --drums beat/model -o out"));
    dir.ok(&format!("{line} -o alone"));
    let file = "style-0-seed3-000.mid";
    let (both, alone) = (dir.music(&format!("out/{file}")), dir.music(&format!("alone/{file}")));
    assert!((both.total_time - 16.0).abs() < 1e-6, "{}", both.total_time);
    let tones = both.with_notes(|note| !note.is_drum);
    assert_eq!(bars(&tones, 0, 8), bars(&alone, 0, 8));
    let drums = both.notes.iter().find(|note| note.is_drum).expect("a drum");
    assert_eq!(both.instrument_name(drums.instrument), Some("drums"));
    let longer = line.replace("--bars 8", "--bars 16").replace("AB", "ABAC");
    dir.ok(&format!("{longer} --drums beat/model -o again --force"));
    let beat = dir.music(&format!("again/{file}")).with_notes(|note| note.is_drum);
    // From the second bar on, because early notes of the first bar would lie before the beginning.
    assert_eq!(bars(&beat, 1, 2), bars(&beat, 9, 2));
    dir.fails(&format!("{line} --drums run/model -o x"), &["`poly-2bar`", "a model of drums"]);
}

#[test]
fn pieces_are_arranged_as_asked_for() {
    let dir = TestDir::new();
    dir.model();
    let line = "generate --model run/model --style 0 -n 1 --bars 8 --seed 3 --form AB";
    let file = "style-0-seed3-000";
    dir.ok(&format!("{line} --even -o even"));
    dir.ok(&format!("{line} -o shaped"));
    let (even, shaped) =
        (dir.music(&format!("even/{file}.mid")), dir.music(&format!("shaped/{file}.mid")));
    assert_eq!(even.tempos.len(), 1);
    // The last two bars slow down beat by beat, to four fifths of the tempo.
    assert_eq!(shaped.tempos.len(), 9);
    assert!((shaped.tempos[8].qpm - 96.0).abs() < 0.01 && shaped.total_time > even.total_time);
    assert_eq!(bars(&shaped, 0, 6), bars(&even, 0, 6));

    let arranged = "--even --intro 2 --instruments keys=harpsichord,winds=73 --musicxml";
    let written = dir.json(&format!("{line} {arranged} -o arranged"));
    let with_intro = dir.music(&format!("arranged/{file}.mid"));
    assert!((with_intro.total_time - 20.0).abs() < 1e-6, "{}", with_intro.total_time);
    assert_eq!(bars(&with_intro, 2, 8), bars(&even, 0, 8));
    // Five windows, each with a latent and a key.
    let of = dir.json_file(&format!("arranged/{file}.json"));
    assert_eq!(of["z"].as_array().unwrap().len(), 5);
    assert_eq!(of["options"]["keys"].as_array().unwrap().len(), 5);
    assert_eq!(of["options"]["composed"], "ABCD");
    let opening = bars(&even, 0, 2);
    let intro = bars(&with_intro, 0, 2);
    assert!(!intro.is_empty() && intro.iter().all(|note| opening.contains(note)), "{written}");
    for note in &with_intro.notes {
        assert!(![0, 71].contains(&note.program.get()), "{note:?}");
        assert!(with_intro.instrument_name(note.instrument).is_some());
    }
    let score = String::from_utf8(dir.read(&format!("arranged/{file}.musicxml"))).unwrap();
    assert_eq!(score.matches("<score-part ").count(), with_intro.instruments().len());
    let n_bars = score.matches("<measure ").count() / with_intro.instruments().len();
    assert_eq!(n_bars, 10);
    dir.fails(&format!("{line} --intro 3 -o x"), &["an introduction of 3 bars", "2 bars each"]);
    for (wrong, why) in [("keys=piano", "Acoustic Grand Piano (0)"), ("lute=3", "is not a family")]
    {
        let run = dir.run(&format!("{line} --instruments {wrong} -o x"));
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains(why), "{}", run.stderr);
    }
}

#[test]
fn whole_pieces_are_measured_next_to_real_ones() {
    let dir = TestDir::new();
    dir.model();
    let report = dir.json(
        "eval pieces --model run/model --corpus corpus --latents run/latents --pieces 4 --bars 8 \
         --candidates 2 -o eval",
    );
    let sections = report["sections"].as_array().unwrap();
    let figures: Vec<&Value> =
        sections.iter().flat_map(|section| section["figures"].as_array().unwrap()).collect();
    let figure = |key: &str| {
        let found = figures.iter().find(|figure| figure["key"] == key);
        *found.unwrap_or_else(|| panic!("no {key} in {figures:?}"))
    };
    let key_fit = figure("pieces.8.key_fit");
    assert!((0.0..=1.0).contains(&key_fit["value"].as_f64().unwrap()), "{key_fit}");
    let beside: Vec<&str> = key_fit["baselines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|baseline| baseline["name"].as_str().unwrap())
        .collect();
    let expected = ["without choosing", "smoothness alone", "unrelated windows", "real"];
    assert_eq!(beside, expected);
    for key in [
        "pieces.succession.two",
        "pieces.8.structure.long",
        "pieces.8.membership",
        "pieces.8.tonic",
        "pieces.8.milliseconds",
    ] {
        figure(key);
    }
    assert!(dir.path("eval/eval.html").exists());
}
