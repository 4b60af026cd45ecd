//! The styles and dials of a model, for the parameters to choose from.

use controlgen::attribute::{Attribute, AttributeError};
use controlgen::session::{Session, SessionError};
use note_seq::Meter;

/// Maximum number of dials of a model.
pub(crate) const MAX_DIALS: usize = Attribute::ALL.len();

/// A model's styles and dials.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Catalog {
    /// Names of the styles, by number.
    pub(crate) styles: Vec<String>,
    /// The attributes that were learned.
    pub(crate) dials: Vec<Attribute>,
    /// Whether windows can have any meter; otherwise they are in 4/4.
    pub(crate) takes_meter: bool,
    /// Bars of a window.
    pub(crate) bars_per_window: usize,
}

impl Catalog {
    /// The styles and dials of an open model.
    ///
    /// # Errors
    /// If it has no styles, or its attributes are damaged.
    pub(crate) fn new(session: &Session) -> Result<Self, SessionError> {
        let styles = session.styles()?.all().iter().map(|style| style.name.clone()).collect();
        let dials = match session.attributes() {
            Ok(learned) => learned.vectors.iter().map(|vector| vector.attribute).collect(),
            Err(AttributeError::Missing { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let model = session.model();
        Ok(Self {
            styles,
            dials,
            takes_meter: model.form().encoding().is_some(),
            bars_per_window: model.kind().n_bars().max(1),
        })
    }

    /// The meter of windows for bars with a time signature.
    pub(crate) fn meter(&self, numerator: u16, denominator: u16) -> Meter {
        if !self.takes_meter {
            return Meter::COMMON;
        }
        Meter::from_signature(numerator.into(), denominator.into()).unwrap_or(Meter::COMMON)
    }
}
