//! The suite of the HTTP port on reqwest.
#![allow(clippy::unwrap_used)] // Tests.

use std::sync::Arc;

use casehug_clio_http_reqwest::ReqwestTransport;
use casehug_clio_runtime_tokio::TokioRuntime;
use casehug_clio_testkit::http::{HttpUnderTest, SuiteDocuments};
use http_conformance_server::Server;

fn transport() -> ReqwestTransport {
    ReqwestTransport::new(Arc::new(SuiteDocuments), Arc::new(TokioRuntime)).unwrap()
}

async fn over(transport: ReqwestTransport) -> HttpUnderTest {
    let server = Server::start().await.unwrap();
    HttpUnderTest::new(Arc::new(transport), server.url().parse().unwrap(), Arc::new(TokioRuntime)).keeping(server)
}

mod on_a_thread_of_its_own {
    use super::*;

    async fn open() -> HttpUnderTest {
        over(transport()).await
    }

    casehug_clio_testkit::http_conformance!(open);
}

mod on_the_hosts_runtime {
    use super::*;

    async fn open() -> HttpUnderTest {
        over(transport().on(tokio::runtime::Handle::current())).await
    }

    casehug_clio_testkit::http_conformance!(open);
}
