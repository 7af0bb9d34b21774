//! What admins do about the connection: connect, disconnect, come back; and what must hold of a
//! firm that is disconnected.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casehug_clio::ports::{HttpRequest, Key, Method};
use casehug_clio::{Actor, Code, ConnectionInfo, Result, Sdk};
use clio_sim::Rotation;
use clio_sim::model::Request;
use serde_json::Value;

use crate::hooks::{PUBLIC_URL, lock};
use crate::net::{Clio, Faults};
use crate::scenario::Event;
use crate::world::World;
use crate::{HOST, Simulation};

/// How long an admin waits before trying again.
const AGAIN: Duration = Duration::from_secs(3);
/// Longer than an attempt of which nothing came is left, and what its sweep waits for.
const SWEPT: Duration = Duration::from_secs(1200);
/// An attempt's time ends on the database's clock, which is set back by up to twelve hours in all.
const SWEPT_THOUGH_SET_BACK: Duration = Duration::from_secs(13 * 3600);
/// Between reading that there is a connection and sending lie a few accesses of the database.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// What admins did about the connection, seen from outside.
#[derive(Clone, Default)]
pub struct Ties(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// The last disconnect: when it was called, and when it had been answered.
    ended: Option<(Duration, Duration)>,
    /// When an admin last came back from Clio's consent page.
    returned: Option<Duration>,
    /// Grows whenever an admin decides otherwise: nobody goes on with what an earlier decision
    /// asked for.
    decisions: u64,
    /// The access token that a code was last exchanged for.
    exchanged: Option<String>,
    /// All of them.
    heard: Vec<String>,
    grants: Vec<Grant>,
    /// Tokens of grants that were given back.
    dead: Vec<String>,
}

/// What a connection rests on.
struct Grant {
    connection: String,
    /// Its first access token.
    token: String,
}

impl fmt::Debug for Ties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ties")
    }
}

impl Ties {
    /// A code was exchanged, and whoever asked got this answer.
    pub fn exchanged(&self, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut known = lock(&self.0);
        known.exchanged = answer["access_token"].as_str().map(str::to_owned);
        let token = known.exchanged.clone();
        known.heard.extend(token);
    }

    /// Whether the firm has been told at this time that it is disconnected, and nobody has begun to
    /// connect since that was asked for.
    #[must_use]
    pub fn are_cut(&self, now: Duration) -> bool {
        let known = lock(&self.0);
        known.ended.is_some_and(|(called, answered)| answered < now && known.returned.is_none_or(|at| at < called))
    }

    /// After a restore nobody knows any more what was decided, nor what was granted since the
    /// backup.
    pub fn forget(&self) {
        let mut known = lock(&self.0);
        (known.ended, known.decisions) = (None, known.decisions + 1);
        known.grants.clear();
    }

    fn decide(&self) -> u64 {
        let mut known = lock(&self.0);
        known.decisions += 1;
        known.decisions
    }

    fn stands(&self, decision: u64) -> bool {
        lock(&self.0).decisions == decision
    }
}

/// Whether a request creates something in Clio, or makes it visible.
#[must_use]
pub fn creates(request: &HttpRequest) -> bool {
    let path = request.url.path();
    let records = ["contacts", "matters", "documents", "webhooks"];
    match request.method {
        Method::Post => records.iter().any(|records| path.ends_with(&format!("/api/v4/{records}.json"))),
        Method::Patch => path.contains("/api/v4/documents/"),
        _ => false,
    }
}

/// The checks of one process, which may not know yet that its firm was disconnected.
#[derive(Clone, Debug, Default)]
pub struct Sight(Arc<Mutex<Option<Duration>>>);

impl Sight {
    /// It read the connection's record.
    pub fn saw(&self, ran: Duration, key: &Key, body: Option<&str>) {
        if key.collection == "connection" && body.is_some_and(|body| !is(body, "revoking") && !is(body, "disconnected"))
        {
            *lock(&self.0) = Some(ran);
        }
    }

    /// Whether what it sends now may rest on what it read.
    #[must_use]
    pub fn is_fresh(&self, ran: Duration) -> bool {
        lock(&self.0).is_some_and(|saw| ran.saturating_sub(saw) <= ON_ITS_WAY)
    }
}

fn is(body: &str, state: &str) -> bool {
    body.contains(&format!("\"state\":\"{state}\""))
}

