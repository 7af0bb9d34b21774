//! Connects the firm: a loopback listener takes Clio's redirect.

use std::time::Duration;

use casehug_clio::ports::{Headers, HttpBody, HttpConnection, HttpRequest, Method};
use casehug_clio::{Actor, Code, ConnectionState, Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::setup::Setup;

/// An authorization attempt lives so long.
const PATIENCE: Duration = Duration::from_secs(600);
/// More than any request line that a browser sends here.
const MAX_HEAD: usize = 16 * 1024;

pub(crate) async fn ensure_connected(setup: &Setup, actor: &Actor, port: u16, automatic: bool) -> Result<()> {
    let connection = setup.sdk.firm(actor).connection().get().await?;
    if connection.is_some_and(|connection| connection.state != ConnectionState::ReconnectRequired) {
        return Ok(());
    }
    let failed = |_| Error::new(Code::SettingInvalid).with("setting", "callback_port").with("reason", "not_free");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
    let redirect = format!("http://127.0.0.1:{}/callback", listener.local_addr().map_err(failed)?.port());
    let start = setup.sdk.firm(actor).connection().begin(&redirect).await?;
    let query = if automatic {
        let ask = ask_for_consent(setup, start.authorize_url.clone(), &redirect);
        let callback = async {
            let query = tokio::time::timeout(Duration::from_secs(30), callback(&listener)).await;
            query.map_err(|_| Error::new(Code::TimedOut))?
        };
        // Whoever is refused at once waits for nobody.
        tokio::try_join!(ask, callback)?.1
    } else {
        super::output::say(&format!("Open this page and allow access:\n{}", start.authorize_url));
        let query = tokio::time::timeout(PATIENCE, callback(&listener)).await;
        query.map_err(|_| Error::new(Code::ConnectStateExpired))??
    };
    let connection = setup.sdk.firm(actor).connection().finish(&query).await?;
    tracing::info!(connection = %connection.id, "connected");
    Ok(())
}

/// Requests the authorize page itself, and follows its redirect if it leads to our listener.
async fn ask_for_consent(setup: &Setup, authorize: Url, redirect: &str) -> Result<()> {
    let get = |url| HttpRequest {
        method: Method::Get,
        url,
        headers: Headers::new().with("user-agent", "sync-intake"),
        body: HttpBody::Empty,
        connection: HttpConnection::Own,
        timeout: Duration::from_secs(20),
        not_after: None,
        max_response: 1024 * 1024,
    };
    let failed = |_| Error::new(Code::ConnectFailed).with("operation", "GET /oauth/authorize");
    let answer = setup.transport.send(get(authorize)).await.map_err(failed)?;
    let location = answer.headers.get("location").and_then(|location| location.parse::<Url>().ok());
    match location.filter(|location| location.as_str().starts_with(redirect)) {
        Some(location) => setup.transport.send(get(location)).await.map(|_| ()).map_err(failed),
        // A page for a person.
        None if (200..300).contains(&answer.status) => {
            Err(Error::new(Code::SettingInvalid).with("setting", "auto_consent").with("reason", "clio_asks_a_person"))
        }
        None => Err(Error::new(Code::OauthRefused).with("http_status", answer.status)),
    }
}

/// Waits for a request to `/callback` and gives its query.
async fn callback(listener: &TcpListener) -> Result<String> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        // A browser also asks for an icon, and may open connections that it does not use.
        let head = tokio::time::timeout(Duration::from_secs(10), read_head(&mut stream)).await;
        let Ok(Some(head)) = head else { continue };
        let target = head.split_whitespace().nth(1).unwrap_or_default();
        let query = target.strip_prefix("/callback?").map(str::to_owned);
        let (status, text) = match query {
            Some(_) => ("200 OK", "Done. You can close this page and go back to the terminal.\n"),
            None => ("404 Not Found", "Nothing here.\n"),
        };
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        );
        stream.write_all(answer.as_bytes()).await.ok();
        stream.shutdown().await.ok();
        if let Some(query) = query {
            return Ok(query);
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 || head.len() > MAX_HEAD {
            return None;
        }
        head.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(head).ok()
}
