//! The wrapped keys of a firm, and their short life in memory.
//!
//! | record | what | lives |
//! | --- | --- | --- |
//! | `data-key/<connection>` | seals everything of one connection | until the connection is gone and nothing sealed with it is needed |
//! | `firm-key/address` | HMAC key for addresses and other look-ups of one firm | for ever, unless it is lost (`lost_keys.rs`): a reconnected firm must find what it linked |
//!
//! An unwrapped key stays in memory for five minutes at most, so that a KMS is not asked for every
//! call, and is wiped after that. A process that was the last to hear of a disconnect can therefore
//! still *open* for five minutes; it cannot commit, because commits check the connection.
//!
//! **A process with a wrong key** must not take work from those that have the right one. So the
//! firm's own key, which each firm has from its first connect on, is opened before anything is done
//! for the firm ([`prove`](Keyring::prove)). What the key provider refuses is told to the log once,
//! and asked for again half a minute later: an outage of a KMS heals by itself.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Sealer;
use crate::domain::{Actor, ClioId, ConnectionId, FirmId, Monotonic};
use crate::error::{Code, Detail, Error, Result};
use crate::ports::{Commit, DataKey, Expect, Key, KeyProvider, SealContext, WrappedKey};
use crate::store::{Action, AuditEntry, AuditStatus, Repository, Transaction, Versioned};

pub(crate) const DATA_KEYS: &str = "data-key";
pub(super) const FIRM_KEYS: &str = "firm-key";
const ADDRESS: &str = "address";
pub(crate) const KEPT: Duration = Duration::from_secs(300);
/// How long after the key provider failed for a firm it is asked again.
pub(super) const PROVE_AGAIN: Duration = Duration::from_secs(30);

/// Makes, keeps and unwraps the keys of all firms. Clones share one cache.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    repository: Repository,
    keys: Arc<dyn KeyProvider>,
    opened: Mutex<HashMap<Key, (Arc<DataKey>, Monotonic)>>,
    proofs: Mutex<Proofs>,
}

/// For which firms the key provider of this process was found to work, or not to.
#[derive(Debug, Default)]
struct Proofs {
    any: bool,
    /// What it said, and when it is asked again.
    failed: HashMap<FirmId, (Error, Monotonic)>,
}

/// The record of a wrapped key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    key_id: String,
    blob: String,
}

impl Keyring {
    /// A keyring whose records stand in this repository.
    #[must_use]
    pub fn new(repository: Repository, keys: Arc<dyn KeyProvider>) -> Self {
        Self(Arc::new(Inner { repository, keys, opened: Mutex::default(), proofs: Mutex::default() }))
    }

    /// The sealer of a connection.
    ///
    /// # Errors
    /// [`Code::KeyFailed`] when the connection has no data key or it does not unwrap;
    /// [`Code::StoreFailed`].
    pub async fn for_connection(&self, firm: &FirmId, connection: &ConnectionId) -> Result<Sealer> {
        let record = Key::new(firm, DATA_KEYS, connection.as_str());
        let key = match self.cached(&record) {
            Some(key) => key,
            None => self.load(&record).await?.ok_or_else(|| {
                let error = Error::new(Code::KeyFailed).with("connection", connection).with("reason", "no_data_key");
                error.known_as(Some(Detail::NoDataKey))
            })?,
        };
        Ok(self.sealer(firm, connection, key))
    }

    /// Makes the data key of a new connection. It exists once `transaction` is committed.
    ///
    /// # Errors
    /// [`Code::KeyFailed`], [`Code::RuntimeFailed`].
    pub async fn new_connection(&self, transaction: &mut Transaction, connection: &ConnectionId) -> Result<Sealer> {
        let firm = transaction.firm().clone();
        let record = Key::new(&firm, DATA_KEYS, connection.as_str());
        let key = self.put_new(transaction, record).await?;
        Ok(self.sealer(&firm, connection, key))
    }

