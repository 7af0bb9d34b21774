//! Tokens in plain, for as short a time and in as few hands as possible, and the vault that keeps
//! them sealed.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::oauth::Granted;
use crate::clio::AccessToken;
use crate::crypto::{Keyring, Sealer};
use crate::domain::{ConnectionId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{SealContext, SealedTokens, Swap, TokenStore, Version};
use crate::store::Repository;

/// Five seconds in all: what Clio granted exists nowhere else.
const MOST_ATTEMPTS: u32 = 8;
/// A firm that connects again so often between two disconnects has forgotten the first time.
const MOST_REPLACED: usize = 20;

/// What Clio granted.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub access: AccessToken,
    pub refresh: SecretString,
    /// From when on it is refreshed. `None`: only when Clio rejects it.
    pub refresh_at: Option<Timestamp>,
    /// When the access token ends, on the host's clock, counted from before it was asked for.
    /// `None`: Clio did not say.
    pub expires_at: Option<Timestamp>,
    /// Grants that this one replaced, the latest first. To give one back could end this one as
    /// well, so they wait for the disconnect.
    pub replaced: Vec<Replaced>,
}

/// A grant that is not used any more and that Clio still honours.
#[derive(Clone)]
pub(crate) struct Replaced {
    pub access: AccessToken,
    pub refresh: SecretString,
}

impl Tokens {
    /// Of a grant that replaced nothing yet. Without a refresh token that is empty.
    pub fn granted(granted: Granted) -> Self {
        Self {
            access: granted.access,
            refresh: granted.refresh.unwrap_or_default(),
            refresh_at: granted.refresh_at,
            expires_at: granted.expires_at,
            replaced: Vec::new(),
        }
    }

    /// What a new grant takes over when it replaces this one. `ended`: Clio honours this one no
    /// more.
    pub fn into_replaced(self, ended: bool) -> Vec<Replaced> {
        let this = (!ended).then_some(Replaced { access: self.access, refresh: self.refresh });
        this.into_iter().chain(self.replaced).take(MOST_REPLACED).collect()
    }

    /// Adds grants that nobody else gives back, unless they are known.
    pub fn remember(&mut self, grants: Vec<Replaced>) {
        let Self { access, refresh, replaced, .. } = self;
        let mut new: Vec<Replaced> = grants.into_iter().filter(|grant| !grant.is(access, refresh)).collect();
        new.retain(|grant| !replaced.iter().any(|known| grant.is(&known.access, &known.refresh)));
        replaced.splice(..0, new);
    }
}

impl Replaced {
    fn is(&self, access: &AccessToken, refresh: &SecretString) -> bool {
        let same = self.refresh.expose_secret() == refresh.expose_secret() && !refresh.expose_secret().is_empty();
        self.access == *access || same
    }

    fn new(access: &str, refresh: &str) -> Self {
        Self { access: AccessToken::new(SecretString::from(access)), refresh: SecretString::from(refresh) }
    }

    fn plain(&self) -> (String, String) {
        (self.access.expose().to_owned(), self.refresh.expose_secret().to_owned())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// The plaintext of an envelope.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Plain {
    access: String,
    refresh: String,
    #[zeroize(skip)]
    refresh_at: Option<Timestamp>,
    #[zeroize(skip)]
    expires_at: Option<Timestamp>,
    /// Access and refresh token of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<(String, String)>,
}

/// Seals, opens, loads and swaps the tokens of all connections.
#[derive(Clone, Debug)]
pub(crate) struct TokenVault {
    repository: Repository,
    keyring: Keyring,
    store: Arc<dyn TokenStore>,
}

impl TokenVault {
    pub fn new(repository: Repository, keyring: Keyring, store: Arc<dyn TokenStore>) -> Self {
        Self { repository, keyring, store }
    }

    /// The sealed tokens and their version.
    pub async fn load(&self, firm: &FirmId, connection: &ConnectionId) -> Result<Option<SealedTokens>> {
        self.store.load(firm, connection).await
    }

