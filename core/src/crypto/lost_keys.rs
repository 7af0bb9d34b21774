//! Keys that will never open again: which of a firm's are such, and that the key provider itself
//! works.
//!
//! A provider that refuses says [`KeyFailed`](Code::KeyFailed) for good, or with a retry if it only
//! could not be asked. Hosts in other languages cannot tell these apart, and an outage of a key
//! service must not look like a lost key. So a refusal counts only while the provider wraps and
//! unwraps a key that was just made.

use super::keyring::{DATA_KEYS, FIRM_KEYS, KeyRecord, PROVE_AGAIN, firm_key_of};
use super::{Keyring, keyring};
use crate::domain::{ConnectionId, FirmId};
use crate::error::{Code, Error, Result, Retry};
use crate::ports::{DataKey, Key, Version};
use crate::store::Transaction;

/// The wrapped keys of one firm that do not open, the firm's own among them.
#[derive(Debug)]
pub(crate) struct LostKeys(Vec<(Key, Version)>);

impl LostKeys {
    /// Whether what this connection sealed is lost with them.
    pub(crate) fn sealed(&self, connection: &ConnectionId) -> bool {
        self.0.iter().any(|(key, _)| key.collection == DATA_KEYS && key.id == connection.as_str())
    }

    /// Adds to a commit that they are forgotten. Gives how many.
    pub(crate) fn drop_in(&self, transaction: &mut Transaction) -> u64 {
        for (key, version) in &self.0 {
            transaction.delete(key.clone(), version.clone());
        }
        self.0.len() as u64
    }
}

impl Keyring {
    /// The keys of a firm that this process's key provider refuses for good.
    ///
    /// # Errors
    /// [`Code::KeyOpens`] if the firm's own key opens, or the firm has none; [`Code::KeyFailed`]
    /// with a retry, or whatever else the provider says, if it cannot be asked;
    /// [`Code::StoreFailed`], [`Code::StoreCorrupt`].
    pub(crate) async fn lost(&self, firm: &FirmId) -> Result<LostKeys> {
        let mut lost = Vec::new();
        let mut has_key = false;
        for collection in [FIRM_KEYS, DATA_KEYS] {
            for (id, stored) in self.repository().list::<KeyRecord>(firm, collection, "").await? {
                let record = Key::new(firm, collection, id);
                let of_firm = record == firm_key_of(firm);
                has_key |= of_firm;
                match self.unwrap(&record, &stored).await {
                    Ok(_) if of_firm => return Err(Error::new(Code::KeyOpens).with("reason", "opens_here")),
                    Ok(_) => {}
                    Err(error) if error.code() == Code::KeyFailed && error.retry() == Retry::Never => {
                        lost.push((record, stored.version));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if !has_key {
            return Err(Error::new(Code::KeyOpens).with("reason", "no_key"));
        }
        self.require_service(firm).await?;
        Ok(LostKeys(lost))
    }

    /// That the key provider wraps a new key and unwraps it again.
    async fn require_service(&self, firm: &FirmId) -> Result<()> {
        let context = keyring::context_of(&firm_key_of(firm));
        let mut key = DataKey([0; 32]);
        self.repository().runtime().random(&mut key.0)?;
        let again = match self.provider().wrap(&key, &context).await {
            Ok(wrapped) => self.provider().unwrap(&wrapped, &context).await,
            Err(error) => Err(error),
        };
        match again {
            Ok(again) if again.0 == key.0 => Ok(()),
            _ => {
                let away = Error::new(Code::KeyFailed).with("reason", "key_service_away");
                Err(away.retry_as(Retry::After(PROVE_AGAIN)))
            }
        }
    }
}
