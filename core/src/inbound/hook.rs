//! A subscription's record, and the token in its URL.
//!
//! The token is the firm's id and 256 random bits: one public URL serves all firms, and nothing
//! else in a request names the firm. Only its digest is stored, so the database does not tell where
//! to send a forged handshake.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;
use zeroize::Zeroizing;

use crate::clio::HookModel;
use crate::connection::{Connection, ScopeName};
use crate::crypto::{Keyring, Sealer};
use crate::domain::{ClioId, ConnectionId, FirmId, Timestamp};
use crate::error::{Code, Error, Result};
use crate::ports::{Key, Runtime};
use crate::store::{Repository, Transaction};

pub(crate) const HOOKS: &str = "webhook";
const HEALTH: &str = "webhook-health";
/// Secrets that Clio has not named yet.
const MOST_CANDIDATES: usize = 4;

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HookState {
    /// It may have been asked for. The record's due time is when it can no longer come to be.
    Creating,
    /// Clio knows it.
    Live,
    /// It was given up. A delivery is answered with 410.
    Retired,
}

/// `webhook/<digest of the token>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub connection: ConnectionId,
    /// The set of links that what it delivers is about.
    pub link_set: ScopeName,
    pub model: HookModel,
    /// When it was made, on the host's clock.
    pub asked_at: Timestamp,
    pub state: HookState,
    /// Its id in Clio, for as long as it may be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clio: Option<ClioId>,
    /// The secret that Clio named, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// What handshakes brought, sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<String>,
    /// A handshake brought the secret that Clio named: the URL leads here.
    #[serde(rename = "shaken", default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// `webhook-health/current`: how a firm's subscriptions are, as last looked after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HookHealth {
    /// Whether matters deliver. `false`: they are polled.
    pub delivers: bool,
    /// When the first subscription ends, on Clio's clock, unless it is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why it does not deliver, or why contacts do not: an error code's name, or `no_webhook_url`,
    /// `pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// When that was seen, on the host's clock.
    pub seen_at: Timestamp,
}

impl HookHealth {
    /// One under which nothing is delivered, for this reason.
    pub(crate) fn silent(cause: &str, seen_at: Timestamp) -> Self {
        Self { delivers: false, expires_at: None, cause: Some(cause.to_owned()), seen_at }
    }
}

pub(crate) fn health_key(firm: &FirmId) -> Key {
    Key::new(firm, HEALTH, "current")
}

/// Adds to the commit of a connection, or of its end, that nothing is known of its subscriptions
/// yet, or any more.
pub(crate) async fn forget_health(repository: &Repository, transaction: &mut Transaction) -> Result<()> {
    let key = health_key(transaction.firm());
    if let Some(known) = repository.store().get(&key).await? {
        transaction.delete(key, known.version);
    }
    Ok(())
}

/// How a firm's subscriptions are; `None` until they were looked after.
pub(crate) async fn health(repository: &Repository, firm: &FirmId) -> Result<Option<HookHealth>> {
    Ok(repository.get::<HookHealth>(&health_key(firm)).await?.map(|stored| stored.value))
}

/// A token's digest, under which its subscription stands.
pub(crate) fn key(firm: &FirmId, digest: &str) -> Key {
    Key::new(firm, HOOKS, digest)
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// A new token and its digest.
pub(crate) fn new_token(runtime: &dyn Runtime, firm: &FirmId) -> Result<(Zeroizing<String>, String)> {
    let mut random = Zeroizing::new([0; 32]);
    runtime.random(random.as_mut_slice())?;
    let (firm, random) = (URL_SAFE_NO_PAD.encode(firm.as_str()), Zeroizing::new(URL_SAFE_NO_PAD.encode(*random)));
    let token = Zeroizing::new(format!("{firm}.{}", *random));
    let digest = digest(&token);
    Ok((token, digest))
}

/// The firm that a token names, and its digest. `None`: it is none of ours.
pub(crate) fn read(token: &str) -> Option<(FirmId, String)> {
    /// The longest firm id, a dot, 32 bytes.
    const LONGEST: usize = 171 + 1 + 43;
    let (firm, _) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
    let firm = String::from_utf8(URL_SAFE_NO_PAD.decode(firm).ok()?).ok()?;
    Some((FirmId::new(firm).ok()?, digest(token)))
}

/// Where Clio delivers to.
pub(crate) fn url(base: &Url, token: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{}/{token}", base.as_str().trim_end_matches('/')))
}

/// The token of a URL that is below ours.
pub(super) fn token_below<'a>(base: &Url, url: &'a str) -> Option<&'a str> {
    url.strip_prefix(base.as_str().trim_end_matches('/'))?.strip_prefix('/')
}

