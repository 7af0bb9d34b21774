//! `sync-intake`: a folder of approved intakes is synced to Clio. The first example, and a tool.
//!
//! It may be killed and started again at any time: what is in doubt is looked up in Clio before
//! anything is sent again.

mod consent;
#[path = "../database.rs"]
mod database;
mod exit;
#[path = "../network.rs"]
mod network;
mod output;
mod own_firm;
mod plans;
mod recovering;
#[path = "../root_keys.rs"]
mod root_keys;
mod setup;
mod shown;
#[path = "../signals.rs"]
mod signals;
mod words;
mod work;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use casehug_clio::{Actor, ActorId, Code, FirmId, MatterId, Role};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::exit::Exit;

const MORE_HELP: &str = "Environment, needed unless Clio is on loopback:
  CASEHUG_CLIO_CLIENT_ID      the Clio app's id, from Clio's developer portal
  CASEHUG_CLIO_CLIENT_SECRET  its secret
  CASEHUG_CLIO_SEALING_KEY    32 bytes in hex or base64, which encrypt the tokens at rest
To change that key: CASEHUG_CLIO_SEALING_KEY_ID names it (env, unless set), and
CASEHUG_CLIO_EARLIER_SEALING_KEYS holds those that sealed before, as ID=KEY,ID=KEY.
RUST_LOG says how much is logged on stderr: error, warn (the default), info, debug or trace.

Exit codes:
  0  everything that may be sent is in Clio (of a dry run: would arrive)
  1  something failed, or would: the report says what
  2  the command line cannot be read
  3  a person must decide whether a record in Clio is the one in doubt
  4  something is in doubt, or a passing fault may be over: run it again
  5  the firm is not connected to Clio and connecting did not succeed, or Clio no longer accepts the connection or the plan";

/// Syncs a folder of approved intakes to Clio.
#[derive(Debug, Parser)]
#[command(name = "sync-intake", version, after_help = MORE_HELP)]
struct Args {
    /// The firm's folder: DIR/<matter id>/intake.json beside the files that it names.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["backup", "copy_to", "recover_since"])]
    intake: Option<PathBuf>,
    /// The SDK's database: a file, made if it is not there, or postgres://USER@HOST/DATABASE. A
    /// password is best in the variable CASEHUG_CLIO_DB_PASSWORD, which does not show in lists of
    /// processes.
    #[arg(long, value_name = "FILE or URL")]
    db: database::Line,
    /// The region of Clio (us, eu, ca, au), or a host root with /oauth and /api/v4 below it. https,
    /// or http on loopback.
    #[arg(long, value_name = "REGION or URL", required_unless_present_any = ["backup", "copy_to", "recover_since"])]
    clio_url: Option<String>,
    /// The CaseHug firm: firm_demo, unless another is named.
    #[arg(long, value_name = "ID")]
    firm: Option<String>,
    /// Sync this matter only.
    #[arg(long, value_name = "ID", requires = "intake")]
    matter: Option<String>,
    /// Ask for consent without a browser: for a Clio that redirects at once.
    #[arg(long)]
    auto_consent: bool,
    /// Take Clio's redirect at this port of 127.0.0.1, and register http://127.0.0.1:PORT/callback
    /// with the Clio app: Clio wants the exact URL. 0 takes a free one, which clio-sim allows.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    callback_port: u16,
    /// The office's proxy: http://host:port, with user:password@ before the host if it asks for
    /// that. Or the variable CASEHUG_CLIO_PROXY, which does not show in lists of processes.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Root certificates (PEM) to trust beside Mozilla's: those of a proxy that opens TLS, say.
    #[arg(long, value_name = "FILE")]
    root_certificates: Option<PathBuf>,
    /// How long Clio may still execute a request after we gave up on it. A matter in doubt is
    /// waited for; the others go on.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    settle: u64,
    /// How long Clio's lists may not show yet what Clio has created. Nothing that may be there is
    /// sent again before.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    index_delay: u64,
    /// Say what would be done, with its calls, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Be a worker until told to stop (ctrl-c, SIGTERM): sync what of the folder is not in Clio
    /// yet, and whatever else of this firm is triggered on this database.
    #[arg(long, requires = "intake", conflicts_with_all = ["dry_run", "json"])]
    worker: bool,
    /// Write the whole database into this new file, and do nothing else. Whatever uses the database
    /// may go on.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "worker"])]
    backup: Option<PathBuf>,
    /// Copy the whole database into this one (a file or URL, as for --db), which must hold nothing,
    /// compare the two, and do nothing else. No process may use either of them meanwhile.
    #[arg(long, value_name = "FILE or URL", conflicts_with_all = ["dry_run", "worker", "backup"])]
    copy_to: Option<database::Line>,
    /// With --copy-to: this firm only, of which the other database must hold nothing.
    #[arg(long, value_name = "ID", requires = "copy_to")]
    copy_firm: Option<String>,
    /// After the database was restored: whatever may have been sent to Clio since this time (RFC
    /// 3339, not later than the backup was begun) is looked for there before anything is created.
    /// It stays so, at a call more for each new record, until `none` ends it. Without --intake that
    /// is all that is done, for the --firm that is named.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["dry_run", "backup", "copy_to"])]
    recover_since: Option<String>,
    /// Print one JSON report on stdout, and nothing else there.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(missing) = complete(&args) {
        missing.exit();
    }
    start_logging();
    match run(&args).await {
        Ok(exit) => ExitCode::from(exit.number()),
        Err(error) => {
            output::fatal(&error, args.json);
            ExitCode::from(Exit::of(&error).number())
        }
    }
}

