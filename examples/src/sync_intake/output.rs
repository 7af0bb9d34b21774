//! What people and programs read. Ids, counts and codes: no client data.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's face")]

use casehug_clio::{ClioHost, Error, FirmId, MatterId, StepKind, StepOutcome, SyncReport, Timestamp};
use serde_json::{Value, json};

use super::exit::Exit;
use super::words;
use super::work::Outcome;

/// For people, beside the logs.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

pub(crate) fn fatal(error: &Error, as_json: bool) {
    say(&error.to_string());
    if as_json {
        println!("{}", json!({ "ok": false, "error": error }));
    }
}

pub(crate) fn backed_up(as_json: bool, begun: Timestamp) {
    let begun = begun.to_rfc3339();
    say(&format!(
        "The backup is made, of what was there at {begun}: after a restore that is the time for --recover-since. Keep the sealing key elsewhere: it is not in it."
    ));
    if as_json {
        println!("{}", json!({ "ok": true, "begun_at": begun }));
    }
}

pub(crate) fn copied(as_json: bool, records: usize) {
    say(&format!(
        "{records} records are copied, and the same in both. Start the processes on the new database, and never again on the old one."
    ));
    if as_json {
        println!("{}", json!({ "ok": true, "records": records }));
    }
}

/// A firm that the database does not know may be mistyped.
pub(crate) fn recovering(as_json: bool, firm: &FirmId, since: Option<Timestamp>, known: bool) {
    let since = since.map(Timestamp::to_rfc3339);
    say(&match &since {
        Some(since) => format!(
            "{firm} is in recovery: what may have been sent to Clio since {since} is looked for there before anything is created. Nothing was synced. Do this for every firm before a process starts."
        ),
        None => format!("The recovery of {firm} is ended."),
    });
    if !known {
        say(
            "The database knows of no connection of this firm: it was connected after the backup, or its id is another one.",
        );
    }
    if as_json {
        println!("{}", json!({ "ok": true, "firm": firm, "recover_since": since, "known": known }));
    }
}

pub(crate) fn report(firm: &FirmId, host: &ClioHost, outcomes: &[Outcome], as_json: bool) -> Exit {
    let ok = outcomes.iter().all(Outcome::arrived);
    let exit = outcomes.iter().map(Outcome::exit).max().unwrap_or(Exit::AllThere);
    let page = |run: &SyncReport| run.clio_matter().map(|clio| host.matter_url(clio).to_string());
    let calls: u32 = outcomes.iter().map(|outcome| if let Outcome::Ran(run) = outcome { run.calls } else { 0 }).sum();
    if as_json {
        let matters: Vec<Value> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Ran(run) => {
                    let mut told = json!(run);
                    told["clio_url"] = json!(page(run));
                    told
                }
                Outcome::Bad { matter, error } => {
                    json!({ "matter": matter, "status": "failed", "calls": 0, "steps": [], "error": error })
                }
            })
            .collect();
        println!("{}", json!({ "ok": ok, "firm": firm, "calls": calls, "matters": matters }));
        return exit;
    }
    println!("{:<12} {:<10} {:<10} {:<32} {:>5}", "matter", "contact", "matter", "documents", "calls");
    for outcome in outcomes {
        match outcome {
            Outcome::Ran(run) => println!(
                "{:<12} {:<10} {:<10} {:<32} {:>5}",
                run.matter.as_str(),
                outcome_of(run, StepKind::Contact),
                outcome_of(run, StepKind::Matter),
                documents(run),
                run.calls
            ),
            Outcome::Bad { matter, error } => {
                println!("{:<12} {error}", matter.as_ref().map_or("?", MatterId::as_str));
            }
        }
    }
    println!("calls used: {calls}");
    for outcome in outcomes {
        let Outcome::Ran(run) = outcome else { continue };
        if let Some(page) = page(run) {
            println!("{}: {page}", run.matter);
        }
        for failed in run.steps.iter().filter(|step| step.outcome.is_failure()) {
            println!("{}: {}", run.matter, words::step(failed));
        }
    }
    exit
}

fn outcome_of(run: &SyncReport, kind: StepKind) -> &'static str {
    run.steps.iter().find(|step| step.step == kind).map_or("-", |step| step.outcome.name())
}

fn documents(run: &SyncReport) -> String {
    let kinds = [
        StepOutcome::Created,
        StepOutcome::Recovered,
        StepOutcome::Unchanged,
        StepOutcome::Refused,
        StepOutcome::NotApproved,
        StepOutcome::Failed,
        StepOutcome::InDoubt,
        StepOutcome::Blocked,
    ];
    let count =
        |outcome| run.steps.iter().filter(|step| step.step == StepKind::Document && step.outcome == outcome).count();
    let parts: Vec<String> = kinds
        .into_iter()
        .filter(|outcome| count(*outcome) > 0)
        .map(|outcome| format!("{} {}", count(outcome), outcome.name()))
        .collect();
    if parts.is_empty() { String::from("none") } else { parts.join(", ") }
}
