//! One upload of a large sparse file by a process of its own, and what it cost in memory. Linux
//! only: it reads `/proc/self/status`.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use casehug_clio::ports::{DocumentSlice, Headers, HttpBody, HttpConnection, HttpRequest, HttpTransport as _, Method};
use casehug_clio::{DocumentId, DocumentKey, DocumentRef, FirmId, MatterId, UploadId};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_intake_folder::FolderIntake;
use casehug_clio_runtime_tokio::TokioRuntime;

/// What the design allows for a document of 1 GiB.
pub const ALLOWED_KIB: u64 = 16 * 1024;

/// Streams a file of so many MiB from a folder to the server. Gives how many KiB the peak of this
/// process's memory lies above what it had before, and the time.
pub async fn growth(server: &str, mib: u64) -> io::Result<(u64, Duration)> {
    let folder = tempfile::tempdir()?;
    let matter = folder.path().join("m");
    std::fs::create_dir(&matter)?;
    let documents = [("small", 1), ("large", mib)];
    for (name, mib) in documents {
        File::create(matter.join(name))?.set_len(mib * 1024 * 1024)?;
    }
    let entry = |name| {
        format!(
            r#"{{"id":"{name}","file_name":"x","content_type":"a/b","path":"{name}","status":"approved","origin":"client_upload"}}"#
        )
    };
    let json = format!(
        r#"{{"matter":{{"id":"m","title":"T"}},"client":{{"id":"c","first_name":"A","last_name":"B"}},"documents":[{},{}]}}"#,
        entry("small"),
        entry("large")
    );
    std::fs::write(matter.join("intake.json"), json)?;
    let source = Arc::new(FolderIntake::new(folder.path()).map_err(io::Error::other)?);
    let transport = ReqwestTransport::new(source, Arc::new(TokioRuntime)).map_err(io::Error::other)?;
    let mut before = 0;
    let started = Instant::now();
    for (name, mib) in documents {
        // The small one first, so that threads, TLS tables and code pages do not count.
        before = status_kib("VmRSS:")?;
        let request = put(&format!("{server}/b/sink/{name}"), name, mib * 1024 * 1024).map_err(io::Error::other)?;
        let answer = transport.send(request).await.map_err(|failure| io::Error::other(format!("{failure:?}")))?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("status {}", answer.status)));
        }
    }
    let (peak, took) = (status_kib("VmHWM:")?, started.elapsed());
    let asking = get(&format!("{server}/__got/large")).map_err(io::Error::other)?;
    let got = transport.send(asking).await.map_err(|failure| io::Error::other(format!("{failure:?}")))?;
    let whole = format!("\"body_len\":{},", mib * 1024 * 1024);
    if !String::from_utf8_lossy(&got.body).contains(&whole) {
        return Err(io::Error::other("the server has not got the whole document"));
    }
    Ok((peak.saturating_sub(before), took))
}

fn get(url: &str) -> casehug_clio::Result<HttpRequest> {
    Ok(HttpRequest {
        method: Method::Get,
        url: url.parse().map_err(|_| casehug_clio::Code::SettingInvalid)?,
        headers: Headers::new(),
        body: HttpBody::Empty,
        connection: HttpConnection::Kept,
        timeout: Duration::from_secs(600),
        not_after: None,
        max_response: 10_000,
    })
}

fn put(url: &str, document: &str, len: u64) -> casehug_clio::Result<HttpRequest> {
    let key = DocumentKey {
        matter: MatterId::new("m")?,
        document: DocumentId::new(document)?,
        upload: UploadId::new(document)?,
    };
    let slice = DocumentSlice { document: DocumentRef { firm: FirmId::new("f")?, key }, offset: 0, len, last: true };
    Ok(HttpRequest { method: Method::Put, body: HttpBody::Document(slice), ..get(url)? })
}

/// A line of this process's status: its memory now (`VmRSS:`) or the most that it ever had
/// (`VmHWM:`).
fn status_kib(name: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| io::Error::other("no such line"))
}
