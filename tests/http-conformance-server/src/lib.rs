//! The server of the HTTP conformance suite (`casehug_clio_testkit::http`).
//!
//! **Problem.** Whether a client writes a request twice, believes half an answer or waits for ever
//! shows only against a server that misbehaves exactly. An HTTP library on this side would repair
//! what must stay broken, so this one speaks HTTP/1.1 on the bare socket.
//!
//! **Life of a request.** Its head is read up to the blank line and noted under the id in its path
//! *before* anything else, so that a request counts even if its body never comes. Then its
//! [behaviour](behaviour) reads what it wants and writes what it wants. `GET /__got/<id>` tells
//! what was noted.

mod behaviour;
mod got;
mod wire;

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use got::Got;
use wire::Wire;

/// A running server; stops when dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    task: JoinHandle<()>,
    /// Bound and never listening: nobody else gets the port, and connecting to it is refused.
    _closed: TcpSocket,
}

impl Server {
    /// Starts on a free port of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let closed = TcpSocket::new_v4()?;
        closed.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let shared = Shared { got: Got::default(), closed_port: closed.local_addr()?.port() };
        let task = tokio::spawn(accept(listener, shared));
        Ok(Self { url, task, _closed: closed })
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    got: Got,
    closed_port: u16,
}

async fn accept(listener: TcpListener, shared: Shared) {
    let mut connections = tokio::task::JoinSet::new();
    let mut number = 0;
    loop {
        // A failed accept is the client's loss of a connection, which the suite sees there.
        if let Ok((stream, _)) = listener.accept().await {
            number += 1;
            connections.spawn(serve(stream, number, shared.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection until somebody closes it.
async fn serve(stream: TcpStream, connection: u64, shared: Shared) {
    let mut wire = Wire::new(stream);
    let mut number = 0;
    while let Ok(Some(head)) = wire.read_head().await {
        number += 1;
        let mut path = head.target.split('?').next().unwrap_or_default().split('/').skip(1);
        let goes_on = match (path.next(), path.next(), path.next()) {
            (Some("__got"), Some(id), None) => wire.answer(200, &[], shared.got.json(id).as_bytes()).await,
            (Some("__closed"), None, None) => wire.answer(200, &[], shared.closed_port.to_string().as_bytes()).await,
            (Some("b"), Some(name), Some(id)) => {
                let entry = shared.got.note(id, connection, &head);
                behaviour::behave(name, id, number, &head, &mut wire, &entry).await
            }
            _ => wire.answer(404, &[], b"no such path").await,
        };
        if !goes_on.is_ok_and(|flow| flow == wire::Flow::KeepAlive) {
            return;
        }
    }
}
