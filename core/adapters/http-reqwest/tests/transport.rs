//! The transport against real sockets: a server that misbehaves byte for byte, and TLS servers with their own certificates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::maybe_send::BoxFuture;
use casehug_clio::model::{DocumentId, DocumentKey, DocumentRef, FirmId, MatterId, UploadId};
use casehug_clio::ports::{
    DocumentBytes, DocumentReader, DocumentSlice, Headers, HttpBody, HttpFailure, HttpFailureKind, HttpRequest,
    HttpResponse, HttpTransport, Method, Runtime, Sent,
};
use casehug_clio::{Code, Error, Result};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_runtime_tokio::TokioRuntime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A document of so many bytes; `None` cannot be opened.
#[derive(Debug)]
struct Bytes(Option<usize>);

struct Reader(usize);

impl DocumentReader for Reader {
    fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let read = buffer.len().min(self.0);
            buffer[..read].fill(b'd');
            self.0 -= read;
            Ok(read)
        })
    }
}

impl DocumentBytes for Bytes {
    fn open<'a>(&'a self, _: &'a DocumentRef, offset: u64) -> BoxFuture<'a, Result<Box<dyn DocumentReader>>> {
        Box::pin(async move {
            let len = self.0.ok_or_else(|| Error::new(Code::DocumentMissing))?;
            let reader: Box<dyn DocumentReader> = Box::new(Reader(len.saturating_sub(offset as usize)));
            Ok(reader)
        })
    }
}

fn transport(document: Option<usize>) -> ReqwestTransport {
    ReqwestTransport::new(Arc::new(Bytes(document)), Arc::new(TokioRuntime)).unwrap()
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url: url.parse().unwrap(),
        headers: Headers::new(),
        body: HttpBody::Empty,
        timeout: Duration::from_secs(5),
        not_after: None,
        max_response: 1000,
    }
}

fn put(url: &str, len: u64, last: bool) -> HttpRequest {
    let key = DocumentKey {
        matter: MatterId::new("m").unwrap(),
        document: DocumentId::new("d").unwrap(),
        upload: UploadId::new("u").unwrap(),
    };
    let document = DocumentRef { firm: FirmId::new("f").unwrap(), key };
    HttpRequest {
        method: Method::Put,
        body: HttpBody::Document(DocumentSlice { document, offset: 0, len, last }),
        ..get(url)
    }
}

/// Serves connections with fixed bytes after the head was read; counts the requests. `None`: closes at once.
async fn serve(answer: Option<&'static [u8]>) -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heads = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heads = Arc::clone(&heads);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                if let Some(answer) = answer {
                    drain(&mut stream).await;
                    stream.write_all(answer).await.ok();
                    tokio::time::sleep(Duration::from_secs(if answer.is_empty() { 60 } else { 0 })).await;
                }
            });
        }
    });
    (url, seen)
}

