//! How a firm's integration is: what a settings page shows, and what an admin should do next.

use core::fmt;

use serde::Serialize;

use super::{Sdk, card_words};
use crate::connection::{AccountScope, Connection, ConnectionState};
use crate::domain::{Actor, ActorId, ClioId, ConnectionId, FirmId, MatterId, RunStatus, Timestamp};
use crate::error::{Code, Error, ErrorKind, Failure, Result};
use crate::history::{LoggedRun, RunQuery, SyncLog};
use crate::inbound::HookHealth;
use crate::jobs::last_run;
use crate::links::{SecondRecord, second_records_of_account};
use crate::ports::Scan;

/// Due jobs are counted up to this.
const MOST_COUNTED: usize = 1_000;
/// Failed runs that are looked at for one that still counts, and the newest runs among which they
/// are looked for: a page asks for the card often, and a log is long.
const MOST_FAILURES: usize = 100;
const MOST_RUNS: usize = 1_000;

/// The state of a firm's integration. It holds no secret.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// `not_connected`, `connected`, `degraded`, `reconnect_required`, `revoking` or
    /// `disconnected`.
    pub state: &'static str,
    /// What an admin should do next; empty when all is well.
    pub advice: Vec<Advice>,
    /// `ok`, or `failed`: what is sealed for the firm does not open in the process that was asked,
    /// and it does no work for the firm. Others may.
    pub key: &'static str,
    /// The connection, if there ever was one.
    pub connection: Option<ConnectionHealth>,
    /// Sync when an intake is approved.
    pub sync_when_approved: bool,
    /// Sync when an intake is created.
    pub sync_when_created: bool,
    /// How status comes back; `None` until it was looked after.
    pub webhooks: Option<WebhookHealth>,
    /// Clio's request budget.
    pub budget: BudgetHealth,
    /// Jobs that are due now, up to 1,000.
    pub due_jobs: usize,
    /// Matters that were triggered while the firm was not connected, or for another account.
    pub held_matters: usize,
    /// When a run last succeeded, on the host's clock.
    pub last_success: Option<Timestamp>,
    /// The last run that did not, of the newest thousand, unless it was disproved since: by a
    /// success of its matter; or by any, if it was the connection or the plan that failed it.
    pub last_failure: Option<FailureHealth>,
    /// What is in Clio more than once: which of them stays is for a person to decide.
    pub second_records: Vec<SecondRecord>,
}

/// A word, mostly an error code, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Advice {
    /// The code's name, or a fixed word.
    pub code: &'static str,
    /// What to do.
    pub message: &'static str,
}

impl From<Code> for Advice {
    fn from(code: Code) -> Self {
        Self { code: code.name(), message: code.message() }
    }
}

/// The connection on the card. `Debug` leaves out names and addresses.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConnectionHealth {
    /// Unique; a new one at each connect.
    pub id: ConnectionId,
    /// The region.
    pub region: String,
    /// The account's id.
    pub account: Option<ClioId>,
    /// The firm's name in Clio.
    #[cfg_attr(feature = "schema", schemars(extend("x-confidential" = true)))]
    pub account_name: Option<String>,
    /// Whose authorization it is.
    #[cfg_attr(feature = "schema", schemars(extend("x-confidential" = true)))]
    pub user_email: Option<String>,
    /// When it was connected, on the host's clock.
    pub connected_at: Timestamp,
    /// By which firm admin.
    pub connected_by: ActorId,
    /// When the access token ends; it is refreshed by itself before.
    pub token_expires_at: Option<Timestamp>,
    /// What Clio may still honour after a disconnect, and what to do to be sure.
    pub unrevoked: Option<Advice>,
}

impl fmt::Debug for ConnectionHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHealth")
            .field("id", &self.id)
            .field("region", &self.region)
            .field("account", &self.account)
            .field("connected_at", &self.connected_at)
            .field("connected_by", &self.connected_by)
            .field("token_expires_at", &self.token_expires_at)
            .field("unrevoked", &self.unrevoked)
            .finish_non_exhaustive()
    }
}

/// How status comes back, on the card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookHealth {
    /// Whether matters deliver. `false`: they are polled.
    pub delivers: bool,
    /// When the first subscription ends, on Clio's clock, unless it is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why it does not deliver, or why contacts do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Advice>,
    /// When that was seen, on the host's clock.
    pub seen_at: Timestamp,
}

impl From<HookHealth> for WebhookHealth {
    fn from(known: HookHealth) -> Self {
        let HookHealth { delivers, expires_at, cause, seen_at } = known;
        Self { delivers, expires_at, cause: cause.as_deref().map(card_words::webhook_cause), seen_at }
    }
}

/// Clio's request budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BudgetHealth {
    /// Calls of a window.
    pub limit: u64,
    /// Calls that are left in this one; `None`: no window is open.
    pub left: Option<u64>,
}

/// A failed run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureHealth {
    /// The matter.
    pub matter: MatterId,
    /// When it ended.
    pub at: Option<Timestamp>,
    /// Its id in the sync log.
    pub run: String,
    /// Why.
    pub failure: Option<Failure>,
}

