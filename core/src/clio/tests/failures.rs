//! Refusals and failures: four shapes, every status, and what each means for a write.

use core::time::Duration;

use super::{LIMITS, Still, World};
use crate::clio::{
    AccessToken, ApiRequest, CallError, ClioApi, ClioHost, Contact, Matter, NewContact, Region, SendOutcome, contacts,
    documents, matters, practice_areas,
};
use crate::domain::ClioId;
use crate::error::{Code, Error, Retry};
use crate::ports::{Headers, HttpFailureKind, Method, Sent};
use crate::testkit::ScriptedHttp;

const API_ERROR: &str = r#"{"error":{"type":"SomeError","message":"for jo@example.com"}}"#;
const OAUTH_ERROR: &str = r#"{"error":"invalid_token","error_description":"for jo@example.com"}"#;
const PAGE: &str = "<html><body>Request blocked</body></html>";

fn read() -> ApiRequest<Matter> {
    matters::show(ClioId(1))
}

fn write() -> ApiRequest<Contact> {
    contacts::create(&NewContact { first_name: "Jo", last_name: "Neill", email: None, phone: None }).unwrap()
}

async fn refused(status: u16, kind: &str, body: &str) -> CallError {
    let world = World::new();
    world.http.answer(status, Headers::new().with("content-type", kind), body);
    world.call(&write()).await.unwrap_err()
}

#[tokio::test]
async fn clios_own_refusals_are_told_by_status_and_end_the_request() {
    for (status, code, retry) in [
        (400, Code::ClioBadRequest, Retry::Never),
        (401, Code::TokenRejected, Retry::RefreshThenRetry),
        (403, Code::UserRoleForbids, Retry::Never),
        (404, Code::ClioNotFound, Retry::Never),
        (409, Code::ClioConflict, Retry::Retry),
        (410, Code::ClioVersionUnsupported, Retry::Never),
        (412, Code::ClioConflict, Retry::Retry),
        (418, Code::ClioBadRequest, Retry::Never),
        (422, Code::ClioValidation, Retry::Never),
        (429, Code::ClioRateLimited, Retry::Retry),
        (500, Code::ClioUnavailable, Retry::Retry),
        (503, Code::ClioUnavailable, Retry::Retry),
    ] {
        let failed = refused(status, "application/json; charset=utf-8", API_ERROR).await;
        assert_eq!((failed.error.code(), failed.error.retry()), (code, retry), "{status}");
        assert_eq!(failed.outcome, SendOutcome::Rejected, "{status}");
        assert_eq!((failed.http_status, failed.clio_type.as_deref()), (Some(status), Some("SomeError")));
        assert_eq!(failed.error.get("http_status"), Some(status.to_string().as_str()));
        assert_eq!(failed.error.get("clio_type"), Some("SomeError"));
    }
}

