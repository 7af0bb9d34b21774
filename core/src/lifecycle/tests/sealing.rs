//! Sealing, keys and their records.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use super::support::{Fault, FaultyStore, firm};
use crate::connection::StoreTokens;
use crate::crypto::{ConfiguredKeys, Keyring, Sealer};
use crate::domain::{Actor, ActorId, ConnectionId, FirmId, Role};
use crate::error::{Code, Result};
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryTokens;
use crate::ports::{DataKey, Key, KeyProvider, SealContext, Store, TokenStore, WrappedKey};
use crate::store::Repository;
use crate::testkit;
use crate::testkit::VirtualRuntime;

const KEY_A: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const KEY_B: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn keys(current: &str, keys: &[(&'static str, &'static str)]) -> Result<ConfiguredKeys> {
    ConfiguredKeys::from_text(Arc::new(VirtualRuntime::new(1)), current, keys.iter().copied())
}

/// Counts how often it is asked.
#[derive(Debug)]
struct Counting(ConfiguredKeys, AtomicUsize);

impl KeyProvider for Counting {
    fn wrap<'a>(&'a self, key: &'a DataKey, context: &'a SealContext) -> BoxFuture<'a, Result<WrappedKey>> {
        self.0.wrap(key, context)
    }
    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey, context: &'a SealContext) -> BoxFuture<'a, Result<DataKey>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.unwrap(wrapped, context)
    }
}

struct World {
    runtime: VirtualRuntime,
    store: Arc<FaultyStore>,
    repository: Repository,
    provider: Arc<Counting>,
    keyring: Keyring,
}

fn world() -> World {
    let runtime = VirtualRuntime::new(1);
    let store = Arc::new(FaultyStore::new(&runtime));
    let repository = Repository::new(store.clone(), Arc::new(runtime.clone()));
    let provider = Arc::new(Counting(keys("a", &[("a", KEY_A)]).unwrap(), AtomicUsize::new(0)));
    let keyring = Keyring::new(repository.clone(), provider.clone());
    World { runtime, store, repository, provider, keyring }
}

impl World {
    async fn connection(&self, of: &FirmId, name: &str) -> (ConnectionId, Sealer) {
        let id = ConnectionId::new(name).unwrap();
        let mut transaction = self.repository.transaction(of).unwrap();
        self.keyring.new_connection(&mut transaction, &id).await.unwrap();
        self.repository.commit_or_conflict(&transaction).await.unwrap();
        let sealer = self.keyring.for_connection(of, &id).await.unwrap();
        (id, sealer)
    }

    fn ring(&self, current: &str, with: &[(&'static str, &'static str)]) -> Keyring {
        Keyring::new(self.repository.clone(), Arc::new(keys(current, with).unwrap()))
    }
}

fn broken(opened: Result<zeroize::Zeroizing<Vec<u8>>>) -> String {
    let error = opened.unwrap_err();
    assert_eq!(error.code(), Code::SealBroken);
    error.get("reason").unwrap().to_owned()
}

#[tokio::test]
async fn what_is_sealed_opens_in_its_own_place_only() {
    let world = world();
    let (_, sealer) = world.connection(&firm("firm_1"), "con_1").await;
    let (_, other) = world.connection(&firm("firm_1"), "con_2").await;
    let here = sealer.context("contact/cli_1", "sealed");
    let envelope = sealer.seal(&here, b"jane@example.com").unwrap();
    assert_eq!(sealer.open(&here, &envelope).unwrap().as_slice(), b"jane@example.com");
    assert_ne!(sealer.seal(&here, b"jane@example.com").unwrap(), envelope, "equal values must not look equal");

    let row = sealer.context("contact/cli_2", "sealed");
    let field = sealer.context("contact/cli_1", "other");
    let elsewhere = SealContext { firm: String::from("firm_2"), ..here.clone() };
    let shifted = SealContext { record: String::from("contact/cli_1s"), field: "ealed", ..here.clone() };
    for (what, context) in [("row", row), ("field", field), ("firm", elsewhere), ("border", shifted)] {
        assert_eq!(broken(sealer.open(&context, &envelope)), "changed", "{what}");
    }
    assert_eq!(broken(other.open(&here, &envelope)), "other_key");
    assert_eq!(broken(other.open(&here, &envelope.replace("con_1", "con_2"))), "changed");
}

