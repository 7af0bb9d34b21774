//! Makes one connection: TLS unless the server is on this machine, and a time limit for each step.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use casehug_clio::Result;
use rustls::ClientConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::{PostgresAddress, Trust};
use crate::error::{Failure, no_tls, not_connected};

/// All of it: name, TCP, TLS, login.
const CONNECT: Duration = Duration::from_secs(15);

/// Connects to one address, as often as it is asked.
pub(crate) struct Connector {
    address: PostgresAddress,
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    pub(crate) fn new(address: PostgresAddress) -> Result<Self> {
        let tls = address.trust().map(tls).transpose()?;
        Ok(Self { address, tls })
    }

    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        self.connect_with(self.address.config(), None).await
    }

    /// A connection that says something to the server at its start, and gives what others tell
    /// until it ends.
    pub(crate) async fn connect_to_hear(&self, options: &str) -> Result<(Client, UnboundedReceiver<String>), Failure> {
        let mut config = self.address.config().clone();
        config.options(options);
        let (tell, told) = unbounded_channel();
        Ok((self.connect_with(&config, Some(tell)).await?, told))
    }

    async fn connect_with(&self, config: &Config, tell: Option<UnboundedSender<String>>) -> Result<Client, Failure> {
        let connecting = async {
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
        };
        let connected: Result<_, tokio_postgres::Error> =
            timeout(CONNECT, connecting).await.map_err(|_| Failure::TimedOut)?;
        connected.map_err(|error| not_connected(&error))
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
