//! The four shapes of failure a Clio client meets: Clio's JSON, OAuth's JSON, storage's XML and the
//! firewall's HTML.
//!
//! Clio publishes no list of error types. Those seen in the field are used where they were seen
//! (`ArgumentError`, `NotFoundError`, `UploadNotFoundError`, `UploadTimeoutError`). Every 403 has
//! the type `ForbiddenError`, whatever its cause, so that no client can learn to tell the causes
//! apart by a name that Clio never promised.

use serde_json::json;

use super::http::{Request, Response, escape};

/// A refusal of the API.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub status: u16,
    pub kind: &'static str,
    pub message: String,
    /// Shaped like OAuth: `error` and `error_description` at the top.
    pub oauth: bool,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), oauth: false }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "ArgumentError", message)
    }

    pub fn bad_fields(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidFields", message)
    }

    pub fn bad_token(message: impl Into<String>) -> Self {
        Self { oauth: true, ..Self::new(401, "invalid_token", message) }
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "ForbiddenError", message)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(404, "NotFoundError", format!("{what} was not found."))
    }

    pub fn bad_version(version: &str) -> Self {
        Self::new(410, "UnsupportedVersionError", format!("API version {version:?} is not supported."))
    }

    pub fn stale() -> Self {
        Self::new(412, "PreconditionFailedError", "The record has changed since it was read.")
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(422, "ArgumentError", message)
    }

    pub fn upload(kind: &'static str, message: &str) -> Self {
        Self::new(422, kind, message)
    }

    pub fn conflict(message: &str) -> Self {
        Self::new(409, "ConflictError", message)
    }

    pub fn limited(seconds: i64) -> Self {
        Self::new(429, "RateLimitedError", format!("Rate limit exceeded. Please retry in {seconds} seconds."))
    }

    /// Clio may well have it. A 404 would say that it has not.
    pub fn not_simulated(request: &Request) -> Self {
        let message = format!("clio-sim does not simulate {} {}.", request.method, request.path);
        Self::new(501, "NotSimulatedError", message)
    }

    pub fn answer(&self) -> Response {
        if !self.oauth {
            return Response::json(self.status, &json!({"error": {"type": self.kind, "message": self.message}}));
        }
        let mut answer = Response::json(self.status, &json!({"error": self.kind, "error_description": self.message}));
        let challenge =
            format!("Bearer realm=\"Clio\", error=\"{}\", error_description=\"{}\"", self.kind, self.message);
        answer.set("WWW-Authenticate", challenge);
        answer
    }
}

/// The refusal of the firewall in front of Clio.
pub(crate) fn firewall() -> Response {
    Response::html(
        403,
        "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n\
         </body>\r\n</html>\r\n",
    )
}

/// The page of a gateway that lost its upstream.
pub(crate) fn gateway_page(status: u16) -> Response {
    let reason = match status {
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => "Internal Server Error",
    };
    Response::html(
        status,
        &format!(
            "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1>\
             </center>\r\n</body>\r\n</html>\r\n"
        ),
    )
}

/// A refusal of the storage host.
pub(crate) fn storage(status: u16, code: &str, message: &str) -> Response {
    let mut answer = Response::xml(
        status,
        &format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>\
             <RequestId>0A1B2C3D4E5F6071</RequestId></Error>",
            escape(code),
            escape(message)
        ),
    );
    answer.set("X-Sim-Code", code);
    answer
}
