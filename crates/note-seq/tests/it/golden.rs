//! The oracle's answers for real files that are not part of the repository.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use note_seq::midi::{self, ReadOptions};
use serde_json::Value;

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

/// The oracle prints nine digits; our values are exact.
fn rounded(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(rounded),
        Value::Object(map) => map.values_mut().for_each(rounded),
        Value::Number(n) => {
            *value = format!("{:.9}", n.as_f64().unwrap()).parse::<f64>().unwrap().into();
        }
        _ => {}
    }
}

/// Compares every file of an answer file; returns the numbers of files read and rejected by both.
fn compare(answers: &Path, folder: &Path) -> (usize, usize) {
    let mut unpack =
        Command::new("gzip").arg("-dc").arg(answers).stdout(Stdio::piped()).spawn().unwrap();
    let (mut read, mut refused) = (0, 0);
    for line in std::io::BufReader::new(unpack.stdout.take().unwrap()).lines() {
        let mut expected: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let name = expected["file"].as_str().unwrap().to_owned();
        let Some(path) = [folder.join(&name), folder.join(Path::new(&name).file_name().unwrap())]
            .into_iter()
            .find(|p| p.exists())
        else {
            continue;
        };
        let result = midi::read(&std::fs::read(&path).unwrap(), &ReadOptions::parity());
        if expected.get("error").is_some() {
            assert!(result.is_err(), "{name}: Python refuses it");
            refused += 1;
            continue;
        }
        let mut found =
            serde_json::to_value(crate::oracle::summary(&result.expect(&name))).unwrap();
        rounded(&mut found);
        rounded(&mut expected);
        for (key, found) in found.as_object().unwrap() {
            if key == "segments" {
                let expected = expected[key].as_array().unwrap();
                assert_eq!(found.as_array().unwrap().len(), expected.len(), "{name}: segments");
                for (i, (found, expected)) in
                    found.as_array().unwrap().iter().zip(expected).enumerate()
                {
                    for (key, found) in found.as_object().unwrap() {
                        assert_eq!(found, &expected[key], "{name}: segment {i}, {key}");
                    }
                }
            } else {
                assert_eq!(found, &expected[key], "{name}: {key}");
            }
        }
        read += 1;
    }
    assert!(unpack.wait().unwrap().success());
    (read, refused)
}

#[test]
fn the_real_files_agree_with_python() {
    let (Some(answers), Some(folder)) = (shared("oracles/real.jsonl.gz"), shared("")) else {
        return;
    };
    let (read, refused) = compare(&answers, &folder);
    println!("{read} read, {refused} refused");
    assert!(read > 0);
}
