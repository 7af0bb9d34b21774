//! The package of another language beside native Rust: each a process of its own that is kept, on a
//! Clio of its own in this process. They take turns, and each begins every other round, so that a
//! slower minute of the machine slows both.
//!
//! Alike are the documents and their number, SQLite, the transport and its runtime, and that no log
//! below warnings is written. Apart are what the host does, which is what is measured (intakes and
//! documents are made in its language, and in native Rust are in memory), and the library: the
//! package's own, built for size, and native Rust for speed.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::node::{clio, number, opened};
use crate::processor;
use crate::setup::{Bench, admin, matter, put_matter};

const LEN: usize = 10_000;
/// Syncs of a round.
const MATTERS: usize = 100;
/// Rounds before those that count: Java has compiled by then what it compiles.
const WARM: usize = 15;
const ROUNDS: usize = 11;

/// A package that `cargo xtask dist` has made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Package {
    Python,
    Kotlin,
}

impl Package {
    /// Its program of syncs.
    fn program(self, root: &Path, target: &Path) -> Command {
        match self {
            Self::Python => {
                let mut python = Command::new("python3");
                python.arg(root.join("bindings/python/bench/syncs.py"));
                python.env("PYTHONPATH", target.join("dist/python/package"));
                python
            }
            Self::Kotlin => {
                let consumer = target.join("dist/kotlin/consumers/kotlin/target");
                let mut java = Command::new("java");
                java.arg("-cp").arg(format!("{0}/classes:{0}/jars/*", consumer.display()));
                java.arg("com.casehug.clio.bench.SyncsKt");
                java
            }
        }
    }
}

/// A process that syncs as many new matters as a line says.
struct Player {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    clio: Bench,
    synced: usize,
}

impl Player {
    async fn start(mut command: Command) -> Self {
        let clio = clio().await;
        command.arg(clio.sim.url()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines(), clio, synced: 0 }
    }

    /// Milliseconds of a sync, and of the processor for it. Clio runs on other threads meanwhile.
    fn round(&mut self, at_once: usize) -> [f64; 2] {
        writeln!(self.input, "{} {MATTERS} {at_once}", self.synced).unwrap();
        self.synced += MATTERS;
        let told: Value = serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap();
        ["ms", "processor_ms"].map(|name| number(&told, name) / MATTERS as f64)
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
        self.clio.sim.stop();
    }
}

pub(crate) async fn run(package: Package) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    println!(
        "## Syncs from {package:?} beside native Rust\n\nOn SQLite, of new clients with 1 document of {LEN} bytes, and a Clio that answers at \
         once. Two processes take turns in rounds of {MATTERS} matters: {WARM} to warm up, of which the first is told as well, then {ROUNDS}. \
         Medians; the ratio is the median of the rounds' own.\n"
    );
    println!(
        "| | at once | first round, ms a sync | then | to Rust | processor, ms a sync | to Rust |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for at_once in [1, 8] {
        let mut native = Command::new(std::env::current_exe().unwrap());
        native.args(["package", "natively", "--"]);
        let mut players = [Player::start(native).await, Player::start(package.program(&root, &target)).await];
        // Of each player the rounds, of each round the time and the processor's.
        let mut told = [Vec::new(), Vec::new()];
        for round in 0..WARM + ROUNDS {
            for turn in 0..2 {
                let player = (round + turn) % 2;
                told[player].push(players[player].round(at_once));
            }
        }
        for (player, name) in ["native Rust".to_owned(), format!("{package:?}")].iter().enumerate() {
            let counted = WARM..WARM + ROUNDS;
            let of = |what: usize| median(counted.clone().map(|round| told[player][round][what]));
            let to_rust =
                |what: usize| median(counted.clone().map(|round| told[player][round][what] / told[0][round][what]));
            println!(
                "| {name} | {at_once} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                told[player][0][0],
                of(0),
                to_rust(0),
                of(1),
                to_rust(1)
            );
        }
        players.into_iter().for_each(Player::end);
    }
    println!();
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The process that plays native Rust: what the packages' programs do.
pub(crate) async fn natively(told: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let (sdk, intakes) = opened(&told[0], folder.path()).await;
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let [first, count, at_once] = line.split(' ').map(|word| word.parse().unwrap()).collect::<Vec<usize>>()[..]
        else {
            panic!("{line}")
        };
        let ids: Vec<_> = (first..first + count).map(|n| format!("m{n}")).collect();
        ids.iter().for_each(|id| put_matter(&intakes, id, 1, LEN));
        let sdk = sdk.clone();
        // As in a service: in a task, not in `main`.
        let ran = tokio::spawn(async move {
            let (began, before) = (Instant::now(), processor());
            let sync = async |id: &String| {
                sdk.firm(&admin()).matters().sync(&matter(id)).await.unwrap();
            };
            stream::iter(&ids).for_each_concurrent(at_once, sync).await;
            [began.elapsed(), processor() - before].map(|time| time.as_secs_f64() * 1000.0)
        });
        let [ms, processor_ms] = ran.await.unwrap();
        println!("{}", json!({ "ms": ms, "processor_ms": processor_ms }));
    }
}
