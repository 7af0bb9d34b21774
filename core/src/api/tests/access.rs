//! Who may do what: every operation of the table, as everybody.

use serde_json::{Value, json};

use super::world::{World, admin, firm, matter, member};
use crate::api::{Access, Caller, operations};
use crate::domain::{Actor, ActorId, FirmId, Role};
use crate::error::{Code, Error};

/// Arguments that the operation can read, naming records of the first firm.
fn arguments(name: &str, ids: &Ids) -> Value {
    let far = "2026-04-02T12:00:00Z";
    match name {
        "begin_connect" | "begin_separate_connect" => json!({ "redirect_uri": "https://calmintake.example/callback" }),
        "finish_connect" => json!({ "callback_query": "code=c&state=unknown" }),
        "save_settings" => json!({ "settings": { "revision": 0, "sync_when_approved": true, "sync_when_created": false,
            "case_number_as_display_number": false, "contact_review": false, "on_name_mismatch": "link",
            "practice_areas": {}, "fallback_area": null } }),
        "change_settings" => json!({ "change": { "revision": 0, "contact_review": true } }),
        "map_case_type" => json!({ "case_type": "Divorce", "practice_area": null }),
        "import_settings" => json!({ "document": "{}" }),
        "plan_matter" | "sync_matter" | "get_matter_state" | "propose_contact" => json!({ "matter": "m1" }),
        "trigger_sync" => json!({ "matter": "m1", "trigger": "approved" }),
        "retry_run" => json!({ "run": ids.run }),
        "list_runs" | "list_audit" => json!({ "query": {} }),
        "resolve_review" => json!({ "step": "matter", "id": "m1", "decision": { "answer": "create" } }),
        "begin_recovery" => json!({ "since": far }),
        "plan_backfill" | "start_backfill" => json!({ "matters": ["m1"] }),
        "pause_backfill" | "resume_backfill" | "cancel_backfill" => json!({ "id": ids.backfill }),
        "accept_contact_proposal" | "reject_contact_proposal" => json!({ "proposal": ids.proposal }),
        "export_audit" => json!({ "from": 1, "limit": 100 }),
        "prune_runs" | "prune_audit" => json!({ "before": "2020-01-01T00:00:00Z" }),
        "next_events" => json!({ "limit": 1, "wait_ms": 0 }),
        "ack_event" => json!({ "firm": firm(), "id": "matter/m1#000000000001" }),
        "handle_casehug_event" => json!({ "event": { "id": "evt_1", "type": "webhook.test", "firm_id": firm(),
            "created_at": far, "data": {} } }),
        "report_deauthorization" | "forget_lost_keys" => json!({ "firm": firm() }),
        "mark_contact_applied" => json!({ "firm": firm(), "proposal": ids.proposal }),
        "record_status_change" => json!({ "firm": firm(), "matter": "m1", "at": "2026-04-01T12:00:00Z" }),
        _ => json!({}),
    }
}

struct Ids {
    run: String,
    backfill: String,
    proposal: String,
}

/// A firm with a matter in Clio, a run, a backfill and a proposal.
async fn world() -> (World, Ids) {
    let world = World::reviewing().await;
    world.synced().await;
    let run = world.sdk.firm(&admin()).matters().state(&matter()).await.unwrap().last_run.unwrap().run;
    let backfill = world.sdk.firm(&admin()).backfills().start(vec![matter()]).await.unwrap().id;
    world.http.clio().contact = json!({ "id": 11, "etag": "\"1\"", "type": "Person", "name": "A Second",
        "first_name": "A", "last_name": "Second", "email_addresses": [], "phone_numbers": [] });
    let proposal = world.sdk.firm(&admin()).contacts().propose(&matter()).await.unwrap().proposal.unwrap();
    (world, Ids { run, backfill, proposal })
}

fn of_firm(name: &str, role: Role) -> Actor {
    Actor { id: ActorId::new("usr_9").unwrap(), firm: FirmId::new(name).unwrap(), role }
}

async fn call(world: &World, caller: Caller<'_>, name: &str, ids: &Ids) -> Result<String, Error> {
    world.sdk.call(caller, name, arguments(name, ids).to_string().as_bytes()).await
}

fn refusal(outcome: &Result<String, Error>) -> Option<&str> {
    let error = outcome.as_ref().err().filter(|error| error.code() == Code::NotAllowed)?;
    Some(error.get("reason").unwrap_or(""))
}

