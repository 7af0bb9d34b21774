//! What is said to Clio while it is checked.

use std::path::Path;

use serde_json::{Value, json};

use super::Bench;
use crate::{Outcome, demo};

/// What a gateway answers in the place of Clio.
pub(super) const LOST: u16 = 503;

/// The example intakes, twice. The firm has practice areas for more than one page.
pub(super) fn demo(bench: &Bench, db: &Path) -> Outcome {
    let areas: Vec<_> = (0..250).map(|n| json!({ "name": format!("Practice {n}") })).collect();
    bench.clio.post("/__sim/seed", &json!({ "practice_areas": areas }))?;
    demo::examples(&bench.clio, &bench.router.url, db)
}

/// The example intakes by another installation, with answers lost at a gateway, so that the SDK
/// looks for what it may have created, and with refusals that it recovers from.
pub(super) fn failures(bench: &Bench, db: &Path) -> Outcome {
    // Records of the first installation that are so young resemble those in doubt, and a person
    // would have to decide.
    bench.clio.post("/__sim/clock", &json!({ "advance_ms": 3_600_000 }))?;
    let lost = json!({ "kind": "status", "status": LOST, "html": true, "executed": true });
    let refused = |status: u16| json!({ "kind": "status", "status": status, "retry_after": "1" });
    let fault = |method: &str, path: &str, nth: u32, action: &Value| json!({ "method": method, "path_prefix": format!("/api/v4/{path}"), "nth": nth, "action": action });
    bench.clio.post(
        "/__sim/faults",
        &json!([
            fault("POST", "contacts", 1, &lost),
            fault("POST", "matters", 1, &lost),
            fault("POST", "documents", 1, &lost),
            fault("PATCH", "documents", 1, &lost),
            fault("GET", "contacts", 2, &refused(429)),
            fault("POST", "matters", 4, &refused(401)),
        ]),
    )?;
    demo::forget(db);
    demo::sync(&bench.router.url, db, &[])?;
    let faults = bench.clio.get("/__sim/faults")?;
    let idle = |fault: &&Value| fault["fired"] == 0;
    match faults["faults"].as_array().into_iter().flatten().find(idle) {
        Some(fault) => Err(format!("a fault never came about: {fault}")),
        None => Ok(()),
    }
}
