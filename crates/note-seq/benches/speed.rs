//! Times reading, quantizing and each encoding separately, in memory, on a generated piece.
//!
//! `cargo bench -p note-seq --bench speed`. Compared with other tools: `--bench peers`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use note_seq::chords::ChordInference;
use note_seq::drums::DrumConverter;
use note_seq::groove::GrooveConverter;
use note_seq::midi::{self, ReadOptions, WriteOptions};
use note_seq::trio::TrioConverter;
use note_seq::{
    MelodyConverter, Note, NoteListConverter, NoteSequence, Pitch, Program, StepsPerQuarter, Tempo,
    Velocity,
};

const N_BARS: u32 = 64;

/// Sixty-four bars of melody, chords, bass and drums: 2,816 notes.
fn piece() -> NoteSequence {
    let mut piece = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    piece.tempos.push(Tempo { time: 0.0, qpm: 117.0 });
    let sixteenth = 60.0 / 117.0 / 4.0;
    let mut play = |instrument: u32, program, pitch: u32, start: u32, length: u32| {
        piece.push(Note {
            pitch: Pitch::saturating(u8::try_from(pitch).unwrap_or_default()),
            velocity: Velocity::saturating(90),
            start_time: f64::from(start) * sixteenth,
            end_time: f64::from(start + length) * sixteenth,
            instrument,
            program: Program::saturating(program),
            is_drum: instrument == 3,
        });
    };
    for bar in 0..N_BARS {
        for k in 0..8 {
            let start = bar * 16 + k * 2;
            play(0, 0, 60 + (bar * 5 + k * 7) % 19, start, 2);
            play(3, 0, if k % 2 == 0 { 36 } else { 38 }, start, 1);
            play(3, 0, 42, start, 1);
        }
        for beat in 0..4 {
            for third in [0, 4, 7] {
                play(1, 24, 55 + bar % 5 + third, bar * 16 + beat * 4, 4);
            }
            play(2, 33, 36 + bar % 7, bar * 16 + beat * 4, 3);
        }
    }
    piece
}

fn all(c: &mut Criterion) {
    let piece = piece();
    let bytes = midi::write(&piece, &WriteOptions::default()).unwrap_or_default();
    let mut group = c.benchmark_group("midi");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    for (name, options) in [
        ("read, lenient", ReadOptions::lenient()),
        ("read, parity", ReadOptions::parity()),
        ("read, strict", ReadOptions::strict()),
    ] {
        group.bench_function(name, |b| b.iter(|| midi::read(black_box(&bytes), &options)));
    }
    group.bench_function("write", |b| b.iter(|| midi::write(&piece, &WriteOptions::default())));
    group.finish();

    let mut group = c.benchmark_group("notes");
    group.throughput(Throughput::Elements(piece.notes.len() as u64));
    let grid = StepsPerQuarter::SIXTEENTHS;
    group.bench_function("quantize", |b| b.iter(|| black_box(&piece).quantize(grid)));
    group.bench_function("quantize, exact", |b| b.iter(|| black_box(&piece).quantize_ticks(grid)));
    let melodies = MelodyConverter::mel_2bar();
    group.bench_function("2-bar melodies", |b| b.iter(|| melodies.windows(black_box(&piece))));
    let drums = DrumConverter::drums_2bar();
    group.bench_function("2-bar drums", |b| b.iter(|| drums.windows(black_box(&piece))));
    let trios = TrioConverter::trio_16bar();
    group.bench_function("16-bar trios", |b| b.iter(|| trios.windows(black_box(&piece))));
    let grooves = GrooveConverter { drums_only: true, ..GrooveConverter::groovae_2bar() };
    group.bench_function("grooves", |b| b.iter(|| grooves.windows(black_box(&piece))));
    let lists = NoteListConverter::poly_2bar();
    group.bench_function("2-bar note lists", |b| b.iter(|| lists.windows(black_box(&piece))));
    group.finish();

    let chords = ChordInference::default();
    c.benchmark_group("chords").sample_size(10).bench_function("infer, 64 bars", |b| {
        b.iter(|| chords.infer(black_box(&piece), grid, None));
    });
}

criterion_group!(speed, all);
criterion_main!(speed);
