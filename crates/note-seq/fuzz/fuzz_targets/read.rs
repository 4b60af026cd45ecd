//! Any bytes, in every mode: no panic, bounded memory, and what comes out can be converted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use note_seq::NoteListConverter;
use note_seq::midi::{self, ReadLimits, ReadMode, ReadOptions};

fuzz_target!(|bytes: &[u8]| {
    let limits = ReadLimits { max_notes: 10_000, max_tracks: 256, ..ReadLimits::default() };
    for mode in [ReadMode::Lenient, ReadMode::Parity, ReadMode::Strict] {
        if let Ok(read) = midi::read(bytes, &ReadOptions { mode, limits }) {
            assert!(read.sequence.notes.iter().all(|n| n.start_time < n.end_time));
            assert!(mode == ReadMode::Lenient || read.report.n_repairs() == 0);
            let _ = note_seq::summary(&read);
            for converter in [NoteListConverter::all_2bar(), NoteListConverter::drums_2bar_groove()] {
                let conversion = converter.windows(&read.sequence);
                let n_skipped: usize = conversion.skipped_notes.values().sum();
                assert_eq!(conversion.n_in_windows + n_skipped, read.sequence.notes.len());
            }
        }
    }
});
