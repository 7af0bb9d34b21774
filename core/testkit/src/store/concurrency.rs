//! Cases of several users of one store. Their calls are started together and through both handles;
//! whether they truly run at once is up to the store, so a store that needs more (several
//! processes) adds tests of its own.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::sync::Arc;

use futures_util::future::{join, join_all};

use super::{
    Outcome, StoreUnderTest, all_ids, at_version, commit, done, get, is, key, put, put_due, put_new, same, scan,
};
use casehug_clio::ports::{Commit, Expect, Key, Scan, Store, Write};

/// No caches and no replicas: what one handle has committed the other one reads.
pub async fn a_second_handle_sees_every_earlier_commit(test: &StoreUnderTest) -> Outcome {
    let key = key("second", "one")?;
    let due = Scan::Due { firm: None, collection: "second", limit: 10 };
    done(&*test.store, &[put_due(&key, Expect::Absent, "0", Duration::ZERO)]).await?;
    for n in 0_u32..20 {
        let (writer, reader) =
            if n.is_multiple_of(2) { (&test.store, &test.second) } else { (&test.second, &test.store) };
        let next = (n + 1).to_string();
        done(&**writer, &[put_due(&key, at_version(&n.to_string()), &next, Duration::ZERO)]).await?;
        let found = get(&**reader, &key).await?.map(|record| record.version.0);
        same(&found, &Some(next.clone()), "the version through the other handle")?;
        for what in [&all_ids(&key.firm, "second"), &due] {
            let found: Vec<String> = scan(&**reader, what).await?.into_iter().map(|record| record.version.0).collect();
            same(&found, &vec![next.clone()], "the scanned version through the other handle")?;
        }
    }
    Ok(())
}

/// The lock of every intent: of many that expect it absent, exactly one puts it.
pub async fn one_of_racing_commits_creates(test: &StoreUnderTest) -> Outcome {
    for round in 0..5 {
        let lock = key("race", &format!("lock/{round}"))?;
        let race = (0..16).map(|racer| {
            let (store, lock) = (Arc::clone(if racer % 2 == 0 { &test.store } else { &test.second }), &lock);
            async move {
                let own = key("race", &format!("own/{round}/{racer}"))?;
                let writes = [put_new(&own, "x"), put(lock, Expect::Absent, &racer.to_string(), "x")];
                Ok::<_, String>((racer, commit(&*store, &writes).await?))
            }
        });
        let mut winners = Vec::new();
        for raced in join_all(race).await {
            let (racer, outcome) = raced?;
            let own = get(&*test.store, &key("race", &format!("own/{round}/{racer}"))?).await?;
            let won = matches!(outcome, Commit::Done { .. });
            same(&own.is_some(), &won, "whether the racer's own record is there, and whether it was told so")?;
            if won {
                winners.push(racer.to_string());
            }
        }
        same(&winners.len(), &1, "the number of winners")?;
        let holder = get(&*test.store, &lock).await?.map(|record| record.version.0);
        same(&holder.as_ref(), &winners.first(), "the holder of the lock and the winner")?;
    }
    Ok(())
}

/// Read, add one, commit over the version read, again on conflict: the sum is exact.
pub async fn no_update_is_lost_in_a_race(test: &StoreUnderTest) -> Outcome {
    let counter = key("counter", "one")?;
    done(&*test.store, &[put(&counter, Expect::Absent, "start", "0")]).await?;
    let add_five = |adder: usize| {
        let (store, counter) = (Arc::clone(if adder.is_multiple_of(2) { &test.store } else { &test.second }), &counter);
        async move {
            for turn in 0..5 {
                let mut tries = 0;
                while !add_one(&*store, counter, &format!("{adder}/{turn}")).await? {
                    tries += 1;
                    is(tries < 1000, "1000 conflicts in a row: nobody gets on")?;
                }
            }
            Ok(())
        }
    };
    join_all((0..8).map(add_five)).await.into_iter().collect::<Result<(), String>>()?;
    let sum = get(&*test.store, &counter).await?.map(|record| record.body);
    same(&sum.as_deref(), &Some("40"), "the sum of 40 additions")
}

