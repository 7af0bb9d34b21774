//! What a run says of itself when it does not end well.

use futures_util::FutureExt as _;

use super::world::{World, admin, firm, matter, refused};
use crate::error::Code;
use crate::log::RunQuery;
use crate::ports::{Expect, Key, Store as _, Version, Write};

#[tokio::test]
async fn a_run_that_breaks_off_tells_its_cost_and_its_cause() {
    let world = World::new();
    world.connect().await.unwrap();
    world.put("m1");
    let set = world.connection().await.link_set.as_str().to_owned();
    let store = world.store.clone();
    let mut failed_once = false;
    // One answer is lost on the way; and while the matter is created the store loses a record's text.
    world.answers(move |method, path, _, _| match (method, path) {
        ("GET", "/api/v4/contacts") if !core::mem::replace(&mut failed_once, true) => Some(refused(503)),
        ("POST", "/api/v4/matters") => {
            let broken = Write::Put {
                key: Key::new(&firm(), "document", format!("{set}/m1/d1/u1")),
                expect: Expect::Absent,
                version: Version("broken".into()),
                due_in: None,
                body: "{}".into(),
            };
            store.commit(&[broken]).now_or_never().unwrap().unwrap();
            None
        }
        _ => None,
    });
    let error = world.sdk.sync_matter(&admin(), &matter()).await.unwrap_err();
    assert_eq!(error.code(), Code::StoreCorrupt);
    let run = world.sdk.sync_log(&admin(), &RunQuery::default()).await.unwrap().items.remove(0);
    assert_eq!((run.steps.len(), run.calls, run.retries), (2, 4, 1), "{run:?}");
    let failure = run.failure.unwrap();
    assert_eq!((failure.step, failure.code.as_str()), (None, Code::StoreCorrupt.name()));
    assert!(!failure.advice.is_empty());
    assert_eq!(world.audited("sync").await[0]["details"]["calls"], "4");
}
