//! `Style`, and the style arguments of methods of `Model`.

use controlgen::generate::StyleChoice;
use controlgen::style::Style as Entry;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Outcome, refused};
use crate::values::to_python;

/// A style: some components of the model's mixture, or the estimate from a few pieces.
#[pyclass(frozen, module = "controlgen")]
#[derive(Clone)]
pub(crate) struct Style {
    inner: Entry,
}

impl From<&Entry> for Style {
    fn from(style: &Entry) -> Self {
        Self { inner: style.clone() }
    }
}

#[pymethods]
impl Style {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    /// Components of the mixture it consists of; empty for an added style.
    #[getter]
    fn components(&self) -> Vec<usize> {
        self.inner.components.clone()
    }

    /// Fraction of the training windows.
    #[getter]
    fn share(&self) -> f64 {
        self.inner.share
    }

    /// Whether it was made from a user's pieces.
    #[getter]
    fn is_added(&self) -> bool {
        self.inner.is_added()
    }

    /// Whether it is hidden in lists.
    #[getter]
    fn is_hidden(&self) -> bool {
        self.inner.hidden
    }

    /// The differences of its music from the corpus, in words, the largest first.
    #[getter]
    fn words(&self) -> Vec<String> {
        self.inner.card.as_ref().map_or_else(Vec::new, |card| card.words.clone())
    }

    /// The nearest training windows: files with their bars, counted from 0.
    #[getter]
    fn nearest(&self) -> Vec<(String, u32)> {
        self.inner.nearest.iter().map(|at| (at.file.clone(), at.start_bar)).collect()
    }

    /// All information about the style.
    fn to_dict<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        to_python(py, &self.inner)
    }

    fn __repr__(&self) -> String {
        let words = self.words().join(", ");
        format!("<controlgen.Style {:?}: {:.1} %, {words}>", self.name(), 100.0 * self.share())
    }
}

/// A style by name, by its number in the list, or itself.
#[derive(FromPyObject)]
pub(super) enum StyleArg {
    Style(Py<Style>),
    Number(usize),
    Name(String),
}

impl StyleArg {
    /// The argument for [`Styles::find`].
    pub(super) fn text(&self) -> String {
        match self {
            Self::Style(style) => style.get().inner.name.clone(),
            Self::Number(number) => number.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

/// The styles of new pieces, from the arguments `style` and `path` of `generate`.
pub(super) fn choice(
    style: Option<&Bound<'_, PyAny>>,
    path: Option<Vec<StyleArg>>,
) -> Outcome<StyleChoice> {
    match (style, path) {
        (Some(_), Some(_)) => Err(refused("style and path are both given; leave one out")),
        (None, Some(path)) => Ok(StyleChoice::Path(path.iter().map(StyleArg::text).collect())),
        (None, None) => Ok(StyleChoice::ByShare),
        (Some(style), None) => match style.cast::<PyDict>() {
            Ok(weights) => {
                let parts = weights.iter().map(|(style, weight)| {
                    let (style, weight) = (style.extract::<StyleArg>()?, weight.extract()?);
                    if f64::is_finite(weight) && weight > 0.0 {
                        return Ok((style.text(), weight));
                    }
                    let name = style.text();
                    Err(refused(format!("the weight of `{name}` is {weight}; above 0 is allowed")))
                });
                parts.collect::<Outcome<_>>().map(StyleChoice::Blend)
            }
            Err(_) => Ok(StyleChoice::Blend(vec![(style.extract::<StyleArg>()?.text(), 1.0)])),
        },
    }
}
