//! The server as a program: prints its base URL, then serves until it is killed, or until standard
//! input closes with `--exit-with-stdin`.

use std::io::{self, Write as _};

use http_conformance_server::Server;
use tokio::io::AsyncReadExt as _;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> io::Result<()> {
    let until_stdin_closes = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--exit-with-stdin" => true,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "usage: http-conformance-server [--exit-with-stdin]",
            ));
        }
    };
    let server = Server::start().await?;
    writeln!(io::stdout(), "{}", server.url())?;
    io::stdout().flush()?;
    if until_stdin_closes {
        tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
        return Ok(());
    }
    std::future::pending().await
}
