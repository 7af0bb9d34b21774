//! The threads that own the connections, and the requests that are sent to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use casehug_clio::Result;
use casehug_clio::ports::{Commit, Key, Record, Row, RowKey, Scan, Write};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::oneshot;

use crate::error::{closed, refused};
use crate::files::{self, OpenFiles};
use crate::registry::{Closing, Registration};
use crate::{backup, connection, rows, statements};

/// The log is moved into the main file after so long without a commit, and after so long in any
/// case.
const IDLE: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_secs(10);

/// Commits that share one sync of the disk.
const MOST_AT_ONCE: usize = 64;

type Reply<T> = oneshot::Sender<Result<T>>;

/// One call of the port, on its way to a thread.
pub(crate) enum Request {
    Get(Key, Reply<Option<Record>>),
    GetMany(Vec<Key>, Reply<Vec<Option<Record>>>),
    Scan(Scan, Reply<Vec<Record>>),
    Commit(Vec<Write>, Reply<Commit>),
    Backup(PathBuf, Reply<()>),
    RowsAfter(Option<String>, RowKey, usize, Reply<Vec<Row>>),
    InsertRows(Vec<Row>, Reply<()>),
    Close(oneshot::Sender<()>),
}

/// A thread that owns a connection.
pub(crate) struct Worker(Sender<Request>);

impl Worker {
    /// Sends a request and waits for its answer.
    pub(crate) async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(request(reply)).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Answers what was asked before, closes the connection, and ends the thread.
    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.0.send(Request::Close(reply)).is_ok() {
            // An error says that the thread has ended already.
            let _ = answer.await;
        }
    }
}

/// What a thread owns.
struct Served {
    connection: Connection,
    path: PathBuf,
    files: Arc<OpenFiles>,
    registration: Arc<Registration>,
    /// Since when the log holds a commit that the main file may lack.
    behind: Option<Instant>,
    backups: Vec<JoinHandle<()>>,
}

/// Opens the database on a thread of ours (recovering a long log takes time) and starts both
/// workers.
pub(crate) async fn start(path: PathBuf) -> Result<(Worker, Worker, Closing)> {
    let (reply, answer) = oneshot::channel();
    spawn("casehug-store-open", move || {
        // Nobody waits any more: the handles are dropped, and the file is closed again.
        let _ = reply.send(open(&path));
    })
    .map(drop)?;
    answer.await.map_err(|_| closed())?
}

fn open(path: &Path) -> Result<(Worker, Worker, Closing)> {
    let path = files::create(path)?;
    let registration = Registration::take(files::file_id(&path).ok_or_else(|| refused("other"))?)?;
    files::require_own_log(&path)?;
    let (writer, reader) = (connection::open(&path)?, connection::open(&path)?);
    // What an earlier version, or a killed process, left in the log.
    connection::empty_the_log(&writer);
    let files = Arc::new(OpenFiles::new(&path)?);
    let closing = Closing::new(&registration);
    let served = |connection| Served {
        connection,
        path: path.clone(),
        files: files.clone(),
        registration: registration.clone(),
        behind: None,
        backups: Vec::new(),
    };
    Ok((work("casehug-store-write", served(writer))?, work("casehug-store-read", served(reader))?, closing))
}

fn work(name: &'static str, served: Served) -> Result<Worker> {
    let (sender, requests) = channel();
    spawn(name, move || served.serve(&requests)).map(drop)?;
    Ok(Worker(sender))
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|_| refused("no_thread"))
}

impl Served {
    fn serve(mut self, requests: &Receiver<Request>) {
        // A reply fails when its future was dropped: then nobody wants to know.
        let mut end = None;
        while let Some(request) = self.next(requests) {
            match request {
                Request::Get(key, reply) => drop(reply.send(self.read(|connection| statements::get(connection, &key)))),
                Request::GetMany(keys, reply) => {
                    drop(reply.send(self.read(|connection| statements::get_many(connection, &keys))));
                }
                Request::Scan(scan, reply) => {
                    drop(reply.send(self.read(|connection| statements::scan(connection, &scan))));
                }
                Request::Commit(writes, reply) => {
                    end = self.commit_with_those_waiting(writes, reply, requests);
                    if end.is_some() {
                        break;
                    }
                }
                Request::Backup(target, reply) => self.back_up(target, reply),
                Request::RowsAfter(firm, after, limit, reply) => {
                    let read = |connection: &Connection| rows::after(connection, firm.as_deref(), &after, limit);
                    drop(reply.send(self.read(read)));
                }
                Request::InsertRows(rows, reply) => drop(reply.send(self.insert_rows(&rows))),
                Request::Close(reply) => {
                    end = Some(reply);
                    break;
                }
            }
        }
        self.close();
        if let Some(reply) = end {
            // The one who closes may have gone.
            let _ = reply.send(());
        }
    }

