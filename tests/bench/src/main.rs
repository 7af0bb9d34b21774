//! What the SDK costs. Every figure is of this run, on this machine, beside what it is compared
//! with; nothing is a test.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program that measures; a failure ends it"
)]

mod approval;
mod bindings;
mod contention;
mod folder;
mod growth;
mod hooks;
mod line;
mod line_programs;
mod native;
mod node;
mod package;
mod postgres;
mod ratio;
mod retention;
mod setup;

use std::time::Duration;

use clap::Parser;

/// Measures the SDK.
#[derive(Debug, Parser)]
struct Args {
    /// Only what has this in its name: ratio, approval, trigger, hooks, folder, growth; bindings,
    /// kotlin, line, node, postgres and python have to be asked for.
    only: Option<String>,
    /// Of `node`, the npm package, only this: start, syncs, large, flat. Of `postgres`: statements,
    /// between, queue, contention, retention, idle.
    part: Option<String>,
    /// What a process that `node` starts is told.
    #[arg(hide = true)]
    told: Vec<String>,
    /// Of `bindings`, the programs in C and in Go, which `cargo xtask bench bindings` builds. Of
    /// `line`, `sync-intake` of an earlier build and of this one.
    #[arg(long, num_args = 2, value_names = ["C", "GO"])]
    programs: Vec<String>,
    /// The largest number of linked matters.
    #[arg(long, default_value_t = 1_000_000)]
    most: usize,
}

fn main() {
    // The loop by hand uses reqwest itself, which this workspace builds without a TLS provider of
    // its own.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|first| first == "native" || first == "bare") {
        return native::play(&words);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(measure(Args::parse()));
}

async fn measure(args: Args) {
    if args.only.as_deref() == Some("bindings") {
        let [c, go] = args.programs.as_slice() else { panic!("cargo xtask bench bindings builds the programs") };
        return bindings::run(c, go).await;
    }
    if args.only.as_deref() == Some("node") {
        return match args.part.as_deref() {
            Some("natively") => node::natively(&args.told).await,
            only => node::run(only).await,
        };
    }
    if args.only.as_deref() == Some("package") {
        return package::natively(&args.told).await;
    }
    if args.only.as_deref() == Some("postgres") {
        return postgres::run(args.part.as_deref()).await;
    }
    if args.only.as_deref() == Some("kotlin") {
        return package::run(package::Package::Kotlin).await;
    }
    if args.only.as_deref() == Some("python") {
        return package::run(package::Package::Python).await;
    }
    if args.only.as_deref() == Some("line") {
        return match args.programs.as_slice() {
            [before, now] => line_programs::run(before, now).await,
            _ => line::run().await,
        };
    }
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    if wanted("ratio") {
        // As in a service: in a task, not in `main`.
        tokio::spawn(ratio::run()).await.unwrap();
    }
    if wanted("trigger") {
        approval::trigger_to_first_call().await;
    }
    if wanted("approval") {
        approval::ten_documents().await;
    }
    if wanted("hooks") {
        hooks::run().await;
    }
    if wanted("folder") {
        folder::run().await;
    }
    if wanted("growth") {
        growth::run(args.most).await;
    }
}

/// The processor time of this process, where Linux tells.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // Linux counts in hundredths of a second.
    Duration::from_millis(ticks * 10)
}

/// The value below which this share of the sorted values lies.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted[((last as f64) * share).round() as usize]
}
