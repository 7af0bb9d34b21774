//! Runs seeds on all cores and says which do not hold.
#![allow(clippy::print_stdout, reason = "a command's face")]

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[cfg(mutate)]
use casehug_clio::mutations::{self, Mutation};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The deterministic simulation.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Replay this seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Tell everything that happens.
    #[arg(long, requires = "seed")]
    tell: bool,
    /// Stop after so many seeds that do not hold.
    #[arg(long, default_value_t = 5)]
    most: usize,
    /// Switch this safeguard off, for all seeds.
    #[cfg(mutate)]
    #[arg(long, value_parser = safeguard)]
    without: Option<Mutation>,
    /// Tell what can be switched off, and end.
    #[cfg(mutate)]
    #[arg(long)]
    safeguards: bool,
}

#[cfg(mutate)]
fn safeguard(name: &str) -> Result<Mutation, String> {
    let found = mutations::ALL.iter().find(|one| format!("{one:?}") == name);
    found.copied().ok_or_else(|| String::from("no such safeguard"))
}

fn main() -> ExitCode {
    let mut args = Args::parse();
    if let Some(seed) = args.seed {
        (args.first, args.seeds) = (seed, 1);
    }
    #[cfg(mutate)]
    if args.safeguards {
        mutations::ALL.iter().for_each(|one| println!("{one:?}"));
        return ExitCode::SUCCESS;
    }
    #[cfg(mutate)]
    if let Some(safeguard) = args.without {
        mutations::activate(safeguard);
    }
    simulation::world::TELLING.store(args.tell, Ordering::Relaxed);
    let (next, end) = (AtomicU64::new(args.first), args.first.saturating_add(args.seeds));
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let enough = |failed: &Vec<_>| failed.len() >= args.most;
                    if seed >= end || failed.lock().is_ok_and(|failed| enough(&failed)) {
                        return;
                    }
                    let outcome = catch_unwind(|| simulation::run(seed)).unwrap_or_else(|panic| {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                        Err(format!("panic: {}", text.unwrap_or_default()))
                    });
                    match outcome {
                        Ok(outcome) if args.seed.is_some() => println!("seed {seed}: {outcome:?}"),
                        Ok(_) => {}
                        Err(what) => {
                            println!("seed {seed}: {what}");
                            if let Ok(mut failed) = failed.lock() {
                                failed.push((seed, what));
                            }
                        }
                    }
                }
            });
        }
    });
    let ran = next.load(Ordering::Relaxed).min(end) - args.first;
    #[cfg(mutate)]
    if args.without.is_some() {
        println!("its place was reached {} times", mutations::reached());
    }
    let seconds = started.elapsed().as_secs_f64();
    let failed = failed.into_inner().unwrap_or_default();
    println!(
        "{ran} seeds in {seconds:.1} s, {:.0} a second on {threads} cores; {} do not hold",
        ran as f64 / seconds,
        failed.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
