//! Clio's deliveries on their way to one of our processes, and the host that reads what it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use casehug_clio::ports::Headers;
use casehug_clio::{EventBody, FirmId, MatterId, Sdk, Timestamp};
use clio_sim::model::Delivery;
use futures_channel::oneshot;

use crate::net::{Clio, Faults, OUTSIDE};
use crate::world::{Looking, Node, World};

/// Where Clio delivers to: whichever process is up.
pub const PUBLIC_URL: &str = "https://hooks.casehug.example/clio";

/// The processes that take deliveries in.
pub type Doors = Arc<Mutex<BTreeMap<Node, Arc<Sdk>>>>;

/// What the host was told of each matter last, or set itself.
#[derive(Clone, Default)]
pub struct Told {
    statuses: Arc<Mutex<BTreeMap<MatterId, (&'static str, Timestamp)>>>,
    owns: Arc<Mutex<BTreeMap<MatterId, Own>>>,
    /// After a restore the host may be told older things again.
    pub restored: Arc<AtomicBool>,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the host set itself.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub status: &'static str,
    /// In whole seconds, as Clio tells them.
    pub at: Timestamp,
    /// What Clio said then, and whether it had never said anything else that may arrive yet.
    pub clio: &'static str,
    pub was_told: bool,
}

impl Told {
    /// What the host set itself of a matter, once it has been said.
    #[must_use]
    pub fn own(&self, matter: &MatterId) -> Option<Own> {
        lock(&self.owns).get(matter).copied()
    }

    /// The host has said that it set a status itself. What it was told meanwhile may be newer, and
    /// of two in one second Clio's wins.
    pub fn set(&self, world: &World, matter: MatterId, own: Own) {
        world.tell(|| format!("host sets: {matter} {own:?}"));
        let mut statuses = lock(&self.statuses);
        if statuses.get(&matter).is_none_or(|(_, at)| *at < own.at) {
            statuses.insert(matter.clone(), (own.status, own.at));
        }
        lock(&self.owns).insert(matter, own);
    }

    /// What the host believes of a matter that is linked.
    #[must_use]
    pub fn status(&self, matter: &MatterId) -> &'static str {
        lock(&self.statuses).get(matter).map_or("open", |(status, _)| status)
    }

    fn take(&self, world: &World, matter: MatterId, status: &'static str, at: Timestamp) {
        world.tell(|| format!("host is told: {matter} {status} {}", at.0));
        let mut statuses = lock(&self.statuses);
        let earlier = statuses.get(&matter).map_or(Timestamp(0), |(_, at)| *at);
        // On its way when the host set another one.
        let restored = self.restored.load(Ordering::Relaxed);
        if !restored && self.own(&matter).is_some_and(|own| at < own.at && earlier <= own.at) {
            return;
        }
        if at < earlier && !restored {
            world.violated(|| format!("{matter} was told {status} of {} after something of {}", at.0, earlier.0));
        }
        statuses.insert(matter, (status, at));
    }
}

/// Carries what Clio delivers, for as long as the world turns.
pub fn deliver(world: &World, clio: &Clio, faults: &Faults, doors: &Doors, pace: Duration) {
    let (world, clio, faults, doors) = (world.clone(), clio.clone(), faults.clone(), Arc::clone(doors));
    let model = clio.clone();
    let due = move || model.model().next_delivery_at().map(Timestamp);
    let looking = Looking { pace, due: Arc::new(due) };
    world.clone().spawn(OUTSIDE, async move {
        loop {
            world.look(looking.clone()).await;
            let due = clio.model().take_deliveries(world.unix_ms());
            for delivery in due {
                carry(&world, &clio, &faults, &doors, delivery);
            }
        }
    });
}

fn carry(world: &World, clio: &Clio, faults: &Faults, doors: &Doors, delivery: Delivery) {
    let (world, clio, faults, doors) = (world.clone(), clio.clone(), faults.clone(), Arc::clone(doors));
    world.clone().spawn(OUTSIDE, async move {
        let fault = faults.happens(&world).then(|| world.random(|random| random.u8(0..4)));
        let longest = if fault == Some(0) { 100_000 } else { 3_000 };
        world.sleep(world.between(Duration::from_millis(1), Duration::from_millis(longest))).await;
        let reply = if fault == Some(1) { None } else { post(&world, &doors, &delivery).await };
        // Delivered twice, or the answer is lost: Clio comes again.
        if fault == Some(2) {
            post(&world, &doors, &delivery).await;
        }
        let reply = reply.filter(|_| fault != Some(3));
        let (status, secret) = reply.map_or((None, None), |(status, secret)| (Some(status), secret));
        world.tell(|| format!("delivery {} to {}: {status:?}", delivery.id, String::from_utf8_lossy(&delivery.body)));
        world.note(&format!("{status:?}"));
        clio.model().delivered(world.unix_ms(), delivery.id, status, secret.as_deref());
    });
}

async fn post(world: &World, doors: &Doors, delivery: &Delivery) -> Option<(u16, Option<String>)> {
    let (node, sdk) = {
        let doors = lock(doors);
        let chosen = world.random(|random| random.usize(0..doors.len().max(1)));
        doors.iter().nth(chosen).map(|(node, sdk)| (*node, Arc::clone(sdk)))?
    };
    let (tell, told) = oneshot::channel();
    let delivery = delivery.clone();
    world.spawn(node, async move {
        let mut headers = Headers::new();
        delivery.headers.iter().for_each(|(name, value)| headers.push(name, value.as_str()));
        let token = delivery.url.rsplit('/').next().unwrap_or_default();
        let reply = sdk.handle_webhook(token, &headers, &delivery.body).await;
        let secret = reply.headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-hook-secret"));
        let _ = tell.send((reply.status, secret.map(|(_, secret)| secret)));
    });
    told.await.ok()
}

/// The host: reads its events, and sometimes dies before it acknowledged one.
pub fn read(world: &World, node: Node, firm: &FirmId, sdk: &Arc<Sdk>, faults: &Faults, told: &Told, looking: &Looking) {
    let (world, firm, sdk, faults, told) = (world.clone(), firm.clone(), Arc::clone(sdk), faults.clone(), told.clone());
    let looking = looking.clone();
    world.clone().spawn(node, async move {
        loop {
            world.look(looking.clone()).await;
            let Ok(events) = sdk.host().next_events(Some(firm.clone()), 20, Duration::ZERO).await else { continue };
            for event in events {
                let Some(id) = event.id else { continue };
                if let EventBody::MatterStatus { matter, status, updated_at, .. } = event.body {
                    told.take(&world, matter, status.name(), updated_at);
                }
                if !faults.happens(&world) {
                    let _ = sdk.host().ack_event(&firm, &id).await;
                }
            }
        }
    });
}
