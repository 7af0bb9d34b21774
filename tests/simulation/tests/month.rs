//! A subscription over weeks, in virtual time.
#![allow(clippy::unwrap_used)]

use simulation::month::{DAY, Firm, HOUR};

fn ids(firm: &Firm) -> Vec<(i64, String)> {
    let all = firm.subscriptions();
    all.iter().map(|hook| (hook["id"].as_i64().unwrap(), hook["status"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_subscription_is_renewed_long_before_its_end_and_goes_on_to_deliver() {
    let mut firm = Firm::new(0).unwrap();
    firm.pass(HOUR);
    let at_first = ids(&firm);
    assert_eq!((at_first.len(), at_first[0].1.as_str()), (1, "enabled"));
    firm.pass(70 * DAY);
    assert_eq!(ids(&firm), at_first, "the same one, ten weeks later");
    assert!((4..=6).contains(&firm.calls("PATCH /webhooks/{id}")), "{}", firm.calls("PATCH /webhooks/{id}"));
    let polls = firm.calls("GET /matters");
    firm.set_status("closed");
    firm.pass(HOUR / 2);
    assert_eq!((firm.told().unwrap(), firm.audited("webhook_applied")), ("closed", 1), "told by a delivery");
    // A small share: a poll an hour, a sweep and the practice areas a day, a look every twelve
    // hours.
    assert!(polls < 70 * 24 + 2 * 71, "{polls}");
}

#[test]
fn a_suspended_subscription_is_replaced_and_what_it_did_not_tell_is_found() {
    let mut firm = Firm::new(0).unwrap();
    firm.pass(HOUR);
    let before = ids(&firm);
    firm.suspend();
    firm.set_status("pending");
    firm.pass(2 * HOUR);
    assert_eq!(firm.told().unwrap(), "pending", "by the poll");
    firm.pass(13 * HOUR);
    let after = ids(&firm);
    assert_eq!((after.len(), after[0].1.as_str()), (1, "enabled"), "one, and the suspended one is gone: {after:?}");
    assert_ne!(after[0].0, before[0].0);
    firm.set_status("closed");
    firm.pass(HOUR / 2);
    assert_eq!(firm.told().unwrap(), "closed");
}

#[test]
fn after_a_month_of_downtime_the_firm_is_subscribed_anew_and_nothing_is_missed() {
    let mut firm = Firm::new(0).unwrap();
    firm.pass(HOUR);
    firm.set_status("closed");
    firm.downtime(40 * DAY).unwrap();
    assert_eq!(ids(&firm), [], "expired");
    firm.pass(2 * HOUR);
    assert_eq!(firm.told().unwrap(), "closed");
    let after = ids(&firm);
    assert_eq!((after.len(), after[0].1.as_str()), (1, "enabled"));
}

#[test]
fn a_subscription_whose_handshake_never_comes_is_replaced_and_the_firm_polled() {
    let mut firm = Firm::new(7_200_000).unwrap();
    firm.close_doors();
    firm.pass(2 * HOUR);
    assert_eq!(firm.calls("PUT /webhooks/{id}/activate"), 0, "nobody knows that Clio reaches us");
    assert!(firm.calls("POST /webhooks") >= 2, "{}", firm.calls("POST /webhooks"));
    assert!(ids(&firm).iter().all(|(_, status)| status == "pending"));
    firm.set_status("closed");
    firm.pass(HOUR / 2);
    assert_eq!(firm.told().unwrap(), "closed");
}

#[test]
fn leftovers_with_our_url_are_deleted_and_others_are_left_alone() {
    let mut firm = Firm::new(0).unwrap();
    firm.pass(HOUR);
    let ours = ids(&firm);
    let url = firm.subscriptions()[0]["url"].as_str().unwrap().to_owned();
    let (base, token) = url.rsplit_once('/').unwrap();
    // Twice the same URL; one of a database that was lost; another firm's; somebody else's.
    let lost = format!("{base}/{}.{}", token.split('.').next().unwrap(), "A".repeat(43));
    let strange = format!("{base}/ZmlybV8y.{}", "A".repeat(43));
    for url in [&url, &lost, &strange, "https://elsewhere.example/x"] {
        firm.subscribe_somehow(url);
    }
    firm.pass(13 * HOUR);
    let left: Vec<String> = firm.subscriptions().iter().map(|hook| hook["url"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, [url, strange, "https://elsewhere.example/x".to_owned()]);
    assert_eq!(ids(&firm)[0].0, ours[0].0, "the one that works is kept");
}
