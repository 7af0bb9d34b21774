//! Every request against Clio's own OpenAPI document, which is found beside the repository
//! (`../shared`) or not at all.

use serde_json::Value;

use super::{NOW, World, key, text_of};
use crate::clio::{
    ApiRequest, ClioHost, NewContact, NewDocument, NewMatter, Part, Region, contacts, documents, lookup, matters,
    practice_areas, users,
};
use crate::domain::ClioId;

/// The document. `None`, loudly, where it is not there.
fn openapi() -> Option<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/clio/openapi-subset.json");
    #[allow(clippy::disallowed_methods, reason = "a test reads its reference")]
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!(
            "SKIPPED: no OpenAPI document at ../shared beside the repository; requests were NOT compared with it"
        );
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// Follows a reference.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolved(root, root.pointer(reference.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// The schema of a property, through `allOf` and lists.
fn property<'a>(root: &'a Value, schema: &'a Value, name: &str) -> Option<&'a Value> {
    let schema = resolved(root, schema);
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(|schema| property(root, schema, name));
    }
    if schema["type"] == "array" {
        return property(root, &schema["items"], name);
    }
    schema["properties"].get(name)
}

/// Splits `a,b{c,d}` into names and what is in their braces.
fn fields(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut depth = 0;
    let top = text.split(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        assert!(depth < 2, "Clio answers 400 to braces within braces");
        character == ',' && depth == 0
    });
    top.map(|field| match field.strip_suffix('}').and_then(|field| field.split_once('{')) {
        Some((name, nested)) => (name, nested.split(',').collect()),
        None => (field, Vec::new()),
    })
    .collect()
}

/// What of a JSON value the schema does not allow.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = resolved(root, schema);
    let typed = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    };
    if !typed {
        found.push(format!("{at}: not of type {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{at}: {value} is none of {allowed:?}"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            found.push(format!("{at}: lacks {required}"));
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(schema) => faults(root, schema, value, &format!("{at}.{name}"), found),
            None => found.push(format!("{at}: {name} is unknown")),
        }
    }
    for value in value.as_array().into_iter().flatten() {
        faults(root, &schema["items"], value, &format!("{at}[]"), found);
    }
}

/// Compares one request: path, query, requested fields, body.
async fn compare<A>(root: &Value, request: ApiRequest<A>, template: &str, answer: &str) -> Vec<String> {
    let world = World::on(ClioHost::region(Region::Us));
    assert!(world.call(&request).await.is_err(), "nothing is scripted");
    let sent = world.sent();
    let method = sent.method.as_str().to_lowercase();
    let operation = &root["paths"][template][&method];
    assert!(operation.is_object(), "{method} {template}");
    let shape = |path: &str| {
        path.split('/')
            .map(|part| part.chars().any(|c| c.is_ascii_digit()) || part.contains("{id}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(shape(sent.url.path().trim_start_matches("/api/v4")), shape(template));

    let mut found = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap();
    let mut asked = false;
    for (name, value) in sent.url.query_pairs() {
        let known = parameters.iter().find(|known| known["name"] == *name && known["in"] == "query");
        let Some(known) = known else {
            found.push(format!("{method} {template}: query {name} is unknown"));
            continue;
        };
        let value = match known["schema"]["type"].as_str().unwrap() {
            "integer" | "boolean" => serde_json::from_str(&value).unwrap_or(Value::Null),
            _ => Value::String(value.to_string()),
        };
        faults(root, &known["schema"], &value, &format!("{method} {template}?{name}"), &mut found);
        if name == "fields" {
            asked = true;
            let schema = &root["components"]["schemas"][answer];
            for (name, nested) in fields(value.as_str().unwrap()) {
                let Some(inner) = property(root, schema, name) else {
                    found.push(format!("{answer}: no field {name}"));
                    continue;
                };
                found.extend(
                    nested
                        .into_iter()
                        .filter(|field| property(root, inner, field).is_none())
                        .map(|field| format!("{answer}.{name}: no field {field}")),
                );
            }
        }
    }
    assert!(asked, "{method} {template} asks for no fields, so only id and etag would come back");
    let text = text_of(&sent);
    if !text.is_empty() {
        let body: Value = serde_json::from_str(text).unwrap();
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        faults(root, schema, &body, &format!("{method} {template}"), &mut found);
    }
    found
}

#[tokio::test]
async fn every_request_is_one_that_clios_openapi_document_describes() {
    let Some(root) = openapi() else { return };
    let root = &root;
    let (id, key) = (ClioId(7), key());
    let contact =
        NewContact { first_name: "Jo", last_name: "Neill", email: Some("jo@x.example"), phone: Some("+1415") };
    let matter = NewMatter {
        client: id,
        description: "x",
        client_reference: Some("1"),
        display_number: Some("1"),
        practice_area: Some(id),
    };
    let parts = [Part { number: 1, offset: 0, len: 5 }];
    let small = NewDocument { name: "x.pdf", content_type: Some("application/pdf"), matter: id, key: &key, parts: &[] };
    let large = NewDocument { parts: &parts, ..small };
    let found = [
        compare(root, contacts::search_email("jo@x.example"), "/contacts.json", "Contact").await,
        compare(root, contacts::created_since(NOW), "/contacts.json", "Contact").await,
        compare(root, contacts::show(id), "/contacts/{id}.json", "Contact").await,
        compare(root, contacts::create(&contact).unwrap(), "/contacts.json", "Contact").await,
        compare(root, matters::of_client_since(id, Some(NOW)), "/matters.json", "Matter").await,
        compare(root, matters::show(id), "/matters/{id}.json", "Matter").await,
        compare(root, matters::create(&matter).unwrap(), "/matters.json", "Matter").await,
        compare(root, practice_areas::list(), "/practice_areas.json", "PracticeArea").await,
        compare(root, users::who_am_i(), "/users/who_am_i.json", "User").await,
        compare(root, documents::create(&small).unwrap(), "/documents.json", "Document").await,
        compare(root, documents::create(&large).unwrap(), "/documents.json", "Document").await,
        compare(root, documents::new_version(id, &small).unwrap(), "/documents.json", "Document").await,
        compare(root, documents::add_parts(id, "u-1", &parts).unwrap(), "/documents/{id}.json", "Document").await,
        compare(root, documents::finish(id, "u-1").unwrap(), "/documents/{id}.json", "Document").await,
        compare(root, documents::show(id), "/documents/{id}.json", "Document").await,
        compare(root, documents::by_upload(id, &key.upload), "/documents.json", "Document").await,
        compare(root, lookup::contacts(), "/contacts.json", "Contact").await,
        compare(root, lookup::matters(), "/matters.json", "Matter").await,
        compare(root, lookup::documents(), "/documents.json", "Document").await,
    ]
    .concat();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_comparison_finds_faults() {
    let Some(root) = openapi() else { return };
    let schema = &root["paths"]["/contacts.json"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let mut found = Vec::new();
    let bad = serde_json::json!({"data": {"type": "person", "notes": "x", "email_addresses": [{"address": 5}]}});
    faults(&root, schema, &bad, "", &mut found);
    assert_eq!(found.len(), 4, "enum, required, unknown, type: {found:#?}");
    assert!(property(&root, &root["components"]["schemas"]["Contact"], "nickname").is_none());
    assert_eq!(fields("a,b{c,d},e"), [("a", vec![]), ("b", vec!["c", "d"]), ("e", vec![])]);
}