    /// Adds the removal of a connection's data key to `transaction`, if there is one. What was
    /// sealed with it can then never be opened again.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub async fn drop_connection(&self, transaction: &mut Transaction, connection: &ConnectionId) -> Result<()> {
        let record = Key::new(transaction.firm(), DATA_KEYS, connection.as_str());
        self.opened().remove(&record);
        if let Some(stored) = self.0.repository.get::<KeyRecord>(&record).await? {
            transaction.delete(record, stored.version);
        }
        Ok(())
    }

    /// The connections that have a data key.
    ///
    /// # Errors
    /// [`Code::StoreFailed`].
    pub(crate) async fn connections(&self, firm: &FirmId) -> Result<Vec<ConnectionId>> {
        let keys = self.0.repository.list::<KeyRecord>(firm, DATA_KEYS, "").await?;
        keys.into_iter().map(|(id, _)| ConnectionId::new(id)).collect()
    }

    /// The digest under which an address is looked up: HMAC-SHA-256 under the firm's own key, in
    /// hex. `normalized` is the address as the comparison rule has it; the same address of
    /// another firm has another digest.
    ///
    /// # Errors
    /// [`Code::KeyFailed`], [`Code::StoreFailed`].
    pub async fn address_digest(&self, firm: &FirmId, normalized: &str) -> Result<String> {
        Ok(hex::encode(self.firm_mac(firm, "address", normalized.as_bytes()).await?))
    }

    /// The digest by which a contact's values are told from others: as
    /// [`address_digest`](Self::address_digest).
    ///
    /// # Errors
    /// [`Code::KeyFailed`], [`Code::StoreFailed`].
    pub async fn contact_digest(&self, firm: &FirmId, values: &[u8]) -> Result<String> {
        Ok(hex::encode(self.firm_mac(firm, "contact", values).await?))
    }

    /// Gives the digests of the pieces of a contact's name. Those of one contact can be compared
    /// with each other, and with nothing else.
    ///
    /// # Errors
    /// [`Code::KeyFailed`], [`Code::StoreFailed`].
    pub(crate) async fn name_digests(&self, firm: &FirmId, contact: ClioId) -> Result<impl Fn(&str) -> String + use<>> {
        let mac = self.firm_mac_of(firm, "name").await?.chain_update(contact.0.to_be_bytes());
        Ok(move |piece: &str| hex::encode(&mac.clone().chain_update(piece).finalize().into_bytes()[..12]))
    }

    /// HMAC-SHA-256 under the firm's key. Each purpose has its own space of messages.
    pub(crate) async fn firm_mac(&self, firm: &FirmId, purpose: &'static str, message: &[u8]) -> Result<[u8; 32]> {
        Ok(self.firm_mac_of(firm, purpose).await?.chain_update(message).finalize().into_bytes().into())
    }

    async fn firm_mac_of(&self, firm: &FirmId, purpose: &'static str) -> Result<Hmac<Sha256>> {
        let key = self.firm_key(firm).await?;
        let mac = Hmac::<Sha256>::new_from_slice(&key.0).map_err(|_| Error::new(Code::Internal))?;
        Ok(mac.chain_update(purpose).chain_update([0]))
    }

    /// Wraps all keys of the actor's firm again, with the provider's current root key. Returns how
    /// many. Safe to call at any time and again. The audit entry is in the commit of the first one.
    ///
    /// # Errors
    /// [`Code::KeyFailed`], [`Code::StoreFailed`], [`Code::StoreConflict`].
    pub async fn rewrap(&self, actor: &Actor) -> Result<usize> {
        let (firm, mut keys) = (&actor.firm, Vec::new());
        for collection in [DATA_KEYS, FIRM_KEYS] {
            let found = self.0.repository.list::<KeyRecord>(firm, collection, "").await?;
            keys.extend(found.into_iter().map(|(id, stored)| (Key::new(firm, collection, id), stored)));
        }
        let entry = AuditEntry::by(&actor.id, Action::KeyRotation, AuditStatus::Ok).with("keys", keys.len());
        let mut done = 0;
        for (record, stored) in keys {
            let key = self.unwrap(&record, &stored).await?;
            let mut transaction = self.0.repository.transaction(firm)?;
            let wrapped = self.wrap(&record, &key).await?;
            transaction.put(record, Expect::Version(stored.version), &wrapped)?;
            if done == 0 {
                transaction.audit(entry.clone());
            }
            // A conflict: removed, or wrapped again by somebody else, meanwhile. Either is fine.
            if matches!(self.0.repository.commit(&transaction).await?, Commit::Done { .. }) {
                done += 1;
            }
        }
        if done == 0 {
            let mut transaction = self.0.repository.transaction(firm)?;
            transaction.audit(entry);
            self.0.repository.commit_or_conflict(&transaction).await?;
        }
        Ok(done)
    }

    /// Whether this process can open what is sealed for the firm. A firm without a key is no proof
    /// of anything.
    ///
    /// # Errors
    /// What the key provider says, now or less than half a minute ago; [`Code::StoreFailed`],
    /// [`Code::StoreCorrupt`].
    pub(crate) async fn prove(&self, firm: &FirmId) -> Result<()> {
        let record = firm_key_of(firm);
        if self.cached(&record).is_some() {
            return Ok(());
        }
        let now = self.0.repository.runtime().monotonic();
        if let Some((error, _)) = self.proofs().failed.get(firm).filter(|(_, again)| now < *again) {
            return Err(error.clone());
        }
        self.prove_anew(firm).await
    }

    /// As [`prove`](Self::prove), of this very moment.
    ///
    /// # Errors
    /// As [`prove`](Self::prove).
    pub(crate) async fn prove_anew(&self, firm: &FirmId) -> Result<()> {
        self.load(&firm_key_of(firm)).await.map(|_| ())
    }

    /// Whether the key provider failed for a firm, and has not worked for any.
    pub(crate) fn opens_nothing(&self) -> bool {
        let proofs = self.proofs();
        !proofs.any && !proofs.failed.is_empty()
    }

    /// Forgets what was found out about a firm's keys, and the keys: they were dropped.
    pub(crate) fn forgot(&self, firm: &FirmId) {
        self.opened().retain(|record, _| record.firm != *firm);
        self.proofs().failed.remove(firm);
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.0.repository
    }

    pub(super) fn provider(&self) -> &dyn KeyProvider {
        &*self.0.keys
    }

    /// Keeps what the key provider said about a firm's own key.
    fn note_proof(&self, firm: &FirmId, error: Option<&Error>) {
        let again = self.0.repository.runtime().monotonic() + PROVE_AGAIN;
        let mut proofs = self.proofs();
        match error {
            Some(error) => {
                if proofs.failed.insert(firm.clone(), (error.clone(), again)).is_none() {
                    let code = error.code().name();
                    tracing::error!(%firm, code, "the key provider of this process does not open the firm's key: no work is done here for the firm");
                }
            }
            None => {
                proofs.any = true;
                if proofs.failed.remove(firm).is_some() {
                    tracing::info!(%firm, "the key provider opens the firm's key again");
                }
            }
        }
    }

    fn proofs(&self) -> std::sync::MutexGuard<'_, Proofs> {
        self.0.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn firm_key(&self, firm: &FirmId) -> Result<Arc<DataKey>> {
        let record = firm_key_of(firm);
        if let Some(key) = self.cached(&record) {
            return Ok(key);
        }
        loop {
            if let Some(key) = self.load(&record).await? {
                return Ok(key);
            }
            // The first use of a firm. Two processes may both get here: one put succeeds, and both
            // then read that one.
            let mut transaction = self.0.repository.transaction(firm)?;
            self.put_new(&mut transaction, record.clone()).await?;
            self.0.repository.commit(&transaction).await?;
        }
    }

    async fn put_new(&self, transaction: &mut Transaction, record: Key) -> Result<Arc<DataKey>> {
        let mut key = DataKey([0; 32]);
        self.0.repository.runtime().random(&mut key.0)?;
        let wrapped = self.wrap(&record, &key).await?;
        transaction.put(record, Expect::Absent, &wrapped)?;
        Ok(Arc::new(key))
    }

    async fn load(&self, record: &Key) -> Result<Option<Arc<DataKey>>> {
        let Some(stored) = self.0.repository.get::<KeyRecord>(record).await? else { return Ok(None) };
        let key = Arc::new(self.unwrap(record, &stored).await?);
        let until = self.0.repository.runtime().monotonic() + KEPT;
        self.opened().insert(record.clone(), (key.clone(), until));
        Ok(Some(key))
    }

    async fn wrap(&self, record: &Key, key: &DataKey) -> Result<KeyRecord> {
        let wrapped = self.0.keys.wrap(key, &context_of(record)).await?;
        Ok(KeyRecord { key_id: wrapped.key_id, blob: URL_SAFE_NO_PAD.encode(wrapped.blob) })
    }

    pub(super) async fn unwrap(&self, record: &Key, stored: &Versioned<KeyRecord>) -> Result<DataKey> {
        let blob = URL_SAFE_NO_PAD
            .decode(&stored.value.blob)
            .map_err(|_| Error::new(Code::StoreCorrupt).with("collection", record.collection))?;
        let wrapped = WrappedKey { key_id: stored.value.key_id.clone(), blob };
        let opened = self.0.keys.unwrap(&wrapped, &context_of(record)).await;
        if record.collection == FIRM_KEYS {
            self.note_proof(&record.firm, opened.as_ref().err());
        }
        opened
    }

    fn sealer(&self, firm: &FirmId, connection: &ConnectionId, key: Arc<DataKey>) -> Sealer {
        Sealer::new(firm, connection, key, self.0.repository.runtime().clone())
    }

    /// The cached key. Every look-up also wipes what has been kept for too long.
    fn cached(&self, record: &Key) -> Option<Arc<DataKey>> {
        let now = self.0.repository.runtime().monotonic();
        let mut opened = self.opened();
        opened.retain(|_, (_, until)| now < *until);
        opened.get(record).map(|(key, _)| key.clone())
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (Arc<DataKey>, Monotonic)>> {
        self.0.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn firm_key_of(firm: &FirmId) -> Key {
    Key::new(firm, FIRM_KEYS, ADDRESS)
}

/// Whether it is the key provider of this process that failed, or another function of its host.
pub(crate) fn may_be_of_this_process(error: &Error) -> bool {
    matches!(error.code(), Code::KeyFailed | Code::HostCallbackFailed)
}

pub(super) fn context_of(record: &Key) -> SealContext {
    SealContext { firm: record.firm.to_string(), record: format!("{}/{}", record.collection, record.id), field: "key" }
}
