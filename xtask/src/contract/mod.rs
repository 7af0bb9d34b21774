//! Everything that the SDK and clio-sim say to each other, checked against Clio's own OpenAPI
//! document by Prism.
//!
//! sync-intake → router → Prism → clio-sim. Prism proxies and says of every exchange what the
//! document does not allow, in both directions; the router (`tests/contract`) notes it. What is
//! found must be on the list of exceptions, where Clio's guide and schema contradict each other,
//! and every exception must be found.
//!
//! A check that cannot fail proves nothing, so wrong requests and wrong answers go first, and each
//! must be reported.

mod by_hand;
mod document;
mod judge;
mod prism;
mod self_check;
mod traffic;

use serde_json::Value;

use crate::clio::{Clio, Program, request};
use crate::{Outcome, target};

/// clio-sim, and the port where everything it says is checked.
pub(crate) struct Bench {
    clio: Clio,
    router: Program,
    _prism: prism::Prism,
}

impl Bench {
    fn start(document: &str) -> Result<Option<Self>, String> {
        let Some(program) = prism::install()? else { return Ok(None) };
        let clio = Clio::start()?;
        let prism = prism::Prism::start(&program, document, &format!("{}/api/v4", clio.url()))?;
        let router = Program::start("contract-router", &["--sim", clio.url(), "--proxy", &prism.url])?;
        Ok(Some(Self { clio, router, _prism: prism }))
    }

    /// What the router noted, in order.
    fn calls(&self) -> Result<Vec<Value>, String> {
        let calls = request(&self.router.url, "GET", "/__contract/calls", &[], "")?.expect(200)?.json();
        calls.as_array().cloned().ok_or_else(|| String::from("the router's notes are not a list"))
    }
}

pub(crate) fn contract() -> Outcome {
    let Some(document) = document::find()? else {
        println!(
            "SKIPPED: no OpenAPI document at ../shared/clio/openapi-subset.json beside the checkout, none named by"
        );
        println!(
            "         CLIO_OPENAPI. It is Clio's and not part of this project, so this is no failure, in CI either."
        );
        println!("         NOTHING was compared with Clio's contract.");
        return Ok(());
    };
    crate::test::build()?;
    crate::demo::make_intake()?;
    let folder = target().join("contract");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let closed = folder.join("openapi.json");
    std::fs::write(&closed, document::closed(document).to_string()).map_err(|error| error.to_string())?;
    let Some(bench) = Bench::start(&closed.to_string_lossy())? else { return Ok(()) };

    println!("\n== wrong requests and wrong answers, each of which must be reported\n");
    self_check::all(&bench)?;
    let checked = bench.calls()?.len();
    println!("\n== the demo\n");
    traffic::demo(&bench, &folder.join("demo.db"))?;
    println!("\n== the demo again, with a Clio that fails now and then\n");
    traffic::failures(&bench, &folder.join("failures.db"))?;
    let of_the_sdk = bench.calls()?.len();
    println!("\n== what the SDK does not ask for, and how Clio refuses\n");
    by_hand::all(&bench)?;
    let calls = bench.calls()?;
    judge::nothing_answered_by_prism(&calls, &bench.clio.get("/__sim/calls")?, traffic::LOST)?;
    println!("\n{} calls of the SDK, {} others", of_the_sdk - checked, calls.len() - of_the_sdk);
    judge::judge(calls.get(checked..).unwrap_or_default())
}
