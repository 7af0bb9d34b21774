//! What is refused when an SDK is built.

use core::time::Duration;
use std::sync::Arc;

use super::world::{KEY, World};
use crate::clio::{ClioHost, Region};
use crate::connection::ClioApp;
use crate::crypto::ConfiguredKeys;
use crate::error::Code;
use crate::{Ports, Sdk, SdkBuilder};

fn builder(world: &World) -> SdkBuilder {
    let runtime = Arc::new(world.runtime.clone());
    let keys = ConfiguredKeys::from_text(runtime.clone(), "a", [("a", KEY)]).unwrap();
    let ports = Ports {
        transport: Arc::new(world.http.clone()),
        store: Arc::new(world.store.clone()),
        keys: Arc::new(keys),
        intake: Arc::new(world.intake.clone()),
        runtime,
    };
    let app = ClioApp::new("c", secrecy::SecretString::from("s")).unwrap();
    Sdk::builder(app, ClioHost::region(Region::Us), ports)
}

#[test]
fn the_webhook_url_must_be_https_and_have_room_for_a_token() {
    let world = World::new();
    let urls = [
        ("https://a.example/x", true),
        ("http://127.0.0.1:9/x", true),
        ("http://a.example/x", false),
        ("https://a.example/x?a=1", false),
        ("https://a.example/x?", false),
        ("https://a.example/x#a", false),
    ];
    for (url, good) in urls {
        let built = builder(&world).webhook_url(url.parse().unwrap()).build();
        let refused = built.err().map(|error| (error.code(), error.get("field").map(str::to_owned)));
        let expected = (!good).then(|| (Code::UrlRefused, Some("webhook_url".to_owned())));
        assert_eq!(refused, expected, "{url}");
    }
}

/// Without a window, or a delay, what is in doubt would be sent again while the first may still
/// come.
#[test]
fn no_time_is_zero() {
    let world = World::new();
    type Set = fn(SdkBuilder, Duration) -> SdkBuilder;
    let times: [(&str, Set); 5] = [
        ("late_execution_window", SdkBuilder::late_execution_window),
        ("index_delay", SdkBuilder::index_delay),
        ("request_timeout", SdkBuilder::request_timeout),
        ("send_window", SdkBuilder::send_window),
        ("lease", SdkBuilder::lease),
    ];
    for (name, set) in times {
        let refused = set(builder(&world), Duration::ZERO).build().unwrap_err();
        assert_eq!((refused.code(), refused.get("argument")), (Code::SettingInvalid, Some(name)));
        assert!(set(builder(&world), Duration::from_secs(1)).build().is_ok(), "{name}");
    }
}
