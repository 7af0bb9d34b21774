//! TLS against real servers with certificates made for each test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::common::{failure, get, put, transport};
use casehug_clio::ports::{HttpConnection, HttpFailureKind, HttpRequest, HttpTransport as _, Runtime as _, Sent};
use casehug_clio::{Code, Monotonic};
use casehug_clio_http_reqwest::{Network, ReqwestTransport};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::http::SuiteDocuments;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn certificate(name: &str, last_year: i32) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2015, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let signing_key = KeyPair::generate().unwrap();
    CertifiedKey { cert: params.self_signed(&signing_key).unwrap(), signing_key }
}

struct TlsServer {
    url: String,
    der: Vec<u8>,
    /// Bytes of requests that were received inside of TLS.
    received: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
}

/// Answers 200 to every head, and keeps the connection. Waits `delay` before each handshake.
async fn serve(
    made: &CertifiedKey<KeyPair>,
    versions: &[&'static SupportedProtocolVersion],
    delay: Duration,
) -> TlsServer {
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
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let (received, connections) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, accepted) = (Arc::clone(&received), Arc::clone(&connections));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    counted.fetch_add(read as u64, Ordering::SeqCst);
                    head.extend_from_slice(&buffer[..read]);
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok();
                    }
                }
                stream.shutdown().await.ok();
            });
        }
    });
    TlsServer { url, der, received, connections }
}

#[tokio::test]
async fn tls_12_and_13_are_spoken_with_a_trusted_certificate_and_with_no_other() {
    for version in [&TLS12, &TLS13] {
        let server = serve(&certificate("localhost", 2100), &[version], Duration::ZERO).await;
        let trusting = transport(std::slice::from_ref(&server.der));
        assert_eq!(trusting.send(get(&server.url)).await.unwrap().status, 200);
        let before = server.received.load(Ordering::SeqCst);
        let unknown = transport(&[]).send(get(&server.url)).await.unwrap_err();
        assert_eq!(unknown, failure(HttpFailureKind::Tls, Sent::No), "an unknown issuer");
        assert_eq!(server.received.load(Ordering::SeqCst), before);
    }
}

