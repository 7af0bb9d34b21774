//! The root keys, as the environment has them.

use std::sync::Arc;

use casehug_clio::ports::Runtime;
use casehug_clio::{Code, ConfiguredKeys, Error, Result};

/// The variable that holds the root key.
pub(crate) const SEALING_KEY: &str = "CASEHUG_CLIO_SEALING_KEY";
/// Its name, by which what it sealed is known: another key needs another one.
const SEALING_KEY_ID: &str = "CASEHUG_CLIO_SEALING_KEY_ID";
/// Root keys that sealed before it: `ID=KEY,ID=KEY`.
const EARLIER_SEALING_KEYS: &str = "CASEHUG_CLIO_EARLIER_SEALING_KEYS";

/// The one that seals, and those that sealed before.
///
/// # Errors
/// [`Code::SettingInvalid`] naming the variable.
pub(crate) fn root_keys(runtime: Arc<dyn Runtime>, key: &str) -> Result<ConfiguredKeys> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let id = variable(SEALING_KEY_ID).unwrap_or_else(|| String::from("env"));
    let current = ConfiguredKeys::from_text(Arc::clone(&runtime), &id, [(id.as_str(), key)]);
    let current = current.map_err(|error| {
        let is_of_id = error.get("setting") == Some("sealing_key_id");
        error.with("variable", if is_of_id { SEALING_KEY_ID } else { SEALING_KEY })
    })?;
    let Some(earlier) = variable(EARLIER_SEALING_KEYS) else { return Ok(current) };
    let mut keys = vec![(id.as_str(), key)];
    for one in earlier.split(',') {
        // A key in base64 may end in more of these.
        let both = one.trim().split_once('=').ok_or_else(|| {
            Error::new(Code::SettingInvalid).with("variable", EARLIER_SEALING_KEYS).with("reason", "not_id_and_key")
        })?;
        keys.push(both);
    }
    let all = ConfiguredKeys::from_text(runtime, &id, keys);
    all.map_err(|error| error.with("path", "earlier_sealing_keys").with("variable", EARLIER_SEALING_KEYS))
}
