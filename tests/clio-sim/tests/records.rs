//! Contacts, matters, practice areas and webhooks: what Clio accepts, drops, refuses and finds
//! again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::{Answer, Rig, read};
use serde_json::{Value, json};

const CONTACT: &str = "id,etag,name,first_name,last_name,type,primary_email_address,primary_phone_number,is_client,\
    created_at,updated_at,email_addresses{id,address,primary,name},phone_numbers{number,name,primary},\
    addresses{street,city,name},company{id,name},web_sites,folder";

fn ids(answer: &Answer) -> Vec<i64> {
    answer.data().as_array().unwrap().iter().map(|record| record["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_person_needs_a_first_or_last_name() {
    let rig = Rig::new().await;
    for bad in [
        json!({"first_name": "Ada"}),
        json!({"type": "person", "first_name": "Ada"}),
        json!({"type": "Person"}),
        json!({"type": "Company"}),
        json!({"type": "Person", "first_name": {"a": 1}}),
        json!({"type": "Person", "first_name": "A", "date_of_birth": "1.1.1990"}),
        json!({"type": "Person", "first_name": "A", "email_addresses": [{"name": "Private", "address": "a@b.c"}]}),
        json!({"type": "Person", "first_name": "A", "addresses": [{"name": "Cabin", "city": "X"}]}),
        json!({"type": "Person", "first_name": "A", "phone_numbers": [{"name": "Cell", "number": "1"}]}),
        json!({"type": "Person", "first_name": "A", "email_addresses": "a@b.c"}),
    ] {
        rig.post("/contacts", bad).await.refused(422, "ArgumentError");
    }
    assert_eq!(rig.state().await["contacts"], json!([]));
    for good in [
        json!({"type": "Person", "first_name": "Ada"}),
        json!({"type": "Person", "last_name": "Byron", "nonsense": 1, "billing_method": "flat"}),
        json!({"type": "Company", "name": "Engines Ltd"}),
    ] {
        rig.post(&format!("/contacts.json?fields={CONTACT}"), good).await.expect(201);
    }
}

#[tokio::test]
async fn emails_go_in_with_one_word_and_come_out_with_another() {
    let rig = Rig::new().await;
    let data = json!({
        "type": "Person", "first_name": "Ada", "last_name": "Byron", "date_of_birth": "1815-12-10",
        "email_addresses": [{"address": "old@x.org"}, {"name": "Work", "address": "ada@x.org", "default_email": true}],
        "phone_numbers": [{"name": "Mobile", "number": "+15550001111", "default_number": true}],
        "addresses": [{"name": "Home", "street": "1 Main St", "city": "Boston"}],
    });
    let made = rig.post(&format!("/contacts.json?fields={CONTACT}"), data.clone()).await.expect(201);
    let contact = made.data();
    assert_eq!(contact["primary_email_address"], "ada@x.org");
    assert_eq!(contact["email_addresses"][0]["primary"], false);
    assert_eq!(contact["email_addresses"][1]["primary"], true);
    assert_eq!(contact["phone_numbers"][0]["name"], "Personal");
    assert!(contact["created_at"].as_str().unwrap().ends_with("-04:00"));
    let path = format!("/contacts/{}?fields={CONTACT}", made.id());
    let added = rig.patch(&path, json!({"email_addresses": [{"address": "third@x.org"}]})).await.expect(200);
    assert_eq!(added.data()["email_addresses"].as_array().unwrap().len(), 3, "a bare email is added, not replaced");
    let first = &added.data()["email_addresses"][1]["id"];
    let gone = rig.patch(&path, json!({"email_addresses": [{"id": first, "_destroy": true}]})).await.expect(200);
    assert_eq!(gone.data()["email_addresses"].as_array().unwrap().len(), 2);
    rig.post("/contacts", data).await.expect(201);
    let loose = Rig::with(|config| config.strict_contract = false).await;
    let data = json!({"type": "Person", "first_name": "A", "phone_numbers": [{"name": "Mobile", "number": "1"}]});
    let body = json!({"data": data});
    let request = loose.request("POST", "/api/v4/contacts?fields=last_name,phone_numbers{name}").json(&body);
    let made = read(request.send().await.unwrap()).await.expect(201);
    assert_eq!(made.data(), &json!({"last_name": null, "phone_numbers": [{"name": "Mobile"}]}));
}

#[tokio::test]
async fn the_twenty_first_is_refused() {
    let rig = Rig::new().await;
    for (list, item) in [
        ("email_addresses", json!({"address": "a@x.org"})),
        ("phone_numbers", json!({"number": "1"})),
        ("addresses", json!({"city": "Boston"})),
    ] {
        let many = |n: usize| json!({"type": "Person", "first_name": "A", list: vec![item.clone(); n]});
        let made = rig.post("/contacts", many(20)).await.expect(201);
        rig.post("/contacts", many(21)).await.refused(422, "ArgumentError");
        rig.patch(&format!("/contacts/{}", made.id()), json!({list: [item]})).await.refused(422, "ArgumentError");
    }
}

#[tokio::test]
async fn query_is_a_wildcard_over_almost_everything() {
    let rig = Rig::new().await;
    let seeded = rig
        .control(
            "POST",
            "seed",
            json!({
                "contacts": [
                    {"type": "Person", "first_name": "Ada", "last_name": "Byron",
                     "email_addresses": [{"address": "ADA@x.org"}]},
                    {"type": "Person", "first_name": "Bob", "last_name": "Notada@x.org"},
                    {"type": "Company", "name": "Engines Ltd", "web_sites": [{"address": "https://ada@x.org.example"}]},
                    {"type": "Person", "first_name": "Cy", "phone_numbers": [{"number": "+1 555 0199"}],
                     "addresses": [{"city": "Ashford"}]},
                ],
                "matters": [{"client_index": 3, "description": "The ada@x.org affair", "client_reference": "CH-77"}],
            }),
        )
        .await
        .expect(200);
    let known: Vec<i64> = serde_json::from_value(seeded.json["contacts"].clone()).unwrap();
    assert_eq!(ids(&rig.get("/contacts?query=ada@x.org").await), known);
    assert_eq!(ids(&rig.get("/contacts?query=ada%40X.org&type=Company").await), vec![known[2]]);
    assert_eq!(ids(&rig.get("/contacts?query=ashford").await), vec![known[3]]);
    assert_eq!(ids(&rig.get("/contacts?query=555%200199").await), vec![known[3]]);
    assert_eq!(ids(&rig.get("/contacts?email_only=true").await), vec![known[0]]);
    assert_eq!(ids(&rig.get("/contacts?client_only=true").await), vec![known[3]]);
    assert_eq!(ids(&rig.get(&format!("/contacts?ids[]={}&ids[]={}", known[0], known[2])).await), [known[0], known[2]]);
    assert_eq!(ids(&rig.get("/contacts?created_since=2099-01-01T00:00:00Z").await), Vec::<i64>::new());
    assert_eq!(ids(&rig.get("/contacts?order=name(desc)").await)[0], known[2]);
    rig.get("/contacts?type=person").await.refused(400, "ArgumentError");
    assert_eq!(ids(&rig.get("/matters?query=byron").await), Vec::<i64>::new());
    assert_eq!(ids(&rig.get("/matters?query=affair").await).len(), 1);
    assert_eq!(ids(&rig.get("/matters?query=CH-77").await), Vec::<i64>::new(), "client_reference is not searched");
}

#[tokio::test]
async fn a_search_index_may_lag() {
    let rig = Rig::with(|config| config.search_delay_ms = 5_000).await;
    let id = rig.person("Ada", "Byron").await;
    assert_eq!(ids(&rig.get("/contacts?query=byron").await), Vec::<i64>::new());
    assert_eq!(ids(&rig.get("/contacts?type=Person").await), vec![id]);
    rig.advance(5_000).await;
    assert_eq!(ids(&rig.get("/contacts?query=byron").await), vec![id]);
}

#[tokio::test]
async fn a_restricted_person_sees_their_own_only() {
    let rig = Rig::with(|config| config.contacts_restricted = true).await;
    let person = |name: &str| json!({"type": "Person", "first_name": name});
    let seed = json!({
        "contacts": [person("Hidden"), person("Client")],
        "matters": [{"client_index": 1, "description": "Mine", "own": true}],
    });
    let seeded = rig.control("POST", "seed", seed).await.expect(200);
    let known: Vec<i64> = serde_json::from_value(seeded.json["contacts"].clone()).unwrap();
    let own = rig.person("Own", "One").await;
    assert_eq!(ids(&rig.get("/contacts").await), vec![known[1], own]);
    rig.get(&format!("/contacts/{}", known[0])).await.refused(404, "NotFoundError");
    let matter = json!({"client": {"id": known[0]}, "description": "X"});
    rig.post("/matters", matter).await.refused(404, "NotFoundError");
    assert_eq!(rig.state().await["contacts"][0]["visible"], false);
}

#[tokio::test]
async fn matters_are_numbered_by_clio() {
    let rig = Rig::new().await;
    let client = rig.person("Ada", "Byron").await;
    let fields = "id,number,display_number,description,status,client_reference,open_date,created_at,updated_at,\
        client{id,name},practice_area{id,name},folder,custom_field_values,relationships,client_id,billable";
    let area = rig.get("/practice_areas?name=Immigration").await.data()[0]["id"].clone();
    let data = json!({
        "client": {"id": client}, "description": "Visa", "display_number": "MY-1", "client_reference": "CH-1",
        "practice_area": {"id": area}, "status": "pending", "billing_method": "flat", "nonsense": {"x": 1},
    });
    let made = rig.post(&format!("/matters.json?fields={fields}"), data).await.expect(201);
    let matter = made.data();
    assert_eq!((&matter["number"], &matter["display_number"]), (&json!(1), &json!("00001-Byron")));
    assert_eq!((&matter["status"], &matter["client_reference"]), (&json!("Pending"), &json!("CH-1")));
    assert_eq!(matter["practice_area"]["name"], "Immigration");
    for (bad, status) in [
        (json!({"description": "X"}), 422),
        (json!({"client": {"id": client}}), 422),
        (json!({"client": {}, "description": "X"}), 422),
        (json!({"client": {"id": 5}, "description": "X"}), 404),
        (json!({"client": {"id": client}, "description": "X", "practice_area": {"id": 5}}), 404),
        (json!({"client": {"id": client}, "description": "X", "status": "Open"}), 422),
        (json!({"client": {"id": client}, "description": "X", "open_date": "soon"}), 422),
    ] {
        rig.post("/matters", bad).await.expect(status);
    }
    let path = format!("/matters/{}?fields=status,etag,updated_at,close_date", made.id());
    assert_eq!(rig.patch(&path, json!({"status": "closed"})).await.expect(200).data()["status"], "Closed");
    for (filter, found) in [
        ("status=closed", 1),
        ("status=open,pending", 0),
        (&format!("client_id={client}"), 1),
        ("client_id=1", 0),
        (&format!("practice_area_id={area}"), 1),
        ("client_reference=nope", 1),
        ("updated_since=2020-01-01T00:00:00-04:00", 1),
    ] {
        assert_eq!(ids(&rig.get(&format!("/matters?{filter}")).await.expect(200)).len(), found, "{filter}");
    }
    rig.get("/matters?status=Closed").await.refused(400, "ArgumentError");
    rig.get("/matters?client_id=null").await.refused(400, "ArgumentError");
    let edit = json!({"resource": "matters", "id": made.id(), "data": {"status": "open"}});
    rig.control("POST", "edit", edit).await.expect(200);
    assert_eq!(rig.get(&path).await.data()["status"], "Open");

    let manual = Rig::with(|config| config.manual_numbering = true).await;
    let client = manual.person("Ada", "Byron").await;
    for (number, shown) in [(json!("MY-1"), "MY-1"), (Value::Null, "Blank")] {
        let data = json!({"client": {"id": client}, "description": "X", "display_number": number});
        let made = manual.post("/matters?fields=display_number", data).await.expect(201);
        assert_eq!(made.data()["display_number"], shown);
    }
}

#[tokio::test]
async fn practice_areas_are_the_firms_own() {
    let rig = Rig::new().await;
    let fields = "id,etag,name,code,category,created_at,updated_at";
    let list = rig.get(&format!("/practice_areas.json?fields={fields}&order=name(asc)")).await.expect(200);
    assert_eq!(list.data().as_array().unwrap().len(), 10);
    let data = json!({"name": "Maritime", "code": "MAR", "category": "admiralty_and_maritime"});
    let made = rig.post(&format!("/practice_areas.json?fields={fields}"), data).await.expect(201);
    assert_eq!(ids(&rig.get("/practice_areas?code=MAR").await), vec![made.id()]);
    rig.post("/practice_areas", json!({"name": "X", "category": "sea"})).await.refused(422, "ArgumentError");
    rig.post("/practice_areas", json!({"code": "X"})).await.refused(422, "ArgumentError");
    let path = format!("/practice_areas/{}?fields=name", made.id());
    assert_eq!(rig.patch(&path, json!({"name": "Sea"})).await.expect(200).data()["name"], "Sea");
}

#[tokio::test]
async fn deleting_works_and_is_counted() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let (document, _) = rig.stub(matter, json!({})).await;
    let client = rig.state().await["contacts"][0]["id"].as_i64().unwrap();
    rig.api("DELETE", &format!("/documents/{document}.json"), None).await.expect(204);
    rig.get("/documents?show_uncompleted=true&include_deleted=true&fields=id,deleted_at").await.expect(200);
    rig.api("DELETE", &format!("/contacts/{client}"), None).await.expect(409);
    rig.api("DELETE", &format!("/matters/{matter}"), None).await.expect(204);
    rig.api("DELETE", &format!("/contacts/{client}"), None).await.expect(204);
    rig.get(&format!("/contacts/{client}")).await.refused(404, "NotFoundError");
    assert_eq!(rig.state().await["deletions"], 3);
}

#[tokio::test]
async fn webhooks_are_kept() {
    let rig = Rig::new().await;
    let fields = "id,etag,url,fields,shared_secret,model,status,events,expires_at,created_at";
    let path = format!("/webhooks.json?fields={fields}");
    let data = json!({"url": "https://x.example/h", "model": "matter", "fields": "id,status",
        "events": ["matter_opened", "matter_closed"]});
    let made = rig.post(&path, data.clone()).await.expect(201);
    assert_eq!((&made.data()["status"], &made.data()["model"]), (&json!("pending"), &json!("matter")));
    for (name, value) in [
        ("url", json!("http://x.example")),
        ("model", json!("Matter")),
        ("events", json!(["matter_won"])),
        ("fields", json!("x".repeat(1001))),
        ("expires_at", json!("2099-01-01T00:00:00Z")),
    ] {
        let mut bad = data.clone();
        bad[name] = value;
        rig.post("/webhooks", bad).await.refused(422, "ArgumentError");
    }
    let hook = format!("/api/v4/webhooks/{}/activate", made.id());
    let secret = made.data()["shared_secret"].as_str().unwrap();
    let activate = |secret: &str| rig.request("PUT", &hook).header("X-Hook-Secret", secret).send();
    read(activate("wrong").await.unwrap()).await.expect(422);
    read(activate(secret).await.unwrap()).await.expect(200);
    let show = format!("/webhooks/{}.json?fields={fields}", made.id());
    assert_eq!(rig.get(&show).await.expect(200).data()["status"], "enabled");
    assert_eq!(ids(&rig.get("/webhooks").await), vec![made.id()]);
    assert!(!rig.state().await.to_string().contains(secret));
    rig.advance(4 * 86_400_000).await;
    assert_eq!(ids(&rig.get("/webhooks").await), Vec::<i64>::new(), "expired means gone");
    let numbered = json!({"url": "https://x.example/h", "model": "6", "fields": "id"});
    let made = rig.post(&path, numbered).await.expect(201);
    assert_eq!(made.data()["model"], "contact");
    rig.api("DELETE", &format!("/webhooks/{}", made.id()), None).await.expect(204);
}

#[tokio::test]
async fn custom_fields_change_case() {
    let rig = Rig::new().await;
    let data = json!({"name": "CaseHug id", "parent_type": "Matter", "field_type": "text_line"});
    let made = rig.post("/custom_fields.json?fields=id,name,parent_type,field_type", data).await.expect(201);
    assert_eq!(made.data()["parent_type"], "Matter");
    assert_eq!(ids(&rig.get("/custom_fields.json?parent_type=matter").await.expect(200)), vec![made.id()]);
    rig.get("/custom_fields.json?parent_type=Matter").await.refused(400, "ArgumentError");
    let data = json!({"name": "X", "parent_type": "matter", "field_type": "text_line"});
    rig.post("/custom_fields.json", data).await.refused(422, "ArgumentError");
}
