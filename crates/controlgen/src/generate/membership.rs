//! Membership in any of several styles.

use crate::model::Model;
use crate::style::{Style, Styles};

/// Membership of latents `[n, Z]` in any of some styles, `[n]`.
pub fn memberships(
    model: &Model,
    styles: &Styles,
    targets: &[&Style],
    latents: &[f32],
) -> Vec<f64> {
    let mut sums = vec![0.0_f64; latents.len() / model.z_size().max(1)];
    for (at, style) in targets.iter().enumerate() {
        // A style that is named twice counts once.
        if targets[..at].iter().any(|other| other.name == style.name) {
            continue;
        }
        for (sum, p) in sums.iter_mut().zip(styles.membership(model, latents, style)) {
            *sum = (*sum + p).min(1.0);
        }
    }
    sums
}
