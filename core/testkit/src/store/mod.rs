//! The conformance suite of the [`Store`] port: one suite for every store, those of other languages
//! included.
//!
//! A case is an async function that answers `Err(what went wrong)` instead of panicking, so the
//! same bodies run in two ways:
//!
//! - in Rust, [`store_conformance!`](crate::store_conformance) makes one `#[tokio::test]` of each
//!   case;
//! - a host of another language (a C vtable, a JavaScript object) calls [`run_all`] and prints what
//!   it returns.
//!
//! Every case has collections of its own, so all may share one store, but that store must be empty
//! at the start. What no suite can prove from inside one process is an adapter's own duty: that a
//! done commit survives a power cut.

mod concurrency;
mod due;
#[cfg(test)]
mod faults;
mod records;
mod scans;

use core::time::Duration;
use std::any::Any;
use std::sync::Arc;

use casehug_clio::ports::{Commit, Expect, Key, Order, Record, Runtime, Scan, Store, Version, Write};
use casehug_clio::{FirmId, Timestamp};

/// What a case tells: nothing, or what the store did wrong.
pub type Outcome = Result<(), String>;

/// The store to be tested, two handles of it and the time in which its clock runs.
#[derive(Debug)]
pub struct StoreUnderTest {
    store: Arc<dyn Store>,
    second: Arc<dyn Store>,
    runtime: Arc<dyn Runtime>,
    _guard: Option<Box<dyn Any>>,
}

impl StoreUnderTest {
    /// Two handles of one empty store: two connections or two processes if there are such, or else
    /// the same handle twice. `runtime`'s sleep must let the store's clock go on.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, second: Arc<dyn Store>, runtime: Arc<dyn Runtime>) -> Self {
        Self { store, second, runtime, _guard: None }
    }

    /// Keeps a value (a temporary folder) for as long as the case runs.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any) -> Self {
        self._guard = Some(Box::new(guard));
        self
    }
}

/// The one list of cases; hands it to the macro `$then`, after `$args`.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_store_cases {
    ($then:path, $($args:tt)*) => {
        $then! { ($($args)*)
            records:
                an_absent_record_is_none
                a_put_record_is_read_back_whole
                many_are_read_in_the_order_of_their_keys
                put_absent_conflicts_with_a_record
                put_over_a_version_needs_exactly_that_version
                delete_needs_the_version_and_removes
                checks_write_nothing_and_stop_a_commit_that_does_not_hold
                a_conflict_in_the_last_entry_undoes_all_before_it
                a_key_twice_in_a_commit_is_refused
                a_commit_of_many_entries_is_done
                an_empty_commit_tells_the_time
                bodies_come_back_byte_for_byte
                ids_come_back_byte_for_byte_and_are_never_patterns
                versions_are_opaque;
            scans:
                ids_are_ordered_by_their_bytes
                a_range_includes_its_beginning_and_excludes_its_end
                a_prefix_is_a_range
                a_scan_goes_on_behind_its_last_id
                a_limit_cuts_in_the_direction_of_the_scan
                a_scan_sees_what_is_there_now
                firms_are_isolated
                collections_are_isolated;
            due:
                due_is_the_time_of_the_commit_plus_due_in
                due_records_come_earliest_first_and_only_when_due
                a_due_scan_is_of_one_firm_or_of_all
                a_put_moves_or_clears_due_and_a_delete_ends_it
                the_clock_counts_milliseconds_and_goes_on;
            concurrency:
                a_second_handle_sees_every_earlier_commit
                one_of_racing_commits_creates
                no_update_is_lost_in_a_race
                a_check_holds_until_the_commit
                a_reader_never_sees_half_a_commit;
        }
    };
}

