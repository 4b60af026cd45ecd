//! All results of the crate for MIDI files, one JSON object per line, in the format of the Python
//! oracle:
//! `cargo run -p note-seq --example summary -- [--parity] FILE…`.

#![expect(clippy::print_stdout, reason = "an example prints")]

#[path = "../../tests/oracle/mod.rs"]
mod oracle;

use note_seq::midi::{self, ReadOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = ReadOptions::lenient();
    for argument in std::env::args().skip(1) {
        if argument == "--parity" {
            options = ReadOptions::parity();
            continue;
        }
        let read = midi::read(&std::fs::read(&argument)?, &options)?;
        println!("{}", serde_json::to_string(&oracle::summary(&read))?);
    }
    Ok(())
}
