//! The song stops, jumps, repeats, changes its tempo and its signature.

use plugin::ParamId;

use crate::daw::{BLOCK, Daw};

const SHORT: (ParamId, f64) = (ParamId::Length, 0.0);

/// A plug-in with music of two-bar phrases, in which notes sound.
fn sounding() -> Daw {
    let mut daw = Daw::offline("poly");
    daw.set(&[SHORT]);
    daw.play_to(1.0);
    while daw.n_sounding() == 0 {
        assert!(daw.song.beats < 64.0, "nothing sounds");
        daw.advance(BLOCK, &[]);
    }
    daw
}

#[test]
fn what_sounds_ends_when_the_song_stops() {
    let mut daw = sounding();
    let now = daw.now();
    daw.song.is_playing = false;
    daw.advance(BLOCK, &[]);
    assert_eq!(daw.n_sounding(), 0);
    let end = daw.heard.last().unwrap();
    assert!(!end.is_on && end.at == now, "at the beginning of the block: {end:?}");
    let n = daw.heard.len();
    daw.advance(BLOCK, &[]);
    assert_eq!(daw.heard.len(), n);
}

#[test]
fn what_sounds_ends_on_a_bypass_to_the_sample() {
    let mut daw = sounding();
    let (before, now) = (daw.heard.len(), daw.now());
    daw.advance(BLOCK, &[(100, ParamId::Bypass, 1.0)]);
    assert_eq!(daw.n_sounding(), 0);
    let after = &daw.heard[before..];
    assert!(after.iter().all(|event| event.at <= now + 100));
    assert!(after.iter().any(|event| !event.is_on && event.at == now + 100));
    let n = daw.heard.len();
    daw.play_to(daw.song.beats + 8.0);
    assert_eq!(daw.heard.len(), n, "nothing plays");
    daw.advance(BLOCK, &[(0, ParamId::Bypass, 0.0)]);
    daw.play_to(daw.song.beats + 8.0);
    assert!(daw.heard.len() > n);
}

#[test]
fn what_sounds_ends_when_the_song_jumps() {
    for to in [0.0, 100.3, -7.0] {
        let mut daw = sounding();
        let n = daw.n_sounding();
        let (before, now) = (daw.heard.len(), daw.now());
        daw.song.beats = to;
        daw.advance(BLOCK, &[]);
        let ends = daw.heard[before..].iter().filter(|event| !event.is_on);
        assert_eq!(ends.filter(|event| event.at == now).count(), n, "to {to}");
    }
}

#[test]
fn what_sounds_ends_after_sleep_and_reset_and_activation() {
    let pauses: [fn(&mut Daw); 3] = [
        |daw| daw.sleep_and_wake(),
        |daw| daw.reset(),
        |daw| {
            daw.deactivate();
            daw.activate();
        },
    ];
    for pause in pauses {
        let mut daw = sounding();
        let n = daw.n_sounding();
        let before = daw.heard.len();
        pause(&mut daw);
        // The song stops at the same position.
        daw.song.is_playing = false;
        daw.advance(BLOCK, &[]);
        assert_eq!((daw.n_sounding(), daw.heard.len() - before), (0, n));
    }
}

#[test]
fn a_host_with_little_room_gets_the_ends_later() {
    let mut daw = sounding();
    for room in [0, 1, 2, 0, 1] {
        daw.set_room(room);
        daw.play_to(daw.song.beats + 4.0);
    }
    daw.set_room(1);
    daw.song.is_playing = false;
    for _ in 0..300 {
        daw.advance(BLOCK, &[]);
    }
    assert_eq!(daw.n_sounding(), 0);
}

#[test]
fn a_loop_sounds_the_same_whether_or_not_the_host_splits_its_blocks() {
    // Within a bar, over a bar line, over phrases, and shorter than most notes.
    for repeat in [(1.0, 3.0), (2.5, 6.25), (0.0, 16.0), (3.0, 3.7)] {
        let hear = |splits_blocks| {
            let mut daw = Daw::offline("poly");
            daw.set(&[SHORT]);
            daw.song.repeat = Some(repeat);
            daw.song.splits_blocks = splits_blocks;
            // Forty quarter notes at 24,000 samples each, in blocks that no loop is a multiple of.
            for _ in 0..960_000 / 1013 {
                daw.advance(1013, &[]);
            }
            let heard: Vec<_> =
                daw.heard.iter().map(|e| (e.is_on, e.channel, e.key, e.at)).collect();
            heard
        };
        let (split, whole) = (hear(true), hear(false));
        assert_eq!(split.len(), whole.len(), "{repeat:?}");
        let mut order = [split, whole];
        // Ends at a jump come in any order.
        order.iter_mut().for_each(|list| list.sort_by_key(|e| (e.3 / 4, e.0, e.1, e.2)));
        let [split, whole] = order;
        for (a, b) in split.iter().zip(&whole) {
            assert_eq!((a.0, a.1, a.2), (b.0, b.1, b.2), "{repeat:?}");
            // A host that splits begins the loop on a whole sample.
            assert!(a.3.abs_diff(b.3) <= 24, "{repeat:?}: {a:?} {b:?}");
        }
    }
}

