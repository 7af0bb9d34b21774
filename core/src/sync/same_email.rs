//! Who of those with the client's address is the client.
//!
//! **Problem.** One mailbox may be two people's. In family law the other one is the opponent, and a
//! file under the wrong contact is a breach.
//!
//! **Model.** An address stands for whoever is known by it: CaseHug's clients that are linked
//! already, each in a `contact-key` record of that address, and the contacts that a search in Clio
//! brings. The one whose name [agrees](crate::links::names) is the client. If several agree, or
//! none does and the firm wants a link, the one with the lowest id is linked, and that is said. If
//! none agrees the firm may also have an admin asked, or a new contact made.
//!
//! An admin is asked about an intent that stands for the question, and for no request
//! (`Intent::question`). It holds no place of the address, so nobody else waits for the answer.

use super::contact::search_persons;
use super::create::Asked;
use super::driver::Driver;
use super::plan_input::EmailDigests;
use crate::calls::Context;
use crate::clio::{Contact, contacts};
use crate::connection::AccountScope;
use crate::contact_review::known_name_agrees;
use crate::domain::report::{Note, StepKind, StepOutcome, StepReport};
use crate::domain::{Address, ClientId, ClioId};
use crate::error::{Error, Result};
use crate::links::link_record::{ContactKey, How, Intent, Link, LinkRecord};
use crate::links::names::Name;
use crate::links::{dedupe, link_record};
use crate::ports::{Commit, Expect};
use crate::settings::OnNameMismatch;
use crate::store::{Action, AuditStatus};

/// One of those with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub clio: ClioId,
    pub agrees: bool,
}

/// Which of them is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// None.
    Nobody,
    /// This one, with what is to be said of it.
    This(ClioId, Vec<Note>),
    /// An admin knows.
    Ask(Vec<ClioId>),
}

/// Goes by names and ids alone, not by who was linked first: after a restore, which loses who was,
/// the same one must be chosen again, or the client's matters would be created once more under the
/// other one.
pub(crate) fn choose(candidates: &[Candidate], policy: OnNameMismatch) -> Choice {
    let several = |count: usize| (count > 1).then_some(Note::SeveralContactsMatch);
    let agreeing = candidates.iter().filter(|one| one.agrees || mutated!(NameCheck)).map(|candidate| candidate.clio);
    if let Some(clio) = agreeing.clone().min() {
        return Choice::This(clio, several(agreeing.count()).into_iter().collect());
    }
    let Some(lowest) = candidates.iter().map(|candidate| candidate.clio).min() else { return Choice::Nobody };
    match policy {
        OnNameMismatch::Create => Choice::Nobody,
        OnNameMismatch::Review => Choice::Ask(candidates.iter().map(|candidate| candidate.clio).collect()),
        OnNameMismatch::Link => {
            let notes = several(candidates.len()).into_iter().chain([Note::NameDiffers]);
            Choice::This(lowest, notes.collect())
        }
    }
}

/// The clients that an address is known by, and the free place beside them.
pub(crate) struct CanonicalContacts {
    pub clients: Vec<ClientId>,
    pub place: String,
}

/// The first one's place is the digest of the address itself; where names differ there may be
/// others.
pub(crate) async fn canonical_contacts(
    ctx: &Context,
    scope: &AccountScope,
    email: &EmailDigests,
) -> Result<CanonicalContacts> {
    let prefix = link_record::email_key(scope, &email.digest);
    let found = ctx.repository.list::<ContactKey>(&scope.firm, prefix.collection, &prefix.id).await?;
    let taken: Vec<&str> = found.iter().filter_map(|(id, _)| scope.strip(id)).collect();
    let places = (0..).map(|n| if n == 0 { email.digest.clone() } else { format!("{}.{n}", email.digest) });
    let place = places.into_iter().find(|place| !taken.contains(&place.as_str())).unwrap_or_default();
    let mut clients: Vec<ClientId> = found.into_iter().map(|(_, stored)| stored.value.client).collect();
    for digest in &email.former {
        if let Some(stored) = ctx.repository.get::<ContactKey>(&link_record::email_key(scope, digest)).await? {
            clients.push(stored.value.client);
        }
    }
    Ok(CanonicalContacts { clients, place })
}

