//! Requests as they go out, answers as they may come in. Everything runs through [`ClioApi::call`]
//! and a scripted transport.

mod answers;
mod contract;
mod endpoints;
mod failures;
mod hosts;
mod secrets;
mod uploads;

use core::time::Duration;
use std::sync::Arc;

use secrecy::SecretString;

use super::{AccessToken, Answered, ApiRequest, CallError, CallLimits, ClioApi, ClioHost, Region, USER_AGENT};
use crate::domain::{DocumentId, DocumentKey, MatterId, Monotonic, Timestamp, UploadId};
use crate::error::Result;
use crate::maybe_send::BoxFuture;
use crate::ports::{HttpRequest, Runtime};
use crate::testkit::{ScriptedHttp, body_of};

/// 2026-04-01T12:00:00Z
const NOW: Timestamp = Timestamp(1_775_044_800_000);
const LIMITS: CallLimits =
    CallLimits { timeout: Duration::from_secs(30), not_after: Some(Monotonic(Duration::from_secs(99))) };
const TOKEN: &str = "token-very-secret";
/// Above 2^53: JavaScript and doubles round it.
const BIG: i64 = 9_007_199_254_740_993;

/// A runtime whose clock stands still.
#[derive(Debug)]
struct Still;

impl Runtime for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_secs(7))
    }
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        unreachable!("nothing in this module waits")
    }
    fn spawn(&self, _: BoxFuture<'static, ()>) {
        unreachable!("nothing in this module goes on by itself")
    }
    fn random(&self, _: &mut [u8]) -> Result<()> {
        unreachable!("nothing in this module is left to chance")
    }
}

struct World {
    http: ScriptedHttp,
    api: ClioApi,
}

impl World {
    fn new() -> Self {
        Self::on(ClioHost::region(Region::Us))
    }

    fn on(host: ClioHost) -> Self {
        let http = ScriptedHttp::new();
        let api = ClioApi::new(Arc::new(http.clone()), Arc::new(Still), host, USER_AGENT).unwrap();
        Self { http, api }
    }

    /// With one answer in JSON.
    fn answering(status: u16, body: &str) -> Self {
        let world = Self::new();
        world.http.json(status, body);
        world
    }

    async fn call<A>(&self, request: &ApiRequest<A>) -> Result<Answered<A>, CallError> {
        self.api.call(&token(), request, LIMITS).await
    }

    /// The one request that was sent.
    fn sent(&self) -> HttpRequest {
        let requests = self.http.requests();
        assert_eq!(requests.len(), 1);
        requests[0].clone()
    }
}

fn token() -> AccessToken {
    AccessToken::new(SecretString::from(TOKEN))
}

fn text_of(request: &HttpRequest) -> &str {
    core::str::from_utf8(body_of(request)).unwrap()
}

fn key() -> DocumentKey {
    DocumentKey {
        matter: MatterId::new("mat_1").unwrap(),
        document: DocumentId::new("doc_1").unwrap(),
        upload: UploadId::new("upl_1").unwrap(),
    }
}
