//! The simulator as a program: prints one line of JSON when it listens, then serves until it is
//! told to stop.

use std::{
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use clio_sim::{ClioSim, Config, Ports};
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;

/// A faithful Clio Manage on loopback.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Port of OAuth, API and control; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the storage host; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    storage_port: u16,
    /// A JSON file with configuration; what it leaves out keeps its default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A JSON file with records to start with, as `POST /__sim/seed` takes them.
    #[arg(long)]
    seed_file: Option<PathBuf>,
    /// Click Allow on the consent page by itself.
    #[arg(long)]
    auto_consent: bool,
    /// Region: us, eu, ca or au.
    #[arg(long)]
    region: Option<String>,
    /// What tokens and uuids are derived from; random unless given.
    #[arg(long)]
    seed: Option<String>,
    /// A registered redirect URI; repeat for more. None: any loopback http URI.
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Stop when standard input closes.
    #[arg(long)]
    exit_with_stdin: bool,
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Box<dyn Error>> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|error| named(&error))?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| named(&error))?)
}

fn config(args: &Args) -> Result<Config, Box<dyn Error>> {
    let mut config: Config = match &args.config {
        Some(path) => read(path)?,
        None => Config::default(),
    };
    config.auto_consent |= args.auto_consent;
    if let Some(region) = &args.region {
        config.region.clone_from(region);
    }
    if let Some(seed) = &args.seed {
        config.seed.clone_from(seed);
    }
    config.redirect_uris.extend(args.redirect_uri.iter().cloned());
    Ok(config)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        // As it is said to people: a `Result` of `main` would print the debug form.
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let ports = Ports { api: args.port, storage: args.storage_port };
    let sim = ClioSim::start_on(config(args)?, ports).await?;
    if let Some(path) = &args.seed_file {
        let seed = read(path)?;
        let now = sim.now();
        sim.model().seed(now, &seed)?;
    }
    let line = serde_json::json!({"url": sim.url(), "storage_url": sim.storage_url()});
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    tokio::select! {
        () = told_to_stop() => {}
        () = stdin_closed(), if args.exit_with_stdin => {}
    }
    sim.stop();
    // A pending read of standard input would hold the runtime's shutdown.
    std::process::exit(0)
}

async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0_u8; 1024];
    while let Ok(read) = stdin.read(&mut buffer).await {
        if read == 0 {
            return;
        }
    }
}