    /// The next request. `None`: no handle is left. Keeps the main file from falling behind the log
    /// meanwhile.
    fn next(&mut self, requests: &Receiver<Request>) -> Option<Request> {
        while let Some(behind) = self.behind {
            match requests.recv_timeout(IDLE) {
                Ok(request) if behind.elapsed() < BUSY => return Some(request),
                Err(RecvTimeoutError::Disconnected) => return None,
                Ok(request) => {
                    self.catch_up();
                    return Some(request);
                }
                Err(RecvTimeoutError::Timeout) => self.catch_up(),
            }
        }
        requests.recv().ok()
    }

    fn catch_up(&mut self) {
        self.behind = None;
        if self.files.check().is_ok() {
            connection::empty_the_log(&self.connection);
        }
    }

    /// On a thread of its own, because nobody waits for it. Closing does.
    fn back_up(&mut self, target: PathBuf, reply: Reply<()>) {
        let (path, files) = (self.path.clone(), Arc::clone(&self.files));
        self.backups.retain(|backup| !backup.is_finished());
        let backup = spawn("casehug-store-backup", move || drop(reply.send(backup::make(&path, &files, &target))));
        self.backups.extend(backup);
    }

    fn insert_rows(&mut self, rows: &[Row]) -> Result<()> {
        self.files.check()?;
        self.behind.get_or_insert_with(Instant::now);
        rows::insert(&mut self.connection, rows)?;
        self.files.check()
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.files.check()?;
        read(&self.connection)
    }

    /// One sync of the disk for everything that waits. Gives who asks to close, if that came in
    /// between.
    fn commit_with_those_waiting(
        &mut self,
        writes: Vec<Write>,
        reply: Reply<Commit>,
        requests: &Receiver<Request>,
    ) -> Option<oneshot::Sender<()>> {
        let (mut group, mut replies, mut close) = (vec![writes], vec![reply], None);
        while group.len() < MOST_AT_ONCE {
            match requests.try_recv() {
                Ok(Request::Commit(writes, reply)) => {
                    group.push(writes);
                    replies.push(reply);
                }
                Ok(Request::Close(reply)) => {
                    close = Some(reply);
                    break;
                }
                // The writer is asked nothing else.
                Ok(
                    Request::Get(..)
                    | Request::GetMany(..)
                    | Request::Scan(..)
                    | Request::Backup(..)
                    | Request::RowsAfter(..)
                    | Request::InsertRows(..),
                )
                | Err(_) => break,
            }
        }
        self.behind.get_or_insert_with(Instant::now);
        if let [writes] = group.as_slice() {
            let outcome = self.commit(writes);
            replies.into_iter().for_each(|reply| drop(reply.send(outcome.clone())));
            return close;
        }
        let outcomes = match self.commit_group(&group) {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(error); group.len()],
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            drop(reply.send(outcome));
        }
        close
    }

    fn commit_group(&mut self, group: &[Vec<Write>]) -> Result<Vec<Result<Commit>>> {
        self.files.check()?;
        let outcomes = statements::commit_group(&mut self.connection, group)?;
        self.files.check()?;
        Ok(outcomes)
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Commit> {
        self.files.check()?;
        let outcome = statements::commit(&mut self.connection, writes)?;
        // Taken away in between: the commit stands in a file that nobody will find.
        self.files.check()?;
        Ok(outcome)
    }

    /// The last connection to close moves the log into the database. With a log that is not the
    /// database's any more this would overwrite what others have written since.
    fn close(self) {
        let Self { connection, files, registration, behind, backups, .. } = self;
        for backup in backups {
            // One that panicked has ended, too.
            let _ = backup.join();
        }
        let leave_log = files.check().is_err();
        let ready = !leave_log || connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).is_ok();
        if ready {
            // The last connection does this by itself; there may be others, in other processes.
            if behind.is_some() && !leave_log {
                connection::empty_the_log(&connection);
            }
            drop(connection);
        } else {
            // Better an open descriptor until the process ends than a broken database.
            std::mem::forget(connection);
        }
        drop(registration);
    }
}
