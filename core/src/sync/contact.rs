//! The contact: link an existing one of the same email, else create.
//!
//! An existing contact is linked and never changed. The search is a wildcard over a dozen fields, so every address of every answer is
//! compared exactly (`dedupe`). Two clients of one email meet in the `contact-key` record of that address: the second one waits for,
//! and then shares, the first one's contact.

use core::time::Duration;

use super::call::{Executed, MARGIN, Patience, executed};
use super::dedupe::{self, Probe, SentContact};
use super::driver::Driver;
use super::plan::PlannedContact;
use super::report::{Note, StepKind, StepOutcome, StepReport};
use super::things::{self, ContactKey, How, Intent, Link, Owner, Thing};
use crate::clio::{ApiRequest, CallError, NewContact, contacts};
use crate::error::{Code, Error, Result, Retry};
use crate::log::{Action, AuditStatus};
use crate::model::{ClientId, ClioId, Confidential};
use crate::ports::{Commit, Expect, Key, Version};
use crate::records::Stored;

/// How often a step starts over because another run was faster.
const MOST_TURNS: usize = 4;
/// After Clio itself answered with an error, only its search index may lag.
const INDEX_DELAY: Duration = Duration::from_secs(5);

/// What became of an open intent.
pub(super) enum Resolved {
    /// It is a link now.
    Linked(StepReport),
    /// Quiet, and nothing was found: it is gone, the step may start afresh.
    Released,
}

/// What became of a creating request.
pub(super) enum Creation<A> {
    /// Clio answered; the intent has this version.
    Created(A, Version),
    /// It may have been executed.
    Doubt,
    /// Another run holds the key.
    Raced,
}

