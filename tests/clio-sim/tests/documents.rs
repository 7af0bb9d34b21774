//! The three steps of an upload, in one piece and in many, and every way they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support::{Answer, Rig, read};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use clio_sim::Processing;
use md5::Md5;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const LIST: &str = "/documents.json?fields=id,name";

fn count(answer: &Answer) -> usize {
    answer.data().as_array().unwrap().len()
}

fn code(answer: &Answer) -> &str {
    let (_, rest) = answer.text.split_once("<Code>").unwrap();
    rest.split_once("</Code>").unwrap().0
}

#[tokio::test]
async fn a_document_appears_with_its_last_step() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let properties =
        json!({"external_properties": [{"name": "casehug", "value": "doc_1"}], "content_type": "text/plain"});
    let (id, version) = rig.stub(matter, properties).await;
    assert!(version["put_url"].as_str().unwrap().starts_with(rig.sim.storage_url()));
    assert!(version["put_url"].as_str().unwrap().contains("X-Amz-Expires=600"));
    assert_eq!(version["put_headers"][0], json!({"name": "Content-Type", "value": "text/plain"}));
    assert_eq!(count(&rig.get(LIST).await), 0);
    assert_eq!(count(&rig.get(&format!("{LIST}&show_uncompleted=true")).await), 1);
    rig.finish(id, &version).await.refused(422, "UploadNotFoundError");
    rig.put(&version, b"last will".to_vec()).await.expect(200);
    assert_eq!(count(&rig.get(LIST).await), 0);
    let done = rig.finish(id, &version).await.expect(200);
    assert_eq!(done.data()["latest_document_version"]["fully_uploaded"], true);
    assert_eq!(done.data()["size"], 9);
    rig.finish(id, &version).await.refused(422, "ArgumentError");
    let found = "external_property_name=casehug&external_property_value=doc_1";
    for (filter, hits) in [
        (found.to_owned(), 1),
        ("external_property_name=casehug&external_property_value=doc_2".into(), 0),
        (format!("{found}&matter_id={matter}"), 1),
        (format!("{found}&matter_id=1"), 0),
        ("query=WILL".into(), 1),
        ("query=doc_1".into(), 0),
    ] {
        assert_eq!(count(&rig.get(&format!("{LIST}&{filter}")).await.expect(200)), hits, "{filter}");
    }
    rig.get("/documents?external_property_value=doc_1").await.refused(400, "ArgumentError");
    let everything = "id,etag,name,type,size,filename,content_type,locked,created_at,updated_at,parent,matter{id,\
        display_number},contact,creator,external_properties{id,name,value},document_versions,\
        latest_document_version{id,uuid,size,version_number,put_url,put_headers,multiparts,creator}";
    let shown = rig.get(&format!("/documents/{id}.json?fields={everything}")).await.expect(200);
    assert_eq!(shown.data()["latest_document_version"]["put_headers"], json!([]));
    assert_eq!(shown.data()["external_properties"][0]["value"], "doc_1");
    let state = rig.state().await;
    let document = &state["documents"][0];
    assert_eq!(document["sha256"], hex::encode(Sha256::digest(b"last will")));
    assert_eq!((&document["complete"], &document["size"]), (&json!(true), &json!(9)));
    assert_eq!(document["properties"], json!({"casehug": "doc_1"}));
    assert_eq!(document["matter_id"], matter);
}

#[tokio::test]
async fn stubs_need_a_name_and_a_parent() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let property = json!({"name": "n", "value": "v"});
    for (bad, status) in [
        (json!({"parent": {"id": matter, "type": "Matter"}}), 422),
        (json!({"name": "x"}), 422),
        (json!({"name": "x", "parent": {"id": matter, "type": "matter"}}), 422),
        (json!({"name": "x", "parent": {"id": 1, "type": "Matter"}}), 404),
        (
            json!({"name": "x", "parent": {"id": matter, "type": "Matter"}, "external_properties": vec![property.clone(); 6]}),
            422,
        ),
    ] {
        rig.post("/documents", bad).await.expect(status);
    }
    let (id, _) = rig.stub(matter, json!({"external_properties": vec![property.clone(); 5]})).await;
    let path = format!("/documents/{id}?fields=external_properties{{id,name,value}}");
    rig.patch(&path, json!({"external_properties": [property]})).await.refused(422, "ArgumentError");
    let shown = rig.get(&path).await;
    let first = &shown.data()["external_properties"][0]["id"];
    let changes = json!({"external_properties": [{"id": first, "_destroy": true}, {"name": "new", "value": "1"}]});
    let changed = rig.patch(&path, changes).await.expect(200);
    assert_eq!(changed.data()["external_properties"][4]["name"], "new");
    rig.stub(matter, json!({})).await;
    assert_eq!(count(&rig.get("/documents?show_uncompleted=true").await), 2, "equal names coexist");
}

