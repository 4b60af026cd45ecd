//! Named configurations.
//!
//! Magenta's configurations have Magenta's names and the values of its `configs.py`. Some of its
//! published checkpoints were trained with other objectives, according to its notebook
//! `MusicVAE.ipynb`; these are separate presets. Those of the drum models have the names of the
//! published files (`cat-drums_2bar_small.lokl` and `.hikl`, for low and high KL), that of the trio
//! is `hierdec-trio_16bar.published`. `cat-mel_2bar_big` and `hierdec-mel_16bar` were trained with
//! the values of `configs.py`. The presets that end in `tiny` and `compact` are our own, for a CPU;
//! those of 16 bars that end in `compact` are for a few minutes on a GPU.

mod drums;
mod melody;
mod sixteen_bars;

use crate::config::{MusicVaeConfig, TrainingConfig};
use crate::network::NetworkConfig;
use crate::note_list;
use crate::schedule::ScheduledSampling;

/// The decoder only reads the true classes, as in Magenta's 16-bar models.
const NO_SAMPLING: ScheduledSampling = ScheduledSampling::Constant { probability: 0.0 };

/// A named configuration of model and training.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset<M = MusicVaeConfig> {
    /// The name that users give; Magenta's own for its configurations.
    pub name: &'static str,
    /// One line for a list.
    pub summary: &'static str,
    /// The kind of music, which is part of the model folder's name (`mel-2bar`).
    pub kind: &'static str,
    /// Sizes.
    pub model: M,
    /// Training settings.
    pub training: TrainingConfig,
}

impl<M: Into<NetworkConfig>> Preset<M> {
    /// The same preset for a model of either form.
    fn of_any_form(self) -> Preset<NetworkConfig> {
        let Self { name, summary, kind, model, training } = self;
        Preset { name, summary, kind, model: model.into(), training }
    }
}

/// The presets of both forms of window: those over note lists, then [`all`].
pub fn of_any_form() -> Vec<Preset<NetworkConfig>> {
    let of_notes = note_list::presets::all().into_iter().map(Preset::of_any_form);
    of_notes.chain(all().into_iter().map(Preset::of_any_form)).collect()
}

/// The preset of either form with a name, if there is one.
pub fn find_of_any_form(name: &str) -> Option<Preset<NetworkConfig>> {
    of_any_form().into_iter().find(|preset| preset.name == name)
}

/// Every preset over steps, by name.
pub fn all() -> Vec<Preset> {
    vec![
        melody::cat_mel_2bar_small(),
        melody::cat_mel_2bar_big(),
        melody::cat_mel_2bar_tiny(),
        melody::cat_mel_2bar_compact(),
        drums::cat_drums_2bar_small(),
        drums::cat_drums_2bar_small_lokl(),
        drums::cat_drums_2bar_small_hikl(),
        drums::cat_drums_2bar_big(),
        drums::cat_drums_2bar_tiny(),
        melody::cat_mel_2bar_med_chords(),
        melody::cat_mel_2bar_tiny_chords(),
        sixteen_bars::flat_mel_16bar(),
        sixteen_bars::hierdec_mel_16bar(),
        sixteen_bars::flat_mel_16bar_tiny(),
        sixteen_bars::hierdec_mel_16bar_tiny(),
        sixteen_bars::flat_mel_16bar_compact(),
        sixteen_bars::hierdec_mel_16bar_compact(),
        sixteen_bars::flat_trio_16bar(),
        sixteen_bars::hierdec_trio_16bar(),
        sixteen_bars::hierdec_trio_16bar_published(),
        sixteen_bars::hierdec_trio_16bar_tiny(),
    ]
}

/// The preset over steps with a name, if there is one.
pub fn find(name: &str) -> Option<Preset> {
    all().into_iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConductorConfig;

    /// Number of weights of a model, counted with Magenta's kernels `[n_inputs + H, 4H]`.
    fn n_weights(model: &MusicVaeConfig) -> usize {
        let lstm = |n_inputs: usize, hidden: usize| (n_inputs + hidden + 1) * 4 * hidden;
        let dense = |n_inputs: usize, n_outputs: usize| (n_inputs + 1) * n_outputs;
        let stack = |n_inputs: usize, sizes: &[usize]| {
            let below = std::iter::once(&n_inputs).chain(sizes);
            below.zip(sizes).map(|(below, hidden)| lstm(*below, *hidden)).sum::<usize>()
        };
        let states = |sizes: &[usize]| 2 * sizes.iter().sum::<usize>();
        let mut n_inputs = model.encoder_width();
        let mut n = 0;
        for hidden in &model.encoder_sizes {
            n += 2 * lstm(n_inputs, *hidden);
            n_inputs = 2 * hidden;
        }
        n += 2 * dense(n_inputs, model.z_size);
        let mut z = model.z_size;
        if let Some(ConductorConfig { sizes, .. }) = &model.conductor {
            n += dense(z, states(sizes)) + stack(1, sizes);
            z = *sizes.last().unwrap();
        }
        for parts in model.core_parts() {
            let classes: usize = model.n_classes[parts].iter().sum();
            let sizes = &model.decoder_sizes;
            n += dense(z, states(sizes)) + stack(classes + model.n_controls() + z, sizes);
            n += dense(*sizes.last().unwrap(), classes);
        }
        n
    }

    #[test]
    fn magentas_models_have_as_many_weights_as_the_published_ones() {
        for (name, published) in [
            ("cat-mel_2bar_small", 4_423_770),
            ("cat-mel_2bar_big", 134_571_098),
            ("cat-drums_2bar_small", 4_636_672),
            ("hierdec-mel_16bar", 176_061_530),
            ("hierdec-trio_16bar", 230_975_156),
        ] {
            assert_eq!(n_weights(&find(name).unwrap().model), published, "{name}");
        }
        // Published to four digits.
        for (name, published) in [
            ("cat-drums_2bar_big", 137.6),
            ("cat-mel_2bar_med_chords", 17.48),
            ("flat-mel_16bar", 235.3),
            ("flat-trio_16bar", 251.3),
        ] {
            let millions = n_weights(&find(name).unwrap().model) as f64 / 1e6;
            assert!((millions / published - 1.0).abs() < 5e-4, "{name}: {millions}");
        }
    }

    #[test]
    fn our_models_of_16_bars_have_as_many_weights_flat_as_hierarchical() {
        let n = |name: String| n_weights(&find(&name).unwrap().model) as f64;
        for size in ["tiny", "compact"] {
            let flat = n(format!("flat-mel_16bar_{size}"));
            let ratio = flat / n(format!("hierdec-mel_16bar_{size}"));
            assert!((0.98..1.02).contains(&ratio), "{size}: {ratio}");
        }
    }

    #[test]
    fn names_are_found_and_only_once() {
        for preset in all() {
            assert_eq!(find(preset.name), Some(preset.clone()));
        }
        assert_eq!(find("cat-mel_9bar"), None);
    }
}
