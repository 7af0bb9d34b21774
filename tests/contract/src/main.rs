//! One port in front of clio-sim and of the validating proxy before it, for `cargo xtask test
//! contract`.
//!
//! The SDK knows one address for OAuth and API, but only the API has a contract, and the proxy
//! knows it without `/api/v4`. So `/api/v4/*` goes through the proxy and everything else straight
//! to clio-sim. What the proxy finds it says in a header of the answer, which the router takes off
//! and notes: `GET /__contract/calls` answers `[{"method", "path", "status", "violations":
//! [{"location", "severity", "code", "message"}]}]`.
//!
//! Prints one line of JSON when it listens; stops when standard input closes.

mod relay;
mod router;

use std::{io::Write as _, sync::Arc};

use clap::Parser;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::{
    relay::{Failure, Origin},
    router::Router,
};

/// clio-sim's API behind a validating proxy, the rest of it directly, on one port.
#[derive(Debug, Parser)]
struct Args {
    /// clio-sim's root.
    #[arg(long, value_name = "URL")]
    sim: String,
    /// The proxy, whose upstream is clio-sim's `/api/v4`.
    #[arg(long, value_name = "URL")]
    proxy: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let own = format!("http://{}", listener.local_addr()?);
    let router = Arc::new(Router::new(&own, Origin::parse(&args.sim)?, Origin::parse(&args.proxy)?));
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::json!({ "url": own }))?;
    out.flush()?;
    tokio::select! {
        served = serve(&listener, router) => served,
        () = stdin_closed() => std::process::exit(0),
    }
}

async fn serve(listener: &TcpListener, router: Arc<Router>) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await?;
        let router = Arc::clone(&router);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let router = Arc::clone(&router);
                async move { router.answer(request).await }
            });
            // A client that leaves early is no failure of ours.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0_u8; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}