#[tokio::test]
async fn every_operation_refuses_whom_its_row_refuses_and_nobody_else() {
    for operation in operations() {
        let name = operation.name;
        let (world, ids) = world().await;
        let by_member = call(&world, Caller::User(&member()), name, &ids).await;
        let denied = world.audited("denied").await;
        let expected = match operation.access {
            Access::Member => None,
            Access::Admin => Some("not_an_admin"),
            Access::Host => Some("host_only"),
        };
        assert_eq!(refusal(&by_member), expected, "{name} by a member: {by_member:?}");
        let audited = denied.iter().any(|entry| entry["details"]["operation"] == name);
        assert_eq!(audited, operation.access != Access::Member, "{name}: the refusal is in the audit log");

        let (world, ids) = self::world().await;
        let by_admin = call(&world, Caller::User(&admin()), name, &ids).await;
        let expected = (operation.access == Access::Host).then_some("host_only");
        assert_eq!(refusal(&by_admin), expected, "{name} by an admin: {by_admin:?}");

        let (world, ids) = self::world().await;
        let by_host = call(&world, Caller::Host, name, &ids).await;
        let expected = (operation.access != Access::Host).then_some("no_user");
        assert_eq!(refusal(&by_host), expected, "{name} by the host: {by_host:?}");
        let unreadable = by_host.err().is_some_and(|error| error.code() == Code::RequestInvalid);
        assert!(
            !unreadable && !by_admin.is_err_and(|error| error.code() == Code::RequestInvalid),
            "{name}: wrong sample"
        );
    }
}

#[tokio::test]
async fn an_admin_of_another_firm_neither_sees_nor_changes_anything_of_the_first() {
    for operation in operations() {
        let (world, ids) = world().await;
        let of_first = |world: &World| {
            let mut all: Vec<_> = world.store.dump().into_iter().filter(|(key, _)| key.firm == firm()).collect();
            all.sort_by(|one, other| format!("{:?}", one.0).cmp(&format!("{:?}", other.0)));
            all
        };
        let before = of_first(&world);
        // One that is not connected, and is known to nobody.
        for stranger in [of_firm("firm_2", Role::Admin), of_firm("firm_unknown", Role::Member)] {
            let outcome = call(&world, Caller::User(&stranger), operation.name, &ids).await;
            let expected = match (operation.access, stranger.role) {
                (Access::Host, _) => Some("host_only"),
                (Access::Admin, Role::Member) => Some("not_an_admin"),
                // They may ask, in their own firm, where there is nothing.
                (Access::Admin | Access::Member, _) => None,
            };
            assert_eq!(refusal(&outcome), expected, "{} of {}: {outcome:?}", operation.name, stranger.firm);
            if let Ok(told) = &outcome {
                let secrets = ["Second", "a@b.example", "\"21\"", "\"11\"", "usr_1", ids.run.as_str()];
                let seen = secrets.iter().find(|secret| told.contains(**secret));
                assert_eq!(seen, None, "{}: {told}", operation.name);
            }
        }
        assert!(of_first(&world) == before, "{} changed a record of another firm", operation.name);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_path_and_never_with_its_value() {
    let (world, _) = world().await;
    let admin = admin();
    for (name, given, path, reason) in [
        ("sync_matter", json!({}), "matter", "missing_field"),
        ("sync_matter", json!({ "matter": "Jane Doe" }), "matter", "value_not_allowed"),
        ("sync_matter", json!({ "matter": "m1", "mater": 1 }), "mater", "unknown_field"),
        ("trigger_sync", json!({ "matter": "m1", "trigger": "Jane" }), "trigger", "value_not_allowed"),
        ("map_case_type", json!({ "case_type": "Divorce" }), "practice_area", "missing_field"),
        ("change_settings", json!({ "change": { "revision": -1 } }), "change.revision", "wrong_type"),
        ("list_runs", json!({ "query": { "limit": "Jane" } }), "query.limit", "wrong_type"),
        ("begin_recovery", json!({ "since": "Jane" }), "since", "wrong_type"),
        ("get_health", json!([]), ".", "not_an_object"),
    ] {
        let refused = world.sdk.call(Caller::User(&admin), name, given.to_string().as_bytes()).await.unwrap_err();
        let found = (refused.code(), refused.get("path"), refused.get("reason"));
        assert_eq!(found.0, Code::RequestInvalid, "{name}");
        assert_eq!(found.1, Some(path), "{name}: {refused:?}");
        assert!(found.2.is_some() && !format!("{refused:?}{refused}").contains("Jane"), "{name} {reason}: {refused:?}");
    }
    let unknown = world.sdk.call(Caller::User(&admin), "sync_everything", b"{}").await.unwrap_err();
    assert_eq!((unknown.code(), unknown.get("argument")), (Code::RequestInvalid, Some("operation")));
    let done = world.sdk.call(Caller::User(&admin), "end_recovery", b"{}").await.unwrap();
    assert_eq!(done, "{}");
}
