//! Cases of scans by id: order, ranges, limits, isolation.

use super::{
    Outcome, StoreUnderTest, all_ids, at_version, done, firm, get, key, put, put_new, same, scan, scan_for_ids, version,
};
use casehug_clio::ports::{Key, Order, Scan, Write};

fn range(
    collection: &'static str,
    from: &str,
    until: Option<&str>,
    order: Order,
    limit: usize,
) -> Result<Scan, String> {
    let (from, until) = (from.to_owned(), until.map(str::to_owned));
    Ok(Scan::Ids { firm: key(collection, "x")?.firm, collection, from, until, order, limit })
}

async fn put_all(test: &StoreUnderTest, collection: &'static str, ids: &[&str]) -> Outcome {
    for id in ids {
        done(&*test.store, &[put_new(&key(collection, id)?, id)]).await?;
    }
    Ok(())
}

/// Not by locale, not by UTF-16: `Z` before `a` before `é` before U+FFFD before U+1F5C4.
pub async fn ids_are_ordered_by_their_bytes(test: &StoreUnderTest) -> Outcome {
    let mut ids =
        ["a", "Z", "\u{e9}", "B", "b", "a-b", "ab", "a b", "10", "9", "_", "\u{1F5C4}", "\u{FFFD}", "~", "aa", "A"];
    put_all(test, "bytes", &ids).await?;
    ids.sort_unstable();
    let wanted: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
    let found = scan_for_ids(&*test.store, &range("bytes", "", None, Order::Ascending, 100)?).await?;
    same(&found, &wanted, "ascending")?;
    let mut found = scan_for_ids(&*test.store, &range("bytes", "", None, Order::Descending, 100)?).await?;
    found.reverse();
    same(&found, &wanted, "descending, reversed")?;
    let found = scan_for_ids(&*test.store, &range("bytes", "Z", Some("\u{FFFD}"), Order::Ascending, 100)?).await?;
    let inside: Vec<String> = wanted.into_iter().filter(|id| id.as_str() >= "Z" && id.as_str() < "\u{FFFD}").collect();
    same(&found, &inside, "from Z until U+FFFD")
}

/// `from <= id < until`, in both directions.
pub async fn a_range_includes_its_beginning_and_excludes_its_end(test: &StoreUnderTest) -> Outcome {
    put_all(test, "range", &["a", "b", "c", "d"]).await?;
    for (from, until, wanted) in [
        ("b", Some("d"), "bc"),
        ("b", None, "bcd"),
        ("", Some("c"), "ab"),
        ("", None, "abcd"),
        ("b", Some("b"), ""),
        ("d", Some("b"), ""),
        ("", Some(""), ""),
        ("aa", Some("cc"), "bc"),
        ("e", None, ""),
        ("d", Some("z"), "d"),
    ] {
        let what = format!("from {from:?} until {until:?}");
        let found = scan_for_ids(&*test.store, &range("range", from, until, Order::Ascending, 100)?).await?;
        same(&found.concat().as_str(), &wanted, &what)?;
        let mut found = scan_for_ids(&*test.store, &range("range", from, until, Order::Descending, 100)?).await?;
        found.reverse();
        same(&found.concat().as_str(), &wanted, &format!("{what}, descending"))?;
    }
    Ok(())
}

/// All ids below `p/` are those from `p/` until `p0`, whatever comes after the slash.
pub async fn a_prefix_is_a_range(test: &StoreUnderTest) -> Outcome {
    let below = ["p/", "p/ ", "p/0", "p/~", "p/\u{7f}", "p/\u{10FFFF}", "p/%"];
    put_all(test, "prefix", &below).await?;
    put_all(test, "prefix", &["p", "p.", "p0", "pp/1", "P/1", "p-1", "%/1", "_/1"]).await?;
    let mut found = scan_for_ids(&*test.store, &range("prefix", "p/", Some("p0"), Order::Ascending, 100)?).await?;
    found.sort_unstable();
    let mut wanted: Vec<String> = below.iter().map(|&id| id.to_owned()).collect();
    wanted.sort_unstable();
    same(&found, &wanted, "ids below p/")
}

/// As core reads one page after the other: every id once, also one that begins with another.
pub async fn a_scan_goes_on_behind_its_last_id(test: &StoreUnderTest) -> Outcome {
    let all = ["a", "a\u{1}", "a ", "aa", "b"];
    put_all(test, "pages", &all).await?;
    let (mut from, mut found) = (String::new(), Vec::new());
    for _ in all {
        let page = scan_for_ids(&*test.store, &range("pages", &from, None, Order::Ascending, 1)?).await?;
        from = page.last().map(|id| Scan::behind(id)).unwrap_or_default();
        found.extend(page);
    }
    same(&found, &all.map(str::to_owned).to_vec(), "pages of one id")
}