impl Driver<'_> {
    pub(super) async fn contact(&mut self, planned: PlannedContact) -> Result<StepReport> {
        let client = &self.intake.client.id;
        if let PlannedContact::Linked(clio) = planned {
            return Ok(StepReport::done(StepKind::Contact, client, StepOutcome::Unchanged, Some(clio)));
        }
        let digest = self.engine.email_digest(self.firm, self.intake).await?;
        for _ in 0..MOST_TURNS {
            let key = things::contact_key(self.firm, client);
            if let Some(stored) = self.engine.journal.get::<Thing>(&key).await? {
                match stored.value {
                    Thing::Link(link) => {
                        return Ok(StepReport::done(
                            StepKind::Contact,
                            client,
                            StepOutcome::Unchanged,
                            Some(link.clio),
                        ));
                    }
                    Thing::Intent(_) => match self.resolve_contact(client, stored).await? {
                        Resolved::Linked(step) => return Ok(step),
                        Resolved::Released => continue,
                    },
                }
            }
            if let Some(digest) = &digest {
                match self.shared_contact(digest).await? {
                    Shared::Step(step) => return Ok(step),
                    Shared::Again => continue,
                    Shared::Nobody => {}
                }
                match self.existing_contact(digest).await? {
                    Shared::Step(step) => return Ok(step),
                    Shared::Again => continue,
                    Shared::Nobody => {}
                }
            }
            if let Some(step) = self.new_contact(digest.as_deref()).await? {
                return Ok(step);
            }
        }
        Err(Error::new(Code::SyncBusy).with("client", client))
    }

    /// Another CaseHug client of this email: share its contact, once it has one.
    async fn shared_contact(&mut self, digest: &str) -> Result<Shared> {
        let client = &self.intake.client.id;
        let Some(speaker) = self.engine.journal.get::<ContactKey>(&things::email_key(self.firm, digest)).await? else {
            return Ok(Shared::Nobody);
        };
        let other = speaker.value.client;
        let Some(stored) = self.engine.journal.get::<Thing>(&things::contact_key(self.firm, &other)).await? else {
            // Released between the two reads.
            return Ok(Shared::Again);
        };
        let link = match stored.value {
            Thing::Link(link) => link,
            Thing::Intent(_) => {
                self.resolve_contact(&other, stored).await?;
                return Ok(Shared::Again);
            }
        };
        let mut unit = self.unit()?;
        unit.put(things::contact_key(self.firm, client), Expect::Absent, &self.link(link.clio, How::Linked))?;
        let step = StepReport::done(StepKind::Contact, client, StepOutcome::Linked, Some(link.clio))
            .note(Some(Note::SharedContact));
        unit.audit(self.audit(Action::ContactLinked, AuditStatus::Ok, &step));
        Ok(if self.commit(unit, &step).await? { Shared::Step(step) } else { Shared::Again })
    }

    /// A contact in Clio with exactly this email: link it.
    async fn existing_contact(&mut self, digest: &str) -> Result<Shared> {
        let client = &self.intake.client.id;
        let email = self.intake.client.email.as_ref().map_or("", Confidential::expose);
        let found = self.caller.all_pages(contacts::search_email(email.trim())).await.map_err(refused)?;
        let matches = dedupe::persons_with_email(&found, email);
        let Some(&clio) = matches.first() else { return Ok(Shared::Nobody) };
        let note = (matches.len() > 1).then_some(Note::SeveralContactsMatch);
        let step = StepReport::done(StepKind::Contact, client, StepOutcome::Linked, Some(clio)).note(note);
        let mut unit = self.unit()?;
        unit.put(things::contact_key(self.firm, client), Expect::Absent, &self.link(clio, How::Linked))?;
        unit.put(things::email_key(self.firm, digest), Expect::Absent, &ContactKey { client: client.clone() })?;
        self.own_contact(&mut unit, clio, client).await?;
        unit.audit(self.audit(Action::ContactLinked, AuditStatus::Ok, &step).with("matches", matches.len()));
        Ok(if self.commit(unit, &step).await? { Shared::Step(step) } else { Shared::Again })
    }

    /// Creates the contact. `None`: another run was faster, start over.
    async fn new_contact(&mut self, digest: Option<&str>) -> Result<Option<StepReport>> {
        let client = self.intake.client.clone();
        let text = |value: &Option<Confidential>| {
            value.as_ref().map(|value| value.expose().trim().to_owned()).filter(|value| !value.is_empty())
        };
        let sent = SentContact {
            first_name: client.first_name.expose().trim().to_owned(),
            last_name: client.last_name.expose().trim().to_owned(),
            email: text(&client.email),
            phone: text(&client.phone),
        };
        let key = things::contact_key(self.firm, &client.id);
        let companion = digest.map(|digest| things::email_key(self.firm, digest));
        let request = contacts::create(&NewContact {
            first_name: &sent.first_name,
            last_name: &sent.last_name,
            email: sent.email.as_deref(),
            phone: sent.phone.as_deref(),
        });
        let speaker = ContactKey { client: client.id.clone() };
        let companion = companion.map(|key| (key, speaker));
        let email = digest.map(str::to_owned);
        match self.create(&key, companion.as_ref(), &sent, email, &request?).await? {
            Creation::Raced => Ok(None),
            Creation::Doubt => match self.engine.journal.get::<Thing>(&key).await? {
                Some(stored) => match self.resolve_contact(&client.id, stored).await? {
                    Resolved::Linked(step) => Ok(Some(step)),
                    Resolved::Released => Ok(None),
                },
                None => Ok(None),
            },
            Creation::Created(contact, version) => {
                let step = self.link_contact(&client.id, contact.id, How::Created, version).await?;
                Ok(step)
            }
        }
    }

    /// Turns an intent into its link. `None`: another run did.
    async fn link_contact(
        &mut self,
        client: &ClientId,
        clio: ClioId,
        how: How,
        version: Version,
    ) -> Result<Option<StepReport>> {
        let (outcome, action) = match how {
            How::Created => (StepOutcome::Created, Action::ContactCreated),
            How::Recovered => (StepOutcome::Recovered, Action::ContactCreated),
            How::Linked => (StepOutcome::Linked, Action::ContactLinked),
        };
        let step = StepReport::done(StepKind::Contact, client, outcome, Some(clio));
        let mut unit = self.unit()?;
        unit.put(things::contact_key(self.firm, client), Expect::Version(version), &self.link(clio, how))?;
        self.own_contact(&mut unit, clio, client).await?;
        unit.audit(self.audit(action, AuditStatus::Ok, &step));
        Ok(self.commit(unit, &step).await?.then_some(step))
    }

    /// Looks in Clio for what an open intent may have created.
    async fn resolve_contact(&mut self, client: &ClientId, stored: Stored<Thing>) -> Result<Resolved> {
        let Thing::Intent(intent) = stored.value else { return Ok(Resolved::Released) };
        let sent: SentContact = self.open_intent(&things::contact_key(self.firm, client), &intent).await?;
        let since = self.caller.since(intent.at, intent.clio_ahead_ms);
        let mut found = self.caller.all_pages(contacts::created_since(since)).await.map_err(refused)?;
        let probe = match &sent.email {
            Some(email) => {
                let mut matches = dedupe::persons_with_email(&found, email);
                if matches.is_empty() {
                    found = self.caller.all_pages(contacts::search_email(email)).await.map_err(refused)?;
                    matches = dedupe::persons_with_email(&found, email);
                }
                matches.first().map_or(Probe::Miss, |id| Probe::Found(*id))
            }
            None => {
                let mut free = Vec::new();
                for contact in &found {
                    if things::is_owned(&self.engine.journal, self.firm, "contact", contact.id).await?.is_none() {
                        free.push(contact);
                    }
                }
                dedupe::probe_contact(&sent, &free, self.created_after(&intent))
            }
        };
        match probe {
            Probe::Found(clio) => {
                let created = found.iter().find(|contact| contact.id == clio).and_then(|contact| contact.created_at);
                let ours = created.is_none_or(|created| created >= self.created_after(&intent));
                let how = if ours { How::Recovered } else { How::Linked };
                let step = self.link_contact(client, clio, how, stored.version).await?;
                Ok(step.map_or(Resolved::Released, Resolved::Linked))
            }
            Probe::Review => Err(Error::new(Code::NeedsReview).with("client", client)),
            Probe::Miss => {
                let companion = intent.email.as_ref().map(|digest| things::email_key(self.firm, digest));
                self.release_if_quiet(
                    &things::contact_key(self.firm, client),
                    companion.as_ref(),
                    &Stored { value: (), version: stored.version, due_at: stored.due_at },
                )
                .await
            }
        }
    }

    /// Beats 1 and 2 of a creation: commits the intent and sends, as often as it is certain that nothing was executed.
    pub(super) async fn create<A, N: serde::Serialize>(
        &mut self,
        key: &Key,
        companion: Option<&(Key, ContactKey)>,
        natural: &N,
        email: Option<String>,
        request: &ApiRequest<A>,
    ) -> Result<Creation<A>> {
        let config = self.engine.config;
        let mut patience = Patience::default();
        let mut current: Option<Version> = None;
        let first = self.engine.runtime.now();
        let mut sends = 0;
        loop {
            let grant = self.caller.ready().await?;
            sends += 1;
            let connection = grant.connection.id.clone();
            let json = zeroize::Zeroizing::new(
                serde_json::to_vec(natural).map_err(|_| Error::new(Code::Internal).with("reason", "natural_key"))?,
            );
            let sealer = self.engine.keyring.for_connection(self.firm, &connection).await?;
            let sealed = sealer.seal(&sealer.context(record_of(key), "sealed"), &json)?;
            let intent = Intent {
                sealed,
                connection,
                at: first,
                clio_ahead_ms: self.caller.clio_ahead_ms(),
                sends,
                email: email.clone(),
            };
            let not_after = self.engine.runtime.monotonic() + config.send_window;
            let quiet = config.send_window + config.request_timeout + config.settle;
            let mut unit = self.unit()?;
            let expect = current.clone().map_or(Expect::Absent, Expect::Version);
            let version = unit.put_due(key.clone(), expect, Some(quiet), &Thing::Intent(intent.clone()))?;
            if let (None, Some((key, value))) = (&current, companion) {
                unit.put(key.clone(), Expect::Absent, value)?;
            }
            if self.engine.journal.commit(&unit).await? == Commit::Conflict {
                return Ok(Creation::Raced);
            }
            current = Some(version.clone());
            let failure = match self.caller.send_once(&grant, request, Some(not_after)).await {
                Ok(answer) => return Ok(Creation::Created(answer, version)),
                Err(failure) => failure,
            };
            match executed(&failure) {
                Executed::Perhaps => return Ok(Creation::Doubt),
                Executed::PerhapsEnded => {
                    let mut unit = self.unit()?;
                    let thing = Thing::Intent(intent);
                    unit.put_due(key.clone(), Expect::Version(version), Some(INDEX_DELAY), &thing)?;
                    self.engine.journal.commit(&unit).await?;
                    return Ok(Creation::Doubt);
                }
                Executed::No => {
                    if let Err(failure) = self.caller.wait_to_repeat(&mut patience, &grant, failure).await {
                        self.release(key, companion.map(|(key, _)| key), version).await?;
                        return Err(refused(failure));
                    }
                }
            }
        }
    }

    /// Releases an intent that is quiet and was not found; else says when to come back.
    pub(super) async fn release_if_quiet(
        &mut self,
        key: &Key,
        companion: Option<&Key>,
        intent: &Stored<()>,
    ) -> Result<Resolved> {
        let now = self.engine.journal.store_now().await?;
        if let Some(due) = intent.due_at.filter(|due| *due > now) {
            let left = Duration::from_millis(u64::try_from(due.millis_since(now)).unwrap_or(0) + 1);
            return Err(Error::new(Code::SyncInDoubt).with("collection", key.collection).retry_as(Retry::After(left)));
        }
        self.release(key, companion, intent.version.clone()).await?;
        Ok(Resolved::Released)
    }

    async fn release(&mut self, key: &Key, companion: Option<&Key>, version: Version) -> Result<()> {
        let mut unit = self.unit()?;
        unit.delete(key.clone(), version);
        if let Some(companion) = companion
            && let Some(record) = self.engine.journal.store().get(companion).await?
        {
            unit.delete(companion.clone(), record.version);
        }
        // A conflict means that another run resolved it meanwhile; the caller reads again.
        self.engine.journal.commit(&unit).await?;
        Ok(())
    }

    /// Opens the natural key of an intent.
    pub(super) async fn open_intent<N: serde::de::DeserializeOwned>(&self, key: &Key, intent: &Intent) -> Result<N> {
        let sealer = self.engine.keyring.for_connection(self.firm, &intent.connection).await?;
        let json = sealer.open(&sealer.context(record_of(key), "sealed"), &intent.sealed)?;
        serde_json::from_slice(&json).map_err(|_| Error::new(Code::StoreCorrupt).with("collection", key.collection))
    }

    /// In Clio's time: what was created before this cannot be the intent's.
    pub(super) fn created_after(&self, intent: &Intent) -> crate::model::Timestamp {
        let ahead = intent.clio_ahead_ms.or_else(|| self.caller.clio_ahead_ms()).unwrap_or(0);
        crate::model::Timestamp(intent.at.0.saturating_add(ahead)) - MARGIN
    }

    pub(super) fn link(&self, clio: ClioId, how: How) -> Thing {
        Thing::Link(Link { clio, how, at: self.engine.runtime.now() })
    }

    /// Notes whose contact this is, unless another CaseHug client's: contacts of one email may be shared.
    async fn own_contact(&self, unit: &mut crate::records::Unit, clio: ClioId, client: &ClientId) -> Result<()> {
        let key = things::owner_key(self.firm, "contact", clio);
        match things::is_owned(&self.engine.journal, self.firm, "contact", clio).await? {
            Some(version) => unit.check(key, Expect::Version(version)),
            None => {
                unit.put(key, Expect::Absent, &Owner { owner: client.to_string() })?;
            }
        }
        Ok(())
    }
}

enum Shared {
    Step(StepReport),
    Again,
    Nobody,
}

fn record_of(key: &Key) -> String {
    format!("{}/{}", key.collection, key.id)
}

/// The error of a failed call, with what the call itself knows.
pub(super) fn refused(failure: CallError) -> Error {
    let mut error = failure.error;
    if let Some(status) = failure.http_status
        && error.get("http_status").is_none()
    {
        error = error.with("http_status", status);
    }
    if let Some(kind) = failure.clio_type
        && error.get("clio_type").is_none()
    {
        error = error.with("clio_type", kind);
    }
    error
}
