//! A way to the server that breaks when it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Break {
    /// Everything passes.
    Never,
    /// What the client sends next is lost, and the connection with it.
    Question,
    /// What the server sends next is lost, and the connection with it.
    Answer,
}

/// Passes bytes between its clients and a server.
pub struct Proxy {
    port: u16,
    next: Arc<AtomicU8>,
}

impl Proxy {
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(AtomicU8::new(Break::Never as u8));
        let breaks = Arc::clone(&next);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, SocketAddr::from(([127, 0, 0, 1], server)), Arc::clone(&breaks)));
            }
        });
        Self { port, next }
    }

    /// The address of a database, through this.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, database.rsplit('/').next().unwrap())
    }

    pub fn break_next(&self, what: Break) {
        self.next.store(what as u8, Ordering::SeqCst);
    }
}

/// Whether this is what breaks. Once.
fn breaks(next: &AtomicU8, what: Break) -> bool {
    next.compare_exchange(what as u8, Break::Never as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

async fn pass(mut client: TcpStream, server: SocketAddr, next: Arc<AtomicU8>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut question, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut question) => match read {
                Ok(length @ 1..) if !breaks(&next, Break::Question) => server.write_all(&question[..length]).await.unwrap(),
                _ => return,
            },
            read = server.read(&mut answer) => match read {
                Ok(length @ 1..) if !breaks(&next, Break::Answer) => client.write_all(&answer[..length]).await.unwrap(),
                _ => return,
            },
        }
    }
}