/// Whether a listed URL is below ours, and its token names this firm: whoever has no record of it
/// has lost that.
pub(crate) fn is_ours(base: &Url, url: &str, firm: &FirmId) -> bool {
    token_below(base, url).and_then(read).is_some_and(|(named, _)| named == *firm)
}

/// The digest of the token in a listed URL.
pub(crate) fn digest_in(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    Some(digest(path.trim_end_matches('/').rsplit('/').next()?))
}

impl Hook {
    pub(crate) fn new(connection: &Connection, model: HookModel, asked_at: Timestamp) -> Self {
        Self {
            connection: connection.id.clone(),
            link_set: connection.link_set.clone(),
            model,
            asked_at,
            state: HookState::Creating,
            clio: None,
            secret: None,
            candidates: Vec::new(),
            confirmed: false,
            expires_at: None,
        }
    }

    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether it may be in Clio.
    pub(crate) fn may_be_in_clio(&self) -> bool {
        self.state != HookState::Retired || self.clio.is_some()
    }

    /// Nothing can be opened any more, and nothing needs to be.
    pub(crate) fn retire(&mut self) {
        self.state = HookState::Retired;
        self.secret = None;
        self.candidates.clear();
    }
}

/// A subscription whose secrets can be opened.
pub(crate) struct Opened<'a> {
    sealer: Sealer,
    digest: &'a str,
}

impl<'a> Opened<'a> {
    pub(crate) async fn new(keyring: &Keyring, firm: &FirmId, hook: &Hook, digest: &'a str) -> Result<Self> {
        Ok(Self { sealer: keyring.for_connection(firm, &hook.connection).await?, digest })
    }

    fn open(&self, sealed: &str) -> Result<SecretString> {
        let plain = self.sealer.open(&self.sealer.context(format!("{HOOKS}/{}", self.digest), "secret"), sealed)?;
        let text = core::str::from_utf8(&plain).map_err(|_| Error::new(Code::SealBroken).with("reason", "not_text"))?;
        Ok(SecretString::from(text))
    }

    fn seal(&self, secret: &SecretString) -> Result<String> {
        let context = self.sealer.context(format!("{HOOKS}/{}", self.digest), "secret");
        self.sealer.seal(&context, secret.expose_secret().as_bytes())
    }

    /// The secret that Clio named.
    pub(crate) fn secret(&self, hook: &Hook) -> Result<Option<SecretString>> {
        hook.secret.as_deref().map(|sealed| self.open(sealed)).transpose()
    }

    pub(crate) fn candidates(&self, hook: &Hook) -> Result<Vec<SecretString>> {
        hook.candidates.iter().map(|sealed| self.open(sealed)).collect()
    }

    /// Takes in what a handshake brought. Gives whether the record is another now.
    pub(crate) fn handshake(&self, hook: &mut Hook, brought: &SecretString) -> Result<bool> {
        if let Some(named) = self.secret(hook)? {
            // Beside one that Clio named there is nothing to find out but that Clio's own handshake
            // came.
            let news = !hook.confirmed && same(&named, brought);
            hook.confirmed |= news;
            return Ok(news);
        }
        let candidates = self.candidates(hook)?;
        if candidates.len() >= MOST_CANDIDATES || candidates.iter().any(|candidate| same(candidate, brought)) {
            return Ok(false);
        }
        hook.candidates.push(self.seal(brought)?);
        Ok(true)
    }

    /// Clio named this secret. What else was brought is forgotten.
    pub(crate) fn confirm(&self, hook: &mut Hook, secret: &SecretString) -> Result<()> {
        hook.confirmed |= self.candidates(hook)?.iter().any(|candidate| same(candidate, secret));
        hook.secret = Some(self.seal(secret)?);
        hook.candidates.clear();
        Ok(())
    }
}

/// In constant time: either may be somebody else's guess.
pub(crate) fn same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret().as_bytes().ct_eq(other.expose_secret().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::VirtualRuntime;

    #[test]
    fn a_token_names_its_firm_and_an_altered_one_another_subscription() {
        let firm = FirmId::new("firm_01:eu").unwrap();
        let (token, digest) = new_token(&VirtualRuntime::new(1), &firm).unwrap();
        assert_eq!(read(&token), Some((firm, digest.clone())));
        let base = Url::parse("https://hooks.example.com/clio/").unwrap();
        assert_eq!(digest_in(&url(&base, &token)), Some(digest.clone()));
        assert_eq!(digest_in(&format!("{}/?x=1", *url(&base, &token))), Some(digest.clone()));
        assert_ne!(read(&format!("{}A", *token)).map(|(_, digest)| digest), Some(digest));
        for junk in
            ["", ".", "a.b", "////.", &"x".repeat(5000), "\u{e9}.a", &format!("{}.x", URL_SAFE_NO_PAD.encode("a b"))]
        {
            assert_eq!(read(junk), None, "{junk:?}");
        }
    }
}
