//! Telling other processes that something is due, and hearing it from them. Hints only: without
//! them work is found at the next interval.
//!
//! **Telling** is a statement of its own after the commit, at most five a second: a `NOTIFY` within
//! the commit would have all commits wait for each other.
//!
//! **Hearing** takes a connection that stays ours. Behind a pooler there is none: a `LISTEN` would
//! stay with a connection that serves others, and they would hear it. So the connection says
//! something of its own at its start, which poolers refuse or drop, and only if the server knows it
//! afterwards is it listened to.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use casehug_clio::Result;
use casehug_clio::ports::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::error::Failure;
use crate::pool::{Operation, Pool};

const TELL: &str = include_str!("../sql/tell.sql");
const LISTEN: &str = "LISTEN casehug_clio";
/// Whether what was said at the start reached the server, and this connection is the one that it
/// was said on.
const DIRECT: &str = "SELECT current_setting('casehug_clio.direct', true)";
/// Between two times that others are told.
const LEAST_BETWEEN: Duration = Duration::from_millis(200);
/// Before the next try of a connection for hearing: long, and of each process another one.
const NEXT_TRY: Duration = Duration::from_secs(5);

/// The hints of one store. Its tasks end with it.
pub(crate) struct Hints {
    heard: Arc<Notify>,
    to_tell: Arc<Notify>,
    /// Names this store: nobody needs to hear from itself.
    own: String,
    telling: OnceLock<()>,
    hearing: OnceLock<()>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Hints {
    pub(crate) fn new() -> Self {
        let own = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let (heard, to_tell, tasks) = (Arc::default(), Arc::default(), Mutex::default());
        Self { heard, to_tell, own, telling: OnceLock::new(), hearing: OnceLock::new(), tasks }
    }

    /// Something was made due.
    pub(crate) fn tell(&self, runtime: &Handle, pool: &Arc<Pool>) {
        self.telling.get_or_init(|| {
            let (to_tell, pool, tell) = (Arc::clone(&self.to_tell), Arc::clone(pool), Tell(self.own.clone()));
            self.keep(runtime.spawn(async move {
                loop {
                    to_tell.notified().await;
                    // Nothing is lost with it.
                    let _ = pool.run(&tell).await;
                    sleep(LEAST_BETWEEN).await;
                }
            }));
        });
        self.to_tell.notify_one();
    }

    /// Completes when another store has told something after this call.
    pub(crate) fn hear(&self, runtime: &Handle, pool: &Arc<Pool>) -> BoxFuture<'static, ()> {
        self.hearing.get_or_init(|| {
            let (pool, own, heard) = (Arc::clone(pool), self.own.clone(), Arc::clone(&self.heard));
            self.keep(runtime.spawn(async move { listen(&pool, &own, &heard).await }));
        });
        let heard = Arc::clone(&self.heard).notified_owned();
        Box::pin(heard)
    }

    pub(crate) fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
    }

    fn keep(&self, task: tokio::task::JoinHandle<()>) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task.abort_handle());
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Tell(String);

impl Operation for Tell {
    type Answer = ();

    fn may_repeat(&self) -> bool {
        false
    }

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>> {
        Box::pin(async move {
            client.query_typed(TELL, &[(&self.0, Type::TEXT)]).await?;
            Ok(())
        })
    }
}

/// What became of a connection for hearing.
enum Heard {
    /// It ended, and another one may be had.
    Ended,
    /// There is something between us and the server that gives connections to others.
    Pooler,
}

/// Hears until the store is dropped, or there is a pooler.
async fn listen(pool: &Pool, own: &str, heard: &Notify) {
    // Of each process another one, so that they do not all come back at once.
    let share = own.bytes().map(u32::from).sum::<u32>() % 100;
    while !matches!(hear_once(pool, own, heard).await, Ok(Heard::Pooler)) {
        sleep(NEXT_TRY + NEXT_TRY * share / 100).await;
    }
}

async fn hear_once(pool: &Pool, own: &str, heard: &Notify) -> Result<Heard, Failure> {
    let (client, mut told) = match pool.connector().connect_to_hear(&format!("-c casehug_clio.direct={own}")).await {
        Err(Failure::Refused(SqlState::PROTOCOL_VIOLATION)) => return Ok(Heard::Pooler),
        connected => connected?,
    };
    let row = client.query_typed_one(DIRECT, &[]).await?;
    if row.try_get::<_, Option<&str>>(0).ok().flatten() != Some(own) {
        return Ok(Heard::Pooler);
    }
    client.batch_execute(LISTEN).await?;
    // Whatever was told while nobody listened.
    heard.notify_waiters();
    while let Some(teller) = told.recv().await {
        if teller != own {
            heard.notify_waiters();
        }
    }
    Ok(Heard::Ended)
}
