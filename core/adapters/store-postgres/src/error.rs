//! Errors of the driver and of the server become ours here, and only here. Their texts quote SQL,
//! rows and addresses, so only the server's five letters (SQLSTATE) are kept.

use std::error::Error as _;
use std::io;

use casehug_clio::{Code, Error, Retry};
use tokio_postgres::error::SqlState;

/// Why a statement was not answered.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server refused it: nothing of it happened.
    Refused(SqlState),
    /// The connection ended: it may or may not have happened.
    Lost,
    /// No answer in time: it may or may not have happened, or happen later.
    TimedOut,
    /// There was no connection to send it by: what whoever opens the store is told of it.
    NotConnected(Error),
    /// The answer was none of a record, or the question was wrong.
    Ours(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        error.code().map_or(Self::Lost, |state| Self::Refused(state.clone()))
    }
}

impl Failure {
    /// Whether the same statement may well be answered if it is sent again at once: nothing of it
    /// happened.
    pub(crate) fn is_passing(&self) -> bool {
        let Self::Refused(state) = self else { return false };
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(state)
    }

    /// Whether the server went away, or threw the connection out.
    pub(crate) fn is_loss(&self) -> bool {
        match self {
            Self::Lost => true,
            Self::Refused(state) => is_going_away(state),
            Self::TimedOut | Self::NotConnected(_) | Self::Ours(_) => false,
        }
    }

    /// What the port's caller is told.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Ours(error) => error,
            // The store is open, and its database comes back: no call of the port says otherwise.
            Self::NotConnected(error) => {
                Error::new(Code::StoreFailed).with("reason", error.get("reason").unwrap_or_default())
            }
            Self::Lost => failed("connection_lost"),
            Self::TimedOut => failed("timed_out"),
            Self::Refused(state) => {
                let error = Error::new(Code::StoreFailed);
                match reason(&state) {
                    Some(reason) => error.with("reason", reason),
                    None => error,
                }
                .with("sqlstate", state.code())
            }
        }
    }

    /// What the caller of `open` is told.
    pub(crate) fn into_open_error(self) -> Error {
        match self {
            Self::Ours(error) | Self::NotConnected(error) => error,
            Self::Lost => refused("unreachable"),
            Self::TimedOut => refused("timed_out"),
            Self::Refused(state) => refused(reason(&state).unwrap_or("other")).with("sqlstate", state.code()),
        }
    }
}

/// A connection could not be made.
pub(crate) fn not_connected(error: &tokio_postgres::Error) -> Failure {
    if let Some(state) = error.code() {
        return Failure::Refused(state.clone());
    }
    let (cause, told) = (error.source(), error.to_string());
    // The driver has no other words for these.
    if ["invalid configuration", "authentication error"].iter().any(|start| told.starts_with(start)) {
        // No password where one is wanted, or no channel to bind it to.
        return Failure::NotConnected(refused("login"));
    }
    if told.starts_with("error performing TLS handshake") {
        let reason = if cause.is_some_and(|cause| cause.is::<io::Error>()) { "handshake" } else { "not_offered" };
        return Failure::NotConnected(no_tls(reason));
    }
    if cause.is_some_and(|cause| cause.to_string() == "database does not allow writes") {
        return Failure::NotConnected(refused("read_only"));
    }
    Failure::Lost
}

/// The connection is not, or would not be, encrypted as it has to be.
pub(crate) fn no_tls(reason: &'static str) -> Error {
    Error::new(Code::TlsRefused).with("peer", "database").with("reason", reason)
}

/// A call failed for this reason, and whether it was done is unknown.
pub(crate) fn failed(reason: &'static str) -> Error {
    Error::new(Code::StoreFailed).with("reason", reason)
}

/// The store was not opened, for this reason.
pub(crate) fn refused(reason: &'static str) -> Error {
    let passes = ["unreachable", "timed_out", "starting", "too_many_connections", "disk_full", "read_only"];
    let error = Error::new(Code::StoreOpenFailed).with("reason", reason);
    if passes.contains(&reason) { error.retry_as(Retry::Retry) } else { error }
}

fn is_going_away(state: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(state)
}

/// A word for what an administrator can do something about.
fn reason(state: &SqlState) -> Option<&'static str> {
    Some(match state.code() {
        "28000" | "28P01" => "login",
        "3D000" => "database_missing",
        "42501" => "permission",
        "25006" => "read_only",
        "3F000" | "42P01" | "42883" => "schema_missing",
        "53100" => "disk_full",
        "53300" => "too_many_connections",
        "55P03" => "locked",
        "57P01" | "57P02" | "57P03" => "starting",
        _ => return None,
    })
}
