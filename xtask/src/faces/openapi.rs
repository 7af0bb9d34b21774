//! `api/openapi.json`: the operations as routes of a host, `POST /api/{operation}`, and what the
//! integration card asks beside them. For a host in any language that wants the card, or routes for
//! pages of its own.

use serde_json::{Map, Value, json};

use super::model::{Api, Field, Operation, Shape, Type};

const ABOUT: &str = "Every operation of the CaseHug to Clio sync as a route, as the example service serves them and the \
    integration card asks for them. The user is named by what authenticates users in front of the service; a user acts \
    for their own firm only. Requests must say `content-type: application/json`, and come from the host's own pages \
    where a browser sends them. Unknown fields of a request are refused, with their path; later versions may add \
    fields, values and variants to answers.";

pub(super) fn document(api: &Api) -> Result<String, String> {
    let mut paths: Map<String, Value> = beside();
    for operation in &api.operations {
        paths.insert(format!("/api/{}", operation.name), json!({ "post": route(operation) }));
    }
    let mut schemas: Map<String, Value> = api.types.iter().map(|(name, of)| (name.clone(), type_of(of))).collect();
    let failed = json!({ "type": "object", "properties": { "error": reference("Failure") }, "required": ["error"] });
    schemas.insert("Failed".into(), failed);
    let header =
        |name: &str, docs: &str| json!({ "type": "apiKey", "in": "header", "name": name, "description": docs });
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "CaseHug to Clio sync", "version": api.version, "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" } },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "NotSignedIn": answer("Nobody is signed in.", &reference("Failed")),
                "NotAllowed": answer("`not_allowed`: the role does not allow it. `request_invalid` with the path `origin`: the \
                    request comes from another site's page, or from another address than the public URL.", &reference("Failed")),
            },
            "securitySchemes": {
                "firm": header("x-casehug-firm", "The user's firm."),
                "user": header("x-casehug-user", "The user."),
                "role": header("x-casehug-role", "`admin` or `member`."),
                "host": header("x-casehug-role", "`host`: a service of CaseHug's own. Neither a firm nor a user is named beside it."),
            },
        },
    });
    serde_json::to_string_pretty(&document).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// What the card asks for that is no operation.
