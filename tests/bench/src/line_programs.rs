//! Two builds of `sync-intake` beside each other on a line: what a change brought to who waits.
//!
//! A matter of a new client is put into the folder, and the time is that of the whole program,
//! which was connected before and keeps its records in SQLite.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clio_sim::{ClioSim, Config};
use serde_json::{Value, json};

use crate::line::{Line, Uplink};

const LEN: usize = 70_000;
const ROUNDS: usize = 3;
/// Of the narrow line: documents as they are scanned, and 20 Mbit/s.
const LARGE: usize = 2_000_000;
const NARROW: f64 = 2_500_000.0;

const HEAD: &str = "| round trip, ms | documents | | ms | to the earlier | connections to the API, the storage |
| --- | --- | --- | --- | --- | --- |";

pub(crate) async fn run(before: &str, now: &str) {
    println!(
        "## `sync-intake` of an earlier build and of this one, a new client's matter, documents of {LEN} bytes, median of {ROUNDS}\n\nA new connection waits for two round trips first.\n"
    );
    println!("{HEAD}");
    for trip in [20, 60, 150] {
        for documents in [0, 3, 10] {
            compare([before, now], Duration::from_millis(trip), documents, LEN, None).await;
        }
    }
    println!("\nThe same with documents of {LARGE} bytes and 20 Mbit/s up.\n\n{HEAD}");
    for documents in [3, 10] {
        compare([before, now], Duration::from_millis(60), documents, LARGE, Some(NARROW)).await;
    }
    println!();
}

async fn compare(programs: [&str; 2], trip: Duration, documents: usize, len: usize, uplink: Option<f64>) {
    let mut earlier = None;
    for (name, program) in ["earlier", "this"].into_iter().zip(programs) {
        let (took, connections) = median(program, trip, documents, len, uplink.map(Uplink::new)).await;
        let ratio = took.as_secs_f64() / earlier.get_or_insert(took).as_secs_f64();
        println!("| {} | {documents} | {name} | {} | {ratio:.2} | {connections} |", trip.as_millis(), took.as_millis());
    }
}

async fn median(
    program: &str,
    trip: Duration,
    documents: usize,
    len: usize,
    uplink: Option<Uplink>,
) -> (Duration, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { auto_consent: true, rate_limit: 1_000_000, ..Config::default() };
    let sim = ClioSim::start(config).await.unwrap();
    let api = Line::plain(sim.url(), trip, uplink.clone()).await;
    let storage = Line::plain(sim.storage_url(), trip, uplink).await;
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
        put(&folder.path().join("intake"), round, documents, len);
        for line in [&api, &storage] {
            line.counted();
        }
        let took = sync().await;
        rounds.push((took, format!("{}, {}", api.counted().connections, storage.counted().connections)));
    }
    sim.stop();
    rounds.sort();
    rounds.swap_remove(ROUNDS / 2)
}

/// A matter of a client of its own.
fn put(intake: &Path, number: usize, documents: usize, len: usize) {
    let folder = intake.join(format!("m{number}"));
    std::fs::create_dir_all(&folder).unwrap();
    let documents: Vec<Value> = (0..documents)
        .map(|n| {
            let path = format!("d{n}.pdf");
            std::fs::write(folder.join(&path), vec![b'x'; len]).unwrap();
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
