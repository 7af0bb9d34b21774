//! Cases of `get` and `commit`: expectations, all or nothing, and bytes that come back as they
//! were.

use core::time::Duration;

use super::{
    Outcome, StoreUnderTest, all_ids, at_version, commit, conflicts, done, firm, get, is, key, put, put_new, same,
    scan, version,
};
use casehug_clio::ports::{Commit, Expect, Key, Record, Write};

/// Nobody wrote it, so it is not there: `None`, and no error.
pub async fn an_absent_record_is_none(test: &StoreUnderTest) -> Outcome {
    same(&get(&*test.store, &key("absent", "nobody")?).await?, &None, "a record that nobody wrote")
}

/// Key, version, body and the missing due time.
pub async fn a_put_record_is_read_back_whole(test: &StoreUnderTest) -> Outcome {
    let key = key("whole", "one")?;
    done(&*test.store, &[put_new(&key, "{\"n\":1}")]).await?;
    let wanted = Record { key: key.clone(), version: version("v1"), due_at: None, body: String::from("{\"n\":1}") };
    same(&get(&*test.store, &key).await?, &Some(wanted), "the record")
}

/// Each as `get` reads it: of any collection and firm, absent ones as `None`, one that is asked for
/// twice twice, and nothing for nothing.
pub async fn many_are_read_in_the_order_of_their_keys(test: &StoreUnderTest) -> Outcome {
    let (first, second, absent) = (key("many_read", "b")?, key("many_read", "a")?, key("many_read", "c")?);
    let elsewhere = key("many_read_too", "a")?;
    let of_another_firm = Key::new(&firm("firm_many_read")?, "many_read", "a");
    done(&*test.store, &[put_new(&first, "1"), put_new(&second, "'2' {}\u{e9}"), put_new(&elsewhere, "3")]).await?;
    done(&*test.store, &[put_new(&of_another_firm, "4")]).await?;
    let due = Write::Put {
        key: elsewhere.clone(),
        expect: at_version("v1"),
        version: version("v2"),
        due_in: Some(Duration::from_secs(60)),
        body: String::from("3"),
    };
    done(&*test.store, &[due]).await?;
    let keys = [&first, &absent, &of_another_firm, &second, &first, &elsewhere, &absent].map(Key::clone);
    let found = test.store.get_many(&keys).await.map_err(|error| format!("get_many failed: {error}"))?;
    same(&found.len(), &keys.len(), "the number of answers")?;
    for (key, found) in keys.iter().zip(found) {
        same(&found, &get(&*test.store, key).await?, "one of many records")?;
    }
    let none = test.store.get_many(&[]).await.map_err(|error| format!("get_many of nothing failed: {error}"))?;
    same(&none.len(), &0, "the answers to no key")
}

/// `Expect::Absent` is the lock of every intent.
pub async fn put_absent_conflicts_with_a_record(test: &StoreUnderTest) -> Outcome {
    let key = key("put_absent", "one")?;
    done(&*test.store, &[put_new(&key, "first")]).await?;
    let before = get(&*test.store, &key).await?;
    conflicts(&*test.store, &[put(&key, Expect::Absent, "v2", "second")], "the record exists").await?;
    conflicts(&*test.store, &[put(&key, Expect::Absent, "v1", "first")], "the same put again, too").await?;
    same(&get(&*test.store, &key).await?, &before, "the record after the conflicts")
}

/// An older, newer or missing version conflicts; the right one replaces version and body.
pub async fn put_over_a_version_needs_exactly_that_version(test: &StoreUnderTest) -> Outcome {
    let key = key("put_version", "one")?;
    conflicts(&*test.store, &[put(&key, at_version("v1"), "v2", "x")], "there is no record").await?;
    same(&get(&*test.store, &key).await?, &None, "the record after a put over nothing")?;
    done(&*test.store, &[put_new(&key, "first")]).await?;
    conflicts(&*test.store, &[put(&key, at_version("v2"), "v3", "x")], "its version is v1").await?;
    done(&*test.store, &[put(&key, at_version("v1"), "v2", "second")]).await?;
    conflicts(&*test.store, &[put(&key, at_version("v1"), "v3", "x")], "its version is v2 now").await?;
    let found = get(&*test.store, &key).await?.map(|record| (record.version, record.body));
    same(&found, &Some((version("v2"), String::from("second"))), "version and body")
}

/// A delete without the version would undo what it has not seen.
pub async fn delete_needs_the_version_and_removes(test: &StoreUnderTest) -> Outcome {
    let key = key("delete", "one")?;
    let delete = |of| Write::Delete { key: key.clone(), version: version(of) };
    conflicts(&*test.store, &[delete("v1")], "there is no record").await?;
    done(&*test.store, &[put_new(&key, "first")]).await?;
    conflicts(&*test.store, &[delete("v2")], "its version is v1").await?;
    is(get(&*test.store, &key).await?.is_some(), "a conflict deleted the record")?;
    done(&*test.store, &[delete("v1")]).await?;
    same(&get(&*test.store, &key).await?, &None, "the deleted record")?;
    conflicts(&*test.store, &[delete("v1")], "it is gone").await?;
    done(&*test.store, &[put_new(&key, "again")]).await?;
    Ok(())
}

