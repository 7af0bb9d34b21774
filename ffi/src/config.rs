//! What a host hands over when it opens the SDK, and who asks.

use core::ffi::c_char;
use core::mem::size_of;
use std::time::Duration;

use casehug_clio::auth::{Actor, Role};
use casehug_clio::model::{ActorId, FirmId};
use casehug_clio::{Error, Result};

use crate::text::{Misuse, argument};

/// How the SDK is opened. Set all bytes to 0, then `size`, then what you need: fields that later versions add are then absent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct casehug_clio_config {
    /// `sizeof(casehug_clio_config)`.
    pub size: usize,
    /// The Clio app's client id.
    pub client_id: *const c_char,
    /// The Clio app's client secret. Copied; wipe yours.
    pub client_secret: *const c_char,
    /// Clio's host root, e.g. `https://app.clio.com`. `http` for loopback addresses only.
    pub clio_url: *const c_char,
    /// The name of the root key: 1 to 128 bytes of `A-Z a-z 0-9 _ - . :`.
    pub sealing_key_id: *const c_char,
    /// The root key: 32 bytes as 64 hexadecimal digits or as base64. Copied; wipe yours.
    pub sealing_key: *const c_char,
    /// The folder of intakes (docs/intake-format.md).
    pub intake_folder: *const c_char,
    /// The SDK's own SQLite file, if no store is given to `casehug_clio_open`. No other SQLite of this process may open it.
    pub sqlite_path: *const c_char,
    /// How long Clio may still execute a request that was given up on. 0: the default, 120 s.
    pub settle_seconds: u32,
    /// For one call to Clio. 0: the default, 30 s.
    pub request_timeout_seconds: u32,
    /// How long Clio's lists may not show yet what Clio has created. 0: the default, 60 s.
    pub index_delay_seconds: u32,
}

/// Who asks, as the host authenticated them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct casehug_clio_actor {
    /// The user's id in CaseHug.
    pub user: *const c_char,
    /// The user's firm.
    pub firm: *const c_char,
    /// 1: an admin of the firm. 2: anybody else in it.
    pub role: i32,
}

impl core::fmt::Debug for casehug_clio_config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("casehug_clio_config").field("size", &self.size).finish_non_exhaustive()
    }
}

/// The configuration, copied.
pub(crate) struct Config<'a> {
    pub client_id: &'a str,
    pub client_secret: &'a str,
    pub clio_url: &'a str,
    pub key_id: &'a str,
    pub key: &'a str,
    pub intake_folder: &'a str,
    pub sqlite_path: Option<&'a str>,
    pub settle: Option<Duration>,
    pub index_delay: Option<Duration>,
    pub request_timeout: Option<Duration>,
}

impl<'a> Config<'a> {
    /// # Safety
    /// `config` is NULL or points to a configuration whose texts are NULL or NUL-terminated.
    pub(crate) unsafe fn read(config: *const casehug_clio_config) -> Result<Self> {
        if config.is_null() {
            return Err(Misuse::Null.of("config"));
        }
        // SAFETY: not null; `size` is the first field of every version.
        if unsafe { (&raw const (*config).size).read() } < size_of::<casehug_clio_config>() {
            return Err(Misuse::WrongSize.of("config"));
        }
        // SAFETY: at least as large as ours, by its own word.
        let config = unsafe { config.read() };
        let seconds = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        // SAFETY: each is NULL or NUL-terminated by the caller's promise.
        let text = |text, name| unsafe { argument(text, name) };
        Ok(Self {
            client_id: text(config.client_id, "client_id")?,
            client_secret: text(config.client_secret, "client_secret")?,
            clio_url: text(config.clio_url, "clio_url")?,
            key_id: text(config.sealing_key_id, "sealing_key_id")?,
            key: text(config.sealing_key, "sealing_key")?,
            intake_folder: text(config.intake_folder, "intake_folder")?,
            sqlite_path: (!config.sqlite_path.is_null())
                .then(|| text(config.sqlite_path, "sqlite_path"))
                .transpose()?,
            settle: seconds(config.settle_seconds),
            index_delay: seconds(config.index_delay_seconds),
            request_timeout: seconds(config.request_timeout_seconds),
        })
    }
}

/// # Safety
/// `actor` is NULL or points to an actor whose texts are NULL or NUL-terminated.
pub(crate) unsafe fn actor(actor: *const casehug_clio_actor) -> Result<Actor, Error> {
    if actor.is_null() {
        return Err(Misuse::Null.of("actor"));
    }
    // SAFETY: not null, and an actor by the caller's promise.
    let actor = unsafe { actor.read() };
    let role = match actor.role {
        1 => Role::Admin,
        2 => Role::Member,
        _ => return Err(Misuse::UnknownValue.of("role")),
    };
    // SAFETY: NULL or NUL-terminated by the caller's promise.
    let (user, firm) = unsafe { (argument(actor.user, "user")?, argument(actor.firm, "firm")?) };
    Ok(Actor { id: ActorId::new(user)?, firm: FirmId::new(firm)?, role })
}
