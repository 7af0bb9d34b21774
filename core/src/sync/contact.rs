//! The contact: link an existing one of the same email, else create.
//!
//! An existing contact is linked and never changed. The search is a wildcard over a dozen fields,
//! so every address of every answer is compared exactly (`dedupe`). Two clients of one email meet
//! in the `contact-key` records of that address: the second one waits for, and then shares, the
//! first one's contact, if it may be the same person (`same_email`).

use super::create::{Asked, Creation, Resolved};
use super::driver::Driver;
use super::plan::PlannedContact;
use super::recovery::Recovery;
use super::same_email::{Candidate, Choice, Sought, choose, named};
use super::{duplicate_check, plan_input};
use crate::calls::call::ApiClient;
use crate::calls::{Context, refused};
use crate::clio::{Contact, NewContact, contacts};
use crate::contact_review::{known_key, note_known};
use crate::domain::report::{Note, StepKind, StepOutcome, StepReport};
use crate::domain::{Address, ClientId, ClioId};
use crate::error::{Code, Error, Result};
use crate::links::dedupe::{Lookup, SentContact};
use crate::links::link_record::{Chosen, ContactKey, How, Intent, LinkRecord, Owner};
use crate::links::names::Name;
use crate::links::{dedupe, intent, link_record};
use crate::ports::Expect;
use crate::store::{Action, AuditStatus, MaintenanceTask, Repository, Versioned};

/// How often a step starts over because another run was faster.
const MOST_ATTEMPTS: usize = 8;

