//! A second look at what Clio may have executed after it was given up.
//!
//! **Problem.** A miss in quiet time counts because Clio executes a request within `settle` of our giving up on it. Should it ever take longer, the record that we gave up on
//! comes to be beside the one that was sent in its stead, and nothing here would ever know. The same where an admin, or a match by email, closed a doubt before its request was over.
//!
//! Nor would anybody know of a contact that a person made in Clio moments before ours, and that Clio's search did not show yet when we looked for the email.
//!
//! **Model.** What releases or closes such an intent, or links a new contact that has an email, writes the thing's `repeated/` record in the same commit: the intents as they were, due a
//! `settle` later. Once the thing is linked, Clio is asked once more: for persons of the same email; or, without one, for what equals what was sent and was created after the intent. What of
//! that is nobody's, and is found twice in a row, is told: to the host, in the audit log, the matter's state, the sync log and on the card. (Once is not enough: another matter's run may just
//! be about to link it.) Nothing is changed in Clio: which of two records stays is for a person to decide.
//!
//! **Failure cases.** While the thing is not linked there can be no second one of it, and while Clio does not answer nothing is known: the look is put off, ever longer, and given up
//! after a week, because it holds a client's sealed text. If the data key of an intent went with its connection, what was sent is not known any more, and there is no look.

use crate::links::intent;
use crate::links::intent::open_intent;
use crate::settings;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::contact::search_persons;
use super::same_email::named;
use crate::calls::budget::Class;
use crate::calls::call::Caller;
use crate::calls::{Context, refused};
use crate::clio::{contacts, matters};
use crate::connection::Links;
use crate::domain::report::StepKind;
use crate::domain::{ClientId, ClioId, ConnectionId, FirmId, MatterId, Timestamp};
use crate::error::{Code, Result};
use crate::links::dedupe::{SentContact, SentMatter};
use crate::links::names::Name;
use crate::links::second_record::SecondRecord;
use crate::links::things::{Intent, Thing, committed_at};
use crate::links::{dedupe, second_record, things};
use crate::ports::{Commit, Expect, Key, Order, Record, Scan};
use crate::settings::OnNameMismatch;
use crate::store::{Action, AuditEntry, AuditStatus, Chore, Event, EventBody, Journal, Stored, Unit, wake_after};

const REPEATED: &str = "repeated";
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
struct Repeated {
    thing: Sent,
    /// In the order in which they were sent.
    intents: Vec<Intent>,
    /// What the last look found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    suspects: Vec<ClioId>,
    /// How often in a row it was put off.
    #[serde(default)]
    put_off: u32,
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
    /// The thing is not linked yet.
    NotLinked,
    /// What the thing is linked to, and what in Clio equals what was sent, came after its intent, and is nobody's.
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
    /// What an intent's key stands for. `None`: of another set of links than these, or no such thing.
    fn of(links: &Links, key: &Key) -> Result<Option<Self>> {
        let Some(id) = links.strip(&key.id) else { return Ok(None) };
        Ok(match key.collection {
            things::CONTACTS => Some(Self::Contact(ClientId::new(id)?)),
            things::MATTERS => Some(Self::Matter(MatterId::new(id)?)),
            _ => None,
        })
    }

    fn key(&self, links: &Links) -> Key {
        match self {
            Self::Contact(client) => things::contact_key(links, client),
            Self::Matter(matter) => things::matter_key(links, matter),
        }
    }

