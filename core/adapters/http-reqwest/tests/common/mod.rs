//! Requests and servers of this adapter's own tests.
#![allow(clippy::unwrap_used)] // Tests.

#[cfg(target_os = "linux")]
pub mod upload;

use std::sync::Arc;
use std::time::Duration;

use casehug_clio::ports::{
    DocumentSlice, Headers, HttpBody, HttpConnection, HttpFailure, HttpFailureKind, HttpRequest, Method, Sent,
};
use casehug_clio::{DocumentId, DocumentKey, DocumentRef, FirmId, MatterId, UploadId};
use casehug_clio_http_reqwest::{Network, ReqwestTransport};
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::http::SuiteDocuments;

pub fn transport(roots: &[Vec<u8>]) -> ReqwestTransport {
    let network = roots.iter().fold(Network::default(), |network, root| network.root_certificate(root));
    ReqwestTransport::with(Arc::new(SuiteDocuments), Arc::new(TokioRuntime), &network).unwrap()
}

pub fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url: url.parse().unwrap(),
        headers: Headers::new(),
        body: HttpBody::Empty,
        connection: HttpConnection::Own,
        timeout: Duration::from_secs(5),
        not_after: None,
        max_response: 1000,
    }
}

/// A PUT of a whole document of the suite.
pub fn put(url: &str, document: &str, len: u64) -> HttpRequest {
    let key = DocumentKey {
        matter: MatterId::new("m").unwrap(),
        document: DocumentId::new(document).unwrap(),
        upload: UploadId::new("u").unwrap(),
    };
    let document = DocumentRef { firm: FirmId::new("f").unwrap(), key };
    let body = HttpBody::Document(DocumentSlice { document, offset: 0, len, last: true });
    HttpRequest { method: Method::Put, body, timeout: Duration::from_secs(300), ..get(url) }
}

pub fn failure(kind: HttpFailureKind, sent: Sent) -> HttpFailure {
    HttpFailure { kind, sent }
}
