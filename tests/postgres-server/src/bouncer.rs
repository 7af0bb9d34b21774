//! PgBouncer before a server, in transaction mode: a connection of the server serves a client for
//! one transaction only.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{Server, ports, programs, skip, user};

/// A running PgBouncer. It ends when this is dropped.
#[derive(Debug)]
pub struct Bouncer {
    port: u16,
    process: Child,
}

impl Bouncer {
    /// Starts one before `server`, with as many connections to each of its databases. `None`: there
    /// is no PgBouncer here, which was said.
    ///
    /// # Panics
    /// If it does not start, or is missing under `CI=true`.
    #[must_use]
    pub fn start(server: &Server, connections: u32) -> Option<Self> {
        let Some(program) = programs::bouncer() else {
            skip(programs::NO_BOUNCER);
            return None;
        };
        // Another program may take the port between the look and the start.
        let tries = (0..5).map(|_| Self::start_on(&program, ports::free(), server, connections));
        let mut told = String::new();
        for tried in tries {
            match tried {
                Ok(bouncer) => return Some(bouncer),
                Err(log) => told = log,
            }
        }
        panic!("pgbouncer does not start: {told}");
    }

    /// Starts it, and waits until a question passes through it to the server.
    ///
    /// # Errors
    /// What it printed, if it ended or did not answer.
    fn start_on(program: &Path, port: u16, server: &Server, connections: u32) -> Result<Self, String> {
        let users = server.secret_file(&format!("users-{port}.txt"), "\"postgres\" \"\"\n");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n",
            server.port(),
            users.display(),
        );
        let settings = server.secret_file(&format!("bouncer-{port}.ini"), &settings);
        let log = server.secret_file(&format!("bouncer-{port}.log"), "");
        let mut command = user::run_as(program, server.user);
        command.arg("--quiet").arg(settings).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(fs::File::create(&log).expect("a log")).spawn().expect("pgbouncer");
        let mut bouncer = Self { port, process };
        let patience = Instant::now() + Duration::from_secs(30);
        while Instant::now() < patience {
            let ended = bouncer.process.try_wait().is_ok_and(|status| status.is_some());
            // Its own answer, not that of a stranger on the port: a stranger has no such database.
            if !ended && server.answers(port) {
                return Ok(bouncer);
            }
            if ended {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(fs::read_to_string(log).unwrap_or_default())
    }

    /// The address of a database of the server, through this.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or(database);
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
