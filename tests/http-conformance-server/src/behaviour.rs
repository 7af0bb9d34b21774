//! What the server does with a request, by the name in its path.
//!
//! | name | |
//! | --- | --- |
//! | `ok` | reads the body, answers 200 with the id |
//! | `sink` | as `ok`, counting the body without hashing it |
//! | `status-<code>` | answers that status with the id, and a `location` to `ok` under the same id |
//! | `delay-<ms>` | as `ok`, later |
//! | `sized-<n>`, `chunked-<n>`, `unframed-<n>` | a body of `n` times `x`: declared, in chunks, ended by closing |
//! | `interim` | 100 and 103, and then 200 |
//! | `headers` | a repeated header, a name in capitals, a value that is not ASCII |
//! | `cookie` | sets one |
//! | `gzip` | 132 bytes that unpack to 100,000 |
//! | `close-after-head`, `close-after-all` | no answer |
//! | `cut-head`, `cut-body`, `cut-chunks` | closes in the middle of the answer |
//! | `second-dies` | `ok` for the first request of a connection; takes the second one and closes |
//! | `says-goodbye` | `ok` with `connection: close`, and closes |
//! | `closes-idle` | `ok`, and closes without having announced it |
//! | `silent`, `trickle-head`, `trickle-body` | no answer; one that takes longer than anybody waits |
//! | `garbage`, `two-lengths` | not HTTP; an answer whose end is ambiguous |
//! | `early-<code>` | answers without reading the body, says goodbye, and takes what still comes |

use std::io;
use std::time::Duration;

use crate::got::Entry;
use crate::wire::{Flow, Head, Wire};

/// 100,000 zero bytes.
const GZIP: &str = "1f8b0800000000000203edc13101000000c2a0f54f6d0d0fa00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000008057037d9511d4a0860100";

pub(crate) async fn behave(
    name: &str,
    id: &str,
    number: u64,
    head: &Head,
    wire: &mut Wire,
    entry: &Entry,
) -> io::Result<Flow> {
    let (kind, value) = match name.rsplit_once('-').and_then(|(kind, value)| Some((kind, value.parse().ok()?))) {
        Some((kind, value)) => (kind, value),
        None => (name, 0_u32),
    };
    let code = u16::try_from(value).unwrap_or(500);
    match kind {
        "close-after-head" => return Ok(Flow::Close),
        "early" => {
            wire.answer(code, &[("connection", "close")], id.as_bytes()).await?;
            // Meanwhile the body fills both ends' buffers and stops there, so that the answer is
            // met in the middle of the upload.
            tokio::time::sleep(Duration::from_millis(500)).await;
            return wire.finish().await;
        }
        _ => wire.read_body(head, entry, kind != "sink").await?,
    }
    match kind {
        "ok" | "sink" => wire.answer(200, &[], id.as_bytes()).await,
        "status" if code == 204 => wire.answer(code, &[], b"").await,
        "status" => wire.answer(code, &[("location", &format!("/b/ok/{id}"))], id.as_bytes()).await,
        "delay" => {
            tokio::time::sleep(Duration::from_millis(u64::from(value))).await;
            wire.answer(200, &[], id.as_bytes()).await
        }
        "sized" => wire.answer(200, &[], &filler(value)).await,
        "chunked" => chunked(wire, value).await,
        "unframed" => {
            wire.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
            wire.write(&filler(value)).await?;
            wire.finish().await
        }
        "interim" => {
            wire.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await?;
            wire.answer(200, &[], id.as_bytes()).await
        }
        "headers" => {
            wire.write(b"HTTP/1.1 200 OK\r\nX-Twice: one\r\nx-twice: two\r\nX-Latin: caf\xe9\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-length: 2\r\n\r\nok").await?;
            Ok(Flow::KeepAlive)
        }
        "cookie" => wire.answer(200, &[("set-cookie", "session=1; Path=/")], id.as_bytes()).await,
        "gzip" => wire.answer(200, &[("content-encoding", "gzip")], &hex::decode(GZIP).unwrap_or_default()).await,
        "cut-head" => partly(wire, b"HTTP/1.1 200 OK\r\ncontent-le").await,
        "cut-body" => partly(wire, b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok").await,
        "cut-chunks" => partly(wire, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await,
        "second-dies" if number == 1 => wire.answer(200, &[], id.as_bytes()).await,
        "says-goodbye" => {
            wire.answer(200, &[("connection", "close")], id.as_bytes()).await?;
            wire.finish().await
        }
        "closes-idle" => {
            wire.answer(200, &[], id.as_bytes()).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Flow::Close)
        }
        "silent" => wire.wait().await,
        "trickle-head" => {
            wire.trickle(format!("HTTP/1.1 200 OK\r\nx-long: {}", "x".repeat(200)).as_bytes()).await?;
            Ok(Flow::Close)
        }
        "trickle-body" => {
            wire.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n").await?;
            wire.trickle(&filler(200)).await?;
            Ok(Flow::Close)
        }
        "garbage" => partly(wire, b"220 mail.example.com ESMTP ready\r\n\r\n").await,
        "two-lengths" => partly(wire, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\nokok").await,
        "second-dies" | "close-after-all" => Ok(Flow::Close),
        _ => wire.answer(404, &[], b"no such behaviour").await,
    }
}

fn filler(bytes: u32) -> Vec<u8> {
    vec![b'x'; bytes as usize]
}

/// These bytes and the end, so that the client does not see a reset instead.
async fn partly(wire: &mut Wire, bytes: &[u8]) -> io::Result<Flow> {
    wire.write(bytes).await?;
    wire.finish().await
}

async fn chunked(wire: &mut Wire, bytes: u32) -> io::Result<Flow> {
    wire.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
    for chunk in filler(bytes).chunks(4000) {
        wire.write(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
        wire.write(chunk).await?;
        wire.write(b"\r\n").await?;
    }
    wire.write(b"0\r\n\r\n").await?;
    Ok(Flow::KeepAlive)
}
