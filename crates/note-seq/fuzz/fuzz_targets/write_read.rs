//! A sequence that was read can be written, and the written file is valid and reads back unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use note_seq::midi::{self, ReadLimits, ReadOptions, WriteError, WriteOptions};

fuzz_target!(|bytes: &[u8]| {
    // Below the default limit, because the written file must be readable within it.
    let limits = ReadLimits { max_ticks: 9_000_000_000, ..ReadLimits::default() };
    let Ok(first) = midi::read(bytes, &ReadOptions { limits, ..ReadOptions::lenient() }) else {
        return;
    };
    let written = match midi::write(&first.sequence, &WriteOptions::default()) {
        Err(WriteError::TooManyTracks { .. }) => return,
        written => written.expect("what was read can be written"),
    };
    let second = midi::read(&written, &ReadOptions::strict()).expect("what we write is in order");
    let rewritten =
        midi::write(&second.sequence, &WriteOptions::default()).expect("it was written before");
    let third = midi::read(&rewritten, &ReadOptions::strict()).expect("what we write is in order");
    assert_eq!(second.sequence.notes.len(), third.sequence.notes.len());
});
