//! The matter: created once, never changed, and never one that the firm made by hand.
//!
//! It is one contact's. Should the intake name another client later, nothing goes into it until
//! Clio says the same, or the intake does again.

use super::create::{Asked, Creation, Resolved};
use super::driver::Driver;
use super::plan::PlannedMatter;
use super::recovery::Recovery;
use super::run::contact_in_log;
use crate::calls::refused;
use crate::clio::{NewMatter, matters};
use crate::domain::report::{Note, StepKind, StepOutcome, StepReport};
use crate::domain::{ClioId, Confidential, text};
use crate::error::{Code, Error, Result};
use crate::inbound::status;
use crate::inbound::status::Observed;
use crate::links::dedupe::{Lookup, SentMatter};
use crate::links::link_record::{How, Intent, Link, LinkRecord, Owner};
use crate::links::{dedupe, intent, link_record};
use crate::ports::{Expect, Key, Version};
use crate::settings::{Chosen, Unmapped};
use crate::store::{Action, AuditStatus, Versioned};

const MOST_ATTEMPTS: usize = 4;

impl Driver<'_> {
    pub(crate) async fn matter(&mut self, planned: PlannedMatter, client: ClioId) -> Result<StepReport> {
        let id = &self.intake.matter.id;
        let key = link_record::matter_key(&self.order.scope, id);
        let area = match planned {
            PlannedMatter::Linked(clio) | PlannedMatter::Gone(clio) => {
                self.unless_gone(StepKind::Matter, clio).await?;
                self.require_client(&key, client).await?;
                return Ok(StepReport::done(StepKind::Matter, id, StepOutcome::Unchanged, Some(clio)));
            }
            PlannedMatter::Create(area) | PlannedMatter::Resolve(area) => area,
        };
        let mut recovery = self.recovery;
        for _ in 0..MOST_ATTEMPTS {
            let asked = match self.ctx.repository.get::<LinkRecord>(&key).await? {
                None => Asked::default(),
                Some(Versioned { value: LinkRecord::Link(link), .. }) => {
                    self.require_client(&key, client).await?;
                    return Ok(StepReport::done(StepKind::Matter, id, StepOutcome::Unchanged, Some(link.clio)));
                }
                Some(stored) => match Asked::of(&stored) {
                    Some(asked) => asked,
                    None => {
                        let answered = recovery.is_some_and(|recovery| recovery.is_answered_by(&stored.value));
                        match self.resolve_matter(stored, client, area).await? {
                            Resolved::Linked(step) => {
                                self.require_client(&key, client).await?;
                                return Ok(step);
                            }
                            Resolved::Released => {
                                // Clio was asked, or an admin: what the store lost is no reason to
                                // ask once more.
                                recovery = recovery.filter(|_| !answered);
                                continue;
                            }
                        }
                    }
                },
            };
            if let Some(step) = self.new_matter(client, area, &asked, recovery).await? {
                return Ok(step);
            }
        }
        Err(Error::new(Code::SyncBusy).with("matter", id))
    }

    /// What the intake says of the matter.
    fn matter_to_send(&self, client: ClioId, area: Result<Chosen, Unmapped>) -> SentMatter {
        let matter = &self.intake.matter;
        let case_number = matter.case_number.as_ref().map(Confidential::expose).map(str::trim);
        let case_number = case_number.filter(|number| !number.is_empty()).map(str::to_owned);
        SentMatter {
            client,
            description: text::one_line(matter.title.expose()),
            display_number: case_number.clone().filter(|_| self.settings.case_number_as_display_number),
            client_reference: case_number,
            practice_area: area.ok().map(|chosen| chosen.area),
        }
    }

    /// What was sent, or, where that is lost, what may have been.
    async fn matter_sent(
        &self,
        key: &Key,
        intent: &Intent,
        client: ClioId,
        area: Result<Chosen, Unmapped>,
    ) -> Result<SentMatter> {
        match intent.has_lost_text() {
            true => Ok(self.matter_to_send(client, area)),
            false => intent::open_intent(self.ctx, key, intent).await,
        }
    }

    async fn new_matter(
        &mut self,
        client: ClioId,
        area: Result<Chosen, Unmapped>,
        asked: &Asked,
        recovery: Option<Recovery>,
    ) -> Result<Option<StepReport>> {
        let sent = self.matter_to_send(client, area);
        let request = matters::create(&NewMatter {
            client: sent.client,
            description: &sent.description,
            client_reference: sent.client_reference.as_deref(),
            display_number: sent.display_number.as_deref(),
            practice_area: sent.practice_area,
        })?;
        let key = link_record::matter_key(&self.order.scope, &self.intake.matter.id);
        if let Some(recovery) = recovery {
            self.intend_again(recovery, &key, None, &sent, None, asked).await?;
            return Ok(None);
        }
        match self.create(&key, None, &sent, None, asked, &request).await? {
            Creation::Raced => Ok(None),
            Creation::Doubt => match self.ctx.repository.get::<LinkRecord>(&key).await? {
                Some(stored) => match self.resolve_matter(stored, client, area).await? {
                    Resolved::Linked(step) => Ok(Some(step)),
                    Resolved::Released => Ok(None),
                },
                None => Ok(None),
            },
            Creation::Created(created, intent) => {
                self.link_matter((Observed::from(&created), client), How::Created, intent.version, area.err(), None)
                    .await
            }
        }
    }

    /// The intake's client may have been changed since the matter was linked. Clio's word counts:
    /// the firm may have changed it there, too.
    async fn require_client(&self, key: &Key, client: ClioId) -> Result<()> {
        let stored = self.ctx.repository.get::<LinkRecord>(key).await?;
        let Some(Versioned { value: LinkRecord::Link(link), version, .. }) = stored else { return Ok(()) };
        let linked = match link.client {
            // An earlier version made the link, and did not keep whose it is.
            None => contact_in_log(&self.ctx.repository, self.firm, &self.intake.matter.id, link.clio).await?,
            known => known,
        };
        if link.client == Some(client) {
            return Ok(());
        }
        // Whose it is that nobody noted, Clio says.
        if linked != Some(client) {
            match self.named(&matters::show(link.clio)).await? {
                Some(shown) if shown.client_id == Some(client) => {}
                // It is gone: nothing arrives there.
                None if linked.is_none() => return Ok(()),
                _ => return Err(Error::new(Code::ClientDiffers).with("clio", link.clio)),
            }
        }
        let mut transaction = self.transaction()?;
        let link = LinkRecord::Link(Link { client: Some(client), ..link });
        transaction.put(key.clone(), Expect::Version(version), &link)?;
        // A conflict: another run saw the same.
        self.commit_unit(&transaction).await.map(|_| ())
    }

    /// Turns an intent into its link. `None`: another run did.
    ///
    /// `seen`: with the contact whose matter it is. `doubt`: it is not known what became of the
    /// intent's request.
    async fn link_matter(
        &mut self,
        (seen, client): (Observed, ClioId),
        how: How,
        version: Version,
        unmapped: Option<Unmapped>,
        doubt: Option<&Versioned<Intent>>,
    ) -> Result<Option<StepReport>> {
        let (id, clio) = (&self.intake.matter.id, seen.clio);
        let (outcome, action) = match how {
            How::Created => (StepOutcome::Created, Action::MatterCreated),
            How::Recovered => (StepOutcome::Recovered, Action::MatterCreated),
            How::Linked => (StepOutcome::Linked, Action::MatterLinked),
        };
        let step = StepReport::done(StepKind::Matter, id, outcome, Some(clio)).noting(unmapped.map(note));
        let key = link_record::matter_key(&self.order.scope, id);
        let mut with_next = true;
        for _ in 0..MOST_ATTEMPTS {
            let mut transaction = self.transaction()?;
            if let Some(doubt) = doubt {
                self.look_after_doubt_in(&mut transaction, &key, doubt).await?;
            }
            let at = self.ctx.runtime.now();
            let link = Link { clio, how, at, notes: Vec::new(), client: Some(client), named: false, len: None };
            transaction.put(key.clone(), Expect::Version(version.clone()), &LinkRecord::Link(link))?;
            let owner = Owner { owner: id.to_string() };
            transaction.put(link_record::owner_key(&self.order.scope, "matter", clio), Expect::Absent, &owner)?;
            status::link(&self.ctx.repository, &mut transaction, &self.order.scope, id, seen).await?;
            transaction.audit(self.audit(action, AuditStatus::Ok, &step));
            let next = if with_next { self.announce_next_in(&mut transaction)? } else { Vec::new() };
            with_next = false;
            if self.commit(transaction, &step).await? {
                self.announced.extend(next);
                return Ok(Some(step));
            }
            // Another run resolved it meanwhile; or a poll, or an early delivery, was written in
            // this moment.
            let now = self.ctx.repository.store().get(&key).await?;
            if now.is_none_or(|now| now.version != version) {
                break;
            }
        }
        Ok(None)
    }

    /// Looks in Clio for what an open intent may have created.
    async fn resolve_matter(
        &mut self,
        stored: Versioned<LinkRecord>,
        client: ClioId,
        area: Result<Chosen, Unmapped>,
    ) -> Result<Resolved> {
        let (id, unmapped) = (&self.intake.matter.id, area.err());
        let key = link_record::matter_key(&self.order.scope, id);
        let Versioned { value: LinkRecord::Intent(intent), version, due_at } = stored else {
            return Ok(Resolved::Released);
        };
        let doubt = Versioned { value: intent, version: version.clone(), due_at };
        let intent = &doubt.value;
        if let Some(chosen) = intent.chosen().cloned() {
            let clio = chosen.clio;
            let owned = link_record::is_owned(&self.ctx.repository, &self.order.scope, "matter", clio).await?.is_some();
            let shown = match self.named(&matters::show(clio)).await? {
                Some(shown) if shown.client_id == Some(client) && !owned => shown,
                other => {
                    let wrong = match other {
                        None => "not_found",
                        Some(_) if owned => "belongs_to_another_record",
                        Some(_) => "another_client",
                    };
                    let value = LinkRecord::Intent(Intent { decision: chosen.taken_back(), ..doubt.value });
                    let undecided = Versioned { value, version, due_at };
                    return Err(self.take_back(StepKind::Matter, id, key, undecided, chosen, wrong).await?);
                }
            };
            let seen = (Observed::from(&shown), client);
            let step = self.link_matter(seen, How::Linked, version, unmapped, Some(&doubt)).await?;
            return Ok(step.map_or(Resolved::Released, Resolved::Linked));
        }
        let sent = self.matter_sent(&key, intent, client, area).await?;
        let asked_at = self.ctx.repository.store_now(&key.firm).await?;
        let since = intent::created_after(self.ctx, &key.firm, intent, due_at).await?;
        let request = matters::of_client_since(sent.client, Some(since.possible));
        let found = self.client_api.all_pages(request).await.map_err(refused)?;
        let mut free = Vec::new();
        for matter in &found {
            let owned = link_record::is_owned(&self.ctx.repository, &self.order.scope, "matter", matter.id).await?;
            if owned.is_none() && !intent.excludes(matter.id) {
                free.push(matter);
            }
        }
        let after = intent::created_after(self.ctx, &key.firm, intent, due_at).await?;
        let lookup = after.lookup(|after| dedupe::lookup_matter(&sent, &free, after, intent.is_recovered()));
        match if mutated!(Lookup) { Lookup::Miss } else { lookup } {
            Lookup::Found(clio) => {
                let seen = found.iter().find(|matter| matter.id == clio).map(Observed::from);
                let seen = seen.unwrap_or(Observed { clio, status: None, updated_at: None, set_at: None });
                let step = self.link_matter((seen, sent.client), How::Recovered, version, unmapped, None).await?;
                Ok(step.map_or(Resolved::Released, Resolved::Linked))
            }
            Lookup::Review(candidates) => Err(self.needs_review(StepKind::Matter, id, candidates, (key, version))),
            Lookup::Miss => self.release_if_settled(&key, &doubt, asked_at).await,
        }
    }
}

fn note(unmapped: Unmapped) -> Note {
    match unmapped {
        Unmapped::NoCaseType => Note::NoCaseType,
        Unmapped::UnknownCaseType => Note::UnknownCaseType,
        Unmapped::NoSuchArea => Note::NoSuchPracticeArea,
        Unmapped::AreasNotKnown => Note::PracticeAreasNotKnown,
    }
}
