//! A firm with a backlog: how well its request budget is used, and how long a person waits
//! meanwhile.

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::{MatterSyncState, OnNameMismatch, RunQuery};

use crate::net::Spent;
use crate::scenario::{Client, Document, Matter, Scenario};
use crate::world::World;
use crate::{HOST, Simulation};

/// What came of it.
#[derive(Debug)]
pub struct Backlog {
    /// What was spent of each window of 50, in order, from the first in which the backlog ran.
    pub windows: Vec<Spent>,
    /// How long it took until everything of the one matter was there.
    pub waited: Duration,
    /// How long everything took.
    pub took: Duration,
}

/// What a firm has much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Matters that were approved at once; then a person presses the button for one more.
    Approved,
    /// Older matters, synced in bulk; then one more is approved.
    Backfill,
}

fn matter(id: String, client: usize, documents: usize) -> Matter {
    let document = |slot| Document::new(slot, "approved", "client_upload");
    Matter { id, client, documents: (0..documents).map(document).collect(), edits: 0 }
}

/// A firm of one process and so many matters, each of a new client with three documents, in a
/// window of 50 calls of which nothing is spent yet.
fn begin(matters: usize) -> Result<Simulation, String> {
    let world = World::new(1);
    let scenario = Scenario {
        clients: (0..matters).map(|n| Client::new(n, None)).collect(),
        matters: (0..matters).map(|n| matter(format!("m{n}"), n, 3)).collect(),
        nodes: 1,
        fault_rate: 0.0,
        known: false,
        namesake: false,
        on_name_mismatch: OnNameMismatch::Link,
        search_delay_ms: 0,
        filter_delay_ms: 0,
        processing_delay_ms: 0,
        rate_limit: 50,
        rotation: clio_sim::Rotation::Never,
        slow_tokens: Duration::ZERO,
        late_saves: false,
        empty_401: false,
        refresh_outlives: false,
        events: Vec::new(),
    };
    let mut simulation = Simulation::new(world, scenario, 1)?;
    simulation.begin()?;
    // The window that connecting has used is over.
    let pause = simulation.world.now() + Duration::from_secs(70);
    simulation.world.run_until(pause, || false);
    Ok(simulation)
}

/// `matters` matters of as many new clients with three documents each are to be synced; some time
/// later there is one more, which somebody waits for.
///
/// # Errors
/// What does not hold.
pub fn run(work: Work, matters: usize, one_more_after: Duration) -> Result<Backlog, String> {
    let mut simulation = begin(matters + 1)?;
    let begun = simulation.world.now();
    let before = simulation.clio.windows().len();
    simulation.asked.wants_all();
    let sdk = simulation.up.get(&0).cloned().ok_or("no node")?;
    let (admin, id) = (simulation.admin()?, simulation.matter(matters)?);
    match work {
        Work::Approved => (0..matters).try_for_each(|one| simulation.trigger(one))?,
        Work::Backfill => {
            let ids = (0..matters).map(|one| simulation.matter(one)).collect::<Result<Vec<_>, _>>()?;
            let (sdk, admin) = (Arc::clone(&sdk), admin.clone());
            simulation
                .wait(async move { sdk.firm(&admin).backfills().start(ids.clone()).await })?
                .map_err(|e| format!("{e:?}"))?;
        }
    }
    simulation.world.run_until(begun + one_more_after, || false);
    let asked = simulation.world.now();
    match work {
        Work::Approved => {
            let report = simulation.wait(async move { sdk.firm(&admin).matters().sync(&id).await })?;
            let report = report.map_err(|error| format!("{error:?}"))?;
            if let Some(failure) = report.first_failure() {
                return Err(format!("{failure:?}"));
            }
        }
        Work::Backfill => {
            simulation.trigger(matters)?;
            loop {
                let (sdk, admin, id) = (Arc::clone(&sdk), admin.clone(), id.clone());
                let state = simulation.wait(async move { sdk.firm(&admin).matters().state(&id).await })?;
                if state.map_err(|error| format!("{error:?}"))?.status == MatterSyncState::Synced {
                    break;
                }
                let soon = simulation.world.now() + Duration::from_millis(50);
                simulation.world.run_until(soon, || false);
            }
        }
    }
    let waited = simulation.world.now().saturating_sub(asked);
    simulation.heal()?;
    let took = simulation.world.now().saturating_sub(begun);
    simulation.verify()?;
    let windows = simulation.clio.windows().into_values().skip(before).collect();
    simulation.crash(HOST);
    Ok(Backlog { windows, waited, took })
}

/// When the matters of a backlog were in Clio as a whole.
#[derive(Debug)]
pub struct Finished {
    /// Runs that began in the first minute.
    pub begun: usize,
    /// Those of them that ended in it.
    pub complete: usize,
    /// On average, after the first run began.
    pub mean: Duration,
    /// The last one.
    pub last: Duration,
}

/// `matters` matters that are approved at once.
///
/// # Errors
/// What does not hold.
pub fn approved_at_once(matters: usize) -> Result<Finished, String> {
    let mut simulation = begin(matters)?;
    let sdk = simulation.up.get(&0).cloned().ok_or("no node")?;
    let admin = simulation.admin()?;
    (0..matters).try_for_each(|one| simulation.trigger(one))?;
    simulation.heal()?;
    simulation.verify()?;
    let query = RunQuery { limit: 500, ..RunQuery::default() };
    let runs = simulation.wait(async move { sdk.firm(&admin).matters().runs(query.clone()).await })?;
    let runs = runs.map_err(|error| format!("{error:?}"))?.items;
    let first = runs.iter().map(|run| run.started_at).min().ok_or("no run")?;
    let ends: Vec<Duration> = runs.iter().filter_map(|run| Some(first.until(run.ended_at?))).collect();
    let minute = Duration::from_secs(60);
    let finished = Finished {
        begun: runs.iter().filter(|run| first.until(run.started_at) < minute).count(),
        complete: ends.iter().filter(|end| **end < minute).count(),
        mean: ends.iter().sum::<Duration>() / u32::try_from(ends.len()).map_err(|_| "too many")?.max(1),
        last: ends.into_iter().max().unwrap_or_default(),
    };
    simulation.crash(HOST);
    Ok(finished)
}
