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
    let current = ConfiguredKeys::from_text(runtime, &id, [(id.as_str(), key)]);
    let current = current.map_err(|error| {
        let is_of_id = error.get("setting") == Some("sealing_key_id");
        error.with("variable", if is_of_id { SEALING_KEY_ID } else { SEALING_KEY })
    })?;
    let earlier = variable(EARLIER_SEALING_KEYS).unwrap_or_default();
    // A key in base64 may end in more of the signs that stand between it and its id.
    let pairs = earlier.split(',').filter(|_| !earlier.is_empty()).map(|one| one.trim().split_once('='));
    let pairs = pairs.collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::new(Code::SettingInvalid).with("variable", EARLIER_SEALING_KEYS).with("reason", "not_id_and_key")
    })?;
    current.with_earlier(pairs).map_err(|error| error.with("variable", EARLIER_SEALING_KEYS))
}
