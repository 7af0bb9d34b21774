//! How long a dry run of a large matter takes through the folder adapter: it looks at each
//! document, and must not read `intake.json` for each.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::Config;
use serde_json::json;

use crate::percentile;
use crate::setup::{Bench, admin, connect, matter};

const ROUNDS: usize = 5;
/// After this long a file that was just written is known by its times.
const REST: Duration = Duration::from_secs(4);

pub(crate) async fn run() {
    println!("## A dry run through the folder adapter, by documents\n");
    println!("| documents | median of {ROUNDS} | slowest | a document |\n| --- | --- | --- | --- |");
    let bench = Bench::new(Config::default()).await;
    let store = SqliteStore::open(bench.path("sync.db")).await.unwrap();
    let (sdk, _) = bench.sdk_of(Arc::new(store), FolderIntake::new(bench.folder.path()).unwrap(), None);
    connect(&sdk).await;
    for documents in [400, 1_600, 5_000, 20_000] {
        let id = format!("m{documents}");
        write(&bench, &id, documents);
        tokio::time::sleep(REST).await;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let plan = sdk.firm(&admin()).matters().plan(&matter(&id)).await.unwrap();
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(plan.documents.len(), documents);
        }
        times.sort_by(f64::total_cmp);
        let median = percentile(&times, 0.5);
        let each = median * 1000.0 / documents as f64;
        println!("| {documents} | {median:.0} ms | {:.0} ms | {each:.0} µs |", times[ROUNDS - 1]);
    }
    println!();
    bench.sim.stop();
}

fn write(bench: &Bench, id: &str, documents: usize) {
    let folder = bench.path(id);
    fs::create_dir(&folder).unwrap();
    let listed: Vec<_> = (0..documents)
        .map(|n| {
            fs::write(folder.join(format!("d{n}.pdf")), "x").unwrap();
            json!({ "id": format!("d{n}"), "file_name": format!("d{n}.pdf"), "path": format!("d{n}.pdf"),
                    "content_type": "application/pdf", "status": "approved", "origin": "client_upload" })
        })
        .collect();
    let intake = json!({ "matter": { "id": id, "title": "Doe v. Roe", "case_type": "family_law" },
        "client": { "id": "c1", "first_name": "Ana", "last_name": "Doe", "email": "ana@ana.test" }, "documents": listed });
    fs::write(folder.join("intake.json"), intake.to_string()).unwrap();
}