async fn add_one(store: &dyn Store, counter: &Key, new: &str) -> Result<bool, String> {
    let found = get(store, counter).await?.ok_or("the counter is gone")?;
    others_run().await;
    let sum = found.body.parse::<u32>().map_err(|_| "the counter is not a number")? + 1;
    let add = put(counter, Expect::Version(found.version), new, &sum.to_string());
    Ok(matches!(commit(store, &[add]).await?, Commit::Done { .. }))
}

/// A fence: of two commits that write what the other one checks, one comes first, and then the
/// other's check does not hold. A check that is only read, before the writes or beside them, lets
/// both be done.
pub async fn a_check_holds_until_the_commit(test: &StoreUnderTest) -> Outcome {
    for round in 0..5 {
        for (what, expect) in [("absent", Expect::Absent), ("version", at_version("v1"))] {
            let pairs = (0..4).map(|pair| {
                let (expect, name) = (expect.clone(), format!("{what}/{round}/{pair}"));
                async move { check_each_other(test, &name, &expect).await }
            });
            join_all(pairs).await.into_iter().collect::<Result<(), String>>()?;
        }
    }
    Ok(())
}

async fn check_each_other(test: &StoreUnderTest, name: &str, expect: &Expect) -> Outcome {
    let (a, b) = (key("fence", &format!("{name}/a"))?, key("fence", &format!("{name}/b"))?);
    if let Expect::Version(there) = expect {
        let there = [&a, &b].map(|key| put(key, Expect::Absent, &there.0, "before"));
        done(&*test.store, &there).await?;
    }
    let commit_to = |checked: &Key, written: &Key| {
        let check = Write::Check { key: checked.clone(), expect: expect.clone() };
        [check, put(written, expect.clone(), "v2", "after")]
    };
    let (to_b, to_a) = (commit_to(&a, &b), commit_to(&b, &a));
    let (to_b, to_a) = join(commit(&*test.store, &to_b), commit(&*test.second, &to_a)).await;
    let mut finished = 0;
    for (key, outcome) in [(&b, to_b?), (&a, to_a?)] {
        let won = matches!(outcome, Commit::Done { .. });
        let written = get(&*test.store, key).await?.is_some_and(|record| record.version.0 == "v2");
        same(&written, &won, "whether a racer's record is written, and whether it was told so")?;
        finished += usize::from(won);
    }
    same(&finished, &1, "how many were done of two commits that each check what the other one writes")
}

/// A scan is a moment: two records that are only ever written together are equal in it.
pub async fn a_reader_never_sees_half_a_commit(test: &StoreUnderTest) -> Outcome {
    let (a, b) = (key("half", "a")?, key("half", "b")?);
    done(&*test.store, &[put(&a, Expect::Absent, "0", "0"), put(&b, Expect::Absent, "0", "0")]).await?;
    let writes = async {
        for n in 0_u32..100 {
            let (old, new) = (n.to_string(), (n + 1).to_string());
            done(&*test.store, &[put(&a, at_version(&old), &new, &new), put(&b, at_version(&old), &new, &new)]).await?;
            others_run().await;
        }
        Ok::<_, String>(())
    };
    let reads = async {
        for _ in 0..100 {
            let found = scan(&*test.second, &all_ids(&a.firm, "half")).await?;
            let bodies: Vec<&str> = found.iter().map(|record| record.body.as_str()).collect();
            is(matches!(bodies[..], [a, b] if a == b), &format!("half a commit: {bodies:?}"))?;
            others_run().await;
        }
        Ok(())
    };
    let (written, read) = join(writes, reads).await;
    written.and(read)
}

/// Gives the other futures of a `join` a turn: with a store that is always ready they would run one
/// after the other.
pub(super) async fn others_run() {
    let mut waited = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
