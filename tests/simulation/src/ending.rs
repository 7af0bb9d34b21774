//! Processes that are told to end, as an orchestrator does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use casehug_clio::ports::Key;
use futures_channel::oneshot;

use crate::Simulation;
use crate::hooks::lock;
use crate::scenario::Event;
use crate::world::{Node, World};

/// A worker ends with the step in progress: half a minute is long, where calls are answered at once.
const LONG: Duration = Duration::from_secs(30);

/// How a process is told to end, and whether it has.
pub(crate) struct End {
    pub tell: oneshot::Sender<()>,
    pub ended: Arc<AtomicBool>,
}

impl Simulation {
    /// As an orchestrator does it: nothing new comes to the process, which is told to end.
    pub(crate) fn stop(&mut self, node: Node, whole: bool) {
        let Some(sdk) = self.up.remove(&node) else { return };
        lock(&self.doors).remove(&node);
        let Some(End { tell, ended }) = self.ends.remove(&node) else { return };
        self.ending.insert(node, (self.world.now(), ended));
        if whole {
            sdk.stop();
        } else {
            let _ = tell.send(());
        }
    }

    /// A process that was told to end, and whose calls are answered at once, soon has.
    pub(crate) fn ended_in_time(&self, node: Node) -> Result<(), String> {
        let Some((told, ended)) = self.ending.get(&node) else { return Ok(()) };
        let long = self.world.now().saturating_sub(*told) > LONG;
        let stands_still = |event: &Event| matches!(event, Event::Pause { .. } | Event::Outage { .. });
        let simple = self.scenario.fault_rate == 0.0 && !self.scenario.late_saves && !self.scenario.has(stands_still);
        if long && simple && !ended.load(Ordering::Relaxed) {
            return Err(format!("node {node} was told to end at {told:?}, and goes on"));
        }
        Ok(())
    }

    /// What must hold of a process that was told to end, when it does: where nothing fails, it gave
    /// back what it had not done.
    pub(crate) fn leaves_nothing(&self, node: Node) -> impl FnOnce(&World) + Send + use<> {
        let calls = self.scenario.has(|event| matches!(event, Event::Manual { node: on, .. } if *on == node));
        let restored = self.scenario.has(|event| matches!(event, Event::Restore { .. }));
        let simple = self.scenario.fault_rate == 0.0 && !restored && !calls;
        let (store, holder) = (self.store.clone(), self.holders.get(&node).cloned());
        move |world| {
            let Some(holder) = holder.as_ref().and_then(|holder| lock(holder).clone()).filter(|_| simple) else {
                return;
            };
            let its_own = |(key, body): &&(Key, String)| key.collection == "claim" && body.contains(&holder);
            if let Some((key, _)) = store.dump().iter().find(its_own) {
                world.violated(|| format!("node {node} ended, and left its claim of {}", key.id));
            }
        }
    }
}
