//! Connecting a firm to Clio.
//!
//! **Problem.** One redirect through a browser must end in exactly one working connection or in
//! nothing at all: with two admins at it, with callbacks repeated or forged, and with a crash
//! between any two steps.
//!
//! **Life of a connect.**
//! 1. [`begin`](super::Auth::begin): a one-use state is stored as a digest; the browser goes to
//!    Clio.
//! 2. [`finish`](super::Auth::finish), one commit: the state is used up, a *draft* announces the
//!    new connection, its data key is made.
//! 3. Code for tokens. They are sealed and stored under the new connection's id, where nobody looks
//!    yet, before anything else is asked.
//! 4. With the token: who is it, what can it read, which practice areas are there.
//! 5. One commit: the connection record, the practice areas, the audit entry; the draft is gone.
//!    Now it exists.
//!
//! A caller who leaves ends nothing: what was begun goes on without it (`detached.rs`). A crash
//! before 5 leaves a draft, which a worker or the next [`begin`](super::Auth::begin) sweeps: what
//! Clio granted is given back (`unused.rs`). So there is never a connection without tokens, and a
//! grant of which nobody knows only if the process dies, or the store does not take it, between
//! Clio's answer and the commit of 3; the audit log says that there may be one.
//! Whoever comes with the same state again, within ten minutes, gets the same connection, or hears
//! the same refusal. The record is swapped by version: of two admins at once one connects, the
//! other one gets [`ConnectConflict`](Code::ConnectConflict).
//!
//! **Reconnecting** is the same with an earlier record: same region and same account, or
//! [`AccountMismatch`](Code::AccountMismatch), because saved Clio ids would point into another
//! firm. Links stay; generation, connection id and data key are new. If one side's account is
//! unknown (the app may not read users), a practice area of both, or a linked matter that the new
//! token reads, tells that they are the same: Clio's ids are not reused between accounts. After a
//! disconnect an admin may ask for another account: its links are kept apart (`link_set.rs`).
//!
//! **What is given back.** Tokens that are not kept are deauthorized, always with the new token
//! itself: at once when the account is another one, the plan has no API, or another admin was
//! first. After other failures only if the firm has no earlier connection that is in use: Clio does
//! not say whether deauthorizing one token ends the person's other grants. Then they are kept,
//! sealed with the tokens in use, as a grant that is replaced is with those of its successor, and
//! given back with them.

use crate::store::release_in;
use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Serialize, Serializer};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::attempt::{Attempt, DRAFT_LIFE, Draft, Found, Used};
use super::callback::{Callback, Outcome};
use super::connection_check;
use super::connection_check::ConnectionCheck;
use super::disconnect::is_unreadable;
use super::unused::Occasion;
use crate::calls::budget;
use crate::clio::ClioApi;
use crate::connection::account_scope::ScopeName;
use crate::connection::oauth::{Granted, OAuth};
use crate::connection::tokens::{Replaced, TokenVault, Tokens};
use crate::connection::{Connection, ConnectionState, account_scope};
use crate::crypto::{Keyring, Sealer};
use crate::detached::detached;
use crate::domain::{Actor, ConnectionId, FirmId, Monotonic, Timestamp};
use crate::error::{ALL_CODES, Code, Error, Result, Retry};
use crate::inbound::forget_health;
use crate::ports::{Commit, Expect};
use crate::settings;
use crate::settings::PracticeAreas;
use crate::store::{
    Action, AuditEntry, AuditStatus, MaintenanceTask, Repository, Transaction, Versioned, require_admin, schedule_now,
    schedule_within,
};

/// How long somebody waits for what the same state was used for before.
const LONGEST_JOIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const MOST_ATTEMPTS: usize = 8;

/// Connects firms to Clio.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub repository: Repository,
    pub keyring: Keyring,
    pub vault: TokenVault,
    pub oauth: OAuth,
    pub clio: ClioApi,
    /// When somebody last said that a firm deauthorized us.
    pub reported: Arc<Mutex<HashMap<FirmId, Monotonic>>>,
    /// Where Clio is to post what changes, if this process was told.
    pub webhook_url: Option<Url>,
}