impl Driver<'_> {
    pub(crate) async fn contact(&mut self, planned: PlannedContact) -> Result<StepReport> {
        let client = &self.intake.client.id;
        if let PlannedContact::Linked(clio) | PlannedContact::Gone(clio) = planned {
            self.unless_gone(StepKind::Contact, clio).await?;
            return Ok(StepReport::done(StepKind::Contact, client, StepOutcome::Unchanged, Some(clio)));
        }
        let email = plan_input::email_digests(self.ctx, self.firm, self.intake).await?;
        let mut recovery = self.recovery;
        for _ in 0..MOST_ATTEMPTS {
            let key = link_record::contact_key(&self.order.scope, client);
            let asked = match self.ctx.repository.get::<LinkRecord>(&key).await? {
                None => Asked::default(),
                Some(Versioned { value: LinkRecord::Link(link), .. }) => {
                    let step = StepReport::done(StepKind::Contact, client, StepOutcome::Unchanged, Some(link.clio));
                    return Ok(step);
                }
                Some(stored) => match Asked::of(&stored) {
                    Some(asked) => asked,
                    None => {
                        let answered = recovery.is_some_and(|recovery| recovery.is_answered_by(&stored.value));
                        match self.resolve_contact(client, stored).await? {
                            Resolved::Linked(step) => return Ok(step),
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
            let place = match (&email, self.intake.client.address()) {
                (Some(email), Some(address)) => match self.person_of_address(&address, email, &asked).await? {
                    Sought::Step(step) => return Ok(step),
                    Sought::Again => continue,
                    Sought::Nobody(place) => Some(place),
                },
                _ => None,
            };
            if let Some(step) = self.new_contact(place.as_deref(), &asked, recovery).await? {
                return Ok(step);
            }
        }
        Err(Error::new(Code::SyncBusy).with("client", client))
    }

    /// Creates the contact. `None`: another run was faster, start over.
    ///
    /// `place`: of the address.
    async fn new_contact(
        &mut self,
        place: Option<&str>,
        asked: &Asked,
        recovery: Option<Recovery>,
    ) -> Result<Option<StepReport>> {
        let client = self.intake.client.clone();
        let sent = SentContact {
            first_name: client.first_name.expose().trim().to_owned(),
            last_name: client.last_name.expose().trim().to_owned(),
            email: client.address().map(|address| address.shown()),
            phone: client.number(),
        };
        let key = link_record::contact_key(&self.order.scope, &client.id);
        let email_index = place.map(|place| link_record::email_key(&self.order.scope, place));
        let request = contacts::create(&NewContact {
            first_name: &sent.first_name,
            last_name: &sent.last_name,
            email: sent.email.as_deref(),
            phone: sent.phone.as_deref(),
        });
        let canonical = ContactKey { client: client.id.clone() };
        let email_index = email_index.map(|key| (key, canonical));
        let email = place.map(str::to_owned);
        if let Some(recovery) = recovery {
            self.intend_again(recovery, &key, email_index.as_ref(), &sent, email, asked).await?;
            return Ok(None);
        }
        if asked.version.is_some() {
            // Nobody needs to answer it any more.
            let mut transaction = self.transaction()?;
            self.close_question_in(&mut transaction, &key).await?;
            self.commit_unit(&transaction).await?;
        }
        match self.create(&key, email_index.as_ref(), &sent, email, asked, &request?).await? {
            Creation::Raced => Ok(None),
            Creation::Doubt => match self.ctx.repository.get::<LinkRecord>(&key).await? {
                Some(stored) => match self.resolve_contact(&client.id, stored).await? {
                    Resolved::Linked(step) => Ok(Some(step)),
                    Resolved::Released => Ok(None),
                },
                None => Ok(None),
            },
            Creation::Created(contact, intent) => {
                let found =
                    Found { clio: contact.id, shown: Some(&contact), how: How::Created, notes: Vec::new(), matches: 1 };
                self.link_contact(&client.id, found, &intent, false).await
            }
        }
    }

    /// Turns an intent into its link. `None`: another run did.
    ///
    /// `in_doubt`: it is not known what became of the intent's request.
    async fn link_contact(
        &mut self,
        client: &ClientId,
        found: Found<'_>,
        intent: &Versioned<Intent>,
        in_doubt: bool,
    ) -> Result<Option<StepReport>> {
        let Found { clio, shown, how, notes, matches } = found;
        let (outcome, action) = match how {
            How::Created => (StepOutcome::Created, Action::ContactCreated),
            How::Recovered => (StepOutcome::Recovered, Action::ContactCreated),
            How::Linked => (StepOutcome::Linked, Action::ContactLinked),
        };
        let step = StepReport::done(StepKind::Contact, client, outcome, Some(clio)).noting(notes.clone());
        let key = link_record::contact_key(&self.order.scope, client);
        for _ in 0..MOST_ATTEMPTS {
            let ctx = &Context { repository: self.read_to_link(client, clio).await?, ..self.ctx.clone() };
            let mut transaction = self.transaction()?;
            if in_doubt {
                self.look_after_doubt_in(&mut transaction, &key, intent).await?;
            } else if how != How::Linked && intent.value.email.is_some() {
                // Clio's search may not have shown yet what somebody else had just created.
                let wait = self.ctx.config.recheck_after();
                duplicate_check::look_again_in(ctx, &mut transaction, &self.order.scope, &key, intent, wait).await?;
            }
            if how != How::Created {
                self.close_question_in(&mut transaction, &key).await?;
            }
            transaction.put(
                key.clone(),
                Expect::Version(intent.version.clone()),
                &self.link(clio, how, notes.clone()),
            )?;
            self.own_contact(&ctx.repository, &mut transaction, clio, shown, client).await?;
            let entry = self.audit(action, AuditStatus::Ok, &step);
            transaction.audit(if matches > 1 { entry.with("matches", matches) } else { entry });
            if self.commit(transaction, &step).await? {
                return Ok(Some(step));
            }
            // Another run resolved it meanwhile; or it was the look, or its maintenance task, that
            // was written in this moment.
            let now = self.ctx.repository.store().get(&key).await?;
            if now.is_none_or(|now| now.version != intent.version) {
                break;
            }
        }
        Ok(None)
    }

    /// Looks in Clio for what an open intent may have created.
    pub(crate) async fn resolve_contact(
        &mut self,
        client: &ClientId,
        stored: Versioned<LinkRecord>,
    ) -> Result<Resolved> {
        let Versioned { value: LinkRecord::Intent(intent), version, due_at } = stored else {
            return Ok(Resolved::Released);
        };
        let doubt = Versioned { value: intent, version: version.clone(), due_at };
        let intent = &doubt.value;
        if let Some(chosen) = intent.chosen().cloned() {
            return self.link_chosen_contact(client, doubt, chosen).await;
        }
        let key = link_record::contact_key(&self.order.scope, client);
        if self.is_answered_soon(&key, &doubt).await? {
            return Ok(Resolved::Released);
        }
        let sent: SentContact = intent::open_intent(self.ctx, &key, intent).await?;
        let asked_at = self.ctx.repository.store_now(&key.firm).await?;
        let since = intent::created_after(self.ctx, &self.order.scope.firm, intent, due_at).await?;
        let created = self.client_api.all_pages(contacts::created_since(since.possible)).await.map_err(refused)?;
        let (of_email, searched) = self.contacts_of_email(&sent, intent, &created).await?;
        let (lookup, notes) = self.lookup_of(&sent, &doubt, &created, &of_email).await?;
        match lookup {
            Lookup::Found(clio) => {
                let after = intent::created_after(self.ctx, &self.order.scope.firm, intent, due_at).await?;
                let shown = created.iter().chain(&searched).find(|contact| contact.id == clio);
                let ours = dedupe::is_after(shown.and_then(|contact| contact.created_at), after.certain);
                let how = if ours { How::Recovered } else { How::Linked };
                // Of the same email, but with another name: somebody else made it, and ours may
                // come yet.
                let another = shown.is_some_and(|shown| !dedupe::is_contact(&sent, shown));
                let found = Found { clio, shown, how, notes, matches: of_email.len() };
                let step = self.link_contact(client, found, &doubt, another).await?;
                Ok(step.map_or(Resolved::Released, Resolved::Linked))
            }
            Lookup::Review(candidates) => {
                let of_name = of_email.iter().any(|one| candidates.contains(&one.clio));
                let intent = (key, version);
                Err(if of_name {
                    self.name_differs(client, candidates, intent)
                } else {
                    self.needs_review(StepKind::Contact, client, candidates, intent)
                })
            }
            Lookup::Miss => self.release_if_settled(&key, &doubt, asked_at).await,
        }
    }

    /// Links the contact that an admin chose, if it is still there.
    async fn link_chosen_contact(
        &mut self,
        client: &ClientId,
        doubt: Versioned<Intent>,
        chosen: Chosen,
    ) -> Result<Resolved> {
        let clio = chosen.clio;
        let shown = match self.named(&contacts::show(clio)).await? {
            Some(shown) if shown.is_person() => shown,
            other => {
                let wrong = if other.is_some() { "no_person" } else { "not_found" };
                let key = link_record::contact_key(&self.order.scope, client);
                let undecided = Versioned {
                    value: LinkRecord::Intent(Intent { decision: chosen.taken_back(), ..doubt.value }),
                    version: doubt.version,
                    due_at: doubt.due_at,
                };
                return Err(self.take_back(StepKind::Contact, client, key, undecided, chosen, wrong).await?);
            }
        };
        let found = Found { clio, shown: Some(&shown), how: How::Linked, notes: Vec::new(), matches: 1 };
        let step = self.link_contact(client, found, &doubt, true).await?;
        Ok(step.map_or(Resolved::Released, Resolved::Linked))
    }

    /// Persons with the email that was sent, but for those that an admin excluded; and what had to
    /// be searched for them beside what was created since.
    async fn contacts_of_email(
        &self,
        sent: &SentContact,
        intent: &Intent,
        created: &[Contact],
    ) -> Result<(Vec<Candidate>, Vec<Contact>)> {
        let mut of_email = Vec::new();
        let mut searched = Vec::new();
        if let Some(email) = &sent.email {
            let name = Name::new(&sent.first_name, &sent.last_name);
            let candidates = |contacts: &[Contact]| {
                let all = named(contacts, &dedupe::persons_with_email(contacts, email), &name).into_iter();
                all.filter(|candidate| !intent.excludes(candidate.clio)).collect::<Vec<_>>()
            };
            of_email = candidates(created);
            if of_email.iter().all(|candidate| !candidate.agrees) {
                searched = search_persons(&self.client_api, email).await?;
                let more: Vec<_> = candidates(&searched).into_iter().filter(|one| !of_email.contains(one)).collect();
                of_email.extend(more);
            }
        }
        Ok((of_email, searched))
    }

    /// What Clio shows of an intent in doubt, and what is to be noted with it.
    async fn lookup_of(
        &self,
        sent: &SentContact,
        doubt: &Versioned<Intent>,
        created: &[Contact],
        of_email: &[Candidate],
    ) -> Result<(Lookup, Vec<Note>)> {
        let intent = &doubt.value;
        let mut notes = Vec::new();
        let lookup = match choose(of_email, self.settings.on_name_mismatch) {
            Choice::This(clio, said) => {
                notes = said;
                Lookup::Found(clio)
            }
            Choice::Ask(candidates) => Lookup::Review(candidates),
            // It would have been found by its email, unless it was sent with another one: what was
            // sent was lost with the intent.
            Choice::Nobody if sent.email.is_some() && (!intent.is_recovered() || mutated!(CorrectedClient)) => {
                Lookup::Miss
            }
            Choice::Nobody => {
                let free = self.free_contacts(created, intent).await?;
                let after = intent::created_after(self.ctx, &self.order.scope.firm, intent, doubt.due_at).await?;
                after.lookup(|after| {
                    let of_email = |contact: &&&Contact| of_email.iter().any(|one| one.clio == contact.id);
                    let renamed = free.iter().filter(|contact| dedupe::is_after(contact.created_at, after));
                    // Of the email and of another name: ours perhaps, if the client was called
                    // otherwise then.
                    match renamed.filter(of_email).map(|contact| contact.id).collect::<Vec<_>>() {
                        renamed if renamed.is_empty() => {
                            dedupe::lookup_contact(sent, &free, after, intent.is_recovered())
                        }
                        renamed => Lookup::Review(renamed),
                    }
                })
            }
        };
        Ok((lookup, notes))
    }

    /// Those that are no client's, and that no admin said to be somebody else.
    async fn free_contacts<'a>(&self, contacts: &'a [Contact], intent: &Intent) -> Result<Vec<&'a Contact>> {
        let mut free = Vec::new();
        for contact in contacts {
            let owner =
                link_record::is_owned(&self.ctx.repository, &self.order.scope, link_record::CONTACTS, contact.id)
                    .await?;
            if owner.is_none() && !intent.excludes(contact.id) {
                free.push(contact);
            }
        }
        Ok(free)
    }

    /// What the commit of a contact's link looks at, read at once.
    async fn read_to_link(&self, client: &ClientId, clio: ClioId) -> Result<Repository> {
        let scope = &self.order.scope;
        let keys = [
            duplicate_check::contact_key(scope, client),
            MaintenanceTask::SecondRecords.key(self.firm),
            known_key(scope, clio),
            link_record::owner_key(scope, link_record::CONTACTS, clio),
        ];
        self.ctx.repository.reading(&keys).await
    }

    /// Notes whose contact this is, unless another CaseHug client's: contacts of one email may be
    /// shared.
    pub(crate) async fn own_contact(
        &self,
        repository: &Repository,
        transaction: &mut crate::store::Transaction,
        clio: ClioId,
        shown: Option<&Contact>,
        client: &ClientId,
    ) -> Result<()> {
        if let Some(shown) = shown {
            note_known(repository, &self.ctx.keyring, transaction, &self.order.scope, shown).await?;
        }
        let key = link_record::owner_key(&self.order.scope, link_record::CONTACTS, clio);
        match link_record::is_owned(repository, &self.order.scope, link_record::CONTACTS, clio).await? {
            Some(version) => transaction.check(key, Expect::Version(version)),
            None => {
                transaction.put(key, Expect::Absent, &Owner { owner: client.to_string() })?;
            }
        }
        Ok(())
    }
}

/// What is linked, and what is known of it.
struct Found<'a> {
    clio: ClioId,
    shown: Option<&'a Contact>,
    how: How,
    notes: Vec<Note>,
    /// So many contacts match.
    matches: usize,
}

/// Persons in which this address occurs somehow. An international domain may stand in Clio in
/// either spelling.
pub(crate) async fn search_persons(client_api: &ApiClient<'_>, email: &str) -> Result<Vec<Contact>> {
    let mut found = client_api.all_pages(contacts::search_email(email)).await.map_err(refused)?;
    if let Some(other) = Address::parse(email).and_then(|address| address.other_spelling()) {
        found.extend(client_api.all_pages(contacts::search_email(&other)).await.map_err(refused)?);
    }
    Ok(found)
}
