//! At most once, and the truth about it.
#![allow(missing_docs)] // The names say it.

use core::time::Duration;
use zeroize::Zeroizing;

use super::documents::slice;
use super::{HttpUnderTest, Outcome, each, is, same};
use casehug_clio::Monotonic;
use casehug_clio::ports::{HttpBody, HttpConnection, HttpFailureKind, HttpRequest, Method, Sent};

/// A request of each kind, but for its address.
fn all_kinds(test: &HttpUnderTest) -> Result<Vec<HttpRequest>, String> {
    let mut all = Vec::new();
    for connection in [HttpConnection::Own, HttpConnection::Kept] {
        for (method, body) in [
            (Method::Get, HttpBody::Empty),
            (Method::Post, HttpBody::Bytes(Zeroizing::new(b"{}".to_vec()))),
            (Method::Patch, HttpBody::Empty),
            (Method::Put, slice("len_100000", 0, 100_000, true)?),
        ] {
            all.push(HttpRequest { method, body, connection, ..test.get("ok", "")? });
        }
    }
    Ok(all)
}

fn told(request: &HttpRequest, what: &str) -> String {
    format!("{} on {:?} connection {what}", request.method.as_str(), request.connection)
}

pub async fn a_request_is_written_once_whatever_the_server_does(test: &HttpUnderTest) -> Outcome {
    each(["close-after-head", "close-after-all", "cut-head", "cut-body", "cut-chunks"], async |behaviour| {
        for request in all_kinds(test)? {
            let (id, what) = (test.id()?, told(&request, &format!("to {behaviour}")));
            let request = HttpRequest { url: test.get(behaviour, &id)?.url, ..request };
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
    for request in all_kinds(test)? {
        let what = told(&request, "whose server takes the second request and closes");
        // The first is the second one of a connection, if a request before left that open.
        for _ in 0..3 {
            let id = test.id()?;
            let outcome = test.send(HttpRequest { url: test.get("second-dies", &id)?.url, ..request.clone() }).await;
            test.runtime.sleep(super::SETTLE).await;
            let got = test.got(&id).await?.len();
            match outcome {
                Ok(_) => same(&got, &1, &format!("{what}: how often it was written"))?,
                Err(failure) => {
                    same(&failure.kind, &HttpFailureKind::Lost, &what)?;
                    same(&request.connection, &HttpConnection::Kept, &format!("{what}: which of them may fail"))?;
                    let told = if failure.sent == Sent::No { 0 } else { 1 };
                    is(got <= told, || format!("{what}: {failure:?}, but it was written {got} times"))?;
                }
            }
        }
    }
    Ok(())
}

/// With a word of goodbye, and without. One after the other: they may share connections.
pub async fn a_connection_that_was_closed_while_idle_is_not_used_again(test: &HttpUnderTest) -> Outcome {
    for behaviour in ["says-goodbye", "closes-idle"] {
        for request in all_kinds(test)? {
            let what = told(&request, &format!("to {behaviour}"));
            for turn in ["first", "second"] {
                let id = test.id()?;
                let request = HttpRequest { url: test.get(behaviour, &id)?.url, ..request.clone() };
                test.answer(request, &format!("{what}, the {turn}")).await?;
                // It is closed 50 ms after the answer.
                test.runtime.sleep(Duration::from_millis(150)).await;
                test.got_one(&id, &what).await?;
            }
        }
    }
    Ok(())
}

pub async fn a_connection_of_its_own_serves_nothing_else(test: &HttpUnderTest) -> Outcome {
    let mut came_on = Vec::new();
    // A kept one is there before and after.
    for connection in [HttpConnection::Kept, HttpConnection::Own, HttpConnection::Own, HttpConnection::Kept] {
        let id = test.id()?;
        test.answer(HttpRequest { connection, ..test.get("ok", &id)? }, "ok").await?;
        came_on.push(test.got_one(&id, "ok").await?.connection);
    }
    let [kept, own, other, later] = came_on[..] else { return Err(String::from("four requests")) };
    is(own != other && ![kept, later].contains(&own) && ![kept, later].contains(&other), || {
        format!("on the connections {came_on:?}; the second and third are to be alone on theirs")
    })
}

pub async fn a_refused_connection_is_not_sent(test: &HttpUnderTest) -> Outcome {
    let closed = test.server.join("/__closed").map_err(|error| error.to_string())?;
    let port = test.answer(test.to(closed.as_str())?, "asking for a closed port").await?;
    let port = String::from_utf8_lossy(&port.body).into_owned();
    let port = &port;
    each(all_kinds(test)?, async |request| {
        let (id, what) = (test.id()?, told(&request, "to a closed port"));
        let request = HttpRequest { url: test.to(&format!("http://127.0.0.1:{port}/"))?.url, ..request };
        test.not_sent(request, &id, HttpFailureKind::Connect, &what).await
    })
    .await
}

pub async fn a_request_after_its_last_moment_is_not_sent(test: &HttpUnderTest) -> Outcome {
    let now = test.runtime.monotonic();
    for not_after in [now, Monotonic(Duration::ZERO), Monotonic(now.0.saturating_sub(Duration::from_secs(1)))] {
        each(all_kinds(test)?, async |request| {
            let (id, what) = (test.id()?, told(&request, "after its last moment"));
            let request = HttpRequest { url: test.get("ok", &id)?.url, not_after: Some(not_after), ..request };
            test.not_sent(request, &id, HttpFailureKind::NotAfter, &what).await
        })
        .await?;
    }
    let later = Some(Monotonic(now.0 + Duration::from_secs(60)));
    let in_time = HttpRequest { not_after: later, ..test.get("ok", &test.id()?)? };
    test.answer(in_time, "before its last moment").await.map(|_| ())
}
