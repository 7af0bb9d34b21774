//! What comes back.
#![allow(missing_docs)] // The names say it.

use core::time::Duration;

use super::documents::slice;
use super::{HttpUnderTest, Outcome, each, is, same};
use casehug_clio::ports::{HttpFailureKind, HttpRequest, Method, Sent};

/// Longer than the sockets of both ends can take without the server reading.
const UPLOAD: u64 = 24 * 1024 * 1024;

pub async fn every_status_is_an_answer(test: &HttpUnderTest) -> Outcome {
    for status in [200, 201, 204, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503] {
        let (id, what) = (test.id()?, format!("status {status}"));
        let answer = test.answer(test.get(&format!("status-{status}"), &id)?, &what).await?;
        same(&answer.status, &status, &what)?;
        let body = if status == 204 { "" } else { &id };
        same(answer.body.as_slice(), body.as_bytes(), &format!("{what}: the body"))?;
    }
    Ok(())
}

/// A redirect would carry the token, or a client's document, to wherever it points.
pub async fn a_redirect_is_an_answer_and_is_not_followed(test: &HttpUnderTest) -> Outcome {
    each([301, 302, 303, 307, 308], async |status| {
        for method in [Method::Get, Method::Post] {
            let (id, what) = (test.id()?, format!("{} answered {status}", method.as_str()));
            let request = HttpRequest { method, ..test.get(&format!("status-{status}"), &id)? };
            let answer = test.answer(request, &what).await?;
            same(&answer.status, &status, &what)?;
            let location = format!("/b/ok/{id}");
            same(&answer.headers.get("location"), &Some(location.as_str()), &format!("{what}: location"))?;
            test.runtime.sleep(super::SETTLE).await;
            test.got_one(&id, &what).await?;
        }
        Ok(())
    })
    .await
}

pub async fn an_interim_answer_is_not_the_answer(test: &HttpUnderTest) -> Outcome {
    let id = test.id()?;
    let answer = test.answer(test.get("interim", &id)?, "200 after 100 and 103").await?;
    same(&(answer.status, answer.body.as_slice()), &(200, id.as_bytes()), "200 after 100 and 103")
}

pub async fn the_headers_of_the_answer_come_back(test: &HttpUnderTest) -> Outcome {
    let answer = test.answer(test.get("headers", &test.id()?)?, "an answer with many headers").await?;
    same(&answer.headers.get("DATE"), &Some("Thu, 01 Jan 2026 00:00:00 GMT"), "date")?;
    // Some stacks give both in one, with a comma, as RFC 9110 allows.
    let twice: Vec<&str> = answer.headers.iter().filter(|(name, _)| *name == "x-twice").map(|(_, v)| v).collect();
    same(twice.join(", ").as_str(), "one, two", "a header that came twice")
}

pub async fn an_answer_of_the_largest_size_is_read(test: &HttpUnderTest) -> Outcome {
    for how in ["sized", "chunked", "unframed"] {
        for size in [0, 5000_u32] {
            let behaviour = format!("{how}-{size}");
            let request = HttpRequest { max_response: u64::from(size), ..test.get(&behaviour, &test.id()?)? };
            let answer = test.answer(request, &behaviour).await?;
            same(answer.body.as_slice(), vec![b'x'; size as usize].as_slice(), &behaviour)?;
        }
    }
    Ok(())
}

pub async fn a_larger_answer_is_refused(test: &HttpUnderTest) -> Outcome {
    each(["sized", "chunked", "unframed"], async |how| {
        for (size, most) in [(5001, 5000), (1, 0), (3_000_000, 5000)] {
            let (id, behaviour) = (test.id()?, format!("{how}-{size}"));
            let request = HttpRequest { max_response: most, ..test.get(&behaviour, &id)? };
            let sent = test.fails(request, &id, &[HttpFailureKind::ResponseTooLarge], &behaviour).await?;
            same(&sent, &Sent::Maybe, &behaviour)?;
        }
        Ok(())
    })
    .await
}

/// Unpacking would void the limit: 132 bytes become 100,000 here, and could become a gigabyte.
pub async fn a_compressed_answer_is_not_unpacked(test: &HttpUnderTest) -> Outcome {
    let id = test.id()?;
    let request = HttpRequest { max_response: 132, ..test.get("gzip", &id)? };
    let answer = test.answer(request, "a compressed answer").await?;
    same(&(answer.body.len(), answer.body.first()), &(132, Some(&0x1f)), "its length and first byte")?;
    same(&answer.headers.get("content-encoding"), &Some("gzip"), "its content-encoding")?;
    let asked = test.got_one(&id, "the request").await?;
    same(&asked.values("accept-encoding"), &vec![], "the request's accept-encoding")
}

pub async fn one_timeout_bounds_the_whole_exchange(test: &HttpUnderTest) -> Outcome {
    each(["silent", "trickle-head", "trickle-body"], async |behaviour| {
        let id = test.id()?;
        let request = HttpRequest { timeout: Duration::from_millis(1500), ..test.get(behaviour, &id)? };
        let before = test.runtime.monotonic().0;
        let outcome = test.send(request).await;
        let took = test.runtime.monotonic().0.saturating_sub(before);
        is(took < Duration::from_secs(7), || format!("{behaviour}: took {took:?} with a timeout of 1.5 s"))?;
        match outcome {
            Err(failure) if (failure.kind, failure.sent) == (HttpFailureKind::Timeout, Sent::Maybe) => {}
            other => return Err(format!("{behaviour}: {other:?}, wanted a timeout of what may have been sent")),
        }
        test.got_one(&id, behaviour).await?;
        Ok(())
    })
    .await
}

pub async fn what_is_not_http_is_a_failure(test: &HttpUnderTest) -> Outcome {
    for behaviour in ["garbage", "two-lengths"] {
        let id = test.id()?;
        let kinds = [HttpFailureKind::Lost, HttpFailureKind::Other];
        let sent = test.fails(test.get(behaviour, &id)?, &id, &kinds, behaviour).await?;
        same(&sent, &Sent::Maybe, behaviour)?;
    }
    Ok(())
}

/// Storage refuses an expired or wrong signature before it reads the body; that answer says what to
/// do.
pub async fn a_refusal_in_the_middle_of_an_upload_is_the_answer(test: &HttpUnderTest) -> Outcome {
    let id = test.id()?;
    let body = slice(&format!("len_{UPLOAD}"), 0, UPLOAD, true)?;
    let answer = test.answer(HttpRequest { method: Method::Put, body, ..test.get("early-403", &id)? }, "403").await?;
    same(&(answer.status, answer.body.as_slice()), &(403, id.as_bytes()), "the early answer")?;
    test.got_one(&id, "the upload").await.map(|_| ())
}

pub async fn a_success_in_the_middle_of_an_upload_is_not_believed(test: &HttpUnderTest) -> Outcome {
    let (id, what) = (test.id()?, "200 before the document was sent");
    let body = slice(&format!("len_{UPLOAD}"), 0, UPLOAD, true)?;
    let request = HttpRequest { method: Method::Put, body, ..test.get("early-200", &id)? };
    let sent = test.fails(request, &id, &[HttpFailureKind::Lost], what).await?;
    same(&sent, &Sent::Maybe, what)
}
