//! The conformance suite of the [`TokenStore`] port. Each case uses firms of its own, so all may
//! share one store, but that store must be empty at the start. It runs as tests
//! ([`token_store_conformance!`](crate::token_store_conformance)), or from another language
//! ([`run_all`]).

use std::sync::Arc;

use casehug_clio::ports::{SealedTokens, Swap, TokenStore, Version};
use casehug_clio::{ConnectionId, FirmId};

/// What a case tells: nothing, or what was not as it must be.
pub type Outcome = Result<(), String>;

/// The one list of cases; hands it to the macro `$then`, after `$args`.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_token_store_cases {
    ($then:path, $($args:tt)*) => {
        $then! { ($($args)*)
            nothing_is_loaded_before_the_first_swap
            the_first_swap_expects_nothing
            a_swap_needs_the_current_version
            an_envelope_comes_back_byte_for_byte
            of_racing_swaps_one_wins
            delete_removes_any_version_and_nothing_else
            firms_and_connections_are_apart
        }
    };
}

/// Makes a module `token_store_conformance` with one `#[tokio::test]` per case of [the
/// suite](crate::token_store). The argument is a function `async fn() -> Arc<dyn
/// TokenStore>`.
#[macro_export]
macro_rules! token_store_conformance {
    ($open:path) => {
        mod token_store_conformance {
            use super::*;
            $crate::__with_token_store_cases! { $crate::__token_store_case_tests, $open }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __token_store_case_tests {
    (($open:path) $( $name:ident )*) => { $(
        #[tokio::test]
        async fn $name() -> $crate::testkit::token_store::Outcome {
            $crate::testkit::token_store::$name($open().await.as_ref()).await
        }
    )* };
}

macro_rules! run_all {
    (() $( $name:ident )*) => {
        /// Runs every case on what `open` gives, one after the other. The result names all cases,
        /// in a fixed order.
        pub async fn run_all(open: impl AsyncFn() -> Arc<dyn TokenStore>) -> Vec<(&'static str, Outcome)> {
            vec![$( (stringify!($name), $name(open().await.as_ref()).await) ),*]
        }
    };
}

__with_token_store_cases! { run_all, }

struct Ids {
    firm: FirmId,
    connection: ConnectionId,
}

fn ids(case: &str) -> Result<Ids, String> {
    let firm = FirmId::new(format!("firm_{case}")).map_err(|error| error.to_string())?;
    let connection = ConnectionId::new("con_1").map_err(|error| error.to_string())?;
    Ok(Ids { firm, connection })
}

fn tokens(version: &str, envelope: &str) -> SealedTokens {
    SealedTokens { version: Version(version.to_owned()), envelope: envelope.to_owned() }
}

fn must(condition: bool, what: &str) -> Outcome {
    if condition { Ok(()) } else { Err(what.to_owned()) }
}

async fn load(store: &dyn TokenStore, ids: &Ids) -> Result<Option<SealedTokens>, String> {
    store.load(&ids.firm, &ids.connection).await.map_err(|error| error.to_string())
}

async fn swap(store: &dyn TokenStore, ids: &Ids, expected: Option<&str>, new: SealedTokens) -> Result<Swap, String> {
    let expected = expected.map(|version| Version(version.to_owned()));
    let swapped = store.compare_and_swap(&ids.firm, &ids.connection, expected.as_ref(), new).await;
    swapped.map_err(|error| error.to_string())
}

async fn remove(store: &dyn TokenStore, ids: &Ids) -> Outcome {
    store.delete(&ids.firm, &ids.connection).await.map_err(|error| error.to_string())
}

#[doc(hidden)]
pub async fn nothing_is_loaded_before_the_first_swap(store: &dyn TokenStore) -> Outcome {
    must(load(store, &ids("empty")?).await?.is_none(), "something is there")
}

#[doc(hidden)]
pub async fn the_first_swap_expects_nothing(store: &dyn TokenStore) -> Outcome {
    let ids = ids("first")?;
    let refused = swap(store, &ids, Some("v0"), tokens("v1", "a")).await?;
    must(refused == Swap::Conflict, "a version was expected that never was")?;
    must(load(store, &ids).await?.is_none(), "a refused swap wrote")?;
    must(swap(store, &ids, None, tokens("v1", "a")).await? == Swap::Done, "the first swap was refused")?;
    must(load(store, &ids).await? == Some(tokens("v1", "a")), "the first swap is not there")
}

#[doc(hidden)]
pub async fn a_swap_needs_the_current_version(store: &dyn TokenStore) -> Outcome {
    let ids = ids("versions")?;
    swap(store, &ids, None, tokens("v1", "a")).await?;
    must(
        swap(store, &ids, None, tokens("v2", "b")).await? == Swap::Conflict,
        "an existing envelope was taken for absent",
    )?;
    must(
        swap(store, &ids, Some("v2"), tokens("v2", "b")).await? == Swap::Conflict,
        "the new version was taken for the old",
    )?;
    must(load(store, &ids).await? == Some(tokens("v1", "a")), "a refused swap wrote")?;
    must(swap(store, &ids, Some("v1"), tokens("v2", "b")).await? == Swap::Done, "the right version was refused")?;
    must(
        swap(store, &ids, Some("v1"), tokens("v3", "c")).await? == Swap::Conflict,
        "an outlived version was accepted",
    )?;
    must(load(store, &ids).await? == Some(tokens("v2", "b")), "the envelope is not the last one that was swapped in")
}

#[doc(hidden)]
pub async fn an_envelope_comes_back_byte_for_byte(store: &dyn TokenStore) -> Outcome {
    let ids = ids("bytes")?;
    let long = "x".repeat(64 * 1024);
    let envelopes = ["{\"b\":1,  \"a\":\"\\u0041\"}", " \n", "é\u{1F512}\u{7f}", &long];
    let mut before: Option<String> = None;
    for (index, envelope) in envelopes.into_iter().enumerate() {
        let version = format!("v{index}");
        swap(store, &ids, before.as_deref(), tokens(&version, envelope)).await?;
        must(load(store, &ids).await? == Some(tokens(&version, envelope)), "the envelope came back changed")?;
        before = Some(version);
    }
    Ok(())
}

#[doc(hidden)]
pub async fn of_racing_swaps_one_wins(store: &dyn TokenStore) -> Outcome {
    let ids = &ids("race")?;
    swap(store, ids, None, tokens("v1", "a")).await?;
    let names: Vec<String> = (0..8).map(|index| format!("r{index}")).collect();
    let racers = names.iter().map(|name| swap(store, ids, Some("v1"), tokens(name, name)));
    let outcomes = futures_util::future::try_join_all(racers).await?;
    let winners: Vec<&String> =
        names.iter().zip(&outcomes).filter(|(_, swap)| **swap == Swap::Done).map(|(name, _)| name).collect();
    match winners.as_slice() {
        [winner] => must(load(store, ids).await? == Some(tokens(winner, winner)), "the winner's envelope is not there"),
        _ => Err(format!("{} of 8 racing swaps succeeded", winners.len())),
    }
}

#[doc(hidden)]
pub async fn delete_removes_any_version_and_nothing_else(store: &dyn TokenStore) -> Outcome {
    let gone = ids("delete")?;
    let stays = ids("delete_other")?;
    remove(store, &gone).await?;
    swap(store, &stays, None, tokens("v1", "a")).await?;
    swap(store, &gone, None, tokens("v1", "a")).await?;
    swap(store, &gone, Some("v1"), tokens("v2", "b")).await?;
    remove(store, &gone).await?;
    must(load(store, &gone).await?.is_none(), "a deleted envelope is still there")?;
    remove(store, &gone).await?;
    must(swap(store, &gone, Some("v2"), tokens("v3", "c")).await? == Swap::Conflict, "a deleted version was accepted")?;
    must(load(store, &stays).await? == Some(tokens("v1", "a")), "another firm's envelope was touched")?;
    must(swap(store, &gone, None, tokens("v4", "d")).await? == Swap::Done, "nothing can be stored after a delete")
}

#[doc(hidden)]
pub async fn firms_and_connections_are_apart(store: &dyn TokenStore) -> Outcome {
    let one = ids("apart")?;
    let other_firm = ids("apart_b")?;
    let other_connection =
        Ids { firm: one.firm.clone(), connection: ConnectionId::new("con_2").map_err(|error| error.to_string())? };
    for (ids, envelope) in [(&one, "a"), (&other_firm, "b"), (&other_connection, "c")] {
        must(swap(store, ids, None, tokens("v1", envelope)).await? == Swap::Done, "two connections share an envelope")?;
    }
    for (ids, envelope) in [(&one, "a"), (&other_firm, "b"), (&other_connection, "c")] {
        must(load(store, ids).await? == Some(tokens("v1", envelope)), "another connection's envelope came back")?;
    }
    Ok(())
}
