//! What must be done for one matter, and what it costs: a pure function.
//!
//! Calls to Clio without faults: a new client with *n* documents 3 + 2n, a client that Clio has 2 +
//! 2n, a client that is linked 1 + 2n, an added document 2, nothing changed 0. A document of more
//! than 50 parts costs one more per further 50, and a client whose email has an international
//! domain one more before it is linked. Whether Clio has the client is not known before it is
//! asked, so a prediction is a range.

use crate::links::LinkState;
use serde::Serialize;

use super::plan_wire::PlanWire;
use crate::clio::PartPlan;
use crate::domain::{ClioId, DocumentKey, DocumentOrigin, DocumentStatus, Intake, IntakeDocument};
use crate::error::Code;
use crate::settings::{Chosen, FirmSettings, PracticeArea, Unmapped, choose_area};

/// What the planner looks at.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The intake as it is now.
    pub intake: &'a Intake,
    /// The client's record.
    pub contact: LinkState,
    /// Whether a client of the same email and name is linked already, and to what.
    pub same_email: LinkState,
    /// The matter's record.
    pub matter: LinkState,
    /// The records of the documents, in the intake's order.
    pub documents: &'a [LinkState],
    /// The lengths in bytes of the documents that are looked at, in the intake's order, or why one
    /// cannot be read now.
    pub lengths: &'a [Result<u64, Code>],
    /// The lengths of the documents that are in Clio and are looked at.
    pub in_clio: &'a [Option<u64>],
    /// The firm's settings.
    pub settings: &'a FirmSettings,
    /// The firm's practice areas in Clio; `None`, they were never loaded.
    pub areas: Option<&'a [PracticeArea]>,
}

/// Steps in order, with their calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "PlanWire")]
pub struct Plan {
    /// The contact.
    pub contact: PlannedContact,
    /// The matter.
    pub matter: PlannedMatter,
    /// The documents, in the intake's order.
    pub documents: Vec<(DocumentKey, PlannedDocument)>,
    /// Calls to Clio without faults.
    pub calls: Calls,
}

/// A predicted number of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Calls {
    /// At least so many.
    pub least: u32,
    /// At most so many, without faults.
    pub most: u32,
}

/// What happens to the contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedContact {
    /// Linked already.
    Linked(ClioId),
    /// Linked already, and gone from Clio as far as is known: Clio is asked, and the step fails if
    /// it still is.
    Gone(ClioId),
    /// Another CaseHug client of the same email and name is linked: the same contact is used,
    /// unless a search by email shows another one of that name with a lower id.
    Share(ClioId),
    /// Search by email; link a match, else create.
    SearchThenCreate,
    /// No email: create.
    Create,
    /// Ask Clio what became of an earlier request, then go on.
    Resolve,
}

/// What happens to the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedMatter {
    /// Linked already; never changed.
    Linked(ClioId),
    /// In Clio once, and gone as far as is known: Clio is asked, and the step fails if it still is.
    Gone(ClioId),
    /// Create, with a practice area or with the reason why it has none.
    Create(Result<Chosen, Unmapped>),
    /// Ask Clio what became of an earlier request, then go on.
    Resolve(Result<Chosen, Unmapped>),
}

/// What happens to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedDocument {
    /// In Clio already, and still approved.
    Linked(ClioId),
    /// In Clio already, but its approval was withdrawn: nothing is deleted, and it is said.
    LinkedButWithdrawn(ClioId),
    /// In Clio already, and CaseHug has another file under the same upload id by now: fails until
    /// that has an id of its own.
    Replaced(ClioId),
    /// Upload, in this many calls.
    Upload {
        /// Calls to Clio.
        calls: u32,
        /// Its length in bytes.
        len: u64,
    },
    /// Ask Clio what became of an earlier attempt, then go on.
    Resume,
    /// Its name or its media type cannot be sent as it is: fails until that is corrected.
    Unsendable {
        /// The field that is refused, as the step's error names it.
        field: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Its file cannot be read now: fails until it can.
    Unreadable(Code),
    /// Not approved: not sent.
    NotApproved(DocumentStatus),
    /// Not a client's upload: refused.
    Refused(DocumentOrigin),
}

