//! Audio, pictures and pages of MIDI files and of new music.

use crate::support::{TestDir, names};

#[test]
fn midi_files_are_rendered_and_damaged_ones_are_left_out() {
    let dir = TestDir::new();
    dir.ok("corpus synthesize -o midi --pieces 1 --seed 1");
    dir.write("bad.mid", b"dear diary");
    dir.write("reel-000.mid", &dir.read("midi/reel/reel-000.mid"));
    let line =
        "render reel-000.mid midi/reel/reel-000.mid bad.mid -o out --wav --png --html --qpm 240";
    let run = dir.run(line);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("left out: can't read bad.mid"), "{}", run.stdout);
    assert_eq!(run.stderr.trim(), "error: 1 of 3 files could not be rendered");
    let expected =
        ["index.html", "reel-000-2.png", "reel-000-2.wav", "reel-000.png", "reel-000.wav"];
    assert_eq!(names(&dir.path("out")), expected);
    assert_eq!(&dir.read("out/reel-000.png")[1..4], b"PNG");
    // The same music gives the same bytes, regardless of the name of its file.
    assert_eq!(dir.read("out/reel-000.wav"), dir.read("out/reel-000-2.wav"));

    let answer = dir.json("render reel-000.mid -o slow --svg --qpm 60 --velocity 127");
    assert_eq!(answer["files"][0]["name"], "reel-000");
    let svg = String::from_utf8(dir.read("slow/reel-000.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("seconds</title>"));
    let usage = dir.run("render reel-000.mid");
    assert_eq!(usage.code, Some(2));
    assert!(usage.stderr.contains("--wav"), "{}", usage.stderr);
}

#[test]
fn new_music_comes_with_sound_and_a_page() {
    let dir = TestDir::new();
    dir.melody_model();
    let line = "generate --model run/model --style 0 -n 2 --seed 7 -o out --wav --html --program 73 \
                --velocity 101 --qpm 100";
    dir.ok(line);
    let mut expected = vec!["index.html".to_owned()];
    for index in 0..2 {
        let name = |ending: &str| format!("style-0-seed7-{index:03}.{ending}");
        expected.extend(["json", "mid", "wav"].map(name));
    }
    assert_eq!(names(&dir.path("out")), expected);
    let music = dir.music("out/style-0-seed7-000.mid");
    assert_eq!(music.tempos[0].qpm.round(), 100.0);
    for note in &music.notes {
        assert_eq!((note.program.get(), note.velocity.get()), (73, 101));
    }
    let html = String::from_utf8(dir.read("out/index.html")).unwrap();
    assert!(html.contains("New music of style-0") && html.contains("membership"));
    assert_eq!(html.matches("data:audio/midi").count(), 2);

    dir.ok("reconstruct midi/reel/reel-000.mid --model run/model -o back --html");
    let html = String::from_utf8(dir.read("back/index.html")).unwrap();
    // The original tune and its reconstruction.
    assert_eq!(html.matches("data:audio/midi").count(), 2);
    assert!(html.contains("original"));
}