/// What options need of each other that cannot be said where they are declared.
fn complete(args: &Args) -> Result<(), clap::Error> {
    let missing = |what| Err(Args::command().error(ErrorKind::MissingRequiredArgument, what));
    match args {
        // A backup or a copy, which need nothing more.
        Args { backup: Some(_), .. } | Args { copy_to: Some(_), .. } => Ok(()),
        Args { intake: Some(_), clio_url: None, .. } => missing("--intake needs --clio-url <REGION or URL>"),
        // The firm that has a default is hardly the one that was restored.
        Args { intake: None, firm: None, .. } => missing("--recover-since without --intake needs --firm <ID>"),
        _ => Ok(()),
    }
}

async fn run(args: &Args) -> casehug_clio::Result<Exit> {
    if let Some(file) = &args.backup {
        let begun = setup::back_up(&database::location(&args.db.0)?, file).await?;
        output::backed_up(args.json, begun);
        return Ok(Exit::AllThere);
    }
    if let Some(target) = &args.copy_to {
        let firm = args.copy_firm.as_deref().map(FirmId::new).transpose()?;
        let records = setup::copy(&database::location(&args.db.0)?, &database::location(&target.0)?, firm).await?;
        output::copied(args.json, records);
        return Ok(Exit::AllThere);
    }
    let firm = FirmId::new(args.firm.as_deref().unwrap_or("firm_demo"))?;
    let actor = Actor { id: ActorId::new("sync-intake")?, firm: firm.clone(), role: Role::Admin };
    let only = args.matter.as_deref().map(MatterId::new).transpose()?;
    let (settle, index_delay) = (Duration::from_secs(args.settle), Duration::from_secs(args.index_delay));
    let Some(intake) = args.intake.clone() else {
        let since = args.recover_since.as_deref().and_then(|time| recovering::since(time).transpose()).transpose()?;
        let known = recovering::recover_only(&database::location(&args.db.0)?, &actor, settle, since).await?;
        output::recovering(args.json, &firm, since, known);
        return Ok(Exit::AllThere);
    };
    let clio_url = args.clio_url.as_deref().unwrap_or_default();
    let network = network::network(args.proxy.as_deref(), args.root_certificates.as_deref())?;
    let setup =
        setup::open(&database::location(&args.db.0)?, &firm, &intake, clio_url, &network, settle, index_delay).await?;
    let matters = match only {
        Some(matter) => vec![Ok(matter)],
        None => setup.intake.matters(&firm)?,
    };
    if let Some(time) = &args.recover_since {
        recovering::recover(&setup.sdk, &actor, recovering::since(time)?).await?;
    }
    if matters.is_empty() {
        output::say("There is no matter in this folder: each is a folder of its own, with an intake.json in it.");
    }
    if args.dry_run {
        let plans = work::plan_all(&setup.sdk, &actor, matters).await;
        return plans::tell(&setup.sdk, &actor, &plans, args.json).await;
    }
    let (stopping, store) = (work::Stopping::default(), setup.store.clone());
    let work = async {
        tokio::select! {
            connected = consent::ensure_connected(&setup, &actor, args.callback_port, args.auto_consent) => connected?,
            () = stopping.told() => return Err(Code::Stopped.into()),
        }
        if args.worker {
            work::be_a_worker(&setup.sdk, &actor, matters).await?;
            return Ok(Exit::AllThere);
        }
        let results = work::sync_all(&setup.sdk, &actor, matters, &stopping, &setup.shown).await;
        setup.shown.done();
        Ok(output::report(&firm, &setup.host, &results, args.json))
    };
    let mut work = std::pin::pin!(work);
    let ended = tokio::select! {
        ended = work.as_mut() => ended,
        () = signals::told_to_stop() => {
            setup.shown.say("Told to stop: it ends after the step in progress. Another signal ends it at once.");
            setup.sdk.stop();
            stopping.tell();
            work.await
        }
    };
    store.close().await;
    ended
}

/// Only our own events, whatever `RUST_LOG` says: nobody can say what other crates print of a
/// request.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("casehug_clio") || metadata.target().starts_with("sync_intake")
    });
    tracing_subscriber::registry()
        .with(filter)
        .with(ours)
        .with(tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr))
        .init();
}
