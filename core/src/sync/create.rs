//! What the contact and the matter share: the beats of a creation, and what becomes of its intent.

use core::time::Duration;

use zeroize::Zeroizing;

use super::call::{Executed, MARGIN, Patience, executed};
use super::driver::{Driver, Engine};
use super::report::StepReport;
use super::things::{self, ContactKey, How, Intent, Link, Thing, committed_at};
use crate::auth::Connection;
use crate::clio::{ApiRequest, CallError};
use crate::error::{Code, Error, Failure, Result, Retry};
use crate::model::{ClioId, ConnectionId, Timestamp};
use crate::ports::{Commit, Expect, Key, Version};
use crate::records::{Stored, Unit};

/// After Clio itself answered with an error, only its search index may lag.
pub(super) const INDEX_DELAY: Duration = Duration::from_secs(5);

/// What became of an open intent.
pub(super) enum Resolved {
    /// It is a link now.
    Linked(StepReport),
    /// Quiet, and nothing was found: it is gone, the step may start afresh.
    Released,
}

/// What became of a creating request.
pub(super) enum Creation<A> {
    /// Clio answered; the intent has this version.
    Created(A, Version),
    /// It may have been executed.
    Doubt,
    /// Another run holds the key.
    Raced,
}

impl Driver<'_> {
    /// Beats 1 and 2 of a creation: commits the intent and sends, as often as it is certain that nothing was executed.
    pub(super) async fn create<A, N: serde::Serialize>(
        &mut self,
        key: &Key,
        companion: Option<&(Key, ContactKey)>,
        natural: &N,
        email: Option<String>,
        request: &ApiRequest<A>,
    ) -> Result<Creation<A>> {
        let config = self.engine.config;
        let mut patience = Patience::default();
        let mut current: Option<Version> = None;
        let quiet = config.quiet();
        let mut sends = 0;
        loop {
            let turn = self.caller.ready().await?;
            sends += 1;
            let connection = turn.grant.connection.id.clone();
            let intent = Intent {
                sealed: self.engine.seal_natural_key(key, &connection, natural).await?,
                connection,
                clio_at: self.engine.clio.clio_now(),
                quiet_ms: u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX),
                committed_at: None,
                sends,
                email: email.clone(),
                decision: None,
                cause: None,
            };
            let not_after = self.engine.runtime.monotonic() + config.send_window;
            let mut unit = self.unit_before_sending()?;
            // What it is sealed with must not go in this moment.
            unit.check(Connection::key(self.firm), Expect::Version(turn.grant.connection_version.clone()));
            let expect = current.clone().map_or(Expect::Absent, Expect::Version);
            let version = unit.put_due(key.clone(), expect, Some(quiet), &Thing::Intent(intent.clone()))?;
            if let (None, Some((key, value))) = (&current, companion) {
                unit.put(key.clone(), Expect::Absent, value)?;
            }
            let committed_at = match self.commit_unit(&unit).await? {
                Commit::Done { at } => at,
                Commit::Conflict => return Ok(Creation::Raced),
            };
            current = Some(version.clone());
            let failed = match self.caller.send_once(turn, request, Some(not_after)).await {
                Ok(answer) => return Ok(Creation::Created(answer, version)),
                Err(failed) => failed,
            };
            match executed(&failed.failure) {
                perhaps @ (Executed::Perhaps | Executed::PerhapsEnded) => {
                    let cause = refused(failed.failure);
                    self.caller.note_doubt(&cause);
                    let mut unit = self.unit()?;
                    let thing = Thing::Intent(Intent {
                        committed_at: Some(committed_at),
                        cause: Some(Failure::from(&cause)),
                        ..intent
                    });
                    let due = match perhaps {
                        // The longer, the more often it was tried: an input that Clio fails over is not sent to it all the time.
                        Executed::PerhapsEnded => self.look_delay(),
                        // Quiet when it would have been, and not a moment earlier.
                        _ => self.engine.journal.store_now().await?.until(committed_at + quiet),
                    };
                    unit.put_due(key.clone(), Expect::Version(version), Some(due), &thing)?;
                    self.commit_unit(&unit).await?;
                    return Ok(Creation::Doubt);
                }
                Executed::No => {
                    if let Err(failure) = self.caller.wait_to_repeat(&mut patience, failed).await {
                        let unit = self.releasing(key, companion.map(|(key, _)| key), version).await?;
                        self.commit_unit(&unit).await?;
                        return Err(refused(failure));
                    }
                }
            }
        }
    }

    /// Releases an intent that was not found, if it had been quiet when Clio was asked (`asked_at`, on the store's clock); else says when to come back.
    ///
    /// Not "if it is quiet now": between Clio's answer and this moment the process may have stood still for as long as you like.
    pub(super) async fn release_if_quiet(
        &mut self,
        key: &Key,
        intent: &Stored<Intent>,
        asked_at: Timestamp,
    ) -> Result<Resolved> {
        if let Some(recovery) = self.recovery {
            // The store may have lost that it was sent once more.
            recovery.must_be_quiet(key.collection)?;
        }
        if let Some(due) = intent.due_at.filter(|due| *due > asked_at) {
            let left = asked_at.until(due) + Duration::from_millis(1);
            // What was created shows long before it is certain that nothing was; and where another matter's run is creating it, that run is done in a moment.
            let wait = Retry::After(left.min(self.look_delay()));
            return Err(doubt(key.collection, intent.value.cause.as_ref()).retry_as(wait));
        }
        let companion = intent.value.email.as_ref().map(|digest| things::email_key(&self.claim.links, digest));
        loop {
            let mut unit = self.releasing(key, companion.as_ref(), intent.version.clone()).await?;
            let wait = self.engine.config.settle.max(INDEX_DELAY);
            self.engine.look_again_in(&mut unit, &self.claim.links, key, intent, wait).await?;
            if matches!(self.commit_unit(&unit).await?, Commit::Done { .. }) {
                return Ok(Resolved::Released);
            }
            // Another run resolved it meanwhile, and the caller reads again; or it was the look's chore that was written.
            let now = self.engine.journal.store().get(key).await?;
            if now.is_none_or(|now| now.version != intent.version) {
                return Ok(Resolved::Released);
            }
        }
    }

    /// How long it is before Clio is asked again about a creation in doubt.
    fn look_delay(&self) -> Duration {
        INDEX_DELAY.saturating_mul(1 << self.claim.attempt.saturating_sub(1).min(8))
    }

    /// Adds a look to the commit of a link that closes a doubt without knowing what became of its request, if that may still be executed.
    pub(super) async fn look_after_doubt_in(&self, unit: &mut Unit, key: &Key, doubt: &Stored<Intent>) -> Result<()> {
        let now = self.engine.journal.store_now().await?;
        let left = doubt.due_at.map_or(Duration::ZERO, |due| now.until(due));
        if left.is_zero() {
            return Ok(());
        }
        let wait = left + self.engine.config.settle.max(INDEX_DELAY);
        self.engine.look_again_in(unit, &self.claim.links, key, doubt, wait).await
    }

    async fn releasing(&self, key: &Key, companion: Option<&Key>, version: Version) -> Result<Unit> {
        let mut unit = self.unit_before_sending()?;
        // An answer that is still to come would be taken for one about the next try.
        self.close_question_in(&mut unit, key).await?;
        unit.delete(key.clone(), version);
        if let Some(companion) = companion
            && let Some(record) = self.engine.journal.store().get(companion).await?
        {
            unit.delete(companion.clone(), record.version);
        }
        Ok(unit)
    }

    pub(super) fn link(&self, clio: ClioId, how: How) -> Thing {
        Thing::Link(Link { clio, how, at: self.engine.runtime.now() })
    }
}

