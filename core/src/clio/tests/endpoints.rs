use super::{BIG, LIMITS, NOW, TOKEN, World, key, text_of};
use crate::clio::{
    ApiRequest, NewContact, NewDocument, NewMatter, Part, Resource, contacts, documents, lookup, matters,
    practice_areas, users,
};
use crate::domain::ClioId;
use crate::ports::{HttpConnection, Method};

const CONTACT_FIELDS: &str = "fields=id%2Ctype%2Cfirst_name%2Clast_name%2Ccreated_at%2C\
                              email_addresses%7Baddress%7D%2Cphone_numbers%7Bnumber%7D";
const MATTER_FIELDS: &str = "fields=id%2Cstatus%2Cclient_reference%2Cdescription%2Ccreated_at%2C\
                             updated_at%2Cclient%7Bid%7D%2Cpractice_area%7Bid%7D";
const DOCUMENT_FIELDS: &str = "fields=id%2Cmatter%7Bid%7D%2Cexternal_properties%7Bname%2Cvalue%7D%2C\
                               latest_document_version%7Buuid%2Cfully_uploaded%7D";
const STUB_FIELDS: &str = "fields=id%2Cmatter%7Bid%7D%2Cexternal_properties%7Bname%2Cvalue%7D%2C\
                           latest_document_version%7Buuid%2Cput_url%2Cput_headers%7D";
const PARTS_FIELDS: &str = "fields=id%2Cmatter%7Bid%7D%2Cexternal_properties%7Bname%2Cvalue%7D%2C\
                            latest_document_version%7Buuid%2Cmultiparts%7D";

/// Sends a request and compares all of it: method, URL, body.
async fn assert_sent<A>(request: ApiRequest<A>, method: Method, path: &str, query: &[&str], body: &str) {
    let world = World::answering(500, "{}");
    assert!(world.call(&request).await.is_err());
    let sent = world.sent();
    assert_eq!(sent.method, method, "{path}");
    let expected = format!("https://app.clio.com/api/v4/{path}?{}", query.join("&"));
    assert_eq!(sent.url.as_str(), expected);
    assert_eq!(text_of(&sent), body);
    // What makes a record appear must be known to have been written or not.
    let creates = method == Method::Post && ["contacts.json", "matters.json", "webhooks.json"].contains(&path);
    let connection = if creates { HttpConnection::Own } else { HttpConnection::Kept };
    assert_eq!(sent.connection, connection, "{method:?} {path}");
}

