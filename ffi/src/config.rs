//! What a host hands over when it opens the SDK, and who asks.

use core::ffi::{c_char, c_void};
use core::mem::{MaybeUninit, offset_of, size_of};
use core::slice;
use std::time::Duration;

use casehug_clio::{Actor, ActorId, Error, FirmId, Result, Role};
use casehug_clio_http_reqwest::Network;

use crate::intake::casehug_clio_intakes;
use crate::keys::casehug_clio_keys;
use crate::log::Log;
use crate::text::{Misuse, argument};
use crate::tokens::casehug_clio_tokens;

/// How the SDK is opened. Set all bytes to 0, then `size`, then what you need: fields that later
/// versions add are then absent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct casehug_clio_config {
    /// `sizeof(casehug_clio_config)`.
    pub size: usize,
    /// The Clio app's client id.
    pub client_id: *const c_char,
    /// The Clio app's client secret. Copied; wipe yours.
    pub client_secret: *const c_char,
    /// The region of Clio, `us`, `eu`, `ca` or `au`; or for tests and proxies a host root, `http`
    /// for loopback addresses only.
    pub clio_url: *const c_char,
    /// The name of the root key: 1 to 128 bytes of `A-Z a-z 0-9 _ - . :`.
    pub sealing_key_id: *const c_char,
    /// The root key: 32 bytes as 64 hexadecimal digits or as base64. Copied; wipe yours.
    pub sealing_key: *const c_char,
    /// The folder of intakes (docs/intake-format.md): one firm's, and whatever firm is named gets
    /// it. With `{firm}` in its path, `intakes/{firm}` say, each firm has the folder that is named
    /// by its id, and none gets another's.
    pub intake_folder: *const c_char,
    /// The SDK's own SQLite file, if no store is given to `casehug_clio_open`. No other SQLite of
    /// this process may open it.
    pub sqlite_path: *const c_char,
    /// How long Clio may still execute a request that was given up on. 0: the default, 120 s.
    pub late_execution_window_seconds: u32,
    /// For one call to Clio. 0: the default, 30 s.
    pub request_timeout_seconds: u32,
    /// How long Clio's lists may not show yet what Clio has created. 0: the default, 60 s.
    pub index_delay_seconds: u32,
    /// A proxy for the way to Clio: `http://host:port`, with `user:password@` before the host if it
    /// asks for that. NULL: none; the environment is not asked.
    pub proxy: *const c_char,
    /// Root certificates to trust beside Mozilla's, as PEM text: those of a proxy that opens TLS,
    /// say. NULL: none.
    pub root_certificates: *const c_char,
    /// Takes what the SDK of this handle tells, a line at a time, on a thread of its own: ids,
    /// counts and codes, no client data. Never called after `casehug_clio_close`, nor after an open
    /// that failed. It may block: lines that find no room meanwhile are dropped and counted. No
    /// function of the SDK may be called in it. NULL: none.
    pub log:
        Option<unsafe extern "C" fn(context: *mut c_void, level: i32, target: *const c_char, message: *const c_char)>,
    /// Passed to `log`.
    pub log_context: *mut c_void,
    /// The least grave lines wanted. 1: errors. 2: warnings. 3: what happens. 4: each call. 0: the
    /// default, 2.
    pub log_level: i32,
    /// Where Clio is to deliver webhooks: a public https URL below which every path with one more
    /// segment reaches `casehug_clio_handle_webhook`. NULL: the status of matters is polled.
    pub webhook_url: *const c_char,
    /// The database in one line, in place of `sqlite_path` and of a store: `sqlite:FILE`, or
    /// `postgres://USER@HOST/DATABASE` for many processes. Copied; wipe it if it holds a password.
    pub store: *const c_char,
    /// Keys of the host, in place of `sealing_key`. NULL: none. The struct is copied.
    pub keys: *const casehug_clio_keys,
    /// Intakes of the host, in place of `intake_folder`. NULL: none. The struct is copied.
    pub intakes: *const casehug_clio_intakes,
    /// A vault of the host for the sealed tokens, in place of the store. NULL: none. The struct is
    /// copied.
    pub tokens: *const casehug_clio_tokens,
    /// Root keys that sealed before `sealing_key`, and still open what they sealed: until
    /// `casehug_clio_rewrap_keys` was called for every firm. NULL: none. Copied; wipe yours.
    pub earlier_sealing_keys: *const casehug_clio_root_key,
    /// How many they are.
    pub earlier_sealing_key_count: usize,
}