impl Engine {
    /// Seals the natural key of the intent that is to stand under `key`.
    pub(super) async fn seal_natural_key<N: serde::Serialize>(
        &self,
        key: &Key,
        connection: &ConnectionId,
        natural: &N,
    ) -> Result<String> {
        let json = Zeroizing::new(
            serde_json::to_vec(natural).map_err(|_| Error::new(Code::Internal).with("reason", "natural_key"))?,
        );
        let sealer = self.keyring.for_connection(&key.firm, connection).await?;
        sealer.seal(&sealer.context(record_of(key), "sealed"), &json)
    }

    /// Opens the natural key of an intent.
    pub(super) async fn open_intent<N: serde::de::DeserializeOwned>(&self, key: &Key, intent: &Intent) -> Result<N> {
        let sealer = self.keyring.for_connection(&key.firm, &intent.connection).await?;
        let json = sealer.open(&sealer.context(record_of(key), "sealed"), &intent.sealed)?;
        serde_json::from_slice(&json).map_err(|_| Error::new(Code::StoreCorrupt).with("collection", key.collection))
    }

    /// In Clio's time: what was created before this cannot be the intent's.
    ///
    /// If no answer of Clio's had been seen when it was made, the store's clock tells when that was: it is the same for all processes, while each host's own
    /// may be wrong in another way, or jump.
    pub(super) async fn created_after(&self, intent: &Intent, due_at: Option<Timestamp>) -> Result<Timestamp> {
        if let Some(made) = intent.clio_at {
            return Ok(made - MARGIN);
        }
        let made = committed_at(intent, due_at);
        let Some(clio_now) = self.clio.clio_now() else { return Ok(made - MARGIN) };
        let ahead = clio_now.millis_since(self.journal.store_now().await?);
        Ok(Timestamp(made.0.saturating_add(ahead)) - MARGIN)
    }

    /// The lower bound for `created_since` when looking for what the intent may have created. As long as nothing is known of Clio's clock it covers a
    /// database whose clock is a day off; [`created_after`](Self::created_after) is asked of each answer again.
    pub(super) async fn look_since(&self, intent: &Intent, due_at: Option<Timestamp>) -> Result<Timestamp> {
        if intent.clio_at.is_none() && self.clio.clio_now().is_none() {
            return Ok(committed_at(intent, due_at) - Duration::from_secs(26 * 3600));
        }
        self.created_after(intent, due_at).await
    }
}

/// What is told of a creation in doubt: what was answered to it, however long ago.
fn doubt(collection: &'static str, cause: Option<&Failure>) -> Error {
    let error = Error::new(Code::SyncInDoubt).with("collection", collection);
    let Some(cause) = cause else { return error.with("reason", "no_answer_recorded") };
    let answered = ["http_status", "clio_type", "operation"].into_iter().filter_map(|key| Some((key, cause.get(key)?)));
    answered.fold(error.with("cause", &cause.code), |error, (key, value)| error.with(key, value))
}

fn record_of(key: &Key) -> String {
    format!("{}/{}", key.collection, key.id)
}

/// The error of a failed call, with what the call itself knows.
pub(super) fn refused(failure: CallError) -> Error {
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