/// What came of looking for the client among those with its address.
pub(crate) enum Sought {
    /// Linked.
    Step(StepReport),
    /// Another run was faster: start over.
    Again,
    /// To be created, and to take this place of the address.
    Nobody(String),
}

impl Driver<'_> {
    /// Links the client to a contact that is there already, if one of its address is the client's.
    pub(crate) async fn person_of_address(
        &mut self,
        address: &Address,
        email: &EmailDigests,
        asked: &Asked,
    ) -> Result<Sought> {
        let client = &self.intake.client;
        let name = Name::new(client.first_name.expose(), client.last_name.expose());
        let (ctx, scope) = (self.ctx, &self.order.scope);
        let CanonicalContacts { clients, place } = canonical_contacts(self.ctx, scope, email).await?;
        let mut shared = Vec::new();
        for other in clients {
            let Some(stored) = ctx.repository.get::<LinkRecord>(&link_record::contact_key(scope, &other)).await? else {
                // Released between the two reads.
                return Ok(Sought::Again);
            };
            let LinkRecord::Link(Link { clio, .. }) = stored.value else {
                self.resolve_contact(&other, stored).await?;
                return Ok(Sought::Again);
            };
            if asked.not.contains(&clio) {
                continue;
            }
            shared.push((clio, known_name_agrees(&ctx.repository, &ctx.keyring, scope, clio, &name).await?));
        }
        // Asked even if one of them agrees: another one in Clio may as well, and who was linked
        // first decides nothing.
        let found = search_persons(&self.client_api, &address.shown()).await?;
        let mut candidates = named(&found, &dedupe::persons_with_email(&found, &address.shown()), &name);
        candidates.retain(|candidate| !asked.not.contains(&candidate.clio));
        let there = candidates.clone();
        for &(clio, known) in shared.iter().filter(|(clio, _)| there.iter().all(|one| one.clio != *clio)) {
            // Merged into another one, or deleted, it must not be preferred to one that is there.
            let replaced = there.iter().any(|one| one.agrees || known == Some(false));
            let agrees = match known {
                Some(agrees) if !replaced => agrees,
                // Or it was linked before names were looked at, and its address is another by now.
                _ => match self.named(&contacts::show(clio)).await? {
                    Some(shown) => known.unwrap_or_else(|| name.agrees(&Name::from(&shown))),
                    None if replaced => continue,
                    // That it is gone is said where it is used.
                    None => true,
                },
            };
            candidates.push(Candidate { clio, agrees });
        }
        match choose(&candidates, self.settings.on_name_mismatch) {
            Choice::Nobody => Ok(Sought::Nobody(place)),
            Choice::Ask(candidates) => self.ask(candidates, asked).await,
            Choice::This(clio, notes) => {
                let is_shared = shared.iter().any(|(shared, _)| *shared == clio);
                let notes = is_shared.then_some(Note::SharedContact).into_iter().chain(notes).collect();
                let shown = found.iter().find(|contact| contact.id == clio);
                let place = (!is_shared).then_some(place.as_str());
                self.link_person(clio, notes, shown, place, asked, candidates.len()).await
            }
        }
    }

    /// Links a contact that is there already. `place`: of the address, if nobody of the client's
    /// name has one.
    async fn link_person(
        &mut self,
        clio: ClioId,
        notes: Vec<Note>,
        shown: Option<&Contact>,
        place: Option<&str>,
        asked: &Asked,
        matches: usize,
    ) -> Result<Sought> {
        let (client, scope) = (&self.intake.client.id, &self.order.scope);
        let step = StepReport::done(StepKind::Contact, client, StepOutcome::Linked, Some(clio)).noting(notes.clone());
        let key = link_record::contact_key(scope, client);
        let mut transaction = self.transaction()?;
        transaction.put(key.clone(), asked.expect(), &self.link(clio, How::Linked, notes))?;
        if asked.version.is_some() {
            self.close_question_in(&mut transaction, &key).await?;
        }
        if let Some(place) = place {
            transaction.put(
                link_record::email_key(scope, place),
                Expect::Absent,
                &ContactKey { client: client.clone() },
            )?;
            self.own_contact(&self.ctx.repository, &mut transaction, clio, shown, client).await?;
        }
        let entry = self.audit(Action::ContactLinked, AuditStatus::Ok, &step);
        transaction.audit(if place.is_some() { entry.with("matches", matches) } else { entry });
        Ok(if self.commit(transaction, &step).await? { Sought::Step(step) } else { Sought::Again })
    }

    /// Has an admin asked which of these is the client, if any.
    async fn ask(&mut self, candidates: Vec<ClioId>, asked: &Asked) -> Result<Sought> {
        let client = &self.intake.client.id;
        let key = link_record::contact_key(&self.order.scope, client);
        let version = match &asked.version {
            Some(version) => version.clone(),
            None => {
                let connection = self.client_api.grant().await?.connection.id.clone();
                let mut transaction = self.transaction()?;
                let question = LinkRecord::Intent(Intent::question(connection, asked.decision()));
                let version = transaction.put(key.clone(), Expect::Absent, &question)?;
                if self.commit_unit(&transaction).await? == Commit::Conflict {
                    return Ok(Sought::Again);
                }
                version
            }
        };
        Err(self.name_differs(client, candidates, (key, version)))
    }

    /// The error of a step that an admin must decide about because of a name.
    pub(crate) fn name_differs(
        &mut self,
        client: &ClientId,
        candidates: Vec<ClioId>,
        intent: (crate::ports::Key, crate::ports::Version),
    ) -> Error {
        self.needs_review(StepKind::Contact, client, candidates, intent).with("reason", Note::NameDiffers.name())
    }
}

