//! Cases of the store's clock and of due records.

use core::time::Duration;

use super::{
    Outcome, StoreUnderTest, at_version, done, firm, get, is, key, put, put_due, same, scan, scan_for_ids, version,
};
use casehug_clio::FirmId;
use casehug_clio::ports::{Expect, Key, Scan, Write};

const HOUR: Duration = Duration::from_secs(3600);

fn due(firm: Option<&FirmId>, collection: &'static str, limit: usize) -> Scan {
    Scan::Due { firm: firm.cloned(), collection, limit }
}

/// One clock: the time that a commit tells is the one that `due_in` was added to, in `get` and in
/// scans.
pub async fn due_is_the_time_of_the_commit_plus_due_in(test: &StoreUnderTest) -> Outcome {
    for (id, due_in) in [
        ("now", Duration::ZERO),
        ("ms", Duration::from_millis(1)),
        ("odd", Duration::from_millis(12_345_678)),
        ("far", Duration::from_secs(86_400 * 3650)),
    ] {
        let key = key("due_base", id)?;
        let at = done(&*test.store, &[put_due(&key, Expect::Absent, "v1", due_in)]).await?;
        let found = get(&*test.store, &key).await?.and_then(|record| record.due_at);
        same(&found, &Some(at + due_in), &format!("due of {id:?}, which commit time plus due_in is"))?;
        let found = scan(&*test.store, &super::all_ids(&key.firm, "due_base")).await?;
        let found = found.into_iter().find(|record| record.key == key).and_then(|record| record.due_at);
        same(&found, &Some(at + due_in), &format!("due of {id:?} in a scan by id"))?;
    }
    Ok(())
}

/// A record that is due at once is found at once; one that is not due yet is found when its time
/// has come.
pub async fn due_records_come_earliest_first_and_only_when_due(test: &StoreUnderTest) -> Outcome {
    let key_of = |id| key("due_order", id);
    done(&*test.store, &[put(&key_of("never")?, Expect::Absent, "v1", "x")]).await?;
    done(&*test.store, &[put_due(&key_of("later")?, Expect::Absent, "v1", HOUR)]).await?;
    let soon = Duration::from_millis(1500);
    let two = [
        put_due(&key_of("a_soon")?, Expect::Absent, "v1", soon),
        put_due(&key_of("z_now")?, Expect::Absent, "v1", Duration::ZERO),
    ];
    let started = test.runtime.monotonic();
    done(&*test.store, &two).await?;
    let found = scan_for_ids(&*test.store, &due(None, "due_order", 10)).await?;
    if started.until(test.runtime.monotonic()) < soon {
        same(&found, &vec![String::from("z_now")], "due at once")?;
    }
    test.runtime.sleep(soon + Duration::from_millis(100)).await;
    let found = scan_for_ids(&*test.store, &due(None, "due_order", 10)).await?;
    same(&found, &vec![String::from("z_now"), String::from("a_soon")], "due after a while, earliest first")?;
    let found = scan_for_ids(&*test.store, &due(None, "due_order", 1)).await?;
    same(&found, &vec![String::from("z_now")], "the earliest one")?;
    let found = scan_for_ids(&*test.store, &due(None, "due_order", 0)).await?;
    same(&found, &Vec::new(), "none, because of the limit")?;
    same(&scan(&*test.store, &due(None, "due_order", usize::MAX)).await?.len(), &2, "due with a limit beyond an i64")
}

/// The worker asks over all firms; a firm's own view asks for one.
pub async fn a_due_scan_is_of_one_firm_or_of_all(test: &StoreUnderTest) -> Outcome {
    let firms = [firm("f")?, firm("f1")?, firm("F")?];
    for firm in &firms {
        let (key, other) = (Key::new(firm, "due_firms", "job"), Key::new(firm, "due_firms_other", "job"));
        let both = [
            put_due(&key, Expect::Absent, "v1", Duration::ZERO),
            put_due(&other, Expect::Absent, "v1", Duration::ZERO),
        ];
        done(&*test.store, &both).await?;
    }
    for firm in &firms {
        let found: Vec<_> = scan(&*test.store, &due(Some(firm), "due_firms", 10)).await?;
        let found: Vec<Key> = found.into_iter().map(|record| record.key).collect();
        same(&found, &vec![Key::new(firm, "due_firms", "job")], "due of one firm")?;
        // What is due of others, before it or after it, takes none of its room.
        let found = scan(&*test.store, &due(Some(firm), "due_firms", 1)).await?;
        let found: Vec<Key> = found.into_iter().map(|record| record.key).collect();
        same(&found, &vec![Key::new(firm, "due_firms", "job")], "due of one firm, limit 1")?;
    }
    let mut found: Vec<_> =
        scan(&*test.store, &due(None, "due_firms", 10)).await?.into_iter().map(|record| record.key.firm).collect();
    found.sort_unstable();
    let mut wanted = firms.to_vec();
    wanted.sort_unstable();
    same(&found, &wanted, "due of all firms")?;
    same(&scan(&*test.store, &due(Some(&firm("g")?), "due_firms", 10)).await?, &Vec::new(), "due of another firm")
}

/// Due belongs to the put: a put without it clears it.
pub async fn a_put_moves_or_clears_due_and_a_delete_ends_it(test: &StoreUnderTest) -> Outcome {
    let key_of = |id| key("due_moves", id);
    let (cleared, moved, removed) = (key_of("cleared")?, key_of("moved")?, key_of("removed")?);
    for key in [&cleared, &moved, &removed] {
        done(&*test.store, &[put_due(key, Expect::Absent, "v1", Duration::ZERO)]).await?;
    }
    same(&scan(&*test.store, &due(None, "due_moves", 10)).await?.len(), &3, "due before")?;
    let changes = [
        put(&cleared, at_version("v1"), "v2", "x"),
        put_due(&moved, at_version("v1"), "v2", HOUR),
        Write::Delete { key: removed.clone(), version: version("v1") },
    ];
    let at = done(&*test.store, &changes).await?;
    same(&scan(&*test.store, &due(None, "due_moves", 10)).await?, &Vec::new(), "due after")?;
    same(&get(&*test.store, &cleared).await?.and_then(|record| record.due_at), &None, "the cleared due")?;
    same(&get(&*test.store, &moved).await?.and_then(|record| record.due_at), &Some(at + HOUR), "the moved due")?;
    done(&*test.store, &[put_due(&moved, at_version("v2"), "v3", Duration::ZERO)]).await?;
    same(&scan(&*test.store, &due(None, "due_moves", 10)).await?.len(), &1, "due again")
}

/// A clock of seconds, one in microseconds and one that stands still are all wrong; so is one that
/// jumps back.
pub async fn the_clock_counts_milliseconds_and_goes_on(test: &StoreUnderTest) -> Outcome {
    let mut last = done(&*test.store, &[]).await?;
    is((1_600_000_000_000..4_100_000_000_000).contains(&last.0), "the clock does not count milliseconds since 1970")?;
    for n in 0..10 {
        test.runtime.sleep(Duration::from_millis(60)).await;
        let at = done(&*test.store, &[put(&key("clock", &n.to_string())?, Expect::Absent, "v1", "x")]).await?;
        let passed = at.millis_since(last);
        is((20..30_000).contains(&passed), &format!("the clock moved by {passed} ms in 60 ms"))?;
        last = at;
    }
    Ok(())
}
