//! `postgres://user:password@host:5432/database?parameter=value`: where the database is, and how it
//! may be reached.
//!
//! **TLS is required off this machine**, with a certificate that is trusted and names the host; no
//! parameter takes that away. On loopback and on Unix sockets it is used if `sslmode` asks for it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use casehug_clio::{Code, Error, Result};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::config::{ChannelBinding, Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

use crate::error::no_tls;
use crate::hosts::Hosts;

/// Connections of one store, unless `pool_size` says otherwise.
const CONNECTIONS: usize = 8;
/// More than a server gives out.
const MOST_CONNECTIONS: usize = 200;
/// For each address that a host's name stands for.
const CONNECT: Duration = Duration::from_secs(5);
/// A server that has vanished is noticed after so long.
const SILENCE: Duration = Duration::from_secs(20);

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Mozilla's list.
    Public,
    /// Those of a file in PEM form, and no others.
    File(PathBuf),
}

impl Trust {
    pub(crate) fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::Public => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::File(path) => {
                let unreadable = || no_tls("root_certificates_unreadable");
                for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unreadable())? {
                    roots.add(certificate.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
                }
                if roots.is_empty() {
                    return Err(unreadable());
                }
            }
        }
        Ok(roots)
    }
}

/// Where the database is. Holds the password, and never shows it.
#[derive(Clone)]
pub struct PostgresAddress {
    config: tokio_postgres::Config,
    trust: Option<Trust>,
    connections: usize,
}

impl PostgresAddress {
    /// Reads an address, as libpq writes them: `postgres://` or `postgresql://`, several hosts
    /// parted by commas, percent escapes.
    ///
    /// Of several hosts the one that takes writes is used, at once and whichever that is. So they
    /// MUST NOT be a primary and an asynchronous standby that is promoted by itself: what it lacks
    /// would be sent to Clio again, unless a recovery is begun before any process goes on there.
    ///
    /// | parameter | |
    /// | --- | --- |
    /// | `sslmode` | `require`, `verify-ca` and `verify-full` all ask for TLS with a certificate that is checked in full; `allow` and `prefer` leave it to the host, as no `sslmode` does; `disable` asks for none |
    /// | `sslrootcert` | a PEM file whose certificates are trusted instead of Mozilla's; `system` is Mozilla's |
    /// | `channel_binding` | `disable`, `prefer` (default) or `require` |
    /// | `pool_size` | most connections of this store, 1 to 200; default 8 |
    /// | `host` | instead of the one before the path: the folder of a Unix socket, say |
    /// | `hostaddr`, `connect_timeout` (seconds; default 5), `application_name`, `target_session_attrs`, `load_balance_hosts` | as libpq has them; `target_session_attrs` is `read-write` unless it is told to be `any` |
    ///
    /// # Errors
    /// [`SettingInvalid`](Code::SettingInvalid) with `setting` = `store` and `reason`: `not_a_url`,
    /// `unknown_parameter`, or `parameter` with its name. [`TlsRefused`](Code::TlsRefused) with
    /// `reason` = `required`: `sslmode=disable`, and a host that is not this machine. Nothing of
    /// the address is in an error.
    pub fn parse(address: &str) -> Result<Self> {
        let (base, parameters) = split(address).ok_or_else(|| refused("not_a_url"))?;
        let mut config: tokio_postgres::Config = base.parse().map_err(|_| refused("not_a_url"))?;
        config.application_name("casehug-clio").connect_timeout(CONNECT).tcp_user_timeout(SILENCE);
        config.keepalives_idle(SILENCE).keepalives_interval(SILENCE / 4).keepalives_retries(3);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let (mut mode, mut trust, mut connections) = (None, Trust::Public, CONNECTIONS);
        for (name, value) in url::form_urlencoded::parse(parameters.replace('+', "%2B").as_bytes()) {
            match &*name {
                "sslmode" => mode = tls_wanted(&value)?,
                "sslrootcert" if value == "system" => trust = Trust::Public,
                "sslrootcert" => trust = Trust::File(PathBuf::from(&*value)),
                "pool_size" => {
                    let size = value.parse().ok().filter(|size| (1..=MOST_CONNECTIONS).contains(size));
                    connections = size.ok_or_else(|| wrong("pool_size"))?;
                }
                _ => take_over(&mut config, &name, &value)?,
            }
        }
        if Hosts::of(&config).is_none() {
            return Err(refused("not_a_url"));
        }
        let trust = match (mode, is_here(&config)) {
            (Some(false), false) => return Err(no_tls("required")),
            // Sockets of this machine know no TLS.
            (Some(true), _) if !is_socket(&config) => Some(trust),
            (None, false) => Some(trust),
            _ => None,
        };
        config.ssl_mode(if trust.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, trust, connections })
    }

    /// Whether a text is such an address, rather than a file.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Sets the password, if the address holds none: an address may be seen in a list of processes.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        if self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    pub(crate) fn hosts(&self) -> Result<Hosts> {
        Hosts::of(&self.config).ok_or_else(|| refused("not_a_url"))
    }

    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    pub(crate) fn most_connections(&self) -> usize {
        self.connections
    }
}

/// Never the address itself.
impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresAddress").field("tls", &self.trust.is_some()).finish_non_exhaustive()
    }
}

/// What stands before the parameters, and the parameters. A password may hold a question mark.
fn split(address: &str) -> Option<(&str, &str)> {
    if !PostgresAddress::is_one(address) {
        return None;
    }
    let from = address.find('@').unwrap_or(0);
    Some(match address[from..].find('?') {
        Some(at) => (&address[..from + at], &address[from + at + 1..]),
        None => (address, ""),
    })
}