/// Plans one matter.
#[must_use]
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let intake = input.intake;
    let address = intake.client.address();
    let contact = match (input.contact, input.same_email) {
        (LinkState::Linked(id), _) => PlannedContact::Linked(id),
        (LinkState::Gone(id), _) => PlannedContact::Gone(id),
        (LinkState::Unknown, LinkState::Linked(id) | LinkState::Gone(id)) => PlannedContact::Share(id),
        (LinkState::InDoubt, _) | (_, LinkState::InDoubt) => PlannedContact::Resolve,
        (LinkState::Unknown, LinkState::Unknown) if address.is_some() => PlannedContact::SearchThenCreate,
        (LinkState::Unknown, LinkState::Unknown) => PlannedContact::Create,
    };
    let area = || {
        let case_type = intake.matter.case_type.as_ref().map(crate::domain::Confidential::expose);
        choose_area(case_type, input.settings, input.areas)
    };
    let matter = match input.matter {
        LinkState::Linked(id) => PlannedMatter::Linked(id),
        LinkState::Gone(id) => PlannedMatter::Gone(id),
        LinkState::Unknown => PlannedMatter::Create(area()),
        LinkState::InDoubt => PlannedMatter::Resolve(area()),
    };
    let documents: Vec<_> = intake
        .documents
        .iter()
        .enumerate()
        .map(|(index, document)| {
            let known = input.documents.get(index).copied().unwrap_or(LinkState::Unknown);
            let len = input.lengths.get(index).copied().unwrap_or(Ok(0));
            let in_clio = input.in_clio.get(index).copied().flatten();
            (intake.key_of(document), plan_document(document, known, len, in_clio))
        })
        .collect();
    let mut calls = Calls::default();
    calls.add(contact.calls());
    // An international domain is searched for in both spellings.
    let searches = matches!(contact, PlannedContact::SearchThenCreate | PlannedContact::Share(_));
    if searches && address.is_some_and(|one| one.other_spelling().is_some()) {
        calls.add(Calls::exactly(1));
    }
    calls.add(matter.calls());
    for (_, document) in &documents {
        // Of a matter that is gone none is sent.
        let Calls { least, most } = document.calls();
        calls.add(Calls { least: if let PlannedMatter::Gone(_) = matter { 0 } else { least }, most });
    }
    Plan { contact, matter, documents, calls }
}

fn plan_document(
    document: &IntakeDocument,
    known: LinkState,
    len: Result<u64, Code>,
    in_clio: Option<u64>,
) -> PlannedDocument {
    let (status, origin, flaw) = (document.status, document.origin, document.flaw());
    let may_be_sent = status == DocumentStatus::Approved && origin == DocumentOrigin::ClientUpload;
    match known {
        LinkState::Linked(id) | LinkState::Gone(id) if may_be_sent => match (len, in_clio) {
            (Ok(now), Some(sent)) if now != sent => PlannedDocument::Replaced(id),
            _ => PlannedDocument::Linked(id),
        },
        LinkState::Linked(id) | LinkState::Gone(id) => PlannedDocument::LinkedButWithdrawn(id),
        // It may be in Clio already, whatever the firm says of it now. If it is not, nothing more
        // is sent of it.
        LinkState::InDoubt => PlannedDocument::Resume,
        _ if origin != DocumentOrigin::ClientUpload => PlannedDocument::Refused(origin),
        _ if status != DocumentStatus::Approved => PlannedDocument::NotApproved(status),
        LinkState::Unknown => match (flaw, len) {
            (Some((field, reason)), _) => PlannedDocument::Unsendable { field, reason },
            (None, Ok(len)) => PlannedDocument::Upload { calls: PartPlan::new(len).calls(), len },
            (None, Err(code)) => PlannedDocument::Unreadable(code),
        },
    }
}

impl Calls {
    pub(crate) fn add(&mut self, more: Self) {
        self.least += more.least;
        self.most += more.most;
    }

    fn exactly(calls: u32) -> Self {
        Self { least: calls, most: calls }
    }
}

impl PlannedContact {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked(_) => "linked",
            Self::Gone(_) => "gone",
            Self::Share(_) => "share",
            Self::SearchThenCreate => "search_then_create",
            Self::Create => "create",
            Self::Resolve => "resolve",
        }
    }

    fn calls(self) -> Calls {
        match self {
            Self::Linked(_) => Calls::default(),
            Self::SearchThenCreate => Calls { least: 1, most: 2 },
            Self::Gone(_) | Self::Share(_) | Self::Create => Calls::exactly(1),
            Self::Resolve => Calls { least: 1, most: 3 },
        }
    }
}

impl PlannedMatter {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked(_) => "linked",
            Self::Gone(_) => "gone",
            Self::Create(_) => "create",
            Self::Resolve(_) => "resolve",
        }
    }

    fn calls(self) -> Calls {
        match self {
            Self::Linked(_) => Calls::default(),
            Self::Gone(_) | Self::Create(_) => Calls::exactly(1),
            Self::Resolve(_) => Calls { least: 1, most: 2 },
        }
    }
}

impl PlannedDocument {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linked(_) => "linked",
            Self::LinkedButWithdrawn(_) => "linked_but_withdrawn",
            Self::Replaced(_) => "replaced",
            Self::Upload { .. } => "upload",
            Self::Resume => "resume",
            Self::Unsendable { .. } => "unsendable",
            Self::Unreadable(_) => "unreadable",
            Self::NotApproved(_) => "not_approved",
            Self::Refused(_) => "refused",
        }
    }

    pub(crate) fn is_to_be_sent(self) -> bool {
        matches!(
            self,
            Self::Upload { .. } | Self::Resume | Self::Replaced(_) | Self::Unsendable { .. } | Self::Unreadable(_)
        )
    }

    fn calls(self) -> Calls {
        match self {
            Self::Upload { calls, .. } => Calls::exactly(calls),
            Self::Resume => Calls { least: 1, most: 3 },
            Self::Unreadable(_)
            | Self::Unsendable { .. }
            | Self::Linked(_)
            | Self::LinkedButWithdrawn(_)
            | Self::Replaced(_)
            | Self::NotApproved(_)
            | Self::Refused(_) => Calls::default(),
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
