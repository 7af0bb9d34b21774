//! What shows only in a process of its own (the environment, peak memory), or on a strange
//! executor. A test that needs a process starts this program again with a variable set, and takes
//! the other branch there.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Tests.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use crate::common::{get, put, transport};
use casehug_clio::ports::{HttpFailureKind, HttpTransport as _, Sent};
use http_conformance_server::Server;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

const CHILD: &str = "CASEHUG_CLIO_TEST_CHILD";

/// Runs one test of this program in a process of its own.
async fn child(test: &'static str, task: String, environment: Vec<(&'static str, String)>) -> Output {
    let run = move || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        for name in ["NO_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        command
            .args(["--exact", &format!("process::{test}"), "--nocapture"])
            .env(CHILD, task)
            .envs(environment)
            .output()
            .unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // Or else no test ran at all.
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

/// A proxy of the environment could read nothing of HTTPS, but it may write a request twice.
#[tokio::test]
async fn a_proxy_of_the_environment_is_ignored() {
    if let Ok(task) = std::env::var(CHILD) {
        let (plain, closed) = task.split_once(' ').unwrap();
        assert_eq!(transport(&[]).send(get(plain)).await.unwrap().status, 200);
        let failure = transport(&[]).send(get(closed)).await.unwrap_err();
        assert_eq!((failure.kind, failure.sent), (HttpFailureKind::Connect, Sent::No));
        return;
    }
    let server = Server::start().await.unwrap();
    let closed = transport(&[]).send(get(&format!("{}/__closed", server.url()))).await.unwrap();
    let closed = String::from_utf8(closed.body.to_vec()).unwrap();
    let task = format!("{}/b/ok/proxy https://localhost:{closed}/", server.url());
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let used = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&used);
    tokio::spawn(async move {
        while proxy.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let environment = names.map(|name| (name, address.clone())).to_vec();
    succeeded(&child("a_proxy_of_the_environment_is_ignored", task, environment).await);
    assert_eq!(used.load(Ordering::SeqCst), 0, "the proxy was asked");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_large_document_passes_through_a_little_memory() {
    const MIB: u64 = 256;
    if let Ok(server) = std::env::var(CHILD) {
        let (kib, took) = crate::common::upload::growth(&server, MIB).await.unwrap();
        println!("{MIB} MiB in {took:?}: {kib} KiB");
        assert!(kib <= crate::common::upload::ALLOWED_KIB, "peak memory grew by {kib} KiB");
        return;
    }
    let server = Server::start().await.unwrap();
    let url = server.url().to_owned();
    succeeded(&child("a_large_document_passes_through_a_little_memory", url, Vec::new()).await);
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor of a few lines, which knows nothing of tokio.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[tokio::test]
async fn it_works_on_an_executor_without_tokio() {
    let server = Server::start().await.unwrap();
    let (plain, document) = (format!("{}/b/ok/plain", server.url()), format!("{}/b/ok/document", server.url()));
    let thread = std::thread::spawn(move || {
        let transport = transport(&[]);
        let statuses = block_on(async {
            let plain = transport.send(get(&plain)).await.unwrap().status;
            (plain, transport.send(put(&document, "len_200000", 200_000)).await.unwrap().status)
        });
        drop(transport);
        statuses
    });
    let statuses = tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    assert_eq!(statuses, (200, 200));
}

#[tokio::test]
async fn a_dropped_future_abandons_its_exchange_and_a_dropped_transport_does_not_panic() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let transport = transport(&[]);
    let sending = tokio::time::timeout(Duration::from_millis(300), transport.send(get(&url)));
    let (timed_out, accepted) = tokio::join!(sending, listener.accept());
    assert!(timed_out.is_err());
    let mut all = Vec::new();
    let (mut stream, _) = accepted.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
    assert!(closed.is_ok(), "the connection outlived the future that asked for it");
    drop(transport);
}
