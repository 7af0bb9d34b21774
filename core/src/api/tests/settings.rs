//! What the firm's own mapping may say.

use serde_json::json;

use super::connection::{is_account, separate};
use super::world::{World, admin, firm, refused};
use crate::api::MappingPage;
use crate::domain::{ClioId, Intake, MatterId};
use crate::error::{Code, Error};
use crate::ports::{Expect, Key, Store as _, Version, Write};
use crate::settings::{FirmSettings, MappedBy, MappedTo, SettingsChange, Unmapped};

async fn connected() -> World {
    let world = World::new();
    is_account(&world, 7, &[(1, "Falconry"), (2, "Heraldry")]);
    world.connect().await.unwrap();
    world
}

/// Settings in which each of these case types leads somewhere.
fn mapping(revision: u64, case_types: &[&str]) -> FirmSettings {
    let practice_areas = case_types.iter().zip(1..).map(|(case_type, id)| ((*case_type).to_owned(), ClioId(id)));
    FirmSettings { revision, practice_areas: practice_areas.collect(), ..FirmSettings::default() }
}

fn assert_refused(error: &Error, reason: &str) {
    assert_eq!(error.code(), Code::SettingInvalid);
    assert_eq!((error.get("setting"), error.get("reason")), (Some("practice_areas"), Some(reason)));
    assert!(!error.to_string().contains("Hawks"), "a case type may be a client's words: {error}");
}

#[tokio::test]
async fn a_case_type_that_is_blank_or_there_twice_is_refused_however_it_comes() {
    let world = connected().await;
    for (case_types, reason) in [
        (&[" "][..], "blank_case_type"),
        (&["_"], "blank_case_type"),
        (&["Hawks", "hawks"], "case_type_twice"),
        (&["Hawks_and  owls", " hawks and owls"], "case_type_twice"),
    ] {
        let settings = mapping(0, case_types);
        assert_refused(&world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap_err(), reason);
        let areas: Vec<String> = case_types.iter().map(|case_type| format!("\"{case_type}\":\"Falconry\"")).collect();
        let document = format!(
            "{{\"format\":1,\"sync_when_approved\":true,\"sync_when_created\":false,\
             \"case_number_as_display_number\":false,\"contact_review\":false,\"on_name_mismatch\":\"link\",\"fallback_area\":null,\"practice_areas\":{{{}}}}}",
            areas.join(",")
        );
        assert_refused(&world.sdk.firm(&admin()).settings().import(&document).await.unwrap_err(), reason);
    }
    let blank = world.sdk.firm(&admin()).settings().map_case_type(" ", Some("Falconry".to_owned())).await.unwrap_err();
    assert_refused(&blank, "blank_case_type");
    assert_eq!(
        world.sdk.firm(&admin()).settings().get().await.unwrap(),
        FirmSettings::default(),
        "nothing was changed"
    );
}

#[tokio::test]
async fn the_page_says_what_casehug_sent_where_it_leads_and_why_and_what_is_not_known_yet() {
    let world = World::new();
    let led = |page: &MappingPage, case_type: &str| {
        page.mappings.iter().find(|mapping| mapping.case_type == case_type).cloned().unwrap()
    };
    let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
    assert!(!page.practice_areas_known && page.seen.is_empty());
    assert_eq!(led(&page, "divorce").mapped, MappedTo::NotKnown);
    for refused in [
        world.sdk.firm(&admin()).settings().map_case_type("divorce", Some("Falconry".to_owned())).await,
        world.sdk.firm(&admin()).settings().save(mapping(0, &["Hawks"]).clone()).await,
    ] {
        assert_eq!(refused.unwrap_err().code(), Code::NotConnected);
    }

    is_account(&world, 7, &[(1, "Falconry"), (2, "Family Law"), (3, "3"), (4, "1")]);
    world.connect().await.unwrap();
    let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
    assert!(page.practice_areas_known);
    assert_eq!(led(&page, "divorce").by, Some(MappedBy::Default));
    assert_eq!(led(&page, "visa").mapped, MappedTo::Nothing { why: Unmapped::NoSuchArea });
    world.sdk.firm(&admin()).settings().map_case_type("Divorce", Some("1".to_owned())).await.unwrap();
    let own = led(&world.sdk.firm(&admin()).settings().mappings().await.unwrap(), "Divorce");
    assert_eq!(own.mapped, MappedTo::Area { id: ClioId(1), name: "Falconry".into() }, "an id before a name");
    for (matter, case_type) in [("m1", "Divorce - Standard"), ("m2", "Jane's hawks"), ("m3", "divorce  - STANDARD")] {
        let intake = json!({ "matter": { "id": matter, "title": "x", "case_type": case_type },
            "client": { "id": "c1", "first_name": "Jane", "last_name": "x" }, "documents": [] });
        let intake = Intake::from_json(intake.to_string().as_bytes()).unwrap();
        world.intake.put(&firm(), intake);
        // The second one is answered with the first one's id: what was seen is noted before that.
        let _ = world.sdk.firm(&admin()).matters().sync(&MatterId::new(matter).unwrap()).await;
    }
    let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
    let printed = format!("{page:?} {page:#?}").to_lowercase();
    assert!(!printed.contains("hawks") && !printed.contains("standard"), "{printed}");
    let seen = page.seen;
    let told: Vec<_> = seen.iter().map(|seen| (seen.mapping.case_type.as_str(), seen.mapping.by)).collect();
    assert_eq!(told, [("Jane's hawks", None), ("Divorce - Standard", Some(MappedBy::OwnBase))]);
    let clear = world.store.dump().into_iter().filter(|(_, body)| body.contains("hawks"));
    assert_eq!(clear.count(), 0, "what may be a client's words is sealed");
}

