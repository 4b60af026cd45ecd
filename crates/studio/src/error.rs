//! Errors as clients see them: a status, a code for programs, a sentence for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use controlgen::artifact::with_causes;
use controlgen::attribute::AttributeError;
use controlgen::generate::GenerateError;
use controlgen::style::StyleError;
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds after which a client that was told "busy" may ask again.
const RETRY_AFTER: u32 = 1;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// The body can't be read: no JSON, no form.
    Malformed,
    /// The `Host` is not this server.
    ForeignHost,
    /// The request comes from a page of another server.
    ForeignOrigin,
    /// Nothing is there.
    NotFound,
    /// No style has that name.
    UnknownStyle,
    /// The map has no such window.
    UnknownWindow,
    /// The path takes other methods.
    MethodNotAllowed,
    /// The body took too long to arrive, or the answer to make.
    Timeout,
    /// Another style has that name.
    NameTaken,
    /// Only styles that were added can go.
    NotAdded,
    /// More bytes than a body may have.
    TooLarge,
    /// The body is of a type that is not read here.
    UnsupportedMediaType,
    /// A value that is not allowed.
    Invalid,
    /// The reader of MIDI files refuses it.
    UnreadableMidi,
    /// The file has no tune that the model can take.
    NoTune,
    /// No attempt was good enough for what was asked.
    NothingKept,
    /// Too much to do; `Retry-After` says when to come back.
    Busy,
    /// A fault of the server.
    Internal,
}

impl Code {
    /// The status it is sent with.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::ForeignHost | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownStyle | Self::UnknownWindow => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::NameTaken | Self::NotAdded => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid | Self::UnreadableMidi | Self::NoTune | Self::NothingKept => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An answer that says why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// The body of such an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Error {
    error: ErrorFacts,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorFacts {
    code: Code,
    /// One sentence: what was found, what is allowed, what to do.
    message: String,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A value that is not allowed.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// Too much to do.
    pub(crate) fn busy() -> Self {
        Self::new(Code::Busy, "too much is being made at once; ask again in a moment")
    }

    /// A fault of the server: what it was goes to the log, and to the user, who is on the same machine.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        let message = with_causes(error);
        tracing::error!("{message}");
        Self::new(Code::Internal, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { code, message } = self;
        let body = Json(Error { error: ErrorFacts { code, message } });
        let mut response = (code.status(), body).into_response();
        if code == Code::Busy {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
        }
        response
    }
}

impl From<StyleError> for ApiError {
    fn from(error: StyleError) -> Self {
        let code = match &error {
            StyleError::Unknown { .. } => Code::UnknownStyle,
            StyleError::Taken { .. } => Code::NameTaken,
            StyleError::Discovered { .. } => Code::NotAdded,
            StyleError::Name { .. } | StyleError::OtherModel { .. } => Code::Invalid,
            StyleError::NothingToAdd { .. } => Code::NoTune,
            _ => return Self::internal(&error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<GenerateError> for ApiError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Artifact(_) => Self::internal(&error),
            GenerateError::NothingKept { .. } => Self::new(Code::NothingKept, error.to_string()),
            _ => Self::invalid(error.to_string()),
        }
    }
}

impl From<AttributeError> for ApiError {
    fn from(error: AttributeError) -> Self {
        match error {
            AttributeError::Artifact(_) => Self::internal(&error),
            _ => Self::invalid(error.to_string()),
        }
    }
}

impl From<gmm::ModelError> for ApiError {
    fn from(error: gmm::ModelError) -> Self {
        Self::internal(&error)
    }
}
