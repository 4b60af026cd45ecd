//! Output files: which existing files they may replace, their names, and where their music ends.

use std::path::Path;

use corpus::synthetic;
use note_seq::midi::{ReadOptions, WriteOptions, read, write};
use note_seq::{ControlChange, NoteSequence, PitchBend};

use crate::support::{TestDir, names};

const OWN: &[u8] = b"a user's own work";

/// The ticks at which the tracks of a MIDI file end, and the ticks per quarter note.
fn ends(bytes: &[u8]) -> (Vec<u32>, u32) {
    let be = |at: usize, n: usize| {
        bytes[at..at + n].iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
    };
    let (mut ends, mut at) = (Vec::new(), 14);
    while at < bytes.len() {
        let end = at + 8 + be(at + 4, 4) as usize;
        let (mut tick, mut status) = (0, 0);
        at += 8;
        let number = |at: &mut usize| {
            let mut value = 0;
            loop {
                let byte = bytes[*at];
                *at += 1;
                value = value << 7 | u32::from(byte & 0x7f);
                if byte < 0x80 {
                    return value;
                }
            }
        };
        while at < end {
            tick += number(&mut at);
            if bytes[at] >= 0x80 {
                status = bytes[at];
                at += 1;
            }
            match status {
                0xff => {
                    at += 1;
                    let n = number(&mut at) as usize;
                    at += n;
                }
                0xc0..=0xdf => at += 1,
                _ => at += 2,
            }
        }
        ends.push(tick);
    }
    (ends, be(12, 2))
}

#[test]
fn what_others_wrote_is_overwritten_only_when_forced() {
    let dir = TestDir::new();
    dir.model();
    dir.write("song.mid", &dir.read("midi/reel/reel-000.mid"));
    let generate = "generate --model run/model --style 0 -n 1 -o out";
    for (line, file) in [
        ("render song.mid --wav", "song.wav"),
        ("render song.mid --png --html", "index.html"),
        ("render song.mid --svg", "song.svg"),
        (generate, "out/style-0-seed0-000.mid"),
        (generate, "out/style-0-seed0-000.json"),
        (&format!("{generate} --html"), "out/index.html"),
        ("reconstruct song.mid --model run/model -o back", "back/song-reconstruction.mid"),
        ("style show 0 --model run/model --picture look.svg", "look.svg"),
        ("style show 0 --model run/model --thumbnails look", "look/style-0.svg"),
        ("style export 0 --model run/model -o my.json", "my.json"),
        ("man -o man", "man/controlgen-demo.1"),
        ("corpus synthesize -o made --styles reel --pieces 1", "made/reel/reel-000.mid"),
    ] {
        dir.write(file, OWN);
        let run = dir.run(line);
        assert_eq!(run.code, Some(1), "{line}: {}", run.stdout);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(file) && said.contains("--force"), "{line}: {said}");
        assert_eq!(dir.read(file), OWN, "{line}");
        dir.ok(&format!("{line} --force"));
        assert_ne!(dir.read(file), OWN, "{line}");
        // Files that the program wrote may be overwritten without `--force`.
        dir.ok(line);
    }
    // Nothing was written before the conflict was found.
    assert!(!dir.path("song.png").exists() || dir.path("index.html").exists());

    // A run does not overwrite the `config.json` of another program.
    dir.write("project/config.json", b"{\"name\": \"a web page\"}");
    dir.fails(
        "train --corpus corpus -o project --steps 1",
        &["project/config.json already exists"],
    );
    assert_eq!(dir.read("project/config.json"), b"{\"name\": \"a web page\"}");
}

