//! Sending an accepted change to Clio.
//!
//! **Problem.** Between an admin's word and the request may lie minutes: Clio's limit is waited
//! for, and what fails is repeated. Meanwhile another admin may reject the change, or accept it as
//! well.
//!
//! **Model.** Right before each request the proposal must be as this admin accepted it. What was
//! sent, or may have been, is told in the audit log whatever became of the proposal. A caller who
//! leaves or cancels ends nothing; a process that is told to stop gives the proposal back, and
//! that is in the log.

use super::contacts::{Plain, note_known};
use super::proposals::{PROPOSALS, Proposal, open_proposal, reviewed, unknown};
use crate::calls::budget::Class;
use crate::calls::call::Patience;
use crate::calls::{ApiClient, Context, Executed, executed};
use crate::clio::{ApiRequest, CallError, Contact, ContactChange, contacts};
use crate::connection::AccountScope;
use crate::domain::{Actor, Address};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Version};
use crate::store::{AuditStatus, Repository, Versioned};

const MOST_ATTEMPTS: usize = 8;

/// A change that an admin accepted.
pub(super) struct Accepted<'a> {
    pub id: &'a str,
    pub proposal: &'a Proposal,
    /// Of the record that says so.
    pub version: Version,
}

/// What Clio has now.
struct Carried {
    contact: Contact,
    /// Not if it said so before.
    sent: bool,
}

/// Sends it, and writes down what became of it.
pub(super) async fn carry_out(
    ctx: &Context,
    actor: &Actor,
    scope: &AccountScope,
    accepted: &Accepted<'_>,
) -> Result<()> {
    let (id, key) = (accepted.id, scope.key(PROPOSALS, accepted.id));
    let carried = send_change(ctx, scope, accepted).await;
    for _ in 0..MOST_ATTEMPTS {
        let stored = ctx.repository.get::<Proposal>(&key).await?.map(|stored| stored.version);
        let mut transaction = ctx.repository.transaction(&actor.firm)?;
        match &carried {
            // Clio has these values, whoever else decided about them meanwhile.
            Ok(Carried { contact, sent }) => {
                note_known(&ctx.repository, &ctx.keyring, &mut transaction, scope, contact).await?;
                match stored {
                    Some(stored) => transaction.delete(key.clone(), stored),
                    None if *sent => {}
                    None => return Err(unknown()),
                }
                transaction.audit(reviewed(actor, id, AuditStatus::Ok).with("sent", true));
            }
            Err(error) => {
                if stored.as_ref() == Some(&accepted.version) {
                    let expect = Expect::Version(accepted.version.clone());
                    transaction.put(key.clone(), expect, &accepted.proposal.decided(false))?;
                }
                transaction.audit(reviewed(actor, id, AuditStatus::Failed).error(error));
            }
        }
        if matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. }) {
            return carried.map(|_| ());
        }
    }
    Err(Code::StoreConflict.into())
}

async fn send_change(ctx: &Context, scope: &AccountScope, accepted: &Accepted<'_>) -> Result<Carried> {
    let proposal = accepted.proposal;
    let plain = open_proposal(ctx, &scope.firm, accepted.id, proposal).await?;
    let client_api = ApiClient::of_firm(ctx, scope, Class::Waiting);
    let show = async || client_api.repeat(&contacts::show_tagged(proposal.clio)).await.map_err(|failure| failure.error);
    let now = show().await?;
    if says_all(&now, &plain) {
        return Ok(Carried { contact: now, sent: false });
    }
    let tag = tag_of(&now)?;
    if proposal.etag.as_deref() != Some(tag) {
        return Err(Error::new(Code::ClioConflict).with("reason", "changed_since_proposed"));
    }
    let change = ContactChange {
        first_name: &plain.first_name,
        last_name: &plain.last_name,
        email: plain.emails.first().filter(|email| !has_email(&now, email)).map(String::as_str),
        phone: plain.phones.first().filter(|phone| !has_phone(&now, phone)).map(String::as_str),
    };
    let request = contacts::change(proposal.clio, tag, &change)?;
    let failure = match send(ctx, scope, &client_api, accepted, &request).await {
        Ok(contact) => return Ok(Carried { contact, sent: true }),
        Err(failure) => failure,
    };
    // Perhaps it was carried out: an answer that was lost, and the request repeated.
    if (failure.error.code() == Code::ClioConflict || executed(&failure) != Executed::No)
        && let Ok(contact) = show().await
        && says_all(&contact, &plain)
    {
        return Ok(Carried { contact, sent: true });
    }
    Err(failure.error)
}

/// Sends it until it succeeds or cannot, and never once the proposal is another than was accepted.
/// That is asked when there is a place for the request, which then begins soon or not at all.
async fn send(
    ctx: &Context,
    scope: &AccountScope,
    client_api: &ApiClient<'_>,
    accepted: &Accepted<'_>,
    request: &ApiRequest<Contact>,
) -> Result<Contact, CallError> {
    let mut patience = Patience::default();
    let mut doubt = None;
    loop {
        let permit = client_api.ready().await.map_err(CallError::not_sent)?;
        let not_after = ctx.runtime.monotonic() + ctx.config.send_window;
        if let Err(error) = still_accepted(&ctx.repository, scope, accepted).await {
            // An earlier request may have been carried out, and that is to be told.
            return Err(doubt.unwrap_or_else(|| CallError::not_sent(error)));
        }
        match client_api.send_once(permit, request, Some(not_after)).await {
            Ok(contact) => return Ok(contact),
            Err(failed) => {
                if executed(&failed.failure) != Executed::No {
                    doubt = Some(failed.failure.clone());
                }
                client_api.wait_to_repeat(&mut patience, failed).await?;
            }
        }
    }
}

async fn still_accepted(repository: &Repository, scope: &AccountScope, accepted: &Accepted<'_>) -> Result<()> {
    let stored = repository.get::<Proposal>(&scope.key(PROPOSALS, accepted.id)).await?.ok_or_else(unknown)?;
    match stored {
        Versioned { version, .. } if version == accepted.version => Ok(()),
        // Whoever accepted it as well sends it.
        Versioned { value, .. } if value.accepted => Err(Error::new(Code::AlreadyDecided).with("decision", "accepted")),
        Versioned { .. } => Err(Code::StoreConflict.into()),
    }
}

pub(super) fn tag_of(contact: &Contact) -> Result<&str> {
    contact.etag.as_deref().ok_or_else(|| Error::new(Code::ClioAnswerInvalid).with("reason", "no_etag"))
}

fn has_email(contact: &Contact, email: &str) -> bool {
    Address::parse(email).is_some_and(|address| contact.emails().any(|known| address.is(known)))
}

fn has_phone(contact: &Contact, phone: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    contact.phones().any(|known| digits(known) == digits(phone))
}

/// Whether nothing of these values is missing. A name that CaseHug does not have is none.
pub(super) fn says_all(contact: &Contact, plain: &Plain) -> bool {
    let now = Plain::from(contact);
    let has = |known: &str, name: &str| name.is_empty() || known == name;
    has(&now.first_name, &plain.first_name)
        && has(&now.last_name, &plain.last_name)
        && plain.emails.iter().all(|email| has_email(contact, email))
        && plain.phones.iter().all(|phone| has_phone(contact, phone))
}
