//! Controlled music generation from unlabeled MIDI: corpus, latents, styles, generation.
