//! Sends one request on to another origin, on a connection of its own: no pool, no retry, no
//! redirect.

use std::{error::Error, fmt};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response,
    client::conn::http1,
    header::{CONNECTION, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// More than any body of the API; documents do not come this way.
pub(crate) const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Why a request was not relayed.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// `http://host:port`.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    authority: String,
}

impl Origin {
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        match url.trim_end_matches('/').strip_prefix("http://") {
            Some(authority) if !authority.contains('/') => Ok(Self { authority: authority.to_owned() }),
            _ => Err(format!("not an http origin: {url}").into()),
        }
    }

    /// Sends the request with that target, and reads the whole answer.
    pub(crate) async fn relay(&self, request: Request<Bytes>, target: &str) -> Result<Response<Bytes>, Failure> {
        let (mut parts, body) = request.into_parts();
        parts.uri = target.parse()?;
        parts.headers.insert(HOST, HeaderValue::from_str(&self.authority)?);
        drop_hops(&mut parts.headers);
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
        let (mut parts, body) = answer.into_parts();
        let body = whole(body).await?;
        connection.abort();
        drop_hops(&mut parts.headers);
        Ok(Response::from_parts(parts, body))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// Reads a body to its end.
pub(crate) async fn whole<B>(body: B) -> Result<Bytes, Failure>
where
    B: hyper::body::Body,
    B::Error: Into<Failure>,
{
    Limited::new(body, LARGEST_BODY).collect().await.map(http_body_util::Collected::to_bytes)
}

/// These belong to one connection.
fn drop_hops(headers: &mut HeaderMap) {
    for name in [CONNECTION.as_str(), TRANSFER_ENCODING.as_str(), "keep-alive"] {
        headers.remove(name);
    }
}
