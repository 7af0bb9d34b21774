//! How many connections a matter takes, counted where they arrive.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use casehug_clio_runtime_tokio::TokioRuntime;
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{Bench, assert_each_once, intake};
use crate::embedded::{admin, builder_at, connect, matter, open};

/// Passes connections on to a server, and counts them.
async fn counted(server: &str) -> (String, Arc<AtomicUsize>) {
    let server = server.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, count) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let counting = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counting.fetch_add(1, Ordering::Relaxed);
            let mut far = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (url, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_client_with_ten_documents_takes_few_connections() {
    let bench = Bench::new().await;
    let (api, to_api) = counted(bench.sim.url()).await;
    let (storage, to_storage) = counted(bench.sim.storage_url()).await;
    bench.sim.model().set_origins(&api, &storage);
    let documents: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
    let names: Vec<&str> = documents.iter().map(String::as_str).collect();
    bench.matter("m1", &intake("m1", "c1", Some("zyx.qwertz@example.test"), &names));
    let store = open(&bench.folder.path().join("sync.db")).await;
    let process = || builder_at(&api, &bench, &store, Arc::new(TokioRuntime)).build().unwrap();
    connect(&process()).await;
    for count in [&to_api, &to_storage] {
        count.store(0, Ordering::Relaxed);
    }
    // One that has just been started, with no connection yet.
    let report = process().firm(&admin()).matters().sync(&matter("m1")).await.unwrap();
    assert!(report.first_failure().is_none(), "{report:?}");
    assert_each_once(&bench.state(), 1, 1, 10, "ten documents");
    let (to_api, to_storage) = (to_api.load(Ordering::Relaxed), to_storage.load(Ordering::Relaxed));
    // Searches, the contact, the matter, and whatever the documents share.
    assert!((3..=4).contains(&to_api), "{to_api} connections to the API");
    assert!((1..=2).contains(&to_storage), "{to_storage} connections to the storage");
    bench.sim.stop();
}
