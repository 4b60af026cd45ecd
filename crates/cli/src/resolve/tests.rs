//! Tests of settings that replace those of presets.

use super::*;

#[test]
fn settings_keep_of_the_preset_what_was_not_typed() {
    let preset = musicvae::presets::find("cat-mel_2bar_small").unwrap().training;
    assert_eq!(SettingsArgs::default().apply(preset), preset);
    let typed = SettingsArgs {
        batch_size: Some(16),
        accumulate: Some(4),
        learning_rate: Some(1e-6),
        transpose: Some(2),
        bf16: true,
        ..SettingsArgs::default()
    };
    let applied = typed.apply(preset);
    assert_eq!(applied.sequences_per_update(), 64);
    assert_eq!(applied.max_transposition, 2);
    // The preset's lowest rate, 1e-5, is not raised.
    assert_eq!(applied.learning_rate.at(0), 1e-6);
    assert_eq!(applied.learning_rate.at(1_000_000), 1e-6);
    assert_eq!(applied.recurrent_precision, RecurrentPrecision::Bf16);
    assert_eq!(applied.objective, preset.objective);
    let decaying = SettingsArgs { decay_steps: Some(10), ..SettingsArgs::default() }.apply(preset);
    let (initial, min) = (preset.learning_rate.initial(), preset.learning_rate.min());
    let left = (decaying.learning_rate.at(10) - min) / (initial - min);
    assert!((left - 0.02).abs() < 1e-9, "{left} of the way is left");
}

#[test]
fn an_objective_keeps_of_the_preset_what_was_not_typed() {
    let preset = musicvae::presets::find("cat-mel_2bar_small").unwrap().training.objective;
    assert_eq!(ObjectiveArgs::default().apply(preset), preset);
    let typed = ObjectiveArgs { beta: Some(0.5), free_bits: Some(9.0), ..Default::default() };
    assert_eq!(
        typed.apply(preset),
        ObjectiveConfig {
            free_bits: FreeBits::PerSequence(9.0),
            beta: BetaSchedule::Exponential { max: 0.5, rate: 0.99999 },
            ..preset
        }
    );
    let typed = ObjectiveArgs {
        beta_cycle: Some(800),
        free_bits_per_dimension: Some(0.25),
        ..Default::default()
    };
    let objective = typed.apply(preset);
    assert_eq!(objective.beta, BetaSchedule::Cyclical { max: 0.2, cycle_steps: 800, rise: 0.5 });
    assert_eq!(objective.free_bits, FreeBits::PerDimension { per_dimension: 0.25 });
    let typed = ObjectiveArgs { beta_warmup: Some(100), ..Default::default() };
    let expected = BetaSchedule::Linear { max: 0.2, warmup_steps: 100 };
    assert_eq!(typed.apply(preset).beta, expected);
}