/// These contacts, and whether each has this name.
pub(crate) fn named(contacts: &[Contact], ids: &[ClioId], name: &Name) -> Vec<Candidate> {
    let agrees = |clio: ClioId| {
        let mut shown = contacts.iter().filter(|contact| contact.id == clio);
        shown.any(|contact| name.agrees(&Name::from(contact)))
    };
    ids.iter().map(|&clio| Candidate { clio, agrees: agrees(clio) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_whose_name_agrees_is_meant() {
        let all = |list: &[(i64, bool)]| -> Vec<Candidate> {
            list.iter().map(|&(id, agrees)| Candidate { clio: ClioId(id), agrees }).collect()
        };
        let this = |id, notes: &[Note]| Choice::This(ClioId(id), notes.to_vec());
        use Note::{NameDiffers, SeveralContactsMatch};
        for policy in [OnNameMismatch::Link, OnNameMismatch::Review, OnNameMismatch::Create] {
            let chosen = |list: &[(i64, bool)]| choose(&all(list), policy);
            assert_eq!(chosen(&[]), Choice::Nobody);
            assert_eq!(chosen(&[(5, true)]), this(5, &[]));
            assert_eq!(chosen(&[(5, false), (9, true)]), this(9, &[]), "not the lowest, and certain");
            assert_eq!(chosen(&[(9, true), (5, false), (7, true)]), this(7, &[SeveralContactsMatch]));
        }
        let none = all(&[(9, false), (5, false)]);
        assert_eq!(choose(&none, OnNameMismatch::Link), this(5, &[SeveralContactsMatch, NameDiffers]));
        assert_eq!(choose(&none[..1], OnNameMismatch::Link), this(9, &[NameDiffers]));
        assert_eq!(choose(&none, OnNameMismatch::Review), Choice::Ask(vec![ClioId(9), ClioId(5)]));
        assert_eq!(choose(&none, OnNameMismatch::Create), Choice::Nobody);
    }
}