#[tokio::test]
async fn storage_checks_what_was_signed() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let (id, version) = rig.stub(matter, json!({})).await;
    let url = version["put_url"].as_str().unwrap();
    let put = |headers: Vec<(&'static str, &'static str)>| {
        let request = headers.into_iter().fold(rig.http.put(url), |request, (name, value)| request.header(name, value));
        request.body("bytes").send()
    };
    let (kind, sse) = (("Content-Type", "application/pdf"), ("x-amz-server-side-encryption", "AES256"));
    for (headers, status, why) in [
        (vec![], 403, "SignatureDoesNotMatch"),
        (vec![kind], 403, "SignatureDoesNotMatch"),
        (vec![("Content-Type", "text/plain"), sse], 403, "SignatureDoesNotMatch"),
        (vec![kind, sse, ("x-amz-acl", "public-read")], 403, "AccessDenied"),
        (vec![kind, sse, ("Authorization", "Bearer us-secret")], 400, "InvalidArgument"),
    ] {
        let refused = read(put(headers).await.unwrap()).await.expect(status);
        assert_eq!(code(&refused), why);
        assert_eq!(refused.header("content-type"), "application/xml");
    }
    let tampered = url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000");
    let target = json!({"put_url": tampered, "put_headers": version["put_headers"]});
    assert_eq!(code(&rig.put(&target, b"x".to_vec()).await.expect(403)), "SignatureDoesNotMatch");
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("bytes")]);
    let request = rig.http.put(url).header(kind.0, kind.1).header(sse.0, sse.1);
    let chunked = read(request.body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap()).await.expect(411);
    assert_eq!(code(&chunked), "MissingContentLength");
    let get = read(rig.http.get(url).send().await.unwrap()).await;
    assert_eq!(get.expect(403).status, 403);
    rig.put(&version, b"bytes".to_vec()).await.expect(200);
    rig.put(&version, b"bytes again".to_vec()).await.expect(200);
    rig.advance(600_000).await;
    assert_eq!(code(&rig.put(&version, b"late".to_vec()).await.expect(403)), "AccessDenied");
    rig.finish(id, &version).await.expect(200);
    let state = rig.state().await;
    assert_eq!(state["documents"][0]["versions"][0]["upload"]["writes"], 2);
    assert_eq!(state["calls"]["rejected"]["storage:SignatureDoesNotMatch"], 4);
}

#[tokio::test]
async fn a_digest_that_is_none_and_one_that_is_wrong_are_told_apart() {
    let rig = Rig::new().await;
    let (id, version) = rig.stub(rig.matter().await, json!({})).await;
    let good = STANDARD.encode(Md5::digest(b"bytes"));
    let wrong = STANDARD.encode(Md5::digest(b"other"));
    let hex = hex::encode(Md5::digest(b"bytes"));
    for (digest, why) in [
        (hex.as_str(), "InvalidDigest"),
        ("", "InvalidDigest"),
        ("AAAA", "InvalidDigest"),
        ("not base64!", "InvalidDigest"),
        (wrong.as_str(), "BadDigest"),
    ] {
        let headers = version["put_headers"].as_array().unwrap();
        let request = headers.iter().fold(rig.http.put(version["put_url"].as_str().unwrap()), |request, header| {
            request.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap())
        });
        let refused = read(request.header("Content-MD5", digest).body("bytes").send().await.unwrap()).await.expect(400);
        assert_eq!((code(&refused), refused.header("content-type")), (why, "application/xml"), "{digest:?}");
    }
    rig.finish(id, &version).await.refused(422, "UploadNotFoundError");
    let mut target = version.clone();
    target["put_headers"].as_array_mut().unwrap().push(json!({"name": "Content-MD5", "value": good}));
    rig.put(&target, b"bytes".to_vec()).await.expect(200);
    rig.finish(id, &version).await.expect(200);
}

