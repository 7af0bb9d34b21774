//! The end of a seed: everything works again, all must arrive, and then all is looked at.

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::{Actor, BackfillStatus, Code, ConnectionState, Decision, Error, MatterSyncState, Sdk, StepKind};
use clio_sim::Rotation;

use crate::asked::Asked;
use crate::net::{Clio, SETTLE};
use crate::scenario::Event;
use crate::world::World;
use crate::{DAY, HOST, Simulation, check};

/// Within so long after everything works again what is approved is there, whatever went wrong
/// before. In eleven minutes a job is tried again at most four times (after 30, 60, 120 and 240 s);
/// its next try is 480 s later. A creation in doubt is settled and listed 215 s after its intent
/// (send window, request, late execution, index delay); a contact's and its matter's follow each
/// other. The rest is for runs under twelve calls a minute, and for an admin who looks every minute.
const SOON: Duration = Duration::from_secs(20 * 60);
/// And so long for each matter, of some ten calls of fifty a minute.
const EACH: Duration = Duration::from_secs(12);

/// An admin looks at the candidates in Clio, and knows the client's matters when seeing them.
pub(crate) async fn answer_reviews(
    host: &Sdk,
    admin: &Actor,
    clio: &Clio,
    world: &World,
    asked: &Asked,
) -> Result<(), Error> {
    let reviews = host.firm(admin).reviews().list().await?;
    if reviews.is_empty() {
        return Ok(());
    }
    let state = clio.model().records(world.unix_ms());
    for review in reviews {
        let (list, text) = match review.step {
            StepKind::Contact => ("contacts", "last_name"),
            _ => ("matters", "description"),
        };
        let records = state[list].as_array().cloned().unwrap_or_default();
        let ours = review.candidates.iter().find(|candidate| {
            records.iter().any(|record| {
                let words = record[text].as_str().unwrap_or_default();
                record["id"] == candidate.0 && words.rsplit(' ').next() == Some(review.id.as_str())
            })
        });
        let decision = ours.map_or(Decision::Create, |clio| Decision::Link { clio: *clio });
        asked.wants(&review.matters);
        let answered = host.firm(admin).reviews().resolve(review.step, &review.id, decision, Some(review.candidates));
        match answered.await.map_err(|error| (error.code(), error)) {
            // It answered itself, is just being looked up again, or has another candidate: asked
            // again, if it still is a question.
            Err((Code::StoreConflict | Code::RecordUnknown | Code::ReviewChanged, _)) | Ok(()) => {}
            Err((_, error)) => return Err(error),
        }
    }
    Ok(())
}

impl Simulation {
    /// What is due by the database's clock is due so much later at the most.
    fn set_back(&self) -> Duration {
        let back = self.scenario.events.iter().map(|(_, event)| match event {
            Event::StoreClock { by_ms } => u64::try_from(-by_ms).unwrap_or(0),
            _ => 0,
        });
        Duration::from_millis(back.sum())
    }

    /// What Clio did not carry out, though it was sent three times, is sent again an hour later.
    fn told_not_created(&self) -> Duration {
        let records = self.store.dump();
        let told = records.iter().any(|(key, body)| key.collection == "run" && body.contains("\"not_created\""));
        Duration::from_secs(if told { 3600 } else { 0 })
    }

    /// Everything works again: within minutes what is approved must be there, and within a day Clio,
    /// the host and the database agree.
    pub(crate) fn heal(&mut self) -> Result<Duration, String> {
        self.faults.set(false);
        self.faults.lose_clio(self.world.now());
        for clock in self.clocks.values() {
            clock.jump(0);
        }
        for node in 0..self.scenario.nodes {
            self.start(node)?;
        }
        let healed = self.world.now();
        let matters = u32::try_from(self.scenario.matters.len()).unwrap_or(u32::MAX);
        let (mut arrived, soon) = (false, healed + SOON + EACH * matters + self.set_back());
        loop {
            let mut waiting = self.reconnect_if_needed()?;
            for matter in 0..self.scenario.matters.len() {
                let Some(sdk) = self.up.get(&HOST).cloned() else { return Err(String::from("no host")) };
                let (admin, id) = (self.admin()?, self.matter(matter)?);
                let state = self
                    .wait(async move { sdk.firm(&admin).matters().state(&id).await })?
                    .map_err(|e| format!("{e:?}"))?;
                if state.status != MatterSyncState::Synced {
                    waiting.push(format!("{}: {:?}", self.scenario.matters[matter].id, state));
                }
            }
            if waiting.is_empty() && !arrived {
                let state = self.clio.model().records(self.world.unix_ms());
                waiting = check::missing(&state, &self.scenario);
                arrived = waiting.is_empty();
            }
            let late = !arrived && self.world.now() > soon;
            if late && self.world.now() > soon + self.told_not_created() {
                return Err(format!("not there within minutes: {}", waiting.join("; ")));
            }
            self.decide_reviews()?;
            waiting.extend(self.unfinished_backfills()?);
            if waiting.is_empty() {
                waiting = self.unaware()?;
            }
            if waiting.is_empty() {
                return Ok(self.world.now().saturating_sub(healed));
            }
            if self.world.now() > healed + DAY {
                return Err(format!("never arrives: {}", waiting.join("; ")));
            }
            self.world.run_until(self.world.now() + Duration::from_secs(60), || false);
        }
    }

