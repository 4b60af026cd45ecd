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
    memberships_given(model, styles, targets, latents, &styles.memberships(model, latents))
}

/// [`memberships`], given the responsibilities of all components, one row for each latent.
pub(super) fn memberships_given(
    model: &Model,
    styles: &Styles,
    targets: &[&Style],
    latents: &[f32],
    responsibilities: &[Vec<f64>],
) -> Vec<f64> {
    let mut sums = vec![0.0_f64; latents.len() / model.z_size().max(1)];
    for (at, style) in targets.iter().enumerate() {
        // A style that is named twice counts once.
        if targets[..at].iter().any(|other| other.name == style.name) {
            continue;
        }
        let own = if style.components.is_empty() {
            styles.membership(model, latents, style)
        } else {
            style.memberships_of(responsibilities)
        };
        for (sum, p) in sums.iter_mut().zip(own) {
            *sum = (*sum + p).min(1.0);
        }
    }
    sums
}
