//! Jobs that wait for an admin, and their release when the firm is connected anew, newer tokens disprove its mark, or its plan gets its API access back.
//!
//! That commit raises the connection's generation and puts `release/parked`, due at once, so that no crash can forget it. A worker that finds it makes every job due that was
//! parked under an older generation, and then deletes it. A job that is parked in the same moment checks the connection's record in its
//! commit: either it sees the new connection and is not parked, or the release sees the job.

use core::time::Duration;

use super::aside::{ASIDE, or_aside};
use super::job::{JOBS, Job};
use crate::connection::Connection;
use crate::error::{Code, Result};
use crate::ports::{Commit, Expect, Order, Record, Scan};
use crate::store::Journal;
use crate::store::schedule::RELEASES;

/// Jobs that are read at once.
const PAGE: usize = 500;
/// Jobs that are released in one look: other work waits for it.
const AT_ONCE: usize = 200;

/// Carries out the releases that are due. Gives whether a job became due.
pub(crate) async fn release_due(journal: &Journal) -> Result<bool> {
    let due = Scan::Due { firm: None, collection: RELEASES, limit: 20 };
    let mut released = 0;
    for record in journal.store().scan(&due).await? {
        if released >= AT_ONCE {
            break;
        }
        let outcome = release(journal, &record, AT_ONCE - released).await;
        released += or_aside(journal, &record, outcome).await?.unwrap_or(0);
    }
    Ok(released > 0)
}

/// Releases at most so many jobs of a firm. Gives how many those are.
async fn release(journal: &Journal, record: &Record, most: usize) -> Result<usize> {
    let firm = &record.key.firm;
    let generation = Connection::load(journal, firm).await?.map_or(0, |stored| stored.value.generation);
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
        let page = journal.store().scan(&scan).await?;
        // The smallest id after the last one of this page: that id with a NUL behind it.
        from = page.get(PAGE - 1).map(|last| format!("{}\0", last.key.id));
        for stored in page {
            let Ok(mut job) = serde_json::from_str::<Job>(&stored.body) else {
                // A worker that can read it may find it parked: the release stays for that one.
                unreadable = true;
                continue;
            };
            if job.parked.is_none_or(|parked| parked >= generation) {
                continue;
            }
            if released == most {
                let mut unit = journal.unit(firm)?;
                // Behind the releases of other firms.
                unit.put_off(record, Duration::ZERO);
                journal.commit(&unit).await?;
                return Ok(released);
            }
            job.parked = None;
            let mut unit = journal.unit(&stored.key.firm)?;
            unit.put_due(stored.key, Expect::Version(stored.version), Some(Duration::ZERO), &job)?;
            // A conflict: a trigger wrote the job in this moment, and may have left it parked. Another pass will see.
            whole &= matches!(journal.commit(&unit).await?, Commit::Done { .. });
            released += 1;
        }
    }
    if whole {
        let mut unit = journal.unit(firm)?;
        let told = journal.told();
        if unreadable {
            if told.is_news(format!("parked {firm}"), Code::StoreCorrupt) {
                tracing::error!(%firm, code = Code::StoreCorrupt.name(), "a job cannot be read, and may be left parked");
            }
            unit.put_off(record, ASIDE);
        } else {
            told.works(&format!("parked {firm}"));
            unit.delete(record.key.clone(), record.version.clone());
        }
        journal.commit(&unit).await?;
    }
    Ok(released)
}
