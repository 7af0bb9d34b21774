//! Where Clio is: four regions with nothing in common but the software, or a host of one's own (a
//! simulator, a proxy).
//!
//! A token of one region is worth nothing in another, and a wrong host answers a plain 401 (Clio:
//! FAQ), so every URL of this crate is built here, from one value.

use url::{Host, Url};

use super::storage;
use crate::domain::ClioId;
use crate::error::{Code, Error, Result};

/// Where the API's paths begin.
const API: &str = "/api/v4/";

/// A region of Clio Manage. Each has its own accounts and its own developer applications. Firms of
/// the United Kingdom are in `Eu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// `app.clio.com`
    Us,
    /// `eu.app.clio.com`
    Eu,
    /// `ca.app.clio.com`
    Ca,
    /// `au.app.clio.com`
    Au,
}

impl Region {
    const ALL: [Self; 4] = [Self::Us, Self::Eu, Self::Ca, Self::Au];

    /// The short name: `us`, `eu`, `ca`, `au`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Ca => "ca",
            Self::Au => "au",
        }
    }

    fn root(self) -> &'static str {
        match self {
            Self::Us => "https://app.clio.com/",
            Self::Eu => "https://eu.app.clio.com/",
            Self::Ca => "https://ca.app.clio.com/",
            Self::Au => "https://au.app.clio.com/",
        }
    }
}

impl core::str::FromStr for Region {
    type Err = Error;

    /// Reads a short name.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] for any other text.
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|region| region.name() == name)
            .ok_or_else(|| Error::new(Code::SettingInvalid).with("setting", "region"))
    }
}

impl core::str::FromStr for ClioHost {
    type Err = Error;

    /// Reads a region's short name (`us`, `eu`, `ca`, `au`), or an origin as
    /// [`custom`](Self::custom) takes it.
    ///
    /// # Errors
    /// [`Code::UrlRefused`].
    fn from_str(text: &str) -> Result<Self> {
        match text.parse::<Region>() {
            Ok(region) => Ok(Self::region(region)),
            Err(_) => Self::custom(Url::parse(text).map_err(|_| refused("neither_region_nor_url"))?),
        }
    }
}

/// One Clio: its API, its OAuth endpoints, its pages for people, and the storage that it may send
/// documents to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClioHost {
    name: &'static str,
    root: Url,
    upload_hosts: Vec<String>,
}

impl ClioHost {
    /// Clio's own host of a region.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "four constants, all parsed by a test; a Result here would burden every host"
    )]
    pub fn region(region: Region) -> Self {
        let root = Url::parse(region.root()).expect("a constant URL");
        Self { name: region.name(), root, upload_hosts: Vec::new() }
    }

    /// Another host. `root` is an origin, e.g. `https://clio.example.com`: `https`, or `http` to
    /// this machine's loopback addresses (`127.0.0.0/8`, `[::1]`, `localhost`), where no
    /// eavesdropper is. The origin of a region is that region, however it is named.
    ///
    /// # Errors
    /// [`Code::UrlRefused`] for another scheme, and for user information, a path, a query or a
    /// fragment.
    pub fn custom(root: Url) -> Result<Self> {
        let secure = match root.scheme() {
            "https" => root.host().is_some(),
            "http" => is_loopback(&root),
            _ => false,
        };
        if !secure {
            return Err(refused("scheme"));
        }
        if !root.username().is_empty() || root.password().is_some() {
            return Err(refused("user_information"));
        }
        if root.path() != "/" || root.query().is_some() || root.fragment().is_some() {
            return Err(refused("not_an_origin"));
        }
        match Region::ALL.into_iter().find(|region| region.root() == root.as_str()) {
            Some(region) => Ok(Self::region(region)),
            None => Ok(Self { name: "custom", root, upload_hosts: Vec::new() }),
        }
    }

    /// Allows documents to be sent to one more storage host (an exact DNS name, https, default
    /// port), for the day on which Clio moves its storage.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when it is not a DNS name.
    pub fn with_upload_host(mut self, host: &str) -> Result<Self> {
        match Host::parse(host) {
            Ok(Host::Domain(name)) if storage::is_dns_name(&name) => {
                self.upload_hosts.push(name);
                Ok(self)
            }
            _ => Err(Error::new(Code::SettingInvalid).with("setting", "upload_host")),
        }
    }

    /// `us`, `eu`, `ca`, `au` or `custom`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// The origin with an empty path.
    #[must_use]
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// A URL of the API. `path_and_query` is relative to `/api/v4/`, e.g. `contacts.json?limit=1`,
    /// and percent-encoded already.
    #[must_use]
    pub fn api(&self, path_and_query: &str) -> Url {
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let mut url = self.root.clone();
        url.set_path(&format!("{API}{}", path.trim_start_matches('/')));
        url.set_query(query);
        url
    }

    /// An OAuth endpoint: `authorize`, `token` or `deauthorize` (Clio: Authorization).
    #[must_use]
    pub fn oauth(&self, endpoint: &str) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("/oauth/{endpoint}"));
        url
    }

    /// The page of a matter in Clio's web application, for people.
    #[must_use]
    pub fn matter_url(&self, matter: ClioId) -> Url {
        let mut url = self.root.clone();
        url.set_path("/nc/");
        url.set_fragment(Some(&format!("/matters/{matter}")));
        url
    }

    /// Whether a document may be sent to `put_url`: Clio names the address in an answer, and the
    /// bytes are client data, so the answer is not believed blindly.
    ///
    /// Allowed: Amazon S3 and Clio's own domain, hosts added with
    /// [`with_upload_host`](Self::with_upload_host); always https on the default port, a DNS
    /// name, no user information. If this Clio itself is on a loopback address, loopback IP
    /// addresses too.
    ///
    /// # Errors
    /// [`Code::UploadUrlRefused`].
    pub fn upload_allowed(&self, put_url: &Url) -> Result<()> {
        let refused = |reason| Err(Error::new(Code::UploadUrlRefused).with("reason", reason));
        if !put_url.username().is_empty() || put_url.password().is_some() {
            return refused("user_information");
        }
        if is_loopback(&self.root) && matches!(put_url.scheme(), "http" | "https") && is_loopback_ip(put_url) {
            return Ok(());
        }
        if put_url.scheme() != "https" {
            return refused("scheme");
        }
        if put_url.port().is_some() {
            return refused("port");
        }
        let Some(Host::Domain(host)) = put_url.host() else { return refused("not_a_dns_name") };
        if storage::is_s3(host) || storage::is_clio(host) || self.upload_hosts.iter().any(|known| known == host) {
            Ok(())
        } else {
            refused("host")
        }
    }

    /// Takes a URL that Clio named for the next call, to which the bearer token goes: same origin,
    /// below the API's path, and exactly the bytes that were given. `None` if it is anything
    /// else.
    pub(super) fn same_api(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        // A URL that the parser had to change is not followed: what would be sent is not what Clio
        // wrote.
        let literal = url.as_str() == text;
        let ours = url.origin() == self.root.origin() && url.username().is_empty() && url.password().is_none();
        let below = url.path().strip_prefix(API).is_some_and(|rest| !rest.is_empty() && !rest.contains('%'));
        (literal && ours && below && url.fragment().is_none()).then_some(url)
    }
}

fn refused(reason: &'static str) -> Error {
    Error::new(Code::UrlRefused).with("reason", reason)
}

/// Whether a URL names this machine.
fn is_loopback(url: &Url) -> bool {
    url.host() == Some(Host::Domain("localhost")) || is_loopback_ip(url)
}

fn is_loopback_ip(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}