#[tokio::test]
async fn oauths_refusals_are_clios_own() {
    let failed = refused(401, "application/json", OAUTH_ERROR).await;
    assert_eq!((failed.error.code(), failed.outcome), (Code::TokenRejected, SendOutcome::Rejected));
    assert_eq!(failed.clio_type.as_deref(), Some("invalid_token"));
    let failed = refused(403, "application/json", r#"{"error":"insufficient_scope"}"#).await;
    assert_eq!((failed.error.code(), failed.outcome), (Code::AppPermissionMissing, SendOutcome::Rejected));

    let world = World::new();
    world.http.answer(401, Headers::new().with("www-authenticate", "Bearer realm=\"x\", error=\"invalid_token\""), "");
    let failed = world.call(&write()).await.unwrap_err();
    assert_eq!((failed.error.code(), failed.outcome), (Code::TokenRejected, SendOutcome::Rejected));
    assert_eq!(failed.error.retry(), Retry::RefreshThenRetry);
}

/// Doorkeeper, the usual OAuth server of Rails applications, refuses a token with an empty page and
/// the reason in this header only.
#[tokio::test]
async fn the_bearer_challenge_decides_before_the_bodys_type() {
    let of = |error: &str| format!(r#"Bearer realm="Doorkeeper", error="{error}", error_description="jo@example.com""#);
    let (dead, scope) = (of("invalid_token"), of("insufficient_scope"));
    for (status, challenge, kind, body, code) in [
        (401, &*dead, "text/html", "", Code::TokenRejected),
        (401, &dead, "text/html; charset=utf-8", PAGE, Code::TokenRejected),
        (401, &dead, "", "", Code::TokenRejected),
        (401, &dead, "application/json", API_ERROR, Code::TokenRejected),
        (403, &dead, "text/html", "", Code::TokenRejected),
        (403, &scope, "text/html", "", Code::AppPermissionMissing),
        (401, "Bearer realm=\"Doorkeeper\"", "text/html", " \n", Code::TokenRejected),
    ] {
        let world = World::new();
        let headers = Headers::new().with("content-type", kind).with("www-authenticate", challenge);
        world.http.answer(status, headers, body);
        let failed = world.call(&write()).await.unwrap_err();
        assert_eq!((failed.error.code(), failed.outcome), (code, SendOutcome::Rejected), "{status} {challenge} {kind}");
        assert!(!format!("{failed:?}").contains("example.com"));
    }
    for (status, challenge, kind, body, code) in [
        // A proxy that asks for its own user.
        (401, "Basic realm=\"proxy\", error=\"invalid_token\"", "text/html", "", Code::FirewallAnswer),
        (401, "Bearer realm=\"proxy\"", "text/html", PAGE, Code::FirewallAnswer),
        (404, &*dead, "text/html", PAGE, Code::FirewallAnswer),
        (502, &dead, "text/html", PAGE, Code::ClioUnavailable),
    ] {
        let world = World::new();
        let headers = Headers::new().with("content-type", kind).with("www-authenticate", challenge);
        world.http.answer(status, headers, body);
        let failed = world.call(&write()).await.unwrap_err();
        assert_eq!((failed.error.code(), failed.outcome), (code, SendOutcome::Unknown), "{status} {challenge} {kind}");
    }
}

#[tokio::test]
async fn what_stands_between_says_nothing_about_what_clio_did() {
    for (status, kind, body, code) in [
        (403, "text/html", PAGE, Code::FirewallAnswer),
        (403, "application/json", PAGE, Code::FirewallAnswer),
        (403, "text/plain", "Forbidden", Code::FirewallAnswer),
        (403, "application/json", r#"{"message":"Forbidden"}"#, Code::FirewallAnswer),
        (401, "text/html", PAGE, Code::FirewallAnswer),
        (404, "text/html", PAGE, Code::FirewallAnswer),
        (407, "text/html", PAGE, Code::FirewallAnswer),
        (408, "text/plain", "", Code::TimedOut),
        (429, "text/html", PAGE, Code::ClioRateLimited),
        (500, "application/json", "{}", Code::ClioUnavailable),
        (502, "text/html", "<!doctype HTML><h1>Bad Gateway", Code::ClioUnavailable),
        (503, "text/plain", "", Code::ClioUnavailable),
        (504, "text/html", PAGE, Code::ClioUnavailable),
        (599, "", "", Code::ClioUnavailable),
        (302, "text/html", PAGE, Code::RedirectRefused),
        (304, "", "", Code::RedirectRefused),
        // A gateway may speak JSON, and some do so in OAuth's shape.
        (408, "application/json", r#"{"error":"timeout"}"#, Code::TimedOut),
        (500, "application/json", OAUTH_ERROR, Code::ClioUnavailable),
        (502, "application/json", r#"{"error":"Bad Gateway"}"#, Code::ClioUnavailable),
        (503, "application/json", r#"{"error":"unavailable"}"#, Code::ClioUnavailable),
        (504, "application/json", r#"{"error":"Gateway Timeout"}"#, Code::ClioUnavailable),
        // By what they mean, these are never of the server that executes.
        (408, "application/json", API_ERROR, Code::TimedOut),
        (502, "application/json", API_ERROR, Code::ClioUnavailable),
        (504, "application/json", API_ERROR, Code::ClioUnavailable),
    ] {
        let failed = refused(status, kind, body).await;
        assert_eq!((failed.error.code(), failed.outcome), (code, SendOutcome::Unknown), "{status} {kind}");
        assert_eq!(failed.error.retry(), Retry::LookupFirst, "a creation is looked for first: {status} {kind}");
        assert_eq!(failed.clio_type, None);
    }
    // A read in doubt is simply read again.
    let world = World::new();
    world.http.answer(502, Headers::new().with("content-type", "text/html"), PAGE);
    assert_eq!(world.call(&read()).await.unwrap_err().error.retry(), Retry::Retry);
}

#[tokio::test]
async fn an_upload_that_clio_still_verifies_is_asked_for_again() {
    for kind in ["UploadNotFoundError", "UploadTimeoutError"] {
        for status in [400, 404, 408, 422] {
            let body = format!(r#"{{"error":{{"type":"{kind}","message":"x"}}}}"#);
            let finish = documents::finish(ClioId(9), "u-1").unwrap();
            let failed = World::answering(status, &body).call(&finish).await.unwrap_err();
            assert_eq!(failed.error.code(), Code::DocumentProcessing, "{kind} {status}");
            assert_eq!(failed.outcome, SendOutcome::Rejected);
        }
    }
}

#[tokio::test]
async fn an_error_type_is_kept_only_if_it_is_a_plain_word() {
    for (kind, kept) in [
        ("ArgumentError", Some("ArgumentError")),
        ("", None),
        ("no jo@example.com", None),
        ("Jos\u{e9}", None),
        (&"x".repeat(64), Some("x".repeat(64).as_str())),
        (&"x".repeat(65), None),
    ] {
        let body = format!(r#"{{"error":{{"type":"{kind}","message":"x"}}}}"#);
        let failed = refused(422, "application/json", &body).await;
        assert_eq!(failed.clio_type.as_deref(), kept);
        assert_eq!(failed.outcome, SendOutcome::Rejected);
    }
}

#[tokio::test]
async fn a_forbidden_resource_is_a_permission_and_a_forbidden_record_a_role() {
    let forbidden = refused(403, "application/json", API_ERROR).await;
    assert_eq!(forbidden.clone().refine_forbidden(true).error.code(), Code::UserRoleForbids);
    let refined = forbidden.refine_forbidden(false);
    assert_eq!(refined.error.code(), Code::AppPermissionMissing);
    assert_eq!((refined.error.get("http_status"), refined.error.get("clio_type")), (Some("403"), Some("SomeError")));
    let other = refused(404, "application/json", API_ERROR).await.refine_forbidden(false);
    assert_eq!(other.error.code(), Code::ClioNotFound);
    let wall = refused(403, "text/html", PAGE).await.refine_forbidden(false);
    assert_eq!(wall.error.code(), Code::FirewallAnswer);
}

#[tokio::test]
async fn a_rate_limit_says_how_long() {
    let secs = Duration::from_secs;
    for (headers, retry) in [
        (vec![("retry-after", "17")], Retry::After(secs(17))),
        (vec![("retry-after", " 17 ")], Retry::After(secs(17))),
        (vec![("retry-after", "0")], Retry::After(secs(1))),
        (vec![("retry-after", "86400")], Retry::After(secs(120))),
        (vec![("retry-after", "99999999999999999999")], Retry::Retry),
        (vec![("retry-after", "-5")], Retry::Retry),
        (vec![("retry-after", "soon")], Retry::Retry),
        (vec![], Retry::Retry),
        // The window ends at 12:01:00 on Clio's clock.
        (vec![("x-ratelimit-reset", "1775044860"), ("date", "Wed, 01 Apr 2026 12:00:20 GMT")], Retry::After(secs(40))),
        (vec![("x-ratelimit-reset", "1775044860")], Retry::After(secs(60))),
        (vec![("x-ratelimit-reset", "1775044860"), ("retry-after", "3")], Retry::After(secs(3))),
        (vec![("x-ratelimit-reset", "1775044860"), ("retry-after", "x")], Retry::After(secs(60))),
        (vec![("x-ratelimit-reset", "1775040000")], Retry::Retry),
        (vec![("x-ratelimit-reset", "18446744073709551615")], Retry::Retry),
        (vec![("x-ratelimit-reset", "9223372036854775807")], Retry::Retry),
        (vec![("x-ratelimit-reset", "1775944860")], Retry::After(secs(120))),
    ] {
        let mut all = Headers::new().with("content-type", "application/json");
        all.push("x-ratelimit-limit", "50");
        all.push("x-ratelimit-remaining", "0");
        for (name, value) in &headers {
            all.push(name, *value);
        }
        let world = World::new();
        world.http.answer(429, all, API_ERROR);
        let failed = world.call(&write()).await.unwrap_err();
        assert_eq!(failed.error.code(), Code::ClioRateLimited);
        assert_eq!(failed.error.retry(), retry, "{headers:?}");
    }
}

#[tokio::test]
async fn a_failed_exchange_says_whether_anything_was_sent() {
    use HttpFailureKind as Kind;
    for (kind, code) in [
        (Kind::Connect, Code::ConnectFailed),
        (Kind::Tls, Code::TlsRefused),
        (Kind::Timeout, Code::TimedOut),
        (Kind::Lost, Code::ConnectionLost),
        (Kind::NotAfter, Code::SendWindowClosed),
        (Kind::ResponseTooLarge, Code::ResponseTooLarge),
        (Kind::BodyShort, Code::DocumentChanged),
        (Kind::BodyLong, Code::DocumentChanged),
        (Kind::BodyUnreadable, Code::DocumentUnreadable),
        (Kind::Refused, Code::TransportFailed),
        (Kind::Other, Code::TransportFailed),
    ] {
        let world = World::new();
        world.http.fail(kind, Sent::No);
        world.http.fail(kind, Sent::Maybe);
        world.http.fail(kind, Sent::Maybe);
        let unsent = world.call(&write()).await.unwrap_err();
        let perhaps = world.call(&write()).await.unwrap_err();
        let read = world.call(&read()).await.unwrap_err();
        assert_eq!([unsent.error.code(), perhaps.error.code(), read.error.code()], [code; 3]);
        assert_eq!(
            [unsent.outcome, perhaps.outcome, read.outcome],
            [SendOutcome::NotSent, SendOutcome::Unknown, SendOutcome::Unknown]
        );
        assert_eq!(perhaps.error.retry(), Retry::LookupFirst, "{kind:?}");
        assert_eq!(unsent.error.retry(), read.error.retry(), "{kind:?}");
        assert_ne!(read.error.retry(), Retry::LookupFirst, "{kind:?}");
        assert_eq!(unsent.http_status, None);
    }
}

#[tokio::test]
async fn practice_areas_follow_one_307_on_the_same_host() {
    let moved = |location: &str| Headers::new().with("location", location);
    let asked = practice_areas::list();
    for (location, expected) in [
        (
            "https://app.clio.com/api/v4/practice_areas_v2.json?fields=id&page=1",
            "https://app.clio.com/api/v4/practice_areas_v2.json?fields=id&page=1",
        ),
        ("/api/v4/new.json?a=%7B", "https://app.clio.com/api/v4/new.json?a=%7B"),
        (
            "/api/v4/new.json",
            "https://app.clio.com/api/v4/new.json?fields=id%2Cname%2Ccategory&limit=200&order=id%28asc%29",
        ),
    ] {
        let world = World::new();
        world.http.answer(307, moved(location), "");
        world.http.json(200, r#"{"data":[{"id":4,"name":"Family"}]}"#);
        assert_eq!(world.call(&asked).await.unwrap().value.items[0].id, ClioId(4));
        let requests = world.http.requests();
        assert_eq!(requests[1].url.as_str(), expected);
        assert_eq!((requests[1].method, &requests[1].headers), (Method::Get, &requests[0].headers));
    }

    let world = World::new();
    world.http.answer(307, moved("/api/v4/new.json"), "");
    world.http.answer(307, moved("/api/v4/newer.json"), "");
    assert_eq!(world.call(&asked).await.unwrap_err().error.code(), Code::RedirectRefused);
    assert_eq!(world.http.requests().len(), 2, "one, and not two");
}

#[tokio::test]
async fn no_other_redirect_is_followed() {
    for (status, location) in [
        (301, "/api/v4/new.json"),
        (302, "/api/v4/new.json"),
        (303, "/api/v4/new.json"),
        (308, "/api/v4/new.json"),
        (307, "https://evil.example/api/v4/practice_areas.json"),
        (307, "https://eu.app.clio.com/api/v4/practice_areas.json"),
        (307, "http://app.clio.com/api/v4/practice_areas.json"),
        (307, "//evil.example/api/v4/practice_areas.json"),
        (307, "/\\evil.example/api/v4/x"),
        (307, "/oauth/token"),
        (307, "/api/v4/../../oauth/token"),
        (307, "@evil.example/api/v4/x"),
        (307, ""),
    ] {
        let world = World::new();
        world.http.answer(status, Headers::new().with("location", location), "");
        let failed = world.call(&practice_areas::list()).await.unwrap_err();
        assert_eq!(failed.error.code(), Code::RedirectRefused, "{status} {location}");
        assert_eq!(world.http.requests().len(), 1, "{status} {location}");
    }
    for (request, world) in [(read(), World::new())] {
        world.http.answer(307, Headers::new().with("location", "/api/v4/matters/2.json"), "");
        assert_eq!(world.call(&request).await.unwrap_err().error.code(), Code::RedirectRefused, "practice areas only");
        assert_eq!(world.http.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_fits_no_header_is_not_sent() {
    for bad in ["", "two words", "line\r\nx: y", "t\u{f6}ken"] {
        let world = World::new();
        let token = AccessToken::new(bad.to_owned().into());
        let failed = world.api.call(&token, &read(), LIMITS).await.unwrap_err();
        assert_eq!((failed.error.code(), failed.outcome), (Code::TokenRejected, SendOutcome::NotSent));
        assert!(world.http.requests().is_empty());
    }
}

#[test]
fn a_user_agent_that_clios_firewall_refuses_is_refused_here() {
    let agent = |agent: &str| {
        let host = ClioHost::region(Region::Us);
        ClioApi::new(std::sync::Arc::new(ScriptedHttp::new()), std::sync::Arc::new(Still), host, agent)
    };
    assert!(agent("casehug-clio/1.0 (node)").is_ok());
    for bad in ["", "  ", "x (https://example.com)", "a\r\nb", "\u{e9}"] {
        assert_eq!(agent(bad).unwrap_err().code(), Code::SettingInvalid, "{bad:?}");
    }
}

#[tokio::test]
async fn the_error_of_a_call_becomes_the_error_of_what_called() {
    let failed = refused(422, "application/json", API_ERROR).await;
    let error: Error = failed.into();
    assert!(error.to_string().ends_with("(http_status=422, clio_type=SomeError, operation=POST /contacts)"), "{error}");
}

#[tokio::test]
async fn only_clios_own_answers_tell_clios_time() {
    let world = World::new();
    let dated = |kind: &str, date: &str| Headers::new().with("content-type", kind).with("date", date);
    let (noon, later) = ("Wed, 01 Apr 2026 12:00:00 GMT", "Wed, 01 Apr 2026 12:20:00 GMT");
    world.http.answer(502, dated("text/html", later), PAGE);
    world.call(&read()).await.unwrap_err();
    assert_eq!(world.api.clio_now(), None, "a gateway's clock is not Clio's");
    world.http.answer(404, dated("application/json", noon), API_ERROR);
    world.call(&read()).await.unwrap_err();
    assert_eq!(world.api.clio_now(), Some(super::NOW), "Clio's refusals tell it");
    world.http.answer(504, dated("application/json", later), r#"{"error":"Gateway Timeout"}"#);
    world.http.answer(200, dated("text/html", later), PAGE);
    for _ in 0..2 {
        world.call(&read()).await.unwrap_err();
        assert_eq!(world.api.clio_now(), Some(super::NOW));
    }
}