pub(super) async fn get_health(sdk: &Sdk, actor: &Actor) -> Result<Health> {
    let firm = &actor.firm;
    let connection = sdk.auth.connection(firm).await?;
    let settings = crate::settings::load(&sdk.repository, firm).await?;
    let webhooks = crate::inbound::health(&sdk.repository, firm).await?;
    let due = Scan::Due { firm: Some(firm.clone()), collection: crate::jobs::JOBS, limit: MOST_COUNTED };
    let log = SyncLog { repository: &sdk.repository };
    let last = |status| RunQuery { status: Some(status), limit: 1, ..RunQuery::default() };
    let success = log.query(firm, &last(RunStatus::Succeeded)).await?.items.pop();
    let failure = last_failure(sdk, firm, success.as_ref()).await?;
    let mut advice = advice(connection.as_ref(), webhooks.as_ref());
    let key = sdk.queue.ctx.keyring.prove(firm).await;
    advice.extend(key.as_ref().err().map(Error::code));
    let token_expires_at = sdk.auth.token_ends(firm).await.unwrap_or(None);
    let budget = sdk.queue.ctx.firm_state_of(firm).budget.limit_and_left().await?;
    let second_records = match &connection {
        Some(_) => {
            second_records_of_account(&sdk.repository, &AccountScope::current(&sdk.repository, firm).await?).await?
        }
        None => Vec::new(),
    };
    Ok(Health {
        state: state(connection.as_ref(), &advice),
        advice: advice.into_iter().map(Advice::from).collect(),
        key: if key.is_ok() { "ok" } else { "failed" },
        connection: connection.map(|connection| ConnectionHealth {
            id: connection.id,
            region: connection.region,
            account: connection.account.as_ref().map(|account| account.id),
            account_name: connection.account.map(|account| account.name),
            user_email: connection.user.map(|user| user.email),
            connected_at: connection.connected_at,
            connected_by: connection.connected_by,
            token_expires_at,
            unrevoked: connection.unrevoked.as_deref().map(card_words::unrevoked),
        }),
        sync_when_approved: settings.sync_when_approved,
        sync_when_created: settings.sync_when_created,
        webhooks: webhooks.map(WebhookHealth::from),
        budget: BudgetHealth { limit: budget.0, left: budget.1 },
        due_jobs: sdk.repository.store().scan(&due).await?.len(),
        held_matters: crate::jobs::list_held(&sdk.repository, firm).await?.len(),
        last_success: success.and_then(|run| run.ended_at),
        last_failure: failure.map(|run| FailureHealth {
            matter: run.matter,
            at: run.ended_at,
            run: run.run,
            failure: run.failure,
        }),
        second_records,
    })
}

/// The newest run that did not succeed, and that nothing has disproved since.
async fn last_failure(sdk: &Sdk, firm: &FirmId, success: Option<&LoggedRun>) -> Result<Option<LoggedRun>> {
    let log = SyncLog { repository: &sdk.repository };
    for run in log.unsuccessful(firm, MOST_RUNS, MOST_FAILURES).await? {
        let is = |kinds: &[ErrorKind]| {
            run.failure.as_ref().is_some_and(|failure| kinds.iter().any(|kind| kind.name() == failure.kind))
        };
        // It was told to stop: that is no failure.
        let stopped = run.failure.as_ref().is_some_and(|failure| failure.code == Code::Stopped.name());
        let of_the_firm = is(&[ErrorKind::Auth, ErrorKind::Plan])
            && success.is_some_and(|success| Some(success.started_at) > run.ended_at);
        let last = last_run(&sdk.repository, firm, &run.matter).await?;
        let of_its_matter = last.is_some_and(|last| {
            last.status == RunStatus::Succeeded && run.ended_at.is_none_or(|ended| last.at >= ended)
        });
        if !stopped && !of_the_firm && !of_its_matter {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

fn advice(connection: Option<&Connection>, webhooks: Option<&HookHealth>) -> Vec<Code> {
    let Some(connection) = connection else { return vec![Code::NotConnected] };
    match connection.state {
        ConnectionState::Revoking => return vec![Code::Disconnecting],
        ConnectionState::Disconnected => return vec![Code::NotConnected],
        ConnectionState::ReconnectRequired => return vec![Code::ReconnectRequired],
        ConnectionState::Connected | ConnectionState::Degraded => {}
    }
    let mut advice = connection.advice.clone();
    let cause = webhooks.and_then(|hooks| hooks.cause.as_deref());
    let code = cause.and_then(|cause| crate::error::ALL_CODES.iter().find(|code| code.name() == cause));
    // What passes by itself needs nobody.
    let lasting = |code: &&Code| matches!(code.kind(), ErrorKind::Permission | ErrorKind::Plan | ErrorKind::Auth);
    if let Some(code) = code.filter(lasting)
        && !advice.contains(code)
    {
        advice.push(*code);
    }
    advice
}

fn state(connection: Option<&Connection>, advice: &[Code]) -> &'static str {
    match connection.map(|connection| connection.state) {
        None => "not_connected",
        Some(ConnectionState::Connected | ConnectionState::Degraded) if advice.is_empty() => "connected",
        Some(ConnectionState::Connected | ConnectionState::Degraded) => "degraded",
        Some(ConnectionState::ReconnectRequired) => "reconnect_required",
        Some(ConnectionState::Revoking) => "revoking",
        Some(ConnectionState::Disconnected) => "disconnected",
    }
}
