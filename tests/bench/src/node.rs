//! The npm package beside native Rust, on one Clio after the other of one run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use casehug_clio::Sdk;
use casehug_clio::memory::MemoryIntake;
use casehug_clio_store_sqlite::SqliteStore;
use clio_sim::Config;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::processor;
use crate::setup::{Bench, admin, connect, matter, put_matter, sdk_at};

const DOCUMENTS: usize = 1;
const LEN: usize = 10_000;
const ROUNDS: usize = 3;
const MATTERS: usize = 300;
/// MiB of the document, and how many more than a small one it may take.
const LARGE: usize = 1024;
const MOST_MIB: f64 = 16.0;
/// Syncs, in each of which the memory may not grow.
const MANY: usize = 10_000;

/// A runtime of JavaScript, and what its programs are started with.
struct Runtime {
    name: &'static str,
    program: String,
    before: &'static [&'static str],
}

/// `cargo xtask bench node` has made the package and said where it is.
pub(crate) async fn run(only: Option<&str>) {
    let package = &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bindings/node");
    let tool = |path: &str| package.join("node_modules").join(path).display().to_string();
    let runtimes = [
        Runtime { name: "Node 24", program: tool("node24/bin/node"), before: &["--expose-gc"] },
        Runtime { name: "Bun", program: tool(".bin/bun"), before: &["--expose-gc"] },
        Runtime { name: "Deno", program: tool(".bin/deno"), before: &["run", "--allow-all", "--v8-flags=--expose-gc"] },
    ];
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    if wanted("start") {
        start(package, &runtimes);
    }
    if wanted("syncs") {
        syncs(package, &runtimes).await;
    }
    if wanted("large") {
        large(package, &runtimes).await;
    }
    if wanted("flat") {
        flat(package, &runtimes[0]).await;
    }
}

/// Runs a program of `bindings/node/bench`; the JSON that it prints last.
fn script(package: &Path, runtime: &Runtime, name: &str, args: &[&str]) -> Value {
    let mut command = Command::new(&runtime.program);
    ran(command.args(runtime.before).arg(package.join("bench").join(name)).args(args))
}

fn ran(command: &mut Command) -> Value {
    // Clio runs on the other threads meanwhile.
    let output = tokio::task::block_in_place(|| command.stderr(Stdio::inherit()).output()).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let last = told.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{command:?}: {error}: {told}"))
}

pub(crate) fn number(told: &Value, name: &str) -> f64 {
    told[name].as_f64().unwrap_or_else(|| panic!("{name} in {told}"))
}

pub(crate) async fn clio() -> Bench {
    Bench::new(Config { rate_limit: 1_000_000_000, ..Config::default() }).await
}

fn start(package: &Path, runtimes: &[Runtime]) {
    println!("## Start: the package imported, its module compiled, an SDK open; median of 9 processes\n");
    println!("| | ms |\n| --- | --- |");
    for runtime in runtimes {
        for (entry, file) in [("", "index.mjs"), (", inline entry", "inline.mjs")] {
            let mut times = Vec::new();
            for _ in 0..9 {
                times.push(number(&script(package, runtime, "start.mjs", &[file]), "ms"));
            }
            times.sort_by(f64::total_cmp);
            println!("| {}{entry} | {:.0} |", runtime.name, times[times.len() / 2]);
        }
    }
    println!();
}

/// Of each the medians, round by round, so that a slower minute of the machine slows all. Each is a
/// process of its own, beside a Clio of its own in this one.
async fn syncs(package: &Path, runtimes: &[Runtime]) {
    println!(
        "## Syncs on SQLite: new clients with {DOCUMENTS} document of {LEN} bytes, a Clio that answers at once, {MATTERS} matters, median of {ROUNDS} rounds\n"
    );
    println!(
        "| | at once | a second | to Rust | processor, ms a sync | to Rust |\n| --- | --- | --- | --- | --- | --- |"
    );
    for at_once in ["1", "8"] {
        let mut told = vec![[Vec::new(), Vec::new()]; runtimes.len() + 1];
        for _ in 0..ROUNDS {
            for (row, told) in told.iter_mut().enumerate() {
                let bench = clio().await;
                let args = [bench.sim.url(), &MATTERS.to_string(), at_once];
                let ran = match row {
                    0 => {
                        ran(Command::new(std::env::current_exe().unwrap()).args(["node", "natively", "--"]).args(args))
                    }
                    _ => script(package, &runtimes[row - 1], "syncs.mjs", &args),
                };
                told[0].push(number(&ran, "per_second"));
                told[1].push(number(&ran, "processor_ms"));
                bench.sim.stop();
            }
        }
        let median = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let rows: Vec<[f64; 2]> = told.iter_mut().map(|[rates, times]| [median(rates), median(times)]).collect();
        let names = std::iter::once("native Rust").chain(runtimes.iter().map(|runtime| runtime.name));
        for (name, [rate, processor]) in names.zip(&rows) {
            let [of_rate, of_processor] = [rate / rows[0][0], rows[0][1] / processor];
            println!("| {name} | {at_once} | {rate:.0} | {of_rate:.2} | {processor:.1} | {of_processor:.2} |");
        }
    }
    println!();
}

