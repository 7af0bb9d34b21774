//! A private PostgreSQL for tests: the machine's programs, a data folder of its own, a free port on
//! loopback, a user that is not root.
//!
//! One server serves all tests of a binary ([`Server::shared`]); each takes a
//! [database](Server::database) of its own. A watchdog, a shell that waits for its standard input
//! to end, stops the server and removes its folder when the test's process is gone, however it
//! ended.
//!
//! The programs are Debian's, or else where `pg_config --bindir` says, or else those of `PATH`.
//! Where PostgreSQL is [missing], tests fail under `CI=true`, and are skipped elsewhere, which
//! `cargo xtask test` says. `apt-get install postgresql-15 pgbouncer` brings it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test's server has no better way to fail"
)]

mod bouncer;
mod ports;
mod programs;
mod standby;
mod user;

use std::fs;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use bouncer::Bouncer;
pub use programs::{missing, missing_server};

use crate::user::User;

/// The server compares text by language, unlike the SDK: a statement that forgets `COLLATE "C"`
/// shows itself.
const INITDB: &[&str] = &[
    "--auth=trust",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en-US",
    "--no-sync",
    "--no-instructions",
];

/// What a test's server differs in from Debian's. The line prefix lets [`Server::log_of`] tell
/// databases apart.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
shared_buffers = 64MB
max_connections = 200
log_line_prefix = '%m [%p] <%d> '
";

/// Tests that end nothing by force need no disk.
const QUICK: &str = "
fsync = off
full_page_writes = off
";

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are cut, transactions rolled back, everything is written.
    Fast,
    /// As if the machine lost power, but for the disk's cache: it recovers from its log at the next
    /// start.
    Immediate,
}

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Server {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    user: Option<User>,
    databases: AtomicU32,
    /// Ends when its standard input does, that is with this process at the latest.
    _watchdog: Child,
}

impl Server {
    /// The one server of this process, started when it is first asked for, without fsync. `None`:
    /// there is no PostgreSQL here, which was said.
    ///
    /// # Panics
    /// If PostgreSQL does not start, or is missing under `CI=true`.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(QUICK)).as_ref()
    }

    /// A server of the test's own, which may be [stopped](Self::stop). `settings` are lines of
    /// `postgresql.conf`.
    ///
    /// # Panics
    /// As [`shared`](Self::shared).
    #[must_use]
    pub fn start(settings: &str) -> Option<Self> {
        let Some(binaries) = programs::binaries() else {
            skip(programs::NO_SERVER);
            return None;
        };
        let user = user::not_root();
        let folder = new_folder(user);
        let data = folder.join("data");
        quiet(user::run_as(binaries.join("initdb"), user).arg("--pgdata").arg(&data).args(INITDB));
        append(&data.join("postgresql.conf"), &[SETTINGS, settings, "\n"].concat());
        Some(Self::launch(binaries, folder, user))
    }

    /// Starts what is in the folder `data` of a folder, on a free port.
    fn launch(binaries: PathBuf, folder: PathBuf, user: Option<User>) -> Self {
        let settings = folder.join("data/postgresql.conf");
        append(&settings, &format!("unix_socket_directories = '{}'\n", folder.display()));
        let watchdog = watch(&binaries, &folder, user);
        let mut server = Self { binaries, folder, port: 0, user, databases: AtomicU32::new(0), _watchdog: watchdog };
        // Another program may take the port between the look and the start.
        for tries_left in (0..5).rev() {
            server.port = ports::free();
            append(&settings, &format!("port = {}\n", server.port));
            match run_to_end(&mut server.start_command()) {
                Ok(()) => break,
                Err(told) => assert!(tries_left > 0, "PostgreSQL does not start: {told}"),
            }
        }
        server
    }

    /// Makes a new, empty database, and gives its address:
    /// `postgres://postgres@127.0.0.1:PORT/NAME`.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} STRATEGY file_copy"));
        self.url(&name)
    }

    /// The address of a database, as the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its sockets are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs SQL as the superuser, with `psql`, and gives the rows: columns parted by `|`.
    /// `database` may be an address.
    ///
    /// # Panics
    /// If it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or(database);
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", name]);
        let output = psql.args(["-p", &self.port.to_string(), "-c", sql]).output().expect("psql");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes a schema and what is in it to a file, with `pg_dump`, and gives its path.
    ///
    /// # Panics
    /// If it fails.
    pub fn dump(&self, database: &str, schema: &str) -> PathBuf {
        let file = self.secret_file(&format!("{schema}.sql"), "");
        let mut dump = Command::new(self.binaries.join("pg_dump"));
        dump.arg("-n").arg(schema).arg("-f").arg(&file).arg(database);
        quiet(&mut dump);
        file
    }

    /// Puts a schema back as it was when it was [written](Self::dump), whatever is there now.
    ///
    /// # Panics
    /// If it fails.
    pub fn restore(&self, database: &str, schema: &str, file: &Path) {
        self.sql(database, &format!("DROP SCHEMA {schema} CASCADE"));
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f"]).arg(file).arg(database);
        quiet(&mut psql);
    }

    /// What the server has logged of one database.
    pub fn log_of(&self, database: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or(database);
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let (mark, mut ours) = (format!("] <{name}> "), false);
        let mut found = String::new();
        for line in String::from_utf8_lossy(&log).lines() {
            // A statement of several lines has one prefix.
            if line.contains("] <") {
                ours = line.contains(&mark);
            }
            if ours {
                found.push_str(line);
                found.push('\n');
            }
        }
        found
    }

    /// Adds lines to `postgresql.conf`, and has the server read them.
    pub fn set(&self, settings: &str) {
        append(&self.folder.join("data/postgresql.conf"), settings);
        quiet(self.pg_ctl().arg("reload"));
    }

    /// Adds a first line to `pg_hba.conf`, and has the server read it.
    pub fn allow(&self, line: &str) {
        let file = self.folder.join("data/pg_hba.conf");
        let before = fs::read_to_string(&file).expect("pg_hba.conf");
        fs::write(&file, format!("{line}\n{before}")).expect("pg_hba.conf");
        quiet(self.pg_ctl().arg("reload"));
    }

    /// Writes a file that only the server may read, and gives its path.
    pub fn secret_file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).expect("a file of the server");
        user::own(&path, self.user);
        user::only_owner(&path);
        path
    }

    /// Stops it. The port and the data stay.
    pub fn stop(&self, how: Stop) {
        let mode = if how == Stop::Fast { "fast" } else { "immediate" };
        quiet(self.pg_ctl().args(["stop", "--wait", "--mode", mode]));
    }

    /// Starts it after a [stop](Self::stop), and returns when it takes connections.
    pub fn start_again(&self) {
        quiet(&mut self.start_command());
    }

    /// Whether a question that comes to a port of loopback reaches a server with our databases.
    pub(crate) fn answers(&self, port: u16) -> bool {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-c",
            "SHOW data_directory",
        ]);
        let output = psql.args(["-p", &port.to_string()]).output().expect("psql");
        output.status.success() && output.stdout.starts_with(self.folder.as_os_str().as_encoded_bytes())
    }

    fn start_command(&self) -> Command {
        let mut command = self.pg_ctl();
        command.args(["start", "--wait", "--log"]).arg(self.folder.join("log"));
        command
    }

    fn pg_ctl(&self) -> Command {
        let mut command = user::run_as(self.binaries.join("pg_ctl"), self.user);
        command.arg("--silent").arg("--pgdata").arg(self.folder.join("data"));
        command
    }
}