#[tokio::test]
async fn an_envelope_that_was_altered_anywhere_does_not_open() {
    let world = world();
    let (_, sealer) = world.connection(&firm("firm_1"), "con_1").await;
    let here = sealer.context("contact/cli_1", "sealed");
    let envelope = sealer.seal(&here, b"secret").unwrap();
    for index in 0..envelope.len() {
        for bit in 0..7 {
            let mut bytes = envelope.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            // The header's white space, and nothing else, may differ.
            assert_eq!(sealer.open(&here, &changed).unwrap_err().code(), Code::SealBroken, "{changed}");
        }
        assert_eq!(sealer.open(&here, &envelope[..index]).unwrap_err().code(), Code::SealBroken);
    }
    let later = envelope.replace("\"v\":1", "\"v\":2").replace("\"box\"", "\"new\"");
    assert_eq!(broken(sealer.open(&here, &later)), "unknown_version");
    assert_eq!(broken(sealer.open(&here, "")), "not_an_envelope");
    assert_eq!(broken(sealer.open(&here, r#"{"v":1,"key":"con_1","box":"AAAA"}"#)), "changed");
}

#[tokio::test]
async fn a_wrong_or_unknown_root_key_is_told_before_any_envelope() {
    let world = world();
    let (id, _) = world.connection(&firm("firm_1"), "con_1").await;
    let failed = async |ring: Keyring| {
        let error = ring.for_connection(&firm("firm_1"), &id).await.unwrap_err();
        (error.code(), error.get("reason").unwrap().to_owned())
    };
    assert_eq!(failed(world.ring("b", &[("b", KEY_B)])).await, (Code::KeyFailed, "unknown_key_id".into()));
    assert_eq!(failed(world.ring("a", &[("a", KEY_B)])).await, (Code::KeyFailed, "does_not_open".into()));
    let nobody = ConnectionId::new("con_9").unwrap();
    let error = world.keyring.for_connection(&firm("firm_1"), &nobody).await.unwrap_err();
    assert_eq!((error.code(), error.get("reason")), (Code::KeyFailed, Some("no_data_key")));
}

#[tokio::test]
async fn a_wrapped_key_moved_to_another_connection_does_not_unwrap() {
    let world = world();
    world.connection(&firm("firm_1"), "con_1").await;
    world.connection(&firm("firm_2"), "con_1").await;
    let from = Key::new(&firm("firm_1"), "data-key", "con_1");
    let stolen = world.store.get(&from).await.unwrap().unwrap().body;
    world.store.set(&Key::new(&firm("firm_2"), "data-key", "con_1"), &stolen).await;
    let ring = world.ring("a", &[("a", KEY_A)]);
    assert!(ring.for_connection(&firm("firm_1"), &ConnectionId::new("con_1").unwrap()).await.is_ok());
    let error = ring.for_connection(&firm("firm_2"), &ConnectionId::new("con_1").unwrap()).await.unwrap_err();
    assert_eq!(error.code(), Code::KeyFailed);
}

#[tokio::test]
async fn rotation_rewraps_keys_and_leaves_envelopes_and_digests() {
    let world = world();
    let of = firm("firm_1");
    let (id, sealer) = world.connection(&of, "con_1").await;
    let here = sealer.context("contact/cli_1", "sealed");
    let envelope = sealer.seal(&here, b"secret").unwrap();
    let digest = world.keyring.address_digest(&of, "jane@example.com").await.unwrap();

    let admin = Actor { id: ActorId::new("usr_1").unwrap(), firm: of.clone(), role: Role::Admin };
    assert_eq!(world.ring("b", &[("a", KEY_A), ("b", KEY_B)]).rewrap(&admin).await.unwrap(), 2);

    let after = world.ring("b", &[("b", KEY_B)]);
    let opened = after.for_connection(&of, &id).await.unwrap().open(&here, &envelope).unwrap();
    assert_eq!(opened.as_slice(), b"secret");
    assert_eq!(after.address_digest(&of, "jane@example.com").await.unwrap(), digest);
    assert!(world.ring("a", &[("a", KEY_A)]).for_connection(&of, &id).await.is_err());
}

#[tokio::test]
async fn an_unwrapped_key_is_kept_for_five_minutes() {
    let world = world();
    let (id, _) = world.connection(&firm("firm_1"), "con_1").await;
    let asked = || world.provider.1.load(Ordering::Relaxed);
    let before = asked();
    for _ in 0..3 {
        world.keyring.for_connection(&firm("firm_1"), &id).await.unwrap();
    }
    assert_eq!(asked(), before);
    world.runtime.advance(Duration::from_secs(301));
    world.keyring.for_connection(&firm("firm_1"), &id).await.unwrap();
    assert_eq!(asked(), before + 1);
}

#[tokio::test]
async fn a_dropped_data_key_opens_nothing_any_more_but_digests_stay() {
    let world = world();
    let of = firm("firm_1");
    let (id, _) = world.connection(&of, "con_1").await;
    let digest = world.keyring.address_digest(&of, "jane@example.com").await.unwrap();
    let mut transaction = world.repository.transaction(&of).unwrap();
    world.keyring.drop_connection(&mut transaction, &id).await.unwrap();
    world.repository.commit_or_conflict(&transaction).await.unwrap();
    assert_eq!(world.keyring.for_connection(&of, &id).await.unwrap_err().code(), Code::KeyFailed);
    assert_eq!(world.ring("a", &[("a", KEY_A)]).address_digest(&of, "jane@example.com").await.unwrap(), digest);
}

#[tokio::test]
async fn address_digests_differ_by_firm_and_racing_first_uses_agree() {
    let world = world();
    let (one, two) = (world.ring("a", &[("a", KEY_A)]), world.ring("a", &[("a", KEY_A)]));
    world.store.fail("firm-key", Fault::AnswerLost, 1);
    let of = firm("firm_1");
    let (first, second) =
        tokio::join!(one.address_digest(&of, "jane@example.com"), two.address_digest(&of, "jane@example.com"));
    let first = first.unwrap();
    assert_eq!(first, second.unwrap());
    assert_eq!(first.len(), 64);
    assert_ne!(first, one.address_digest(&of, "john@example.com").await.unwrap());
    assert_ne!(first, one.address_digest(&firm("firm_2"), "jane@example.com").await.unwrap());
}

#[test]
fn keys_that_cannot_be_meant_are_refused() {
    let zero = "00".repeat(32);
    let short = "01".repeat(31);
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: &[Case<'_>] = &[
        ("a", &[], "no_current_key"),
        ("b", &[("a", KEY_A)], "no_current_key"),
        ("a", &[("a", &zero)], "key_all_zero"),
        ("a", &[("a", &short)], "key_not_base64_or_hex"),
        ("a", &[("a", "AQEB")], "key_not_32_bytes"),
        ("a", &[("a", "")], "key_not_32_bytes"),
        ("a", &[("a", "not base64!")], "key_not_base64_or_hex"),
        ("a", &[("a", KEY_A), ("a", KEY_B)], "key_id_repeated"),
        ("a b", &[("a b", KEY_A)], "key_id"),
    ];
    for (current, given, reason) in cases {
        let runtime = Arc::new(VirtualRuntime::new(1));
        let error = ConfiguredKeys::from_text(runtime, current, given.iter().copied()).unwrap_err();
        assert_eq!((error.code(), error.get("reason")), (Code::SettingInvalid, Some(*reason)));
        assert!(!format!("{error} {error:?}").contains("AQEB"), "no key text in errors");
    }
}

#[tokio::test]
async fn earlier_keys_only_unwrap_and_a_bad_one_is_told_from_the_current_one() {
    let context = SealContext { firm: "f".into(), record: "r".into(), field: "x" };
    let old = keys("a", &[("a", KEY_A)]).unwrap().wrap(&DataKey([7; 32]), &context).await.unwrap();
    let both = keys("b", &[("b", KEY_B)]).unwrap().with_earlier([("a", KEY_A)]).unwrap();
    assert_eq!(both.unwrap(&old, &context).await.unwrap().0, [7; 32]);
    assert_eq!(both.wrap(&DataKey([7; 32]), &context).await.unwrap().key_id, "b");
    for (id, text, reason) in
        [("b", KEY_A, "key_id_repeated"), ("a b", KEY_A, "key_id"), ("a", "AQEB", "key_not_32_bytes")]
    {
        let error = keys("b", &[("b", KEY_B)]).unwrap().with_earlier([(id, text)]).unwrap_err();
        assert_eq!((error.code(), error.get("reason")), (Code::SettingInvalid, Some(reason)));
        assert_eq!(crate::error::Failure::from(&error).path.as_deref(), Some("earlier_sealing_keys"));
        assert!(!format!("{error} {error:?}").contains("AQEB"), "no key text in errors");
    }
}

#[tokio::test]
async fn keys_are_read_as_hex_and_as_any_base64() {
    let context = SealContext { firm: "f".into(), record: "r".into(), field: "x" };
    let bytes = [0xfb_u8; 32];
    let standard = format!("{}{}", "+/v7".repeat(10), "+/s=");
    let forms =
        [hex::encode(bytes), standard.clone(), standard.replace('+', "-").replace('/', "_"), standard.replace('=', "")];
    let made: Vec<ConfiguredKeys> = forms
        .iter()
        .map(|text| ConfiguredKeys::from_text(Arc::new(VirtualRuntime::new(1)), "a", [("a", text.as_str())]).unwrap())
        .collect();
    let wrapped = made[0].wrap(&DataKey([7; 32]), &context).await.unwrap();
    for keys in &made {
        assert_eq!(keys.unwrap(&wrapped, &context).await.unwrap().0, [7; 32]);
        assert!(!format!("{keys:?}").contains("fb"));
    }
}

async fn configured_keys() -> Arc<dyn KeyProvider> {
    Arc::new(keys("a", &[("a", KEY_A), ("b", KEY_B)]).unwrap())
}

crate::key_provider_conformance!(configured_keys);

mod in_memory {
    use super::*;

    async fn memory_tokens() -> Arc<dyn TokenStore> {
        Arc::new(MemoryTokens::new())
    }

    crate::token_store_conformance!(memory_tokens);
}

async fn store_tokens() -> Arc<dyn TokenStore> {
    Arc::new(StoreTokens::new(Arc::new(FaultyStore::new(&VirtualRuntime::new(1)))))
}

crate::token_store_conformance!(store_tokens);

#[tokio::test]
async fn the_suites_name_their_cases_for_other_languages() {
    let outcomes = testkit::token_store::run_all(store_tokens).await;
    assert!(outcomes.len() == 7 && outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    let outcomes = testkit::keys::run_all(configured_keys).await;
    assert!(outcomes.len() == 5 && outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
}
