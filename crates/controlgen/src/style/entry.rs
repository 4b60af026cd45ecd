//! [`Style`]: one entry of the list of styles.

use serde::{Deserialize, Serialize};

use super::Card;

/// A style: one or more components of the mixture, or a style that a user made from a few pieces.
///
/// Its JSON has the field `component` in addition to `components`, with the first of them: files of
/// earlier programs have only this field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StyleForm", into = "StyleForm")]
pub struct Style {
    /// Its name: `style-0` until a user renames it.
    pub name: String,
    /// The components of the mixture it consists of: one, or several if styles were merged. Empty
    /// for a style that a user added.
    pub components: Vec<usize>,
    /// Whether it is hidden in lists.
    pub hidden: bool,
    /// Fraction of the training windows that most probably belong to its components.
    pub share: f64,
    /// Sources of the nearest training windows.
    pub nearest: Vec<WindowSource>,
    /// Description of its music; `None` in files of earlier programs.
    pub card: Option<Card>,
    /// Sources of an added style; `None` for a discovered one.
    pub added: Option<AddedSummary>,
}

/// Sources of an added style.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddedSummary {
    /// Number of windows in the files it was made from.
    pub n_windows: usize,
    /// Fraction of the distribution that comes from the model's own styles, 0 to 1; the rest comes
    /// from the files.
    pub prior_share: f64,
    /// The files.
    pub files: Vec<String>,
}

/// The source of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSource {
    /// ID of the window.
    pub window_id: u64,
    /// Its file in the corpus.
    pub file: String,
    /// Its first bar, from 0.
    pub start_bar: u32,
}

impl Style {
    /// The first of its components; `None` for an added style.
    pub fn component(&self) -> Option<usize> {
        self.components.first().copied()
    }

    /// Probabilities that latents belong to its components, from their responsibilities, one row
    /// per latent.
    pub(crate) fn memberships_of(&self, responsibilities: &[Vec<f64>]) -> Vec<f64> {
        let of_style = |row: &Vec<f64>| self.components.iter().map(|k| row[*k]).sum();
        responsibilities.iter().map(of_style).collect()
    }

    /// Whether a user made it from a few pieces.
    pub fn is_added(&self) -> bool {
        self.added.is_some()
    }
}

/// A style as JSON.
#[derive(Serialize, Deserialize)]
struct StyleForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<usize>,
    #[serde(default)]
    components: Vec<usize>,
    name: String,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    share: f64,
    #[serde(default)]
    nearest: Vec<WindowSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    added: Option<AddedSummary>,
}

impl From<StyleForm> for Style {
    fn from(form: StyleForm) -> Self {
        let StyleForm { component, mut components, name, hidden, share, nearest, card, added } =
            form;
        if components.is_empty() {
            components.extend(component);
        }
        Self { name, components, hidden, share, nearest, card, added }
    }
}

impl From<Style> for StyleForm {
    fn from(style: Style) -> Self {
        let component = style.component();
        let Style { name, components, hidden, share, nearest, card, added } = style;
        Self { component, components, name, hidden, share, nearest, card, added }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_of_earlier_files_are_read_and_can_be_read_by_earlier_programs() {
        let old = r#"{"component": 3, "name": "x", "hidden": true, "share": 0.5, "nearest": []}"#;
        let style: Style = serde_json::from_str(old).unwrap();
        assert_eq!((style.components.as_slice(), style.hidden), (&[3][..], true));
        let merged = Style { components: vec![4, 1], ..style };
        let form = serde_json::to_value(&merged).unwrap();
        assert_eq!((&form["component"], &form["components"][1]), (&4.into(), &1.into()));
        assert_eq!(serde_json::from_value::<Style>(form).unwrap(), merged);
    }
}
