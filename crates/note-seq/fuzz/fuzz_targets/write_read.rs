//! What was read can be written, and what was written is in order and reads as itself from then on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use note_seq::midi::{self, ReadLimits, ReadOptions, WriteError, WriteOptions};

fuzz_target!(|bytes: &[u8]| {
    // Short of the limit that what is written must be read within.
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
