//! [`Style`]: one entry of the list of styles.

use serde::{Deserialize, Serialize};

use super::Card;

/// A style: some components of the mixture, or what a user made of a few pieces.
///
/// As JSON it has the field `component` in addition to `components`, the first of them, which is
/// all that files of earlier programs say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StyleForm", into = "StyleForm")]
pub struct Style {
    /// Its name: `style-0` until a user gives another.
    pub name: String,
    /// The components of the mixture it stands for: one, or several where styles were merged. None
    /// for a style that a user added.
    pub components: Vec<usize>,
    /// Left out of lists.
    pub hidden: bool,
    /// Share of the training windows that are most probably of its components.
    pub share: f64,
    /// Where the nearest training windows come from.
    pub nearest: Vec<WindowSource>,
    /// What its music is like; none in files of earlier programs.
    pub card: Option<Card>,
    /// What an added style was made of; none for a discovered one.
    pub added: Option<AddedSummary>,
}

/// What an added style was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddedSummary {
    /// Windows of the files it was made of.
    pub n_windows: usize,
    /// Share of the distribution that comes from the model's own styles, 0 to 1; the rest is of the
    /// files.
    pub prior_share: f64,
    /// The files.
    pub files: Vec<String>,
}

/// Where a window comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSource {
    /// The window.
    pub window_id: u64,
    /// Its file in the corpus.
    pub file: String,
    /// Its first bar, from 0.
    pub start_bar: u32,
}

impl Style {
    /// The first of its components; none for an added style.
    pub fn component(&self) -> Option<usize> {
        self.components.first().copied()
    }

    /// How surely latents are of its components, by their responsibilities, one row each.
    pub(crate) fn memberships_of(&self, responsibilities: &[Vec<f64>]) -> Vec<f64> {
        let of_style = |row: &Vec<f64>| self.components.iter().map(|k| row[*k]).sum();
        responsibilities.iter().map(of_style).collect()
    }

    /// Whether a user made it of a few pieces.
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