/// Amazon's storage keeps nothing of it; others keep what arrived.
#[tokio::test]
async fn an_upload_that_breaks_off_may_stand_as_an_object() {
    use std::io::Write as _;

    let rig = Rig::new().await;
    let matter = rig.matter().await;
    for keeps in [false, true] {
        rig.sim.model().config_mut().truncated_objects = keeps;
        let (id, version) = rig.stub(matter, json!({})).await;
        let url = url::Url::parse(version["put_url"].as_str().unwrap()).unwrap();
        let head: String = version["put_headers"].as_array().unwrap().iter().fold(String::new(), |head, header| {
            head + &format!("{}: {}\r\n", header["name"].as_str().unwrap(), header["value"].as_str().unwrap())
        });
        let mut line = std::net::TcpStream::connect(url.socket_addrs(|| None).unwrap()[0]).unwrap();
        let target = &url[url::Position::BeforePath..];
        write!(line, "PUT {target} HTTP/1.1\r\nHost: {}\r\n{head}Content-Length: 100\r\n\r\nshort", url.authority())
            .unwrap();
        drop(line);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let finished = rig.finish(id, &version).await;
        if keeps {
            assert_eq!(finished.expect(200).data()["size"], 5);
        } else {
            finished.refused(422, "UploadNotFoundError");
        }
    }
}

#[tokio::test]
async fn a_fault_cuts_an_upload_whose_beginning_stands() {
    let rig = Rig::new().await;
    let (id, version) = rig.stub(rig.matter().await, json!({})).await;
    let fault =
        json!({"method": "PUT", "path_prefix": "/manage-documents/", "action": {"kind": "cut_upload", "bytes": 3}});
    rig.control("POST", "faults", fault).await.expect(200);
    let request = rig.http.put(version["put_url"].as_str().unwrap());
    let request = version["put_headers"].as_array().unwrap().iter().fold(request, |request, header| {
        request.header(header["name"].as_str().unwrap(), header["value"].as_str().unwrap())
    });
    assert!(request.body(vec![b'x'; 10_000_000]).send().await.is_err(), "the connection closes");
    let state = rig.state().await;
    assert_eq!(state["documents"][0]["versions"][0]["upload"]["size"], 3);
    assert_eq!(rig.finish(id, &version).await.expect(200).data()["size"], 3);
}

#[tokio::test]
async fn clio_may_take_its_time() {
    let rig = Rig::with(|config| config.processing_delay_ms = 30_000).await;
    let matter = rig.matter().await;
    let (id, version) = rig.stub(matter, json!({})).await;
    rig.put(&version, b"x".to_vec()).await.expect(200);
    rig.finish(id, &version).await.refused(422, "UploadTimeoutError");
    rig.advance(30_000).await;
    rig.finish(id, &version).await.expect(200);

    rig.sim.model().config_mut().processing_answer = Processing::Pending;
    let (id, version) = rig.stub(matter, json!({})).await;
    rig.put(&version, b"x".to_vec()).await.expect(200);
    let pending = rig.finish(id, &version).await.expect(200);
    assert_eq!(pending.data()["latest_document_version"]["fully_uploaded"], false);
    assert_eq!(count(&rig.get(LIST).await), 1);
    rig.advance(30_000).await;
    assert_eq!(count(&rig.get(LIST).await), 2);
    rig.finish(id, &version).await.refused(422, "ArgumentError");
}

#[tokio::test]
async fn the_text_true_finishes_and_empty_files_may_be_refused() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let (id, version) = rig.stub(matter, json!({})).await;
    let path = format!("/documents/{id}");
    rig.put(&version, Vec::new()).await.expect(200);
    rig.patch(&path, json!({"fully_uploaded": true})).await.refused(422, "ArgumentError");
    rig.patch(&path, json!({"uuid": "x", "fully_uploaded": true})).await.refused(404, "NotFoundError");
    rig.patch(&path, json!({"uuid": version["uuid"], "fully_uploaded": null})).await.refused(422, "ArgumentError");
    rig.control("POST", "config", json!({"refuse_empty_files": true})).await.expect(200);
    rig.finish(id, &version).await.refused(422, "ArgumentError");
    rig.control("POST", "config", json!({"refuse_empty_files": false})).await.expect(200);
    rig.patch(&path, json!({"uuid": version["uuid"], "fully_uploaded": "true"})).await.expect(200);
    assert_eq!(rig.state().await["documents"][0]["size"], 0);
}

#[tokio::test]
async fn a_new_version_has_an_address_of_its_own() {
    let rig = Rig::new().await;
    let matter = rig.matter().await;
    let (id, first) = rig.stub(matter, json!({})).await;
    let fields = "id,latest_document_version{uuid,put_url,put_headers,version_number}";
    let data = json!({"name": "will.pdf", "parent": {"id": id, "type": "Document"}});
    let made = rig.post(&format!("/documents?fields={fields}"), data).await.expect(201);
    let second = made.data()["latest_document_version"].clone();
    assert_eq!((made.id(), &second["version_number"]), (id, &json!(2)));
    assert_ne!(second["uuid"], first["uuid"]);
    rig.put(&second, b"v2".to_vec()).await.expect(200);
    rig.finish(id, &first).await.refused(422, "UploadNotFoundError");
    rig.finish(id, &second).await.expect(200);
    assert_eq!(count(&rig.get(LIST).await), 1);
}

