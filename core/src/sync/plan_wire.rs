//! How a plan is written for a host: the steps by their stable names.

use serde::Serialize;

use super::document::replaced;
use super::plan::{Calls, Plan, PlannedContact, PlannedDocument, PlannedMatter};
use crate::domain::{ClioId, DocumentKey};
use crate::error::{Code, Error};
use crate::settings::{Chosen, MappedBy, Unmapped};

/// What a sync would do now. Names no client and no file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PlanWire {
    /// Calls to Clio without faults.
    calls: Calls,
    /// `linked`, `gone`, `share`, `search_then_create`, `create` or `resolve`.
    contact: &'static str,
    /// The contact in Clio, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    clio_contact: Option<ClioId>,
    /// `linked`, `gone`, `create` or `resolve`.
    matter_step: &'static str,
    /// The matter in Clio, if it is there, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    clio: Option<ClioId>,
    /// The practice area that the matter would get.
    #[serde(skip_serializing_if = "Option::is_none")]
    practice_area: Option<PlannedArea>,
    /// Why it would get none.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_practice_area: Option<Unmapped>,
    /// The documents, in the intake's order.
    documents: Vec<DocumentWire>,
}

/// A practice area, and what chose it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PlannedArea {
    /// Its id in Clio.
    id: ClioId,
    /// What chose it.
    by: MappedBy,
}

/// What happens to a document.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PlannedDocument"))]
pub(crate) struct DocumentWire {
    /// CaseHug's `matter/document/upload`.
    id: String,
    /// `linked`, `linked_but_withdrawn`, `replaced`, `upload`, `resume`, `unsendable`,
    /// `unreadable`, `not_approved` or `refused`.
    step: &'static str,
    /// The document in Clio, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    clio: Option<ClioId>,
    /// Calls to Clio for its upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<u32>,
    /// Its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Its status in CaseHug, where it is not approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Where it came from, where that may not be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    /// Why it cannot be sent as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

impl From<Plan> for PlanWire {
    fn from(plan: Plan) -> Self {
        let (clio, area) = match plan.matter {
            PlannedMatter::Linked(clio) | PlannedMatter::Gone(clio) => (Some(clio), None),
            PlannedMatter::Create(area) | PlannedMatter::Resolve(area) => (None, Some(area)),
        };
        let chosen = area.and_then(Result::ok).map(|Chosen { area, by }| PlannedArea { id: area, by });
        let clio_contact = match plan.contact {
            PlannedContact::Linked(clio) | PlannedContact::Gone(clio) | PlannedContact::Share(clio) => Some(clio),
            PlannedContact::SearchThenCreate | PlannedContact::Create | PlannedContact::Resolve => None,
        };
        Self {
            calls: plan.calls,
            contact: plan.contact.name(),
            clio_contact,
            matter_step: plan.matter.name(),
            clio,
            practice_area: chosen,
            no_practice_area: area.and_then(Result::err),
            documents: plan.documents.iter().map(|(key, document)| DocumentWire::new(key, *document)).collect(),
        }
    }
}

impl DocumentWire {
    fn new(key: &DocumentKey, document: PlannedDocument) -> Self {
        let mut wire = Self {
            id: key.to_string(),
            step: document.name(),
            clio: None,
            calls: None,
            bytes: None,
            status: None,
            origin: None,
            error: document.refusal(key),
        };
        match document {
            PlannedDocument::Upload { calls, len } => (wire.calls, wire.bytes) = (Some(calls), Some(len)),
            PlannedDocument::Linked(clio)
            | PlannedDocument::LinkedButWithdrawn(clio)
            | PlannedDocument::Replaced(clio) => wire.clio = Some(clio),
            PlannedDocument::NotApproved(status) => wire.status = Some(status.name()),
            PlannedDocument::Refused(origin) => wire.origin = Some(origin.name()),
            PlannedDocument::Resume | PlannedDocument::Unsendable { .. } | PlannedDocument::Unreadable(_) => {}
        }
        wire
    }
}

impl PlannedDocument {
    /// Why it cannot be sent as it is, as the step's error will say.
    #[must_use]
    pub fn refusal(self, key: &DocumentKey) -> Option<Error> {
        let error = match self {
            Self::Unsendable { field, reason } => {
                Error::new(Code::IntakeInvalid).with("field", field).with("reason", reason)
            }
            Self::Unreadable(code) => code.into(),
            Self::Replaced(clio) => replaced(clio),
            _ => return None,
        };
        Some(error.with("document", key))
    }
}
