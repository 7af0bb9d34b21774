//! Closing, and waking whoever awaits, with a host that blocks.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{sleep, spawn};
use std::time::Duration;

use casehug_clio_uniffi::{
    Actor, Call, CommitAnswer, Config, Engine, FoundRecord, FoundRecords, HostFailure, HostLog, HostStore, LineTaken,
    LogLevel, Ports, Role, StoreKey, StoreScan, StoreWrite,
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

fn opened_with(log: Option<Arc<dyn HostLog>>) -> (Arc<Engine>, Receiver<()>, Sender<()>) {
    let ((begun, asked), (release, released)) = (channel(), channel());
    let config = Config {
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
    };
    let store = Some(Arc::new(Gate { begun, released: Mutex::new(released) }) as Arc<dyn HostStore>);
    let ports = Ports { store, tokens: None, keys: None, intakes: None, log };
    (Engine::new(config, ports).unwrap(), asked, release)
}

/// Asks what the store is asked for.
fn begin(engine: &Engine) -> Arc<Call> {
    let actor = Actor { user: "usr_1".to_owned(), firm: "firm_1".to_owned(), role: Role::Admin };
    engine.call(Some(actor), "get_connection".to_owned(), "{}".to_owned()).unwrap()
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