    pub async fn open(&self, firm: &FirmId, connection: &ConnectionId, sealed: &SealedTokens) -> Result<Tokens> {
        let sealer = self.keyring.for_connection(firm, connection).await?;
        let plain = sealer.open(&context(firm, connection), &sealed.envelope)?;
        let plain: Plain = serde_json::from_slice(&plain)
            .map_err(|_| Error::new(Code::SealBroken).with("connection", connection).with("reason", "not_tokens"))?;
        Ok(Tokens {
            access: AccessToken::new(SecretString::from(plain.access.as_str())),
            refresh: SecretString::from(plain.refresh.as_str()),
            refresh_at: plain.refresh_at,
            expires_at: plain.expires_at,
            replaced: plain.replaced.iter().map(|(access, refresh)| Replaced::new(access, refresh)).collect(),
        })
    }

    /// Seals `tokens` and swaps them in. `Some` is their version; `None`: somebody else was first.
    ///
    /// An error of the store means unknown. The same swap is tried again, because a refresh token
    /// that Clio replaced exists nowhere else; the version is ours alone, so it tells whether
    /// an earlier attempt landed.
    pub async fn swap(
        &self,
        firm: &FirmId,
        connection: &ConnectionId,
        expected: Option<&Version>,
        tokens: &Tokens,
    ) -> Result<Option<Version>> {
        let sealer = self.keyring.for_connection(firm, connection).await?;
        self.swap_sealed(firm, connection, expected, &sealer, tokens).await
    }

    /// Seals the first tokens of a connection and stores them, without asking for its key.
    pub async fn seal_new(
        &self,
        firm: &FirmId,
        connection: &ConnectionId,
        sealer: &Sealer,
        tokens: &Tokens,
    ) -> Result<Option<Version>> {
        self.swap_sealed(firm, connection, None, sealer, tokens).await
    }

    async fn swap_sealed(
        &self,
        firm: &FirmId,
        connection: &ConnectionId,
        expected: Option<&Version>,
        sealer: &Sealer,
        tokens: &Tokens,
    ) -> Result<Option<Version>> {
        let (access, refresh) = (tokens.access.expose(), tokens.refresh.expose_secret());
        let plain = Plain {
            access: access.to_owned(),
            refresh: refresh.to_owned(),
            refresh_at: tokens.refresh_at,
            expires_at: tokens.expires_at,
            replaced: tokens.replaced.iter().map(Replaced::plain).collect(),
        };
        let of_replaced: usize = plain.replaced.iter().map(|(access, refresh)| access.len() + refresh.len() + 2).sum();
        // Large enough for every character escaped: a vector that grows leaves its old bytes
        // behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(6 * (access.len() + refresh.len() + of_replaced) + 160));
        serde_json::to_writer(&mut *bytes, &plain)
            .map_err(|_| Error::new(Code::Internal).with("reason", "tokens_not_encodable"))?;
        let envelope = sealer.seal(&context(firm, connection), &bytes)?;
        let version = Version(self.repository.new_id()?);
        let sealed = SealedTokens { version: version.clone(), envelope };
        let mut attempt = 1;
        loop {
            match self.store.compare_and_swap(firm, connection, expected, sealed.clone()).await {
                Ok(Swap::Done) => return Ok(Some(version)),
                // A redo meets its own earlier attempt as a conflict.
                Ok(Swap::Conflict) if attempt > 1 && self.holds(firm, connection, &version).await? => {
                    return Ok(Some(version));
                }
                Ok(Swap::Conflict) => return Ok(None),
                Err(error) if attempt == MOST_ATTEMPTS => {
                    return if self.holds(firm, connection, &version).await? { Ok(Some(version)) } else { Err(error) };
                }
                Err(_) => self.repository.runtime().sleep(Duration::from_millis(20 << attempt)).await,
            }
            attempt += 1;
        }
    }

    async fn holds(&self, firm: &FirmId, connection: &ConnectionId, version: &Version) -> Result<bool> {
        Ok(self.load(firm, connection).await?.is_some_and(|now| now.version == *version))
    }

    /// Removes the sealed tokens.
    pub async fn delete(&self, firm: &FirmId, connection: &ConnectionId) -> Result<()> {
        self.store.delete(firm, connection).await
    }
}

fn context(firm: &FirmId, connection: &ConnectionId) -> SealContext {
    SealContext { firm: firm.to_string(), record: format!("tokens/{connection}"), field: "envelope" }
}