/// Whether TLS is asked for, or asked not to be. libpq's `require`, without a check of the
/// certificate, keeps nobody out, so it is checked.
fn tls_wanted(mode: &str) -> Result<Option<bool>> {
    match mode {
        "disable" => Ok(Some(false)),
        "allow" | "prefer" => Ok(None),
        "require" | "verify-ca" | "verify-full" => Ok(Some(true)),
        _ => Err(wrong("sslmode")),
    }
}

/// Parameters that the driver knows. Others may change what the SDK rests on (`options`), and
/// poolers refuse them.
fn take_over(config: &mut tokio_postgres::Config, name: &str, value: &str) -> Result<()> {
    match name {
        "host" => value.split(',').for_each(|host| {
            config.host(host);
        }),
        "hostaddr" => {
            for address in value.split(',') {
                config.hostaddr(address.parse().map_err(|_| wrong("hostaddr"))?);
            }
        }
        "application_name" => {
            config.application_name(value);
        }
        "connect_timeout" => {
            let seconds = value.parse().ok().filter(|seconds| (1..=60).contains(seconds));
            config.connect_timeout(Duration::from_secs(seconds.ok_or_else(|| wrong("connect_timeout"))?));
        }
        "channel_binding" => {
            config.channel_binding(match value {
                "disable" => ChannelBinding::Disable,
                "prefer" => ChannelBinding::Prefer,
                "require" => ChannelBinding::Require,
                _ => return Err(wrong("channel_binding")),
            });
        }
        "target_session_attrs" => {
            config.target_session_attrs(match value {
                "any" => TargetSessionAttrs::Any,
                "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                _ => return Err(wrong("target_session_attrs")),
            });
        }
        "load_balance_hosts" => {
            config.load_balance_hosts(match value {
                "disable" => LoadBalanceHosts::Disable,
                "random" => LoadBalanceHosts::Random,
                _ => return Err(wrong("load_balance_hosts")),
            });
        }
        _ => return Err(refused("unknown_parameter")),
    }
    Ok(())
}

/// Whether all of its hosts are this machine.
fn is_here(config: &tokio_postgres::Config) -> bool {
    let host_is = |host: &Host| match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(host_is) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn is_socket(config: &tokio_postgres::Config) -> bool {
    let named = |host: &Host| matches!(host, Host::Tcp(_));
    config.get_hostaddrs().is_empty() && !config.get_hosts().iter().any(named)
}

fn refused(reason: &'static str) -> Error {
    Error::new(Code::SettingInvalid).with("setting", "store").with("reason", reason)
}

fn wrong(parameter: &'static str) -> Error {
    refused("parameter").with("parameter", parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(address: &str) -> PostgresAddress {
        PostgresAddress::parse(address).unwrap()
    }

    #[test]
    fn tls_is_asked_for_wherever_the_server_may_be_elsewhere() {
        for (address, tls) in [
            ("postgres://u@db.example/d", true),
            ("postgresql://u@db.example/d?sslmode=prefer&sslrootcert=system", true),
            ("postgres://u@10.0.0.1/d", true),
            ("postgres://u@localhost,db.example/d", true),
            ("postgres://u@localhost/d?hostaddr=10.0.0.1", true),
            ("postgres://u@127.0.0.1/d?sslmode=require", true),
            ("postgres://u@localhost/d", false),
            ("postgres://u@127.1.2.3:5433/d?sslmode=disable", false),
            ("postgres://u@[::1]/d", false),
            ("postgres://u@/d?host=/var/run/postgresql&sslmode=require", false),
        ] {
            let parsed = parsed(address);
            assert_eq!(parsed.trust.is_some(), tls, "{address}");
            assert_eq!(parsed.config.get_ssl_mode() == SslMode::Require, tls, "{address}");
        }
        for address in
            ["postgres://u@db.example/d?sslmode=disable", "postgres://u@localhost,10.0.0.1/d?sslmode=disable"]
        {
            let error = PostgresAddress::parse(address).unwrap_err();
            assert_eq!((error.code(), error.get("reason")), (Code::TlsRefused, Some("required")), "{address}");
        }
    }

    #[test]
    fn parameters_are_known_or_refused_and_a_password_is_never_shown() {
        let whole =
            "postgres://jane:p%3Fss?w&rd@db.example:6432/clio?pool_size=3&channel_binding=require&application_name=a+b";
        let address = parsed(whole);
        assert_eq!(address.most_connections(), 3);
        assert_eq!(address.config.get_password(), Some(&b"p?ss?w&rd"[..]));
        assert_eq!(address.config.get_application_name(), Some("a+b"));
        assert_eq!(format!("{address:?}"), "PostgresAddress { tls: true, .. }");
        for (address, reason) in [
            ("postgres://jane:secret@h/d?options=-c%20fsync=off", "unknown_parameter"),
            ("postgres://jane:secret@h/d?secret=1", "unknown_parameter"),
            ("postgres://jane:secret@h/d?pool_size=0", "parameter"),
            ("postgres://jane:secret@h/d?sslmode=maybe", "parameter"),
            ("postgres://jane:secret@h:secret/d", "not_a_url"),
            ("postgres://", "not_a_url"),
            ("mysql://jane:secret@h/d", "not_a_url"),
        ] {
            let error = PostgresAddress::parse(address).unwrap_err();
            assert_eq!((error.code(), error.get("reason")), (Code::SettingInvalid, Some(reason)), "{address}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_password_beside_the_address_does_not_replace_one_in_it() {
        let beside = |address| parsed(address).with_password("beside").config.get_password().map(<[u8]>::to_vec);
        assert_eq!(beside("postgres://u@localhost/d"), Some(b"beside".to_vec()));
        assert_eq!(beside("postgres://u:within@localhost/d"), Some(b"within".to_vec()));
    }
}
