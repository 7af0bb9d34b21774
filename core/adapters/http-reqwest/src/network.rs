//! What an office's network demands of whoever wants to reach Clio.

use std::fmt;

use casehug_clio::{Code, Error, Result};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// An explicit proxy, and root certificates to trust beside Mozilla's. Nothing is taken from the
/// environment.
#[derive(Clone, Default)]
pub struct Network {
    proxy: Option<String>,
    roots: Vec<CertificateDer<'static>>,
}

impl Network {
    /// Sends every `https` request through this proxy: `http://host:port`, with `user:password@`
    /// before the host if it asks for that. Plain `http`, which goes to this machine's own loopback
    /// only, does not use it.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] unless it is a `http` or `https` URL.
    pub fn proxy(mut self, url: &str) -> Result<Self> {
        let is_url = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_url {
            // Never the value: it may hold a password.
            return Err(Error::new(Code::SettingInvalid).with("setting", "proxy"));
        }
        self.proxy = Some(url.to_owned());
        Ok(self)
    }

    /// Trusts the certificates of this PEM text too: those of a proxy that opens TLS, say.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when it holds no certificate, or a broken one.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self> {
        let before = self.roots.len();
        for root in CertificateDer::pem_slice_iter(pem) {
            let root = root.map_err(|_| not_a_certificate())?;
            RootCertStore::empty().add(root.clone()).map_err(|_| not_a_certificate())?;
            self.roots.push(root);
        }
        if self.roots.len() == before { Err(not_a_certificate()) } else { Ok(self) }
    }

    /// Trusts this DER certificate too.
    #[must_use]
    pub fn root_certificate(mut self, der: &[u8]) -> Self {
        self.roots.push(CertificateDer::from(der.to_vec()));
        self
    }

    pub(crate) fn trust(&self, store: &mut RootCertStore) -> Result<()> {
        self.roots.iter().try_for_each(|root| store.add(root.clone())).map_err(|_| not_a_certificate())
    }

    pub(crate) fn apply(&self, client: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder> {
        let Some(proxy) = &self.proxy else { return Ok(client.no_proxy()) };
        let proxy = reqwest::Proxy::https(proxy.as_str());
        Ok(client.proxy(proxy.map_err(|_| Error::new(Code::SettingInvalid).with("setting", "proxy"))?))
    }
}

/// Never the proxy's URL: it may hold a password.
impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("proxy", &self.proxy.is_some()).field("roots", &self.roots.len()).finish()
    }
}

fn not_a_certificate() -> Error {
    Error::new(Code::SettingInvalid).with("setting", "root_certificates")
}
