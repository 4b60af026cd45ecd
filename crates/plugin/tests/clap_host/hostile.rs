//! Damaged states, and values that no host should send.

use plugin::{MAX_STATE_BYTES, ParamId};
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::daw::{BLOCK, Daw};

#[test]
fn damaged_states_change_nothing_and_harm_nothing() {
    let settings = [(ParamId::Length, 0.0), (ParamId::Style, 3.0)];
    let mut daw = Daw::live_with_music("drums", &settings);
    let good = daw.save();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (mut n_taken, mut n_refused) = (0, 0);
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes.truncate(at),
                2 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, b"0123456789-.e,[]{}\""[rng.random_range(0..19)]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let before = daw.save();
        if daw.load(&bytes) {
            n_taken += 1;
            daw.advance(BLOCK, &[]);
            assert!(daw.load(&good));
        } else {
            n_refused += 1;
            assert_eq!(daw.save(), before);
            assert!(!daw.messages().is_empty(), "it says why");
        }
        daw.advance(BLOCK, &[]);
    }
    assert!(n_taken > 0 && n_refused > 100, "{n_taken} taken, {n_refused} refused");
}

#[test]
fn strange_states_are_refused() {
    let mut daw = Daw::new("drums");
    let long = vec![b' '; usize::try_from(MAX_STATE_BYTES).unwrap() + 1];
    let deep = "[".repeat(100_000);
    let huge =
        format!("{{\"format\":\"controlgen.plugin-state\",\"version\":{}}}", "9".repeat(400));
    for bytes in
        [&b""[..], b"\0\0\0\0", b"null", &[0xff; 64], &long, deep.as_bytes(), huge.as_bytes()]
    {
        assert!(!daw.load(bytes));
    }
    assert!(daw.messages().iter().any(|message| message.contains("more than 4194304 bytes")));
}

#[test]
fn strange_values_are_kept_in_range() {
    let mut daw = Daw::live("drums");
    let strange = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300, -0.5, 0.499];
    let params = [
        ParamId::Style,
        ParamId::Variation,
        ParamId::Temperature,
        ParamId::Length,
        ParamId::Transpose,
        ParamId::Lock,
        ParamId::Dial(controlgen::attribute::Attribute::Swing),
        // Drums have no such dial.
        ParamId::Dial(controlgen::attribute::Attribute::Pitch),
    ];
    for value in strange {
        for param in params {
            daw.advance(64, &[(0, param, value), (63, param, value)]);
        }
    }
    assert_eq!(daw.value(ParamId::Temperature), 0.5_f64.clamp(0.1, 0.499));
}

#[test]
fn strange_songs_are_followed_without_harm() {
    let mut daw = Daw::live_with_music("drums", &[(ParamId::Length, 0.0)]);
    for beats in [0.0, -1e6, 1e9, 0.1, f64::NAN] {
        for tempo in [0.0, -1.0, 1e9, f64::NAN, 1e-9, 120.0] {
            for signature in [(4, 4), (0, 0), (65_535, 1), (1, 65_535), (3, 7)] {
                for repeat in [None, Some((0.0, 0.0)), Some((5.0, 1.0)), Some((-1e9, 1e9))] {
                    daw.song.beats = beats;
                    daw.song.tempo = tempo;
                    daw.song.repeat = repeat;
                    daw.strange_block(BLOCK, signature);
                }
            }
        }
    }
    daw.song.repeat = None;
    daw.song.tempo = 120.0;
    daw.song.beats = 0.0;
    daw.song.is_playing = false;
    daw.advance(BLOCK, &[]);
    assert_eq!(daw.n_sounding(), 0);
}
