//! A project is saved and opened again.

use clack_extensions::render::RenderMode;
use plugin::ParamId;

use crate::daw::{BLOCK, Daw};

const SHORT: (ParamId, f64) = (ParamId::Length, 0.0);

#[test]
fn a_project_that_is_opened_again_sounds_the_same() {
    let mut daw = Daw::offline("poly");
    daw.set(&[SHORT, (ParamId::Style, 5.0), (ParamId::Lock, 1.0), (ParamId::Transpose, 2.0)]);
    daw.play_to(15.99);
    let music = daw.onsets();
    assert!(music.len() > 3, "{music:?}");
    let project = daw.save();
    drop(daw);
    // The state comes before the plug-in is active.
    let mut again = Daw::new("poly");
    assert!(again.load(&project));
    assert_eq!(again.save(), project, "saved before anything was played");
    for (param, value) in [(ParamId::Style, 5.0), (ParamId::Lock, 1.0), (ParamId::Transpose, 2.0)] {
        assert_eq!(again.value(param), value);
    }
    again.render(RenderMode::Offline);
    again.activate();
    again.play_to(15.99);
    assert_eq!(again.onsets(), music);
    assert_eq!(again.save(), project);
}

#[test]
fn the_music_is_the_states_own_not_the_models() {
    let mut daw = Daw::offline("drums");
    daw.set(&[SHORT, (ParamId::Lock, 1.0)]);
    daw.play_to(8.0);
    let mut state = daw.saved();
    // Music that this model would never compose, as if from an older one.
    let note = |at: u32| serde_json::json!([at, 3, 99, 240, 100]);
    state["phrase"]["notes"] = (0..8).map(|n| note(480 * n)).collect::<Vec<_>>().into();
    assert!(daw.load(state.to_string().as_bytes()));
    daw.heard.clear();
    daw.song.beats = 8.0;
    daw.play_to(15.99);
    let expected: Vec<_> = (0..8).map(|n| ((8 + n) * 480, 3, 99)).collect();
    assert_eq!(daw.onsets(), expected);
}

#[test]
fn a_state_that_is_loaded_while_it_plays_plays_at_once() {
    let mut daw = Daw::offline("poly");
    daw.set(&[SHORT, (ParamId::Lock, 1.0)]);
    daw.play_to(4.0);
    let locked = daw.save();
    let mut other = Daw::offline("poly");
    other.set(&[SHORT, (ParamId::Style, 8.0)]);
    other.play_to(3.0);
    assert!(other.load(&locked));
    let before = other.heard.len();
    let n = other.n_sounding();
    other.advance(BLOCK, &[]);
    let ends = other.heard[before..].iter().filter(|event| !event.is_on).count();
    assert!(ends >= n, "the old music ends");
    other.play_to(12.0);
    assert_eq!(other.save(), locked);
}

#[test]
fn music_of_an_unlocked_state_plays_where_it_did() {
    let mut daw = Daw::offline("poly");
    daw.set(&[SHORT]);
    daw.play_to(11.0);
    let project = daw.save();
    let mut state: serde_json::Value = serde_json::from_slice(&project).unwrap();
    assert_eq!(state["phrase"]["is_of_parameters"], true);
    // A newer model would compose something else here; the project contains its own notes.
    state["phrase"]["notes"] = serde_json::json!([[0, 0, 60, 480, 80], [1920, 0, 62, 480, 80]]);
    let mut again = Daw::offline("poly");
    assert!(again.load(state.to_string().as_bytes()));
    again.song.beats = 8.0;
    again.play_to(15.99);
    assert_eq!(again.onsets(), [(8 * 480, 0, 60), (12 * 480, 0, 62)]);
    // The next phrase is the model's.
    again.play_to(23.99);
    let next = again.onsets();
    daw.heard.clear();
    daw.song.beats = 16.0;
    daw.play_to(23.99);
    assert_eq!(next, daw.onsets());
}

#[test]
fn a_state_without_music_is_a_state() {
    let mut daw = Daw::new("drums");
    let empty = daw.save();
    assert!(serde_json::from_slice::<serde_json::Value>(&empty).unwrap()["phrase"].is_null());
    let mut other = Daw::offline("drums");
    other.set(&[SHORT]);
    other.play_to(4.0);
    assert!(other.load(&empty));
    other.song.is_playing = false;
    other.advance(BLOCK, &[]);
    assert_eq!(other.save(), empty);
}

#[test]
fn what_a_state_says_of_another_model_is_logged() {
    let mut daw = Daw::new("drums");
    let mut state = daw.saved();
    state["parameters"]["pitch"] = 1.0.into();
    state["style"] = "polka".into();
    assert!(daw.load(state.to_string().as_bytes()));
    let messages = daw.messages();
    assert!(messages.iter().any(|message| message.contains("`pitch`")), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("`polka`")), "{messages:?}");
    state["model"] = "poly".into();
    assert!(!daw.load(state.to_string().as_bytes()));
    let messages = daw.messages();
    assert!(messages.iter().any(|message| message.contains("`poly`")), "{messages:?}");
}
