//! reqwest's errors as [`HttpFailure`]. Their text prints URLs, so it is never looked at.

use std::error::Error as _;

use casehug_clio::ports::{HttpFailure, HttpFailureKind, Sent};

pub(crate) fn not_sent(kind: HttpFailureKind) -> HttpFailure {
    HttpFailure { kind, sent: Sent::No }
}

pub(crate) fn maybe_sent(kind: HttpFailureKind) -> HttpFailure {
    HttpFailure { kind, sent: Sent::Maybe }
}

/// What failed. Nothing was written if no connection came to be; of all else only [the
/// attempt](crate::attempt) knows.
pub(crate) fn of(error: &reqwest::Error) -> HttpFailure {
    if error.is_builder() {
        return not_sent(HttpFailureKind::Refused);
    }
    if error.is_connect() {
        return not_sent(if is_tls(error) { HttpFailureKind::Tls } else { HttpFailureKind::Connect });
    }
    maybe_sent(if error.is_timeout() { HttpFailureKind::Timeout } else { HttpFailureKind::Lost })
}

/// Whether a rustls error is among the causes. An I/O error hides the error that it carries from
/// `source`, and may carry another I/O error.
fn is_tls(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return true;
        }
        let carried = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match carried {
            Some(carried) => Some(carried),
            None => current.source(),
        };
    }
    false
}
