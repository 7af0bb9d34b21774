//! The hosts of an address. They are tried one after the other, and the first that takes writes is
//! used.
//!
//! The driver would do so itself, but knows a time limit for the way to a host only: one that takes
//! connections and then says nothing, as a machine does that hangs, would keep it from the others.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, LoadBalanceHosts};

/// Of the only host: name, TCP, TLS, login.
const ALONE: Duration = Duration::from_secs(15);

/// A configuration for each host.
pub(crate) struct Hosts {
    configs: Vec<Config>,
    /// Where to begin: whoever was there last.
    last: AtomicUsize,
    limit: Duration,
}

impl Hosts {
    /// `None`: as many ports or addresses as hosts are needed, or one port for all.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
        let count = hosts.len().max(addresses.len());
        let fits = |len: usize, other: usize| len == 0 || len == count || len == other;
        if count == 0 || !fits(hosts.len(), 0) || !fits(addresses.len(), 0) || !fits(ports.len(), 1) {
            return None;
        }
        let configs = (0..count).map(|n| {
            let mut one = without_host(config);
            match hosts.get(n) {
                Some(Host::Tcp(name)) => {
                    one.host(name);
                }
                #[cfg(unix)]
                Some(Host::Unix(folder)) => {
                    one.host_path(folder);
                }
                None => {}
            }
            if let Some(address) = addresses.get(n) {
                one.hostaddr(*address);
            }
            if let Some(port) = ports.get(n).or(ports.first()) {
                one.port(*port);
            }
            one
        });
        let limit = if count == 1 { ALONE } else { config.get_connect_timeout().copied().unwrap_or(ALONE) };
        Some(Self { configs: configs.collect(), last: AtomicUsize::new(0), limit })
    }

    /// In the order in which they are to be tried, each with its number.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (usize, &Config)> {
        let random = self.configs.iter().any(|config| config.get_load_balance_hosts() == LoadBalanceHosts::Random);
        let count = self.configs.len();
        let first = if random { by_chance() } else { self.last.load(Ordering::Relaxed) } % count;
        (first..count).chain(0..first).map(|n| (n, &self.configs[n]))
    }

    /// This one is there: it is tried first the next time.
    pub(crate) fn is_there(&self, number: usize) {
        self.last.store(number, Ordering::Relaxed);
    }

    /// How long one may take: name, TCP, TLS, login.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}

/// The same configuration, of no host yet.
fn without_host(config: &Config) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(limit) = config.get_connect_timeout() {
        one.connect_timeout(*limit);
    }
    if let Some(limit) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*limit);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives_idle(config.get_keepalives_idle()).ssl_mode(config.get_ssl_mode());
    one.channel_binding(config.get_channel_binding()).target_session_attrs(config.get_target_session_attrs());
    one.load_balance_hosts(config.get_load_balance_hosts());
    one
}

fn by_chance() -> usize {
    usize::try_from(RandomState::new().hash_one(0) >> 33).unwrap_or_default()
}
