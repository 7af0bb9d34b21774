//! What a dry run says.
#![allow(clippy::print_stdout, reason = "this is a program's face")]

use casehug_clio::{
    Actor, Code, DocumentKey, Error, Health, MatterId, MatterSyncState, Plan, PlannedDocument, PlannedMatter, Result,
    Sdk, StepKind,
};
use serde_json::{Value, json};

use super::exit::Exit;
use super::words;

type Plans = [(Option<MatterId>, Result<Plan>)];

pub(crate) async fn tell(sdk: &Sdk, actor: &Actor, plans: &Plans, as_json: bool) -> Result<Exit> {
    let page = sdk.firm(actor).settings().mappings().await?;
    let health = sdk.firm(actor).connection().health().await?;
    let mut gone = Vec::new();
    for (matter, plan) in plans {
        gone.push(match (matter, plan) {
            (Some(matter), Ok(_)) => known_to_be_gone(sdk, actor, matter).await?,
            _ => None,
        });
    }
    let exit = gone.iter().flatten().map(Exit::of).chain([exit(plans), hindrance(&health)]).max();
    let exit = exit.unwrap_or(Exit::AllThere);
    let budget = &health.budget;
    let most: u64 = plans.iter().filter_map(|(_, plan)| Some(u64::from(plan.as_ref().ok()?.calls.most))).sum();
    let time = words::time(most, budget.limit, budget.left);
    if as_json {
        let plans = plans.iter().zip(&gone);
        let matters: Vec<Value> =
            plans.map(|((matter, plan), gone)| plan_json(matter.as_ref(), plan, gone.as_ref())).collect();
        println!(
            "{}",
            json!({ "ok": exit == Exit::AllThere, "dry_run": true, "firm": actor.firm, "advice": health.advice,
                "practice_areas_known": page.practice_areas_known, "most_calls": most, "matters": matters })
        );
        return Ok(exit);
    }
    if !page.practice_areas_known {
        println!("The firm is not connected to Clio yet, so its practice areas are not known.");
    }
    for advice in health.advice.iter().filter(|advice| advice.code != Code::NotConnected.name()) {
        println!("[{}] {}", advice.code, advice.message);
    }
    for ((matter, plan), gone) in plans.iter().zip(&gone) {
        let name = matter.as_ref().map_or("?", MatterId::as_str);
        match plan.as_ref().and_then(|plan| gone.as_ref().map_or(Ok(plan), Err)) {
            Ok(plan) => {
                println!("{name}: {}", words::calls(plan.calls));
                println!("  contact   {}", words::contact(plan.contact));
                println!("  matter    {}", words::matter(plan.matter, &page.practice_areas));
                for (key, document) in &plan.documents {
                    println!("  document  {key}: {}", words::document(key, *document));
                }
            }
            Err(error) => println!("{name}: FAILS: {error}"),
        }
    }
    match most {
        0 => println!("no call to Clio is needed"),
        _ => println!("at most {most} calls: {time}"),
    }
    Ok(exit)
}

/// What would keep everything from arriving, whatever the intakes say.
fn hindrance(health: &Health) -> Exit {
    let told = |code: Code| health.advice.iter().any(|advice| advice.code == code.name());
    if health.key == "failed" {
        Exit::of(&Code::KeyFailed.into())
    } else if told(Code::PlanWithoutApi) {
        Exit::of(&Code::PlanWithoutApi.into())
    } else {
        Exit::AllThere
    }
}

/// A matter of which the last that was learned is that it, or its client's contact, is gone from
/// Clio.
async fn known_to_be_gone(sdk: &Sdk, actor: &Actor, matter: &MatterId) -> Result<Option<Error>> {
    let state = sdk.firm(actor).matters().state(matter).await?;
    if state.status != MatterSyncState::Gone {
        return Ok(None);
    }
    let record = if state.clio_contact_gone { StepKind::Contact } else { StepKind::Matter };
    Ok(Some(Error::new(Code::LinkedRecordGone).with("record", record.name()).with("matter", matter)))
}

/// Whether all of it would arrive.
fn exit(plans: &Plans) -> Exit {
    let of_plan = |plan: &Plan| {
        let fails = |document: &PlannedDocument| {
            matches!(
                document,
                PlannedDocument::Unsendable { .. } | PlannedDocument::Unreadable(_) | PlannedDocument::Replaced(_)
            )
        };
        if plan.documents.iter().any(|(_, document)| fails(document)) { Exit::Failed } else { Exit::AllThere }
    };
    let all = plans.iter().map(|(_, plan)| plan.as_ref().map_or_else(Exit::of, of_plan));
    all.max().unwrap_or(Exit::AllThere)
}

fn plan_json(matter: Option<&MatterId>, plan: &Result<Plan>, gone: Option<&Error>) -> Value {
    let plan = match (plan, gone) {
        (Ok(plan), None) => plan,
        (Err(error), _) | (_, Some(error)) => return json!({ "matter": matter, "error": error }),
    };
    let mut told = json!({ "matter": matter, "calls": plan.calls, "contact": plan.contact.name(),
        "matter_step": plan.matter.name(),
        "documents": plan.documents.iter()
            .map(|(key, document)| document_json(key, *document)).collect::<Vec<_>>() });
    match plan.matter {
        PlannedMatter::Create(Ok(chosen)) | PlannedMatter::Resolve(Ok(chosen)) => {
            told["practice_area"] = json!({ "id": chosen.area, "by": chosen.by });
        }
        PlannedMatter::Create(Err(why)) | PlannedMatter::Resolve(Err(why)) => {
            told["no_practice_area"] = json!(why.name());
        }
        PlannedMatter::Linked(clio) | PlannedMatter::Gone(clio) => told["clio"] = json!(clio),
    }
    told
}

fn document_json(key: &DocumentKey, document: PlannedDocument) -> Value {
    let mut told = json!({ "id": key.to_string(), "step": document.name() });
    if let Some(error) = document.refusal(key) {
        told["error"] = json!(error);
    }
    match document {
        PlannedDocument::Upload { calls, len } => (told["calls"], told["bytes"]) = (json!(calls), json!(len)),
        PlannedDocument::Linked(clio) | PlannedDocument::LinkedButWithdrawn(clio) | PlannedDocument::Replaced(clio) => {
            told["clio"] = json!(clio)
        }
        PlannedDocument::NotApproved(status) => told["status"] = json!(status.name()),
        PlannedDocument::Refused(origin) => told["origin"] = json!(origin.name()),
        PlannedDocument::Resume | PlannedDocument::Unsendable { .. } | PlannedDocument::Unreadable(_) => {}
    }
    told
}
