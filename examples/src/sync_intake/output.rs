//! What people and programs read. Ids, counts and codes: no client data.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's face")]

use casehug_clio::model::{FirmId, MatterId};
use casehug_clio::sync::{Plan, StepKind, StepOutcome, SyncReport};
use casehug_clio::{Error, Result};
use serde_json::{Value, json};

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

pub(crate) fn backed_up(as_json: bool) {
    say("The backup is made. Keep the sealing key elsewhere: it is not in it.");
    if as_json {
        println!("{}", json!({ "ok": true }));
    }
}

pub(crate) fn plans(plans: &[(Option<MatterId>, Result<Plan>)], as_json: bool) {
    if as_json {
        let list: Vec<Value> = plans.iter().map(|(matter, plan)| plan_json(matter.as_ref(), plan)).collect();
        println!("{}", json!({ "dry_run": true, "matters": list }));
        return;
    }
    for (matter, plan) in plans {
        let name = matter.as_ref().map_or("?", MatterId::as_str);
        match plan {
            Ok(plan) => {
                println!("{name}: {} to {} calls", plan.calls.least, plan.calls.most);
                println!("  contact   {:?}\n  matter    {:?}", plan.contact, plan.matter);
                for (key, document) in &plan.documents {
                    println!("  document  {key} {document:?}");
                }
            }
            Err(error) => println!("{name}: {error}"),
        }
    }
}

fn plan_json(matter: Option<&MatterId>, plan: &Result<Plan>) -> Value {
    match plan {
        Ok(plan) => json!({
            "matter": matter.map(MatterId::as_str),
            "calls": { "least": plan.calls.least, "most": plan.calls.most },
            "contact": format!("{:?}", plan.contact),
            "matter_step": format!("{:?}", plan.matter),
            "documents": plan.documents.iter()
                .map(|(key, document)| json!({ "id": key.to_string(), "step": format!("{document:?}") }))
                .collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "matter": matter.map(MatterId::as_str), "error": error }),
    }
}

pub(crate) fn report(firm: &FirmId, outcomes: &[Outcome], as_json: bool) {
    let ok = outcomes.iter().all(Outcome::arrived);
    let calls: u32 = outcomes.iter().map(|outcome| if let Outcome::Ran(run) = outcome { run.calls } else { 0 }).sum();
    if as_json {
        let matters: Vec<Value> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Ran(run) => serde_json::to_value(run).unwrap_or(Value::Null),
                Outcome::Bad { matter, error } => {
                    json!({ "matter": matter, "status": "failed", "calls": 0, "steps": [], "error": error })
                }
            })
            .collect();
        println!("{}", json!({ "ok": ok, "firm": firm, "calls": calls, "matters": matters }));
        return;
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
    for step in outcomes.iter().filter_map(|outcome| if let Outcome::Ran(run) = outcome { Some(run) } else { None }) {
        for failed in step.steps.iter().filter(|step| step.outcome.is_failure()) {
            if let Some(error) = &failed.error {
                println!("{}: {:?} {} {}: {error}", step.matter, failed.step, failed.id, failed.outcome.name());
            }
        }
    }
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