/// A folder that stays, for a server that runs as this user.
fn new_folder(user: Option<User>) -> PathBuf {
    let folder = tempfile::Builder::new().prefix("casehug-pg-").tempdir().expect("a temporary folder").keep();
    user::own(&folder, user);
    folder
}

/// Says that a program is missing, and fails where nothing may be skipped.
pub(crate) fn skip(message: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
    eprintln!("SKIPPED, this test proves nothing here: {message}");
}

/// Stops the server when our end of its standard input is closed, and removes its folder.
fn watch(binaries: &Path, folder: &Path, user: Option<User>) -> Child {
    let script = "cat >/dev/null; \"$1/pg_ctl\" -s -D \"$2/data\" -m immediate stop; rm -rf \"$2\"";
    let mut shell = user::run_as("sh", user);
    shell.args(["-c", script, "sh"]).arg(binaries).arg(folder).current_dir("/");
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh")
}

fn append(file: &Path, text: &str) {
    let opened = fs::OpenOptions::new().append(true).open(file);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).expect("a file of settings");
}

/// Runs a command to its end. What it prints is shown only if it fails.
pub(crate) fn quiet(command: &mut Command) {
    if let Err(told) = run_to_end(command) {
        panic!("{told}");
    }
}

/// Runs a command to its end; an error tells the command and what it printed. To files: a server
/// that it starts would hold a pipe open.
fn run_to_end(command: &mut Command) -> Result<(), String> {
    let mut printed = tempfile::tempfile().expect("a temporary file");
    let (out, err) = (printed.try_clone().expect("a file"), printed.try_clone().expect("a file"));
    let status = command.stdin(Stdio::null()).stdout(out).stderr(err).current_dir("/").status();
    if status.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return Ok(());
    }
    let mut text = String::new();
    // What cannot be read is missing in the message only.
    let _ = printed.rewind().and_then(|()| printed.read_to_string(&mut text));
    Err(format!("{command:?}: {status:?}\n{text}"))
}
