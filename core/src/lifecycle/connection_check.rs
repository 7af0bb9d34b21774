//! What a fresh token is worth: whose it is, what it can read, and the firm's practice areas.
//!
//! | answer | means |
//! | --- | --- |
//! | `who_am_i` 403 | the app lacks the Users permission: connected, but nobody knows to which account |
//! | some lists 403 | a permission of the app or the role of the user is missing: connected, with advice |
//! | all lists 403 | the plan has no API access (no Clio page ties it to a plan, so it is seen here) |
//! | anything else that is no answer | the error itself; a firewall's page says nothing about plans |
//!
//! The authorization code is spent by now, so what passes (an outage, a rate limit) is tried again
//! for as long as a person before a browser may wait.

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::calls::retry::Schedule;
use crate::clio::{
    AccessToken, Answered, ApiRequest, CallError, CallLimits, ClioApi, RateWindow, SendOutcome, lookup, practice_areas,
    users,
};
use crate::connection::record::{ClioAccount, ClioUser, Readable};
use crate::domain::Timestamp;
use crate::error::{Code, Error, Result, Retry};
use crate::ports::Runtime;
use crate::settings::practice_areas::{PracticeArea, PracticeAreas};

const LIMITS: CallLimits = CallLimits { timeout: Duration::from_secs(30), not_after: None };
const MOST_ATTEMPTS: u32 = 4;
/// Clio's window is a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Twenty thousand practice areas; a list that goes on is a server gone wrong.
const MOST_PAGES: usize = 100;

/// What was found.
pub(crate) struct ConnectionCheck {
    pub account: Option<ClioAccount>,
    pub user: Option<ClioUser>,
    pub readable: Readable,
    pub advice: Vec<Code>,
    /// `None`: the token may not read them.
    pub areas: Option<PracticeAreas>,
    /// What the last answer said of the token's window, and its `Date`.
    pub rate: Option<(RateWindow, Option<Timestamp>)>,
}

/// Asks Clio: 4 calls, and one for each page of practice areas.
///
/// # Errors
/// [`Code::PlanWithoutApi`], or what kept Clio from answering.
pub(crate) async fn take(clio: &ClioApi, token: &AccessToken, runtime: &dyn Runtime) -> Result<ConnectionCheck> {
    let asks = Asks { clio, token, runtime, rate: Mutex::default() };
    let mut advice = Vec::new();
    let who = asks.unless_forbidden(&users::who_am_i(), &mut advice).await?;
    let readable = Readable {
        contacts: asks.unless_forbidden(&lookup::contacts(), &mut advice).await?.is_some(),
        matters: asks.unless_forbidden(&lookup::matters(), &mut advice).await?.is_some(),
        documents: asks.unless_forbidden(&lookup::documents(), &mut advice).await?.is_some(),
    };
    if readable == (Readable { contacts: false, matters: false, documents: false }) {
        return Err(Code::PlanWithoutApi.into());
    }
    // Practice areas belong to the permission for matters.
    let areas = if readable.matters { asks.practice_areas(&mut advice).await? } else { None };
    let account = who.as_ref().and_then(|who| who.account.clone());
    let account = account.map(|account| ClioAccount { id: account.id, name: account.name.unwrap_or_default() });
    let user = who.map(|who| ClioUser {
        id: who.id,
        name: who.name.unwrap_or_default(),
        email: who.email.unwrap_or_default(),
    });
    if account.is_none() && advice.is_empty() {
        advice.push(Code::AppPermissionMissing);
    }
    let rate = *asks.rate();
    Ok(ConnectionCheck { account, user, readable, advice, areas, rate })
}

struct Asks<'a> {
    clio: &'a ClioApi,
    token: &'a AccessToken,
    runtime: &'a dyn Runtime,
    rate: Mutex<Option<(RateWindow, Option<Timestamp>)>>,
}

impl Asks<'_> {
    /// All practice areas; `None`: Clio does not show them.
    async fn practice_areas(&self, advice: &mut Vec<Code>) -> Result<Option<PracticeAreas>> {
        let mut areas = Vec::new();
        let mut next = Some(practice_areas::list());
        for _ in 0..MOST_PAGES {
            let Some(request) = next.take() else { break };
            let Some(page) = self.unless_forbidden(&request, advice).await? else { return Ok(None) };
            areas.extend(page.items.into_iter().map(|area| PracticeArea {
                id: area.id,
                name: area.name,
                category: area.category,
                stands_for: Vec::new(),
            }));
            next = page.next;
        }
        if next.is_some() {
            return Err(Error::new(Code::ClioAnswerInvalid).with("reason", "endless_list"));
        }
        Ok(Some(PracticeAreas { loaded_at: self.runtime.now(), areas, mapped_before: Vec::new() }))
    }

    /// The answer, or the failure that does not pass.
    async fn ask<A>(&self, request: &ApiRequest<A>) -> Result<Answered<A>, CallError> {
        let mut schedule = Schedule::new();
        for _ in 1..MOST_ATTEMPTS {
            let failure = match self.once(request).await {
                Ok(answered) => return Ok(answered),
                Err(failure) => failure,
            };
            let wait = match failure.error.retry() {
                Retry::After(wait) if wait <= LONGEST_WAIT => wait,
                Retry::Retry | Retry::LookupFirst => schedule.next_wait(self.runtime).map_err(CallError::not_sent)?,
                Retry::Never | Retry::RefreshThenRetry | Retry::After(_) => return Err(failure),
            };
            self.runtime.sleep(wait).await;
        }
        self.once(request).await
    }

    async fn once<A>(&self, request: &ApiRequest<A>) -> Result<Answered<A>, CallError> {
        let answer = self.clio.call(self.token, request, LIMITS).await;
        let (rate, time) = match &answer {
            Ok(answered) => (answered.rate, answered.clio_time),
            Err(failure) => (failure.rate, failure.clio_time),
        };
        if let Some(rate) = rate {
            *self.rate() = Some((rate, time));
        }
        answer
    }

    fn rate(&self) -> MutexGuard<'_, Option<(RateWindow, Option<Timestamp>)>> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, or `None` if Clio itself says that this may not be read; then `advice` tells
    /// what to correct.
    async fn unless_forbidden<A>(&self, request: &ApiRequest<A>, advice: &mut Vec<Code>) -> Result<Option<A>> {
        match self.ask(request).await {
            Ok(answered) => Ok(Some(answered.value)),
            // Clio says one thing for both causes; a resource that cannot even be listed is closed
            // to the app or to the plan. A 403 that is not Clio's own (a proxy's) tells nothing
            // about either.
            Err(failure) if failure.outcome == SendOutcome::Rejected && is_forbidden(&failure.error) => {
                if !advice.contains(&Code::AppPermissionMissing) {
                    advice.push(Code::AppPermissionMissing);
                }
                Ok(None)
            }
            Err(failure) => Err(failure.error),
        }
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error.code(), Code::UserRoleForbids | Code::AppPermissionMissing)
}
