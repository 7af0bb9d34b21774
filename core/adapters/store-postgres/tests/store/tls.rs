//! TLS: checked in full where it is asked for, and an error of its own where it is not to be had.

use postgres_server::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::common::{is_done, open, put_new, refusal};

fn refused(reason: &str) -> (&'static str, String) {
    ("tls_refused", reason.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_refused_unless_the_server_offers_it_with_a_certificate_that_is_trusted_and_names_it() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(refusal(&format!("{by_name}?sslmode=require")).await, refused("not_offered"));

    let mut issuer = CertificateParams::new(Vec::new()).unwrap();
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(issuer, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec![String::from("localhost")]).unwrap().signed_by(&key, &issuer).unwrap();
    let certificate = server.secret_file("server.crt", &own.pem());
    let private = server.secret_file("server.key", &key.serialize_pem());
    server.set(&format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
        certificate.display(),
        private.display()
    ));
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, issuer.pem()).unwrap();
    let trusting = format!("sslmode=require&sslrootcert={}", roots.display());
    // The server reads its settings when it comes to it.
    while refusal_or_none(&format!("{by_name}?{trusting}")).await == Some(refused("not_offered")) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    // The password proves itself with the channel: whoever stood in the middle could not pass it
    // on.
    server.sql(&url, "CREATE ROLE over_tls LOGIN PASSWORD 'hunter2' SUPERUSER");
    server.allow("hostssl all over_tls all scram-sha-256");
    let as_role = by_name.replace("postgres@", "over_tls:hunter2@");
    let store = open(&format!("{as_role}?{trusting}&channel_binding=require")).await;
    assert!(is_done(&store, &[put_new("a", "x")]).await);
    let versions = "SELECT DISTINCT s.version FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE s.ssl AND a.usename = 'over_tls'";
    assert_eq!(server.sql(&url, versions), "TLSv1.3");

    for (address, reason) in [
        (format!("{by_name}?sslmode=require"), "handshake"),
        (format!("{url}?{trusting}"), "handshake"),
        (format!("{by_name}?sslmode=verify-full&sslrootcert=/nowhere"), "root_certificates_unreadable"),
        (String::from("postgres://postgres:hunter2@192.0.2.1/d?sslmode=disable"), "required"),
    ] {
        assert_eq!(refusal(&address).await, refused(reason), "{address}");
    }
    server.set("ssl_min_protocol_version = 'TLSv1'\nssl_max_protocol_version = 'TLSv1.1'\n");
    while refusal_or_none(&format!("{by_name}?{trusting}")).await.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(refusal(&format!("{by_name}?{trusting}")).await, refused("handshake"));
}

async fn refusal_or_none(url: &str) -> Option<(&'static str, String)> {
    match crate::common::try_open(url).await {
        Ok(_) => None,
        Err(error) => Some((error.code().name(), error.get("reason").unwrap_or_default().to_owned())),
    }
}
