//! Two builds of `sync-intake` beside each other on a line: what a change brought to who waits.
//!
//! A matter of a new client is put into the folder, and the time is that of the whole program,
//! which was connected before and keeps its records in SQLite.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clio_sim::{ClioSim, Config};
use serde_json::{Value, json};

use crate::line::Line;

const LEN: usize = 70_000;
const ROUNDS: usize = 3;

pub(crate) async fn run(before: &str, now: &str) {
    println!(
        "## `sync-intake` of an earlier build and of this one, a new client's matter, documents of {LEN} bytes, median of {ROUNDS}\n\nA new connection waits for two round trips first.\n"
    );
    println!(
        "| round trip, ms | documents | | ms | to the earlier | connections to the API, the storage |\n| --- | --- | --- | --- | --- | --- |"
    );
    for trip in [20, 60, 150] {
        for documents in [0, 3, 10] {
            let mut earlier = None;
            for (name, program) in [("earlier", before), ("this", now)] {
                let (took, connections) = median(program, Duration::from_millis(trip), documents).await;
                let ratio = took.as_secs_f64() / earlier.get_or_insert(took).as_secs_f64();
                println!("| {trip} | {documents} | {name} | {} | {ratio:.2} | {connections} |", took.as_millis());
            }
        }
    }
    println!();
}

async fn median(program: &str, trip: Duration, documents: usize) -> (Duration, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { auto_consent: true, rate_limit: 1_000_000, ..Config::default() };
    let sim = ClioSim::start(config).await.unwrap();
    let (api, storage) = (Line::plain(sim.url(), trip).await, Line::plain(sim.storage_url(), trip).await);
    sim.model().set_origins(&api.url, &storage.url);
    let sync = async || {
        let mut command = Command::new(program);
        command.arg("--intake").arg(folder.path().join("intake")).arg("--db").arg(folder.path().join("sync.db"));
        command.args(["--clio-url", &api.url, "--auto-consent", "--json"]);
        let began = Instant::now();
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        began.elapsed()
    };
    std::fs::create_dir_all(folder.path().join("intake")).unwrap();
    sync().await;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        put(&folder.path().join("intake"), round, documents);
        for line in [&api, &storage] {
            line.counted();
        }
        let took = sync().await;
        rounds.push((took, format!("{}, {}", api.counted().0, storage.counted().0)));
    }
    sim.stop();
    rounds.sort();
    rounds.swap_remove(ROUNDS / 2)
}

/// A matter of a client of its own.
fn put(intake: &Path, number: usize, documents: usize) {
    let folder = intake.join(format!("m{number}"));
    std::fs::create_dir_all(&folder).unwrap();
    let documents: Vec<Value> = (0..documents)
        .map(|n| {
            let path = format!("d{n}.pdf");
            std::fs::write(folder.join(&path), vec![b'x'; LEN]).unwrap();
            json!({ "id": format!("d{n}"), "file_name": path, "content_type": "application/pdf", "path": path,
                "status": "approved", "origin": "client_upload" })
        })
        .collect();
    let client = json!({ "id": format!("c{number}"), "first_name": "Ana", "last_name": format!("Doe {number}"),
        "email": format!("ana{number}@example.test") });
    let matter = json!({ "id": format!("m{number}"), "title": format!("Doe v. Roe {number}") });
    let intake = json!({ "matter": matter, "client": client, "documents": documents });
    std::fs::write(folder.join("intake.json"), intake.to_string()).unwrap();
}
