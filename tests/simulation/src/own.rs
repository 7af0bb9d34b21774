//! Statuses that the host sets itself, and what it must believe in the end.

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::{Code, MatterId, Timestamp};

use crate::hooks::Own;
use crate::{HOST, Simulation};

const STATUSES: [&str; 3] = ["open", "pending", "closed"];

impl Simulation {
    /// The host sets a status, and says so until that was taken: of a matter that is in Clio.
    pub(crate) fn set_own(&self, matter: usize, status: &'static str) -> Result<(), String> {
        let (host, firm, id) = (self.host()?, self.firm.clone(), self.matter(matter)?);
        let clio = self
            .in_clio(&self.clio.model(), matter)
            .and_then(|(_, status)| STATUSES.into_iter().find(|one| *one == status));
        let Some(clio) = clio else { return Ok(()) };
        let was_told = self.told.status(&id) == clio && !self.set_in_clio.contains_key(&matter);
        let now = Timestamp(self.world.unix_ms());
        let at = Timestamp(now.0.div_euclid(1000) * 1000);
        let own = Own { status, at, clio, was_told };
        let (world, told, asking) = (self.world.clone(), self.told.clone(), Arc::clone(&self.asking));
        self.world.spawn(HOST, async move {
            loop {
                match host.host().record_status_change(&firm, &id, now).await {
                    Ok(()) => break told.set(&world, id, own),
                    Err(error) if matches!(error.code(), Code::NotSyncedYet | Code::NotConnected) => break,
                    Err(_) => world.sleep(Duration::from_secs(1)).await,
                }
            }
            drop(asking);
        });
        Ok(())
    }

    /// Matters whose status in Clio the host does not know.
    pub(crate) fn unaware(&self) -> Result<Vec<String>, String> {
        let model = self.clio.model();
        let mut unaware = Vec::new();
        for number in 0..self.scenario.matters.len() {
            let Some((_, status)) = self.in_clio(&model, number) else { continue };
            let matter = self.matter(number)?;
            let told = self.told.status(&matter);
            if !self.may_be(number, &matter, status, told) {
                unaware.push(format!("{matter} is {status}, and the host was told {told}"));
            }
        }
        Ok(unaware)
    }

    /// Whether the host may believe this of a matter in the end: what Clio says; or what it set
    /// itself, unless another status was set in Clio since.
    fn may_be(&self, number: usize, matter: &MatterId, clio: &str, told: &str) -> bool {
        let Some(own) = self.told.own(matter) else { return told == clio };
        if self.restored {
            // An event of before may have been on its way, and times go back here.
            return told == own.status || told == clio || !own.was_told;
        }
        let set_since = self.set_in_clio.get(&number).is_some_and(|at| *at >= own.at);
        match (set_since, clio == own.clio) {
            // Nobody undid it. Where Clio's status had not arrived by then, it may have arrived
            // with a later edit.
            (false, _) => told == own.status || !own.was_told && told == clio,
            // Set to another one, and back: what says so may be lost.
            (true, true) => told == own.status || told == clio,
            // Back to what it was before that: the same.
            (true, false) => told == clio || !own.was_told && told == own.status,
        }
    }
}
