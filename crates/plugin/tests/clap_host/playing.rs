//! The music: phrases of the settings, in the host's bars.

use clack_extensions::render::RenderMode;
use controlgen::attribute::Attribute;
use plugin::ParamId;

use crate::daw::{BLOCK, Daw};
use crate::host::Heard;
use crate::song::tick;

/// Phrases of two bars, which take the least time to compose.
const SHORT: (ParamId, f64) = (ParamId::Length, 0.0);

/// The onsets of a saved phrase that begins at a tick of the song.
fn saved_onsets(saved: &serde_json::Value, from: i64) -> Vec<(i64, u16, u16)> {
    let notes = saved["phrase"]["notes"].as_array().unwrap();
    let number = |note: &serde_json::Value, at: usize| note[at].as_u64().unwrap() as u16;
    let mut onsets: Vec<(i64, u16, u16)> = notes
        .iter()
        .map(|note| (from + note[0].as_i64().unwrap(), number(note, 1), number(note, 2)))
        .collect();
    onsets.sort_unstable();
    onsets
}

#[test]
fn each_note_starts_and_ends_on_its_sample() {
    let mut daw = Daw::offline("poly");
    daw.play_to(31.99);
    let saved = daw.saved();
    assert_eq!((&saved["phrase"]["bars"], &saved["phrase"]["number"]), (&8.into(), &0.into()));
    let notes = saved["phrase"]["notes"].as_array().unwrap();
    assert!(notes.len() > 20, "{} notes in eight bars", notes.len());
    // At 120 quarter notes per minute, a tick of 480 to a quarter note is 50 samples.
    let on = |note: &serde_json::Value| {
        let of = |at: usize| note[at].as_u64().unwrap();
        (of(0) * 50, of(1) as u16, of(2) as u16, of(4) as f64 / 127.0)
    };
    let mut expected: Vec<_> = notes.iter().map(on).collect();
    let heard = daw.heard.iter().filter(|event| event.is_on);
    let mut heard: Vec<_> = heard.map(|e| (e.at, e.channel, e.key, e.velocity)).collect();
    let order =
        |list: &mut Vec<(u64, u16, u16, f64)>| list.sort_by(|a, b| a.partial_cmp(b).unwrap());
    order(&mut expected);
    order(&mut heard);
    assert_eq!(heard, expected);
    // Each is released with its end, or before its key is struck again.
    for note in notes {
        let (start, channel, key, _) = on(note);
        let end = start + note[3].as_u64().unwrap() * 50;
        let same = |at: &&Heard| (at.channel, at.key) == (channel, key);
        let off = daw.heard.iter().filter(same).find(|e| !e.is_on && e.at > start);
        let next = expected.iter().find(|e| (e.1, e.2) == (channel, key) && e.0 > start);
        let end = next.map_or(end, |next| end.min(next.0));
        let off = off.map_or(end, |off| off.at);
        assert_eq!(off, end, "{note}");
    }
}

#[test]
fn the_same_bars_are_the_same_music_however_one_gets_there() {
    let mut through = Daw::offline("drums");
    through.set(&[SHORT]);
    through.play_to(24.0);
    let all = through.onsets();
    assert!(all.iter().any(|onset| onset.0 >= 16 * 480), "{all:?}");
    // Another instance begins in the middle, later than the first bar of a phrase.
    let mut middle = Daw::offline("drums");
    middle.set(&[SHORT]);
    middle.song.beats = 12.0;
    middle.play_to(24.0);
    let from = |list: &[(i64, u16, u16)]| -> Vec<_> {
        // The host above may stop a little after 24.
        list.iter().filter(|o| (12 * 480..24 * 480).contains(&o.0)).copied().collect()
    };
    assert_eq!(from(&middle.onsets()), from(&all));
    // Phrases differ from each other.
    let phrase = |number: i64| -> Vec<_> {
        let of = all.iter().filter(|o| o.0 / 3840 == number);
        of.map(|o| (o.0 % 3840, o.1, o.2)).collect()
    };
    assert!(phrase(0) != phrase(1) && phrase(1) != phrase(2));
}