/// Where to send the admin's browser. `Debug` leaves out the URL, which holds the state.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectStart {
    /// Clio's consent page. MUST only be given to the browser of the actor who began.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("x-confidential" = true)))]
    pub authorize_url: Url,
    /// When the attempt ends, on the store's clock.
    pub expires_at: Timestamp,
}

fn as_text<S: Serializer>(url: &Url, serializer: S) -> core::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

impl fmt::Debug for ConnectStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectStart").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Why an attempt ended, and whether the audit log knows already.
struct Ended {
    error: Error,
    audited: bool,
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self { error, audited: false }
    }
}

/// Why a grant was not kept.
pub(super) struct Failed {
    pub error: Error,
    pub occasion: Occasion,
}

impl Connect {
    pub async fn begin(&self, actor: &Actor, redirect_uri: &str, separate: bool) -> Result<ConnectStart> {
        require_admin(&self.repository, actor, &actor.firm, "connect").await?;
        // What it would seal, those with the right key could not open.
        self.keyring.prove(&actor.firm).await?;
        let redirect_uri = redirect_target(redirect_uri)?;
        if separate {
            self.require_ended(&actor.firm).await?;
        }
        if let Err(error) = self.sweep(&actor.firm).await {
            // Leftovers are harmless, and due again.
            tracing::warn!(firm = %actor.firm, code = error.code().name(), "leftovers of earlier attempts were not swept");
        }
        let (state, expires_at) = Attempt::begin(&self.repository, actor, &redirect_uri, separate).await?;
        let verifier = self.verifier(&actor.firm, &state).await?;
        let authorize_url = self.oauth.authorize_url(&redirect_uri, &state, &verifier);
        Ok(ConnectStart { authorize_url, expires_at })
    }

    /// Whatever becomes of the caller, what is begun here is finished.
    pub async fn finish(&self, actor: &Actor, callback_query: &str) -> Result<Connection> {
        let (this, actor, query) = (self.clone(), actor.clone(), Zeroizing::new(callback_query.to_owned()));
        detached(self.repository.runtime(), async move { this.finish_audited(&actor, &query).await }).await
    }

    async fn finish_audited(&self, actor: &Actor, query: &str) -> Result<Connection> {
        require_admin(&self.repository, actor, &actor.firm, "connect").await?;
        let Ended { error, audited } = match self.finish_inner(actor, query).await {
            Ok(connection) => return Ok(connection),
            Err(ended) => ended,
        };
        let error = error.retry_as(Retry::Never);
        if audited {
            return Err(error);
        }
        let mut transaction = self.repository.transaction(&actor.firm)?;
        transaction.audit(AuditEntry::by(&actor.id, Action::Connect, AuditStatus::Failed).error(&error));
        match self.repository.commit_or_conflict(&transaction).await {
            Ok(_) => Err(error),
            Err(audit) => Err(error.caused_by(audit)),
        }
    }

    async fn finish_inner(&self, actor: &Actor, query: &str) -> Result<Connection, Ended> {
        // Nothing is used up: a process with the right key may be asked instead.
        self.keyring.prove(&actor.firm).await?;
        let callback = Callback::parse(query)?;
        for _ in 0..MOST_ATTEMPTS {
            let attempt = match Attempt::find(&self.repository, actor, &callback.state).await? {
                Found::Unused(attempt) => attempt,
                Found::Used(used) => return Ok(self.what_came_of(actor, &callback.state, used).await?),
            };
            // A conflict: it was just used, or something else that is written with it was.
            let ended = match &callback.outcome {
                Outcome::Code(code) => self.use_code(actor, attempt, &callback.state, code).await?.map(Ok),
                Outcome::Declined => {
                    self.end(actor, attempt, Action::Declined, Code::ConnectDeclined.into()).await?.map(Err)
                }
                Outcome::Refused(reason) => {
                    let error = Error::new(Code::OauthRefused).with("reason", *reason);
                    self.end(actor, attempt, Action::Connect, error).await?.map(Err)
                }
            };
            if let Some(ended) = ended {
                return ended;
            }
        }
        Err(Error::new(Code::StoreConflict).with("reason", "attempt_contended").into())
    }

