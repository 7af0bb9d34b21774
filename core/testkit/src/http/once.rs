//! At most once, and the truth about it.
#![allow(missing_docs)] // The names say it.

use core::time::Duration;
use zeroize::Zeroizing;

use super::documents::slice;
use super::{HttpUnderTest, Outcome, each, is, same};
use casehug_clio::domain::Monotonic;
use casehug_clio::ports::{HttpBody, HttpFailureKind, HttpRequest, Method, Sent};

fn all_bodies() -> Result<[(Method, HttpBody); 4], String> {
    Ok([
        (Method::Get, HttpBody::Empty),
        (Method::Post, HttpBody::Bytes(Zeroizing::new(b"{}".to_vec()))),
        (Method::Patch, HttpBody::Empty),
        (Method::Put, slice("len_100000", 0, 100_000, true)?),
    ])
}

pub async fn a_request_is_written_once_whatever_the_server_does(test: &HttpUnderTest) -> Outcome {
    each(["close-after-head", "close-after-all", "cut-head", "cut-body", "cut-chunks"], async |behaviour| {
        for (method, body) in all_bodies()? {
            let (id, what) = (test.id()?, format!("{} to {behaviour}", method.as_str()));
            let request = HttpRequest { method, body, ..test.get(behaviour, &id)? };
            let sent = test.fails(request, &id, &[HttpFailureKind::Lost], &what).await?;
            same(&sent, &Sent::Maybe, &what)?;
            test.got_one(&id, &what).await?;
        }
        Ok(())
    })
    .await
}

/// The trap of connection pools: a request on a pooled connection that is gone is taken for unsent
/// and sent again.
pub async fn a_request_on_a_connection_that_died_is_written_once(test: &HttpUnderTest) -> Outcome {
    for behaviour in ["second-dies", "closes-idle"] {
        for (method, body) in all_bodies()? {
            let what = format!("{} to {behaviour}", method.as_str());
            let first = HttpRequest { method, body: body.clone(), ..test.get(behaviour, &test.id()?)? };
            test.answer(first, &what).await?;
            if behaviour == "closes-idle" {
                test.runtime.sleep(Duration::from_millis(150)).await;
            }
            let id = test.id()?;
            let second = test.send(HttpRequest { method, body, ..test.get(behaviour, &id)? }).await;
            test.runtime.sleep(super::SETTLE).await;
            let got = test.got(&id).await?.len();
            match second {
                Ok(_) => same(&got, &1, &format!("{what}: how often it was written"))?,
                Err(failure) => {
                    same(&failure.kind, &HttpFailureKind::Lost, &what)?;
                    let told = if failure.sent == Sent::No { 0 } else { 1 };
                    is(got <= told, || format!("{what}: {failure:?}, but it was written {got} times"))?;
                }
            }
        }
    }
    Ok(())
}

pub async fn a_refused_connection_is_not_sent(test: &HttpUnderTest) -> Outcome {
    let closed = test.server.join("/__closed").map_err(|error| error.to_string())?;
    let port = test.answer(test.to(closed.as_str())?, "asking for a closed port").await?;
    let port = String::from_utf8_lossy(&port.body).into_owned();
    let port = &port;
    each(all_bodies()?, async |(method, body)| {
        let (id, what) = (test.id()?, format!("{} to a closed port", method.as_str()));
        let request = HttpRequest { method, body, ..test.to(&format!("http://127.0.0.1:{port}/"))? };
        test.not_sent(request, &id, HttpFailureKind::Connect, &what).await
    })
    .await
}

pub async fn a_request_after_its_last_moment_is_not_sent(test: &HttpUnderTest) -> Outcome {
    let now = test.runtime.monotonic();
    for not_after in [now, Monotonic(Duration::ZERO), Monotonic(now.0.saturating_sub(Duration::from_secs(1)))] {
        each(all_bodies()?, async |(method, body)| {
            let (id, what) = (test.id()?, format!("{} after its last moment", method.as_str()));
            let request = HttpRequest { method, body, not_after: Some(not_after), ..test.get("ok", &id)? };
            test.not_sent(request, &id, HttpFailureKind::NotAfter, &what).await
        })
        .await?;
    }
    let later = Some(Monotonic(now.0 + Duration::from_secs(60)));
    let in_time = HttpRequest { not_after: later, ..test.get("ok", &test.id()?)? };
    test.answer(in_time, "before its last moment").await.map(|_| ())
}
