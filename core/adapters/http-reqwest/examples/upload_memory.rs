//! How much memory the upload of a large document takes: `cargo run --release -p
//! casehug-clio-http-reqwest --example upload_memory [MiB]`, 1024 if it is not said. Linux only.
//!
//! The server runs in this process and the client in another one, whose peak (`VmHWM`) counts.

use std::io::{self, Write as _};
use std::process::Command;

use http_conformance_server::Server;

#[path = "../tests/common/upload.rs"]
mod upload;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mib = |text: &String| text.parse::<u64>().map_err(io::Error::other);
    if let [flag, url, size] = args.as_slice()
        && flag == "--client"
    {
        let (kib, took) = upload::growth(url, mib(size)?).await?;
        writeln!(io::stdout(), "{size} MiB sent in {took:.1?}; peak memory grew by {kib} KiB")?;
        return if kib <= upload::ALLOWED_KIB { Ok(()) } else { Err(io::Error::other("more than allowed")) };
    }
    let size = args.first().map_or(Ok(1024), mib)?;
    let server = Server::start().await?;
    let mut client = Command::new(std::env::current_exe()?);
    client.args(["--client", server.url(), &size.to_string()]);
    let status = tokio::task::spawn_blocking(move || client.status()).await??;
    if status.success() { Ok(()) } else { Err(io::Error::other("the client failed")) }
}
