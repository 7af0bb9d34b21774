//! The suite of the HTTP port on reqwest.
#![allow(clippy::unwrap_used)] // Tests.

use std::sync::Arc;

use casehug_clio::testing::http::{HttpUnderTest, SuiteDocuments};
use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_runtime_tokio::TokioRuntime;
use http_conformance_server::Server;

async fn open() -> HttpUnderTest {
    let server = Server::start().await.unwrap();
    let runtime = Arc::new(TokioRuntime);
    let transport = ReqwestTransport::new(Arc::new(SuiteDocuments), runtime.clone()).unwrap();
    HttpUnderTest::new(Arc::new(transport), server.url().parse().unwrap(), runtime).keeping(server)
}

casehug_clio::http_conformance!(open);