#[test]
fn a_loop_plays_the_same_bars_again() {
    let mut daw = Daw::offline("drums");
    daw.set(&[SHORT]);
    daw.song.repeat = Some((8.0, 16.0));
    let mut rounds = Vec::new();
    for _ in 0..3 {
        daw.song.beats = if rounds.is_empty() { 8.0 } else { daw.song.beats };
        for _ in 0..192_000 / 500 {
            daw.advance(500, &[]);
        }
        rounds.push(daw.onsets());
    }
    assert!(rounds[0].len() > 3, "{rounds:?}");
    assert!(rounds[0] == rounds[1] && rounds[1] == rounds[2]);
}

#[test]
fn the_tempo_moves_samples_and_not_the_music() {
    let onsets = |change: fn(&mut Daw)| {
        let mut daw = Daw::offline("poly");
        daw.set(&[SHORT]);
        daw.play_to(3.0);
        change(&mut daw);
        daw.play_to(15.99);
        let n = daw.heard.iter().filter(|event| event.is_on).count();
        assert!(n > 10);
        daw.onsets()
    };
    let usual = onsets(|_| {});
    assert_eq!(onsets(|daw| daw.song.tempo = 60.0), usual, "slower");
    assert_eq!(onsets(|daw| daw.song.tempo = 191.7), usual, "faster");
    // The tempo rises from 120 to about 190 within about six seconds.
    assert_eq!(onsets(|daw| daw.song.tempo_per_sample = 70.0 / 240_000.0), usual, "a ramp");
}

#[test]
fn a_ramp_that_the_host_does_not_tell_of_makes_no_gap() {
    let mut told = Daw::offline("poly");
    let mut untold = Daw::offline("poly");
    untold.song.tells_change = false;
    for daw in [&mut told, &mut untold] {
        daw.set(&[SHORT]);
        daw.song.tempo_per_sample = 120.0 / 240_000.0;
        daw.play_to(15.9);
    }
    let keys = |daw: &Daw| -> Vec<_> {
        daw.heard.iter().filter(|e| e.is_on).map(|e| (e.channel, e.key)).collect()
    };
    assert_eq!(keys(&untold), keys(&told));
    let starts =
        |daw: &Daw| -> Vec<u64> { daw.heard.iter().filter(|e| e.is_on).map(|e| e.at).collect() };
    for (a, b) in starts(&told).into_iter().zip(starts(&untold)) {
        assert!(a.abs_diff(b) <= u64::from(BLOCK), "{a} {b}");
    }
}

#[test]
fn bars_of_every_signature_have_music_of_their_length() {
    for signature in [(3, 4), (6, 8), (7, 8), (5, 4), (2, 2), (7, 4), (15, 16)] {
        let mut daw = Daw::offline("poly");
        daw.set(&[SHORT]);
        daw.song.signatures = vec![(0.0, 0, signature)];
        let bar = 4.0 * f64::from(signature.0) / f64::from(signature.1);
        daw.play_to(4.0 * bar - 0.01);
        let saved = daw.saved();
        assert_eq!(saved["phrase"]["signature"], serde_json::json!([signature.0, signature.1]));
        // Bars 2 and 3 are the second phrase.
        assert_eq!(saved["phrase"]["number"], 1);
        let notes = saved["phrase"]["notes"].as_array().unwrap();
        let second = (2.0 * bar * 480.0) as i64;
        let onsets = daw.onsets();
        let n = onsets.iter().filter(|onset| onset.0 >= second).count();
        assert_eq!(n, notes.len(), "{signature:?}");
        assert!(onsets.len() > n, "the first phrase has notes");
    }
}

#[test]
fn a_change_of_signature_counts_from_the_hosts_bars() {
    let mut daw = Daw::offline("poly");
    daw.set(&[SHORT]);
    // Bars 0 to 2 in 4/4, from bar 3 on in 3/4: the second phrase begins in one and ends in the
    // other.
    daw.song.signatures = vec![(0.0, 0, (4, 4)), (12.0, 3, (3, 4))];
    daw.play_to(12.0);
    let saved = daw.saved();
    assert_eq!(
        (&saved["phrase"]["number"], &saved["phrase"]["signature"][0]),
        (&1.into(), &4.into())
    );
    daw.onsets();
    daw.play_to(14.99);
    let saved = daw.saved();
    assert_eq!(
        (&saved["phrase"]["number"], &saved["phrase"]["signature"][0]),
        (&1.into(), &3.into())
    );
    // Bar 3 is the second bar of that phrase.
    let notes = saved["phrase"]["notes"].as_array().unwrap();
    let of_second = notes.iter().map(|note| note[0].as_i64().unwrap()).filter(|at| *at >= 1440);
    let mut expected: Vec<i64> = of_second.map(|at| at - 1440 + 12 * 480).collect();
    expected.sort_unstable();
    let heard: Vec<i64> = daw.onsets().iter().map(|onset| onset.0).collect();
    assert_eq!(heard, expected);
}
