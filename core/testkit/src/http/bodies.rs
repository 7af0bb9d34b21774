//! Documents as bodies: exactly the bytes asked for, or no success.
#![allow(missing_docs)] // The names say it.

use super::documents::{same_bytes, slice};
use super::{HttpUnderTest, Outcome, each, same};
use casehug_clio::ports::{HttpBody, HttpFailureKind, HttpRequest, Method};

fn put(test: &HttpUnderTest, id: &str, body: HttpBody) -> Result<HttpRequest, String> {
    Ok(HttpRequest { method: Method::Put, body, ..test.get("ok", id)? })
}

async fn arrives(test: &HttpUnderTest, document: u64, (offset, len, last): (u64, u64, bool)) -> Outcome {
    let (id, what) = (test.id()?, format!("{len} bytes from {offset} of {document}"));
    let body = slice(&format!("len_{document}"), offset, len, last)?;
    let answer = test.answer(put(test, &id, body)?, &what).await?;
    same(&answer.status, &200, &what)?;
    same_bytes(&test.got_one(&id, &what).await?, offset, len, &what)
}

/// A success here would be a lost or a wrong document in Clio. `Sent::No` is as good as
/// `Sent::Maybe`, if it is true.
async fn fails(test: &HttpUnderTest, body: HttpBody, kind: HttpFailureKind) -> Outcome {
    let (id, what) = (test.id()?, format!("{body:?}"));
    test.fails(put(test, &id, body)?, &id, &[kind], &what).await?;
    for got in test.got(&id).await? {
        same(&(got.complete && got.body_len > 0), &false, &format!("{what}: the server got a whole body"))?;
    }
    Ok(())
}

pub async fn a_document_goes_out_whole_with_its_exact_length(test: &HttpUnderTest) -> Outcome {
    for len in [0, 1, 65_535, 65_536, 65_537, 1_000_003] {
        arrives(test, len, (0, len, true)).await?;
    }
    Ok(())
}

pub async fn a_slice_begins_at_its_offset_and_may_end_before_the_document(test: &HttpUnderTest) -> Outcome {
    let slices = [
        (0, 70_001, false),
        (70_001, 29_999, true),
        (1, 1, false),
        (99_999, 1, true),
        (100_000, 0, true),
        (50, 0, false),
        // That more follows is allowed by `last`, not demanded.
        (0, 100_000, false),
    ];
    for part in slices {
        arrives(test, 100_000, part).await?;
    }
    Ok(())
}

pub async fn every_attempt_opens_the_document_afresh(test: &HttpUnderTest) -> Outcome {
    let id = test.id()?;
    let request = put(test, &id, slice("len_100000", 10, 99_990, true)?)?;
    for attempt in 1..=3 {
        test.answer(request.clone(), &format!("attempt {attempt}")).await?;
    }
    let got = test.got(&id).await?;
    same(&got.len(), &3, "requests that reached the server")?;
    got.iter().try_for_each(|got| same_bytes(got, 10, 99_990, "an attempt"))
}

pub async fn a_document_that_is_too_short_is_no_success(test: &HttpUnderTest) -> Outcome {
    each([(0, 100_001), (0, 300_000), (99_999, 2), (100_000, 1), (200_000, 1)], async |(offset, len)| {
        for last in [true, false] {
            fails(test, slice("len_100000", offset, len, last)?, HttpFailureKind::BodyShort).await?;
        }
        Ok(())
    })
    .await
}

pub async fn a_document_that_goes_on_is_no_success(test: &HttpUnderTest) -> Outcome {
    each([(0, 99_999), (0, 65_536), (0, 1), (99_998, 1), (0, 0)], async |(offset, len)| {
        fails(test, slice("len_100000", offset, len, true)?, HttpFailureKind::BodyLong).await
    })
    .await
}

/// `breaks_100000` breaks right after the last byte asked for: nobody knows whether it ends there.
pub async fn an_unreadable_document_is_no_success(test: &HttpUnderTest) -> Outcome {
    each(["unopenable", "breaks_0", "breaks_1", "breaks_70000", "breaks_100000"], async |document| {
        fails(test, slice(document, 0, 100_000, true)?, HttpFailureKind::BodyUnreadable).await
    })
    .await
}
