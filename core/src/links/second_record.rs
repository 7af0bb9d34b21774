//! What is in Clio twice, and waits for a person to decide which of the two stays. Once a day Clio
//! is asked whether it still is.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calls::budget::Class;
use crate::calls::call::ApiClient;
use crate::calls::{Context, is_of_one_record, refused};
use crate::clio::{contacts, matters};
use crate::connection::AccountScope;
use crate::domain::report::StepKind;
use crate::domain::{ClientId, ClioId, FirmId, MatterId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Commit, Expect, Key};
use crate::store::{MaintenanceTask, Repository, Transaction, schedule_within};

const SECOND: &str = "second-record";
/// How long it is until Clio is asked again.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How many are asked about in one pass.
const AT_ONCE: usize = 20;

/// One record of CaseHug's that is in Clio more than once. Which of them stays is for a person to
/// decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecondRecord {
    /// Contact or matter.
    pub step: StepKind,
    /// CaseHug's id.
    pub id: String,
    /// What it is linked to.
    pub clio: ClioId,
    /// What else in Clio is the same.
    pub others: Vec<ClioId>,
    /// When it was found, on the host's clock.
    pub at: Timestamp,
}

fn key(scope: &AccountScope, step: StepKind, id: &str) -> Key {
    scope.key(SECOND, format_args!("{}/{id}", step.name()))
}

/// Adds to the commit that tells of a second record that it stands in the matter's state, the sync
/// log and on the card.
pub(crate) async fn note(
    repository: &Repository,
    transaction: &mut Transaction,
    scope: &AccountScope,
    found: SecondRecord,
) -> Result<()> {
    let key = key(scope, found.step, &found.id);
    let known = repository.get::<SecondRecord>(&key).await?;
    let expect = known.as_ref().map_or(Expect::Absent, |known| Expect::Version(known.version.clone()));
    let mut others = known.map_or_else(Vec::new, |known| known.value.others);
    others.extend(&found.others);
    others.sort_unstable();
    others.dedup();
    transaction.put_due(key, expect, Some(DAY), &SecondRecord { others, ..found })?;
    schedule_within(repository, transaction, MaintenanceTask::SecondRecords, DAY).await
}

/// Asks Clio about those that are due: what is gone is no second record any more. Gives when the
/// next one is due.
///
/// # Errors
/// What Clio answered about one of them, once the others have had their turn: that one stays, and
/// is asked about again a day later. Or what kept it from answering at all.
pub(crate) async fn ask_for_second_records(ctx: &Context, scope: &AccountScope) -> Result<Option<Duration>> {
    let now = ctx.repository.store_now(&scope.firm).await?;
    let (mut next, mut asked): (Option<Duration>, usize) = (None, 0);
    let mut failed = None;
    for (id, stored) in ctx.repository.list::<SecondRecord>(&scope.firm, SECOND, &scope.id("")).await? {
        let left = stored.due_at.map_or(Duration::ZERO, |due| now.until(due));
        let mut wait = left;
        if left.is_zero() && asked < AT_ONCE {
            asked += 1;
            let mut found = stored.value;
            found.others = still_there(ctx, scope, &found, &mut failed).await?;
            let (key, mut transaction) = (Key::new(&scope.firm, SECOND, id), ctx.repository.transaction(&scope.firm)?);
            if found.others.is_empty() {
                transaction.delete(key, stored.version);
            } else {
                transaction.put_due(key, Expect::Version(stored.version), Some(DAY), &found)?;
            }
            let done = matches!(ctx.repository.commit(&transaction).await?, Commit::Done { .. });
            if done && found.others.is_empty() {
                continue;
            }
            wait = DAY;
        }
        next = next.into_iter().chain([wait]).min();
    }
    failed.map_or(Ok(next), Err)
}

/// `failed`: what Clio answered first about one of which it did not say whether it is there.
async fn still_there(
    ctx: &Context,
    scope: &AccountScope,
    found: &SecondRecord,
    failed: &mut Option<Error>,
) -> Result<Vec<ClioId>> {
    let client_api = ApiClient::of_firm(ctx, scope, Class::Bulk);
    let mut there = Vec::new();
    for &other in &found.others {
        let shown = match found.step {
            StepKind::Contact => client_api.repeat(&contacts::show(other)).await.map(|_| ()),
            _ => client_api.repeat(&matters::show(other)).await.map(|_| ()),
        };
        match shown {
            Ok(()) => there.push(other),
            Err(failure) if failure.error.code() == Code::ClioNotFound => {}
            Err(failure) if is_of_one_record(&failure.error) => {
                there.push(other);
                failed.get_or_insert(refused(failure));
            }
            Err(failure) => return Err(refused(failure)),
        }
    }
    Ok(there)
}

/// All that a firm was told of, in this account and those before.
pub(crate) async fn all(repository: &Repository, firm: &FirmId) -> Result<Vec<SecondRecord>> {
    let all = repository.list::<SecondRecord>(firm, SECOND, "").await?;
    Ok(all.into_iter().map(|(_, stored)| stored.value).collect())
}

/// Those of one account.
pub(crate) async fn of_account(repository: &Repository, scope: &AccountScope) -> Result<Vec<SecondRecord>> {
    let all = repository.list::<SecondRecord>(&scope.firm, SECOND, &scope.id("")).await?;
    Ok(all.into_iter().map(|(_, stored)| stored.value).collect())
}

/// Those of a matter and its client.
pub(crate) async fn of_matter(
    repository: &Repository,
    scope: &AccountScope,
    matter: &MatterId,
    client: Option<&ClientId>,
) -> Result<Vec<SecondRecord>> {
    let mut found = Vec::new();
    let keys = client.map(|client| key(scope, StepKind::Contact, client.as_str()));
    for key in keys.into_iter().chain([key(scope, StepKind::Matter, matter.as_str())]) {
        found.extend(repository.get::<SecondRecord>(&key).await?.map(|stored| stored.value));
    }
    Ok(found)
}
