//! Can the check fail? Requests and answers that are wrong on purpose; each must be reported where
//! it is wrong.

use serde_json::{Value, json};

use super::{Bench, by_hand::Caller, judge};
use crate::Outcome;

/// What is wrong, the call, what clio-sim's answer is made to be, and where the violation must be.
struct Wrong {
    what: &'static str,
    call: (&'static str, &'static str, Value),
    answer: Option<Value>,
    reported: (&'static str, &'static str),
}

pub(super) fn all(bench: &Bench) -> Outcome {
    let caller = Caller::new(bench)?;
    for wrong in cases() {
        let (method, path, body) = &wrong.call;
        if let Some(action) = &wrong.answer {
            let fault = json!({ "method": method, "path_prefix": "/api/v4", "action": action });
            // Rules that were due stay, and count on: the newest is the only one that can be due.
            bench.clio.post("/__sim/faults", &fault)?;
        }
        let before = bench.calls()?.len();
        caller.call(method, path, body)?;
        let calls = bench.calls()?;
        let found = calls.get(before..).unwrap_or_default().iter().flat_map(judge::violations).collect::<Vec<_>>();
        if !found.iter().any(|violation| (violation.at.as_str(), violation.code.as_str()) == wrong.reported) {
            return Err(format!("the validator overlooks {}: {found:?}", wrong.what));
        }
        println!("reported: {}", wrong.what);
    }
    Ok(())
}

fn cases() -> Vec<Wrong> {
    let get = |path| ("GET", path, Value::Null);
    let post = |data: Value| ("POST", "/contacts.json?fields=id", json!({ "data": data }));
    let replaced = |value: Value| Some(json!({ "kind": "replace", "pointer": "/data", "value": value }));
    let contacts = "/contacts.json?fields=id,name";
    let case = |what, call, answer, reported| Wrong { what, call, answer, reported };
    vec![
        case(
            "a request with a query of a wrong type",
            get("/contacts.json?limit=many"),
            None,
            ("request.query.limit", "type"),
        ),
        case("a request with an id that is no number", get("/contacts/first.json"), None, ("request.path.id", "type")),
        case(
            "a request body with a wrong type",
            post(json!({ "type": "Person", "name": 5 })),
            None,
            ("request.body.data.name", "type"),
        ),
        case(
            "a request body without a required property",
            post(json!({ "type": "Person", "first_name": "Ada" })),
            None,
            ("request.body.data", "required"),
        ),
        case(
            "a request body with a misspelt property",
            post(json!({ "type": "Person", "name": "Ada", "frist_name": "Ada" })),
            None,
            ("request.body.data", "additionalProperties"),
        ),
        case("an answer with a wrong type", get(contacts), replaced(json!(7)), ("response.body.data", "type")),
        case(
            "an answer with a wrong type deep inside",
            get(contacts),
            replaced(json!([{ "id": "7" }])),
            ("response.body.data.*.id", "type"),
        ),
        case(
            "an answer with an unknown property",
            get(contacts),
            replaced(json!([{ "id": 7, "nmae": "Ada" }])),
            ("response.body.data.*", "additionalProperties"),
        ),
        case(
            "an answer of another media type",
            get(contacts),
            Some(json!({ "kind": "content_type", "value": "text/html" })),
            ("response", ""),
        ),
        case(
            "an answer with an unknown status",
            get(contacts),
            Some(json!({ "kind": "status", "status": 418 })),
            ("response", ""),
        ),
        // One that clio-sim has: to the 501 of what it does not simulate Prism would give an answer
        // of its own.
        case("a call of an unknown path", get("/practice_areas_with_categories.json"), None, ("request", "")),
    ]
}
