//! Successes: what is read, what is tolerated, what is not.

use super::{BIG, World, key};
use crate::clio::{
    Contact, MatterStatus, Page, SendOutcome, contacts, documents, lookup, matters, practice_areas, users,
};
use crate::domain::{ClioId, Confidential, Timestamp};
use crate::error::Code;
use crate::ports::Headers;

fn shown(text: &Option<Confidential>) -> Option<&str> {
    text.as_ref().map(Confidential::expose)
}

async fn found(body: &str) -> Page<Contact> {
    World::answering(200, body).call(&contacts::search_email("x")).await.unwrap().value
}

#[tokio::test]
async fn a_contact_is_read_with_all_its_addresses() {
    let page = found(
        r#"{"data":[{"id":9007199254740993,"etag":"\"e\"","type":"Person","first_name":"Jo","last_name":"Neill","created_at":"2026-04-01T08:00:00-04:00","updated_at":"2026-04-01T12:00:00Z","email_addresses":[{"id":1,"address":"a@x"},{"address":"B@X "}],"phone_numbers":[{"number":"(415) 555-0100"}],"unknown":{"deep":[1,{"er":null}]}}]}"#,
    )
    .await;
    assert!(page.next.is_none());
    let contact = &page.items[0];
    assert_eq!(contact.id, ClioId(BIG));
    assert!(contact.is_person());
    assert_eq!((shown(&contact.first_name), shown(&contact.last_name)), (Some("Jo"), Some("Neill")));
    assert_eq!(contact.created_at, Timestamp::parse("2026-04-01T12:00:00Z"));
    assert_eq!(contact.emails().collect::<Vec<_>>(), ["a@x", "B@X "]);
    assert_eq!(contact.phones().collect::<Vec<_>>(), ["(415) 555-0100"]);
}

