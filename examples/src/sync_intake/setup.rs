//! Puts the SDK together: reqwest, a database, tokio, a folder, and keys from the environment.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::{HttpTransport, Runtime as _};
use casehug_clio::{ClioApp, ClioHost, Code, Error, FirmId, Ports, Result, Sdk, Timestamp};
use casehug_clio_http_reqwest::{Network, ReqwestTransport};
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store::{OpenStore, StoreLocation};

use super::own_firm::OwnFirm;
use super::root_keys::{SEALING_KEY, root_keys};
use super::shown::{Shown, Watched};

/// Known to everybody, so it is accepted against loopback only.
pub(crate) const DEV_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

pub(crate) struct Setup {
    pub sdk: Sdk,
    pub store: OpenStore,
    pub intake: FolderIntake,
    pub transport: Arc<dyn HttpTransport>,
    pub host: ClioHost,
    pub shown: Shown,
}

pub(crate) async fn open(
    db: &StoreLocation,
    firm: &FirmId,
    folder: &Path,
    clio_url: &str,
    network: &Network,
    settle: Duration,
    index_delay: Duration,
) -> Result<Setup> {
    let host: ClioHost = clio_url.parse().map_err(|error: Error| error.with("setting", "clio_url"))?;
    // Only loopback addresses are taken with http.
    let loopback = host.root().scheme() == "http";
    let id = setting("CASEHUG_CLIO_CLIENT_ID", loopback, "casehug-dev")?;
    let secret = setting("CASEHUG_CLIO_CLIENT_SECRET", loopback, "casehug-dev-secret")?;
    let key = setting(SEALING_KEY, loopback, DEV_KEY)?;
    let runtime = Arc::new(TokioRuntime);
    let intake = FolderIntake::of_firm(folder, firm.clone());
    let store = db.open().await?;
    let shown = Shown::new();
    let watched = Watched { folder: intake.clone(), shown: shown.clone() };
    let transport: Arc<dyn HttpTransport> =
        Arc::new(ReqwestTransport::with(Arc::new(watched), runtime.clone(), network)?);
    let keys = root_keys(runtime.clone(), &key)?;
    // A doubt lasts for the send window, the time-out and the late execution window; a short one is
    // for tests, where Clio answers fast.
    let short = settle < Duration::from_secs(30);
    let seconds = |normal, brief| Duration::from_secs(if short { brief } else { normal });
    let ports = Ports {
        transport: Arc::clone(&transport),
        store: Arc::new(OwnFirm { firm: firm.clone(), store: store.store() }),
        keys: Arc::new(keys),
        intake: Arc::new(intake.clone()),
        runtime,
    };
    let sdk = Sdk::builder(ClioApp::new(id, secret.into())?, host.clone(), ports)
        .late_execution_window(settle)
        .index_delay(index_delay)
        .request_timeout(seconds(30, 5))
        .send_window(seconds(5, 2))
        .lease(seconds(30, 2))
        .build()?;
    Ok(Setup { sdk, store, intake, transport, host, shown })
}

/// A database that is not there is not made where another one was meant: its backup would be an
/// empty one.
pub(crate) fn require_database(db: &StoreLocation) -> Result<()> {
    if db.as_file().is_some_and(|db| !db.is_file()) {
        return Err(Error::new(Code::StoreOpenFailed).with("reason", "no_database"));
    }
    Ok(())
}

/// Writes the database into a new file. Gives the time whose state that is, on this machine's
/// clock.
pub(crate) async fn back_up(db: &StoreLocation, file: &Path) -> Result<Timestamp> {
    require_database(db)?;
    let store = db.open().await?;
    let begun = TokioRuntime.now();
    let made = store.backup(file).await;
    store.close().await;
    made.map(|()| begun)
}

/// Copies a database, or one firm of it, into another one.
pub(crate) async fn copy(from: &StoreLocation, to: &StoreLocation, firm: Option<FirmId>) -> Result<usize> {
    require_database(from)?;
    let (from, to) = (from.open().await?, to.open().await?);
    let copied = casehug_clio_store::copy(&from, &to, firm.as_ref()).await;
    from.close().await;
    to.close().await;
    copied
}

fn setting(name: &'static str, loopback: bool, for_loopback: &str) -> Result<String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ if loopback => Ok(for_loopback.to_owned()),
        _ => Err(Error::new(Code::SettingInvalid).with("variable", name).with("reason", "missing")),
    }
}
