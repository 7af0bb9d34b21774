//! Bytes of one connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::got::Entry;

/// No test sends a larger head.
const MAX_HEAD: usize = 64 * 1024;
/// The longest that a connection stays open for nothing.
const PATIENCE: Duration = Duration::from_secs(8);

/// Whether the connection takes another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    KeepAlive,
    Close,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1"), None) =
            (first.next(), first.next(), first.next(), first.next())
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), value.trim().to_owned())
        });
        Ok(Self { method: method.to_owned(), target: target.to_owned(), headers: headers.collect() })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Wire {
    stream: TcpStream,
    /// Read and not yet used.
    ahead: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Faults are exact to the byte only if each write is its own; without this option the last
        // ones could wait for another.
        stream.set_nodelay(true).ok();
        Self { stream, ahead: Vec::new() }
    }

    /// The next head, or `None` at the end of the connection.
    pub(crate) async fn read_head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = Head::parse(&self.ahead[..at])?;
                self.ahead.drain(..at + 4);
                return Ok(Some(head));
            }
            if self.ahead.len() > MAX_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.more().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads the body and notes it, by its declared length, or, if it is chunked, up to what ends
    /// the last chunk.
    pub(crate) async fn read_body(&mut self, head: &Head, entry: &Entry, hashed: bool) -> io::Result<()> {
        let chunked = head.get("transfer-encoding").is_some();
        let mut left: u64 = head.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut tail = Vec::new();
        while chunked || left > 0 {
            if self.ahead.is_empty() && self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let take = if chunked { self.ahead.len() } else { usize::try_from(left).unwrap_or(usize::MAX) };
            let take = take.min(self.ahead.len());
            entry.bytes(&self.ahead[..take], hashed);
            left = left.saturating_sub(take as u64);
            if chunked {
                tail.extend_from_slice(&self.ahead[..take]);
                tail.drain(..tail.len().saturating_sub(5));
            }
            self.ahead.drain(..take);
            if chunked && tail == b"0\r\n\r\n" {
                break;
            }
        }
        entry.complete(hashed);
        Ok(())
    }

    /// A well-formed answer.
    pub(crate) async fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Flow> {
        let mut head = format!("HTTP/1.1 {status} Status\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if status != 204 {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        self.write(format!("{head}\r\n").as_bytes()).await?;
        self.write(body).await?;
        Ok(Flow::KeepAlive)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// One byte at a time, so that something arrives all the time and the end does not come.
    pub(crate) async fn trickle(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            self.write(&[*byte]).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Says that nothing more comes, and goes on reading: closing with unread bytes would reset the
    /// connection, and an answer that the client has not read yet would be lost with it.
    pub(crate) async fn finish(&mut self) -> io::Result<Flow> {
        self.stream.shutdown().await?;
        self.wait().await
    }

    /// Takes whatever comes until the client closes.
    pub(crate) async fn wait(&mut self) -> io::Result<Flow> {
        let closed = async {
            while self.more().await? > 0 {
                self.ahead.clear();
            }
            Ok(Flow::Close)
        };
        timeout(PATIENCE, closed).await.unwrap_or(Ok(Flow::Close))
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.ahead.reserve(64 * 1024);
        self.stream.read_buf(&mut self.ahead).await
    }
}
