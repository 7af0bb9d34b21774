//! What people read of plans and steps. Ids, counts and fixed words; of the firm's own, the names
//! of its practice areas.

use casehug_clio::{
    Calls, Chosen, DocumentKey, MappedBy, Note, PlannedContact, PlannedDocument, PlannedMatter, PracticeArea, StepKind,
    StepOutcome, StepReport, Unmapped,
};

pub(crate) fn contact(planned: PlannedContact) -> String {
    match planned {
        PlannedContact::Linked(id) => format!("is in Clio already ({id})"),
        PlannedContact::Gone(id) => format!("is gone from Clio ({id}), as far as is known: Clio is asked"),
        PlannedContact::Share(id) => format!("the contact of another client with this email is used ({id})"),
        PlannedContact::SearchThenCreate => String::from("searched for by email; linked if Clio has it, else created"),
        PlannedContact::Create => String::from("created; without an email nothing is searched for"),
        PlannedContact::Resolve => String::from("in doubt: Clio is asked what became of an earlier request"),
    }
}

pub(crate) fn matter(planned: PlannedMatter, areas: &[PracticeArea]) -> String {
    match planned {
        PlannedMatter::Linked(id) => format!("is in Clio already ({id})"),
        PlannedMatter::Gone(id) => format!("is gone from Clio ({id}), as far as is known: Clio is asked"),
        PlannedMatter::Create(area) => format!("created, {}", practice_area(area, areas)),
        PlannedMatter::Resolve(area) => format!(
            "in doubt: Clio is asked what became of an earlier request; if nothing did, created, {}",
            practice_area(area, areas)
        ),
    }
}

fn practice_area(area: Result<Chosen, Unmapped>, areas: &[PracticeArea]) -> String {
    let chosen = match area {
        Ok(chosen) => chosen,
        Err(Unmapped::AreasNotKnown) => {
            return String::from("its practice area is known once the firm is connected");
        }
        Err(unmapped) => return format!("without a practice area: {}", why_none(unmapped)),
    };
    let name = areas.iter().find(|known| known.id == chosen.area).map_or("?", |known| known.name.as_str());
    let by = match chosen.by {
        MappedBy::Own => "the firm mapped its case type",
        MappedBy::OwnBase => "the firm mapped its case type without what follows \" - \"",
        MappedBy::Default => "the default of its case type",
        MappedBy::DefaultBase => "the default of its case type without what follows \" - \"",
        MappedBy::Fallback => "the firm's fallback",
    };
    format!("in the practice area {name} ({by})")
}

fn why_none(unmapped: Unmapped) -> &'static str {
    match unmapped {
        Unmapped::NoCaseType => "the intake names no case type",
        Unmapped::UnknownCaseType => "nobody mapped its case type, and it has no default",
        Unmapped::NoSuchArea => "the firm has no such area in Clio",
        Unmapped::AreasNotKnown => "the firm's areas are not known yet",
    }
}

pub(crate) fn document(key: &DocumentKey, planned: PlannedDocument) -> String {
    if let Some(error) = planned.refusal(key) {
        return format!("FAILS: {error}");
    }
    match planned {
        PlannedDocument::Linked(id) => format!("is in Clio already ({id})"),
        PlannedDocument::LinkedButWithdrawn(id) => {
            format!("is in Clio already ({id}), though its approval was withdrawn; nothing is deleted there")
        }
        PlannedDocument::Upload { calls, len } => format!("sent: {}, {calls} calls", size(len)),
        PlannedDocument::Resume => String::from("in doubt: Clio is asked what became of an earlier attempt"),
        PlannedDocument::NotApproved(status) => format!("not sent: it is {}, not approved", status.name()),
        PlannedDocument::Refused(origin) => format!("not sent: it is no upload of the client's, but {}", origin.name()),
        PlannedDocument::Unsendable { .. } | PlannedDocument::Unreadable(_) | PlannedDocument::Replaced(_) => {
            String::from("FAILS")
        }
    }
}

/// A step that ended.
pub(crate) fn step(step: &StepReport) -> String {
    let what = match step.step {
        StepKind::Contact => format!("contact of {}", step.id),
        StepKind::Matter => String::from("matter"),
        StepKind::Document => format!("document {}", step.id),
    };
    let became = match step.outcome {
        StepOutcome::Created => "created",
        StepOutcome::Recovered => "found: an earlier request had created it",
        StepOutcome::Linked => "linked: Clio has it",
        StepOutcome::Unchanged => "is in Clio already",
        StepOutcome::NotApproved => "not sent: it is not approved",
        StepOutcome::Refused => "not sent: it is no upload of the client's",
        StepOutcome::Failed => "FAILED",
        StepOutcome::InDoubt => "in doubt",
        StepOutcome::Blocked => "not tried, because something before it failed",
    };
    let notes: Vec<&str> = step.notes.iter().map(|known| note(*known)).collect();
    let note = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    let refused = matches!(step.outcome, StepOutcome::Failed | StepOutcome::InDoubt);
    let error = step.error.as_ref().filter(|_| refused).map(|error| format!(": {error}")).unwrap_or_default();
    format!("{what} {became}{note}{error}")
}

fn note(note: Note) -> &'static str {
    match note {
        Note::SeveralContactsMatch => "several contacts have this email; the one with the lowest id is linked",
        Note::SharedContact => "another client with this email has the same contact",
        Note::NoCaseType => "without a practice area: the intake names no case type",
        Note::UnknownCaseType => "without a practice area: nobody mapped its case type, and it has no default",
        Note::NoSuchPracticeArea => "without a practice area: the firm has no such area in Clio",
        Note::PracticeAreasNotKnown => "without a practice area: the firm's areas are not known yet",
        Note::NameDiffers => "the contact has another name; look whether it is the same person",
        Note::ApprovalWithdrawn => {
            "its approval was withdrawn, or another upload took its place; nothing is deleted in Clio"
        }
    }
}

/// A length in bytes, as people say it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

/// How many calls.
pub(crate) fn calls(calls: Calls) -> String {
    match (calls.least, calls.most) {
        (0, 0) => String::from("no call"),
        (1, 1) => String::from("1 call"),
        (least, most) if least == most => format!("{most} calls"),
        (least, most) => format!("{least} to {most} calls"),
    }
}

/// How long so many calls take, when this many are left in this minute of so many.
pub(crate) fn time(calls: u64, limit: u64, left: Option<u64>) -> String {
    match calls.saturating_sub(left.unwrap_or(limit)).div_ceil(limit.max(1)) {
        0 => String::from("within a minute, documents' own time aside"),
        minutes => format!("about {minutes} min, because Clio allows {limit} calls a minute"),
    }
}