/// Reads what is still coming, until a short silence.
async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = vec![0; 65536];
    while let Ok(Ok(read)) = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut buffer)).await {
        if read == 0 {
            break;
        }
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn send(request: HttpRequest) -> Result<HttpResponse, HttpFailure> {
    transport(Some(100_000)).send(request).await
}

fn failure(kind: HttpFailureKind, sent: Sent) -> HttpFailure {
    HttpFailure { kind, sent }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (url, seen) = serve(Some(b"HTTP/1.1 307 x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")).await;
    let answer = send(get(&url)).await.unwrap();
    assert_eq!((answer.status, answer.headers.get("Location")), (307, Some("/elsewhere")));
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_is_written_once_when_the_server_closes_or_is_silent() {
    let (url, seen) = serve(None).await;
    assert_eq!(send(get(&url)).await.unwrap_err(), failure(HttpFailureKind::Lost, Sent::Maybe));
    assert_eq!(seen.lock().unwrap().len(), 1);
    let (url, seen) = serve(Some(b"")).await;
    let quick = HttpRequest { timeout: Duration::from_millis(400), ..get(&url) };
    assert_eq!(send(quick).await.unwrap_err(), failure(HttpFailureKind::Timeout, Sent::Maybe));
    assert_eq!(seen.lock().unwrap().len(), 1);
    let (url, _) = serve(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok")).await;
    assert_eq!(send(get(&url)).await.unwrap_err(), failure(HttpFailureKind::Lost, Sent::Maybe));
}

#[tokio::test]
async fn a_large_answer_is_not_read_whether_declared_or_not() {
    let (url, _) = serve(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n")).await;
    assert_eq!(send(get(&url)).await.unwrap_err().kind, HttpFailureKind::ResponseTooLarge);
    let body: Vec<u8> = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 5000]].concat();
    let (url, _) = serve(Some(body.leak())).await;
    assert_eq!(send(get(&url)).await.unwrap_err().kind, HttpFailureKind::ResponseTooLarge);
}

#[tokio::test]
async fn what_may_not_be_sent_is_not() {
    let (url, seen) = serve(Some(OK)).await;
    for hostile in ["http://192.0.2.1/", "http://user@127.0.0.1/", "file:///etc/hostname", "ftp://127.0.0.1/"] {
        assert_eq!(send(get(hostile)).await.unwrap_err(), failure(HttpFailureKind::Refused, Sent::No), "{hostile}");
    }
    let split = HttpRequest { headers: Headers::new().with("x", "a\r\nb: c"), ..get(&url) };
    assert_eq!(send(split).await.unwrap_err(), failure(HttpFailureKind::Refused, Sent::No));
    let late = HttpRequest { not_after: Some(TokioRuntime.monotonic()), ..get(&url) };
    assert_eq!(send(late).await.unwrap_err(), failure(HttpFailureKind::NotAfter, Sent::No));
    assert_eq!(send(get("http://127.0.0.1:1/")).await.unwrap_err(), failure(HttpFailureKind::Connect, Sent::No));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_document_goes_out_with_its_exact_length_or_not_as_success() {
    for len in [0, 1, 70_000, 100_000] {
        let (url, seen) = serve(Some(OK)).await;
        let last = len == 100_000;
        assert_eq!(send(put(&url, len, last)).await.unwrap().status, 200, "{len}");
        let head = seen.lock().unwrap()[0].to_lowercase();
        assert!(head.contains(&format!("content-length: {len}\r\n")) && !head.contains("chunked"), "{head}");
    }
    let (url, _) = serve(Some(OK)).await;
    for (len, kind) in [
        (100_001, HttpFailureKind::BodyShort),
        (99_999, HttpFailureKind::BodyLong),
        (65_536, HttpFailureKind::BodyLong),
        (0, HttpFailureKind::BodyLong),
    ] {
        assert_eq!(send(put(&url, len, true)).await.unwrap_err().kind, kind, "{len}");
    }
    let unreadable = transport(None).send(put(&url, 5, true)).await.unwrap_err();
    assert_eq!(unreadable, failure(HttpFailureKind::BodyUnreadable, Sent::No));
}

/// A TLS server with a fresh certificate for `name`; gives its address and certificate.
async fn serve_tls(name: &str, versions: &[&'static rustls::SupportedProtocolVersion]) -> (u16, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let der = made.cert.der().to_vec();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone().into()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    answer(&mut stream).await;
                }
            });
        }
    });
    (port, der)
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    drain(stream).await;
    stream.write_all(OK).await.ok();
    stream.shutdown().await.ok();
}

#[tokio::test]
async fn tls_12_and_13_with_a_trusted_certificate_only() {
    let trusting = |der| ReqwestTransport::with_roots(Arc::new(Bytes(None)), Arc::new(TokioRuntime), &[der]).unwrap();
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let (port, der) = serve_tls("localhost", versions).await;
        let url = format!("https://localhost:{port}/");
        assert_eq!(trusting(der).send(get(&url)).await.unwrap().status, 200);
        assert_eq!(send(get(&url)).await.unwrap_err(), failure(HttpFailureKind::Tls, Sent::No), "unknown issuer");
    }
    let (port, der) = serve_tls("elsewhere.example", &[&rustls::version::TLS13]).await;
    let wrong_host = trusting(der).send(get(&format!("https://localhost:{port}/"))).await.unwrap_err();
    assert_eq!(wrong_host, failure(HttpFailureKind::Tls, Sent::No));
}

/// rustls cannot speak TLS 1.1, so Python's OpenSSL serves it, at its lowest security level.
#[tokio::test]
async fn a_server_that_offers_only_tls_11_is_refused() {
    const SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    try:
        context.wrap_socket(connection, server_side=True)
        print("ACCEPTED", flush=True)
    except (ssl.SSLError, OSError) as error:
        print("REFUSED", getattr(error, "reason", ""), flush=True)
"#;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("casehug-clio-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut server = std::process::Command::new("python3")
        .args(["-W", "ignore", "-c", SERVER])
        .args([folder.join("cert.pem"), folder.join("key.pem")])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 serves TLS 1.1 in this test");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(server.stdout.take().unwrap()));
    let port = lines.next().unwrap().unwrap();
    let trusting =
        ReqwestTransport::with_roots(Arc::new(Bytes(None)), Arc::new(TokioRuntime), &[made.cert.der().to_vec()])
            .unwrap();
    let refused = trusting.send(get(&format!("https://localhost:{port}/"))).await.unwrap_err();
    let said = lines.next().unwrap().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(refused, failure(HttpFailureKind::Tls, Sent::No));
    assert!(said.starts_with("REFUSED"), "{said}");
}