    /// Whoever began a backfill is told that it is through.
    fn unfinished_backfills(&self) -> Result<Vec<String>, String> {
        let (host, admin) = (self.host()?, self.admin()?);
        let backfills = self
            .wait(async move { host.firm(&admin).backfills().list().await })?
            .map_err(|error| format!("{error:?}"))?;
        let unfinished = backfills.iter().filter(|backfill| backfill.status != BackfillStatus::Done);
        Ok(unfinished.map(|backfill| format!("{backfill:?}")).collect())
    }

    /// See [`answer_reviews`].
    fn decide_reviews(&self) -> Result<(), String> {
        let (host, admin, clio) = (self.host()?, self.admin()?, self.clio.clone());
        let (world, asked) = (self.world.clone(), self.asked.clone());
        let answered = self.wait(async move { answer_reviews(&host, &admin, &clio, &world, &asked).await })?;
        answered.map_err(|error| format!("{error:?}"))
    }

    /// An admin looks after the connection, and wants done what was asked for while there was none.
    /// Gives what is still to come.
    fn reconnect_if_needed(&self) -> Result<Vec<String>, String> {
        if Arc::strong_count(&self.asking) > 1 {
            return Ok(vec![String::from("somebody waits to be heard")]);
        }
        let (host, admin) = (self.host()?, self.admin()?);
        let connection = self
            .wait(async move { host.firm(&admin).connection().get().await })?
            .map_err(|error| format!("{error:?}"))?;
        match connection.map(|connection| connection.state) {
            Some(ConnectionState::Revoking) => return Ok(vec![String::from("the firm is being disconnected")]),
            Some(ConnectionState::Disconnected) => {
                self.nothing_is_left_unless_it_says_so()?;
                self.connect()?;
            }
            Some(ConnectionState::ReconnectRequired) => {
                // Clio replaced a refresh token and nobody heard of it; or the database is of a
                // time before a disconnect.
                let revoked = self.restored && self.scenario.has(|event| matches!(event, Event::Disconnect));
                let replaced = match self.scenario.rotation {
                    Rotation::AtOnce => true,
                    // Nobody uses an access token that is not in the database; but the database may
                    // be an older one.
                    Rotation::OnUse => self.restored,
                    Rotation::Never => false,
                };
                if !replaced && !revoked {
                    return Err(String::from("an admin is asked to reconnect, and nothing was revoked"));
                }
                self.connect()?;
            }
            _ => {}
        }
        let (host, admin, asked) = (self.host()?, self.admin()?, self.asked.clone());
        let held = self.wait(async move {
            let held = host.firm(&admin).matters().held().await?;
            if !held.is_empty() {
                asked.wants_all();
                host.firm(&admin).matters().release_held(None).await?;
            }
            Ok::<_, Error>(held)
        })?;
        let held = held.map_err(|error| format!("{error:?}"))?;
        Ok(held.iter().map(|held| format!("{} was held", held.matter)).collect())
    }

    pub(crate) fn verify(&self) -> Result<(), String> {
        // What was executed late has been executed by then.
        self.world.run_until(self.world.now() + SETTLE + Duration::from_secs(60), || false);
        if let Some(violation) = self.world.violation() {
            return Err(violation);
        }
        self.what_was_given_back_is_dead()?;
        let mut state = self.clio.model().records(self.world.unix_ms());
        check::strangers_have_no_files(&mut state, &self.strangers)?;
        check::clio_holds_everything_once(&state, &self.scenario)?;
        let Some(sdk) = self.up.get(&HOST).cloned() else { return Err(String::from("no host")) };
        let admin = self.admin()?;
        let audited = self.wait(async move { sdk.firm(&admin).audit().verify().await })?;
        audited.map_err(|error| format!("the audit chain: {error:?}"))?;
        let records = self.store.dump();
        if !self.restored {
            check::what_is_published_is_linked(&state, &records)?;
            check::audit_tells_of_every_link_once(&records)?;
        }
        check::every_run_has_an_end(&records)?;
        check::secrets_are_sealed(&records, &self.clio.model().secrets())?;
        self.nothing_is_left_after_a_disconnect()
    }
}
