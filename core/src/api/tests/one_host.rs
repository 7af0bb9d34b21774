//! A region is one Clio, whether a host names it or its URL; and so it is in databases of versions
//! that told them apart.

use serde_json::json;

use super::world::{World, admin, firm, matter, member};
use crate::connection::ScopeName;
use crate::domain::{ClioId, StepOutcome};
use crate::ports::{Key, Store as _};

const US: &str = "https://app.clio.com";

/// What a version wrote that took the URL of a region for a host of its own.
async fn written_under_the_url(world: &World) {
    let set = ScopeName::new("custom", "https://app.clio.com/", Some(ClioId(7)));
    for collection in ["connection", "link-set"] {
        for (id, mut record) in world.stored(collection).await {
            record["region"] = json!("custom");
            if collection == "connection" {
                record["link_set"] = json!(set.as_str());
            }
            world.overwrite(collection, &id, &record).await;
        }
    }
}

#[tokio::test]
async fn a_database_written_under_the_url_goes_on_under_the_region() {
    let world = World::at(US);
    world.connect().await.unwrap();
    written_under_the_url(&world).await;
    world.synced().await;
    let set = world.connection().await.link_set;
    assert_ne!(set.as_str(), "us.7");

    let created = |world: &World| world.calls("POST /api/v4/matters") + world.calls("POST /api/v4/contacts");
    let before = created(&world);
    let again = world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert!(again.steps.iter().all(|step| step.outcome == StepOutcome::Unchanged), "{again:?}");

    world.sdk.firm(&admin()).connection().end(None).await.unwrap();
    world.connect().await.unwrap();
    let connection = world.connection().await;
    assert_eq!((connection.region.as_str(), &connection.link_set), ("us", &set), "its links stay");
    let again = world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
    assert!(again.steps.iter().all(|step| step.outcome == StepOutcome::Unchanged), "{again:?}");
    assert_eq!(created(&world), before);
}

#[tokio::test]
async fn a_firm_that_was_connected_under_one_name_is_not_refused_under_the_other() {
    let world = World::at("us");
    world.connect().await.unwrap();
    let key = Key::new(&firm(), "connection", "current");
    let stored = world.store.get(&key).await.unwrap().unwrap();
    assert!(stored.body.contains(r#""region":"us""#) && stored.body.contains(US), "{}", stored.body);
    written_under_the_url(&world).await;
    world.put("m1");
    world.sdk.firm(&member()).matters().sync(&matter()).await.unwrap();
}
