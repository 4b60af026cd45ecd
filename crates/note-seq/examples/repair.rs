//! Reads a damaged MIDI file, prints what was repaired, and writes a valid file:
//! `cargo run -p note-seq --example repair -- IN.mid OUT.mid`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use note_seq::midi::{self, ReadOptions, WriteOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: repair IN.mid OUT.mid".into());
    };
    let read = midi::read(&std::fs::read(from)?, &ReadOptions::lenient())?;
    for repair in &read.report.repairs {
        println!("{repair}");
    }
    std::fs::write(to, midi::write(&read.sequence, &WriteOptions::default())?)?;
    Ok(())
}
