//! Closing, and waking whoever awaits, with a host that blocks.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{sleep, spawn};
use std::time::Duration;

use casehug_clio_uniffi::{
    Actor, Call, CommitAnswer, Config, DocumentName, Engine, FoundRecord, FoundRecords, HostFailure, HostIntakes,
    HostLog, HostStore, IntakeText, LineTaken, LogLevel, Looked, OpenedDocument, Ports, Role, StatedDocument, StoreKey,
    StoreScan, StoreWrite,
};

/// Holds nothing; a read says that it was begun and then waits to be released.
struct Gate {
    begun: Sender<()>,
    released: Mutex<Receiver<()>>,
}

impl HostStore for Gate {
    fn get(&self, _: StoreKey) -> Result<FoundRecord, HostFailure> {
        let _ = self.begun.send(());
        // Who holds the other end no more has released all.
        let _ = self.released.lock().unwrap().recv();
        Ok(FoundRecord { record: None })
    }

    fn scan(&self, _: StoreScan) -> Result<FoundRecords, HostFailure> {
        Ok(FoundRecords { records: Vec::new() })
    }

    fn commit(&self, _: Vec<StoreWrite>) -> Result<CommitAnswer, HostFailure> {
        Ok(CommitAnswer::Conflict)
    }
}

/// An open engine, what says that the store was asked, and what releases it when it is dropped.
fn opened() -> (Arc<Engine>, Receiver<()>, Sender<()>) {
    opened_with(None)
}

fn config() -> Config {
    Config {
        client_id: "id".to_owned(),
        client_secret: "secret".to_owned(),
        clio: "us".to_owned(),
        database: None,
        sealing_key_id: Some("k1".to_owned()),
        sealing_key: Some("6f1c3a0e5b7d9248".repeat(4)),
        earlier_sealing_keys: HashMap::new(),
        intake_folder: Some(".".to_owned()),
        webhook_url: None,
        late_execution_window_ms: None,
        index_delay_ms: None,
        request_timeout_ms: None,
        proxy: None,
        root_certificates: None,
        log_level: LogLevel::Error,
    }
}

fn opened_with(log: Option<Arc<dyn HostLog>>) -> (Arc<Engine>, Receiver<()>, Sender<()>) {
    let ((begun, asked), (release, released)) = (channel(), channel());
    let store = Some(Arc::new(Gate { begun, released: Mutex::new(released) }) as Arc<dyn HostStore>);
    let ports = Ports { store, tokens: None, keys: None, intakes: None, log };
    (Engine::new(config(), ports).unwrap(), asked, release)
}

/// Asks what the store is asked for.
fn begin(engine: &Engine) -> Arc<Call> {
    operation(engine, "get_connection", "{}")
}

fn operation(engine: &Engine, name: &str, arguments: &str) -> Arc<Call> {
    let actor = Actor { user: "usr_1".to_owned(), firm: "firm_1".to_owned(), role: Role::Admin };
    engine.call(Some(actor), name.to_owned(), arguments.to_owned()).unwrap()
}

