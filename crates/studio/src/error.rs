//! Errors sent to clients: a status, a code for programs, and a sentence for users.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use controlgen::attribute::AttributeError;
use controlgen::generate::GenerateError;
use controlgen::style::StyleError;
use corpus::artifact::with_causes;
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds after which a client may repeat a request that was rejected as busy.
const RETRY_AFTER: u32 = 1;

/// The kind of error, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// The body can't be parsed as JSON or as a form.
    Malformed,
    /// The `Host` header is not this server.
    ForeignHost,
    /// The request comes from a page of another server.
    ForeignOrigin,
    /// The path does not exist.
    NotFound,
    /// There is no style with this name.
    UnknownStyle,
    /// The map has no such window.
    UnknownWindow,
    /// The path does not support this method.
    MethodNotAllowed,
    /// The body took too long to arrive, or the response to compute.
    Timeout,
    /// Another style has this name.
    NameTaken,
    /// Only added styles can be removed.
    NotAdded,
    /// The body is too large.
    TooLarge,
    /// The media type of the body is not supported here.
    UnsupportedMediaType,
    /// A value is not allowed.
    Invalid,
    /// The MIDI reader rejected the file.
    UnreadableMidi,
    /// The file has no tune that the model can use.
    NoTune,
    /// No attempt met the requirements.
    NothingKept,
    /// The pieces can't be kept, for example because the disk is full.
    NotKept,
    /// The server is overloaded; `Retry-After` says when to retry.
    Busy,
    /// An internal error of the server.
    Internal,
}

impl Code {
    /// The HTTP status for this code.
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
            Self::NotKept => StatusCode::INSUFFICIENT_STORAGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// The body of an error response.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Error {
    error: ErrorDetails,
}

/// Details of an error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetails {
    code: Code,
    /// One sentence: what was found, what is allowed, what to do.
    message: String,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A value is not allowed.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// The server is overloaded.
    pub(crate) fn busy() -> Self {
        Self::new(Code::Busy, "the server is busy; try again in a moment")
    }

    /// An internal error. Details go to the log and to the user, who is on the same machine.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        let message = with_causes(error);
        tracing::error!("{message}");
        Self::new(Code::Internal, message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { code, message } = self;
        let body = Json(Error { error: ErrorDetails { code, message } });
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
            GenerateError::Style(error) => Self::from(error),
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
