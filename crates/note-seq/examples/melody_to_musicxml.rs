//! The first melody of a MIDI file as MusicXML:
//! `cargo run -p note-seq --features musicxml --example melody_to_musicxml -- IN.mid OUT.musicxml`.

use note_seq::melody::{self, ExtractOptions};
use note_seq::midi::{self, ReadOptions};
use note_seq::{Grid, MusicXmlOptions, StepsPerQuarter};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: melody_to_musicxml IN.mid OUT.musicxml".into());
    };
    let read = midi::read(&std::fs::read(&from)?, &ReadOptions::lenient())?;
    let pieces = read.sequence.split_on_time_changes();
    let piece = pieces.first().ok_or("the file has no notes")?;
    let quantized = piece.quantize(StepsPerQuarter::SIXTEENTHS)?;
    let melodies = melody::extract(&quantized, &ExtractOptions::default())?;
    let melody = melodies.first().ok_or("the file has no melody")?;
    let mut options = MusicXmlOptions { title: from, ..MusicXmlOptions::default() };
    if let Grid::Relative { qpm, time_signature, .. } = quantized.grid {
        (options.qpm, options.time_signature) = (qpm, time_signature);
    }
    options.key_signature = piece.key_signatures.first().copied().unwrap_or_default();
    std::fs::write(to, melody.to_musicxml(&options)?)?;
    Ok(())
}
