//! A recheck at what Clio may have executed after it was given up.
//!
//! **Problem.** A miss once it is settled counts because Clio executes a request within
//! `late_execution_window` of our giving up on it. Should it ever take longer, the record that we
//! gave up on comes to be beside the one that was sent in its stead, and nothing here would ever
//! know. The same where an admin, or a match by email, closed a doubt before its request was over.
//!
//! Nor would anybody know of a contact that a person made in Clio moments before ours, and that
//! Clio's search did not show yet when we looked for the email.
//!
//! **Model.** What releases or closes such an intent, or links a new contact that has an email,
//! writes the record's `repeated/` record in the same commit: the intents as they were, due a
//! `late_execution_window` later. Once the record is linked, Clio is asked once more: for persons
//! of the same email; or, without one, for what equals what was sent and was created after the
//! intent. What of that is nobody's, and is found twice in a row, is told: to the host, in the
//! audit log, the matter's state, the sync log and on the card. (Once is not enough: another
//! matter's run may just be about to link it.) Nothing is changed in Clio: which of two records
//! stays is for a person to decide.
//!
//! **Failure cases.** While the record is not linked there can be no second one of it, and while
//! Clio does not answer nothing is known: the look is deferred, ever longer, and given up
//! after a week, because it holds a client's sealed text. If the data key of an intent went with
//! its connection, what was sent is not known any more, and there is no look.

use crate::links::intent;
use crate::links::intent::open_intent;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::contact::search_persons;
use super::same_email::named;
use crate::calls::budget::Class;
use crate::calls::call::ApiClient;
use crate::calls::{Context, refused};
use crate::clio::{contacts, matters};
use crate::connection::AccountScope;
use crate::crypto::LostKeys;
use crate::domain::report::StepKind;
use crate::domain::{ClientId, ClioId, ConnectionId, FirmId, MatterId, Timestamp};
use crate::error::{Code, Detail, Result};
use crate::links::dedupe::{SentContact, SentMatter};
use crate::links::link_record::{Intent, LinkRecord, committed_at};
use crate::links::names::Name;
use crate::links::second_record::SecondRecord;
use crate::links::{dedupe, link_record, second_record};
use crate::ports::{Commit, Expect, Key, Order, Record, Scan};
use crate::store::{
    Action, AuditEntry, AuditStatus, Event, EventBody, MaintenanceTask, Repository, Transaction, Versioned, decode,
    schedule_within,
};

/// The collection of looks.
pub(crate) const REPEATED: &str = "repeated";
/// How long it is tried.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Looks of one pass that may ask Clio, and the time until the next pass.
const AT_ONCE: usize = 20;
const NEXT_PASS: Duration = Duration::from_secs(5);
/// Records of one pass. Those behind them have their turn when some of these are through.
const PASS: usize = 1_000;
/// Intents of one look: the first ones, and the latest.
const MOST_INTENTS: usize = 4;

/// `repeated/<contact or matter>/<id>`, due when Clio is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DuplicateCheck {
    link_record: Sent,
    /// In the order in which they were sent.
    intents: Vec<Intent>,
    /// What the last look found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    suspects: Vec<ClioId>,
    /// How often in a row it was deferred.
    #[serde(default)]
    defer: u32,
}

