//! What arrives.
#![allow(missing_docs)] // The names say it.

use zeroize::Zeroizing;

use super::documents::sha256;
use super::{HttpUnderTest, Outcome, each, is, same};
use casehug_clio::ports::{Headers, HttpBody, HttpRequest, Method};

const METHODS: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

fn bytes(body: &[u8]) -> HttpBody {
    HttpBody::Bytes(Zeroizing::new(body.to_vec()))
}

/// A signed URL is void after the slightest change of its spelling, and so is a signature over
/// headers.
pub async fn method_target_headers_and_body_arrive_exactly(test: &HttpUnderTest) -> Outcome {
    let headers = [
        ("authorization", "Bearer a-b.c_d~e+f/g=="),
        ("content-type", "application/json; charset=utf-8"),
        ("x-amz-meta-note", "two  spaces, \"quotes\" and a comma"),
        ("x-twice", "one"),
        ("x-twice", "two"),
        ("x-empty", ""),
    ];
    let every_byte: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    for method in METHODS {
        for body in [&b"{\"a\":1}\r\n\r\n\0"[..], &every_byte] {
            let (id, what) = (test.id()?, method.as_str());
            let mut request = test.get("ok", &id)?;
            request.url.set_query(Some("fields=id,name%7Bx%7D&query=a%2Bb+c%20d&X-Amz-Signature=%7E~//?&empty="));
            request.headers = headers.iter().fold(Headers::new(), |all, (name, value)| all.with(name, *value));
            let target = &request.url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
            let answer = test.answer(HttpRequest { method, body: bytes(body), ..request }, what).await?;
            same(&(answer.status, answer.body.as_slice()), &(200, id.as_bytes()), &format!("{what}: the answer"))?;
            let got = test.got_one(&id, what).await?;
            same(&(got.method.as_str(), &got.target), &(what, target), &format!("{what}: method and target"))?;
            for (name, _) in headers {
                let wanted: Vec<&str> = headers.iter().filter(|(other, _)| *other == name).map(|(_, v)| *v).collect();
                same(&got.values(name), &wanted, &format!("{what}: header {name}"))?;
            }
            same(&got.body_sha256, &Some(sha256(body)), &format!("{what}: SHA-256 of the body"))?;
        }
    }
    Ok(())
}

pub async fn nothing_is_added_but_what_the_protocol_needs(test: &HttpUnderTest) -> Outcome {
    for method in METHODS {
        let id = test.id()?;
        let request = HttpRequest { method, headers: Headers::new().with("x-own", "1"), ..test.get("ok", &id)? };
        test.answer(request, method.as_str()).await?;
        let got = test.got_one(&id, method.as_str()).await?;
        same(&got.values("host").len(), &1, "host headers")?;
        for (name, value) in &got.headers {
            let name = name.to_ascii_lowercase();
            let needed = match name.as_str() {
                "host" | "x-own" | "connection" => true,
                "content-length" => value == "0",
                // Says no more than leaving it out does, and some stacks cannot leave it out.
                "accept" => value == "*/*",
                _ => false,
            };
            is(needed, || format!("{}: the transport added the header {name}: {value}", method.as_str()))?;
        }
    }
    Ok(())
}

/// Storage refuses a body without a length, and a length that is left out makes a stack send
/// chunks.
pub async fn the_length_of_a_body_is_declared(test: &HttpUnderTest) -> Outcome {
    for method in METHODS {
        let may_have_none = matches!(method, Method::Get | Method::Delete);
        for (body, len) in [(HttpBody::Empty, "0"), (bytes(b""), "0"), (bytes(b"x"), "1")] {
            let (id, what) = (test.id()?, format!("{} of {body:?}", method.as_str()));
            test.answer(HttpRequest { method, body, ..test.get("ok", &id)? }, &what).await?;
            let got = test.got_one(&id, &what).await?;
            let declared = got.values("content-length");
            is(declared == [len] || (len == "0" && may_have_none && declared.is_empty()), || {
                format!("{what}: content-length {declared:?}")
            })?;
            same(&got.values("transfer-encoding"), &vec![], &format!("{what}: transfer-encoding"))?;
        }
    }
    Ok(())
}

pub async fn no_cookie_is_kept(test: &HttpUnderTest) -> Outcome {
    let id = test.id()?;
    let answer = test.answer(test.get("cookie", &test.id()?)?, "the answer with a cookie").await?;
    is(answer.headers.get("set-cookie").is_some(), || String::from("the answer's cookie header was taken away"))?;
    test.answer(test.get("ok", &id)?, "the request after it").await?;
    same(&test.got_one(&id, "the request after it").await?.values("cookie"), &vec![], "cookies of the next request")
}

pub async fn concurrent_exchanges_do_not_mix(test: &HttpUnderTest) -> Outcome {
    each(0..24_u32, async |index| {
        let (id, body) = (test.id()?, vec![index as u8; 1000 * index as usize]);
        let sum = sha256(&body);
        let request = test.get(&format!("delay-{}", (index * 7) % 24 * 10), &id)?;
        let request = HttpRequest { method: Method::Post, body: HttpBody::Bytes(Zeroizing::new(body)), ..request };
        let answer = test.answer(request, "one of many").await?;
        same(answer.body.as_slice(), id.as_bytes(), "the answer to one of many")?;
        same(&test.got_one(&id, "one of many").await?.body_sha256, &Some(sum), "the body of one of many")
    })
    .await
}
