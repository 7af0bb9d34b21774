//! `postgres-for-tests`: starts a server, prints the URL of a fresh database, and ends with its
//! standard input. For tests in other languages.
#![allow(clippy::print_stdout, reason = "a command's face")]

use std::io::Read as _;

fn main() {
    let Some(server) = postgres_server::Server::start("") else { return };
    println!("{}", server.database());
    // Ends when whoever started it is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
