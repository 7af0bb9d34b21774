//! A firm with a backlog: how well its request budget is used, and how long a person waits meanwhile.

use std::time::Duration;

use crate::net::Spent;
use crate::scenario::{Client, Document, Matter, Scenario};
use crate::world::World;
use crate::{HOST, Simulation};

/// What came of it.
#[derive(Debug)]
pub struct Backlog {
    /// What was spent of each window of 50, in order, from the first in which the backlog ran.
    pub windows: Vec<Spent>,
    /// How long the person waited for everything of a matter of their own.
    pub waited: Duration,
    /// How long everything took.
    pub took: Duration,
}

fn matter(id: String, client: usize, documents: usize) -> Matter {
    let document = |slot| Document {
        id: format!("d{slot}"),
        upload: 0,
        status: "approved",
        origin: "client_upload",
        was_approved: true,
    };
    Matter { id, client, documents: (0..documents).map(document).collect(), edits: 0 }
}

/// `matters` matters of as many new clients with three documents each are approved at once; some time later a person presses the button for one more.
///
/// # Errors
/// What does not hold.
pub fn run(matters: usize, person_after: Duration) -> Result<Backlog, String> {
    let world = World::new(1);
    let scenario = Scenario {
        clients: (0..=matters).map(|n| Client { id: format!("c{n}"), email: None, edits: 0 }).collect(),
        matters: (0..=matters).map(|n| matter(format!("m{n}"), n, 3)).collect(),
        nodes: 1,
        fault_rate: 0.0,
        known: false,
        search_delay_ms: 0,
        filter_delay_ms: 0,
        processing_delay_ms: 0,
        rate_limit: 50,
        rotates: false,
        refresh_outlives: false,
        events: Vec::new(),
    };
    let mut simulation = Simulation::new(world, scenario, 1)?;
    simulation.begin()?;
    // The window that connecting has used is over.
    let pause = simulation.world.now() + Duration::from_secs(70);
    simulation.world.run_until(pause, || false);
    let begun = simulation.world.now();
    let before = simulation.clio.windows().len();
    for one in 0..matters {
        simulation.trigger(one)?;
    }
    simulation.world.run_until(begun + person_after, || false);
    let asked = simulation.world.now();
    let (node, admin, id) = (simulation.up.get(&0).cloned(), simulation.admin()?, simulation.matter(matters)?);
    let sdk = node.ok_or("no node")?;
    let report = simulation.wait(async move { sdk.sync_matter(&admin, &id).await })?.map_err(|e| format!("{e:?}"))?;
    if let Some(failure) = report.first_failure() {
        return Err(format!("{failure:?}"));
    }
    let waited = simulation.world.now().saturating_sub(asked);
    simulation.heal()?;
    let took = simulation.world.now().saturating_sub(begun);
    simulation.verify()?;
    let windows = simulation.clio.windows().into_values().skip(before).collect();
    simulation.crash(HOST);
    Ok(Backlog { windows, waited, took })
}
