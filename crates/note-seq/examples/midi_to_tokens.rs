//! Melody tokens of a MIDI file: `cargo run -p note-seq --example midi_to_tokens -- FILE.mid`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use note_seq::MelodyConverter;
use note_seq::midi::{self, ReadOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: midi_to_tokens FILE.mid")?;
    let read = midi::read(&std::fs::read(&path)?, &ReadOptions::lenient())?;
    println!("{} notes, {} repairs", read.sequence.notes.len(), read.report.n_repairs());
    let conversion = MelodyConverter::mel_2bar().windows(&read.sequence);
    for window in &conversion.windows {
        println!(
            "instrument {}, bar {}: {:?}",
            window.instrument,
            window.start_bar + 1,
            window.tokens
        );
    }
    for (reason, n) in &conversion.skipped {
        println!("skipped: {n} × {reason}");
    }
    Ok(())
}