#[tokio::test]
async fn reads_ask_for_their_fields_and_page_by_id() {
    let persons = [CONTACT_FIELDS, "type=Person", "limit=200", "order=id%28asc%29"];
    let with = |rest: &[&'static str], more: &'static str| [rest, &[more]].concat();
    let since = "created_since=2026-04-01T12%3A00%3A00.000Z";
    assert_sent(
        contacts::search_email("jo@example.com"),
        Method::Get,
        "contacts.json",
        &with(&persons, "query=jo%40example.com"),
        "",
    )
    .await;
    assert_sent(contacts::created_since(NOW), Method::Get, "contacts.json", &with(&persons, since), "").await;
    assert_sent(contacts::show(ClioId(BIG)), Method::Get, "contacts/9007199254740993.json", &[CONTACT_FIELDS], "")
        .await;
    let of_client = [MATTER_FIELDS, "client_id=9007199254740993", "limit=200", "order=id%28asc%29"];
    assert_sent(matters::of_client_since(ClioId(BIG), None), Method::Get, "matters.json", &of_client, "").await;
    assert_sent(
        matters::of_client_since(ClioId(BIG), Some(NOW)),
        Method::Get,
        "matters.json",
        &with(&of_client, since),
        "",
    )
    .await;
    assert_sent(matters::show(ClioId(8)), Method::Get, "matters/8.json", &[MATTER_FIELDS], "").await;
    let areas = ["fields=id%2Cname%2Ccategory", "limit=200", "order=id%28asc%29"];
    assert_sent(practice_areas::list(), Method::Get, "practice_areas.json", &areas, "").await;
    let who = "fields=id%2Cname%2Cemail%2Caccount%7Bid%2Cname%2Cstate%7D";
    assert_sent(users::who_am_i(), Method::Get, "users/who_am_i.json", &[who], "").await;
    assert_sent(documents::show(ClioId(9)), Method::Get, "documents/9.json", &[DOCUMENT_FIELDS], "").await;
    let by_upload = [
        DOCUMENT_FIELDS,
        "matter_id=8",
        "external_property_name=casehug_upload_id",
        "external_property_value=upl_1",
        "show_uncompleted=true",
        "limit=200",
        "order=id%28asc%29",
    ];
    assert_sent(documents::by_upload(ClioId(8), &key().upload), Method::Get, "documents.json", &by_upload, "").await;
    for (request, path) in
        [(lookup::contacts(), "contacts"), (lookup::matters(), "matters"), (lookup::documents(), "documents")]
    {
        assert_sent(request, Method::Get, &format!("{path}.json"), &["fields=id", "limit=1"], "").await;
    }
}

#[tokio::test]
async fn an_email_is_searched_as_it_is_written() {
    for (email, encoded) in [
        ("a+b&c=d@example.com", "a%2Bb%26c%3Dd%40example.com"),
        ("o'neill #1@example.com", "o%27neill%20%231%40example.com"),
        ("jos\u{e9}@b\u{fc}cher.example", "jos%C3%A9%40b%C3%BCcher.example"),
        ("100%25@example.com", "100%2525%40example.com"),
    ] {
        let world = World::answering(500, "{}");
        assert!(world.call(&contacts::search_email(email)).await.is_err());
        let url = world.sent().url;
        assert!(url.as_str().ends_with(&format!("&query={encoded}")), "{url}");
        let read_back = url.query_pairs().find(|(name, _)| name == "query").unwrap().1;
        assert_eq!(read_back, email);
    }
}

#[tokio::test]
async fn a_contact_is_sent_with_what_it_has_and_nothing_else() {
    let everything = NewContact {
        first_name: "Jo",
        last_name: "O\"Neill",
        email: Some("jo@example.com"),
        phone: Some("+14155550100"),
    };
    let body = r#"{"data":{"type":"Person","name":"Jo O\"Neill","first_name":"Jo","last_name":"O\"Neill","email_addresses":[{"name":"Other","address":"jo@example.com","default_email":true}],"phone_numbers":[{"name":"Other","number":"+14155550100","default_number":true}]}}"#;
    let request = contacts::create(&everything).unwrap();
    assert!(!request.idempotent());
    assert_sent(request, Method::Post, "contacts.json", &[CONTACT_FIELDS], body).await;

    let only_last = NewContact { first_name: "", last_name: "Cher", email: None, phone: None };
    let body = r#"{"data":{"type":"Person","name":"Cher","last_name":"Cher"}}"#;
    assert_sent(contacts::create(&only_last).unwrap(), Method::Post, "contacts.json", &[CONTACT_FIELDS], body).await;
    let only_first = NewContact { first_name: "Jo", last_name: "", email: None, phone: None };
    let body = r#"{"data":{"type":"Person","name":"Jo","first_name":"Jo"}}"#;
    assert_sent(contacts::create(&only_first).unwrap(), Method::Post, "contacts.json", &[CONTACT_FIELDS], body).await;
}

#[tokio::test]
async fn a_matter_is_sent_with_numeric_ids() {
    let matter = NewMatter {
        client: ClioId(BIG),
        description: "Jo v. State",
        client_reference: Some("2026-7"),
        display_number: Some("2026-7"),
        practice_area: Some(ClioId(3)),
    };
    let body = r#"{"data":{"client":{"id":9007199254740993},"description":"Jo v. State","client_reference":"2026-7","display_number":"2026-7","practice_area":{"id":3}}}"#;
    let request = matters::create(&matter).unwrap();
    assert!(!request.idempotent());
    assert_sent(request, Method::Post, "matters.json", &[MATTER_FIELDS], body).await;

    let least = NewMatter { client_reference: None, display_number: None, practice_area: None, ..matter };
    let body = r#"{"data":{"client":{"id":9007199254740993},"description":"Jo v. State"}}"#;
    assert_sent(matters::create(&least).unwrap(), Method::Post, "matters.json", &[MATTER_FIELDS], body).await;
}

#[tokio::test]
async fn a_document_is_created_extended_finished_and_renewed() {
    let key = key();
    let small = NewDocument {
        name: "scan.pdf",
        content_type: Some("application/pdf"),
        matter: ClioId(BIG),
        key: &key,
        parts: &[],
    };
    let properties = r#""external_properties":[{"name":"casehug_matter_id","value":"mat_1"},{"name":"casehug_document_id","value":"doc_1"},{"name":"casehug_upload_id","value":"upl_1"}]"#;
    let start = r#"{"data":{"name":"scan.pdf","content_type":"application/pdf","parent":{"id":9007199254740993,"type":"Matter"}"#;
    let request = documents::create(&small).unwrap();
    assert!(!request.idempotent());
    assert_sent(request, Method::Post, "documents.json", &[STUB_FIELDS], &format!("{start},{properties}}}}}")).await;

    let parts = [Part { number: 1, offset: 0, len: 5_000_000_000 }, Part { number: 2, offset: 5_000_000_000, len: 1 }];
    let named =
        r#""multiparts":[{"part_number":1,"content_length":"5000000000"},{"part_number":2,"content_length":"1"}]"#;
    let large = NewDocument { parts: &parts, ..small };
    let body = format!("{start},{properties},{named}}}}}");
    assert_sent(documents::create(&large).unwrap(), Method::Post, "documents.json", &[PARTS_FIELDS], &body).await;

    let request = documents::add_parts(ClioId(9), "u-1", &parts).unwrap();
    assert!(request.idempotent());
    let body = format!(r#"{{"data":{{"uuid":"u-1","fully_uploaded":false,{named}}}}}"#);
    assert_sent(request, Method::Patch, "documents/9.json", &[PARTS_FIELDS], &body).await;

    let request = documents::finish(ClioId(9), "u-1").unwrap();
    assert!(request.idempotent());
    let body = r#"{"data":{"uuid":"u-1","fully_uploaded":true}}"#;
    assert_sent(request, Method::Patch, "documents/9.json", &[DOCUMENT_FIELDS], body).await;

    // No properties: they would add up beyond Clio's five.
    let request = documents::new_version(ClioId(9), &small).unwrap();
    assert!(request.idempotent());
    let body = r#"{"data":{"name":"scan.pdf","content_type":"application/pdf","parent":{"id":9,"type":"Document"}}}"#;
    assert_sent(request, Method::Post, "documents.json", &[STUB_FIELDS], body).await;
}

#[tokio::test]
async fn every_call_says_who_asks_and_which_version_it_speaks() {
    let world = World::answering(500, "{}");
    let create = matters::create(&NewMatter {
        client: ClioId(1),
        description: "x",
        client_reference: None,
        display_number: None,
        practice_area: None,
    });
    assert!(world.call(&create.unwrap()).await.is_err());
    let sent = world.sent();
    let agent = format!("casehug-clio/{}", env!("CARGO_PKG_VERSION"));
    let headers: Vec<(&str, &str)> = sent.headers.iter().collect();
    assert_eq!(
        headers,
        [
            ("authorization", format!("Bearer {TOKEN}").as_str()),
            ("accept", "application/json"),
            ("user-agent", agent.as_str()),
            ("x-api-version", "4.0.13"),
            ("content-type", "application/json"),
        ]
    );
    assert_eq!((sent.timeout, sent.not_after), (LIMITS.timeout, LIMITS.not_after));
    assert_eq!(sent.max_response, 1024 * 1024);
    assert!(!sent.headers.iter().any(|(_, value)| value.contains("://")));

    let world = World::answering(500, "{}");
    assert!(world.call(&practice_areas::list()).await.is_err());
    assert_eq!(world.sent().max_response, 8 * 1024 * 1024);
    assert_eq!(world.sent().headers.get("content-type"), None);
}

#[test]
fn a_request_knows_which_permission_it_needs() {
    assert_eq!(contacts::search_email("x").resource(), Resource::Contacts);
    assert_eq!(matters::show(ClioId(1)).resource(), Resource::Matters);
    assert_eq!(documents::show(ClioId(1)).resource(), Resource::Documents);
    assert_eq!(practice_areas::list().resource(), Resource::PracticeAreas);
    assert_eq!(users::who_am_i().resource(), Resource::Users);
}
