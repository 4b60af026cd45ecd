//! Conversion of our errors to Python exceptions, with their texts and causes.

use std::any::Any;
use std::error::Error;

use ::corpus::CorpusError;
use ::corpus::artifact::{ArtifactError, with_causes};
use controlgen::session::SessionError;
use controlgen::style::StyleError;
use evaluation::EvalError;
use models::ModelsError;
use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError, PyValueError};
use pyo3::{PyErr, create_exception};

create_exception!(
    controlgen,
    ControlgenError,
    PyValueError,
    "An argument or a file can't be used: a damaged file, a setting out of range, a style that \
     does not exist. The text says what was found, what is allowed and what to do.\n\nA file that \
     is missing or can't be read or written is an `OSError`."
);

/// An error on its way to Python; any error of our crates is converted by `?`.
pub(crate) struct Failure(PyErr);

/// The result of functions called from Python.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: Box<dyn Any> = Box::new(error);
        match error.downcast::<PyErr>() {
            Ok(raised) => Self(*raised),
            Err(error) => {
                let error = error.downcast::<E>().expect("it was boxed as this type");
                Self(exception(&*error))
            }
        }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

/// An error with the given text.
pub(crate) fn refused(text: impl Into<String>) -> Failure {
    Failure(ControlgenError::new_err(text.into()))
}

/// The error of reading or writing a file of the program, if there is one.
fn artifact<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ArtifactError> {
    // The errors around it are transparent, so it is not among their causes.
    if let Some(SessionError::Artifact(artifact)) = error.downcast_ref() {
        return Some(artifact);
    }
    if let Some(StyleError::Artifact(artifact)) = error.downcast_ref() {
        return Some(artifact);
    }
    if let Some(CorpusError::Artifact(artifact)) = error.downcast_ref() {
        return Some(artifact);
    }
    if let Some(EvalError::Artifact(artifact)) = error.downcast_ref() {
        return Some(artifact);
    }
    error.downcast_ref()
}

/// The exception for an error: by the operating system's error among its causes, if there is one.
fn exception(error: &(dyn Error + 'static)) -> PyErr {
    let text = with_causes(error);
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && (io.raw_os_error().is_some() || io.get_ref().is_none())
        {
            // An error of this kind with our text, for which PyO3 has the subclass of `OSError`.
            return std::io::Error::new(io.kind(), text).into();
        }
        if let Some(ModelsError::Unknown { .. }) = error.downcast_ref() {
            return PyFileNotFoundError::new_err(text);
        }
        match artifact(error) {
            Some(ArtifactError::Missing { .. }) => return PyFileNotFoundError::new_err(text),
            Some(ArtifactError::Exists { .. }) => return PyFileExistsError::new_err(text),
            _ => {}
        }
        cause = error.source();
    }
    ControlgenError::new_err(text)
}
