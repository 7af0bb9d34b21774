//! What the office's network demands, as the tools' options say it.

use std::path::Path;

use casehug_clio::{Code, Error, Result};
use casehug_clio_http_reqwest::Network;

/// `CASEHUG_CLIO_PROXY` is for a proxy with a password, which other users of the machine would see
/// among the arguments.
pub(crate) fn network(proxy: Option<&str>, root_certificates: Option<&Path>) -> Result<Network> {
    let mut network = Network::default();
    let from_environment = std::env::var("CASEHUG_CLIO_PROXY").ok().filter(|proxy| !proxy.is_empty());
    if let Some(proxy) = proxy.or(from_environment.as_deref()) {
        network = network.proxy(proxy)?;
    }
    if let Some(file) = root_certificates {
        let unreadable =
            |_| Error::new(Code::SettingInvalid).with("setting", "root_certificates").with("reason", "unreadable");
        network = network.root_certificates(&std::fs::read(file).map_err(unreadable)?)?;
    }
    Ok(network)
}
