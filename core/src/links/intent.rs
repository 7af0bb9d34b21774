//! What an intent knows beside its record: its natural key, sealed, and when what it creates was
//! created.

use super::dedupe::Since;
use crate::calls::Context;
use crate::domain::{ConnectionId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::Key;
use core::time::Duration;

use zeroize::Zeroizing;

use super::link_record::{Intent, committed_at};

/// So far off a clock may be that was set while a creation was in doubt.
const CLOCK_OFF: Duration = Duration::from_secs(26 * 3600);

/// Clocks are trusted up to this much.
pub(crate) const MARGIN: Duration = Duration::from_secs(300);

/// Seals the natural key of the intent that is to stand under `key`.
pub(crate) async fn seal_natural_key<N: serde::Serialize>(
    ctx: &Context,
    key: &Key,
    connection: &ConnectionId,
    natural: &N,
) -> Result<String> {
    let json = Zeroizing::new(
        serde_json::to_vec(natural).map_err(|_| Error::new(Code::Internal).with("reason", "natural_key"))?,
    );
    let sealer = ctx.keyring.for_connection(&key.firm, connection).await?;
    sealer.seal(&sealer.context(record_of(key), "sealed"), &json)
}

/// Opens the natural key of an intent.
pub(crate) async fn open_intent<N: serde::de::DeserializeOwned>(
    ctx: &Context,
    key: &Key,
    intent: &Intent,
) -> Result<N> {
    let sealer = ctx.keyring.for_connection(&key.firm, &intent.connection).await?;
    let json = sealer.open(&sealer.context(record_of(key), "sealed"), &intent.sealed)?;
    serde_json::from_slice(&json).map_err(|_| Error::new(Code::StoreCorrupt).with("collection", key.collection))
}

/// In Clio's time: from when on what the intent created was created.
///
/// Two ways lead from the intent to Clio's time, and the earlier one counts. Clio's clock as it was
/// known before the request was sent: right, unless that clock was set meanwhile. And Clio's clock
/// now, less what has passed since on the store's clock: right, unless the store's clock was set
/// back since. That one is the same for all processes, while each host's own may be wrong in
/// another way, or jump. Where only the second way is there, or none, a day more is possible.
///
/// An intent that stands for what the store lost was made after that: whatever the store lost was
/// created since the time that the operator said, and what is older is nobody's of ours. When the
/// intent was made says nothing.
pub(crate) async fn created_after(
    ctx: &Context,
    firm: &FirmId,
    intent: &Intent,
    due_at: Option<Timestamp>,
) -> Result<Since> {
    let unknown = || Error::new(Code::StoreCorrupt).with("reason", "intent_without_time");
    if let Some(lost_since) = intent.clio_at.filter(|_| intent.is_recovered()) {
        let certain = if mutated!(LostSince) { Timestamp(0) } else { lost_since - MARGIN };
        return Ok(Since { certain, possible: certain });
    }
    let made = committed_at(intent, due_at);
    let Some(clio_now) = ctx.clio.clio_now() else {
        let certain = intent.clio_at.or(made).ok_or_else(unknown)? - MARGIN;
        return Ok(Since { certain, possible: certain - CLOCK_OFF });
    };
    let ahead = clio_now.millis_since(ctx.repository.store_now(firm).await?);
    let made = made.map(|made| Timestamp(made.0.saturating_add(ahead)));
    let certain = intent.clio_at.into_iter().chain(made).min().ok_or_else(unknown)? - MARGIN;
    Ok(Since { certain, possible: if intent.clio_at.is_some() { certain } else { certain - CLOCK_OFF } })
}

fn record_of(key: &Key) -> String {
    format!("{}/{}", key.collection, key.id)
}
