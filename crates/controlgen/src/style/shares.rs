//! Identities of styles, and the probabilities that music belongs to each.

use gmm::GaussianMixture;
use sha2::{Digest, Sha256};

use super::{Style, Styles};
use crate::model::Model;

/// Digits of an identity.
const N_DIGITS: usize = 8;

impl Styles {
    /// The identity of a style, independent of its name and its position in the list: its
    /// components of this mixture, `25f31a07-4` or, merged, `25f31a07-4-9`; for an added style, the
    /// hash of its distribution, `added-91bc0d2e`.
    pub fn id(&self, style: &Style) -> String {
        if style.components.is_empty() {
            let digits = hex(&self.digest(style));
            return format!("added-{}", &digits[..N_DIGITS]);
        }
        let mut id = self.fingerprint[..N_DIGITS.min(self.fingerprint.len())].to_owned();
        for component in &style.components {
            id.push_str(&format!("-{component}"));
        }
        id
    }

    /// A number for a style, for random streams: as stable as [`Styles::id`].
    pub fn number(&self, style: &Style) -> u64 {
        if let Some(component) = style.components.first() {
            return *component as u64;
        }
        let digest = self.digest(style);
        u64::from_le_bytes(digest[..8].try_into().expect("eight of 32 bytes"))
    }

    /// The hash of a style's distribution.
    fn digest(&self, style: &Style) -> [u8; 32] {
        match self.added.get(&style.name) {
            Some(kept) => *kept.digest.get_or_init(|| hash(&kept.style.distribution)),
            None => hash(&self.distribution(style)),
        }
    }

    /// The probabilities that latents `[n, Z]` belong to each style: one row per latent, in the
    /// order of [`Styles::all`], with sum 1; see [`shares_of`].
    pub fn shares(&self, model: &Model, mu: &[f32]) -> Vec<Vec<f64>> {
        let added = self.all().iter().filter(|style| style.components.is_empty());
        let columns: Vec<Vec<f64>> = added.map(|style| self.membership(model, mu, style)).collect();
        let row = |(at, components): (usize, Vec<f64>)| {
            let added: Vec<f64> =
                columns.iter().map(|column| column.get(at).copied().unwrap_or(0.0)).collect();
            shares_of(self.all(), &components, &added)
        };
        self.memberships(model, mu).into_iter().enumerate().map(row).collect()
    }
}

fn hash(distribution: &GaussianMixture) -> [u8; 32] {
    let mut hash = Sha256::new();
    let parts =
        [distribution.weights(), distribution.means(), distribution.covariances().as_slice()];
    for value in parts.into_iter().flatten() {
        hash.update(value.to_le_bytes());
    }
    hash.finalize().into()
}

/// The probabilities that a latent belongs to each style, from the responsibilities of the
/// mixture's components and the membership `p` of each added style ([`Styles::membership`]).
///
/// Each added style competes with the mixture, with odds `p / (1 - p)`; together, all compete with
/// each other: with the odds `o`, an added style gets `o / (1 + Σ o)`, and the components share the
/// rest, `1 / (1 + Σ o)`, by their responsibilities. With one added style, these are `p` and
/// `1 - p`.
///
/// # Examples
/// ```
/// # use controlgen::style::{Style, shares_of};
/// # let style = |components: &[usize]| -> Style {
/// #     let json = format!(r#"{{"name": "x", "components": {components:?}}}"#);
/// #     serde_json::from_str(&json).unwrap()
/// # };
/// let styles = [style(&[0]), style(&[1, 2]), style(&[]), style(&[])];
/// // Odds of 1 each: a third for each added style, and a third for the mixture.
/// let shares = shares_of(&styles, &[0.25, 0.5, 0.25], &[0.5, 0.5]);
/// assert!((shares[0] - 0.25 / 3.0).abs() < 1e-12 && (shares[2] - 1.0 / 3.0).abs() < 1e-12);
/// assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
/// ```
pub fn shares_of(styles: &[Style], responsibilities: &[f64], added: &[f64]) -> Vec<f64> {
    // Multiplied by the product of all `1 - p`, to avoid division by zero.
    let rest = |except: Option<usize>| -> f64 {
        let others = added.iter().enumerate().filter(|(at, _)| Some(*at) != except);
        others.map(|(_, p)| 1.0 - fraction(*p)).product()
    };
    let of_added = |at: usize| fraction(added[at]) * rest(Some(at));
    let mut odds = (0..added.len()).map(of_added);
    let of_mixture = rest(None);
    let values: Vec<f64> = styles
        .iter()
        .map(|style| match style.components.as_slice() {
            [] => odds.next().unwrap_or(0.0),
            components => {
                let parts = components.iter().filter_map(|k| responsibilities.get(*k));
                of_mixture * parts.map(|value| fraction(*value)).sum::<f64>()
            }
        })
        .collect();
    let total = of_mixture + (0..added.len()).map(of_added).sum::<f64>();
    if total > 0.0 {
        return values.iter().map(|value| value / total).collect();
    }
    // Certain to belong to several added styles: equal shares.
    let sure = |style: &Style| style.components.is_empty();
    let n = styles.iter().filter(|style| sure(style)).count().max(1) as f64;
    styles.iter().map(|style| if sure(style) { 1.0 / n } else { 0.0 }).collect()
}

/// A value as a fraction; 0 if it is not a number.
fn fraction(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
