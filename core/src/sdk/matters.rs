//! Syncing matters, and what only a person or an operator can decide about that.

use super::Sdk;
use crate::connection::{Connection, Links};
use crate::domain::{Actor, MatterId, StepKind, SyncReport, Timestamp, Trigger};
use crate::error::Result;
use crate::jobs::{HeldMatter, MatterState, Worker, WorkerConfig};
use crate::links::Decision;
use crate::store::{Action, AuditEntry, AuditStatus};
use crate::sync::{Plan, Progress, Review};
use crate::{jobs, settings, sync};

impl Sdk {
    /// What a sync of this matter would do now, with its calls: a dry run. Makes no call to Clio and changes nothing.
    ///
    /// # Errors
    /// What the intake source reports, or [`Code::StoreFailed`].
    pub async fn plan_matter(&self, actor: &Actor, matter: &MatterId) -> Result<Plan> {
        self.engine.plan_matter(&actor.firm, matter).await
    }

    /// Syncs one matter, whatever its age. What failed inside is in the report; a rerun does only what is missing.
    ///
    /// # Errors
    /// [`Code::NotConnected`](crate::Code::NotConnected) while the firm is disconnected: the matter is [held](Self::held_matters). [`Code::SyncBusy`](crate::Code::SyncBusy) while
    /// another run of it goes on for more than a minute or so: a [worker](Self::worker) syncs it once more after that. What the intake source reports, or a failure of the store.
    pub async fn sync_matter(&self, actor: &Actor, matter: &MatterId) -> Result<SyncReport> {
        self.engine.sync_matter(actor, matter, None).await
    }

    /// [`sync_matter`](Self::sync_matter), telling `progress` of each step as it ends.
    ///
    /// # Errors
    /// As [`sync_matter`](Self::sync_matter).
    pub async fn sync_matter_with(
        &self,
        actor: &Actor,
        matter: &MatterId,
        progress: &dyn Progress,
    ) -> Result<SyncReport> {
        self.engine.sync_matter(actor, matter, Some(progress)).await
    }

    /// Says that there is a reason to sync a matter; a [worker](Self::worker) does it. Several triggers before its run are one, and a trigger during a run
    /// is followed by exactly one more. `false`: the firm's settings say that this kind of trigger syncs nothing.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]: unknown whether it was taken; trigger again.
    pub async fn trigger(&self, actor: &Actor, matter: &MatterId, trigger: Trigger) -> Result<bool> {
        let settings = settings::load(&self.journal, &actor.firm).await?;
        let wanted = settings.allows(trigger);
        if wanted {
            self.engine.trigger(&actor.firm, matter, trigger, &actor.id).await?;
        }
        Ok(wanted)
    }

    /// The matters that were triggered while the firm was disconnected. After a reconnect they wait until an admin [says so](Self::run_held).
    ///
    /// # Errors
    /// [`Code::StoreFailed`](crate::Code::StoreFailed).
    pub async fn held_matters(&self, actor: &Actor) -> Result<Vec<HeldMatter>> {
        jobs::list_held(&self.journal, &actor.firm).await
    }

    /// Has workers sync the [held](Self::held_matters) matters, each as far as its trigger does and whatever the settings say by now, or (`run` false) forgets them. Gives how many those are.
    ///
    /// # Errors
    /// [`Code::NotAllowed`](crate::Code::NotAllowed) unless the actor is an admin; [`Code::NotConnected`](crate::Code::NotConnected).
    pub async fn run_held(&self, actor: &Actor, run: bool) -> Result<usize> {
        self.auth.require_admin(actor, "held_matters").await?;
        if run {
            Connection::load_usable(&self.journal, &actor.firm).await?;
        }
        let held = self.held_matters(actor).await?;
        for matter in &held {
            if run {
                let claims = &self.engine.claims;
                match matter.trigger {
                    // Allowed whatever the settings say, and tried again in bulk: nobody waits for each of many any more.
                    Trigger::Retry | Trigger::Manual => {
                        claims.trigger(&actor.firm, &matter.matter, Trigger::Retry, &actor.id).await?
                    }
                    trigger => claims.ask(&actor.firm, &matter.matter, trigger, &actor.id).await?,
                };
            }
            jobs::forget_held(&self.journal, &actor.firm, matter).await?;
        }
        let mut unit = self.journal.unit(&actor.firm)?;
        let entry = AuditEntry::by(&actor.id, Action::Retry, AuditStatus::Ok).with("held", held.len());
        unit.audit(entry.with("run", run));
        self.journal.commit_or_conflict(&unit).await?;
        Ok(held.len())
    }

    /// Where the sync of a matter stands.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn matter_state(&self, actor: &Actor, matter: &MatterId) -> Result<MatterState> {
        let host = self.engine.clio.host();
        let links = Links::current(&self.journal, &actor.firm).await?;
        jobs::matter_state(&self.journal, &links, matter, |id| host.matter_url(id).to_string()).await
    }

    /// A worker for the due jobs of all firms. Run it for as long as the service lives; several share the work, here or in other processes.
    #[must_use]
    pub fn worker(&self, config: WorkerConfig) -> Worker<'_> {
        Worker::new(&self.engine, config)
    }

    /// The questions that only an admin can answer: is this record in Clio ours?
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin.
    pub async fn reviews(&self, actor: &Actor) -> Result<Vec<Review>> {
        self.auth.require_admin(actor, "review").await?;
        self.engine.reviews(&actor.firm).await
    }

    /// Answers a [review](Self::reviews), named by its `step` and `id`. The matter is synced again by a [worker](Self::worker). If the chosen record turns out not to
    /// be one that can be ours, a matter of another client say, that run fails with [`Code::NeedsReview`] and `decision` = what is wrong; the question is open again.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::RecordUnknown`] when there is no such question, or it answered itself;
    /// [`Code::SettingInvalid`] when the chosen record belongs to another matter or document; [`Code::StoreConflict`]: ask again.
    pub async fn decide(&self, actor: &Actor, step: StepKind, id: &str, decision: Decision) -> Result<()> {
        self.auth.require_admin(actor, "review").await?;
        self.engine.decide(actor, step, id, decision).await
    }

    /// After the database lost records (a restore, a failover): whatever is missing may have been created in Clio since `since`, so Clio is asked before anything
    /// is created. `None` ends that; until then each new record costs one call more. Trigger the matters of that time again, too.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] unless the actor is an admin; [`Code::StoreConflict`]: say it again.
    pub async fn recover_since(&self, actor: &Actor, since: Option<Timestamp>) -> Result<()> {
        self.auth.require_admin(actor, "recovery").await?;
        sync::recover(&self.journal, actor, &self.engine.config, since).await
    }
}