#[test]
fn settings_make_other_music_and_the_same_settings_the_same() {
    let mut daw = Daw::offline("drums");
    let mut play = |changes: &[(ParamId, f64)]| {
        daw.set(changes);
        daw.song.beats = 0.0;
        daw.play_to(7.9);
        daw.onsets()
    };
    let usual = play(&[SHORT]);
    let cases = [
        (ParamId::Style, 6.0),
        (ParamId::Variation, 17.0),
        (ParamId::Temperature, 0.3),
        (ParamId::Dial(Attribute::Density), 2.0),
        (ParamId::Dial(Attribute::Loudness), -1.5),
    ];
    for (param, value) in cases {
        let default = if param == ParamId::Temperature { 1.0 } else { 0.0 };
        assert_ne!(play(&[(param, value)]), usual, "{param:?}");
        assert_eq!(play(&[(param, default)]), usual, "{param:?}");
    }
    // A higher density gives more notes, over several draws.
    let mut count = |density: f64| -> usize {
        let of = |seed: i32| {
            let seed = (ParamId::Variation, f64::from(seed));
            play(&[(ParamId::Dial(Attribute::Density), density), seed]).len()
        };
        (0..6).map(of).sum()
    };
    let (dense, sparse) = (count(2.0), count(-2.0));
    assert!(dense > sparse, "{dense} and {sparse} notes");
    assert_eq!(daw.messages(), Vec::<String>::new());
}

#[test]
fn all_but_drums_are_transposed_at_once() {
    let mut daw = Daw::offline("poly");
    daw.set(&[SHORT]);
    daw.play_to(3.9);
    let usual = daw.onsets();
    assert!(usual.len() > 3, "{usual:?}");
    daw.set(&[(ParamId::Transpose, -5.0)]);
    daw.song.beats = 0.0;
    daw.play_to(3.9);
    let mut moved: Vec<_> =
        usual.iter().map(|(at, channel, key)| (*at, *channel, key - 5)).collect();
    moved.sort_unstable();
    assert_eq!(daw.onsets(), moved);
    let mut drums = Daw::offline("drums");
    drums.set(&[SHORT]);
    drums.play_to(3.9);
    let usual = drums.onsets();
    assert!(!usual.is_empty() && usual.iter().all(|onset| onset.1 == 9));
    drums.set(&[(ParamId::Transpose, 7.0)]);
    drums.song.beats = 0.0;
    drums.play_to(3.9);
    assert_eq!(drums.onsets(), usual);
}

#[test]
fn a_lock_keeps_the_music_and_repeats_it() {
    let mut daw = Daw::offline("drums");
    daw.set(&[SHORT]);
    daw.play_to(7.99);
    let first: Vec<_> = daw.onsets();
    daw.set(&[(ParamId::Lock, 1.0), (ParamId::Style, 6.0), (ParamId::Variation, 5.0)]);
    daw.song.beats = 8.0;
    daw.play_to(23.99);
    let repeated: Vec<_> = [8, 16]
        .into_iter()
        .flat_map(|from| first.iter().map(move |o| (o.0 + from * 480, o.1, o.2)))
        .collect();
    assert_eq!(daw.onsets(), repeated);
    // Unlocked, the other style plays from the next bar on.
    daw.song.beats = 0.0;
    daw.advance(BLOCK, &[(0, ParamId::Lock, 0.0)]);
    daw.play_to(7.99);
    let saved = daw.saved();
    assert_eq!(saved["style"], "busy drums");
    let unlocked = daw.onsets();
    assert_ne!(unlocked, first);
    let second_bar = |list: Vec<(i64, u16, u16)>| -> Vec<_> {
        list.into_iter().filter(|onset| onset.0 >= 4 * 480).collect()
    };
    assert_eq!(second_bar(unlocked), second_bar(saved_onsets(&saved, 0)));
}

#[test]
fn a_lock_on_nothing_is_a_lock_on_the_first_music() {
    let mut daw = Daw::offline("drums");
    daw.set(&[SHORT, (ParamId::Lock, 1.0)]);
    daw.song.beats = 40.0;
    daw.play_to(55.99);
    let saved = daw.saved();
    assert_eq!(saved["phrase"]["number"], 5);
    let both: Vec<_> = [40, 48].iter().flat_map(|at| saved_onsets(&saved, at * 480)).collect();
    assert_eq!(daw.onsets(), both);
}

