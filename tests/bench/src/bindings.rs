//! What the boundary to C and Go costs: the same calls natively, through the least that a C
//! function around them could do, through the C library and through the Go module. Each is a
//! process of its own with a Clio of its own; they take turns, so that a slower minute of the
//! machine slows all of them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use clio_sim::{ClioSim, Config};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::native::FIRM;

const ROUNDS: usize = 9;
const CALLS: usize = 2_000;
const MATTERS: usize = 20;
const DOCUMENTS: usize = 3;
const LEN: usize = 70_000;

/// A process that does what a line says, and answers how long it took.
struct Player {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    sim: ClioSim,
    _folder: tempfile::TempDir,
}

impl Player {
    async fn start(program: &str, arguments: &[&str], intakes: &Path, user: &str, query: &str) -> Self {
        let config = Config { auto_consent: true, rate_limit: 1_000_000_000, ..Config::default() };
        let (sim, folder) = (ClioSim::start(config).await.unwrap(), tempfile::tempdir().unwrap());
        let mut command = Command::new(program);
        // Cargo's own path begins with the folder of another build, whose library would be taken.
        command.env_remove("LD_LIBRARY_PATH").args(arguments).arg(sim.url()).arg(intakes);
        command.arg(folder.path().join("sync.db")).args([user, query]).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut player = Self { child, input, output: BufReader::new(output).lines(), sim, _folder: folder };
        assert_eq!(player.line().await, "ready", "{program}");
        player
    }

    async fn line(&mut self) -> String {
        self.output.next_line().await.unwrap().unwrap_or_default()
    }

    /// Nanoseconds.
    async fn ask(&mut self, what: &str) -> f64 {
        self.input.write_all(format!("{what}\n").as_bytes()).await.unwrap();
        self.line().await.parse().unwrap_or_else(|_| panic!("{what}: the program ended"))
    }

    async fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().await.unwrap().success());
        self.sim.stop();
    }
}

/// One row: the lines of a round, and how many a figure counts. `bare` is what the Go program is
/// asked for the least that Go adds, if C and Go are compared with that.
struct Row {
    name: &'static str,
    lines: fn(usize) -> Vec<String>,
    bare: Option<&'static str>,
    each: f64,
    goals: [f64; 2],
}

const ROWS: [Row; 3] = [
    Row {
        name: "a call that is refused at once, µs",
        lines: |_| vec![format!("empty {CALLS}")],
        bare: Some("bare-empty"),
        each: CALLS as f64,
        goals: [2.0, 2.0],
    },
    Row {
        name: "text in and out, µs",
        lines: |_| vec![format!("text {CALLS}")],
        bare: Some("bare-text"),
        each: CALLS as f64,
        goals: [2.0, 2.0],
    },
    Row { name: "a sync, ms", lines: syncs, bare: None, each: MATTERS as f64 * 1000.0, goals: [1.05, 1.10] },
];

pub(crate) async fn run(c: &str, go: &str) {
    let user = format!("usr_{}", "x".repeat(80));
    let query = json!({ "actor": user, "limit": 1, "since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z" });
    let query = query.to_string();
    let intakes = tempfile::tempdir().unwrap();
    (0..ROUNDS).flat_map(names).for_each(|id| write(intakes.path(), &id));
    let own = std::env::current_exe().unwrap().display().to_string();
    let mut players = Vec::new();
    for (program, arguments) in [(own.as_str(), &["native"][..]), (&own, &["bare"]), (c, &[]), (go, &[])] {
        players.push(Player::start(program, arguments, intakes.path(), &user, &query).await);
    }
    let sent = query.len() + "{\"query\":}".len() + user.len() + FIRM.len();
    println!(
        "## Through C and through Go, median of {ROUNDS} rounds\n\nText: {sent} bytes in, an audit entry out; {CALLS} calls \
         a round. A sync is of a new client with {DOCUMENTS} documents of {LEN} bytes, on SQLite; {MATTERS} a round. In \
         brackets, the median of the rounds' own ratios: to the bare function in C, and to that and the least of Go; a sync to native Rust.\n"
    );
    println!("| | native Rust | bare C | C | bare Go | Go | goals |\n| --- | --- | --- | --- | --- | --- | --- |");
    for row in &ROWS {
        measure(row, &mut players).await;
    }
    println!();
    for player in players {
        player.end().await;
    }
}

async fn measure(row: &Row, players: &mut [Player]) {
    // Native, bare C, C, Go, and the least of Go.
    let mut times = vec![Vec::new(); players.len() + 1];
    for round in 0..ROUNDS {
        let mut whole = vec![0.0; times.len()];
        for line in (row.lines)(round) {
            for (player, whole) in players.iter_mut().zip(&mut whole) {
                *whole += player.ask(&line).await;
            }
        }
        if let (Some(bare), Some(go), Some(least)) = (row.bare, players.last_mut(), whole.last_mut()) {
            *least = go.ask(&format!("{bare} {CALLS}")).await;
        }
        times.iter_mut().zip(whole).for_each(|(times, whole)| times.push(whole));
    }
    let each = |of: usize| median(times[of].clone()) / 1000.0 / row.each;
    // Round by round, so that a slow one is compared with itself.
    let ratio = |of: usize, base: &dyn Fn(usize) -> f64| {
        median((0..ROUNDS).map(|round| times[of][round] / base(round)).collect())
    };
    let (c, go) = match row.bare {
        Some(_) => (ratio(2, &|round| times[1][round]), ratio(3, &|round| times[1][round] + times[4][round])),
        None => (ratio(2, &|round| times[0][round]), ratio(3, &|round| times[0][round])),
    };
    let [for_c, for_go] = row.goals;
    let least = row.bare.map_or_else(String::new, |_| format!("{:.2}", each(4)));
    println!(
        "| {} | {:.2} | {:.2} | {:.2} ({c:.2} ×) | {least} | {:.2} ({go:.2} ×) | {for_c} and {for_go} × |",
        row.name,
        each(0),
        each(1),
        each(2),
        each(3),
    );
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn names(round: usize) -> Vec<String> {
    (0..MATTERS).map(|n| format!("m{round}-{n}")).collect()
}

fn syncs(round: usize) -> Vec<String> {
    names(round).into_iter().map(|id| format!("sync {id}")).collect()
}

fn write(intakes: &Path, id: &str) {
    let folder = intakes.join(id);
    fs::create_dir(&folder).unwrap();
    let listed: Vec<Value> = (0..DOCUMENTS)
        .map(|n| {
            fs::write(folder.join(format!("d{n}.pdf")), vec![b'x'; LEN]).unwrap();
            json!({ "id": format!("d{n}"), "file_name": format!("d{n}.pdf"), "path": format!("d{n}.pdf"),
                    "content_type": "application/pdf", "status": "approved", "origin": "client_upload" })
        })
        .collect();
    let client = json!({ "id": format!("c-{id}"), "first_name": "Ana", "last_name": format!("Doe {id}"), "email": format!("{id}@{id}.test") });
    let intake = json!({ "matter": { "id": id, "title": "Doe v. Roe", "case_type": "family_law" }, "client": client, "documents": listed });
    fs::write(folder.join("intake.json"), intake.to_string()).unwrap();
}
