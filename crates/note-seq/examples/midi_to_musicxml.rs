//! All voices of MIDI files as MusicXML, next to copies of the files, for notation programs and for
//! `tests/oracle/musicxml.py`:
//! `cargo run -p note-seq --features musicxml --example midi_to_musicxml -- OUT IN.mid …`.

#![expect(clippy::print_stderr, reason = "an example prints")]

use std::path::{Path, PathBuf};

use note_seq::ScoreOptions;
use note_seq::midi::{self, ReadOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let out = args.next().ok_or("usage: midi_to_musicxml OUT IN.mid …")?;
    std::fs::create_dir_all(&out)?;
    for from in args {
        let title = from.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let title = title.unwrap_or_default();
        match document(&from, &title) {
            Ok(document) => {
                std::fs::write(out.join(format!("{title}.musicxml")), document)?;
                std::fs::copy(&from, out.join(format!("{title}.mid")))?;
            }
            Err(error) => eprintln!("{}: {error}", from.display()),
        }
    }
    Ok(())
}

fn document(from: &Path, title: &str) -> Result<String, Box<dyn std::error::Error>> {
    let read = midi::read(&std::fs::read(from)?, &ReadOptions::lenient())?;
    let options = ScoreOptions { title: title.to_owned(), ..ScoreOptions::default() };
    Ok(read.sequence.to_musicxml(&options)?)
}
