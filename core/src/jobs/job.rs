//! The records of a job, and what each event does to it. Pure.

use crate::domain::Trigger;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connection::{Connection, ScopeName};
use crate::domain::{ActorId, ClientId, FirmId, MatterId, RunStatus, SyncReport, Timestamp};
use crate::error::{Code, Error, Failure, Retry};
use crate::ports::Key;
use crate::settings::FirmSettings;

pub(crate) const JOBS: &str = "job";
pub(crate) const FIRST: &str = "job-first";
const CLAIMS: &str = "claim";
const LEASES: &str = "lease";

/// The first wait after a passing cause failed a run; it doubles.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// A transient cause is tried again this often for as long as it lasts.
const SLOWEST_RETRY: Duration = Duration::from_secs(3600);

/// How the last run of a matter ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastRun {
    /// Its id, as in the sync log.
    pub run: String,
    /// How it ended.
    pub status: RunStatus,
    /// When, on the host's clock.
    pub at: Timestamp,
    /// What it broke off with, else the first failure.
    #[serde(default, alias = "code", skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What left a creation in doubt, else what was tried again last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survived: Option<Failure>,
    /// There were documents that may be sent, and its trigger sends none.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub documents_left: bool,
}

/// `job/<matter>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub matter: MatterId,
    /// Raised by each trigger.
    pub generation: u64,
    /// The generation that is being run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    /// The generation that the last ended run took in, or that was put to rest.
    #[serde(default)]
    pub served: u64,
    /// It was put to rest and no run took it in, or its run was blocked: it counts for none.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub not_run: bool,
    /// The most far-reaching trigger that is not served yet.
    pub trigger: Trigger,
    /// A person asked for this trigger: it counts though the firm's settings say that its kind syncs
    /// nothing by itself.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub asked: bool,
    /// It is one of many: a person asked for it together with others, or it was released with all
    /// that were blocked. Nobody asked for this very matter since.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub with_others: bool,
    /// Who asked last.
    pub actor: Option<ActorId>,
    /// Runs in a row that a passing cause failed.
    #[serde(default)]
    pub failures: u32,
    /// The connection's generation that this job waits for the end of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRun>,
    /// The account that the firm was connected to when it was triggered last. Another one's matters
    /// are no business of this trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<ScopeName>,
    /// Whose matter it is, as of the last run that could read the intake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
}

/// `claim/<matter>`: exists while somebody holds it. Its version is the fence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClaimRecord {
    pub holder: String,
    /// The id of its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// `job-first/<matter>`: due at once; somebody waits for this matter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct First {
    pub matter: MatterId,
}

/// `lease/<matter>`: its due time is all that counts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Lease {}

pub(crate) fn job_key(firm: &FirmId, matter: &MatterId) -> Key {
    Key::new(firm, JOBS, matter.to_string())
}

/// Where workers look first.
pub(crate) fn first_key(firm: &FirmId, matter: &MatterId) -> Key {
    Key::new(firm, FIRST, matter.to_string())
}

pub(crate) fn claim_key(firm: &FirmId, matter: &MatterId) -> Key {
    Key::new(firm, CLAIMS, matter.to_string())
}

pub(crate) fn lease_key(firm: &FirmId, matter: &MatterId) -> Key {
    Key::new(firm, LEASES, matter.to_string())
}

/// What becomes of a job when its run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, until the next trigger.
    Rest,
    /// It is due again after so long.
    Due(Duration),
    /// As [`Due`](Self::Due), to see what became of a request in doubt.
    Look(Duration),
    /// It waits until the firm is connected anew.
    Block,
}

impl Job {
    /// A job that nobody has asked for yet.
    pub(crate) fn new(matter: &MatterId) -> Self {
        Self {
            matter: matter.clone(),
            generation: 0,
            running: None,
            served: 0,
            not_run: false,
            trigger: Trigger::Backfill,
            asked: false,
            with_others: false,
            actor: None,
            failures: 0,
            parked: None,
            last: None,
            account: None,
            client: None,
        }
    }

    /// Takes in a trigger, under this connection. Several before a run are one.
    pub(crate) fn raise(&mut self, trigger: Trigger, actor: &ActorId, connection: Option<&Connection>) {
        let at_rest = self.is_at_rest();
        let done = self.last.as_ref().is_none_or(|last| last.status == RunStatus::Succeeded);
        // What failed may be due again by itself: a trigger that asks for less must not make less
        // of it.
        let asks_for_all = trigger.sends_documents() && trigger != Trigger::Backfill;
        let widest = if at_rest && (done || asks_for_all) { trigger } else { self.trigger.max(trigger) };
        self.asked &= widest == self.trigger;
        self.with_others = false;
        self.trigger = widest;
        self.generation += 1;
        self.actor = Some(actor.clone());
        self.account = connection.map(|connection| connection.link_set.clone());
        self.failures = 0;
    }

