//! A firm that goes on with another Clio account: links kept apart, and found again.

use super::connect::{AREAS, BACK, DEAUTHORIZE, WHO, admin, areas, code, connect, forbidden, state_of, who, willing};
use super::support::{World, firm, host_at};
use crate::connection::Connection;
use crate::error::{Code, Result};
use crate::lifecycle::Auth;

async fn separate(auth: &Auth) -> Result<Connection> {
    let start = auth.begin_separate(&admin("usr_1"), BACK).await?;
    auth.finish(&admin("usr_1"), &format!("code=code-secret&state={}", state_of(&start.authorize_url))).await
}

async fn disconnected(world: &World, auth: &Auth) {
    world.clio.always(DEAUTHORIZE, super::support::Answer::Json(200, String::from("{}")));
    auth.disconnect(&admin("usr_1"), None).await.unwrap();
}

#[tokio::test]
async fn another_account_has_links_of_its_own_and_the_first_finds_its_own_again() {
    let world = willing(1);
    let auth = world.process();
    let first = connect(&auth, &admin("usr_1")).await.unwrap();
    assert_eq!(first.link_set.as_str().rsplit('.').next(), Some("1"), "{:?}", first.link_set);
    disconnected(&world, &auth).await;
    world.clio.always(WHO, who(2));
    assert_eq!(code(connect(&auth, &admin("usr_1")).await), Code::AccountMismatch, "not unless it is asked for");
    let second = separate(&auth).await.unwrap();
    assert_ne!(second.link_set, first.link_set);
    disconnected(&world, &auth).await;
    assert_eq!(connect(&auth, &admin("usr_1")).await.unwrap().link_set, second.link_set, "the same account again");
    disconnected(&world, &auth).await;
    world.clio.always(WHO, who(1));
    assert_eq!(separate(&auth).await.unwrap().link_set, first.link_set);
}

#[tokio::test]
async fn another_account_is_asked_for_after_a_disconnect_only() {
    let world = willing(1);
    let auth = world.process();
    let start = auth.begin_separate(&admin("usr_1"), BACK).await.unwrap();
    let first = connect(&auth, &admin("usr_1")).await.unwrap();
    assert_eq!(code(separate(&auth).await), Code::DisconnectFirst);
    let query = format!("code=code-secret&state={}", state_of(&start.authorize_url));
    assert_eq!(code(auth.finish(&admin("usr_1"), &query).await), Code::DisconnectFirst, "connected in between");
    assert_eq!(auth.connection(&firm("firm_1")).await.unwrap(), Some(first));
}

#[tokio::test]
async fn asking_for_another_account_and_getting_the_same_changes_nothing() {
    let world = willing(1);
    let auth = world.process();
    let first = connect(&auth, &admin("usr_1")).await.unwrap();
    disconnected(&world, &auth).await;
    assert_eq!(separate(&auth).await.unwrap().link_set, first.link_set);
}

#[tokio::test]
async fn an_account_that_does_not_say_who_it_is_cannot_be_kept_apart() {
    let world = willing(1);
    let auth = world.process();
    connect(&auth, &admin("usr_1")).await.unwrap();
    disconnected(&world, &auth).await;
    world.clio.always(WHO, forbidden());
    world.clio.always(AREAS, areas(&[3, 4]));
    assert_eq!(code(separate(&auth).await), Code::AppPermissionMissing);
}

#[tokio::test]
async fn another_region_is_allowed_with_links_of_its_own() {
    let world = willing(1);
    let first = world.process();
    let here = connect(&first, &admin("usr_1")).await.unwrap();
    disconnected(&world, &first).await;
    let elsewhere = world.process_on(host_at(4401));
    assert_eq!(code(connect(&elsewhere, &admin("usr_1")).await), Code::AccountMismatch);
    let there = separate(&elsewhere).await.unwrap();
    assert_ne!(there.link_set, here.link_set, "one number, two accounts");
}
