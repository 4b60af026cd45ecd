//! Tokens to a MIDI file: `cargo run -p note-seq --example tokens_to_midi -- OUT.mid`.

use note_seq::midi::{self, WriteOptions};
use note_seq::{MelodyEncoding, Playback};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: tokens_to_midi OUT.mid")?;
    // A scale in quarter notes: label 41 is middle C (60 − 21 + 2), 0 holds the note.
    let tokens: Vec<u16> =
        [41, 43, 45, 46, 48, 50, 52, 53].iter().flat_map(|label| [*label, 0, 0, 0]).collect();
    let melody = MelodyEncoding::PIANO.decode(&tokens)?;
    let sequence = melody.to_sequence(&Playback { qpm: 96.0, ..Playback::default() });
    std::fs::write(path, midi::write(&sequence, &WriteOptions::default())?)?;
    Ok(())
}
