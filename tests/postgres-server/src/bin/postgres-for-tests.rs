//! `postgres-for-tests [--pooler]`: starts a server, prints the URL of a fresh database, and ends
//! with its standard input; with a pooler, also the URL of the database through PgBouncer. For
//! tests in other languages.
#![allow(clippy::print_stdout, reason = "a command's face")]

use std::io::Read as _;

use postgres_server::{Bouncer, Server};

fn main() {
    let Some(server) = Server::start("") else { return };
    let url = server.database();
    let wanted = std::env::args().any(|argument| argument == "--pooler");
    let pooler = if wanted { Bouncer::start(&server, 2) } else { None };
    match &pooler {
        Some(pooler) => println!("{url} {}", pooler.url(&url)),
        None => println!("{url}"),
    }
    // Ends when whoever started it is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
