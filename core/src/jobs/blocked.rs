//! Jobs that wait for an admin, and their release when the firm is connected anew, newer tokens
//! disprove its mark, or its plan gets its API access back.
//!
//! That commit raises the connection's generation and puts `release/parked`, due at once, so that
//! no crash can forget it. A worker that finds it makes every job due that was blocked under an
//! older generation, and then deletes it. A job that is blocked in the same moment checks the
//! connection's record in its commit: either it sees the new connection and is not blocked, or the
//! release sees the job.

use core::time::Duration;

use super::job::{JOBS, Job};
use super::quarantine::{PassedOver, QUARANTINE, or_quarantine};
use crate::connection::Connection;
use crate::error::{Code, Result};
use crate::ports::{Commit, Expect, Order, Record, Scan};
use crate::store::Repository;
use crate::store::schedule::RELEASES;

/// Jobs that are read at once.
const PAGE: usize = 500;
/// Jobs that are released in one look: other work waits for it.
const AT_ONCE: usize = 200;
/// Firms whose jobs are released in one look.
const FIRMS: usize = 20;

/// Carries out the releases that are due. Gives whether there may be more to do: a job became due,
/// or other firms wait behind these.
pub(crate) async fn release_due(repository: &Repository, passed: &mut PassedOver<'_>) -> Result<bool> {
    let due = repository.store().scan(&Scan::Due { firm: None, collection: RELEASES, limit: FIRMS }).await?;
    let full = due.len() == FIRMS;
    let (mut released, mut gone) = (0, 0);
    for record in due {
        if released >= AT_ONCE {
            break;
        }
        let outcome = release(repository, &record, AT_ONCE - released).await;
        let outcome = passed.unless(or_quarantine(repository, &record, outcome).await)?.flatten();
        let (jobs, is_gone) = outcome.unwrap_or_default();
        released += jobs;
        gone += usize::from(is_gone);
    }
    Ok(released > 0 || (full && gone > 0))
}

/// Releases at most so many jobs of a firm. Gives how many those are, and whether the release is
/// carried out.
async fn release(repository: &Repository, record: &Record, most: usize) -> Result<(usize, bool)> {
    let firm = &record.key.firm;
    let generation = Connection::load(repository, firm).await?.map_or(0, |stored| stored.value.generation);
    let (mut released, mut whole, mut unreadable) = (0, true, false);
    let mut from = Some(String::new());
    while let Some(start) = from.take() {
        let scan = Scan::Ids {
            firm: firm.clone(),
            collection: JOBS,
            from: start,
            until: None,
            order: Order::Ascending,
            limit: PAGE,
        };
        let page = repository.store().scan(&scan).await?;
        from = page.get(PAGE - 1).map(|last| Scan::behind(&last.key.id));
        for stored in page {
            let Ok(mut job) = serde_json::from_str::<Job>(&stored.body) else {
                // A worker that can read it may find it blocked: the release stays for that one.
                unreadable = true;
                continue;
            };
            if job.parked.is_none_or(|parked| parked >= generation) {
                continue;
            }
            if released == most {
                let mut transaction = repository.transaction(firm)?;
                // Behind the releases of other firms.
                transaction.defer(record, Duration::ZERO);
                repository.commit(&transaction).await?;
                return Ok((released, false));
            }
            job.parked = None;
            // There may be hundreds: they are behind what is approved now.
            job.with_others |= !job.is_awaited();
            let mut transaction = repository.transaction(&stored.key.firm)?;
            transaction.put_due(stored.key, Expect::Version(stored.version), Some(Duration::ZERO), &job)?;
            // A conflict: a trigger wrote the job in this moment, and may have left it blocked.
            // Another pass will see.
            whole &= matches!(repository.commit(&transaction).await?, Commit::Done { .. });
            released += 1;
        }
    }
    if whole {
        let mut transaction = repository.transaction(firm)?;
        let failures = repository.failures();
        if unreadable {
            if failures.is_news(format!("parked {firm}"), Code::StoreCorrupt) {
                tracing::error!(%firm, code = Code::StoreCorrupt.name(), "a job cannot be read, and may stay blocked");
            }
            transaction.defer(record, QUARANTINE);
        } else {
            failures.works(&format!("parked {firm}"));
            transaction.delete(record.key.clone(), record.version.clone());
        }
        whole = matches!(repository.commit(&transaction).await?, Commit::Done { .. });
    }
    Ok((released, whole))
}
