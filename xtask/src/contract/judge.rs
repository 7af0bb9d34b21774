//! What was found, against the list of exceptions.

use std::fmt;

use serde_json::Value;

use crate::{Outcome, root};

/// One thing that the document does not allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    method: String,
    /// With `{id}` for ids.
    path: String,
    status: u64,
    /// `request` or `response` and the way to the value, with `*` for places in a list.
    pub at: String,
    pub code: String,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, status, at, code, message } = self;
        write!(f, "{method} {path} ({status}): {at} [{code}] {message}")
    }
}

/// The violations of a call, as the router noted it.
pub(super) fn violations(call: &Value) -> Vec<Violation> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let step = |step: &Value| match text(step) {
        step if step.parse::<u64>().is_ok() => String::from("*"),
        step => step,
    };
    let one = |found: &Value| Violation {
        method: text(&call["method"]),
        path: template(&text(&call["path"])),
        status: call["status"].as_u64().unwrap_or_default(),
        at: list(&found["location"]).iter().map(step).collect::<Vec<_>>().join("."),
        code: if found["code"].is_null() { String::new() } else { text(&found["code"]) },
        message: text(&found["message"]),
    };
    list(&call["violations"]).iter().map(one).collect()
}

fn template(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_suffix(".json") {
        Some(id) if id.parse::<u64>().is_ok() => String::from("{id}.json"),
        _ => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A violation that is expected, because Clio's guide and schema contradict each other.
#[derive(Debug)]
struct Exception {
    entry: Value,
    used: usize,
}

impl Exception {
    /// Method and path may be `*`; a message may be given by its beginning.
    fn covers(&self, violation: &Violation) -> bool {
        let is =
            |name: &str, value: &str| self.entry[name].as_str().is_some_and(|wanted| wanted == "*" || wanted == value);
        let status = self.entry.get("status").is_none_or(|status| status.as_u64() == Some(violation.status));
        let message = self.entry["message"].as_str().is_some_and(|start| violation.message.starts_with(start));
        status && message && is("method", &violation.method) && is("path", &violation.path) && is("at", &violation.at)
    }

    fn text(&self, name: &str) -> &str {
        self.entry[name].as_str().unwrap_or_default()
    }
}

fn exceptions(list: &Value) -> Result<Vec<Exception>, String> {
    let list = list.as_array().ok_or("the exceptions are not a list")?;
    let exceptions: Vec<_> = list.iter().map(|entry| Exception { entry: entry.clone(), used: 0 }).collect();
    let needed = ["method", "path", "at", "message", "guide", "schema"];
    match exceptions.iter().find(|exception| needed.iter().any(|name| exception.text(name).is_empty())) {
        Some(wrong) => Err(format!("an exception needs {needed:?}: {}", wrong.entry)),
        None => Ok(exceptions),
    }
}

/// Every violation is an exception, and every exception was met.
pub(super) fn judge(calls: &[Value]) -> Outcome {
    let text =
        std::fs::read_to_string(root().join("tests/contract/exceptions.json")).map_err(|error| error.to_string())?;
    let list = serde_json::from_str(&text).map_err(|error| format!("exceptions.json: {error}"))?;
    let mut exceptions = exceptions(&list)?;
    let unexplained = explain(calls, &mut exceptions);
    let found: usize = calls.iter().map(|call| violations(call).len()).sum();
    println!("{} calls checked: {found} violations, {} unexplained", calls.len(), unexplained.len());
    for exception in &exceptions {
        let Exception { used, .. } = exception;
        println!("  {used:>3} x {} {}: {}", exception.text("method"), exception.text("path"), exception.text("guide"));
    }
    for violation in &unexplained {
        println!("  NOT ALLOWED: {violation}");
    }
    let idle: Vec<_> = exceptions.iter().filter(|exception| exception.used == 0).collect();
    for exception in &idle {
        println!("  NEVER MET: {}", exception.entry);
    }
    match (unexplained.len(), idle.len()) {
        (0, 0) => Ok(()),
        (wrong, idle) => {
            Err(format!("{wrong} kinds of violation against Clio's contract, {idle} exceptions never met"))
        }
    }
}

/// The violations that no exception covers, each once.
fn explain(calls: &[Value], exceptions: &mut [Exception]) -> Vec<Violation> {
    let mut unexplained = Vec::new();
    for violation in calls.iter().flat_map(violations) {
        match exceptions.iter_mut().find(|exception| exception.covers(&violation)) {
            Some(exception) => exception.used += 1,
            None => unexplained.push(violation),
        }
    }
    unexplained.sort();
    unexplained.dedup();
    unexplained
}

/// Every answer that came back is one that clio-sim gave. Prism answers by itself what it cannot
/// read or pass on, and says nothing of a violation then. `lost` is the status that a fault put in
/// the place of clio-sim's own.
pub(super) fn nothing_answered_by_prism(calls: &[Value], of_clio: &Value, lost: u16) -> Outcome {
    let given = of_clio["calls"].as_array().map_or(&[][..], Vec::as_slice);
    let given: Vec<_> = given.iter().filter_map(|call| line(call, "/api/v4")).collect();
    let seen: Vec<_> = calls.iter().filter_map(|call| line(call, "")).collect();
    let times = |list: &[(String, u64)], call: &(String, u64)| list.iter().filter(|other| *other == call).count();
    let own = seen.iter().find(|call| call.1 != u64::from(lost) && times(&seen, call) > times(&given, call));
    match own {
        None if seen.len() == given.len() => Ok(()),
        None => Err(format!("{} calls, of which {} reached clio-sim", seen.len(), given.len())),
        Some((call, status)) => Err(format!("{call} was answered {status}, and not by clio-sim")),
    }
}

fn line(call: &Value, root: &str) -> Option<(String, u64)> {
    let path = call["path"].as_str()?.strip_prefix(root)?;
    Some((format!("{} {path}", call["method"].as_str()?), call["status"].as_u64()?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{exceptions, explain, nothing_answered_by_prism};

    fn call(path: &str, status: u16, message: &str) -> Value {
        json!({ "method": "GET", "path": path, "status": status, "violations": [
            { "location": ["response", "body", "data", "3", "id"], "code": "type", "message": message }] })
    }

    fn list(status: u16) -> Value {
        json!([{ "method": "*", "path": "/contacts/{id}.json", "status": status, "at": "response.body.data.*.id",
            "message": "must be", "guide": "a guide", "schema": "a schema" }])
    }

    #[test]
    fn an_exception_covers_its_own_place_status_and_message_only() {
        let calls = [
            call("/contacts/5.json", 200, "must be a number"),
            call("/contacts/5.json", 201, "must be a number"),
            call("/contacts/5.json", 200, "is missing"),
            call("/matters/5.json", 200, "must be a number"),
        ];
        let mut exceptions = exceptions(&list(200)).unwrap();
        let unexplained: Vec<_> =
            explain(&calls, &mut exceptions).iter().map(|found| (found.path.clone(), found.status)).collect();
        let expected = [("/contacts/{id}.json", 200), ("/contacts/{id}.json", 201), ("/matters/{id}.json", 200)];
        assert_eq!(unexplained, expected.map(|(path, status)| (path.to_owned(), status)));
        assert_eq!(exceptions[0].used, 1);
    }

    #[test]
    fn an_exception_without_its_two_sources_is_refused() {
        assert!(exceptions(&json!([{ "method": "*", "path": "*", "at": "response", "message": "x" }])).is_err());
    }

    #[test]
    fn an_answer_of_the_proxy_itself_is_noticed() {
        let clio = |status: u16| {
            json!({ "calls": [
            { "method": "GET", "path": "/api/v4/contacts.json", "status": status },
            { "method": "POST", "path": "/oauth/token", "status": 200 }] })
        };
        let seen = |status: u16| [json!({ "method": "GET", "path": "/contacts.json", "status": status })];
        assert!(nothing_answered_by_prism(&seen(200), &clio(200), 503).is_ok());
        assert!(nothing_answered_by_prism(&seen(503), &clio(200), 503).is_ok());
        assert!(nothing_answered_by_prism(&seen(500), &clio(200), 503).is_err());
        assert!(nothing_answered_by_prism(&seen(400), &json!({ "calls": [] }), 503).is_err());
        assert!(nothing_answered_by_prism(&seen(503), &json!({ "calls": [] }), 503).is_err());
    }
}