/// What was sent, as far as it can be opened: each text once, with its first intent.
enum Texts<'a> {
    Contacts(Vec<(SentContact, &'a Intent)>),
    Matters(Vec<(SentMatter, &'a Intent)>),
}

/// What a look finds.
enum Found {
    /// Nobody will ever know: its time is over, or no text can be opened any more.
    Over,
    /// The record is not linked yet.
    NotLinked,
    /// What the record is linked to, and what in Clio equals what was sent, came after its intent,
    /// and is nobody's.
    Linked(ClioId, Vec<ClioId>),
}

/// What may be in Clio twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sent {
    Contact(ClientId),
    Matter(MatterId),
}

impl Sent {
    /// What an intent's key stands for. `None`: of another set of links than these, or no such
    /// thing.
    fn of(scope: &AccountScope, key: &Key) -> Result<Option<Self>> {
        let Some(id) = scope.strip(&key.id) else { return Ok(None) };
        Ok(match key.collection {
            link_record::CONTACTS => Some(Self::Contact(ClientId::new(id)?)),
            link_record::MATTERS => Some(Self::Matter(MatterId::new(id)?)),
            _ => None,
        })
    }

    fn key(&self, scope: &AccountScope) -> Key {
        match self {
            Self::Contact(client) => link_record::contact_key(scope, client),
            Self::Matter(matter) => link_record::matter_key(scope, matter),
        }
    }

    fn look_key(&self, scope: &AccountScope) -> Key {
        match self {
            Self::Contact(client) => contact_key(scope, client),
            Self::Matter(matter) => scope.key(REPEATED, format_args!("matter/{matter}")),
        }
    }

    fn step(&self) -> StepKind {
        match self {
            Self::Contact(_) => StepKind::Contact,
            Self::Matter(_) => StepKind::Matter,
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Contact(client) => client.as_str(),
            Self::Matter(matter) => matter.as_str(),
        }
    }

    /// Adds to the commit of a look what it found.
    fn tell(&self, transaction: &mut Transaction, clio: ClioId, others: Vec<ClioId>) {
        let ids: Vec<String> = others.iter().map(ToString::to_string).collect();
        let entry = AuditEntry::by_system(Action::SecondRecord, AuditStatus::Noted);
        let entry = entry.with("clio", clio).with("others", ids.join(" "));
        let step = self.step().name().to_owned();
        let body = EventBody::SecondRecord { step, id: self.id().to_owned(), clio, others };
        let (entry, event) = match self {
            Self::Contact(client) => (entry.with("client", client), Event::about_contact(client, body)),
            Self::Matter(matter) => (entry.with("matter", matter), Event::about_matter(matter, body)),
        };
        transaction.audit(entry);
        transaction.event(event);
    }
}

/// The connections whose data keys seal what is looked for.
pub(crate) async fn looks_sealed_with(repository: &Repository, firm: &FirmId) -> Result<Vec<ConnectionId>> {
    let looks = repository.list::<DuplicateCheck>(firm, REPEATED, "").await?;
    Ok(looks.into_iter().flat_map(|(_, look)| look.value.intents).map(|intent| intent.connection).collect())
}

/// Whether all that a look would look for is lost with its key.
pub(crate) fn is_lost(record: Record, lost: &LostKeys) -> Result<bool> {
    Ok(decode::<DuplicateCheck>(record)?.value.intents.iter().all(|intent| lost.sealed(&intent.connection)))
}

impl DuplicateCheck {
    fn is_over(&self, now: Timestamp) -> bool {
        let latest = self.intents.last().and_then(|latest| latest.committed_at);
        latest.is_none_or(|committed_at| committed_at + KEPT < now)
    }

    /// Puts it off: gives for how long.
    fn wait_longer(&mut self, first: Duration) -> Duration {
        let wait = first.saturating_mul(1 << self.defer.min(10));
        self.defer += 1;
        wait.min(LONGEST_WAIT)
    }
}

/// Gives up the looks of accounts that the firm has left, when their time is over.
pub(crate) async fn drop_old_checks(ctx: &Context, firm: &FirmId) -> Result<()> {
    let now = ctx.repository.store_now(firm).await?;
    let (firm, from) = (firm.clone(), String::new());
    let scan = Scan::Ids { firm, collection: REPEATED, from, until: None, order: Order::Ascending, limit: PASS };
    for record in ctx.repository.store().scan(&scan).await? {
        // One that cannot be read is a newer SDK's to give up.
        if serde_json::from_str::<DuplicateCheck>(&record.body).is_ok_and(|look| look.is_over(now)) {
            let mut transaction = ctx.repository.transaction(&record.key.firm)?;
            transaction.delete(record.key, record.version);
            ctx.repository.commit(&transaction).await?;
        }
    }
    Ok(())
}

/// Adds a look at this intent's thing to the commit that releases or closes it, `wait` from now.
pub(crate) async fn look_again_in(
    ctx: &Context,
    transaction: &mut Transaction,
    scope: &AccountScope,
    key: &Key,
    doubt: &Versioned<Intent>,
    wait: Duration,
) -> Result<()> {
    let Some(link_record) = Sent::of(scope, key)?.filter(|_| !doubt.value.is_recovered()) else { return Ok(()) };
    let record = link_record.look_key(scope);
    let known = ctx.repository.store().get(&record).await?;
    let expect = known.as_ref().map_or(Expect::Absent, |known| Expect::Version(known.version.clone()));
    // One that cannot be read must not stand in the way of what is sent now.
    let known = known.and_then(|known| serde_json::from_str::<DuplicateCheck>(&known.body).ok());
    let mut intents = known.map_or_else(Vec::new, |known| known.intents);
    intents.truncate(MOST_INTENTS - 1);
    let committed_at = committed_at(&doubt.value, doubt.due_at);
    intents.push(Intent { committed_at, ..doubt.value.clone() });
    transaction.put_due(
        record,
        expect,
        Some(wait),
        &DuplicateCheck { link_record, intents, suspects: Vec::new(), defer: 0 },
    )?;
    schedule_within(&ctx.repository, transaction, MaintenanceTask::SecondRecords, wait).await
}

/// The look after a contact, if there is to be one.
pub(crate) fn contact_key(scope: &AccountScope, client: &ClientId) -> Key {
    scope.key(REPEATED, format_args!("contact/{client}"))
}

/// Takes the looks that are due. Gives when the next one is.
pub(crate) async fn recheck_for_duplicates(ctx: &Context, firm: &FirmId) -> Result<Option<Duration>> {
    let scope = AccountScope::current(&ctx.repository, firm).await?;
    // The character after the slash ends the prefix.
    let (from, until) = (scope.id(""), Some(format!("{}0", scope.set.as_str())));
    let scan =
        Scan::Ids { firm: firm.clone(), collection: REPEATED, from, until, order: Order::Ascending, limit: PASS };
    let now = ctx.repository.store_now(firm).await?;
    let (mut next, mut looked): (Option<Duration>, usize) = (None, 0);
    for record in ctx.repository.store().scan(&scan).await? {
        let wait = match record.due_at.map(|due| now.until(due)) {
            Some(left) if !left.is_zero() => Some(left),
            _ if looked == AT_ONCE => Some(NEXT_PASS),
            _ => {
                looked += 1;
                recheck(ctx, &scope, record, now).await?
            }
        };
        next = next.into_iter().chain(wait).min();
    }
    Ok(next.into_iter().chain(second_record::ask_for_second_records(ctx, &scope).await?).min())
}

/// Takes one look. Gives when there is to be another.
async fn recheck(ctx: &Context, scope: &AccountScope, record: Record, now: Timestamp) -> Result<Option<Duration>> {
    let (failures, firm) = (ctx.repository.failures(), &scope.firm);
    let name = format!("look {firm} {}", record.key.id);
    let Ok(mut look) = serde_json::from_str::<DuplicateCheck>(&record.body) else {
        if failures.is_news(name, Code::StoreCorrupt) {
            tracing::error!(%firm, code = Code::StoreCorrupt.name(), "a recheck for a second record cannot be read");
        }
        return Ok(None);
    };
    let mut transaction = ctx.repository.transaction(&scope.firm)?;
    let wait = match find_duplicates(ctx, scope, &look, now).await {
        Ok(Found::NotLinked) => Some(look.wait_longer(ctx.config.recheck_after())),
        Ok(Found::Over) => None,
        Ok(Found::Linked(_, others)) if others.is_empty() => None,
        Ok(Found::Linked(clio, others)) => {
            let (twice, new): (Vec<_>, Vec<_>) = others.into_iter().partition(|one| look.suspects.contains(one));
            if twice.is_empty() {
                // Until the next look whoever is creating one of them has linked it.
                look.suspects = new;
                Some(ctx.config.late_execution_window() + ctx.config.index_delay + ctx.config.late_execution_window)
            } else {
                let found = SecondRecord {
                    step: look.link_record.step(),
                    id: look.link_record.id().to_owned(),
                    clio,
                    others: twice.clone(),
                    at: ctx.runtime.now(),
                };
                second_record::note(&ctx.repository, &mut transaction, scope, found).await?;
                look.link_record.tell(&mut transaction, clio, twice);
                None
            }
        }
        Err(error) => {
            if failures.is_news(&name, error.code()) {
                tracing::warn!(%firm, code = error.code().name(), "a recheck for a second record failed");
            }
            Some(look.wait_longer(ctx.config.recheck_after()))
        }
    };
    match wait {
        None => {
            failures.works(&name);
            transaction.delete(record.key, record.version);
        }
        Some(wait) => {
            transaction.put_due(record.key, Expect::Version(record.version), Some(wait), &look)?;
        }
    }
    // A conflict: another worker looked, or it was sent once more, in this moment.
    Ok(match ctx.repository.commit(&transaction).await? {
        Commit::Done { .. } => wait,
        Commit::Conflict => Some(ctx.config.recheck_after()),
    })
}

async fn find_duplicates(ctx: &Context, scope: &AccountScope, look: &DuplicateCheck, now: Timestamp) -> Result<Found> {
    let key = look.link_record.key(scope);
    let texts = match look.link_record {
        Sent::Contact(_) => Texts::Contacts(texts(ctx, &key, &look.intents).await?),
        Sent::Matter(_) => Texts::Matters(texts(ctx, &key, &look.intents).await?),
    };
    let known = match &texts {
        Texts::Contacts(texts) => texts.len(),
        Texts::Matters(texts) => texts.len(),
    };
    if known == 0 || look.is_over(now) {
        return Ok(Found::Over);
    }
    let Some(Versioned { value: LinkRecord::Link(link), .. }) = ctx.repository.get::<LinkRecord>(&key).await? else {
        return Ok(Found::NotLinked);
    };
    let client_api = ApiClient::of_firm(ctx, scope, Class::Bulk);
    let mut equal = match &texts {
        Texts::Contacts(texts) => equal_contacts(ctx, &scope.firm, &client_api, texts).await?,
        Texts::Matters(texts) => equal_matters(ctx, &scope.firm, &client_api, texts).await?,
    };
    equal.sort_unstable();
    equal.dedup();
    let mut others = Vec::new();
    for clio in equal {
        let known = clio == link.clio || look.intents.iter().any(|intent| intent.excludes(clio));
        if !known
            && link_record::is_owned(&ctx.repository, scope, look.link_record.step().name(), clio).await?.is_none()
        {
            others.push(clio);
        }
    }
    Ok(Found::Linked(link.clio, others))
}

/// Who in Clio equals a person that was sent: by email where one was sent, else by when it was
/// created. Somebody of another name is no second record, whoever was linked: those who are told
/// that two are the same merge them.
async fn equal_contacts(
    ctx: &Context,
    firm: &FirmId,
    client_api: &ApiClient<'_>,
    texts: &[(SentContact, &Intent)],
) -> Result<Vec<ClioId>> {
    let mut equal = Vec::new();
    for (sent, intent) in texts {
        if let Some(email) = &sent.email {
            let found = search_persons(client_api, email).await?;
            let name = Name::new(&sent.first_name, &sent.last_name);
            let found = named(&found, &dedupe::persons_with_email(&found, email), &name);
            let same = found.into_iter().filter(|one| one.agrees);
            equal.extend(same.map(|one| one.clio));
            continue;
        }
        let since = intent::created_after(ctx, firm, intent, None).await?;
        let found = client_api.all_pages(contacts::created_since(since.possible)).await.map_err(refused)?;
        let after = intent::created_after(ctx, firm, intent, None).await?.certain;
        let found = found.iter().filter(|one| dedupe::is_after(one.created_at, after));
        equal.extend(found.filter(|one| dedupe::is_contact(sent, one)).map(|one| one.id));
    }
    Ok(equal)
}

/// Which matters of the client equal one that was sent, and were created after it.
async fn equal_matters(
    ctx: &Context,
    firm: &FirmId,
    client_api: &ApiClient<'_>,
    texts: &[(SentMatter, &Intent)],
) -> Result<Vec<ClioId>> {
    let mut equal = Vec::new();
    for (sent, intent) in texts {
        let since = intent::created_after(ctx, firm, intent, None).await?;
        let list = matters::of_client_since(sent.client, Some(since.possible));
        let found = client_api.all_pages(list).await.map_err(refused)?;
        let after = intent::created_after(ctx, firm, intent, None).await?.certain;
        let found = found.iter().filter(|one| dedupe::is_after(one.created_at, after));
        equal.extend(found.filter(|one| dedupe::is_matter(sent, one)).map(|one| one.id));
    }
    Ok(equal)
}

/// What can be opened of the intents' texts, each once.
async fn texts<'a, N: serde::de::DeserializeOwned + PartialEq>(
    ctx: &Context,
    key: &Key,
    intents: &'a [Intent],
) -> Result<Vec<(N, &'a Intent)>> {
    let mut texts = Vec::<(N, &Intent)>::new();
    for intent in intents {
        match open_intent::<N>(ctx, key, intent).await {
            Ok(text) if texts.iter().any(|(known, _)| *known == text) => {}
            Ok(text) => texts.push((text, intent)),
            Err(error) if error.is(Detail::NoDataKey) || error.code() == Code::SealBroken => {}
            Err(error) => return Err(error),
        }
    }
    Ok(texts)
}
