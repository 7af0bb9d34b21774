//! Several commits of one process at once.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::future::poll_immediate;
use tokio::sync::oneshot::{Receiver, channel};

use super::{Action, AuditEntry, AuditStatus, Repository, Transaction};
use crate::domain::{ActorId, FirmId};
use crate::error::Result;
use crate::maybe_send::BoxFuture;
use crate::memory::MemoryStore;
use crate::ports::{Commit, Key, Record, Runtime, Scan, Store, Write};
use crate::testkit::VirtualRuntime;

/// What each commit waits for before it is done, and before it is answered.
#[derive(Debug, Default)]
struct Waits {
    before: Option<Receiver<()>>,
    after: Option<Receiver<()>>,
}

#[derive(Debug)]
struct Slow {
    inner: MemoryStore,
    waits: Mutex<VecDeque<Waits>>,
}

impl Store for Slow {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>>> {
        self.inner.get(key)
    }

    fn scan<'a>(&'a self, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Record>>> {
        self.inner.scan(scan)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<Commit>> {
        Box::pin(async move {
            let waits = self.waits.lock().unwrap().pop_front().unwrap_or_default();
            if let Some(before) = waits.before {
                before.await.unwrap();
            }
            let outcome = self.inner.commit(writes).await;
            if let Some(after) = waits.after {
                after.await.unwrap();
            }
            outcome
        })
    }
}

#[tokio::test]
async fn an_answer_that_comes_late_makes_no_conflict_of_others() {
    let runtime: Arc<dyn Runtime> = Arc::new(VirtualRuntime::new(1));
    let ((answer, answered), (begin, begun)) = (channel(), channel());
    let waits = [Waits { after: Some(answered), ..Waits::default() }, Waits { before: Some(begun), after: None }];
    let store = Slow { inner: MemoryStore::new(Arc::clone(&runtime)), waits: Mutex::new(waits.into()) };
    let repository = Repository::new(Arc::new(store), runtime);
    let audited = || -> Transaction {
        let mut transaction = repository.transaction(&FirmId::new("firm_1").unwrap()).unwrap();
        let actor = ActorId::new("usr_1").unwrap();
        transaction.audit(AuditEntry::by(&actor, Action::Settings, AuditStatus::Ok));
        transaction
    };
    let (one, two) = (audited(), audited());
    // The first is done, and its answer on its way; the second has built on it.
    let mut first = Box::pin(repository.commit(&one));
    assert!(poll_immediate(&mut first).await.is_none());
    let mut second = Box::pin(repository.commit(&two));
    assert!(poll_immediate(&mut second).await.is_none());
    assert!(matches!(repository.commit(&audited()).await.unwrap(), Commit::Done { .. }));
    answer.send(()).unwrap();
    assert!(matches!(first.await.unwrap(), Commit::Done { .. }));
    begin.send(()).unwrap();
    assert!(matches!(second.await.unwrap(), Commit::Done { .. }), "what it learned last is not the newest head");
}