#[tokio::test]
async fn a_mapping_from_before_these_rules_is_read_and_keeps_nobody_from_another_change() {
    let world = connected().await;
    let key = Key::new(&firm(), "settings", "current");
    let stored = mapping(4, &["Hawks", "hawks"]);
    let body = serde_json::to_string(&stored).unwrap();
    let write = Write::Put { key, expect: Expect::Absent, version: Version("v".into()), due_in: None, body };
    world.store.commit(&[write]).await.unwrap();
    assert_eq!(world.sdk.firm(&admin()).settings().get().await.unwrap(), stored);
    let changed = FirmSettings { sync_when_created: true, ..stored };
    assert_eq!(world.sdk.firm(&admin()).settings().save(changed.clone()).await.unwrap().revision, 5);
    assert_eq!(
        world.sdk.firm(&admin()).settings().map_case_type("HAWKS", Some("Heraldry".to_owned())).await.unwrap().revision,
        6
    );
    let own = world.sdk.firm(&admin()).settings().get().await.unwrap().practice_areas;
    assert_eq!(own, [("HAWKS".to_owned(), ClioId(2))].into(), "one is left");
}

#[tokio::test]
async fn what_an_earlier_or_a_later_version_stored_is_read_though_what_is_written_must_be_whole() {
    let world = connected().await;
    let key = Key::new(&firm(), "settings", "current");
    let body = String::from(r#"{"revision":3,"sync_when_approved":false,"of_a_later_version":[1]}"#);
    assert!(serde_json::from_str::<FirmSettings>(&body).is_err());
    let write = Write::Put { key, expect: Expect::Absent, version: Version("v".into()), due_in: None, body };
    world.store.commit(&[write]).await.unwrap();
    let read = FirmSettings { revision: 3, sync_when_approved: false, ..FirmSettings::default() };
    assert_eq!(world.sdk.firm(&admin()).settings().get().await.unwrap(), read);
    let change = SettingsChange { revision: 3, sync_when_created: Some(true), ..SettingsChange::default() };
    assert_eq!(world.sdk.firm(&admin()).settings().change(change.clone()).await.unwrap().revision, 4);
    let changed = FirmSettings { revision: 4, sync_when_created: true, ..read };
    assert_eq!(world.sdk.firm(&admin()).settings().get().await.unwrap(), changed);
    let late = world.sdk.firm(&admin()).settings().change(change.clone()).await.unwrap_err();
    assert_eq!(late.code(), Code::SettingsChanged);
    let kept = async || world.stored("settings").await.remove(0).1;
    assert_eq!(kept().await["of_a_later_version"], json!([1]), "an earlier release resets nothing");
    // Connected to another account, whose areas have other numbers.
    is_account(&world, 8, &[(7, "Falconry")]);
    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    let begun = world.sdk.firm(&admin()).connection().begin_separate("https://calmintake.example/callback").await;
    let state = begun.unwrap().authorize_url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    world.sdk.firm(&admin()).connection().finish(&format!("code=c&state={state}")).await.unwrap();
    assert_eq!((&kept().await["revision"], &kept().await["of_a_later_version"]), (&json!(5), &json!([1])));
}

#[tokio::test]
async fn the_audit_log_names_each_case_type_whose_area_was_changed() {
    let world = connected().await;
    let revision =
        world.sdk.firm(&admin()).settings().save(mapping(0, &["Hawks", "Shields"]).clone()).await.unwrap().revision;
    let settings = FirmSettings {
        practice_areas: [("Shields".to_owned(), ClioId(1)), ("Owls".to_owned(), ClioId(2))].into(),
        fallback_area: Some(ClioId(2)),
        ..mapping(revision, &[])
    };
    world.sdk.firm(&admin()).settings().save(settings.clone()).await.unwrap();
    let told: Vec<String> = world
        .audited("mapping")
        .await
        .iter()
        .map(|entry| {
            let text = |key: &str| entry["details"][key].as_str().unwrap_or("-").to_owned();
            [text("case_type"), text("before"), text("practice_area"), text("fallback")].join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "Hawks default 1 -",
            "Shields default 2 -",
            "Hawks 1 default -",
            "Owls default 2 -",
            "Shields 2 1 -",
            "- none - 2"
        ]
    );
}

/// Two admins who read the same settings: the second is told, and told what to do. In words of this
/// place.
#[tokio::test]
async fn settings_that_were_changed_meanwhile_are_read_and_saved_again_by_a_person() {
    let world = connected().await;
    world.sdk.firm(&admin()).settings().save(mapping(0, &["Hawks"]).clone()).await.unwrap();
    let error = world.sdk.firm(&admin()).settings().save(mapping(0, &["Owls"]).clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::SettingsChanged);
    assert!(error.to_string().contains("Read them and save again"), "{error}");
}

/// The app has not got the permission for matters there yet, or for practice areas alone.
fn hides_its_areas(world: &World, account: i64, all: bool) {
    let who = json!({ "data": { "id": 1, "name": "x", "email": "e@x", "account": { "id": account, "name": "F" } } });
    world.answers(move |method, path, _, _| match (method, path) {
        ("GET", "/api/v4/users/who_am_i") => Some((200, who.clone())),
        ("GET", "/api/v4/practice_areas") => Some(refused(403)),
        ("GET", "/api/v4/matters") if all => Some(refused(403)),
        _ => None,
    });
}

#[tokio::test]
async fn mappings_wait_until_the_areas_of_another_account_can_be_read() {
    for (all, reconnects) in [(true, true), (false, true), (false, false)] {
        let world = connected().await;
        world.sdk.firm(&admin()).settings().map_case_type("Hawks", Some("Falconry".to_owned())).await.unwrap();
        world.sdk.firm(&admin()).connection().end(None).await.unwrap();
        hides_its_areas(&world, 8, all);
        separate(&world).await;
        let of_hawks = async || {
            let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
            let found = page.mappings.into_iter().find(|one| one.case_type == "Hawks").expect("the firm's own");
            serde_json::to_value(&found).unwrap()
        };
        assert_eq!(of_hawks().await["to"], "not_known", "{}", of_hawks().await);
        let document = world.sdk.firm(&admin()).settings().export().await.unwrap().document;
        assert!(document.contains("Falconry"), "{document}");
        // The numbers of the first account mean something else there.
        is_account(&world, 8, &[(1, "Another thing"), (9, "Falconry")]);
        if reconnects {
            world.connect().await.unwrap();
        } else {
            world.sdk.firm(&admin()).settings().reload_practice_areas().await.unwrap();
        }
        assert_eq!(of_hawks().await["id"], "9");
        let entry = world.audited("mapping").await.pop().unwrap();
        assert_eq!((&entry["details"]["carried_over"], &entry["details"]["dropped"]), (&json!("1"), &json!("0")));
    }
}

#[tokio::test]
async fn areas_that_cannot_be_read_at_a_reconnect_stay_as_they_were_known() {
    let world = connected().await;
    hides_its_areas(&world, 7, false);
    world.connect().await.unwrap();
    let page = world.sdk.firm(&admin()).settings().mappings().await.unwrap();
    assert_eq!(page.practice_areas.len(), 2);
}
