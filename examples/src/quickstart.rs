//! The README's quickstart: connect a firm to Clio, then sync one approved intake. Compiled and run
//! by `tests/acceptance/quickstart.rs`.
//!
//! usage: quickstart CLIO_URL INTAKE_DIR MATTER_ID DATABASE
#![allow(clippy::print_stdout, reason = "a command's face")]

use std::sync::Arc;

use casehug_clio::{Actor, ActorId, ClioApp, ClioHost, ConfiguredKeys, FirmId, MatterId, Ports, Role, RunStatus, Sdk};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_store_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [clio_url, folder, matter, database] = args.as_slice() else {
        return Err("usage: quickstart CLIO_URL INTAKE_DIR MATTER_ID DATABASE".into());
    };

    // What the SDK needs from its host: time, the firm's intakes, a database, HTTP and a root key.
    let runtime = Arc::new(TokioRuntime);
    let intake = FolderIntake::new(folder)?; // yours: implement IntakeSource and DocumentBytes over your own storage
    let root_key = "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248"; // yours: from a KMS or a secret manager
    let app = ClioApp::new("casehug-dev", "casehug-dev-secret".to_owned().into())?; // yours: from Clio's developer portal
    let ports = Ports {
        transport: Arc::new(ReqwestTransport::new(Arc::new(intake.clone()), runtime.clone())?),
        store: Arc::new(SqliteStore::open(database).await?),
        keys: Arc::new(ConfiguredKeys::from_text(runtime.clone(), "2026-11", [("2026-11", root_key)])?),
        intake: Arc::new(intake),
        runtime,
    };
    // in production: ClioHost::region(Region::Us)
    let sdk = Sdk::builder(app, ClioHost::custom(clio_url.parse()?)?, ports).build()?;

    // Connect, once per firm: an admin's browser goes to Clio and comes back to your redirect URI
    // with a query string.
    let admin = Actor { id: ActorId::new("usr_1")?, firm: FirmId::new("firm_1")?, role: Role::Admin };
    if sdk.firm(&admin).connection().get().await?.is_none() {
        let start = sdk.firm(&admin).connection().begin("http://127.0.0.1:9/callback").await?;
        println!("Open this page, allow access, and paste the address that you land on:\n{}", start.authorize_url);
        let mut landed = String::new();
        std::io::stdin().read_line(&mut landed)?;
        let (_, query) = landed.trim().split_once('?').ok_or("an address with a query was expected")?;
        sdk.firm(&admin).connection().finish(query).await?;
        println!("connected");
    }

    // Sync. Ask first what would be done; then do it; do it again whenever you like.
    let matter = MatterId::new(matter.as_str())?;
    let plan = sdk.firm(&admin).matters().plan(&matter).await?;
    println!("planned calls: {} to {}", plan.calls.least, plan.calls.most);
    let report = sdk.firm(&admin).matters().sync(&matter).await?;
    for step in &report.steps {
        println!("{} {} {}", step.step.name(), step.id, step.outcome.name());
    }
    println!("{}: {} calls", report.status.name(), report.calls);
    if report.status == RunStatus::Succeeded { Ok(()) } else { Err("not everything arrived: see the steps".into()) }
}