#[tokio::test]
async fn a_certificate_of_another_host_or_of_the_past_is_refused_though_it_is_trusted() {
    for (name, last_year) in [("elsewhere.example", 2100), ("localhost", 2020)] {
        let server = serve(&certificate(name, last_year), &[&TLS13], Duration::ZERO).await;
        let refused = transport(std::slice::from_ref(&server.der)).send(get(&server.url)).await.unwrap_err();
        assert_eq!(refused, failure(HttpFailureKind::Tls, Sent::No), "{name} until {last_year}");
        assert_eq!(server.received.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_root_that_is_no_certificate_is_refused() {
    let no_der = Network::default().root_certificate(b"no");
    let made = ReqwestTransport::with(Arc::new(SuiteDocuments), Arc::new(TokioRuntime), &no_der);
    assert_eq!(made.unwrap_err().code(), Code::SettingInvalid);
    for no_pem in ["", "no", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n"] {
        assert_eq!(Network::default().root_certificates(no_pem.as_bytes()).unwrap_err().code(), Code::SettingInvalid);
    }
    for no_proxy in ["", "proxy:3128", "socks5://proxy:1080", "user:secret@proxy"] {
        let error = Network::default().proxy(no_proxy).unwrap_err();
        assert_eq!(error.code(), Code::SettingInvalid);
        assert!(!format!("{error:?}").contains("secret"));
    }
}

/// A proxy that tunnels whoever names it in `proxy-authorization`, and counts the tunnels.
async fn proxy(tunnels: Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let tunnels = Arc::clone(&tunnels);
            tokio::spawn(async move {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(1..) = client.read(&mut byte).await else { return };
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                // jane:secret
                if !head.to_lowercase().contains("proxy-authorization: basic amfuztpzzwnyzxq=") {
                    client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await.ok();
                    return;
                }
                let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
                let mut server = tokio::net::TcpStream::connect(target).await.unwrap();
                tunnels.fetch_add(1, Ordering::SeqCst);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    format!("127.0.0.1:{}", address.port())
}

#[tokio::test]
async fn an_explicit_proxy_is_used_for_https_and_its_refusal_is_a_connection_that_failed() {
    let made = certificate("localhost", 2100);
    let server = serve(&made, &[&TLS13], Duration::ZERO).await;
    let tunnels = Arc::new(AtomicU64::new(0));
    let address = proxy(Arc::clone(&tunnels)).await;
    let through = |proxy: &str| {
        let network = Network::default().root_certificates(made.cert.pem().as_bytes()).unwrap().proxy(proxy).unwrap();
        assert!(!format!("{network:?}").contains("secret"));
        ReqwestTransport::with(Arc::new(SuiteDocuments), Arc::new(TokioRuntime), &network).unwrap()
    };
    let answer = through(&format!("http://jane:secret@{address}")).send(get(&server.url)).await.unwrap();
    assert_eq!((answer.status, tunnels.load(Ordering::SeqCst)), (200, 1));
    for refusing in [format!("http://{address}"), String::from("http://127.0.0.1:1")] {
        let refused = through(&refusing).send(get(&server.url)).await.unwrap_err();
        assert_eq!(refused, failure(HttpFailureKind::Connect, Sent::No), "{refusing}");
    }
    assert_eq!(tunnels.load(Ordering::SeqCst), 1);
}

/// Not even while the connection that was made with the earlier ones is open.
#[tokio::test]
async fn changed_roots_or_a_changed_proxy_use_no_connection_that_was_made_before() {
    let made = certificate("localhost", 2100);
    let server = serve(&made, &[&TLS13], Duration::ZERO).await;
    let kept = || HttpRequest { connection: HttpConnection::Kept, ..get(&server.url) };
    let connections = || server.connections.load(Ordering::SeqCst);
    let before = transport(std::slice::from_ref(&server.der));
    for _ in 0..2 {
        assert_eq!(before.send(kept()).await.unwrap().status, 200);
    }
    assert_eq!(connections(), 1, "it is kept");
    let distrusting = transport(&[]).send(kept()).await.unwrap_err();
    assert_eq!(distrusting, failure(HttpFailureKind::Tls, Sent::No));
    let tunnels = Arc::new(AtomicU64::new(0));
    let address = format!("http://jane:secret@{}", proxy(Arc::clone(&tunnels)).await);
    let network = Network::default().root_certificates(made.cert.pem().as_bytes()).unwrap().proxy(&address).unwrap();
    let through = ReqwestTransport::with(Arc::new(SuiteDocuments), Arc::new(TokioRuntime), &network).unwrap();
    for _ in 0..2 {
        assert_eq!(through.send(kept()).await.unwrap().status, 200);
    }
    assert_eq!((tunnels.load(Ordering::SeqCst), connections()), (1, 3), "its own way, kept as well");
    assert_eq!(before.send(kept()).await.unwrap().status, 200);
    assert_eq!(connections(), 3, "the first one was open all the time");
}

/// The last look at the clock is after the handshake, so a slow one does not carry a request past
/// the end of its lease.
#[tokio::test]
async fn a_handshake_that_outlasts_the_last_moment_sends_nothing() {
    let server = serve(&certificate("localhost", 2100), &[&TLS13], Duration::from_millis(700)).await;
    let trusting = transport(std::slice::from_ref(&server.der));
    let soon = Monotonic(TokioRuntime.monotonic().0 + Duration::from_millis(300));
    for connection in [HttpConnection::Own, HttpConnection::Kept] {
        for request in [get(&server.url), put(&server.url, "len_100000", 100_000)] {
            let late = trusting.send(HttpRequest { not_after: Some(soon), connection, ..request }).await.unwrap_err();
            assert_eq!(late, failure(HttpFailureKind::NotAfter, Sent::No));
        }
    }
    let impatient = HttpRequest { timeout: Duration::from_millis(300), ..get(&server.url) };
    assert_eq!(trusting.send(impatient).await.unwrap_err(), failure(HttpFailureKind::Timeout, Sent::No));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(server.received.load(Ordering::SeqCst), 0, "a part of a request arrived");
    assert_eq!(trusting.send(get(&server.url)).await.unwrap().status, 200, "the server works");
}

/// What the client offers, read from its first message: with nothing below 1.2 in it, no server can
/// choose less.
#[tokio::test]
async fn no_version_below_12_and_nothing_but_http_1_is_offered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let sending = tokio::spawn(async move { transport(&[]).send(get(&url)).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut record = [0; 5];
    stream.read_exact(&mut record).await.unwrap();
    assert_eq!(record[0], 22, "a handshake record");
    let mut hello = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
    stream.read_exact(&mut hello).await.unwrap();
    drop(stream);
    let refused = sending.await.unwrap().unwrap_err();
    assert_eq!(refused.sent, Sent::No);

    let extensions = extensions(&hello);
    let of = |kind: u16| extensions.iter().find(|(known, _)| *known == kind).map(|(_, data)| data.as_slice());
    let versions = of(43).expect("supported_versions");
    let mut offered: Vec<&[u8]> = versions[1..].chunks(2).collect();
    offered.sort_unstable();
    assert_eq!(offered, [&[3, 3][..], &[3, 4]], "TLS 1.2 and 1.3");
    assert!(of(16).is_none_or(|alpn| alpn == b"\x00\x09\x08http/1.1"), "{:?}", of(16));
}

/// The extensions of a ClientHello (RFC 8446, 4.1.2).
fn extensions(hello: &[u8]) -> Vec<(u16, Vec<u8>)> {
    fn number(bytes: &[u8]) -> usize {
        bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    }
    assert_eq!(hello[0], 1, "a ClientHello");
    let mut rest = &hello[4 + 2 + 32..];
    // Session id, cipher suites, compression methods: each begins with its length.
    for width in [1, 2, 1] {
        rest = &rest[width + number(&rest[..width])..];
    }
    rest = &rest[2..];
    let mut all = Vec::new();
    while !rest.is_empty() {
        let len = number(&rest[2..4]);
        all.push((u16::try_from(number(&rest[..2])).unwrap(), rest[4..4 + len].to_vec()));
        rest = &rest[4 + len..];
    }
    all
}

/// rustls cannot speak TLS 1.1, so Python's OpenSSL serves it, at its lowest security level.
/// Without Python this test fails.
#[tokio::test]
async fn a_server_that_speaks_only_tls_11_is_refused() {
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
        print("ACCEPTED", context.wrap_socket(connection, server_side=True).version(), flush=True)
    except (ssl.SSLError, OSError) as error:
        print("REFUSED", getattr(error, "reason", ""), flush=True)
"#;
    // Shows that the server does speak 1.1 to who offers it; otherwise a refusal would prove
    // nothing.
    const OLD_CLIENT: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
"#;
    let made = certificate("localhost", 2100);
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let python = || {
        let mut command = Command::new("python3");
        command.args(["-W", "ignore", "-c"]);
        command
    };
    let mut server =
        python().arg(SERVER).args([&certificate, &key]).stdout(Stdio::piped()).spawn().expect("python3 serves TLS 1.1");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let port = lines.next().expect("Python's OpenSSL offers TLS 1.1");
    let url = format!("https://localhost:{port}/");
    let refused = transport(&[made.cert.der().to_vec()]).send(get(&url)).await.unwrap_err();
    let of_ours = lines.next().unwrap();
    let old_client = python().arg(OLD_CLIENT).arg(&port).status().unwrap();
    let of_the_old = lines.next().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(refused, failure(HttpFailureKind::Tls, Sent::No));
    assert!(of_ours.starts_with("REFUSED"), "{of_ours}");
    assert!(old_client.success() && of_the_old == "ACCEPTED TLSv1.1", "{of_the_old}");
}
