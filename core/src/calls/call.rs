//! One call to Clio on behalf of a run: token, budget, time-outs, and the retries that are safe.
//!
//! | failure | was it executed? | what happens here |
//! | --- | --- | --- |
//! | 401 | no | one forced refresh, then once more |
//! | 429 | no | wait as told, then again |
//! | not one byte written | no | backoff, then again |
//! | 5xx, gateway page, time-out, reset | perhaps | a read: backoff, then again. A write: the caller decides |
//!
//! Retries are bounded per operation, per run, and over all runs of a firm by a [retry
//! budget](super::retry::RetryBudget): in an outage each run fails after its first attempts, and
//! the queue tries again at a growing interval.
//!
//! A *creating* request is sent through [`ApiClient::send_once`]: its intent must be committed anew
//! before every sending, so the caller loops.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::{Class, InFlight, InRun};
use super::context::Context;
use super::fence::Fence;
use super::firm_state::FirmState;
use super::plan_access;
use super::retry::Schedule;
use crate::clio::{Answered, ApiRequest, CallError, CallLimits, SendOutcome};
use crate::connection::{AccountScope, Connection, Grant};
use crate::domain::Monotonic;
use crate::error::{Code, Error, Result, Retry};
use crate::ports::Expect;
use crate::store::Transaction;

/// Attempts of one read or one repeatable write.
const MOST_ATTEMPTS: u32 = 4;
/// The longest that a run waits because the server said so.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Failures that one run survives by trying again. What is missing then is the next run's.
const MOST_RETRIES: u32 = 40;
/// A run older than this tries nothing again.
const LONGEST_RUN_WITH_RETRIES: Duration = Duration::from_secs(15 * 60);

/// A request that nothing else ties to the connection goes out no later after a look at it.
const FRESH: Duration = Duration::from_millis(500);
/// So long a grant is held whose requests follow a commit that expects the connection unchanged.
const LONGEST_HELD: Duration = Duration::from_secs(60);

/// Makes the calls of one run, or of one maintenance task of a firm, to the account whose links it
/// works on.
#[derive(Debug)]
pub(crate) struct ApiClient<'a> {
    ctx: &'a Context,
    fence: Option<&'a Fence>,
    class: Class,
    scope: &'a AccountScope,
    firm_state: Arc<FirmState>,
    /// Its place among the runs that share the budget, if it is a run's.
    in_run: Option<InRun>,
    began: Monotonic,
    calls: AtomicU32,
    retries: AtomicU32,
    survived: Mutex<Survived>,
    held: Mutex<Option<Held>>,
}

/// A grant that was read.
#[derive(Debug)]
struct Held {
    grant: Grant,
    read_at: Monotonic,
    /// When its connection was last seen to stand: then, or by a commit that expected it.
    seen_at: Monotonic,
}

/// What went wrong and did not end the run.
#[derive(Debug, Default)]
struct Survived {
    /// What was tried again last.
    retried: Option<Error>,
    /// What left a creation in doubt last.
    doubted: Option<Error>,
}

/// The right to make one call now: a place in the budget, and a token.
#[derive(Debug)]
pub(crate) struct Permit {
    pub grant: Grant,
    in_flight: InFlight,
}

impl Permit {
    /// Makes a commit depend on the connection that the token is of: its data key must not go in
    /// this moment, and nothing is sent for a firm that was disconnected.
    pub(crate) fn expect_connection(&self, transaction: &mut Transaction) {
        let version = Expect::Version(self.grant.connection_version.clone());
        transaction.check(Connection::key(transaction.firm()), version);
    }
}

/// A call that brought no value, and the token that it was made with.
#[derive(Debug)]
pub(crate) struct Failed {
    pub failure: CallError,
    grant: Grant,
}

/// What a failed call means for what it was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executed {
    /// Certainly not.
    No,
    /// Perhaps; and the request is over, because Clio itself answered.
    PerhapsEnded,
    /// Perhaps, or it still will be.
    Perhaps,
}

fn another_account() -> Error {
    Error::new(Code::SyncBusy).with("reason", "another_account")
}

/// Whether a request that changes something was carried out.
pub(crate) fn executed(failure: &CallError) -> Executed {
    match failure.outcome {
        SendOutcome::NotSent => Executed::No,
        SendOutcome::Rejected if failure.http_status.is_some_and(|status| status >= 500) => Executed::PerhapsEnded,
        SendOutcome::Rejected => Executed::No,
        SendOutcome::Unknown => Executed::Perhaps,
    }
}

impl<'a> ApiClient<'a> {
    /// For a run, which expects to make so many calls.
    pub(crate) fn of_run(
        ctx: &'a Context,
        scope: &'a AccountScope,
        class: Class,
        fence: &'a Fence,
        expected: u32,
    ) -> Self {
        let of_firm = Self::of_firm(ctx, scope, class);
        let in_run = Some(of_firm.firm_state.budget.begin_run(class, expected));
        Self { fence: Some(fence), in_run, ..of_firm }
    }