#[test]
fn whoever_closes_as_well_waits_until_it_is_closed() {
    let (engine, asked, release) = opened();
    let call = begin(&engine);
    asked.recv_timeout(Duration::from_secs(10)).unwrap();
    let (closed, told) = channel();
    for _ in 0..2 {
        let (engine, closed) = (Arc::clone(&engine), closed.clone());
        spawn(move || {
            engine.close().unwrap();
            let _ = closed.send(());
        });
    }
    // A method of the host is running: neither of them may say that it is closed.
    assert!(told.recv_timeout(Duration::from_millis(300)).is_err());
    drop(release);
    for _ in 0..2 {
        told.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    engine.close().unwrap();
    drop(call);
}

/// A continuation that blocks, as one does that waits for Python's lock.
struct Blocked(Mutex<Receiver<()>>);

impl Wake for Blocked {
    fn wake(self: Arc<Self>) {
        let _ = self.0.lock().unwrap().recv();
    }
}

#[test]
fn a_continuation_that_blocks_holds_up_no_operation() {
    let (engine, _asked, release) = opened();
    let mut unblock = Vec::new();
    let mut waiting = Vec::new();
    // More than there are threads that run operations.
    for _ in 0..4 {
        let (sender, blocked) = channel::<()>();
        unblock.push(sender);
        let waker = Waker::from(Arc::new(Blocked(Mutex::new(blocked))));
        let call = begin(&engine);
        let mut finished = Box::pin(async move { call.finished().await });
        assert!(matches!(finished.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        waiting.push(finished);
    }
    drop(release);
    sleep(Duration::from_millis(300));
    let looked = begin(&engine).look(10_000);
    assert!(matches!(looked, Ok(ref found) if found.json.is_some()), "{looked:?}");
    drop(unblock);
    engine.close().unwrap();
}

/// A continuation that goes on at once, and closes.
struct Closer(Arc<Engine>, Sender<()>);

impl Wake for Closer {
    fn wake(self: Arc<Self>) {
        self.0.close().unwrap();
        let _ = self.1.send(());
    }
}

#[test]
fn a_continuation_may_close() {
    let (engine, _asked, release) = opened();
    let (sender, closed) = channel();
    let mut waiting = Vec::new();
    // The first one closes; the others close what is closed, or is being closed.
    for _ in 0..3 {
        let waker = Waker::from(Arc::new(Closer(Arc::clone(&engine), sender.clone())));
        let call = begin(&engine);
        let mut finished = Box::pin(async move { call.finished().await });
        assert!(matches!(finished.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        waiting.push(finished);
    }
    drop(release);
    for _ in 0..3 {
        closed.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    engine.close().unwrap();
}

/// Takes every line.
struct Lines;

impl HostLog for Lines {
    fn line(&self, _: LogLevel, _: String, _: String) -> Result<LineTaken, HostFailure> {
        Ok(LineTaken { taken: true })
    }
}

#[test]
fn an_engine_that_nobody_closes_lets_go_of_the_log() {
    let log = Arc::new(Lines);
    let held = Arc::downgrade(&log);
    let (engine, asked, release) = opened_with(Some(log));
    let call = begin(&engine);
    asked.recv_timeout(Duration::from_secs(10)).unwrap();
    drop((call, engine, release));
    // Its thread has it, until everybody who could tell it something is gone.
    let gone = (0..1000).any(|_| {
        sleep(Duration::from_millis(10));
        held.upgrade().is_none()
    });
    assert!(gone);
}

#[test]
fn nobody_is_refused_and_not_taken_for_the_host() {
    let (engine, _asked, release) = opened();
    drop(release);
    for operation in ["next_events", "ack_event", "get_connection", "no_such_operation"] {
        let refused = engine.call(None, operation.to_owned(), "{}".to_owned()).unwrap_err().to_string();
        assert!(refused.contains("setting_invalid") && refused.contains("\"argument\":\"actor\""), "{refused}");
    }
    let asked = engine.call_host("get_connection".to_owned(), "{}".to_owned()).unwrap().look(10_000).unwrap_err();
    assert!(asked.to_string().contains("not_allowed"), "{asked}");
    let events = engine.call_host("next_events".to_owned(), r#"{"limit":1,"wait_ms":0}"#.to_owned()).unwrap();
    assert_eq!(events.look(10_000).unwrap().json.as_deref(), Some("[]"));
    engine.close().unwrap();
}

/// A storage of documents that hangs, until it is released.
struct Hanging {
    begun: Sender<()>,
    released: Mutex<Receiver<()>>,
}

impl HostIntakes for Hanging {
    fn load(&self, _: String, _: String) -> Result<IntakeText, HostFailure> {
        let _ = self.begun.send(());
        let _ = self.released.lock().unwrap().recv();
        Err(HostFailure::Missing)
    }

    fn stat(&self, _: DocumentName) -> Result<StatedDocument, HostFailure> {
        Err(HostFailure::Missing)
    }

    fn open(&self, _: DocumentName, _: u64) -> Result<OpenedDocument, HostFailure> {
        Err(HostFailure::Missing)
    }
}

#[test]
fn documents_that_hang_hold_up_no_other_work() {
    let ((begun, asked), (release, released)) = (channel(), channel::<()>());
    let (store_asked, store_released) = (channel().0, channel().1);
    let gate = Gate { begun: store_asked, released: Mutex::new(store_released) };
    let ports = Ports {
        store: Some(Arc::new(gate)),
        tokens: None,
        keys: None,
        intakes: Some(Arc::new(Hanging { begun, released: Mutex::new(released) })),
        log: None,
    };
    let engine = Engine::new(Config { intake_folder: None, ..config() }, ports).unwrap();
    let hanging: Vec<_> = (0..24).map(|_| operation(&engine, "plan_matter", r#"{"matter":"mat_1"}"#)).collect();
    for _ in 0..8 {
        asked.recv_timeout(Duration::from_secs(30)).unwrap();
    }
    // It ends before they do, or not at all.
    let looked = begin(&engine).look(10_000);
    assert!(matches!(looked, Ok(ref found) if found.json.is_some()), "{looked:?}");
    assert!(hanging.iter().all(|call| call.look(0) == Ok(Looked { json: None })));
    drop(release);
    engine.close().unwrap();
}

/// The call stands for the one that a traceback of Python keeps.
#[test]
fn a_closed_engine_has_closed_its_database_whoever_keeps_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (folder.path().join("own.db"), folder.path().join("own.db-wal"));
    let none = || Ports { store: None, tokens: None, keys: None, intakes: None, log: None };
    let at = |clio: &str| Config { database: Some(file.display().to_string()), clio: clio.to_owned(), ..config() };
    let mut kept = Vec::new();
    for round in 0..50 {
        let engine = Engine::new(at("us"), none()).unwrap();
        let begun = operation(&engine, "begin_connect", r#"{"redirect_uri":"http://127.0.0.1:9/"}"#);
        begun.look(10_000).unwrap();
        kept.push(begun);
        engine.close().unwrap();
        assert!(std::fs::metadata(&log).map_or(0, |log| log.len()) == 0, "round {round}: a log is left");
        // One that was opened, and then found nothing to work with.
        assert!(Engine::new(at("nowhere"), none()).unwrap_err().to_string().contains("clio"));
        assert!(!log.exists(), "round {round}: a log is left");
    }
}

/// What the system shows of this process's threads that begin with this name.
#[cfg(target_os = "linux")]
fn threads_named(name: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let status = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok());
    status.filter(|status| status.starts_with(&format!("Name:\t{name}"))).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn no_connection_that_is_closed_early_can_kill_the_process() {
    const SIGPIPE: u32 = 13;
    let (engine, _asked, release) = opened();
    drop(release);
    begin(&engine).look(10_000).unwrap();
    let threads = threads_named("casehug-clio");
    for thread in threads.iter().filter(|thread| !thread.starts_with("Name:\tcasehug-clio-")) {
        let blocked = thread.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
        let blocked = u64::from_str_radix(blocked, 16).unwrap();
        assert_eq!(blocked >> (SIGPIPE - 1) & 1, 1, "{thread}");
    }
    // Two that poll, and one that called the store.
    assert!(threads.len() >= 3, "{}", threads.len());
    engine.close().unwrap();
}