/// A check is a fence: nothing else of the commit happens when it does not hold, and it changes
/// nothing itself.
pub async fn checks_write_nothing_and_stop_a_commit_that_does_not_hold(test: &StoreUnderTest) -> Outcome {
    let (there, nowhere, other) = (key("check", "there")?, key("check", "nowhere")?, key("check", "other")?);
    let check = |key: &_, expect| Write::Check { key: Clone::clone(key), expect };
    done(&*test.store, &[put_new(&there, "fence")]).await?;
    let before = get(&*test.store, &there).await?;
    for (fence, why) in [
        (check(&there, Expect::Absent), "check absent of a record"),
        (check(&there, at_version("v2")), "check of another version"),
        (check(&nowhere, at_version("v1")), "check of a version of no record"),
    ] {
        conflicts(&*test.store, std::slice::from_ref(&fence), why).await?;
        conflicts(&*test.store, &[put_new(&other, "x"), fence.clone()], why).await?;
        conflicts(&*test.store, &[fence, put_new(&other, "x")], why).await?;
        same(&get(&*test.store, &other).await?, &None, "what a fenced commit would have put")?;
    }
    let holding = [check(&there, at_version("v1")), check(&nowhere, Expect::Absent)];
    done(&*test.store, &holding).await?;
    done(&*test.store, &[&holding[..], &[put_new(&other, "x")]].concat()).await?;
    same(&get(&*test.store, &there).await?, &before, "the checked record")?;
    same(&get(&*test.store, &nowhere).await?, &None, "the checked absence")
}

/// Puts, replacements and deletes before a conflict leave no trace.
pub async fn a_conflict_in_the_last_entry_undoes_all_before_it(test: &StoreUnderTest) -> Outcome {
    let firm = key("undo", "x")?.firm;
    let (kept, removed) = (key("undo", "kept")?, key("undo", "removed")?);
    done(&*test.store, &[put_new(&kept, "1"), put_new(&removed, "1")]).await?;
    let before = scan(&*test.store, &all_ids(&firm, "undo")).await?;
    let mut writes =
        vec![put(&kept, at_version("v1"), "v2", "2"), Write::Delete { key: removed.clone(), version: version("v1") }];
    for n in 0..50 {
        writes.push(put_new(&key("undo", &format!("new/{n}"))?, "1"));
    }
    let last = key("undo", "zzz")?;
    for (entry, why) in [
        (put(&last, at_version("v1"), "v2", "1"), "the last put expects a version of nothing"),
        (Write::Delete { key: last.clone(), version: version("v1") }, "the last delete deletes nothing"),
        (Write::Check { key: last.clone(), expect: at_version("v1") }, "the last check does not hold"),
    ] {
        writes.push(entry);
        conflicts(&*test.store, &writes, why).await?;
        writes.pop();
        same(&scan(&*test.store, &all_ids(&firm, "undo")).await?, &before, "the collection after the conflict")?;
    }
    done(&*test.store, &writes).await?;
    same(&scan(&*test.store, &all_ids(&firm, "undo")).await?.len(), &51, "the records once nothing conflicts")
}

/// An error or a conflict, but never a part of it.
pub async fn a_key_twice_in_a_commit_is_refused(test: &StoreUnderTest) -> Outcome {
    let (fresh, there) = (key("twice", "fresh")?, key("twice", "there")?);
    done(&*test.store, &[put_new(&there, "1")]).await?;
    let before = get(&*test.store, &there).await?;
    let replace = put(&there, at_version("v1"), "v2", "2");
    for (writes, what) in [
        (vec![put_new(&fresh, "1"), put_new(&fresh, "1")], "put and put"),
        (vec![put_new(&fresh, "1"), put(&fresh, at_version("v1"), "v2", "2")], "put and put over it"),
        (vec![put_new(&fresh, "1"), Write::Delete { key: fresh.clone(), version: version("v1") }], "put and delete"),
        (vec![replace.clone(), Write::Delete { key: there.clone(), version: version("v2") }], "replace and delete"),
        (vec![replace.clone(), Write::Check { key: there.clone(), expect: at_version("v2") }], "put and check after"),
        (vec![Write::Check { key: there.clone(), expect: at_version("v1") }, replace], "check and put"),
    ] {
        if let Ok(Commit::Done { .. }) = test.store.commit(&writes).await {
            return Err(format!("a commit that names a key twice was done: {what}"));
        }
        same(&get(&*test.store, &fresh).await?, &None, what)?;
        same(&get(&*test.store, &there).await?, &before, what)?;
    }
    Ok(())
}

