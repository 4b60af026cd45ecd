//! Error messages: one line, no panic, no partially written output.

use crate::support::{TestDir, names};

#[test]
fn folders_and_files_that_give_no_corpus() {
    let dir = TestDir::new();
    let missing = ["can't search nowhere", "No such file", "check the path (relative ones"];
    dir.fails("corpus build nowhere -o corpus", &missing);
    dir.write("empty/readme.txt", b"nothing here");
    dir.fails("corpus build empty -o corpus", &["no MIDI file in empty", "1 not_midi (such as "]);
    dir.write("bad/page.mid", b"<html>404</html>");
    dir.write("bad/cut.mid", b"MThd\0\0\0\x06\0\x01\0\x01\x01\xe0MTrk\0\0");
    dir.fails(
        "corpus build bad -o corpus",
        &["no window of `poly-2bar` in 2 MIDI files", "1 not_midi", "a note that is not a drum"],
    );
    dir.corpus();
    dir.fails("corpus build midi -o corpus", &["corpus already exists", "nothing was changed"]);
    dir.fails("corpus build midi -o x --heldout 1.5", &["held-out fraction is 1.5"]);
    assert_eq!(names(&dir.path("")), ["bad", "corpus", "empty", "midi"]);
}

#[test]
fn inspecting_what_is_no_midi() {
    let dir = TestDir::new();
    dir.write("text.mid", b"dear diary");
    let run = dir.run("inspect text.mid missing.mid");
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("text.mid: this is not a MIDI file"), "{}", run.stdout);
    assert!(run.stdout.contains("missing.mid: No such file"), "{}", run.stdout);
    assert!(run.stderr.contains("2 of 2 files could not be read"), "{}", run.stderr);
}

#[test]
fn training_with_the_wrong_words() {
    let dir = TestDir::new();
    dir.corpus();
    dir.fails(
        "train --corpus corpus -o run --steps 1 --preset cat-mel_9bar",
        &["unknown preset `cat-mel_9bar`", "`cat-mel_2bar_small`"],
    );
    dir.fails("train --corpus corpus -o run", &["`--minutes M` or `--steps N`"]);
    dir.fails(
        "train --corpus corpus -o run --steps 1 --device cuda:0",
        &["build it with `--features cuda`"],
    );
    dir.fails(
        "train --corpus nowhere -o run --steps 1",
        &["nowhere has no `report.json`", "controlgen corpus build"],
    );
    assert!(!dir.path("run").exists());
    let usage = dir.run("train --corpus");
    assert_eq!(usage.code, Some(2));
    assert_eq!(dir.run("fit --model m --latents l --corpus c -k 0").code, Some(2));
}

#[test]
fn models_and_styles_that_are_not_there_or_damaged() {
    let dir = TestDir::new();
    dir.model();
    let generate = "generate --model run/model -o out --style";
    dir.fails(&format!("{generate} 9"), &["no style `9`", "0 to 1", "style-0, style-1"]);
    dir.fails(&format!("{generate} 0 --temperature 0"), &["temperature is 0", "above 0"]);
    dir.fails("generate --model midi -o out --style 0", &["midi has no `config.json`"]);
    let unknown = ["there is no model drumz", "(drums, melody, poly)", "`RUN/model`"];
    dir.fails("generate --model drumz -o out --style 0", &unknown);
    let fixed = ["`drums` is a model in the program, which can't be changed"];
    dir.fails("fit --model drums --corpus corpus --latents run/latents", &fixed);
    dir.fails(
        "fit --model run/model --corpus corpus --latents run/latents -k 100000",
        &["100000 components", "samples"],
    );
    dir.fails("reconstruct midi/none.mid --model run/model -o out", &["can't read midi/none.mid"]);
    dir.write("drums.mid", &drums());
    dir.fails(
        "reconstruct drums.mid --model run/model -o out",
        &["drums.mid has no window", "drums"],
    );

    let weights = dir.read("run/model/weights.safetensors");
    dir.write("run/model/weights.safetensors", &weights[..weights.len() / 2]);
    dir.fails(&format!("{generate} 0"), &["run/model/weights.safetensors", "damaged or truncated"]);
    dir.write("run/model/weights.safetensors", &weights);
    let mixture = dir.read("run/model/mixture.safetensors");
    dir.write("run/model/mixture.safetensors", &mixture[..mixture.len() / 2]);
    dir.fails(
        &format!("{generate} 0"),
        &["run/model/mixture.safetensors is damaged", "controlgen fit"],
    );
    dir.write("run/model/mixture.safetensors", &mixture);
    dir.write("run/model/config.json", b"{\"format\": \"controlgen.model\", \"version\": 99}");
    dir.fails(&format!("{generate} 0"), &["version 99", "version 1"]);
    assert!(!dir.path("out").exists());
}

/// A file with only drums.
fn drums() -> Vec<u8> {
    let sequence = corpus::synthetic::piece(2, 0, 0).with_notes(|note| note.is_drum);
    note_seq::midi::write(&sequence, &note_seq::midi::WriteOptions::default()).unwrap()
}

/// A folder that can't be written to. Root can write anywhere, so there is a file where a folder is
/// needed; a full disk gives the same line with another reason.
#[test]
fn output_that_cannot_be_written() {
    let dir = TestDir::new();
    dir.model();
    dir.write("occupied", b"a file");
    dir.fails(
        "generate --model run/model --style 0 -o occupied",
        &["can't create the folder occupied"],
    );
    dir.fails("corpus build midi -o occupied/corpus", &["occupied"]);
    dir.fails("train --corpus corpus -o occupied --steps 1", &["occupied"]);
    assert_eq!(dir.read("occupied"), b"a file");
}

/// `/dev/full` rejects every byte, like a full disk.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed() {
    let dir = TestDir::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = dir.command("presets").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: No space left on device"), "{stderr}");
}