    /// Whether nothing was asked for that no run has taken in.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.running.is_none() && self.generation == self.served
    }

    /// Whether there is something that no run takes in unless another begins.
    pub(crate) fn waits(&self, due_at: Option<Timestamp>) -> bool {
        match self.running {
            Some(running) => self.generation > running,
            None => due_at.is_some() || self.parked.is_some(),
        }
    }

    /// Whether it was triggered while the firm was connected to another account.
    pub(crate) fn is_of_another_account(&self, connection: Option<&Connection>) -> bool {
        let now = connection.filter(|connection| !connection.has_ended()).map(|connection| &connection.link_set);
        self.account.as_ref().zip(now).is_some_and(|(then, now)| then != now)
    }

    /// Whether it may be run now. What was triggered by itself may not, once that is switched off.
    pub(crate) fn is_allowed(&self, settings: &FirmSettings) -> bool {
        self.asked || settings.allows(self.trigger)
    }

    /// Whether it came by itself, or with all that failed: nobody asked for this very matter, nor
    /// for those of a backfill.
    pub(crate) fn is_by_itself(&self) -> bool {
        !self.asked && matches!(self.trigger, Trigger::Created | Trigger::Approved | Trigger::Retry)
    }

    /// Whether nobody waits for it: an older matter, one of all that failed, of all that were held
    /// or of all that were blocked.
    pub(crate) fn is_bulk(&self) -> bool {
        match self.trigger {
            Trigger::Backfill => true,
            Trigger::Retry => self.with_others || !self.asked,
            Trigger::Created | Trigger::Approved | Trigger::Manual => self.with_others,
        }
    }

    /// Whether a person waits for this very matter: it is first.
    pub(crate) fn is_awaited(&self) -> bool {
        self.trigger.is_interactive() && !self.is_bulk()
    }

    /// Forgets what it was triggered for. A run in progress goes on to its end.
    pub(crate) fn rest(&mut self) {
        // What was not wanted any more must not widen, and so forbid, what is asked for next.
        self.trigger = Trigger::Created;
        (self.asked, self.with_others) = (false, false);
        if self.running.is_none() {
            self.not_run |= self.generation > self.served;
            self.served = self.generation;
            self.failures = 0;
        }
    }

    /// Takes in the end of a run, and says when there is to be another.
    pub(crate) fn end(&mut self, last: LastRun, next: Next, connection: Option<u64>) -> Option<Duration> {
        self.served = self.running.take().unwrap_or(self.served);
        self.not_run = next == Next::Block;
        let raised = self.generation > self.served;
        self.last = Some(last);
        self.failures = match next {
            Next::Due(_) => self.failures.saturating_add(1),
            // It is not tried again yet: what fails after the doubt fails for the first time.
            Next::Look(_) => self.failures,
            Next::Block | Next::Rest => 0,
        };
        self.parked = connection.filter(|_| next == Next::Block);
        match next {
            Next::Block => None,
            _ if raised => Some(Duration::ZERO),
            Next::Due(wait) | Next::Look(wait) => Some(wait),
            Next::Rest => {
                (self.asked, self.with_others) = (false, false);
                None
            }
        }
    }

    /// The next wait of a run that a passing cause failed: 30 s, doubling, up to an hour, for as
    /// long as the cause lasts.
    pub(crate) fn patience(&self) -> Duration {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(12)).min(SLOWEST_RETRY);
        if mutated!(RetryWait) { 2 * SLOWEST_RETRY } else { wait }
    }

    /// What a failure that ended the whole run asks for.
    pub(crate) fn next_after(&self, error: &Error) -> Next {
        match (error.code(), error.retry()) {
            (code, _) if needs_admin(code) => Next::Block,
            (code, Retry::Never) if is_mended_elsewhere(code) => Next::Due(SLOWEST_RETRY),
            // Another process may have the key, or the connection was replaced during the run.
            (Code::KeyFailed, Retry::Never) => Next::Due(self.patience()),
            (_, Retry::Never) => Next::Rest,
            // It was sent several times, with minutes between.
            (Code::NotCreated, _) => Next::Due(SLOWEST_RETRY),
            (_, Retry::After(wait)) => Next::Due(wait.max(self.patience())),
            (_, Retry::Retry | Retry::LookupFirst | Retry::RefreshThenRetry) => Next::Due(self.patience()),
        }
    }

    /// What a report asks for.
    pub(crate) fn next(&self, report: &SyncReport) -> Next {
        let failures =
            || report.steps.iter().filter_map(|step| step.error.as_ref().filter(|_| step.outcome.is_failure()));
        if failures().any(|error| needs_admin(error.code())) {
            return Next::Block;
        }
        // A doubt has a time of its own: it is looked up as soon as it can be decided.
        let next = failures().filter_map(|error| match (error.code(), error.retry()) {
            (Code::StepBlocked, _) => None,
            (Code::SyncInDoubt, Retry::After(wait)) => Some((wait, Next::Look(wait))),
            _ => match self.next_after(error) {
                Next::Due(wait) => Some((wait, Next::Due(wait))),
                Next::Look(_) | Next::Rest | Next::Block => None,
            },
        });
        next.min_by_key(|(wait, _)| *wait).map_or(Next::Rest, |(_, next)| next)
    }
}

/// Failures that only an admin can mend, by connecting again.
pub(crate) fn needs_admin(code: Code) -> bool {
    matches!(code, Code::NotConnected | Code::ReconnectRequired | Code::PlanWithoutApi | Code::AppPermissionMissing)
}

/// Failures of which another call at once would know no more, but that pass without anybody
/// touching the matter: a captive portal, a certificate that ran out, an application's secret that
/// was rotated, a record that a newer SDK wrote while processes are being replaced. Nobody would
/// think of triggering all matters of that time again.
fn is_mended_elsewhere(code: Code) -> bool {
    matches!(
        code,
        Code::TlsRefused
            | Code::RedirectRefused
            | Code::OauthRefused
            | Code::ClioVersionUnsupported
            | Code::StoreCorrupt
    )
}