#[tokio::test]
async fn optional_fields_may_be_absent_null_or_of_another_type() {
    for fields in [
        "",
        r#","type":null,"first_name":null,"created_at":null,"email_addresses":null,"phone_numbers":null"#,
        r#","type":7,"first_name":["x"],"last_name":{"x":1},"created_at":"yesterday","updated_at":1.5,"email_addresses":[],"phone_numbers":[null]"#,
        r#","email_addresses":[{"address":null},{}],"phone_numbers":[{"number":5}]"#,
    ] {
        let page = found(&format!(r#"{{"data":[{{"id":1{fields}}}],"meta":null}}"#)).await;
        let contact = &page.items[0];
        assert_eq!(contact.id, ClioId(1), "{fields}");
        assert!(!contact.is_person(), "{fields}");
        assert_eq!(contact.first_name, None, "{fields}");
        assert_eq!((contact.emails().count(), contact.phones().count()), (0, 0), "{fields}");
    }
}

#[tokio::test]
async fn a_matter_is_read_whatever_its_status_is_called() {
    let body = |status: &str| {
        format!(
            r#"{{"data":{{"id":"9007199254740993","status":{status},"display_number":"1-Neill","client_reference":"2026-7","description":"Jo","client":{{"id":5,"name":"Jo"}},"practice_area":null,"created_at":"2026-04-01T12:00:00Z"}}}}"#
        )
    };
    for (status, expected) in [
        (r#""Open""#, Some(MatterStatus::Open)),
        (r#""pending""#, Some(MatterStatus::Pending)),
        (r#""CLOSED""#, Some(MatterStatus::Closed)),
        (r#""Archived""#, None),
        ("3", None),
    ] {
        let matter = World::answering(200, &body(status)).call(&matters::show(ClioId(BIG))).await.unwrap().value;
        assert_eq!((matter.id, matter.status), (ClioId(BIG), expected));
        assert_eq!((matter.client_id, matter.practice_area_id), (Some(ClioId(5)), None));
        assert_eq!(shown(&matter.client_reference), Some("2026-7"));
    }
    let odd = r#"{"data":{"id":1,"client":[],"practice_area":"none"}}"#;
    let matter = World::answering(200, odd).call(&matters::show(ClioId(1))).await.unwrap().value;
    assert_eq!((matter.client_id, matter.practice_area_id), (None, None));
}

#[tokio::test]
async fn a_document_belongs_to_an_upload_only_with_all_properties_and_the_matter() {
    let properties = |upload: &str, more: &str| {
        format!(
            r#"{{"data":[{{"id":9,{more}"external_properties":[{{"name":"casehug_matter_id","value":"mat_1"}},{{"name":"casehug_document_id","value":"doc_1"}},{{"name":"casehug_upload_id","value":"{upload}"}}],"latest_document_version":{{"uuid":"u-1","fully_uploaded":true}}}}]}}"#
        )
    };
    for (body, ours) in [
        (properties("upl_1", r#""matter":{"id":8},"#), true),
        (properties("upl_1", ""), true),
        (properties("upl_1", r#""matter":{"id":7},"#), false),
        (properties("upl_2", r#""matter":{"id":8},"#), false),
        (r#"{"data":[{"id":9,"matter":{"id":8}}]}"#.to_owned(), false),
    ] {
        let world = World::answering(200, &body);
        let page = world.call(&documents::by_upload(ClioId(8), &key().upload)).await.unwrap().value;
        assert_eq!(page.items[0].is_for(&key(), ClioId(8)), ours, "{body}");
    }
}

#[tokio::test]
async fn a_document_is_finished_only_if_this_very_version_is() {
    for (version, finished) in [
        (r#"{"uuid":"u-1","fully_uploaded":true}"#, true),
        (r#"{"uuid":"u-1","fully_uploaded":"true"}"#, true),
        (r#"{"uuid":"u-1","fully_uploaded":false}"#, false),
        (r#"{"uuid":"u-2","fully_uploaded":true}"#, false),
        (r#"{"uuid":"u-1"}"#, false),
        ("null", false),
    ] {
        let world = World::answering(200, &format!(r#"{{"data":{{"id":9,"latest_document_version":{version}}}}}"#));
        let document = world.call(&documents::finish(ClioId(9), "u-1").unwrap()).await.unwrap().value;
        assert_eq!(document.is_finished("u-1"), finished, "{version}");
    }
}

#[tokio::test]
async fn people_and_practice_areas_are_read_with_what_there_is() {
    let full = r#"{"data":{"id":1,"name":"Ann","email":"ann@firm","account":{"id":9007199254740993,"name":"Firm","state":"active"}}}"#;
    let who = World::answering(200, full).call(&users::who_am_i()).await.unwrap().value;
    assert_eq!((who.id, who.name.as_deref(), who.email.as_deref()), (ClioId(1), Some("Ann"), Some("ann@firm")));
    let account = who.account.unwrap();
    assert_eq!(
        (account.id, account.name.as_deref(), account.state.as_deref()),
        (ClioId(BIG), Some("Firm"), Some("active"))
    );
    let bare =
        World::answering(200, r#"{"data":{"id":1,"account":null}}"#).call(&users::who_am_i()).await.unwrap().value;
    assert_eq!(bare.account, None);

    let list = r#"{"data":[{"id":1,"name":"Family","category":"family"},{"id":2,"name":null}],"meta":{"paging":{}}}"#;
    let areas = World::answering(200, list).call(&practice_areas::list()).await.unwrap().value.items;
    assert_eq!((areas[0].name.as_str(), areas[0].category.as_deref()), ("Family", Some("family")));
    assert_eq!((areas[1].name.as_str(), areas[1].category.as_deref()), ("", None));
    World::answering(200, r#"{"data":[]}"#).call(&lookup::matters()).await.unwrap();
}

#[tokio::test]
async fn an_answer_without_what_makes_it_one_is_unreadable_and_leaves_a_write_in_doubt() {
    let create = matters::create(&matters::NewMatter {
        client: ClioId(1),
        description: "x",
        client_reference: None,
        display_number: None,
        practice_area: None,
    })
    .unwrap();
    for (body, reason) in [
        ("", "not_json"),
        ("{", "not_json"),
        ("[]", "shape"),
        ("{}", "shape"),
        (r#"{"data":null}"#, "shape"),
        (r#"{"data":{"status":"Open"}}"#, "shape"),
        (r#"{"data":{"id":null}}"#, "shape"),
        (r#"{"data":{"id":1.5}}"#, "shape"),
        (r#"{"data":{"id":18446744073709551615}}"#, "shape"),
    ] {
        let failed = World::answering(201, body).call(&create).await.unwrap_err();
        assert_eq!(
            (failed.error.code(), failed.error.get("reason")),
            (Code::ClioAnswerInvalid, Some(reason)),
            "{body}"
        );
        assert_eq!(failed.outcome, SendOutcome::Unknown, "{body}");
        assert_eq!(failed.error.retry(), crate::Retry::LookupFirst, "{body}");
    }
    for body in [r#"{"data":{}}"#, r#"{"data":[{}]}"#, r#"{"data":[{"id":1,"email_addresses":{"address":"a@x"}}]}"#] {
        let failed = World::answering(200, body).call(&contacts::search_email("x")).await.unwrap_err();
        assert_eq!(
            failed.error.code(),
            Code::ClioAnswerInvalid,
            "a list that cannot be read must not pass for empty: {body}"
        );
    }
}

#[tokio::test]
async fn a_success_in_another_type_is_no_success() {
    for (kind, code) in [
        ("text/plain", Code::ClioAnswerInvalid),
        ("application/xml", Code::ClioAnswerInvalid),
        ("text/html; charset=utf-8", Code::FirewallAnswer),
    ] {
        let world = World::new();
        world.http.answer(200, Headers::new().with("Content-Type", kind), r#"{"data":{"id":1}}"#);
        let failed = world.call(&matters::show(ClioId(1))).await.unwrap_err();
        assert_eq!((failed.error.code(), failed.outcome), (code, SendOutcome::Unknown), "{kind}");
    }
    // A login page of a proxy that calls itself JSON.
    let failed = World::answering(200, "\n<!DOCTYPE html><p>log in").call(&matters::show(ClioId(1))).await.unwrap_err();
    assert_eq!(failed.error.code(), Code::FirewallAnswer);
    // No declared type: the body decides.
    let world = World::new();
    world.http.answer(200, Headers::new(), r#"{"data":{"id":1}}"#);
    assert_eq!(world.call(&matters::show(ClioId(1))).await.unwrap().value.id, ClioId(1));
}

#[tokio::test]
async fn clock_and_budget_are_read_from_every_answer() {
    let headers = || {
        Headers::new()
            .with("date", "Wed, 01 Apr 2026 12:00:05 GMT")
            .with("x-ratelimit-limit", "50")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", "1775044860")
    };
    let world = World::new();
    world.http.answer(200, headers(), r#"{"data":{"id":1}}"#);
    world.http.answer(404, headers(), r#"{"error":{"type":"NotFoundError","message":"x"}}"#);
    world.http.answer(
        200,
        Headers::new().with("date", "today").with("x-ratelimit-limit", "many"),
        r#"{"data":{"id":1}}"#,
    );
    let good = world.call(&matters::show(ClioId(1))).await.unwrap();
    let bad = world.call(&matters::show(ClioId(1))).await.unwrap_err();
    for (time, rate) in [(good.clio_time, good.rate), (bad.clio_time, bad.rate)] {
        assert_eq!(time, Timestamp::parse("2026-04-01T12:00:05Z"));
        let rate = rate.unwrap();
        assert_eq!((rate.limit, rate.remaining, rate.reset_unix_secs), (50, 0, 1_775_044_860));
    }
    let garbled = world.call(&matters::show(ClioId(1))).await.unwrap();
    assert_eq!((garbled.clio_time, garbled.rate), (None, None));
}

#[tokio::test]
async fn the_next_page_is_the_very_link_that_clio_gave() {
    // Clio encodes more than is necessary, and in lower case: nothing of it may change.
    let link = "https://app.clio.com/api/v4/contacts.json?fields=id%2Cemail_addresses%7baddress%7d&limit=200&page_token=BAh7CDo%3D%2b~*()'".replace('\'', "");
    let world = World::answering(200, &format!(r#"{{"data":[],"meta":{{"paging":{{"next":"{link}"}},"records":1}}}}"#));
    world.http.json(200, r#"{"data":[{"id":2}],"meta":{"paging":{"previous":"https://evil.example/"}}}"#);
    let first = world.call(&contacts::search_email("x")).await.unwrap().value;
    let second = world.call(&first.next.unwrap()).await.unwrap().value;
    assert_eq!(world.http.last().unwrap().url.as_str(), link);
    assert_eq!(world.http.last().unwrap().max_response, 8 * 1024 * 1024);
    assert_eq!(second.items[0].id, ClioId(2));
    assert!(second.next.is_none());
}

#[tokio::test]
async fn a_next_link_elsewhere_is_refused_and_not_taken_for_the_end() {
    for link in [
        "https://evil.example/api/v4/contacts.json?page_token=x",
        "https://eu.app.clio.com/api/v4/contacts.json",
        "http://app.clio.com/api/v4/contacts.json",
        "https://app.clio.com:8443/api/v4/contacts.json",
        "https://app.clio.com:443/api/v4/contacts.json",
        "https://user@app.clio.com/api/v4/contacts.json",
        "https://app.clio.com@evil.example/api/v4/contacts.json",
        "https://app.clio.com.evil.example/api/v4/contacts.json",
        "https://app.clio.com./api/v4/contacts.json",
        "https://app.clio.com/oauth/authorize",
        "https://app.clio.com/api/v4",
        "https://app.clio.com/api/v4/",
        "https://app.clio.com/api/v4/../../oauth/token",
        "https://app.clio.com/api/v4/%2e%2e/%2e%2e/oauth/token",
        "https://app.clio.com/api/v4/..%2f..%2foauth",
        "https://app.clio.com\\\\api/v4/contacts.json",
        "https://app.clio.com/api/v4/contacts.json#x",
        "https://app.clio.com/api/v4/contacts.json?query=o'neill",
        "https://app.clio.com/api/v4/contacts.json?query=a b",
        "HTTPS://APP.CLIO.COM/api/v4/contacts.json",
        "//app.clio.com/api/v4/contacts.json",
        "/api/v4/contacts.json",
        "file:///etc/passwd",
    ] {
        let world = World::answering(200, &format!(r#"{{"data":[],"meta":{{"paging":{{"next":"{link}"}}}}}}"#));
        let failed = world.call(&contacts::search_email("x")).await.unwrap_err();
        assert_eq!(failed.error.code(), Code::ClioAnswerInvalid, "{link}");
        assert_eq!(failed.error.get("reason"), Some("next_link"), "{link}");
    }
    for end in ["null", "\"\""] {
        let page = found(&format!(r#"{{"data":[],"meta":{{"paging":{{"next":{end}}}}}}}"#)).await;
        assert!(page.next.is_none(), "{end}");
    }
    let failed = World::answering(200, r#"{"data":[],"meta":{"paging":{"next":7}}}"#)
        .call(&contacts::search_email("x"))
        .await
        .unwrap_err();
    assert_eq!(failed.error.code(), Code::ClioAnswerInvalid, "a garbled link must not pass for the end");
}
