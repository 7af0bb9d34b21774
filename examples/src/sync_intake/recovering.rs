//! What a restore needs before any process starts again. It asks neither Clio nor the root key, and
//! syncs nothing.

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::{Actor, ClioApp, ClioHost, Code, ConfiguredKeys, Error, Ports, Region, Result, Sdk, Timestamp};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store::{OpenStore, StoreLocation};

use super::setup::{self, DEV_KEY};

/// A time, or `none`, of which the latter ends it.
pub(crate) fn since(text: &str) -> Result<Option<Timestamp>> {
    let wrong = || Error::new(Code::SettingInvalid).with("setting", "recover_since").with("reason", "not_rfc3339");
    if text == "none" { Ok(None) } else { Timestamp::parse(text).map(Some).ok_or_else(wrong) }
}

/// Begins the firm's recovery, or ends it.
pub(crate) async fn recover(sdk: &Sdk, actor: &Actor, since: Option<Timestamp>) -> Result<()> {
    let reviews = sdk.firm(actor).reviews();
    match since {
        Some(since) => reviews.begin_recovery(since).await,
        None => reviews.end_recovery().await,
    }
}

/// The same on a database by itself. Gives whether the firm was ever connected, as far as that
/// knows: one that was connected after the backup is not in it, and a mistyped one neither.
pub(crate) async fn recover_only(
    db: &StoreLocation,
    actor: &Actor,
    settle: Duration,
    since: Option<Timestamp>,
) -> Result<bool> {
    setup::require_database(db)?;
    let store = db.open().await?;
    let done = recover_in(&store, actor, settle, since).await;
    store.close().await;
    done
}

async fn recover_in(store: &OpenStore, actor: &Actor, settle: Duration, since: Option<Timestamp>) -> Result<bool> {
    let runtime = Arc::new(TokioRuntime);
    // No part of a recovery uses any of these.
    let nothing = FolderIntake::of_firm("", actor.firm.clone());
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(nothing.clone()), runtime.clone())?),
        store: store.store(),
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), "none", [("none", DEV_KEY)])?),
        intake: Arc::new(nothing),
        runtime,
    };
    let app = ClioApp::new("none", String::from("none").into())?;
    let sdk = Sdk::builder(app, ClioHost::region(Region::Us), ports).late_execution_window(settle).build()?;
    recover(&sdk, actor, since).await?;
    Ok(sdk.firm(actor).connection().get().await?.is_some())
}