#[test]
fn names_of_files_are_short_and_clash_on_no_file_system() {
    let dir = TestDir::new();
    dir.model();
    let blend: Vec<String> = (0..40).map(|i| format!("{}:0.0{}1", i % 2, 1 + i % 9)).collect();
    let written = dir.json(&format!(
        "generate --model run/model --style {} -n 1 -o blend --wav",
        blend.join(",")
    ));
    let file = written["pieces"][0]["file"].as_str().unwrap();
    assert!(file.len() < 100 && dir.path(file).exists(), "{file}");

    let tune = dir.read("midi/reel/reel-000.mid");
    for file in ["a/Song.mid", "b/song.mid", "CON.mid"] {
        dir.write(file, &tune);
    }
    dir.ok("render a/Song.mid b/song.mid CON.mid --svg -o drawn");
    assert_eq!(names(&dir.path("drawn")), ["Song.svg", "_CON.svg", "song-2.svg"]);
    // The same in another run.
    dir.ok("render b/song.mid --svg -o drawn");
    assert_eq!(names(&dir.path("drawn")), ["Song.svg", "_CON.svg", "song-2.svg"]);

    dir.ok("style add Mine midi/reel/reel-000.mid --model run/model");
    dir.fails(
        "style add mine midi/reel/reel-001.mid --model run/model",
        &["a style `Mine` already"],
    );
    dir.ok("style rename Mine mine --model run/model");
    let listed = dir.json("style list --model run/model");
    assert_eq!(listed["styles"][2]["name"], "mine");
    dir.ok("style add nul midi/reel/reel-001.mid --model run/model");
    assert!(names(&dir.path("run/model/styles")).contains(&"_nul.style.json".to_owned()));
    dir.ok("generate --model run/model --style nul -n 1 -o out");
}

/// Every file ends with its last window, so that it can be looped, regardless of its last note.
#[test]
fn generated_files_end_with_their_last_window() {
    let dir = TestDir::new();
    dir.model();
    let tune = "midi/hymn/hymn-000.mid";
    dir.ok("generate --model run/model --style 0 -n 20 --bars 4 --temperature 1 -o out --qpm 97");
    dir.ok("generate --model run/model --style 1 -n 5 -o two");
    dir.ok(&format!("mix {tune} --model run/model --style 1 -o mixed"));
    dir.ok("interpolate style:0 style:1 --steps 3 --model run/model -o way");
    for (folder, bars) in [("out", 4), ("two", 2), ("mixed", 16), ("way", 2)] {
        let files = names(&dir.path(folder));
        for file in files.iter().filter(|name| Path::new(name).extension().unwrap() == "mid") {
            let bars = if file == "interpolation.mid" { 6 } else { bars };
            let bytes = dir.read(&format!("{folder}/{file}"));
            let (ends, quarter) = ends(&bytes);
            assert!(ends.iter().all(|end| *end == bars * 4 * quarter), "{folder}/{file}: {ends:?}");
            read(&bytes, &ReadOptions::strict()).unwrap();
        }
    }
}

#[test]
fn another_program_keeps_pedal_and_bends() {
    let dir = TestDir::new();
    let melody = synthetic::piece(0, 3, 0).with_notes(|note| note.instrument == 0);
    // Short notes that a pedal holds for two seconds.
    let mut music = NoteSequence {
        notes: melody.notes.iter().take(1).copied().collect(),
        ticks_per_quarter: 480,
        ..NoteSequence::default()
    };
    music.notes[0].start_time = 0.0;
    music.notes[0].end_time = 0.1;
    music.total_time = 2.0;
    let pedal = |time, control_value| ControlChange {
        time,
        control_number: 64,
        control_value,
        ..ControlChange::default()
    };
    let program = music.notes[0].program;
    let mut held = music.clone();
    held.control_changes
        .extend([pedal(0.0, 127), pedal(2.0, 0)].map(|c| ControlChange { program, ..c }));
    let mut bent = music.clone();
    bent.pitch_bends.push(PitchBend { bend: 8191, program, ..PitchBend::default() });
    for (name, music) in [("plain", &music), ("held", &held), ("bent", &bent)] {
        dir.write(&format!("{name}.mid"), &write(music, &WriteOptions::default()).unwrap());
    }
    dir.ok("render plain.mid held.mid bent.mid --wav --program 4 -o out");
    let [plain, held, bent] =
        ["plain", "held", "bent"].map(|name| dir.read(&format!("out/{name}.wav")));
    // The sound of the second after the note's end, by its energy.
    let energy = |wav: &[u8]| -> f64 {
        let samples =
            wav[44..wav.len() - 48].as_chunks::<4>().0.iter().skip(44_100 / 2).take(44_100);
        samples.map(|s| f64::from(i16::from_le_bytes([s[0], s[1]])).powi(2)).sum()
    };
    assert!(energy(&held) > 10.0 * energy(&plain), "{} {}", energy(&held), energy(&plain));
    assert_ne!(plain, bent);
}