    /// Somebody came with this state before: a browser that asked twice, or this very moment. Waits
    /// until that is through.
    async fn what_came_of(&self, actor: &Actor, state: &str, mut used: Used) -> Result<Connection> {
        let runtime = self.repository.runtime();
        let until = runtime.monotonic() + LONGEST_JOIN;
        loop {
            let id = match used {
                Used::For(id) => id,
                Used::Refused(name) => {
                    let code = ALL_CODES.iter().find(|code| code.name() == name).copied();
                    return Err(code.unwrap_or(Code::ConnectStateUnknown).into());
                }
            };
            // In this order: the commit that makes the connection takes the draft away.
            let is_made = Draft::is_made(&self.repository, &actor.firm, &id).await?;
            let connection = Connection::load(&self.repository, &actor.firm).await?.map(|stored| stored.value);
            let over = |state| matches!(state, ConnectionState::Revoking | ConnectionState::Disconnected);
            if let Some(connection) = connection.filter(|it| it.id == id && !over(it.state)) {
                return Ok(connection);
            }
            if runtime.monotonic() >= until {
                return Err(Code::TimedOut.into());
            }
            used = match Attempt::find(&self.repository, actor, state).await? {
                Found::Used(Used::For(id)) if !is_made => {
                    return Err(Error::new(Code::ConnectStateUnknown).with("reason", "used").with("connection", id));
                }
                Found::Used(used) => used,
                Found::Unused(_) => return Err(Code::ConnectStateUnknown.into()),
            };
            if let Used::For(_) = used {
                runtime.sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// `None`: nothing was done, look again.
    async fn use_code(
        &self,
        actor: &Actor,
        attempt: Attempt,
        state: &str,
        code: &SecretString,
    ) -> Result<Option<Connection>, Ended> {
        let firm = &actor.firm;
        let separate = attempt.separate;
        if separate {
            self.require_ended(firm).await?;
        }
        self.cancel_revocation(firm).await?;
        // What may fail is done before the code is spent, and what Clio grants can then be sealed
        // at once.
        let verifier = self.verifier(firm, state).await?;
        let mut transaction = self.repository.transaction(firm)?;
        let earlier = Connection::load(&self.repository, firm).await?;
        let id = ConnectionId::new(self.repository.new_id()?)?;
        let draft = Draft::announce(&mut transaction, &id)?;
        let sealer = self.keyring.new_connection(&mut transaction, &id).await?;
        // Should we die before it is through.
        schedule_within(&self.repository, &mut transaction, MaintenanceTask::Grants, DRAFT_LIFE).await?;
        let Some(spent) = attempt.consume(&self.repository, transaction, Used::For(id.clone())).await? else {
            return Ok(None);
        };

        let connected = match self.oauth.exchange(spent.redirect_uri(), code, &verifier).await {
            Ok(granted) => self.establish(actor, id, &draft, &sealer, granted, earlier, separate).await,
            Err(error) => Err(Failed { error, occasion: Occasion::Failed }),
        };
        let Failed { error, occasion } = match connected {
            Ok(connection) => {
                // The replaced connection's envelope; whatever stays is swept later.
                if let Err(error) = self.sweep(firm).await {
                    tracing::warn!(%firm, code = error.code().name(), "the replaced tokens were not swept yet");
                }
                return Ok(Some(connection));
            }
            Err(failed) => failed,
        };
        if let Err(error) = spent.refuse(&self.repository, error.code()).await {
            tracing::warn!(%firm, code = error.code().name(), "who asks again will not hear why it failed");
        }
        if let Err(error) = self.discard(draft, occasion).await {
            tracing::warn!(%firm, code = error.code().name(), "a failed attempt was not removed yet");
        }
        Err(error.into())
    }

    /// Ends an attempt to which Clio said no: the state is used up and the refusal audited in one
    /// commit. `None`: look again.
    async fn end(&self, actor: &Actor, attempt: Attempt, action: Action, error: Error) -> Result<Option<Ended>> {
        let mut transaction = self.repository.transaction(&actor.firm)?;
        transaction.audit(AuditEntry::by(&actor.id, action, AuditStatus::Refused).error(&error));
        let used = Used::Refused(error.code().name().to_owned());
        let spent = attempt.consume(&self.repository, transaction, used).await?;
        Ok(spent.map(|_| Ended { error, audited: true }))
    }

    /// From the tokens to the connection.
    #[allow(clippy::too_many_arguments, reason = "what one connect holds in its hands")]
    async fn establish(
        &self,
        actor: &Actor,
        id: ConnectionId,
        draft: &Draft,
        sealer: &Sealer,
        granted: Granted,
        earlier: Option<Versioned<Connection>>,
        separate: bool,
    ) -> Result<Connection, Failed> {
        let firm = &actor.firm;
        let failed = |error| Failed { error, occasion: Occasion::Failed };
        let refused = |error| Failed { error, occasion: Occasion::Refused };

        let alone = granted.refresh.is_none();
        let mut tokens = Tokens::granted(granted);
        // Nobody else knows the new id: a conflict is as impossible as it would be dangerous to go
        // on after one.
        let stored = match self.vault.seal_new(firm, &id, sealer, &tokens).await {
            Ok(stored) => stored.ok_or_else(|| failed(Code::StoreConflict.into()))?,
            Err(error) => {
                let alone = earlier.as_ref().is_none_or(|earlier| earlier.value.has_ended());
                let unrevoked = self.give_back_unstored(firm, &id, &tokens, alone).await;
                return Err(Failed { error, occasion: Occasion::Unstored(unrevoked) });
            }
        };
        if alone {
            return Err(failed(Error::new(Code::OauthAnswerInvalid).with("reason", "no_refresh_token")));
        }
        let checked = connection_check::take(&self.clio, &tokens.access, &**self.repository.runtime()).await.map_err(
            |error| match error.code() {
                Code::PlanWithoutApi => refused(error),
                _ => failed(error),
            },
        )?;
        let mut connection = self.describe(actor, id, &checked);
        let areas = PracticeAreas::load(&self.repository, firm).await.map_err(failed)?;
        let mut taken_over = None;
        if let Some(earlier) = &earlier {
            let known = areas.as_ref().zip(checked.areas.as_ref());
            let shared = known.is_some_and(|(stored, read)| stored.value.shares_one_with(read));
            self.keep_account(firm, &earlier.value, &mut connection, &tokens.access, shared, separate).await?;
            let (replaced, version) = self.replaced_by(firm, &earlier.value).await.map_err(failed)?;
            tokens.replaced = if mutated!(ReplacedGrant) { Vec::new() } else { replaced };
            taken_over = version;
            // A process that was told no address connects the firm again.
            let known = || earlier.value.webhook_url.clone();
            connection.webhook_url = connection.webhook_url.or_else(known);
        }
        if !tokens.replaced.is_empty() {
            let stored = self.vault.swap(firm, &connection.id, Some(&stored), &tokens).await.map_err(failed)?;
            stored.ok_or_else(|| failed(Code::ConnectStateExpired.into()))?;
        }

        self.store_connection(actor, connection, draft, earlier, taken_over, &checked).await
    }

    /// Commits the connection, unless another admin connected or disconnected the firm meanwhile.
    async fn store_connection(
        &self,
        actor: &Actor,
        mut connection: Connection,
        draft: &Draft,
        earlier: Option<Versioned<Connection>>,
        taken_over: Option<String>,
        checked: &ConnectionCheck,
    ) -> Result<Connection, Failed> {
        let firm = &actor.firm;
        let failed = |error| Failed { error, occasion: Occasion::Failed };
        let refused = |error| Failed { error, occasion: Occasion::Refused };
        let mut base = earlier;
        loop {
            connection.generation = base.as_ref().map_or(1, |base| base.value.generation + 1);
            let areas = PracticeAreas::load(&self.repository, firm).await.map_err(failed)?;
            let areas_base = areas.as_ref();
            let transaction =
                self.completed(actor, &connection, draft, base.as_ref(), &taken_over, checked, areas_base).await;
            // An unknown commit is not a failed one: the connection may stand, and then its token
            // is in use.
            match self.repository.commit(&transaction.map_err(failed)?).await.map_err(failed)? {
                Commit::Done { .. } => return Ok(connection),
                Commit::Conflict => {}
            }
            let now = Connection::load(&self.repository, firm).await.map_err(failed)?;
            let id_of = |stored: &Option<Versioned<Connection>>| stored.as_ref().map(|stored| stored.value.id.clone());
            let ended = |stored: &Option<Versioned<Connection>>| {
                let state = stored.as_ref().map(|stored| stored.value.state);
                matches!(state, Some(ConnectionState::Revoking | ConnectionState::Disconnected))
            };
            // Another admin was first: to connect it, or to end it.
            if id_of(&now) != id_of(&base) || (ended(&now) && !ended(&base)) {
                return Err(refused(Code::ConnectConflict.into()));
            }
            if !draft.stands(&self.repository).await.map_err(failed)? {
                return Err(failed(Code::ConnectStateExpired.into()));
            }
            // Still the same connection: a refresh marked it, or its practice areas were loaded
            // again.
            base = now;
        }
    }

    /// The grants that a new one replaces, and the version of the envelope that they are of: they
    /// are given back when the firm is disconnected.
    async fn replaced_by(&self, firm: &FirmId, earlier: &Connection) -> Result<(Vec<Replaced>, Option<String>)> {
        let Some(sealed) = self.vault.load(firm, &earlier.id).await? else { return Ok((Vec::new(), None)) };
        let replaced = match self.vault.open(firm, &earlier.id, &sealed).await {
            Ok(tokens) => tokens.into_replaced(earlier.state == ConnectionState::ReconnectRequired),
            // Nobody can give back what nobody can read.
            Err(error) if is_unreadable(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok((replaced, Some(sealed.version.0)))
    }

    /// The commit that makes the connection.
    #[allow(clippy::too_many_arguments, reason = "what one connect holds in its hands")]
    async fn completed(
        &self,
        actor: &Actor,
        connection: &Connection,
        draft: &Draft,
        base: Option<&Versioned<Connection>>,
        taken_over: &Option<String>,
        checked: &ConnectionCheck,
        areas_base: Option<&Versioned<PracticeAreas>>,
    ) -> Result<Transaction> {
        let firm = &actor.firm;
        let mut transaction = self.repository.transaction(firm)?;
        transaction.put(Connection::key(firm), expect(base), connection)?;
        let moved = base.is_some_and(|base| base.value.link_set != connection.link_set);
        // Ids of another account mean something else here. A list that could not be read says
        // nothing about the one that was.
        let known = areas_base.filter(|_| !moved).map(|base| &base.value);
        let areas = match (&checked.areas, known) {
            (Some(read), _) => read.clone().after(known),
            (None, Some(known)) => known.clone(),
            (None, None) => PracticeAreas::unread(self.repository.runtime().now(), areas_base.map(|base| &base.value)),
        };
        let waiting = |base: &&Versioned<PracticeAreas>| moved || base.value.known().is_none();
        if let Some(before) = areas_base.filter(waiting).filter(|_| checked.areas.is_some()) {
            let before = before.value.named_by_mappings();
            settings::carry_over(&self.repository, &mut transaction, Some(&actor.id), before, &areas.areas).await?;
        }
        transaction.put(PracticeAreas::key(firm), expect(areas_base), &areas)?;
        forget_health(&self.repository, &mut transaction).await?;
        account_scope::note(&self.repository, &mut transaction, connection).await?;
        if let Some((rate, clio_time)) = checked.rate {
            budget::opened(&self.repository, &mut transaction, rate, clio_time).await?;
        }
        if let Some(base) = base {
            Draft::retire(&mut transaction, &base.value.id, taken_over.clone())?;
        }
        draft.complete(&mut transaction);
        release_in(&self.repository, &mut transaction).await?;
        schedule_now(&self.repository, &mut transaction, MaintenanceTask::Subscriptions).await?;
        schedule_now(&self.repository, &mut transaction, MaintenanceTask::Poll).await?;
        schedule_now(&self.repository, &mut transaction, MaintenanceTask::Sweep).await?;
        schedule_now(&self.repository, &mut transaction, MaintenanceTask::SecondRecords).await?;
        transaction.audit(connected(actor, connection));
        Ok(transaction)
    }

    /// Another account than the one it was connected to last is asked for by whoever has ended that
    /// connection.
    async fn require_ended(&self, firm: &FirmId) -> Result<()> {
        let connection = Connection::load(&self.repository, firm).await?;
        match connection.map(|stored| stored.value.state) {
            None | Some(ConnectionState::Revoking | ConnectionState::Disconnected) => Ok(()),
            Some(_) => Err(Code::DisconnectFirst.into()),
        }
    }

    fn describe(&self, actor: &Actor, id: ConnectionId, checked: &ConnectionCheck) -> Connection {
        let host = self.oauth.host();
        Connection {
            id,
            generation: 1,
            state: if checked.advice.is_empty() { ConnectionState::Connected } else { ConnectionState::Degraded },
            advice: checked.advice.clone(),
            region: host.name().to_owned(),
            root: host.root().to_string(),
            account: checked.account.clone(),
            user: checked.user.clone(),
            link_set: ScopeName::new(
                host.name(),
                host.root().as_str(),
                checked.account.as_ref().map(|account| account.id),
            ),
            readable: checked.readable,
            connected_at: self.repository.runtime().now(),
            connected_by: actor.id.clone(),
            ended_at: None,
            judged: None,
            unrevoked: None,
            webhook_url: self.webhook_url.clone(),
        }
    }

    /// The PKCE verifier of a state: derived under the firm's key, so that it needs no record, and
    /// the state alone does not tell it.
    async fn verifier(&self, firm: &FirmId, state: &str) -> Result<Zeroizing<String>> {
        let mac = Zeroizing::new(self.keyring.firm_mac(firm, "pkce", state.as_bytes()).await?);
        Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(mac.as_slice())))
    }
}

fn connected(actor: &Actor, connection: &Connection) -> AuditEntry {
    let mut entry = AuditEntry::by(&actor.id, Action::Connect, AuditStatus::Ok)
        .with("connection", &connection.id)
        .with("generation", connection.generation)
        .with("region", &connection.region)
        .with("links", connection.link_set.as_str());
    if let Some(account) = &connection.account {
        entry = entry.with("account", account.id);
    }
    if !connection.advice.is_empty() {
        let names: Vec<&str> = connection.advice.iter().map(|code| code.name()).collect();
        entry = entry.with("advice", names.join(","));
    }
    entry
}

fn expect<T>(base: Option<&Versioned<T>>) -> Expect {
    base.map_or(Expect::Absent, |base| Expect::Version(base.version.clone()))
}

fn redirect_target(text: &str) -> Result<Url> {
    let not_a_url = |_| Error::new(Code::UrlRefused).with("field", "redirect_uri").with("reason", "not_a_url");
    let url = Url::parse(text).map_err(not_a_url)?;
    check_public_url(&url, "redirect_uri")?;
    Ok(url)
}

/// https, or http to this machine itself; no user, no fragment.
pub(crate) fn check_public_url(url: &Url, field: &'static str) -> Result<()> {
    let refused = |reason: &'static str| Err(Error::new(Code::UrlRefused).with("field", field).with("reason", reason));
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return refused("no_host"),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return refused("not_https");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return refused("user_or_fragment");
    }
    Ok(())
}