    /// For what is done for a whole firm, outside of a run.
    pub(crate) fn of_firm(ctx: &'a Context, scope: &'a AccountScope, class: Class) -> Self {
        Self {
            ctx,
            fence: None,
            class,
            scope,
            firm_state: ctx.firm_state_of(&scope.firm),
            in_run: None,
            began: ctx.runtime.monotonic(),
            calls: AtomicU32::new(0),
            retries: AtomicU32::new(0),
            survived: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Failures that were survived by trying again.
    pub(crate) fn retries(&self) -> u32 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Something is tried again: a call, or a PUT to the storage, which is none.
    pub(crate) fn note_retry(&self, cause: &Error) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        self.survived.lock().unwrap_or_else(PoisonError::into_inner).retried = Some(cause.clone());
    }

    /// It is not known whether a creation was carried out.
    pub(crate) fn note_doubt(&self, cause: &Error) {
        self.survived.lock().unwrap_or_else(PoisonError::into_inner).doubted = Some(cause.clone());
    }

    /// What left a creation in doubt, else what was tried again last. That the run went on says
    /// nothing of how it ended.
    pub(crate) fn survived(&self) -> Option<Error> {
        let survived = self.survived.lock().unwrap_or_else(PoisonError::into_inner);
        survived.doubted.as_ref().or(survived.retried.as_ref()).cloned()
    }

    /// Whether the run may try something again, as far as their number goes.
    pub(crate) fn has_retries_left(&self) -> bool {
        self.retries() < MOST_RETRIES
    }

    /// A place in the budget and a token.
    pub(crate) async fn ready(&self) -> Result<Permit> {
        self.permit(self.place().await?, |held, now| held.seen_at.until(now) <= FRESH).await
    }

    /// The same for a request that follows a commit which expects the connection unchanged
    /// ([`expect_connection`](Permit::expect_connection)): that commit is the look at it. Taken
    /// *before* the intent is committed, so that its send window can be short.
    pub(crate) async fn ready_to_commit(&self) -> Result<Permit> {
        self.permit(self.place().await?, |held, now| held.read_at.until(now) <= LONGEST_HELD).await
    }

    /// As [`ready`](Self::ready), if there is a place now.
    pub(crate) async fn ready_now(&self) -> Result<Option<Permit>> {
        match self.firm_state.budget.take_now(self.class, self.in_run.as_ref()).await? {
            Some(in_flight) => self.permit(in_flight, |held, now| held.seen_at.until(now) <= FRESH).await.map(Some),
            None => Ok(None),
        }
    }

    async fn place(&self) -> Result<InFlight> {
        self.firm_state.budget.take(self.class, self.in_run.as_ref(), &self.ctx.stop).await
    }

    async fn permit(&self, in_flight: InFlight, stands: impl Fn(&Held, Monotonic) -> bool) -> Result<Permit> {
        if self.fence.is_some_and(Fence::is_lost) {
            return Err(Error::new(Code::LeaseLost));
        }
        let now = self.ctx.runtime.monotonic();
        let known = self.held().as_ref().filter(|held| stands(held, now)).map(|held| held.grant.clone());
        let grant = match known {
            Some(grant) => grant,
            None => {
                let grant = self.grant().await?;
                *self.held() = Some(Held { grant: grant.clone(), read_at: now, seen_at: now });
                grant
            }
        };
        self.require_links_of(&grant.connection)?;
        Ok(Permit { grant, in_flight })
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit, begun at this time, found the connection as it is held.
    pub(crate) fn connection_stood(&self, since: Monotonic) {
        if let Some(held) = &mut *self.held() {
            held.seen_at = held.seen_at.max(since);
        }
    }

    /// Something was not as expected: the next call reads connection and tokens.
    pub(crate) fn forget_grant(&self) {
        *self.held() = None;
    }

    /// A token, without a place in the budget.
    pub(crate) async fn grant(&self) -> Result<Grant> {
        self.ctx.session.token(&self.scope.firm).await.map_err(|error| self.moved(error))
    }

    /// A firm that was connected to another region during a run is one that was connected to
    /// another account: it is synced there.
    fn moved(&self, error: Error) -> Error {
        if self.fence.is_some() && error.code() == Code::ConnectedElsewhere { another_account() } else { error }
    }

    /// What is known here means nothing in another account, if the firm was connected to one
    /// meanwhile.
    pub(crate) fn require_links_of(&self, connection: &Connection) -> Result<()> {
        if connection.link_set == self.scope.set {
            return Ok(());
        }
        Err(another_account())
    }

    /// Sends once. What is learned from the answer (budget) is kept.
    pub(crate) async fn send_once<A>(
        &self,
        permit: Permit,
        request: &ApiRequest<A>,
        not_after: Option<Monotonic>,
    ) -> Result<A, Failed> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let lease = self.fence.map(Fence::send_until);
        let not_after = not_after.into_iter().chain(lease).min().filter(|_| !mutated!(SendDeadline));
        let limits = CallLimits { timeout: self.ctx.config.request_timeout, not_after };
        let Permit { grant, in_flight } = permit;
        let answer = self.ctx.clio.call(&grant.token, request, limits).await;
        drop(in_flight);
        let (rate, time) = match &answer {
            Ok(Answered { rate, clio_time, .. }) => (*rate, *clio_time),
            Err(failure) => (failure.rate, failure.clio_time),
        };
        if let Some(rate) = rate {
            self.firm_state.budget.learn(rate, time);
        }
        match answer {
            Ok(answered) => {
                self.firm_state.retry_budget.refund();
                if grant.connection.advice.contains(&Code::PlanWithoutApi)
                    && let Err(error) = plan_access::note_plan_back(self.ctx, &self.scope.firm).await
                    && self.ctx.repository.failures().is_news(format!("plan {}", self.scope.firm), error.code())
                {
                    tracing::warn!(code = error.code().name(), "that the plan has API access is noted later");
                }
                Ok(answered.value)
            }
            Err(failure) => {
                let readable = grant.connection.can_read(request.resource());
                Err(Failed { failure: failure.refine_forbidden(readable), grant })
            }
        }
    }

    /// Sends a read, or a write that may be repeated, until it succeeds or cannot.
    pub(crate) async fn repeat<A>(&self, request: &ApiRequest<A>) -> Result<A, CallError> {
        self.repeat_with(Patience::default(), request).await
    }

    /// The same, however long the run has lasted: what it sent so far would be sent again by the
    /// next one.
    pub(crate) async fn repeat_at_any_age<A>(&self, request: &ApiRequest<A>) -> Result<A, CallError> {
        self.repeat_with(Patience { at_any_age: true, ..Patience::default() }, request).await
    }

    async fn repeat_with<A>(&self, mut patience: Patience, request: &ApiRequest<A>) -> Result<A, CallError> {
        loop {
            let permit = self.ready().await.map_err(CallError::not_sent)?;
            match self.send_once(permit, request, None).await {
                Ok(value) => return Ok(value),
                Err(failed) => self.wait_to_repeat(&mut patience, failed).await?,
            }
        }
    }

    /// Waits as the failure asks, or gives it back when trying again is no use.
    pub(crate) async fn wait_to_repeat(&self, patience: &mut Patience, failed: Failed) -> Result<(), CallError> {
        let Failed { failure, grant } = failed;
        // Whatever was tried before: a rejected token says nothing until another one was tried.
        if failure.error.retry() == Retry::RefreshThenRetry && !patience.refreshed {
            patience.refreshed = true;
            self.forget_grant();
            let rejected = self.ctx.session.rejected(&self.scope.firm, &grant.token).await;
            rejected.map_err(|error| CallError::not_sent(self.moved(error)))?;
            self.note_retry(&failure.error);
            return Ok(());
        }
        patience.attempts += 1;
        let too_old =
            !patience.at_any_age && self.began.until(self.ctx.runtime.monotonic()) >= LONGEST_RUN_WITH_RETRIES;
        if patience.attempts >= MOST_ATTEMPTS || !self.has_retries_left() || too_old {
            return Err(failure);
        }
        let wait = match failure.error.retry() {
            Retry::Never | Retry::RefreshThenRetry => return Err(failure),
            // Clio asks for patience, and gets it: no outage.
            Retry::After(wait) => wait.min(LONGEST_WAIT),
            _ if !self.firm_state.retry_budget.spend() => return Err(failure),
            Retry::Retry | Retry::LookupFirst => {
                patience.schedule.next_wait(&*self.ctx.runtime).map_err(CallError::not_sent)?
            }
        };
        tracing::debug!(code = failure.error.code().name(), wait_ms = wait.as_millis() as u64, "trying again");
        let waited = self.ctx.stop.unless_stopped(self.ctx.runtime.sleep(wait)).await;
        waited.map_err(CallError::not_sent)?;
        self.note_retry(&failure.error);
        Ok(())
    }

    /// All pages of a list.
    pub(crate) async fn all_pages<T>(&self, first: ApiRequest<crate::clio::Page<T>>) -> Result<Vec<T>, CallError> {
        /// Twenty thousand records; a list that goes on is a server gone wrong.
        const MOST_PAGES: usize = 100;
        let mut items = Vec::new();
        let mut next = Some(first);
        for _ in 0..MOST_PAGES {
            let Some(request) = next else { return Ok(items) };
            let page = self.repeat(&request).await?;
            items.extend(page.items);
            next = page.next;
        }
        Err(CallError::not_sent(Error::new(Code::ClioAnswerInvalid).with("reason", "endless_list")))
    }
}

/// What one operation has used up of our patience.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    attempts: u32,
    refreshed: bool,
    at_any_age: bool,
    schedule: Schedule,
}

/// Whether it says nothing of other records: what goes through many of them leaves this one out,
/// instead of failing at it over and over.
pub(crate) fn is_of_one_record(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::UserRoleForbids
            | Code::ClioUnavailable
            | Code::ClioAnswerInvalid
            | Code::ClioBadRequest
            | Code::ClioValidation
            | Code::ClioConflict
            | Code::ResponseTooLarge
            | Code::TimedOut
            | Code::StoreConflict
            | Code::StoreCorrupt
    )
}

/// The error of a failed call, with what the call itself knows.
pub(crate) fn refused(failure: CallError) -> Error {
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
