//! What became of one run.

use core::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use super::{ClioId, MatterId};
use crate::error::Error;

/// The result of syncing one matter. Holds ids and codes, no client data.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncReport {
    /// The matter.
    pub matter: MatterId,
    /// The run's id, as in the sync log.
    pub run: String,
    /// How the run ended.
    pub status: RunStatus,
    /// The steps in order: contact, matter, documents.
    pub steps: Vec<StepReport>,
    /// Calls to Clio's API, retries and lookups included, OAuth and storage not.
    pub calls: u32,
    /// Failures that were survived by trying again, within those calls.
    pub retries: u32,
    /// What was answered, or not, where the run went on all the same: what left a creation in
    /// doubt, else what was tried again last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub survived: Option<Error>,
    /// Come back after this many milliseconds: something is in doubt, or a passing fault may be
    /// over.
    #[serde(rename = "retry_after_ms", serialize_with = "millis", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub retry_after: Option<Duration>,
}

fn millis<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_millis() as u64).serialize(serializer)
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Everything that may be sent, and that its trigger sends, is in Clio.
    Succeeded,
    /// The matter is in Clio, something else is not.
    Partial,
    /// The matter is not in Clio.
    Failed,
}

impl RunStatus {
    /// The one of this [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Succeeded, Self::Partial, Self::Failed].into_iter().find(|status| status.name() == name)
    }

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// What a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The client's contact.
    Contact,
    /// The matter.
    Matter,
    /// One document.
    Document,
}

impl StepKind {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Matter => "matter",
            Self::Document => "document",
        }
    }
}

/// One step of a run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepReport {
    /// What it is about.
    pub step: StepKind,
    /// CaseHug's id: of the client, of the matter, or `matter/document/upload`.
    pub id: String,
    /// How it ended.
    pub outcome: StepOutcome,
    /// The record in Clio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clio: Option<ClioId>,
    /// Something worth knowing that is no failure: the first of [`notes`](Self::notes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// All that is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Why it failed, is in doubt or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// Created in Clio.
    Created,
    /// Created in Clio by an earlier request whose answer was lost, and found again.
    Recovered,
    /// An existing contact in Clio was linked.
    Linked,
    /// It was there already, by an earlier run.
    Unchanged,
    /// A document that is not approved: not sent.
    NotApproved,
    /// A document that may never be sent.
    Refused,
    /// It failed.
    Failed,
    /// It is not known yet whether Clio created it.
    InDoubt,
    /// Not tried, because something before it failed.
    Blocked,
}

impl StepOutcome {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Recovered => "recovered",
            Self::Linked => "linked",
            Self::Unchanged => "unchanged",
            Self::NotApproved => "not_approved",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Blocked => "blocked",
        }
    }

    /// Whether something that may be sent did not arrive.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::InDoubt | Self::Blocked)
    }
}

/// Something worth knowing that is no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Several contacts in Clio have this email, and their names do not tell which is meant; the
    /// one with the lowest id was linked, of those whose name agrees if some do.
    SeveralContactsMatch,
    /// Another CaseHug client with the same email is linked to the same contact.
    SharedContact,
    /// The contact that was linked has this email and another name: perhaps somebody else's who
    /// uses the same mailbox.
    NameDiffers,
    /// No practice area: the intake names no case type.
    NoCaseType,
    /// No practice area: nobody mapped this case type.
    UnknownCaseType,
    /// No practice area: the firm has no such area in Clio.
    NoSuchPracticeArea,
    /// No practice area: the firm's were never loaded.
    PracticeAreasNotKnown,
    /// The document is in Clio, but its approval was withdrawn since, or another upload took its
    /// place while it was published. Nothing is deleted.
    ApprovalWithdrawn,
}

impl Note {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SeveralContactsMatch => "several_contacts_match",
            Self::SharedContact => "shared_contact",
            Self::NameDiffers => "name_differs",
            Self::NoCaseType => "no_case_type",
            Self::UnknownCaseType => "unknown_case_type",
            Self::NoSuchPracticeArea => "no_such_practice_area",
            Self::PracticeAreasNotKnown => "practice_areas_not_known",
            Self::ApprovalWithdrawn => "approval_withdrawn",
        }
    }
}

impl StepReport {
    /// A step that ended well.
    #[must_use]
    pub fn done(step: StepKind, id: impl ToString, outcome: StepOutcome, clio: Option<ClioId>) -> Self {
        Self { step, id: id.to_string(), outcome, clio, note: None, notes: Vec::new(), error: None }
    }

    /// A step that did not.
    #[must_use]
    pub fn error(step: StepKind, id: impl ToString, outcome: StepOutcome, error: Error) -> Self {
        Self { step, id: id.to_string(), outcome, clio: None, note: None, notes: Vec::new(), error: Some(error) }
    }

    /// Adds notes.
    #[must_use]
    pub fn noting(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        self.notes.extend(notes);
        self.note = self.notes.first().copied();
        self
    }
}

impl SyncReport {
    /// The matter in Clio, once it is there.
    #[must_use]
    pub fn clio_matter(&self) -> Option<ClioId> {
        self.steps.iter().find(|step| step.step == StepKind::Matter).and_then(|step| step.clio)
    }

    /// The first step that did not arrive.
    #[must_use]
    pub fn first_failure(&self) -> Option<&StepReport> {
        self.steps.iter().find(|step| step.outcome.is_failure())
    }
}
