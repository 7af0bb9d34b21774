//! Why a matter is synced.

use serde::{Deserialize, Serialize};

/// Why a matter is to be synced. In ascending order of what it asks for: of several that are
/// pending the greatest is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The intake was created: contact and matter only. By itself; off unless the firm's settings
    /// say otherwise.
    Created,
    /// An older matter, in bulk.
    Backfill,
    /// The intake, or another document of it, was approved. By itself; on unless the firm's
    /// settings say otherwise.
    Approved,
    /// What failed is to be tried again.
    Retry,
    /// A person asked for it.
    Manual,
}

impl Trigger {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Backfill => "backfill",
            Self::Approved => "approved",
            Self::Retry => "retry",
            Self::Manual => "manual",
        }
    }

    /// Whether a person asks for this very matter.
    pub(crate) fn is_interactive(self) -> bool {
        matches!(self, Self::Retry | Self::Manual)
    }

    /// Whether documents may be sent too.
    #[must_use]
    pub fn sends_documents(self) -> bool {
        self != Self::Created
    }
}
