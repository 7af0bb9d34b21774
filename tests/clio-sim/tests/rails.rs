//! What Rails and Ruby read that a stricter server would refuse, as other people's clients send it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::{Answer, Rig, read};
use clio_sim::model::shapes::SHAPES;
use serde_json::{Value, json};

fn ids(answer: &Answer) -> Vec<i64> {
    answer.data().as_array().unwrap().iter().map(|record| record["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn every_field_and_every_nested_field_is_taken() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let client = rig.get(&format!("/matters/{matter}?fields=client")).await.data()["client"]["id"].clone();
    let (document, _) = rig.stub(matter, json!({})).await;
    let hook = json!({"url": "https://casehug.example/hook", "model": "matter", "fields": "id"});
    let hook = rig.post("/webhooks", hook).await.expect(201).id();
    let area = rig.get("/practice_areas").await.data()[0]["id"].clone();
    for (shape, path) in [
        ("Contact", format!("/contacts/{client}")),
        ("Matter", format!("/matters/{matter}")),
        ("Document", format!("/documents/{document}")),
        ("PracticeArea", format!("/practice_areas/{area}")),
        ("Webhook", format!("/webhooks/{hook}")),
        ("User", "/users/who_am_i".into()),
    ] {
        let find = |name: &str| SHAPES.iter().find(|shape| shape.name == name).unwrap();
        let mut fields: Vec<String> = find(shape).scalars.split(' ').map(str::to_owned).collect();
        for (name, of, _) in find(shape).nested {
            let inner = find(of).nested.iter().map(|(name, _, _)| *name);
            let inner: Vec<&str> = find(of).scalars.split(' ').chain(inner).collect();
            fields.push(format!("{name}{{{}}}", inner.join(",")));
            rig.get(&format!("{path}?fields={name}")).await.expect(200);
            rig.get(&format!("{path}?fields={name}{{nope}}")).await.refused(400, "InvalidFields");
        }
        rig.get(&format!("{path}?fields={}", fields.join(","))).await.expect(200);
    }
    let newer = "currency{id,code},responsible_staff{name},attorney_allocation{id,responsible_attorney_allocation},\
                 client{id,currency}";
    let shown = rig.get(&format!("/matters/{matter}?fields={newer}")).await.expect(200);
    assert_eq!(shown.data()["currency"], json!({"id": 1, "code": "USD"}));
    assert_eq!(shown.data()["client"]["currency"]["id"], 1);
    assert_eq!(shown.data().get("responsible_staff"), None, "nobody yet");
}

#[tokio::test]
async fn blanks_and_commas_at_an_end_mean_nothing() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let ask = |fields: &str| format!("/matters/{matter}?fields={fields}");
    let plain = rig.get(&ask("id,client{id,name},status")).await.expect(200);
    for same in [
        "id, client{id, name}, status",
        " id ,client { id , name } ,status ",
        "id,client{id,name,},status,",
        "id,client{id,name},status,,",
        "id,client{id,name},status, ",
        "id,%0A%20%20client{id,name},%0A%20%20status",
    ] {
        assert_eq!(rig.get(&ask(same)).await.expect(200).data(), plain.data(), "{same}");
    }
    assert_eq!(rig.get(&ask("%20")).await.expect(200).data(), rig.get(&ask("")).await.data());
    for bad in ["id,,etag", ",id", "client{}", "client{,id}", "client{id}name", "client{id}}", "client{id,company{id}}"]
    {
        rig.get(&ask(bad)).await.refused(400, "InvalidFields");
    }
}

/// A client that follows `next` with its own parameters added sends each twice.
#[tokio::test]
async fn a_parameter_that_is_repeated_counts_once_and_does_not_grow() {
    let rig = Rig::new().await;
    let people: Vec<Value> = (0..5).map(|n| json!({"type": "Person", "first_name": format!("P{n}")})).collect();
    let seeded = rig.control("POST", "seed", json!({"contacts": people})).await.expect(200);
    let all: Vec<i64> = serde_json::from_value(seeded.json["contacts"].clone()).unwrap();
    for order in ["order=id(asc)", "order=id(desc)&offset=0"] {
        let own = format!("fields=id&limit=1&{order}");
        let own = own.strip_suffix("&offset=0").unwrap_or(&own);
        let mut target = format!("/contacts.json?fields=id&limit=1&{order}");
        let (mut found, mut longest) = (Vec::new(), 0);
        loop {
            let page = rig.get(&target).await.expect(200);
            found.extend(ids(&page));
            let Some(next) = page.json["meta"]["paging"]["next"].as_str() else { break };
            assert_eq!(next.matches("fields=").count(), 1, "{next}");
            assert_eq!(next.matches("limit=").count(), 1, "{next}");
            longest = longest.max(next.len());
            target = format!("{}&{own}", next.split_once("/api/v4").unwrap().1);
        }
        found.sort_unstable();
        assert_eq!(found, all, "{order}");
    }
    assert_eq!(ids(&rig.get("/contacts?limit=3&limit=2").await), all[..2], "the last one counts");
    let two = format!("/contacts?limit=1&ids[]={}&ids[]={}", all[1], all[3]);
    let page = rig.get(&two).await.expect(200);
    assert_eq!(ids(&page), all[1..2], "a list is no repetition");
    let next = page.json["meta"]["paging"]["next"].as_str().unwrap().to_owned();
    assert_eq!(next.matches("ids%5B%5D=").count(), 2, "{next}");
    assert_eq!(ids(&rig.get(next.split_once("/api/v4").unwrap().1).await), all[3..4]);
}

#[tokio::test]
async fn flags_are_cast_as_rails_casts_them() {
    let rig = Rig::new().await;
    rig.person("Ada", "Byron").await;
    let known = json!({"type": "Person", "first_name": "B", "email_addresses": [{"address": "b@example.test"}]});
    rig.post("/contacts", known).await.expect(201);
    // `False`, as Python writes it, is not among the words that Rails knows for false.
    for (text, hits) in [
        ("true", 1),
        ("True", 1),
        ("1", 1),
        ("t", 1),
        ("yes", 1),
        ("False", 1),
        ("false", 2),
        ("FALSE", 2),
        ("0", 2),
        ("f", 2),
        ("off", 2),
        ("", 2),
    ] {
        let found = rig.get(&format!("/contacts?email_only={text}")).await.expect(200);
        assert_eq!(ids(&found).len(), hits, "{text}");
    }
    let client = rig.person("C", "D").await;
    for (value, billable) in [(json!(0), false), (json!("0"), false), (json!("False"), true), (json!(1), true)] {
        let data = json!({"client": {"id": client}, "description": "X", "billable": value});
        let made = rig.post("/matters?fields=billable", data).await.expect(201);
        assert_eq!(made.data()["billable"], billable, "{value}");
    }
    for value in [json!("True"), json!(1), json!("1")] {
        let (id, version) = rig.stub(rig.matter().await, json!({})).await;
        rig.put(&version, b"x".to_vec()).await.expect(200);
        let done = json!({"uuid": version["uuid"], "fully_uploaded": value});
        rig.patch(&format!("/documents/{id}"), done).await.expect(200);
    }
}

#[tokio::test]
async fn times_without_an_offset_are_the_firms_and_dates_are_days() {
    // Four hours behind UTC.
    let rig = Rig::new().await;
    let at = 1_764_000_000_000_i64;
    let person = json!({"type": "Person", "first_name": "A", "created_at_ms": at});
    rig.control("POST", "seed", json!({"contacts": [person]})).await.expect(200);
    // 2025-11-24T16:00:00Z
    for (since, hits) in [
        ("2025-11-24T16:00:00Z", 1),
        ("2025-11-24T12:00:00-04:00", 1),
        ("2025-11-24T12:00:00", 1),
        ("2025-11-24%2012:00:00", 1),
        ("2025-11-24T12:00", 1),
        ("2025-11-24T12:00:00.000000", 1),
        ("2025-11-24T12:00:01", 0),
        ("2025-11-24T16:00:00", 0),
        ("2025-11-24", 1),
        ("2025-11-25", 0),
    ] {
        let found = rig.get(&format!("/contacts?created_since={since}")).await.expect(200);
        assert_eq!(ids(&found).len(), hits, "{since}");
    }
    for bad in ["yesterday", "2025-11-24T12:00:00+04:00", "24.11.2025", "2025-13-01"] {
        rig.get(&format!("/contacts?created_since={bad}")).await.refused(400, "ArgumentError");
    }
    let data = json!({"client": {"id": rig.person("C", "D").await}, "description": "X",
                      "open_date": "2025-11-24T00:00:00", "close_date": "2025-11-25T09:00:00.123456"});
    let made = rig.post("/matters?fields=open_date,close_date", data).await.expect(201);
    assert_eq!(made.data(), &json!({"open_date": "2025-11-24", "close_date": "2025-11-25"}));
}

#[tokio::test]
async fn a_name_alone_makes_a_person() {
    let rig = Rig::new().await;
    let fields = "/contacts?fields=name,first_name,middle_name,last_name";
    for (name, parts) in [
        ("Ada Byron", json!({"name": "Ada Byron", "first_name": "Ada", "last_name": "Byron"})),
        (
            " Ada  Augusta King Byron ",
            json!({"name": "Ada Augusta King Byron", "first_name": "Ada", "middle_name": "Augusta King", "last_name": "Byron"}),
        ),
        ("Cher", json!({"name": "Cher", "first_name": "Cher"})),
    ] {
        let made = rig.post(fields, json!({"type": "Person", "name": name})).await.expect(201);
        assert_eq!(made.data(), &parts);
    }
    for blank in [json!(" "), json!(null), json!("")] {
        rig.post(fields, json!({"type": "Person", "name": blank})).await.refused(422, "ArgumentError");
    }
    let both = json!({"type": "Person", "name": "Somebody Else", "first_name": "Ada", "last_name": "Byron"});
    let made = rig.post("/contacts?fields=id,name", both).await.expect(201);
    assert_eq!(made.data()["name"], "Ada Byron", "beside the parts it says nothing");
    let path = format!("/contacts/{}?fields=name,last_name", made.id());
    let renamed = rig.patch(&path, json!({"name": "Ada Lovelace"})).await.expect(200);
    assert_eq!(renamed.data(), &json!({"name": "Ada Lovelace", "last_name": "Lovelace"}));
    let company = json!({"type": "Company", "name": "Babbage & Co"});
    assert_eq!(rig.post(fields, company).await.expect(201).data(), &json!({"name": "Babbage & Co"}));
}

#[tokio::test]
async fn people_of_a_matter_are_users() {
    let rig = Rig::new().await;
    let client = rig.person("Ada", "Byron").await;
    let users = rig.get("/users.json?fields=id,name").await.expect(200);
    let (me, name) = (&users.data()[0]["id"], &users.data()[0]["name"]);
    assert_eq!(rig.get(&format!("/users/{me}.json?fields=name")).await.expect(200).data()["name"], *name);
    let data = json!({"client": {"id": client}, "description": "X", "responsible_staff": {"id": me}});
    let made = rig.post("/matters?fields=id,responsible_staff{name},responsible_attorney", data).await.expect(201);
    assert_eq!(made.data()["responsible_staff"]["name"], *name);
    assert_eq!(made.data().get("responsible_attorney"), None);
    assert_eq!(ids(&rig.get(&format!("/matters?responsible_staff_id={me}")).await), [made.id()]);
    assert_eq!(ids(&rig.get(&format!("/matters?responsible_attorney_id={me}")).await), [0; 0]);
    let path = format!("/matters/{}?fields=responsible_staff", made.id());
    assert_eq!(rig.patch(&path, json!({"responsible_staff": null})).await.expect(200).data(), &json!({}));
    let stranger = json!({"client": {"id": client}, "description": "X", "responsible_attorney": {"id": 1}});
    rig.post("/matters", stranger).await.refused(404, "NotFoundError");
}

/// A 404 would say that Clio has no such record.
#[tokio::test]
async fn what_is_not_simulated_says_so_with_its_path() {
    let rig = Rig::new().await;
    for (method, path) in [
        ("GET", "/api/v4/tasks.json"),
        ("GET", "/api/v4/nope"),
        ("GET", "/api/v4/contacts/1/email_addresses.json"),
        ("GET", "/api/v4/documents/1/download.json"),
        ("POST", "/api/v4/users.json"),
        ("PATCH", "/api/v4/custom_fields/1"),
        ("DELETE", "/api/v4/contacts.json"),
        ("GET", "/"),
        ("GET", "/api/v5/contacts.json"),
    ] {
        let answer = read(rig.request(method, path).send().await.unwrap()).await.refused(501, "NotSimulatedError");
        assert!(
            answer.json["error"]["message"].as_str().unwrap().contains(&format!("{method} {path}")),
            "{}",
            answer.text
        );
    }
}
