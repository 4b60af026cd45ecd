//! A thousand random moves: automation, transport, states, sleep.

use std::time::Duration;

use controlgen::attribute::Attribute;
use plugin::ParamId;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::daw::{Change, Daw, MAX_BLOCK};

const PARAMS: [ParamId; 10] = [
    ParamId::Style,
    ParamId::Variation,
    ParamId::Temperature,
    ParamId::Length,
    ParamId::Transpose,
    ParamId::Lock,
    ParamId::Bypass,
    ParamId::Dial(Attribute::Density),
    ParamId::Dial(Attribute::Swing),
    ParamId::Dial(Attribute::Loudness),
];

/// Random automation for a block, in order.
fn automation(rng: &mut ChaCha8Rng, n: u32) -> Vec<Change> {
    let mut times: Vec<u32> = (0..rng.random_range(1..6)).map(|_| rng.random_range(0..n)).collect();
    times.sort_unstable();
    let change = |time| {
        let param = PARAMS[rng.random_range(0..PARAMS.len())];
        let value = match param {
            ParamId::Style => rng.random_range(0.0..10.0),
            ParamId::Variation => rng.random_range(0.0..4.0),
            ParamId::Temperature => rng.random_range(0.1..2.0),
            // Short phrases take the least time to compose.
            ParamId::Length => rng.random_range(0.0..2.0),
            ParamId::Transpose => rng.random_range(-24.0..24.0),
            ParamId::Lock => f64::from(rng.random_bool(0.2)),
            ParamId::Bypass => f64::from(rng.random_bool(0.1)),
            ParamId::Dial(_) => rng.random_range(-3.0..3.0),
        };
        (time, param, value)
    };
    times.into_iter().map(change).collect()
}

#[test]
fn a_thousand_random_moves_leave_no_note_behind() {
    const SIGNATURES: [(u16, u16); 6] = [(4, 4), (3, 4), (6, 8), (7, 8), (5, 4), (7, 4)];
    let mut rng = ChaCha8Rng::seed_from_u64(25);
    let mut daw = Daw::live_with_music("drums", &[(ParamId::Length, 0.0)]);
    let mut states = vec![daw.save()];
    let mut n_sounded = 0;
    for step in 0..1000 {
        let n = rng.random_range(1..=MAX_BLOCK);
        let mut changes = Vec::new();
        match rng.random_range(0..20) {
            0 => daw.song.is_playing = false,
            1..=3 => daw.song.is_playing = true,
            4 => daw.song.beats = rng.random_range(-8.0..64.0),
            5 => {
                let start = rng.random_range(0.0..16.0);
                let length = 4.0 * rng.random::<f64>().powi(3);
                daw.song.repeat = Some((start, start + 0.02 + length));
                daw.song.beats = start;
            }
            6 => daw.song.repeat = None,
            7 => daw.song.splits_blocks = rng.random(),
            8 => daw.song.tempo = rng.random_range(20.0..400.0),
            9 => daw.song.tempo_per_sample = rng.random_range(-1e-4..1e-4),
            10 => daw.song.tells_change = rng.random(),
            11 => {
                let (start, number, _) = daw.song.bar(daw.song.beats);
                let signature = SIGNATURES[rng.random_range(0..SIGNATURES.len())];
                daw.song.signatures = vec![(start, number, signature)];
            }
            12 => daw.reset(),
            13 => daw.sleep_and_wake(),
            14 => {
                daw.deactivate();
                if rng.random() {
                    assert!(daw.load(&states[rng.random_range(0..states.len())]));
                }
                daw.activate();
            }
            15 => states.push(daw.save()),
            16 => assert!(daw.load(&states[rng.random_range(0..states.len())])),
            17 => daw.set_room(rng.random_range(0..8)),
            _ => changes = automation(&mut rng, n),
        }
        // A ramp may have led to an extreme tempo.
        daw.song.tempo = daw.song.tempo.clamp(20.0, 400.0);
        if daw.song.tempo_per_sample != 0.0 && !(25.0..390.0).contains(&daw.song.tempo) {
            daw.song.tempo_per_sample = 0.0;
        }
        daw.advance(n, &changes);
        for _ in 0..rng.random_range(0..8) {
            daw.advance(rng.random_range(1..=1024), &[]);
        }
        daw.set_room(4096);
        n_sounded += usize::from(daw.n_sounding() > 0);
        if step % 20 == 0 {
            // Now and then, gives the generator time to finish new music.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    assert!(n_sounded > 100, "notes sounded after {n_sounded} moves");
    daw.song.is_playing = false;
    daw.advance(512, &[]);
    assert_eq!(daw.n_sounding(), 0);
    let n_starts = daw.heard.iter().filter(|event| event.is_on).count();
    assert_eq!(2 * n_starts, daw.heard.len());
    assert!(n_starts > 500, "{n_starts} notes");
}