/// A root key and its name, as of `sealing_key` and `sealing_key_id`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct casehug_clio_root_key {
    /// Its name.
    pub id: *const c_char,
    /// The key.
    pub key: *const c_char,
}

impl core::fmt::Debug for casehug_clio_root_key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("casehug_clio_root_key").finish_non_exhaustive()
    }
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

/// As large as the struct of version 0.1.0: a program that was compiled with its header is taken as
/// it is.
const FIRST_VERSION: usize = offset_of!(casehug_clio_config, index_delay_seconds);

/// The configuration, copied.
pub(crate) struct Config<'a> {
    pub client_id: &'a str,
    pub client_secret: &'a str,
    pub clio_url: &'a str,
    /// Its name, and the key itself.
    pub key: Option<(&'a str, &'a str)>,
    /// Names and keys.
    pub earlier_keys: Vec<(&'a str, &'a str)>,
    pub intake_folder: Option<&'a str>,
    pub sqlite_path: Option<&'a str>,
    pub store: Option<&'a str>,
    pub late_execution_window: Option<Duration>,
    pub index_delay: Option<Duration>,
    pub request_timeout: Option<Duration>,
    pub network: Network,
    pub webhook_url: Option<&'a str>,
    pub log: Option<Log>,
}

impl casehug_clio_config {
    /// A copy, in which later fields of an older header are absent.
    ///
    /// # Safety
    /// `config` is NULL or points to a configuration of its stated size.
    pub(crate) unsafe fn copied(config: *const Self) -> Result<Self> {
        if config.is_null() {
            return Err(Misuse::Null.of("config"));
        }
        // SAFETY: not null; `size` is the first field of every version.
        let size = unsafe { (&raw const (*config).size).read() };
        if size < FIRST_VERSION {
            return Err(Misuse::WrongSize.of("config"));
        }
        let mut copy = MaybeUninit::<Self>::zeroed();
        let known = size.min(size_of::<Self>());
        // SAFETY: so much is there by its own word, and room for it here. A field that is not there
        // is 0, which every field may be.
        Ok(unsafe {
            core::ptr::copy_nonoverlapping(config.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known);
            copy.assume_init()
        })
    }
}

impl<'a> Config<'a> {
    /// # Safety
    /// The texts of `config` are NULL or NUL-terminated, and live as long as what is given.
    pub(crate) unsafe fn read(config: &casehug_clio_config) -> Result<Self> {
        let seconds = |seconds: u32| (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        // SAFETY: each is NULL or NUL-terminated by the caller's promise.
        let text = |text, name| unsafe { argument(text, name) };
        let optional = |value: *const c_char, name| (!value.is_null()).then(|| text(value, name)).transpose();
        Ok(Self {
            client_id: text(config.client_id, "client_id")?,
            client_secret: text(config.client_secret, "client_secret")?,
            clio_url: text(config.clio_url, "clio_url")?,
            key: match optional(config.sealing_key, "sealing_key")? {
                Some(key) => Some((text(config.sealing_key_id, "sealing_key_id")?, key)),
                None => None,
            },
            earlier_keys: {
                let (keys, count) = (config.earlier_sealing_keys, config.earlier_sealing_key_count);
                if keys.is_null() && count > 0 {
                    return Err(Misuse::Null.of("earlier_sealing_keys"));
                }
                // SAFETY: not null, and so many by the caller's promise.
                let keys = if keys.is_null() { &[] } else { unsafe { slice::from_raw_parts(keys, count) } };
                let both = |one: &casehug_clio_root_key| {
                    Ok((text(one.id, "earlier_sealing_keys")?, text(one.key, "earlier_sealing_keys")?))
                };
                keys.iter().map(both).collect::<Result<_>>()?
            },
            intake_folder: optional(config.intake_folder, "intake_folder")?,
            sqlite_path: optional(config.sqlite_path, "sqlite_path")?,
            store: optional(config.store, "store")?,
            late_execution_window: seconds(config.late_execution_window_seconds),
            index_delay: seconds(config.index_delay_seconds),
            request_timeout: seconds(config.request_timeout_seconds),
            network: {
                let mut network = Network::default();
                if !config.proxy.is_null() {
                    network = network.proxy(text(config.proxy, "proxy")?)?;
                }
                if !config.root_certificates.is_null() {
                    network =
                        network.root_certificates(text(config.root_certificates, "root_certificates")?.as_bytes())?;
                }
                network
            },
            webhook_url: optional(config.webhook_url, "webhook_url")?,
            log: config.log.map(|log| Log::start(log, config.log_context, config.log_level)).transpose()?,
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
