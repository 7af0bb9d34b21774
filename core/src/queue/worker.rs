//! The worker: claims due jobs and runs them, several at once, until it is told to stop.
//!
//! It looks for work when a trigger of this process nudges it, when a run ends, and otherwise at a slow interval, for the triggers of other processes and for
//! the work of the dead. Told to stop, it claims nothing more and ends when its runs have ended.

use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;

use futures_util::FutureExt as _;
use futures_util::future::{Either, join3, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::backfill::feed_due;
use super::claims::{Acquired, Claim, Why};
use super::job::{FIRST, First, JOBS};
use super::nudge::Nudge;
use super::park::release_due;
use crate::error::{Code, Result};
use crate::model::FirmId;
use crate::ports::{Record, Scan};
use crate::sync::Engine;

/// The widest look at due jobs: past it, a firm with that many waiting matters delays the others until one of its runs ends.
const WIDEST_SCAN: usize = 2_000;

/// How a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Runs at once. Default 16.
    pub concurrency: usize,
    /// Runs of one firm at once. A firm's runs share its request budget, so more than a few gain nothing. Default 4.
    pub per_firm: usize,
    /// The longest wait before it looks for work of other processes. Default 1 s.
    pub poll: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { concurrency: 16, per_firm: 4, poll: Duration::from_secs(1) }
    }
}

/// What is looked for besides jobs.
#[derive(Clone, Copy)]
enum Look {
    Incoming,
    Chores,
}

/// The jobs have ended.
#[derive(Default)]
struct Stop {
    now: AtomicBool,
    wake: Nudge,
}