    fn look_key(&self, links: &Links) -> Key {
        match self {
            Self::Contact(client) => links.key(REPEATED, format_args!("contact/{client}")),
            Self::Matter(matter) => links.key(REPEATED, format_args!("matter/{matter}")),
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
    fn tell(&self, unit: &mut Unit, clio: ClioId, others: Vec<ClioId>) {
        let ids: Vec<String> = others.iter().map(ToString::to_string).collect();
        let entry = AuditEntry::by_system(Action::SecondRecord, AuditStatus::Noted);
        let entry = entry.with("clio", clio).with("others", ids.join(" "));
        let step = self.step().name().to_owned();
        let body = EventBody::SecondRecord { step, id: self.id().to_owned(), clio, others };
        let (entry, event) = match self {
            Self::Contact(client) => (entry.with("client", client), Event::about_contact(client, body)),
            Self::Matter(matter) => (entry.with("matter", matter), Event::about_matter(matter, body)),
        };
        unit.audit(entry);
        unit.event(event);
    }
}

/// The connections whose data keys seal what is looked for.
pub(crate) async fn looks_sealed_with(journal: &Journal, firm: &FirmId) -> Result<Vec<ConnectionId>> {
    let looks = journal.list::<Repeated>(firm, REPEATED, "").await?;
    Ok(looks.into_iter().flat_map(|(_, look)| look.value.intents).map(|intent| intent.connection).collect())
}

impl Repeated {
    fn is_over(&self, now: Timestamp) -> bool {
        self.intents.last().is_none_or(|latest| committed_at(latest, None) + KEPT < now)
    }

    /// Puts it off: gives for how long.
    fn wait_longer(&mut self, first: Duration) -> Duration {
        let wait = first.saturating_mul(1 << self.put_off.min(10));
        self.put_off += 1;
        wait.min(LONGEST_WAIT)
    }
}

/// Gives up the looks of accounts that the firm has left, when their time is over.
pub(crate) async fn drop_old_looks(ctx: &Context, firm: &FirmId) -> Result<()> {
    let now = ctx.journal.store_now().await?;
    let (firm, from) = (firm.clone(), String::new());
    let scan = Scan::Ids { firm, collection: REPEATED, from, until: None, order: Order::Ascending, limit: PASS };
    for record in ctx.journal.store().scan(&scan).await? {
        // One that cannot be read is a newer SDK's to give up.
        if serde_json::from_str::<Repeated>(&record.body).is_ok_and(|look| look.is_over(now)) {
            let mut unit = ctx.journal.unit(&record.key.firm)?;
            unit.delete(record.key, record.version);
            ctx.journal.commit(&unit).await?;
        }
    }
    Ok(())
}

/// Adds a look at this intent's thing to the commit that releases or closes it, `wait` from now.
pub(crate) async fn look_again_in(
    ctx: &Context,
    unit: &mut Unit,
    links: &Links,
    key: &Key,
    doubt: &Stored<Intent>,
    wait: Duration,
) -> Result<()> {
    let Some(thing) = Sent::of(links, key)?.filter(|_| !doubt.value.is_recovered()) else { return Ok(()) };
    let record = thing.look_key(links);
    let known = ctx.journal.store().get(&record).await?;
    let expect = known.as_ref().map_or(Expect::Absent, |known| Expect::Version(known.version.clone()));
    // One that cannot be read must not stand in the way of what is sent now.
    let known = known.and_then(|known| serde_json::from_str::<Repeated>(&known.body).ok());
    let mut intents = known.map_or_else(Vec::new, |known| known.intents);
    intents.truncate(MOST_INTENTS - 1);
    let committed_at = Some(committed_at(&doubt.value, doubt.due_at));
    intents.push(Intent { committed_at, ..doubt.value.clone() });
    unit.put_due(record, expect, Some(wait), &Repeated { thing, intents, suspects: Vec::new(), put_off: 0 })?;
    wake_after(&ctx.journal, unit, Chore::SecondRecords, wait).await
}

/// Takes the looks that are due. Gives when the next one is.
pub(crate) async fn look_for_second_records(ctx: &Context, firm: &FirmId) -> Result<Option<Duration>> {
    let links = Links::current(&ctx.journal, firm).await?;
    // The character after the slash ends the prefix.
    let (from, until) = (links.id(""), Some(format!("{}0", links.set.as_str())));
    let scan =
        Scan::Ids { firm: firm.clone(), collection: REPEATED, from, until, order: Order::Ascending, limit: PASS };
    let now = ctx.journal.store_now().await?;
    let (mut next, mut looked): (Option<Duration>, usize) = (None, 0);
    for record in ctx.journal.store().scan(&scan).await? {
        let wait = match record.due_at.map(|due| now.until(due)) {
            Some(left) if !left.is_zero() => Some(left),
            _ if looked == AT_ONCE => Some(NEXT_PASS),
            _ => {
                looked += 1;
                look_for_second(ctx, &links, record, now).await?
            }
        };
        next = next.into_iter().chain(wait).min();
    }
    Ok(next.into_iter().chain(second_record::ask_for_second_records(ctx, &links).await?).min())
}

/// Takes one look. Gives when there is to be another.
async fn look_for_second(ctx: &Context, links: &Links, record: Record, now: Timestamp) -> Result<Option<Duration>> {
    let (told, firm) = (ctx.journal.told(), &links.firm);
    let name = format!("look {firm} {}", record.key.id);
    let Ok(mut look) = serde_json::from_str::<Repeated>(&record.body) else {
        if told.is_news(name, Code::StoreCorrupt) {
            tracing::error!(%firm, code = Code::StoreCorrupt.name(), "a look for a second record cannot be read");
        }
        return Ok(None);
    };
    let mut unit = ctx.journal.unit(&links.firm)?;
    let wait = match seconds(ctx, links, &look, now).await {
        Ok(Found::NotLinked) => Some(look.wait_longer(ctx.config.second_look())),
        Ok(Found::Over) => None,
        Ok(Found::Linked(_, others)) if others.is_empty() => None,
        Ok(Found::Linked(clio, others)) => {
            let (twice, new): (Vec<_>, Vec<_>) = others.into_iter().partition(|one| look.suspects.contains(one));
            if twice.is_empty() {
                // Until the next look whoever is creating one of them has linked it.
                look.suspects = new;
                Some(ctx.config.quiet() + ctx.config.index_delay + ctx.config.settle)
            } else {
                let found = SecondRecord {
                    step: look.thing.step(),
                    id: look.thing.id().to_owned(),
                    clio,
                    others: twice.clone(),
                    at: ctx.runtime.now(),
                };
                second_record::note(&ctx.journal, &mut unit, links, found).await?;
                look.thing.tell(&mut unit, clio, twice);
                None
            }
        }
        Err(error) => {
            if told.is_news(&name, error.code()) {
                tracing::warn!(%firm, code = error.code().name(), "a look for a second record failed");
            }
            Some(look.wait_longer(ctx.config.second_look()))
        }
    };
    match wait {
        None => {
            told.works(&name);
            unit.delete(record.key, record.version);
        }
        Some(wait) => {
            unit.put_due(record.key, Expect::Version(record.version), Some(wait), &look)?;
        }
    }
    // A conflict: another worker looked, or it was sent once more, in this moment.
    Ok(match ctx.journal.commit(&unit).await? {
        Commit::Done { .. } => wait,
        Commit::Conflict => Some(ctx.config.second_look()),
    })
}

async fn seconds(ctx: &Context, links: &Links, look: &Repeated, now: Timestamp) -> Result<Found> {
    let key = look.thing.key(links);
    let texts = match look.thing {
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
    let Some(Stored { value: Thing::Link(link), .. }) = ctx.journal.get::<Thing>(&key).await? else {
        return Ok(Found::NotLinked);
    };
    let caller = Caller::of_firm(ctx, links, Class::Bulk);
    // Where a name that differs makes another person, it makes no second record.
    let policy = settings::load(&ctx.journal, &links.firm).await?.on_name_mismatch;
    let mut equal = Vec::new();
    match &texts {
        Texts::Contacts(texts) => {
            for (sent, intent) in texts {
                if let Some(email) = &sent.email {
                    let found = search_persons(&caller, email).await?;
                    let name = Name::new(&sent.first_name, &sent.last_name);
                    let found = named(&found, &dedupe::persons_with_email(&found, email), &name);
                    let same = found.into_iter().filter(|one| one.agrees || policy == OnNameMismatch::Link);
                    equal.extend(same.map(|one| one.clio));
                    continue;
                }
                let since = intent::created_after(ctx, intent, None).await?;
                let found = caller.all_pages(contacts::created_since(since.possible)).await.map_err(refused)?;
                let after = intent::created_after(ctx, intent, None).await?.certain;
                let found = found.iter().filter(|one| dedupe::is_after(one.created_at, after));
                equal.extend(found.filter(|one| dedupe::is_contact(sent, one)).map(|one| one.id));
            }
        }
        Texts::Matters(texts) => {
            for (sent, intent) in texts {
                let since = intent::created_after(ctx, intent, None).await?;
                let list = matters::of_client_since(sent.client, Some(since.possible));
                let found = caller.all_pages(list).await.map_err(refused)?;
                let after = intent::created_after(ctx, intent, None).await?.certain;
                let found = found.iter().filter(|one| dedupe::is_after(one.created_at, after));
                equal.extend(found.filter(|one| dedupe::is_matter(sent, one)).map(|one| one.id));
            }
        }
    }
    equal.sort_unstable();
    equal.dedup();
    let mut others = Vec::new();
    for clio in equal {
        let known = clio == link.clio || look.intents.iter().any(|intent| intent.excludes(clio));
        if !known && things::is_owned(&ctx.journal, links, look.thing.step().name(), clio).await?.is_none() {
            others.push(clio);
        }
    }
    Ok(Found::Linked(link.clio, others))
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
            Err(error) if error.get("reason") == Some("no_data_key") || error.code() == Code::SealBroken => {}
            Err(error) => return Err(error),
        }
    }
    Ok(texts)
}
