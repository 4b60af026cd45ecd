//! Reads arbitrary bytes in every mode: no panic, bounded memory and time, and a usable result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use note_seq::drums::DrumConverter;
use note_seq::groove::GrooveConverter;
use note_seq::midi::{self, ReadMode, ReadOptions};
use note_seq::trio::TrioConverter;
use note_seq::{MelodyConverter, NoteListConverter, NoteSequence, StepsPerQuarter};

fuzz_target!(|bytes: &[u8]| {
    for mode in [ReadMode::Lenient, ReadMode::Parity, ReadMode::Strict] {
        if let Ok(read) = midi::read(bytes, &ReadOptions { mode, ..ReadOptions::default() }) {
            assert!(read.sequence.notes.iter().all(|n| n.start_time < n.end_time));
            assert!(mode == ReadMode::Lenient || read.report.n_repairs() == 0);
            use_sequence(&read.sequence);
        }
    }
});

fn use_sequence(sequence: &NoteSequence) {
    let _ = (sequence.statistics(), sequence.beats(), sequence.find_key());
    let _ = sequence.quantize_ticks(StepsPerQuarter::SIXTEENTHS);
    let _ = sequence.quantize_absolute(100.0).map(|q| (q.groove_consistency(), q.to_sequence()));
    let _ = NoteSequence::concatenate(&sequence.split_on_time_changes());
    let _ = (sequence.split_every(2.0, true), sequence.split_on_silence(3.0));
    let _ = MelodyConverter::mel_2bar().windows(sequence);
    let _ = MelodyConverter::mel_16bar().windows(sequence);
    let _ = DrumConverter::drums_2bar().windows(sequence);
    let _ = TrioConverter::trio_16bar().windows(sequence);
    let _ = GrooveConverter::groovae_2bar().windows(sequence);
    for converter in [NoteListConverter::all_2bar(), NoteListConverter::drums_2bar_groove()] {
        let conversion = converter.windows(sequence);
        let n_skipped: usize = conversion.skipped_notes.values().sum();
        assert_eq!(conversion.n_in_windows + n_skipped, sequence.notes.len());
    }
    let mut sustained = sequence.clone();
    sustained.apply_sustain();
    sustained.dedupe_notes();
    let json = serde_json::to_vec(sequence).expect("a sequence is JSON");
    let _: NoteSequence = serde_json::from_slice(&json).expect("what we write we read");
}
