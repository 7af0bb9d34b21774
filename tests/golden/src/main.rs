//! `golden [--only NAME] AGENT [ARGUMENT…]`: plays the scenarios through an agent, and says how
//! each ended.
#![allow(clippy::print_stdout, reason = "a command's face")]

use std::process::ExitCode;

/// Most of what a scenario takes is waiting.
const BESIDE: usize = 12;

#[tokio::main]
async fn main() -> ExitCode {
    let mut agent: Vec<String> = std::env::args().skip(1).collect();
    let mut scenarios = golden::scenarios();
    if agent.first().is_some_and(|first| first == "--only") && agent.len() > 1 {
        scenarios.retain(|scenario| scenario.name == agent[1]);
        agent.drain(..2);
    }
    if agent.is_empty() || scenarios.is_empty() {
        println!("usage: golden [--only SCENARIO] AGENT [ARGUMENT...]");
        return ExitCode::FAILURE;
    }
    let count = scenarios.len();
    let failed = golden::play_all(&agent, scenarios, BESIDE).await;
    for (name, reason) in &failed {
        println!("{name}: {reason}");
    }
    println!("golden: {} passed, {} failed", count - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
