//! One request from the wire to the model, and its answer back.

use std::{convert::Infallible, io, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    http::request::Parts,
};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::{Shared, Surface, now};
use crate::model::{Deliver, Execute, Payload, Plan, Request, Response};

type Answer = hyper::Response<BoxBody<Bytes, io::Error>>;

/// How long a fault stays silent: longer than any client waits, and not for ever.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);
const MIB: usize = 1024 * 1024;
/// Room for a body that the model itself will refuse as too large.
const BODY_SLACK: usize = 64 * 1024;

/// Reads a request, lets the model run it, and carries the answer. An error closes the connection
/// without one.
pub(super) async fn carry(shared: Shared, surface: Surface, request: hyper::Request<Incoming>) -> io::Result<Answer> {
    // A task of its own: a request that arrived whole runs whether or not the client is still
    // there.
    let task = tokio::spawn(async move {
        let (parts, body) = request.into_parts();
        let mut request = head(&parts);
        let (limit, truncated) = {
            let model = shared.lock();
            (model.config().body_limit + BODY_SLACK, model.config().truncated_objects)
        };
        let (plan, payload) = match surface {
            Surface::Api => {
                request.body = read(body, limit).await?;
                (shared.admit(&request), Payload::default())
            }
            Surface::Storage => {
                let plan = shared.admit(&request);
                let payload = digest(body, &plan, truncated).await?;
                (plan, payload)
            }
        };
        Ok::<_, io::Error>(run(shared, surface, request, payload, plan))
    });
    let (plan, answer) = task.await.map_err(io::Error::other)??;
    deliver(plan, answer).await
}

fn head(parts: &Parts) -> Request {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
    }
}

/// The body, or its beginning and one byte more than the limit.
async fn read(mut body: Incoming, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        let room = (limit + 1).saturating_sub(bytes.len());
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        }
    }
    Ok(bytes)
}

/// Length and digests of a body that is read and dropped. Of one that breaks off, with `truncated`:
/// of what arrived.
async fn digest(mut body: Incoming, plan: &Plan, truncated: bool) -> io::Result<Payload> {
    let most = plan.upload.unwrap_or(u64::MAX);
    let (mut sha256, mut md5, mut len) = (Sha256::new(), Md5::new(), 0_u64);
    while len < most
        && let Some(frame) = body.frame().await
    {
        let frame = match frame {
            Ok(frame) => frame,
            Err(_) if truncated => break,
            Err(error) => return Err(io::Error::other(error)),
        };
        if let Some(data) = frame.data_ref() {
            let room = usize::try_from(most - len).unwrap_or(usize::MAX);
            let data = data.get(..data.len().min(room)).unwrap_or_default();
            sha256.update(data);
            md5.update(data);
            len += data.len() as u64;
        }
    }
    Ok(Payload { len, sha256: hex::encode(sha256.finalize()), md5: STANDARD.encode(md5.finalize()) })
}

/// Must be called inside the runtime: a late execution is a task.
fn run(shared: Shared, surface: Surface, request: Request, payload: Payload, plan: Plan) -> (Plan, Response) {
    let perform = {
        let plan = plan.clone();
        move || {
            let mut model = shared.lock();
            let now = now(&model);
            match surface {
                Surface::Api => model.perform(now, &request, &plan),
                Surface::Storage => model.perform_storage(now, &request, &payload, &plan),
            }
        }
    };
    let answer = match plan.execute {
        Execute::Now => perform(),
        Execute::Never => plan.answer.clone().unwrap_or_default(),
        Execute::Later(ms) => {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                perform();
            });
            Response::default()
        }
    };
    (plan, answer)
}

async fn deliver(plan: Plan, answer: Response) -> io::Result<Answer> {
    match plan.deliver {
        Deliver::Whole => build(answer, full),
        Deliver::After(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            build(answer, full)
        }
        Deliver::Close => Err(io::Error::other("a fault closed the connection")),
        Deliver::Hang => {
            tokio::time::sleep(LONGEST_SILENCE).await;
            Err(io::Error::other("a fault kept the connection silent"))
        }
        Deliver::Cut(bytes) => {
            let mut answer = answer;
            let length = answer.body.len().to_string();
            answer.set("Content-Length", length);
            build(answer, |body| cut(body, bytes))
        }
        Deliver::Padded(mib) => build(answer, |body| padded(body, mib)),
    }
}

fn build(answer: Response, body: impl FnOnce(Vec<u8>) -> BoxBody<Bytes, io::Error>) -> io::Result<Answer> {
    let mut builder = hyper::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(body(answer.body)).map_err(io::Error::other)
}

fn full(body: Vec<u8>) -> BoxBody<Bytes, io::Error> {
    let never = |never: Infallible| match never {};
    Full::new(Bytes::from(body)).map_err(never).boxed()
}

/// A body that promises its length and breaks off early, once what came before is on the wire.
fn cut(body: Vec<u8>, bytes: usize) -> BoxBody<Bytes, io::Error> {
    let kept = body.get(..bytes.min(body.len())).unwrap_or_default().to_vec();
    let start = stream::once(async { Ok(Frame::data(Bytes::from(kept))) });
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        Err(io::Error::other("a fault cut the body"))
    });
    BodyExt::boxed(StreamBody::new(start.chain(end)))
}

/// Spaces before the JSON, which a parser would skip.
fn padded(body: Vec<u8>, mib: usize) -> BoxBody<Bytes, io::Error> {
    let block = Bytes::from(vec![b' '; MIB]);
    let frames = std::iter::repeat_n(block, mib).chain([Bytes::from(body)]);
    BodyExt::boxed(StreamBody::new(stream::iter(frames.map(|bytes| Ok(Frame::data(bytes))))))
}