fn part(number: usize, bytes: &[u8]) -> Value {
    json!({"part_number": number, "content_length": bytes.len().to_string()})
}

#[tokio::test]
async fn parts_arrive_in_any_order_and_all_of_them() {
    let rig = Rig::with(|config| config.min_part_size = 8).await;
    let matter = rig.matter().await;
    let (long, short) = (b"12345678".to_vec(), b"end".to_vec());
    let mut first = part(1, &long);
    first["content_md5"] = json!(STANDARD.encode(Md5::digest(&long)));
    first["content_length"] = json!(long.len());
    let (id, version) = rig.stub(matter, json!({"multiparts": [first, part(2, &long)]})).await;
    let more = "/documents/{id}?fields=id,latest_document_version{uuid,multiparts}".replace("{id}", &id.to_string());
    let data = json!({"uuid": version["uuid"], "fully_uploaded": false, "multiparts": [part(3, &short)]});
    let all = rig.patch(&more, data.clone()).await.expect(200);
    let parts = all.data()["latest_document_version"]["multiparts"].as_array().unwrap().clone();
    assert_eq!(parts.len(), 3);
    rig.patch(&more, data).await.refused(422, "ArgumentError");
    rig.put(&parts[2], short.clone()).await.expect(200);
    assert_eq!(code(&rig.put(&parts[0], b"8765432x".to_vec()).await.expect(400)), "BadDigest");
    rig.put(&parts[0], long.clone()).await.expect(200);
    rig.finish(id, &version).await.refused(422, "UploadNotFoundError");
    let wrong_length: Value = parts[1].clone();
    let bare = json!({"put_url": wrong_length["put_url"], "put_headers": []});
    assert_eq!(code(&rig.put(&bare, short.clone()).await.expect(403)), "SignatureDoesNotMatch");
    rig.put(&bare, long.clone()).await.expect(200);
    assert_eq!(rig.finish(id, &version).await.expect(200).data()["size"], 19);
    let state = rig.state().await;
    let parts = state["documents"][0]["versions"][0]["parts"].as_array().unwrap().clone();
    assert_eq!(parts[2]["sha256"], hex::encode(Sha256::digest(&short)));
    assert_eq!(parts.iter().map(|part| part["part_number"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn parts_have_limits() {
    let rig = Rig::with(|config| config.min_part_size = 8).await;
    let matter = rig.matter().await;
    let parent = json!({"id": matter, "type": "Matter"});
    let many: Vec<Value> = (1..=51).map(|number| part(number, b"12345678")).collect();
    let body = |parts: &[Value]| json!({"name": "x", "parent": parent, "multiparts": parts});
    rig.post("/documents", body(&many)).await.refused(422, "ArgumentError");
    rig.post("/documents", body(&many[..50])).await.expect(201);
    for bad in [
        json!({"part_number": 0, "content_length": "8"}),
        json!({"part_number": 10_001, "content_length": "8"}),
        json!({"part_number": 1}),
        json!({"part_number": 1, "content_length": "many"}),
        json!({"part_number": 1, "content_length": 8, "content_md5": "short"}),
    ] {
        rig.post("/documents", body(&[bad])).await.refused(422, "ArgumentError");
    }
    let small = json!({"multiparts": [part(1, b"1"), part(2, b"2")]});
    let (id, version) = rig.stub(matter, small).await;
    for (target, bytes) in version["multiparts"].as_array().unwrap().iter().zip([b"1", b"2"]) {
        rig.put(target, bytes.to_vec()).await.expect(200);
    }
    rig.finish(id, &version).await.refused(422, "ArgumentError");
}

#[tokio::test]
async fn a_contact_gets_a_folder_on_demand() {
    let rig = Rig::new().await;
    let contact = rig.person("Ada", "Byron").await;
    let data = json!({"name": "id.png", "parent": {"id": contact, "type": "Contact"}});
    let made = rig.post("/documents?fields=id,parent,contact{name},content_type", data).await.expect(201);
    assert_eq!(made.data()["content_type"], "image/png");
    let filter = format!("/documents?show_uncompleted=true&contact_id={contact}");
    assert_eq!(count(&rig.get(&filter).await), 1);
    let folder = made.data()["parent"]["id"].as_i64().unwrap();
    assert_eq!(count(&rig.get(&format!("/documents?show_uncompleted=true&parent_id={folder}")).await), 1);
}