#[test]
fn in_real_time_the_last_bars_go_on_until_there_are_new_ones() {
    let mut daw = Daw::live_with_music("drums", &[SHORT]);
    daw.song.beats = 0.0;
    daw.heard.clear();
    // Much faster than real time and with constantly changing settings, the music never stops.
    for bar in 0..64_i32 {
        daw.advance(BLOCK, &[(0, ParamId::Variation, f64::from(bar))]);
        daw.play_to(4.0 * f64::from(bar + 1));
    }
    let onsets = daw.onsets();
    for bar in 0..64 {
        assert!(onsets.iter().any(|onset| onset.0 / 1920 == bar), "bar {bar} is silent");
    }
}

#[test]
fn in_real_time_new_settings_play_from_a_bar_line_on() {
    let other = [SHORT, (ParamId::Style, 6.0)];
    // Ticks and keys of the first two bars, by the old settings and by the new ones.
    let bars = |settings: &[(ParamId, f64)]| {
        let mut daw = Daw::offline("drums");
        daw.set(settings);
        daw.play_to(8.0);
        let onsets = daw.onsets();
        let bar = |number: i64| -> Vec<(i64, u16)> {
            let of = onsets.iter().filter(|onset| onset.0 / 1920 == number);
            of.map(|onset| (onset.0 % 1920, onset.2)).collect()
        };
        [bar(0), bar(1)]
    };
    let (old, new) = (bars(&[SHORT]), bars(&other));
    assert!(old[0] != new[0] && old[1] != new[1]);
    let mut daw = Daw::live_with_music("drums", &[SHORT]);
    (daw.song.beats, daw.song.repeat) = (0.0, Some((0.0, 8.0)));
    daw.heard.clear();
    let start = daw.now();
    // The two bars repeat, and settings change in the middle of the first.
    daw.play_to(2.0);
    daw.advance(1, &[(0, ParamId::Style, 6.0)]);
    let (mut n_rounds, mut was_before) = (0, true);
    while n_rounds < 2 {
        daw.advance(BLOCK, &[]);
        std::thread::sleep(std::time::Duration::from_millis(1));
        let is_over = was_before && daw.song.beats < 4.0 && daw.now() > start + 100_000;
        was_before = daw.song.beats >= 4.0;
        // Two rounds after the new music has arrived.
        n_rounds += usize::from(is_over && daw.saved()["phrase"]["is_of_parameters"] == true);
    }
    let mut heard: Vec<Vec<(i64, u16)>> = Vec::new();
    for event in daw.heard.iter().filter(|event| event.is_on) {
        // A tick has 50 samples; the host continues within a sample of the loop's end.
        let tick = (event.at - start + 25) / 50;
        let bar = usize::try_from(tick / 1920).unwrap();
        heard.resize_with(heard.len().max(bar + 1), Vec::new);
        heard[bar].push((i64::try_from(tick % 1920).unwrap(), event.key));
    }
    heard.iter_mut().for_each(|bar| bar.sort_unstable());
    // The last round is incomplete.
    heard.pop();
    assert_eq!(heard[0], old[0], "the bar of the change");
    let first = (0..heard.len()).find(|at| heard[*at] == new[at % 2]).unwrap();
    for (at, bar) in heard.iter().enumerate() {
        assert_eq!(*bar, if at < first { &old } else { &new }[at % 2], "bar {at} of {first}");
    }
}

#[test]
fn an_offline_render_follows_automation_bar_by_bar() {
    let mut daw = Daw::offline("drums");
    daw.set(&[SHORT]);
    daw.play_to(3.99);
    // Within the bar, this changes nothing until the next one.
    daw.advance(1, &[(0, ParamId::Style, 6.0)]);
    daw.play_to(7.99);
    let heard = daw.onsets();
    let mut other = Daw::offline("drums");
    other.set(&[SHORT, (ParamId::Style, 6.0)]);
    other.play_to(7.99);
    let second = |list: &[(i64, u16, u16)]| -> Vec<_> {
        list.iter().filter(|onset| onset.0 >= 1920).copied().collect()
    };
    assert_eq!(second(&heard), second(&other.onsets()));
    daw.render(RenderMode::Realtime);
    daw.play_to(9.0);
    assert!(tick(daw.song.beats) >= 9 * 480);
}