/// From the settings page to Clio's consent page and back.
async fn connect(
    host: Arc<Sdk>,
    admin: Actor,
    world: World,
    clio: Clio,
    ties: Ties,
    faults: Faults,
) -> Result<ConnectionInfo> {
    let start = host.firm(&admin).connection().begin("http://127.0.0.1:9/callback").await?;
    let target = &start.authorize_url[url::Position::BeforePath..];
    let request = Request::new("GET", target).with_header("user-agent", "browser");
    let answer = clio.model().handle(world.unix_ms(), &request);
    let location = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
    let query = location.and_then(|(_, url)| url.split_once('?')).map_or("", |(_, query)| query);
    lock(&ties.0).returned = Some(world.now());
    let leaves = faults.happens(&world);
    let connection = match world.asked(host.firm(&admin).connection().finish(query), leaves).await {
        Some(connected) => connected?,
        // The browser lost its connection, and asks again.
        None => host.firm(&admin).connection().finish(query).await?,
    };
    let mut known = lock(&ties.0);
    if let Some(token) = known.exchanged.take() {
        known.grants.push(Grant { connection: connection.id.to_string(), token });
    }
    Ok(connection)
}

impl Simulation {
    /// An admin connects; nothing may keep them from it.
    pub(crate) fn connect(&self) -> Result<(), String> {
        let (host, admin) = (self.host()?, self.admin()?);
        self.ties.decide();
        let connecting =
            connect(host, admin, self.world.clone(), self.clio.clone(), self.ties.clone(), self.faults.clone());
        self.wait(connecting)?.map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    /// An admin comes back from Clio, whatever goes wrong meanwhile, until it works or another
    /// admin decides otherwise.
    pub(crate) fn reconnect(&self) -> Result<(), String> {
        self.nothing_is_left_unless_it_says_so()?;
        let (host, admin, asking) = (self.host()?, self.admin()?, Arc::clone(&self.asking));
        let (world, clio, ties, decision) =
            (self.world.clone(), self.clio.clone(), self.ties.clone(), self.ties.decide());
        let faults = self.faults.clone();
        self.world.spawn(HOST, async move {
            while ties.stands(decision) {
                let (host, faults) = (Arc::clone(&host), faults.clone());
                match connect(host, admin.clone(), world.clone(), clio.clone(), ties.clone(), faults).await {
                    Ok(_) => break,
                    Err(error) => world.tell(|| format!("connecting: {error:?}")),
                }
                world.sleep(AGAIN).await;
            }
            drop(asking);
        });
        Ok(())
    }

    /// An admin disconnects, and says so until it was taken.
    pub(crate) fn disconnect(&self) -> Result<(), String> {
        let (host, admin, asking) = (self.host()?, self.admin()?, Arc::clone(&self.asking));
        let (world, ties, decision) = (self.world.clone(), self.ties.clone(), self.ties.decide());
        let (faults, asked, store, firm) =
            (self.faults.clone(), self.asked.clone(), self.store.clone(), self.firm.clone());
        self.world.spawn(HOST, async move {
            while ties.stands(decision) {
                let called = world.now();
                let leaves = faults.happens(&world);
                let Some(ended) = world.asked(host.firm(&admin).connection().end(None), leaves).await else { continue };
                match ended {
                    Ok(connection) => {
                        world.tell(|| format!("disconnected: {connection:?}"));
                        if ties.stands(decision) {
                            lock(&ties.0).ended = Some((called, world.now()));
                            asked.cut(&store, &firm);
                        }
                        break;
                    }
                    Err(error) if error.code() == Code::NotConnected => break,
                    Err(error) => world.tell(|| format!("disconnecting: {error:?}")),
                }
                world.sleep(AGAIN).await;
            }
            drop(asking);
        });
        Ok(())
    }

    /// The connection's record, as it is in the database.
    pub(crate) fn connection_record(&self) -> Value {
        let body = self.store.body(&Key::new(&self.firm, "connection", "current"));
        body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default()
    }

    /// Once a firm is disconnected, Clio honours none of its tokens and delivers nothing to us,
    /// unless the connection's record says otherwise.
    pub(crate) fn nothing_is_left_unless_it_says_so(&self) -> Result<(), String> {
        let record = self.connection_record();
        if record["state"] != "disconnected" {
            return Ok(());
        }
        if !record["unrevoked"].is_null() {
            return if self.all_could_be_given_back() {
                Err(format!("nothing was in the way: {record}"))
            } else {
                Ok(())
            };
        }
        let mut known = lock(&self.ties.0);
        let id = record["id"].as_str().unwrap_or_default();
        // None: nobody heard that it had been connected, and so nobody knows which grant it is.
        let Some(place) = known.grants.iter().position(|grant| grant.connection == id) else { return Ok(()) };
        // Those that it replaced as well, back to one of which the audit log says that it could not
        // be given back.
        let told = self.told_unrevoked();
        let known_ones = known.grants[..place].iter().rev();
        let replaced = known_ones.take_while(|grant| !told.contains(&grant.connection)).count();
        let first = if told.iter().all(|id| known.grants.iter().any(|grant| grant.connection == *id)) {
            place - replaced
        } else {
            place
        };
        let (now, model) = (self.world.unix_ms(), self.clio.model());
        let mut ours = model.subscriptions(now).filter(|url| url.starts_with(PUBLIC_URL));
        if let Some(url) = ours.next() {
            return Err(format!("disconnected, and this subscription is left: {url}"));
        }
        // Of a refresh token whose replacement was lost on its way nobody can give back what it
        // became.
        if self.scenario.rotation == Rotation::AtOnce {
            return Ok(());
        }
        for grant in &known.grants[first..=place] {
            if model.grant_works(now, &grant.token) {
                return Err(format!("disconnected, and a token of {}'s grant works", grant.connection));
            }
        }
        let dead: Vec<String> = known.grants[first..=place].iter().map(|grant| grant.token.clone()).collect();
        known.dead.extend(dead);
        Ok(())
    }

    /// The firm disconnects in the end. Of every grant that somebody heard of nothing is left,
    /// whatever became of its attempt.
    pub(crate) fn nothing_is_left_after_a_disconnect(&self) -> Result<(), String> {
        let connected = |event: &Event| matches!(event, Event::Reconnect);
        let simple = self.scenario.rotation != Rotation::AtOnce && !self.scenario.refresh_outlives;
        if self.restored || !simple || !self.scenario.has(connected) {
            return Ok(());
        }
        self.disconnect()?;
        // Until the last attempt that came to nothing is swept.
        let set_back = self.scenario.has(|event| matches!(event, Event::StoreClock { .. }));
        let swept = if set_back { SWEPT_THOUGH_SET_BACK } else { SWEPT };
        self.world.run_until(self.world.now() + swept, || false);
        let record = self.connection_record();
        if record["state"] != "disconnected" {
            return Err(format!("nothing was in the way of disconnecting: {record}"));
        }
        if !record["unrevoked"].is_null() || self.told_something_unrevoked() {
            return Ok(());
        }
        let (now, model) = (self.world.unix_ms(), self.clio.model());
        match lock(&self.ties.0).heard.iter().find(|token| model.grant_works(now, token)) {
            Some(token) => Err(format!("a grant that nobody knows of is left: {token}")),
            None => Ok(()),
        }
    }

    fn told_something_unrevoked(&self) -> bool {
        let entries = self.store.dump().into_iter().filter(|(key, _)| key.collection == "audit");
        let entries = entries.filter_map(|(_, body)| serde_json::from_str::<Value>(&body).ok());
        entries.into_iter().any(|entry| !entry["details"]["unrevoked"].is_null())
    }

    /// The connections of which the audit log says that something could not be given back.
    fn told_unrevoked(&self) -> Vec<String> {
        let entries = self.store.dump().into_iter().filter(|(key, _)| key.collection == "audit");
        let entries = entries.filter_map(|(_, body)| serde_json::from_str::<Value>(&body).ok());
        let told = entries.filter(|entry| entry["action"] == "disconnect" && !entry["details"]["unrevoked"].is_null());
        told.filter_map(|entry| entry["details"]["connection"].as_str().map(str::to_owned)).collect()
    }

    /// Nothing went wrong, and nobody came in between.
    fn all_could_be_given_back(&self) -> bool {
        let in_the_way = |event: &Event| {
            matches!(event, Event::Outage { .. } | Event::Reconnect | Event::Restore { .. } | Event::Revoke)
        };
        let scenario = &self.scenario;
        scenario.fault_rate == 0.0 && !scenario.refresh_outlives && !scenario.has(in_the_way)
    }

    /// What was given back stays dead.
    pub(crate) fn what_was_given_back_is_dead(&self) -> Result<(), String> {
        let (now, model) = (self.world.unix_ms(), self.clio.model());
        match lock(&self.ties.0).dead.iter().any(|token| model.grant_works(now, token)) {
            true => Err(String::from("a token of a grant that was given back works again")),
            false => Ok(()),
        }
    }
}
