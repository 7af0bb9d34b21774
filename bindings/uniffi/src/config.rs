//! What a host hands over when it opens the SDK, and who asks.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::{ActorId, FirmId, Result, WorkerConfig};
use casehug_clio_http_reqwest::Network;

use crate::failure::Misuse;
use crate::intakes::HostIntakes;
use crate::keys::HostKeys;
use crate::log::{HostLog, LogLevel};
use crate::store::HostStore;
use crate::tokens::HostTokens;

/// The shortest wait of a worker between two looks, as Node has it.
const LEAST_POLL: Duration = Duration::from_millis(10);

/// How the SDK is opened.
#[derive(Clone, uniffi::Record)]
pub struct Config {
    /// The Clio app's client id.
    pub client_id: String,
    /// The Clio app's client secret.
    pub client_secret: String,
    /// The region of Clio, or for tests and proxies a host root.
    pub clio: String,
    /// The database in one line, or none if the host gives a store.
    pub database: Option<String>,
    /// The root key's name.
    pub sealing_key_id: Option<String>,
    /// The root key: 32 bytes as hexadecimal digits or as base64.
    pub sealing_key: Option<String>,
    /// Root keys by name that sealed before it.
    pub earlier_sealing_keys: HashMap<String, String>,
    /// The folder of intakes: one firm's, or with `{firm}` in its path one for each firm.
    pub intake_folder: Option<String>,
    /// Where Clio delivers webhooks.
    pub webhook_url: Option<String>,
    /// How long Clio may still execute a request that was given up on.
    pub late_execution_window_ms: Option<u64>,
    /// How long Clio's lists may not show what was created.
    pub index_delay_ms: Option<u64>,
    /// For one call to Clio.
    pub request_timeout_ms: Option<u64>,
    /// A proxy for the way to Clio.
    pub proxy: Option<String>,
    /// Root certificates to trust beside Mozilla's, as PEM.
    pub root_certificates: Option<String>,
    /// The least grave lines wanted.
    pub log_level: LogLevel,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("clio", &self.clio).finish_non_exhaustive()
    }
}

impl Config {
    pub(crate) fn network(&self) -> Result<Network> {
        let mut network = Network::default();
        if let Some(proxy) = &self.proxy {
            network = network.proxy(proxy)?;
        }
        if let Some(certificates) = &self.root_certificates {
            network = network.root_certificates(certificates.as_bytes())?;
        }
        Ok(network)
    }
}

/// What the host implements.
#[derive(Clone, uniffi::Record)]
pub struct Ports {
    /// A database.
    pub store: Option<Arc<dyn HostStore>>,
    /// A vault.
    pub tokens: Option<Arc<dyn HostTokens>>,
    /// Keys.
    pub keys: Option<Arc<dyn HostKeys>>,
    /// Matters and documents.
    pub intakes: Option<Arc<dyn HostIntakes>>,
    /// Takes what the SDK tells.
    pub log: Option<Arc<dyn HostLog>>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Role {
    /// An admin of the firm.
    Admin,
    /// Anybody else in it.
    Member,
}

/// Who asks, as the host authenticated them.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Actor {
    /// The user's id in CaseHug.
    pub user: String,
    /// The user's firm.
    pub firm: String,
    /// What the user may do.
    pub role: Role,
}

impl Actor {
    pub(crate) fn read(self) -> Result<casehug_clio::Actor> {
        let role = match self.role {
            Role::Admin => casehug_clio::Role::Admin,
            Role::Member => casehug_clio::Role::Member,
        };
        Ok(casehug_clio::Actor { id: ActorId::new(self.user)?, firm: FirmId::new(self.firm)?, role })
    }
}

/// How a worker works; what is absent is the default.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct WorkerSettings {
    /// Runs at once.
    pub concurrency: Option<u32>,
    /// Runs of one firm at once.
    pub per_firm: Option<u32>,
    /// The longest wait before it looks for work of other processes.
    pub poll_ms: Option<u64>,
}

impl WorkerSettings {
    /// # Errors
    /// `setting_invalid`: it would ask the database without a pause.
    pub(crate) fn read(self) -> Result<WorkerConfig> {
        let default = WorkerConfig::default();
        let count =
            |count: Option<u32>, default| count.and_then(|count| usize::try_from(count).ok()).unwrap_or(default);
        let poll = self.poll_ms.map_or(default.poll, Duration::from_millis);
        if poll < LEAST_POLL {
            return Err(Misuse::TooShort.of("poll"));
        }
        Ok(WorkerConfig {
            concurrency: count(self.concurrency, default.concurrency),
            per_firm: count(self.per_firm, default.per_firm),
            poll,
        })
    }
}

/// A header of an HTTP request or of a reply.
#[derive(Clone, uniffi::Record)]
pub struct Header {
    /// Its name.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").finish_non_exhaustive()
    }
}
