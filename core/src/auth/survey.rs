//! What a fresh token is worth: whose it is, what it can read, and the firm's practice areas.
//!
//! | answer | means |
//! | --- | --- |
//! | `who_am_i` 403 | the app lacks the Users permission: connected, but nobody knows to which account |
//! | some lists 403 | a permission of the app or the role of the user is missing: connected, with advice |
//! | all lists 403 | the plan has no API access (no Clio page ties it to a plan, so it is seen here) |
//! | anything else that is no answer | the error itself; a firewall's page says nothing about plans |

use core::time::Duration;

use super::connection::{ClioAccount, ClioUser, Readable};
use super::practice_areas::{PracticeArea, PracticeAreas};
use crate::clio::{AccessToken, ApiRequest, CallLimits, ClioApi, Outcome, practice_areas, probe, users};
use crate::error::{Code, Error, Result};
use crate::model::Timestamp;

const LIMITS: CallLimits = CallLimits { timeout: Duration::from_secs(30), not_after: None };
/// Twenty thousand practice areas; a list that goes on is a server gone wrong.
const MOST_PAGES: usize = 100;

/// What was found.
pub(super) struct Survey {
    pub account: Option<ClioAccount>,
    pub user: Option<ClioUser>,
    pub readable: Readable,
    pub advice: Vec<Code>,
    pub areas: PracticeAreas,
}

/// Asks Clio: 4 calls, and one for each page of practice areas.
///
/// # Errors
/// [`Code::PlanWithoutApi`], or what kept Clio from answering.
pub(super) async fn take(clio: &ClioApi, token: &AccessToken, now: Timestamp) -> Result<Survey> {
    let asks = Asks { clio, token };
    let mut advice = Vec::new();
    let who = asks.unless_forbidden(&users::who_am_i(), &mut advice).await?;
    let readable = Readable {
        contacts: asks.unless_forbidden(&probe::contacts(), &mut advice).await?.is_some(),
        matters: asks.unless_forbidden(&probe::matters(), &mut advice).await?.is_some(),
        documents: asks.unless_forbidden(&probe::documents(), &mut advice).await?.is_some(),
    };
    if readable == (Readable { contacts: false, matters: false, documents: false }) {
        return Err(Code::PlanWithoutApi.into());
    }
    let mut areas = PracticeAreas { loaded_at: now, areas: Vec::new() };
    // Practice areas belong to the permission for matters.
    let mut next = readable.matters.then(practice_areas::list);
    for _ in 0..MOST_PAGES {
        let Some(request) = next.take() else { break };
        let Some(page) = asks.unless_forbidden(&request, &mut advice).await? else { break };
        areas.areas.extend(page.items.into_iter().map(|area| PracticeArea {
            id: area.id,
            name: area.name,
            category: area.category,
        }));
        next = page.next;
    }
    if next.is_some() {
        return Err(Error::new(Code::ClioAnswerInvalid).with("reason", "endless_list"));
    }
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
    Ok(Survey { account, user, readable, advice, areas })
}

struct Asks<'a> {
    clio: &'a ClioApi,
    token: &'a AccessToken,
}

impl Asks<'_> {
    /// The answer, or `None` if Clio itself says that this may not be read; then `advice` tells what to correct.
    async fn unless_forbidden<A>(&self, request: &ApiRequest<A>, advice: &mut Vec<Code>) -> Result<Option<A>> {
        match self.clio.call(self.token, request, LIMITS).await {
            Ok(answered) => Ok(Some(answered.value)),
            // Clio says one thing for both causes; a resource that cannot even be listed is closed to the app or to the plan. A 403
            // that is not Clio's own (a proxy's) tells nothing about either.
            Err(failure) if failure.outcome == Outcome::Refused && is_forbidden(&failure.error) => {
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