/// Makes a module `store_conformance` with one `#[tokio::test]` per case of [the
/// suite](crate::store). The argument is a function `async fn() -> StoreUnderTest`.
///
/// The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_conformance {
    ($open:path) => {
        mod store_conformance {
            use super::*;
            $crate::__with_store_cases! { $crate::__store_case_tests, $open }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_case_tests {
    (($open:path) $( $module:ident: $( $name:ident )* ; )*) => { $( $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> $crate::testkit::store::Outcome {
            $crate::testkit::store::case::$name(&$open().await).await
        }
    )* )* };
}

macro_rules! run_all {
    (() $( $module:ident: $( $name:ident )* ; )*) => {
        /// Runs every case on a store that `open` gives, one after the other. The result names all
        /// cases, in a fixed order.
        pub async fn run_all(open: impl AsyncFn() -> StoreUnderTest) -> Vec<(&'static str, Outcome)> {
            let mut outcomes = Vec::new();
            $( $( outcomes.push((stringify!($name), $module::$name(&open().await).await)); )* )*
            outcomes
        }

        /// The cases one by one, for [`store_conformance!`](crate::store_conformance).
        #[doc(hidden)]
        pub mod case {
            $( pub use super::$module::{$( $name ),*}; )*
        }
    };
}

__with_store_cases! { run_all, }

fn firm(id: &str) -> Result<FirmId, String> {
    FirmId::new(id).map_err(|error| error.to_string())
}

/// A key of the firm that most cases use.
fn key(collection: &'static str, id: &str) -> Result<Key, String> {
    Ok(Key::new(&firm("firm_conformance")?, collection, id))
}

fn version(version: &str) -> Version {
    Version(version.to_owned())
}

fn put(key: &Key, expect: Expect, new: &str, body: &str) -> Write {
    Write::Put { key: key.clone(), expect, version: version(new), due_in: None, body: body.to_owned() }
}

fn put_new(key: &Key, body: &str) -> Write {
    put(key, Expect::Absent, "v1", body)
}

fn put_due(key: &Key, expect: Expect, new: &str, due_in: Duration) -> Write {
    Write::Put { key: key.clone(), expect, version: version(new), due_in: Some(due_in), body: String::from("due") }
}

fn at_version(of: &str) -> Expect {
    Expect::Version(version(of))
}

fn all_ids(firm: &FirmId, collection: &'static str) -> Scan {
    let (from, until, order) = (String::new(), None, Order::Ascending);
    Scan::Ids { firm: firm.clone(), collection, from, until, order, limit: 10_000 }
}

async fn commit(store: &dyn Store, writes: &[Write]) -> Result<Commit, String> {
    store.commit(writes).await.map_err(|error| format!("commit failed: {error}"))
}

/// Commits what must succeed.
async fn done(store: &dyn Store, writes: &[Write]) -> Result<Timestamp, String> {
    match commit(store, writes).await? {
        Commit::Done { at } => Ok(at),
        Commit::Conflict => Err(String::from("conflict in a commit whose expectations all hold")),
    }
}

/// Commits what must conflict.
async fn conflicts(store: &dyn Store, writes: &[Write], why: &str) -> Outcome {
    match commit(store, writes).await? {
        Commit::Done { .. } => Err(format!("done, but must conflict: {why}")),
        Commit::Conflict => Ok(()),
    }
}

async fn get(store: &dyn Store, key: &Key) -> Result<Option<Record>, String> {
    store.get(key).await.map_err(|error| format!("get failed: {error}"))
}

async fn scan(store: &dyn Store, scan: &Scan) -> Result<Vec<Record>, String> {
    store.scan(scan).await.map_err(|error| format!("scan failed: {error}"))
}

async fn scan_for_ids(store: &dyn Store, what: &Scan) -> Result<Vec<String>, String> {
    Ok(scan(store, what).await?.into_iter().map(|record| record.key.id).collect())
}

fn same<T: PartialEq + core::fmt::Debug>(found: &T, wanted: &T, what: &str) -> Outcome {
    if found == wanted { Ok(()) } else { Err(format!("{what}: found {found:?}, wanted {wanted:?}")) }
}

fn is(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
