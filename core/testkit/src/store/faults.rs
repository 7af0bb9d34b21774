//! The suite is worth what it catches: stores with one fault each, and the case that must notice
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::super::VirtualRuntime;
use super::{StoreUnderTest, run_all};
use casehug_clio::memory::MemoryStore;
use casehug_clio::ports::{BoxFuture, Commit, Expect, Key, Order, Record, Scan, Store, Write};
use casehug_clio::{Result, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    BodyIsCutShort,
    BodyIsTrimmed,
    IdIgnoresCase,
    VersionIsNotCompared,
    ChecksAreSkipped,
    ChecksAreReadBefore,
    EntriesAreCommittedOneByOne,
    KeyTwiceIsDone,
    FirmsArePrefixes,
    UntilIsIncluded,
    LimitOfOneIsIgnored,
    LimitBeforeOrder,
    OrderIsOfUtf16,
    NotDueIsReturned,
    DueIsOfAllFirms,
    DueIsLimitedBeforeItsFirm,
    DueIsNotCleared,
    DueInIsAddedToAnotherClock,
    ClockCountsSeconds,
    SecondHandleIsStale,
}

#[derive(Debug)]
struct Faulty {
    inner: MemoryStore,
    fault: Fault,
    /// What a stale handle has seen of a key.
    seen: Option<Mutex<BTreeMap<Key, Option<Record>>>>,
}

impl Faulty {
    fn key(&self, key: &Key) -> Key {
        let mut key = key.clone();
        if self.fault == Fault::IdIgnoresCase {
            key.id = key.id.to_lowercase();
        }
        key
    }

    async fn version_now(&self, key: &Key) -> Result<Expect> {
        Ok(self.inner.get(key).await?.map_or(Expect::Absent, |record| Expect::Version(record.version)))
    }

    /// The write as the faulty store understands it.
    async fn spoil(&self, write: &Write) -> Result<Write> {
        let mut write = write.clone();
        match &mut write {
            Write::Put { key, expect, due_in, body, .. } => {
                *key = self.key(key);
                match self.fault {
                    Fault::BodyIsCutShort => *body = body.chars().take(65_535).collect(),
                    Fault::BodyIsTrimmed => *body = body.trim().to_owned(),
                    Fault::VersionIsNotCompared if *expect != Expect::Absent => *expect = self.version_now(key).await?,
                    Fault::DueIsNotCleared if due_in.is_none() => {
                        let old = self.inner.get(key).await?.and_then(|record| record.due_at);
                        *due_in = old.map(|_| core::time::Duration::ZERO);
                    }
                    Fault::DueInIsAddedToAnotherClock => {
                        *due_in = due_in.map(|due_in| due_in + core::time::Duration::from_millis(2));
                    }
                    _ => {}
                }
            }
            Write::Delete { key, .. } => *key = self.key(key),
            Write::Check { key, expect } => {
                *key = self.key(key);
                if self.fault == Fault::ChecksAreSkipped {
                    *expect = self.version_now(key).await?;
                }
            }
        }
        Ok(write)
    }
}

impl Store for Faulty {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let found = self.inner.get(&self.key(key)).await?;
            if let Some(seen) = &self.seen {
                return Ok(seen.lock().unwrap().entry(key.clone()).or_insert(found).clone());
            }
            Ok(found)
        })
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            let mut scan = scan.clone();
            if let Scan::Due { firm, .. } = &mut scan
                && self.fault == Fault::DueIsOfAllFirms
            {
                *firm = None;
            }
            let mut keep = usize::MAX;
            if let Scan::Ids { until, order, limit, .. } = &mut scan {
                match self.fault {
                    Fault::UntilIsIncluded => *until = until.take().map(|until| Scan::behind(&until)),
                    Fault::LimitOfOneIsIgnored if *limit == 1 => *limit = 2,
                    Fault::LimitBeforeOrder if *order == Order::Descending => {
                        *order = Order::Ascending;
                        let mut found = self.inner.scan(&scan).await?;
                        found.reverse();
                        return Ok(found);
                    }
                    Fault::OrderIsOfUtf16 => keep = core::mem::replace(limit, usize::MAX),
                    _ => {}
                }
            }
            if let Scan::Due { firm: Some(of), collection, limit } = &scan
                && self.fault == Fault::DueIsLimitedBeforeItsFirm
            {
                let of_all = Scan::Due { firm: None, collection, limit: *limit };
                let mut found = self.inner.scan(&of_all).await?;
                found.retain(|record| record.key.firm == *of);
                return Ok(found);
            }
            let mut found = self.inner.scan(&scan).await?;
            match (&scan, self.fault) {
                (Scan::Ids { .. }, Fault::OrderIsOfUtf16) => {
                    found.sort_by_key(|record| record.key.id.encode_utf16().collect::<Vec<_>>());
                    found.truncate(keep);
                }
                (Scan::Ids { firm, collection, .. }, Fault::FirmsArePrefixes) if firm.as_str() == "f" => {
                    let other = Key::new(&super::firm("f1").unwrap(), collection, "same");
                    found.extend(self.inner.get(&other).await?);
                }
                (Scan::Due { firm, collection, limit }, Fault::NotDueIsReturned) if found.len() < *limit => {
                    let firm = firm.clone().unwrap_or(super::firm("firm_conformance").unwrap());
                    let all = self.inner.scan(&super::all_ids(&firm, collection)).await?;
                    found = all.into_iter().filter(|record| record.due_at.is_some()).collect();
                }
                _ => {}
            }
            Ok(found)
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let mut spoiled = Vec::new();
            for write in writes {
                spoiled.push(self.spoil(write).await?);
            }
            let keys: BTreeSet<&Key> = writes.iter().map(Write::key).collect();
            if self.fault == Fault::KeyTwiceIsDone && keys.len() < writes.len() {
                spoiled.truncate(1);
            }
            if self.fault == Fault::ChecksAreReadBefore && keys.len() == writes.len() {
                for write in &spoiled {
                    let Write::Check { key, expect } = write else { continue };
                    if self.version_now(key).await? != *expect {
                        return Ok(Commit::Conflict);
                    }
                }
                super::concurrency::others_run().await;
                spoiled.retain(|write| !matches!(write, Write::Check { .. }));
            }
            if self.fault == Fault::EntriesAreCommittedOneByOne {
                for write in &spoiled {
                    if self.inner.commit(std::slice::from_ref(write)).await? == Commit::Conflict {
                        return Ok(Commit::Conflict);
                    }
                }
                return self.inner.commit(&[]).await;
            }
            Ok(match self.inner.commit(&spoiled).await? {
                Commit::Done { at } if self.fault == Fault::ClockCountsSeconds => {
                    Commit::Done { at: Timestamp(at.0 / 1000 * 1000) }
                }
                outcome => outcome,
            })
        })
    }
}

