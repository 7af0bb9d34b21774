//! What the program's exit code says. `--help` and docs/sync-intake.md document it.

use casehug_clio::{Code, Error, Retry};

/// From the best to the one that has to be mended first: of several results the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that may be sent is in Clio.
    AllThere,
    /// Something is in doubt, or a passing fault may be over: run it again.
    ComeBack,
    /// A person must decide.
    Decide,
    /// Something failed.
    Failed,
    /// The firm is not connected.
    NotConnected,
}

impl Exit {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::AllThere => 0,
            Self::Failed => 1,
            // 2 is a command line that cannot be read.
            Self::Decide => 3,
            Self::ComeBack => 4,
            Self::NotConnected => 5,
        }
    }

    pub(crate) fn of(error: &Error) -> Self {
        match error.code() {
            Code::NeedsReview => Self::Decide,
            Code::NotConnected
            | Code::ReconnectRequired
            | Code::ConnectStateUnknown
            | Code::ConnectStateExpired
            | Code::ConnectDeclined
            | Code::ConnectConflict
            | Code::ConnectedElsewhere
            | Code::OauthRefused
            | Code::AccountMismatch
            | Code::PlanWithoutApi => Self::NotConnected,
            _ if error.retry() != Retry::Never => Self::ComeBack,
            _ => Self::Failed,
        }
    }
}
