//! The requests that Pipedream's Clio components make: axios, JSON, the API's defaults, and a
//! receiver that trusts the handshake.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::{Answer, Rig, read};
use serde_json::{Value, json};

const AGENT: &str = "@PipedreamHQ/platform v1.0";

async fn send(rig: &Rig, method: &str, target: &str, body: Option<Value>) -> Answer {
    let request = rig
        .request(method, &format!("/api/v4{target}"))
        .header("User-Agent", AGENT)
        .header("Accept", "application/json, text/plain, */*")
        .header("Content-Type", "application/json");
    let request = match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    };
    read(request.send().await.unwrap()).await
}

/// The options of a drop-down list: all of `next`'s parameters are taken apart and sent again,
/// beside a limit of its own.
#[tokio::test]
async fn a_drop_down_list_is_read_to_its_end() {
    let rig = Rig::new().await;
    let people: Vec<Value> = (0..250).map(|n| json!({"type": "Person", "name": format!("P{n} Q")})).collect();
    rig.control("POST", "seed", json!({"contacts": people})).await.expect(200);
    let (mut query, mut found, mut pages) = (vec![("limit".to_owned(), "100".to_owned())], 0, 0);
    loop {
        let url = url::Url::parse_with_params("http://x/contacts.json", &query).unwrap();
        let page = send(&rig, "GET", &format!("{}?{}", url.path(), url.query().unwrap()), None).await.expect(200);
        let options = page.data().as_array().unwrap();
        assert!(options.iter().all(|option| option["id"].is_i64() && option.get("name").is_none()), "only id and etag");
        (found, pages) = (found + options.len(), pages + 1);
        let Some(next) = page.json["meta"]["paging"]["next"].as_str() else { break };
        // `Object.fromEntries(new URLSearchParams(…))`, then `limit: 100` over it.
        query.clear();
        for (name, value) in url::Url::parse(next).unwrap().query_pairs().into_owned() {
            query.retain(|(known, _)| *known != name);
            query.push((name, value));
        }
        query.iter_mut().filter(|(name, _)| name == "limit").for_each(|pair| pair.1 = "100".into());
    }
    assert_eq!((found, pages), (250, 3));
    send(&rig, "GET", "/matters.json?limit=100", None).await.expect(200);
    assert_eq!(send(&rig, "GET", "/users.json", None).await.expect(200).data().as_array().unwrap().len(), 1);
}

/// What was not filled in is `undefined` in JavaScript, and so not in the JSON. Ids are texts.
#[tokio::test]
async fn a_matter_is_created_and_changed_from_a_form() {
    let rig = Rig::new().await;
    let client = rig.person("Ada", "Byron").await.to_string();
    let full = json!({"data": {"client": {"id": client}, "description": "Byron v. Babbage", "close_date": "2021-01-01",
                               "client_reference": "2026-17"}});
    let made = send(&rig, "POST", "/matters.json", Some(full)).await.expect(201);
    assert_eq!(made.data().as_object().unwrap().keys().collect::<Vec<_>>(), ["etag", "id"]);
    let bare = json!({"data": {"client": {"id": client}, "description": "Second"}});
    send(&rig, "POST", "/matters.json", Some(bare)).await.expect(201);
    let change = json!({"data": {"description": "Byron v. Babbage et al.", "client_reference": "2026-18"}});
    send(&rig, "PATCH", &format!("/matters/{}", made.id()), Some(change)).await.expect(200);
    let shown = rig.get(&format!("/matters/{}?fields=description,client_reference,close_date,status", made.id())).await;
    assert_eq!(
        shown.data(),
        &json!({"description": "Byron v. Babbage et al.", "client_reference": "2026-18", "close_date": "2021-01-01",
                "status": "Open"})
    );
}

#[tokio::test]
async fn a_task_is_not_simulated_and_says_so() {
    let rig = Rig::new().await;
    let task = json!({"data": {"name": "Call", "description": "Ada", "priority": "High",
                               "assignee": {"id": "1", "type": "User"}}});
    let refused = send(&rig, "POST", "/tasks.json", Some(task)).await.refused(501, "NotSimulatedError");
    assert!(refused.text.contains("/api/v4/tasks.json"), "{}", refused.text);
}

/// "New document": every field that the component offers, in one subscription, and its end.
#[tokio::test]
async fn a_source_subscribes_with_every_field_and_unsubscribes() {
    let rig = Rig::new().await;
    for (model, fields) in [
        (
            "document",
            "created_at,updated_at,id,etag,deleted_at,type,locked,name,received_at,filename,size,content_type,\
                      parent,matter,contact,document_category,creator,latest_document_version,group,\
                      external_properties,document_versions",
        ),
        ("bill", "created_at,updated_at,id,etag,number,state"),
        ("activity", "created_at,updated_at,id,etag,quantity_in_hours,legal_aid_uk_activity"),
    ] {
        let body = json!({"data": {"url": "https://example.m.pipedream.net", "events": ["created"], "model": model,
                                   "fields": fields}});
        let made = send(&rig, "POST", "/webhooks.json", Some(body)).await.expect(201);
        let gone = send(&rig, "DELETE", &format!("/webhooks/{}.json", made.id()), None).await.expect(204);
        assert_eq!(gone.text, "");
    }
}