async fn noticed(fault: Fault) -> Vec<&'static str> {
    let open = async || {
        let runtime = Arc::new(VirtualRuntime::new(1));
        let inner = MemoryStore::new(runtime.clone());
        let store = Faulty { inner: inner.clone(), fault, seen: None };
        let seen = (fault == Fault::SecondHandleIsStale).then(Mutex::default);
        StoreUnderTest::new(Arc::new(store), Arc::new(Faulty { inner, fault, seen }), runtime)
    };
    run_all(open).await.into_iter().filter(|(_, outcome)| outcome.is_err()).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn every_fault_is_noticed_by_the_case_that_is_about_it() {
    for (fault, case) in [
        (Fault::BodyIsCutShort, "bodies_come_back_byte_for_byte"),
        (Fault::BodyIsTrimmed, "bodies_come_back_byte_for_byte"),
        (Fault::IdIgnoresCase, "ids_come_back_byte_for_byte_and_are_never_patterns"),
        (Fault::VersionIsNotCompared, "put_over_a_version_needs_exactly_that_version"),
        (Fault::ChecksAreSkipped, "checks_write_nothing_and_stop_a_commit_that_does_not_hold"),
        (Fault::ChecksAreReadBefore, "a_check_holds_until_the_commit"),
        (Fault::EntriesAreCommittedOneByOne, "a_conflict_in_the_last_entry_undoes_all_before_it"),
        (Fault::EntriesAreCommittedOneByOne, "one_of_racing_commits_creates"),
        (Fault::KeyTwiceIsDone, "a_key_twice_in_a_commit_is_refused"),
        (Fault::FirmsArePrefixes, "firms_are_isolated"),
        (Fault::UntilIsIncluded, "a_range_includes_its_beginning_and_excludes_its_end"),
        (Fault::LimitOfOneIsIgnored, "a_limit_cuts_in_the_direction_of_the_scan"),
        (Fault::LimitBeforeOrder, "a_limit_cuts_in_the_direction_of_the_scan"),
        (Fault::OrderIsOfUtf16, "ids_are_ordered_by_their_bytes"),
        (Fault::NotDueIsReturned, "due_records_come_earliest_first_and_only_when_due"),
        (Fault::DueIsOfAllFirms, "a_due_scan_is_of_one_firm_or_of_all"),
        (Fault::DueIsLimitedBeforeItsFirm, "a_due_scan_is_of_one_firm_or_of_all"),
        (Fault::DueIsNotCleared, "a_put_moves_or_clears_due_and_a_delete_ends_it"),
        (Fault::DueInIsAddedToAnotherClock, "due_is_the_time_of_the_commit_plus_due_in"),
        (Fault::ClockCountsSeconds, "the_clock_counts_milliseconds_and_goes_on"),
        (Fault::SecondHandleIsStale, "a_second_handle_sees_every_earlier_commit"),
        (Fault::VersionIsNotCompared, "no_update_is_lost_in_a_race"),
    ] {
        let noticed = noticed(fault).await;
        assert!(noticed.contains(&case), "{fault:?} was noticed by {noticed:?} only, not by {case}");
    }
}

/// Each of them keeps all other promises, so that nothing else speaks for the case.
#[tokio::test]
async fn a_fence_that_is_only_read_is_noticed_by_its_case_alone() {
    assert_eq!(noticed(Fault::ChecksAreReadBefore).await, ["a_check_holds_until_the_commit"]);
    assert_eq!(noticed(Fault::DueIsLimitedBeforeItsFirm).await, ["a_due_scan_is_of_one_firm_or_of_all"]);
}

#[tokio::test]
async fn a_store_without_fault_passes() {
    assert_eq!(noticed(Fault::None).await, Vec::<&str>::new());
}
