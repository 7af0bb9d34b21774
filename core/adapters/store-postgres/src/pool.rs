//! A few connections, shared by all calls: taken for one operation, given back if that went well,
//! closed otherwise.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use casehug_clio::Result;
use casehug_clio::ports::BoxFuture;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::address::PostgresAddress;
use crate::connection::Connector;
use crate::error::{Failure, failed};

/// How long a call waits for a connection to come free.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a statement may take. A commit waits up to 10 seconds for the lock of a record.
const ANSWER: Duration = Duration::from_secs(30);
/// A connection is not used for longer, so that a fleet moves with its database's addresses and
/// poolers.
const OLDEST: Duration = Duration::from_secs(1800);
/// Nor after so long without use: something on the way may have forgotten it.
const LONGEST_REST: Duration = Duration::from_secs(240);
/// How often one operation is sent that the server refused in passing.
const MOST_TRIES: usize = 5;

/// One statement, whatever it takes to send it and read its answer.
pub(crate) trait Operation: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// Whether it may be sent again when it is unknown whether it was done.
    fn may_repeat(&self) -> bool;

    fn run<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, Result<Self::Answer, Failure>>;
}

/// The connections.
pub(crate) struct Pool {
    connector: Connector,
    permits: Semaphore,
    idle: Mutex<Vec<Connected>>,
}

struct Connected {
    client: Client,
    since: Instant,
    last: Instant,
}

impl Connected {
    fn is_fresh(&self) -> bool {
        !self.client.is_closed() && self.since.elapsed() < OLDEST && self.last.elapsed() < LONGEST_REST
    }
}

impl Pool {
    pub(crate) fn new(address: &PostgresAddress) -> Result<Self> {
        let permits = Semaphore::new(address.most_connections());
        Ok(Self { connector: Connector::new(address)?, permits, idle: Mutex::default() })
    }

    /// Sends an operation and waits for its answer. Reads are sent once more if the connection
    /// broke; a commit never is.
    pub(crate) async fn run<O: Operation>(&self, operation: &O) -> Result<O::Answer> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.run_once(operation).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let again =
                failure.is_passing() && tries < MOST_TRIES || failure.is_loss() && operation.may_repeat() && tries < 2;
            if !again {
                return Err(failure.into_error());
            }
        }
    }

    async fn run_once<O: Operation>(&self, operation: &O) -> Result<O::Answer, Failure> {
        let (connected, _permit) = self.take().await?;
        // Dropped in every other case: the server ends what was begun, and nobody meets what is
        // left of it.
        let answer = timeout(ANSWER, operation.run(&connected.client)).await.map_err(|_| Failure::TimedOut)??;
        self.give_back(connected);
        Ok(answer)
    }

    /// A connection for something other than an operation. It is closed when the caller drops it.
    pub(crate) async fn client(&self) -> Result<(Client, SemaphorePermit<'_>), Failure> {
        let (connected, permit) = self.take().await?;
        Ok((connected.client, permit))
    }

    async fn take(&self) -> Result<(Connected, SemaphorePermit<'_>), Failure> {
        let permit = timeout(PATIENCE, self.permits.acquire());
        let permit = permit.await.map_err(|_| Failure::Ours(failed("all_connections_busy")))?;
        let permit = permit.map_err(|_| Failure::Ours(failed("closed")))?;
        while let Some(connected) = self.pop() {
            if connected.is_fresh() {
                return Ok((connected, permit));
            }
        }
        let (client, now) = (self.connector.connect().await?, Instant::now());
        Ok((Connected { client, since: now, last: now }, permit))
    }

    fn give_back(&self, mut connected: Connected) {
        connected.last = Instant::now();
        let mut idle = self.idle();
        // The last one is taken first: nobody looks at those below it.
        idle.retain(Connected::is_fresh);
        if !self.permits.is_closed() {
            idle.push(connected);
        }
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Nobody takes a connection any more.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    /// The one that was used last: those that are not needed grow old and go.
    fn pop(&self) -> Option<Connected> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connected>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use postgres_server::Server;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_nobody_needs_is_closed_though_others_are_used() {
        let Some(server) = Server::shared() else { return };
        let database = server.database();
        let pool = Pool::new(&PostgresAddress::parse(&database).unwrap()).unwrap();
        let take = async || pool.take().await.map_err(Failure::into_error).unwrap();
        let taken = [take().await, take().await, take().await];
        taken.into_iter().for_each(|(connected, _)| pool.give_back(connected));
        let open = || {
            let others = "pid <> pg_backend_pid() AND datname = current_database()";
            server.sql(&database, &format!("SELECT count(*) FROM pg_stat_activity WHERE {others}"))
        };
        assert_eq!(open(), "3");
        pool.idle()[..2].iter_mut().for_each(|connected| connected.last -= LONGEST_REST);
        // The third one is taken, and given back.
        let (connected, _permit) = take().await;
        pool.give_back(connected);
        let began = Instant::now();
        while open() != "1" {
            assert!(began.elapsed() < Duration::from_secs(20), "{} connections", open());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
