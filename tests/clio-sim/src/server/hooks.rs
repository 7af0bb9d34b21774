//! Carries webhook deliveries to subscribers on loopback.

use std::{io, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use super::{Shared, now};
use crate::model::Delivery;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);
/// "A short period" (Clio: Webhooks).
const PATIENCE: Duration = Duration::from_secs(10);
const MOST_ANSWER: usize = 64 * 1024;

pub(super) async fn deliver(shared: Shared) {
    let mut posts = JoinSet::new();
    loop {
        while posts.try_join_next().is_some() {}
        let due = {
            let mut model = shared.lock();
            let now = now(&model);
            model.take_deliveries(now)
        };
        for delivery in due {
            let shared = shared.clone();
            posts.spawn(async move {
                let id = delivery.id;
                let answer = timeout(PATIENCE, post(delivery)).await;
                let mut model = shared.lock();
                let now = now(&model);
                match answer {
                    Ok(Ok((status, secret))) => model.delivered(now, id, Some(status), secret.as_deref()),
                    Ok(Err(_)) | Err(_) => model.delivered(now, id, None, None),
                }
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn post(delivery: Delivery) -> io::Result<(u16, Option<String>)> {
    let url = url::Url::parse(&delivery.url).map_err(io::Error::other)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let mut request = Request::post(&url[url::Position::BeforePath..]).header("host", format!("{host}:{port}"));
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(delivery.body))).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let secret = answer.headers().get("x-hook-secret").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = answer.status().as_u16();
    Limited::new(answer.into_body(), MOST_ANSWER).collect().await.map_err(io::Error::other)?;
    Ok((status, secret))
}
