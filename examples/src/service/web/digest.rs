//! What of a firm changed, by whichever process: what the page shows is read about once a second
//! and its hash compared.
//!
//! The outbox (`next_events`) cannot tell it: an event is leased to one reader, CaseHug itself, and
//! a page that took one would keep it from there (decision 024).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use casehug_clio::{Actor, ActorId, AuditQuery, FirmId, Result, Role, RunQuery, Sdk};
use serde::Serialize;

/// The newest runs: an older one does not change any more, unless many are at work at once.
const RUNS: usize = 50;

/// The card is read at every change, and so often beside: that a job became due, say, nothing else
/// tells. It costs more than the logs, of which the newest page is read.
const CARD_EVERY: u32 = 5;

/// Everything is read so often, whether or not something says that it changed.
const ALL_EVERY: u32 = 15;

/// What a page can show, and what it looked like last.
pub(crate) struct Digest {
    actor: Actor,
    seen: BTreeMap<&'static str, u64>,
    looks: u32,
}

impl Digest {
    pub(crate) fn new(firm: &FirmId) -> Result<Self> {
        // It only reads, and nothing of what it reads leaves this module but as a hash.
        let actor = Actor { id: ActorId::new("stream")?, firm: firm.clone(), role: Role::Admin };
        Ok(Self { actor, seen: BTreeMap::new(), looks: 0 })
    }

    /// What changed since the last look; nothing at the first one. A part that cannot be read is
    /// another one than before, once.
    pub(crate) async fn look(&mut self, sdk: &Sdk) -> Vec<&'static str> {
        let first = self.looks == 0;
        let mut changed = self.look_at_logs(sdk).await;
        if !changed.is_empty() || self.looks.is_multiple_of(CARD_EVERY) {
            changed.append(&mut self.look_at_the_card(sdk).await);
        }
        if !changed.is_empty() || self.looks.is_multiple_of(ALL_EVERY) {
            changed.append(&mut self.look_at_the_rest(sdk).await);
        }
        self.looks = self.looks.wrapping_add(1);
        if changed.iter().any(|part| ["audit", "health", "runs"].contains(part)) {
            changed.push("matters");
        }
        changed.sort_unstable();
        if first { Vec::new() } else { changed }
    }

    /// Where nearly every change leaves something.
    async fn look_at_logs(&mut self, sdk: &Sdk) -> Vec<&'static str> {
        let firm = sdk.firm(&self.actor);
        let newest = RunQuery { limit: RUNS, ..RunQuery::default() };
        let last = AuditQuery { limit: 1, ..AuditQuery::default() };
        let now = [
            ("audit", hashed(&firm.audit().list(last).await)),
            ("backfills", hashed(&firm.backfills().list().await)),
            ("runs", hashed(&firm.matters().runs(newest).await)),
        ];
        self.keep(now)
    }

    async fn look_at_the_card(&mut self, sdk: &Sdk) -> Vec<&'static str> {
        let health = hashed(&sdk.firm(&self.actor).connection().health().await);
        self.keep([("health", health)])
    }

    async fn look_at_the_rest(&mut self, sdk: &Sdk) -> Vec<&'static str> {
        let firm = sdk.firm(&self.actor);
        let now = [
            ("contacts", hashed(&firm.contacts().proposals().await)),
            ("held", hashed(&firm.matters().held().await)),
            ("mappings", hashed(&firm.settings().mappings().await)),
            ("reviews", hashed(&firm.reviews().list().await)),
            ("settings", hashed(&firm.settings().get().await)),
        ];
        self.keep(now)
    }

    fn keep<const N: usize>(&mut self, now: [(&'static str, u64); N]) -> Vec<&'static str> {
        let changed = now.into_iter().filter(|(part, hash)| self.seen.insert(part, *hash) != Some(*hash));
        changed.map(|(part, _)| part).collect()
    }
}

fn hashed<T: Serialize>(result: &Result<T>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match result {
        Ok(value) => serde_json::to_vec(value).unwrap_or_default().hash(&mut hasher),
        Err(error) => error.code().name().hash(&mut hasher),
    }
    hasher.finish()
}
