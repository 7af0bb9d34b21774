//! What a matter's page shows: where its sync stands.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::held;
use super::job::{Job, LastRun, job_key};
use crate::connection::{AccountScope, Connection};
use crate::contact_review::contact_is_gone;
use crate::domain::{ClioId, FirmId, MatterId, Note, RunStatus};
use crate::error::Result;
use crate::inbound::ClioStatus;
use crate::inbound::status::clio_status;
use crate::links::{SecondRecord, contact_link, linked_documents, linked_matter, second_records_of_matter};
use crate::store::Repository;

/// Where the sync of one matter stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MatterState {
    /// In one word.
    pub status: MatterSyncState,
    /// The matter in Clio, once it is there.
    pub clio_matter: Option<ClioId>,
    /// Its page in Clio.
    pub clio_url: Option<String>,
    /// The client's contact in Clio, once it is there.
    pub clio_contact: Option<ClioId>,
    /// What was worth knowing of that contact when it was linked: `name_differs`, say.
    pub clio_contact_notes: Vec<Note>,
    /// What Clio said last of the matter: `open`, `pending`, `closed` or `gone`, and when that was
    /// learned.
    pub clio_status: Option<ClioStatus>,
    /// The contact was in Clio, and is not any more, or is hidden from the connected user.
    pub clio_contact_gone: bool,
    /// The documents in Clio, by CaseHug's `matter/document/upload`.
    pub clio_documents: BTreeMap<String, ClioId>,
    /// The last run.
    pub last_run: Option<LastRun>,
    /// It waits for an admin to connect the firm.
    pub parked: bool,
    /// What of the matter, or of its client, is in Clio more than once.
    pub second_records: Vec<SecondRecord>,
}

/// Where the sync of one matter stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatterSyncState {
    /// Nobody asked for it yet.
    NotSynced,
    /// It waits for its turn, for another try, or for the firm to be connected.
    Queued,
    /// It is being synced.
    Running,
    /// The last run left something out that may be sent.
    Partial,
    /// Everything that might be sent at the last run is in Clio.
    Synced,
    /// The matter is not in Clio, and nothing is tried by itself.
    Failed,
    /// The matter was in Clio, or its client's contact, and is not any more; or it is hidden from
    /// the connected user. Nothing is created in its place.
    Gone,
}

/// The matters whose last run did not succeed and that are not being run, whether they are at rest,
/// wait for another try or are blocked. Left out is what was triggered last in another account than
/// the present one, and what is held or was discarded: that is for an admin, or for somebody who
/// means this very matter.
pub(crate) async fn failed_matters(repository: &Repository, firm: &FirmId) -> Result<Vec<MatterId>> {
    let connection = Connection::load(repository, firm).await?.map(|stored| stored.value);
    let held = held::all(repository, firm).await?.into_iter().map(|stored| stored.value.asked.matter);
    let held = held.collect::<BTreeSet<_>>();
    let jobs = repository.list::<Job>(firm, super::job::JOBS, "").await?;
    let failed = jobs.into_iter().map(|(_, stored)| stored.value).filter(|job| {
        job.running.is_none()
            && job.last.as_ref().is_some_and(|last| last.status != RunStatus::Succeeded)
            && !job.is_of_another_account(connection.as_ref())
            && !held.contains(&job.matter)
    });
    Ok(failed.map(|job| job.matter).collect())
}

/// How the last run of a matter ended.
pub(crate) async fn last_run(repository: &Repository, firm: &FirmId, matter: &MatterId) -> Result<Option<LastRun>> {
    Ok(repository.get::<Job>(&job_key(firm, matter)).await?.and_then(|job| job.value.last))
}

pub(crate) async fn matter_state(
    repository: &Repository,
    scope: &AccountScope,
    matter: &MatterId,
    url: impl FnOnce(ClioId) -> String,
) -> Result<MatterState> {
    let job = repository.get::<Job>(&job_key(&scope.firm, matter)).await?;
    let clio_matter = linked_matter(repository, scope, matter).await?;
    let status = match &job {
        None => MatterSyncState::NotSynced,
        Some(job) if job.value.running.is_some() => MatterSyncState::Running,
        Some(job) if job.due_at.is_some() || job.value.parked.is_some() => MatterSyncState::Queued,
        Some(job) => match job.value.last.as_ref().map(|last| (last, last.status, clio_matter)) {
            None => MatterSyncState::NotSynced,
            // It is in the account that the firm was connected to before.
            Some((_, RunStatus::Succeeded | RunStatus::Partial, None)) => MatterSyncState::NotSynced,
            Some((_, RunStatus::Failed, None)) => MatterSyncState::Failed,
            Some((last, RunStatus::Succeeded, Some(_))) if !last.documents_left => MatterSyncState::Synced,
            // Failed: with an account that the matter is not in.
            Some((_, _, Some(_))) => MatterSyncState::Partial,
        },
    };
    let parked = job.as_ref().is_some_and(|job| job.value.parked.is_some());
    let (last_run, client) = job.map_or((None, None), |job| (job.value.last, job.value.client));
    let second_records = second_records_of_matter(repository, scope, matter, client.as_ref()).await?;
    let clio_contact = match client {
        Some(client) => contact_link(repository, scope, &client).await?,
        None => None,
    };
    let (clio_contact, clio_contact_notes) =
        clio_contact.map_or((None, Vec::new()), |link| (Some(link.clio), link.notes));
    let clio_status = match clio_matter {
        Some(clio) => clio_status(repository, scope, clio).await?,
        None => None,
    };
    let clio_contact_gone = match clio_contact {
        Some(clio) => contact_is_gone(repository, scope, clio).await?.is_some(),
        None => false,
    };
    let gone = clio_contact_gone || clio_status.as_ref().is_some_and(|it| it.status == "gone");
    let at_rest = !matches!(status, MatterSyncState::Queued | MatterSyncState::Running);
    Ok(MatterState {
        status: if gone && at_rest { MatterSyncState::Gone } else { status },
        clio_status,
        clio_contact_gone,
        clio_matter,
        clio_url: clio_matter.map(url),
        clio_contact,
        clio_contact_notes,
        clio_documents: linked_documents(repository, scope, matter).await?,
        last_run,
        parked,
        second_records,
    })
}