/// Runs due jobs of all firms, applies what Clio delivered, and does what is to be done from time to time. Several may work on one store, in one process or in many.
#[derive(Debug)]
pub struct Worker<'a> {
    engine: &'a Engine,
    config: WorkerConfig,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(engine: &'a Engine, config: WorkerConfig) -> Self {
        Self { engine, config }
    }

    /// Works until `shutdown` completes and the runs in progress have ended. Failures of the store are logged and waited out. Dropping the future
    /// stops at once: what was in progress is taken over when its lease ends.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let stopping = Stop::default();
        let jobs = async {
            self.run_jobs(shutdown).await;
            stopping.now.store(true, Ordering::SeqCst);
            stopping.wake.nudge();
        };
        let incoming = self.repeat(&stopping, Look::Incoming);
        let chores = self.repeat(&stopping, Look::Chores);
        join3(jobs, incoming, chores).await;
    }

    /// Does something again at once for as long as there is more, and otherwise at every nudge and every look, until the jobs have ended.
    async fn repeat(&self, stopping: &Stop, work: Look) {
        while !stopping.now.load(Ordering::SeqCst) {
            let (seen, stop) = (self.engine.claims.nudge.count(), stopping.wake.count());
            let more = match work {
                Look::Incoming => self.engine.apply_incoming().await,
                Look::Chores => self.engine.do_chores().await,
            };
            match more {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(code = error.code().name(), "looking for incoming events or chores failed")
                }
            }
            if stopping.now.load(Ordering::SeqCst) {
                return;
            }
            let (nudged, stopped) = (self.engine.claims.nudge.after(seen), stopping.wake.after(stop));
            select(select(pin!(nudged), pin!(stopped)), self.engine.runtime.sleep(self.config.poll)).await;
        }
    }

    async fn run_jobs(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown.fuse());
        let mut running = FuturesUnordered::new();
        let mut firms: HashMap<FirmId, usize> = HashMap::new();
        loop {
            let seen = self.engine.claims.nudge.count();
            match self.claim_due(&mut firms, self.config.concurrency.saturating_sub(running.len())).await {
                Ok(claims) => claims.into_iter().for_each(|claim| running.push(self.run_claimed(claim))),
                Err(error) => tracing::warn!(code = error.code().name(), "looking for jobs failed"),
            }
            let look_again = async {
                select(pin!(self.engine.claims.nudge.after(seen)), self.engine.runtime.sleep(self.config.poll)).await;
            };
            let ended =
                async { if running.is_empty() { futures_util::future::pending().await } else { running.next().await } };
            match select(shutdown.as_mut(), select(pin!(ended), pin!(look_again))).await {
                Either::Left(_) => break,
                Either::Right((Either::Left((Some(firm), _)), _)) => leave(&mut firms, &firm),
                Either::Right(_) => {}
            }
        }
        while running.next().await.is_some() {}
    }

    /// Runs what is due now, one after the other, until nothing is; gives how many runs that were. For hosts that call on a schedule of their own.
    ///
    /// # Errors
    /// [`Code::StoreFailed`](crate::Code::StoreFailed).
    pub async fn run_due(&self) -> Result<usize> {
        let mut runs = 0;
        loop {
            let claims = self.claim_due(&mut HashMap::new(), 1).await?;
            let more = self.engine.apply_incoming().await?;
            let more = self.engine.do_chores().await? || more;
            if claims.is_empty() && !more {
                return Ok(runs);
            }
            for claim in claims {
                self.run_claimed(claim).await;
                runs += 1;
            }
        }
    }

    async fn run_claimed(&self, claim: Claim) -> FirmId {
        if let Err(error) = self.engine.run_job(&claim, None).await {
            tracing::warn!(code = error.code().name(), matter = %claim.matter, "a run ended early");
        }
        claim.firm
    }

    /// Claims up to `free` due jobs, at most `per_firm` of one firm at once.
    async fn claim_due(&self, firms: &mut HashMap<FirmId, usize>, free: usize) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        if free == 0 {
            return Ok(claims);
        }
        let journal = &self.engine.journal;
        release_due(journal).await?;
        feed_due(journal, &self.engine.claims, &self.engine.progress).await?;
        let first = Scan::Due { firm: None, collection: FIRST, limit: free };
        for record in journal.store().scan(&first).await? {
            match self.claim(&record).await? {
                Some(claim) => {
                    *firms.entry(claim.firm.clone()).or_default() += 1;
                    claims.push(claim);
                }
                // It is run already, or was.
                None => {
                    let mut unit = journal.unit(&record.key.firm)?;
                    unit.delete(record.key, record.version);
                    journal.commit(&unit).await?;
                }
            }
        }
        let mut limit = 2 * self.config.concurrency;
        loop {
            let due = self.engine.journal.store().scan(&Scan::Due { firm: None, collection: JOBS, limit }).await?;
            let all = due.len() < limit;
            let mut passed_over = 0;
            for record in due {
                if claims.len() == free {
                    return Ok(claims);
                }
                if firms.get(&record.key.firm).is_some_and(|runs| *runs >= self.config.per_firm) {
                    passed_over += 1;
                } else if let Some(claim) = self.claim(&record).await? {
                    *firms.entry(claim.firm.clone()).or_default() += 1;
                    claims.push(claim);
                }
            }
            // Only firms that have their share: look past them.
            if all || passed_over == 0 || limit >= WIDEST_SCAN {
                return Ok(claims);
            }
            limit *= 4;
        }
    }

    async fn claim(&self, record: &Record) -> Result<Option<Claim>> {
        // A job, or who is first: both name the matter.
        let Ok(job) = serde_json::from_str::<First>(&record.body) else {
            tracing::error!(code = Code::StoreCorrupt.name(), "a job cannot be read");
            return Ok(None);
        };
        Ok(match self.engine.claims.acquire(&record.key.firm, &job.matter, Why::Due).await? {
            Acquired::Mine(claim) => Some(*claim),
            Acquired::Busy(_) | Acquired::Nothing => None,
        })
    }
}

fn leave(firms: &mut HashMap<FirmId, usize>, firm: &FirmId) {
    if let Some(runs) = firms.get_mut(firm) {
        *runs = runs.saturating_sub(1);
        if *runs == 0 {
            firms.remove(firm);
        }
    }
}