fn beside() -> Map<String, Value> {
    let get = |id: &str, summary: &str, answers: Value, failed: Option<(&str, Value)>| {
        let mut responses = json!({ "200": answers, "401": { "$ref": "#/components/responses/NotSignedIn" },
            "403": { "$ref": "#/components/responses/NotAllowed" } });
        if let Some((status, answer)) = failed {
            responses[status] = answer;
        }
        json!({ "get": { "operationId": id, "summary": summary, "tags": ["page"], "security": users(), "responses": responses } })
    };
    let unread = answer("CaseHug's matters cannot be read now.", &reference("Failed"));
    let mut too_many = answer("Too many of the firm listen.", &reference("Failed"));
    too_many["headers"] = json!({ "Retry-After": { "required": true, "schema": { "type": "integer" },
        "description": "After how many seconds to ask again." } });
    let id = || shape(&Shape::CasehugId);
    let me = object(
        json!({ "firm": id(), "user": id(), "role": { "enum": ["admin", "member"] } }),
        &["firm", "user", "role"],
    );
    let matter = object(json!({ "id": id() }), &["id"]);
    let matters = object(json!({ "matters": { "type": "array", "items": matter } }), &["matters"]);
    let events = json!({ "description": "Server-sent events: `hello` first, upon which a page asks for everything; `changed` \
        with `{\"what\": [..]}`, names of what is to be asked for again; `hello` once more where changes were lost; a comment every 15 \
        seconds. The names: `audit`, `backfills`, `contacts`, `health`, `held`, `mappings`, `matters`, `reviews`, `runs`, `settings`. \
        Never client data.",
        "content": { "text/event-stream": { "schema": { "type": "string" } } } });
    [
        ("/api/me", get("me", "Who is signed in.", answer("The user.", &me), None)),
        (
            "/api/matters",
            get(
                "matters",
                "The ids of the firm's matters in CaseHug.",
                answer("All of them.", &matters),
                Some(("503", unread)),
            ),
        ),
        ("/api/stream", get("stream", "What of the firm changed, as it changes.", events, Some(("503", too_many)))),
    ]
    .into_iter()
    .map(|(path, item)| (path.to_owned(), item))
    .collect()
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

fn users() -> Value {
    json!([{ "firm": [], "user": [], "role": [] }])
}

fn route(operation: &Operation) -> Value {
    let summary = operation.docs.split_inclusive(". ").next().unwrap_or_default().trim();
    let mut of_its_own = String::from("Any other failure");
    if !operation.errors.is_empty() {
        of_its_own += &format!("; of its own: `{}`", operation.errors.join("`, `"));
    }
    json!({
        "operationId": operation.name,
        "summary": summary,
        "description": format!("{}\n\n{}", operation.docs, operation.who_and_what()),
        "tags": [operation.group],
        "x-access": operation.access,
        "x-effect": operation.effect,
        "security": if operation.access == "host" { json!([{ "host": [] }]) } else { users() },
        "requestBody": { "required": true, "content": { "application/json": { "schema": fields(&operation.arguments, None, true) } } },
        "responses": {
            "200": answer("Its result.", &shape(&operation.result)),
            "401": { "$ref": "#/components/responses/NotSignedIn" },
            "403": { "$ref": "#/components/responses/NotAllowed" },
            "default": answer(&format!("{of_its_own}."), &reference("Failed")),
        },
    })
}

fn answer(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn type_of(of: &Type) -> Value {
    match of {
        Type::Object { docs, fields, closed } => described(self::fields(fields, None, *closed), docs),
        Type::Enum { docs, values } => {
            let mut text = docs.clone();
            for value in values {
                text += &format!("\n- `{}`: {}", value.name, value.docs);
            }
            let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
            described(json!({ "type": "string", "enum": names }), &text)
        }
        Type::Union { docs, tag, variants } => {
            let one = |variant: &super::model::Variant| {
                described(fields(&variant.fields, Some((tag, &variant.name)), false), &variant.docs)
            };
            described(json!({ "oneOf": variants.iter().map(one).collect::<Vec<_>>() }), docs)
        }
    }
}

/// An object of these fields, and of a tag with its value.
fn fields(fields: &[Field], tag: Option<(&String, &String)>, closed: bool) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    if let Some((tag, value)) = tag {
        properties.insert(tag.clone(), json!({ "const": value }));
        required.push(tag);
    }
    for field in fields {
        let mut of = match (&field.shape, field.required) {
            (Shape::Optional(_), _) | (_, true) => shape(&field.shape),
            (plain, false) => shape(&Shape::Optional(Box::new(plain.clone()))),
        };
        of = described(of, &field.docs);
        if field.confidential {
            of["x-confidential"] = json!(true);
        }
        properties.insert(field.name.clone(), of);
        if field.required {
            required.push(&field.name);
        }
    }
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if closed {
        object["additionalProperties"] = json!(false);
    }
    object
}

fn described(mut schema: Value, docs: &str) -> Value {
    if !docs.trim().is_empty() {
        schema["description"] = json!(docs.trim());
    }
    schema
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Unit => json!({ "type": "object" }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer => json!({ "type": "integer", "format": "int64" }),
        Shape::Milliseconds => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        Shape::String => json!({ "type": "string" }),
        Shape::CasehugId => json!({ "type": "string", "pattern": "^[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,127}$" }),
        Shape::ClioId => json!({ "type": "string", "pattern": "^[0-9]+$" }),
        Shape::Time => json!({ "type": "string", "format": "date-time" }),
        Shape::Array(item) => json!({ "type": "array", "items": shape(item) }),
        Shape::Map(value) => json!({ "type": "object", "additionalProperties": shape(value) }),
        Shape::Named(name) => reference(name),
        Shape::Optional(inner) => json!({ "anyOf": [shape(inner), { "type": "null" }] }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    fn read(file: &str) -> Value {
        let text = std::fs::read_to_string(crate::root().join("api").join(file)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn references(of: &Value, found: &mut BTreeSet<String>) {
        match of {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_operation_has_its_route_with_what_the_table_says_of_it() {
        let (api, document) = (read("operations.json"), read("openapi.json"));
        let mut ids = BTreeSet::new();
        for operation in api["operations"].as_array().unwrap() {
            let name = operation["name"].as_str().unwrap();
            let route = &document["paths"][format!("/api/{name}")]["post"];
            assert_eq!(
                (&route["operationId"], &route["x-access"]),
                (&operation["name"], &operation["access"]),
                "{name}"
            );
            assert!(!route["summary"].as_str().unwrap().is_empty(), "{name}");
            let schema = &route["requestBody"]["content"]["application/json"]["schema"];
            let arguments: BTreeSet<&str> =
                operation["arguments"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(),
                arguments
            );
            assert_eq!(schema["additionalProperties"], false, "{name}");
            for error in operation["errors"].as_array().unwrap() {
                let said = route["responses"]["default"]["description"].as_str().unwrap();
                assert!(said.contains(error.as_str().unwrap()), "{name} {error}");
            }
            assert!(ids.insert(name.to_owned()), "{name} twice");
        }
        let routes = document["paths"].as_object().unwrap();
        assert_eq!(routes.values().filter(|item| item["post"].is_object()).count(), ids.len());
    }

    #[test]
    fn who_asks_and_what_is_refused_is_said_of_each_route() {
        let (api, document) = (read("operations.json"), read("openapi.json"));
        for operation in api["operations"].as_array().unwrap() {
            let route = &document["paths"][format!("/api/{}", operation["name"].as_str().unwrap())]["post"];
            let host = operation["access"] == "host";
            assert_eq!(route["security"][0]["host"].is_array(), host, "{operation}");
            assert_eq!(route["security"][0]["firm"].is_array(), !host, "{operation}");
        }
        for (path, statuses) in [
            ("me", &["200", "401", "403"][..]),
            ("matters", &["200", "401", "403", "503"]),
            ("stream", &["200", "401", "403", "503"]),
        ] {
            let responses = document["paths"][format!("/api/{path}")]["get"]["responses"].as_object().unwrap();
            assert_eq!(responses.keys().map(String::as_str).collect::<Vec<_>>(), statuses, "{path}");
        }
        let schemes = document["components"]["securitySchemes"].as_object().unwrap();
        for item in document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
        {
            let named = item["security"][0].as_object().unwrap().keys();
            assert!(named.into_iter().all(|name| schemes.contains_key(name)), "{item}");
        }
    }

    #[test]
    fn every_reference_resolves_and_no_type_is_left_over() {
        let document = read("openapi.json");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for reference in &found {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
        for kind in ["schemas", "responses"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                assert!(found.contains(&format!("#/components/{kind}/{name}")), "{kind} {name}");
            }
        }
    }
}
