//! The package of another language beside native Rust, on one Clio after the other of one run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::node::{clio, number, ran};

const ROUNDS: usize = 3;
const MATTERS: usize = 300;

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

/// Medians of rounds that take turns, so that a slower minute of the machine slows both.
pub(crate) async fn run(package: Package) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    println!(
        "## Syncs on SQLite: new clients with 1 document of 10000 bytes, a Clio that answers at once, {MATTERS} matters, median of {ROUNDS} rounds\n"
    );
    println!(
        "| | at once | a second | Rust to it | processor, ms a sync | to Rust |\n| --- | --- | --- | --- | --- | --- |"
    );
    for at_once in ["1", "8"] {
        let mut told = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
        for _ in 0..ROUNDS {
            for (row, told) in told.iter_mut().enumerate() {
                let bench = clio().await;
                let mut command = if row == 0 {
                    let mut native = Command::new(std::env::current_exe().unwrap());
                    native.args(["node", "natively", "--"]);
                    native
                } else {
                    package.program(&root, &target)
                };
                let ran = ran(command.args([bench.sim.url(), &MATTERS.to_string(), at_once]));
                told[0].push(number(&ran, "per_second"));
                told[1].push(number(&ran, "processor_ms"));
                bench.sim.stop();
            }
        }
        let median = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let rows = told.each_mut().map(|[rates, times]| [median(rates), median(times)]);
        for (name, [rate, processor]) in ["native Rust".to_owned(), format!("{package:?}")].iter().zip(rows) {
            let [of_rate, of_processor] = [rows[0][0] / rate, processor / rows[0][1]];
            println!("| {name} | {at_once} | {rate:.0} | {of_rate:.2} | {processor:.1} | {of_processor:.2} |");
        }
    }
    println!();
}