/// Nothing in the port bounds the number of entries of a commit; a matter of many documents writes
/// hundreds.
pub async fn a_commit_of_many_entries_is_done(test: &StoreUnderTest) -> Outcome {
    let firm = key("many", "x")?.firm;
    let mut writes = Vec::new();
    for n in 0..1000 {
        writes.push(put_new(&key("many", &format!("{n:04}"))?, &n.to_string()));
    }
    done(&*test.store, &writes).await?;
    let found: Vec<_> = scan(&*test.store, &all_ids(&firm, "many")).await?.into_iter().map(|r| r.body).collect();
    same(&found, &(0..1000).map(|n| n.to_string()).collect(), "the bodies of 1000 records")
}

/// It has no expectation that could fail.
pub async fn an_empty_commit_tells_the_time(test: &StoreUnderTest) -> Outcome {
    let first = done(&*test.store, &[]).await?;
    let then = done(&*test.store, &[put_new(&key("empty", "one")?, "1")]).await?;
    is(then.millis_since(first).abs() < 60_000, "an empty commit and the next one differ by a minute")
}

/// No trimming, no escapes, no normalisation, no canonical JSON, whatever the length. NUL is not
/// asked for: core never writes it.
pub async fn bodies_come_back_byte_for_byte(test: &StoreUnderTest) -> Outcome {
    let large = "0123456789abcdé\u{1F5C4}\n".repeat(60_000);
    for (n, body) in [
        "",
        "\u{1}\u{1f}\u{7f}\u{85}",
        " leading and trailing \r\n\t",
        "'single' \"double\" `back` \\slash %s %n ${x} $1 ?1 :a --;",
        "{\"b\":1,  \"a\":1.0, \"a\":2, \"n\":9007199254740993}",
        "\u{1F5C4}\u{10FFFF}\u{FEFF}\u{FFFD}\u{2028}",
        "e\u{301} is not \u{e9}",
        "null",
        "123",
        &large,
    ]
    .iter()
    .enumerate()
    {
        let key = key("body", &n.to_string())?;
        done(&*test.store, &[put_new(&key, body)]).await?;
        let found = get(&*test.store, &key).await?.map(|record| record.body);
        is(found.as_deref() == Some(*body), &format!("body number {n} ({} bytes) came back changed", body.len()))?;
        done(&*test.store, &[put(&key, at_version("v1"), "v2", body)]).await?;
        let found = get(&*test.store, &key).await?.map(|record| record.body);
        is(found.as_deref() == Some(*body), &format!("body number {n} came back changed from a replacement"))?;
    }
    Ok(())
}

/// Ids that differ by case, by a trailing space or by normalisation only, wildcards and quotes, and
/// 512 bytes.
pub async fn ids_come_back_byte_for_byte_and_are_never_patterns(test: &StoreUnderTest) -> Outcome {
    let long = "x".repeat(512);
    let longer_by_last = format!("{}y", "x".repeat(511));
    let astral = "\u{1F5C4}".repeat(128);
    let ids = [
        "a",
        "A",
        "a ",
        " a",
        "%",
        "_",
        "a%",
        "a_",
        "ab",
        "*",
        "a*",
        "[a]",
        "'",
        "\"",
        "'; --",
        "\\",
        "a\\",
        "a/b",
        "a\nb",
        "\u{e9}",
        "e\u{301}",
        "\u{df}",
        "ss",
        "1",
        "01",
        "1.0",
        &long,
        &longer_by_last,
        &astral,
    ];
    for id in ids {
        done(&*test.store, &[put_new(&key("id", id)?, id)]).await.map_err(|error| format!("id {id:?}: {error}"))?;
    }
    for id in ids {
        let found = get(&*test.store, &key("id", id)?).await?.map(|record| (record.key.id, record.body));
        same(&found, &Some((id.to_owned(), id.to_owned())), "the record of an id")?;
    }
    let firm = key("id", "x")?.firm;
    same(&scan(&*test.store, &all_ids(&firm, "id")).await?.len(), &ids.len(), "the number of different ids")
}

/// A version equals itself, byte for byte, and nothing else. It is not a number.
pub async fn versions_are_opaque(test: &StoreUnderTest) -> Outcome {
    let long = "v".repeat(200);
    let versions = ["1", "01", "1.0", " 1", "1 ", "a", "A", "\u{e9}", "e\u{301}", "", "0", "-1", "null", "'", &long];
    let key = key("version", "one")?;
    let mut current = "start";
    done(&*test.store, &[put(&key, Expect::Absent, current, "x")]).await?;
    for next in versions {
        done(&*test.store, &[put(&key, at_version(current), next, "x")]).await?;
        current = next;
        let found = get(&*test.store, &key).await?.map(|record| record.version);
        same(&found, &Some(version(current)), "the version")?;
        for other in versions.into_iter().filter(|other| *other != current) {
            let check = Write::Check { key: key.clone(), expect: at_version(other) };
            if commit(&*test.store, &[check]).await? != Commit::Conflict {
                return Err(format!("version {other:?} was taken for {current:?}"));
            }
        }
    }
    Ok(())
}