/// An SDK over SQLite in this folder, connected to a Clio of another process, and its intakes.
pub(crate) async fn opened(clio: &str, folder: &Path) -> (Arc<Sdk>, MemoryIntake) {
    let store = SqliteStore::open(folder.join("sync.db")).await.unwrap();
    let intakes = MemoryIntake::new();
    let (sdk, _) = sdk_at(clio, Arc::new(store), intakes.clone(), None);
    connect(&sdk).await;
    (Arc::new(sdk), intakes)
}

/// What `syncs.mjs` does, in Rust: `CLIO MATTERS AT_ONCE`.
pub(crate) async fn natively(told: &[String]) {
    let (matters, at_once) = (told[1].parse::<usize>().unwrap(), told[2].parse::<usize>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (sdk, intakes) = opened(&told[0], folder.path()).await;
    let ids: Vec<_> = (0..matters + matters / 10).map(|n| format!("m{n}")).collect();
    for id in &ids {
        put_matter(&intakes, id, DOCUMENTS, LEN);
    }
    // As in a service: in a task, not in `main`.
    let ran = tokio::spawn(async move {
        let sync = async |id: &String| {
            sdk.firm(&admin()).matters().sync(&matter(id)).await.unwrap();
        };
        // The first ones warm up.
        stream::iter(&ids[matters..]).for_each_concurrent(at_once, sync).await;
        let (began, before) = (Instant::now(), processor());
        stream::iter(&ids[..matters]).for_each_concurrent(at_once, sync).await;
        (began.elapsed().as_secs_f64(), (processor() - before).as_secs_f64())
    });
    let (seconds, processor) = ran.await.unwrap();
    let matters = matters as f64;
    println!("{}", json!({ "per_second": matters / seconds, "processor_ms": processor * 1000.0 / matters }));
}

async fn large(package: &Path, runtimes: &[Runtime]) {
    println!("## Memory that a document of {LARGE} MiB takes more than a small one (goal: {MOST_MIB} MiB)\n");
    println!("| | reachable, MiB | of the process, MiB | the module, MiB | s |\n| --- | --- | --- | --- | --- |");
    for runtime in runtimes {
        let bench = clio().await;
        let told = script(package, runtime, "large.mjs", &[bench.sim.url(), &LARGE.to_string()]);
        let [reachable, process, module] =
            ["reachable", "process", "module"].map(|name| number(&told, name) / 1024.0 / 1024.0);
        println!(
            "| {} | {reachable:.1} | {process:.1} | {module:.1} | {:.1} |",
            runtime.name,
            number(&told, "seconds")
        );
        bench.sim.stop();
    }
    println!();
}

async fn flat(package: &Path, runtime: &Runtime) {
    println!("## Memory over {MANY} syncs of new clients, {}, SQLite\n", runtime.name);
    let bench = clio().await;
    let began = Instant::now();
    let told = script(package, runtime, "flat.mjs", &[bench.sim.url(), &MANY.to_string()]);
    println!("| syncs | reachable, MiB | the module, MiB | the process, MiB |\n| --- | --- | --- | --- |");
    for look in told.as_array().unwrap() {
        let [reachable, module, process] =
            ["reachable", "module", "process"].map(|name| number(look, name) / 1024.0 / 1024.0);
        println!("| {} | {reachable:.2} | {module:.2} | {process:.1} |", look["syncs"]);
    }
    println!("\nin {:.0} s\n", began.elapsed().as_secs_f64());
    bench.sim.stop();
}
