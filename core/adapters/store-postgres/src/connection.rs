//! Makes one connection: TLS unless the server is on this machine, and a time limit for each host.

use std::future::poll_fn;
use std::sync::Arc;

use casehug_clio::Result;
use rustls::ClientConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::{PostgresAddress, Trust};
use crate::error::{Failure, no_tls, not_connected};
use crate::hosts::Hosts;

/// Connects to one address, as often as it is asked.
pub(crate) struct Connector {
    hosts: Hosts,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(crate) fn new(address: &PostgresAddress) -> Result<Self> {
        let tls = address.trust().map(tls).transpose()?;
        Ok(Self { hosts: address.hosts()?, tls })
    }

    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        self.connect_with(None, None).await
    }

    /// A connection that says something to the server at its start, and gives what others tell
    /// until it ends.
    pub(crate) async fn connect_to_hear(&self, options: &str) -> Result<(Client, UnboundedReceiver<String>), Failure> {
        let (tell, told) = unbounded_channel();
        Ok((self.connect_with(Some(options), Some(tell)).await?, told))
    }

    /// The first host that takes writes; the last failure, if none does.
    async fn connect_with(
        &self,
        options: Option<&str>,
        tell: Option<UnboundedSender<String>>,
    ) -> Result<Client, Failure> {
        let mut failure = Failure::Lost;
        for (number, config) in self.hosts.in_order() {
            let mut config = config.clone();
            if let Some(options) = options {
                config.options(options);
            }
            match timeout(self.hosts.limit(), self.connect_to(&config, tell.clone())).await {
                Ok(Ok(client)) => {
                    self.hosts.is_there(number);
                    return Ok(client);
                }
                Ok(Err(error)) => failure = not_connected(&error),
                Err(_) => failure = Failure::TimedOut,
            }
        }
        Err(failure)
    }

    async fn connect_to(
        &self,
        config: &Config,
        tell: Option<UnboundedSender<String>>,
    ) -> Result<Client, tokio_postgres::Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                drive(connection, tell);
                Ok(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                drive(connection, tell);
                Ok(client)
            }
        }
    }
}

/// Moves bytes until the client is dropped or the server goes. What the server says beside its
/// answers may quote rows, and is dropped.
fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, tell: Option<UnboundedSender<String>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let (AsyncMessage::Notification(told), Some(tell)) = (message, &tell) {
                // Nobody listens any more.
                let _ = tell.send(told.payload().to_owned());
            }
        }
    });
}

/// TLS 1.2 or newer, with a certificate that is trusted and of the server's name.
fn tls(trust: &Trust) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| no_tls("provider"))?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(trust.roots()?).with_no_client_auth()))
}