/// None, one, some, all, and a limit that does not fit into an i64.
pub async fn a_limit_cuts_in_the_direction_of_the_scan(test: &StoreUnderTest) -> Outcome {
    put_all(test, "limit", &["a", "b", "c"]).await?;
    for (limit, ascending, descending) in
        [(0, "", ""), (1, "a", "c"), (2, "ab", "cb"), (3, "abc", "cba"), (4, "abc", "cba"), (usize::MAX, "abc", "cba")]
    {
        let found = scan_for_ids(&*test.store, &range("limit", "", None, Order::Ascending, limit)?).await?;
        same(&found.concat().as_str(), &ascending, &format!("ascending, limit {limit}"))?;
        let found = scan_for_ids(&*test.store, &range("limit", "", None, Order::Descending, limit)?).await?;
        same(&found.concat().as_str(), &descending, &format!("descending, limit {limit}"))?;
    }
    let found = scan_for_ids(&*test.store, &range("limit", "b", None, Order::Descending, 1)?).await?;
    same(&found.concat().as_str(), &"c", "descending from b, limit 1")
}

/// Whole records, as they are after replacements and deletes.
pub async fn a_scan_sees_what_is_there_now(test: &StoreUnderTest) -> Outcome {
    put_all(test, "now", &["a", "b", "c"]).await?;
    let (b, c) = (key("now", "b")?, key("now", "c")?);
    done(&*test.store, &[put(&b, at_version("v1"), "v2", "B"), Write::Delete { key: c, version: version("v1") }])
        .await?;
    let found = scan(&*test.store, &all_ids(&b.firm, "now")).await?;
    let by_get = [get(&*test.store, &key("now", "a")?).await?, get(&*test.store, &b).await?];
    same(&found.iter().cloned().map(Some).collect::<Vec<_>>(), &by_get.to_vec(), "the records of the scan and of get")?;
    same(&found.get(1).map(|record| record.body.as_str()), &Some("B"), "the replaced body")
}

/// Equal keys of two firms are two records, and no range reaches a firm with a similar id.
pub async fn firms_are_isolated(test: &StoreUnderTest) -> Outcome {
    let firms = ["f", "f1", "f-1", "F", "f.", "f:1", "ff", "e", "g"];
    for id in firms {
        let firm = firm(id)?;
        let (same_id, own_id) = (Key::new(&firm, "firms", "same"), Key::new(&firm, "firms", format!("own/{id}")));
        done(&*test.store, &[put_new(&same_id, id), put_new(&own_id, id)]).await?;
    }
    let outsider = firm("f_without_records")?;
    same(&scan(&*test.store, &all_ids(&outsider, "firms")).await?, &Vec::new(), "a firm without records")?;
    same(&get(&*test.store, &Key::new(&outsider, "firms", "same")).await?, &None, "a record of another firm")?;
    for id in firms {
        let firm = firm(id)?;
        let same_id = Key::new(&firm, "firms", "same");
        let found = get(&*test.store, &same_id).await?.map(|record| (record.key, record.body));
        same(&found, &Some((same_id.clone(), id.to_owned())), "the firm's own record")?;
        for order in [Order::Ascending, Order::Descending] {
            let (firm, from) = (firm.clone(), String::new());
            let everything = Scan::Ids { firm, collection: "firms", from, until: None, order, limit: 100 };
            let found = scan(&*test.store, &everything).await?;
            same(&found.len(), &2, "the number of the firm's records")?;
            for record in found {
                same(&(record.key.firm.as_str(), record.body.as_str()), &(id, id), "a scanned record")?;
            }
        }
    }
    let (f, f1) = (Key::new(&firm("f")?, "firms", "same"), Key::new(&firm("f1")?, "firms", "same"));
    done(&*test.store, &[Write::Delete { key: f.clone(), version: version("v1") }]).await?;
    same(&get(&*test.store, &f1).await?.is_some(), &true, "the record of f1 after that of f was deleted")
}

/// Equal ids of two collections are two records.
pub async fn collections_are_isolated(test: &StoreUnderTest) -> Outcome {
    let all = ["part", "part_2", "par", "Part", "part-key"];
    for collection in all {
        done(&*test.store, &[put_new(&key(collection, "same")?, collection)]).await?;
    }
    for collection in all {
        let found = scan(&*test.store, &range(collection, "", None, Order::Ascending, 100)?).await?;
        let found: Vec<_> = found.iter().map(|record| (record.key.collection, record.body.as_str())).collect();
        same(&found, &vec![(collection, collection)], "the records of a collection")?;
    }
    Ok(())
}
