//! What a dry run says.
#![allow(clippy::print_stdout, reason = "this is a program's face")]

use casehug_clio::auth::Actor;
use casehug_clio::model::MatterId;
use casehug_clio::sync::{Plan, PlannedDocument, PlannedMatter};
use casehug_clio::{Result, Sdk};
use serde_json::{Value, json};

use super::exit::Exit;
use super::words;

type Plans = [(Option<MatterId>, Result<Plan>)];

pub(crate) async fn tell(sdk: &Sdk, actor: &Actor, plans: &Plans, as_json: bool) -> Result<Exit> {
    let page = sdk.mappings(actor).await?;
    let budget = sdk.status(actor).await?.budget;
    let most: u64 = plans.iter().filter_map(|(_, plan)| Some(u64::from(plan.as_ref().ok()?.calls.most))).sum();
    let time = words::time(most, budget.limit, budget.left);
    if as_json {
        let matters: Vec<Value> = plans.iter().map(|(matter, plan)| plan_json(matter.as_ref(), plan)).collect();
        println!(
            "{}",
            json!({ "dry_run": true, "practice_areas_known": page.practice_areas_known, "most_calls": most, "matters": matters })
        );
        return Ok(exit(plans));
    }
    if !page.practice_areas_known {
        println!("The firm is not connected to Clio yet, so its practice areas are not known.");
    }
    for (matter, plan) in plans {
        let name = matter.as_ref().map_or("?", MatterId::as_str);
        match plan {
            Ok(plan) => {
                println!("{name}: {} to {} calls", plan.calls.least, plan.calls.most);
                println!("  contact   {}", words::contact(plan.contact));
                println!("  matter    {}", words::matter(plan.matter, &page.practice_areas));
                for (key, document) in &plan.documents {
                    println!("  document  {key}: {}", words::document(*document));
                }
            }
            Err(error) => println!("{name}: FAILS: {error}"),
        }
    }
    println!("at most {most} calls: {time}");
    Ok(exit(plans))
}

/// Whether all of it would arrive.
fn exit(plans: &Plans) -> Exit {
    let of_plan = |plan: &Plan| {
        let fails = |document: &PlannedDocument| {
            matches!(document, PlannedDocument::Unsendable | PlannedDocument::Unreadable(_))
        };
        if plan.documents.iter().any(|(_, document)| fails(document)) { Exit::Failed } else { Exit::AllThere }
    };
    let all = plans.iter().map(|(_, plan)| plan.as_ref().map_or_else(Exit::of, of_plan));
    all.max().unwrap_or(Exit::AllThere)
}

fn plan_json(matter: Option<&MatterId>, plan: &Result<Plan>) -> Value {
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return json!({ "matter": matter, "error": error }),
    };
    let mut told = json!({ "matter": matter, "calls": plan.calls, "contact": plan.contact.name(),
        "matter_step": plan.matter.name(),
        "documents": plan.documents.iter()
            .map(|(key, document)| document_json(&key.to_string(), *document)).collect::<Vec<_>>() });
    match plan.matter {
        PlannedMatter::Create(Ok(chosen)) | PlannedMatter::Resolve(Ok(chosen)) => {
            told["practice_area"] = json!({ "id": chosen.area, "by": chosen.by });
        }
        PlannedMatter::Create(Err(why)) | PlannedMatter::Resolve(Err(why)) => {
            told["no_practice_area"] = json!(why.name());
        }
        PlannedMatter::Linked(clio) => told["clio"] = json!(clio),
    }
    told
}

fn document_json(id: &str, document: PlannedDocument) -> Value {
    let mut told = json!({ "id": id, "step": document.name() });
    match document {
        PlannedDocument::Upload { calls, len } => (told["calls"], told["bytes"]) = (json!(calls), json!(len)),
        PlannedDocument::Unreadable(code) => told["error"] = json!(casehug_clio::Error::new(code)),
        PlannedDocument::Linked(clio) | PlannedDocument::LinkedButWithdrawn(clio) => told["clio"] = json!(clio),
        PlannedDocument::NotApproved(status) => told["status"] = json!(status.name()),
        PlannedDocument::Refused(origin) => told["origin"] = json!(origin.name()),
        PlannedDocument::Resume | PlannedDocument::Unsendable => {}
    }
    told
}
