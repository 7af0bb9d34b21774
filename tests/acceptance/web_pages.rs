//! The pages of the example service: what is on them and may be, and the demo's sign-in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::backend::{ADMIN, Backend, MEMBER, STRANGER, Who};
use crate::bench::{Bench, assert_no_client_data, intake};
use clio_sim::Config;

const PAGES: &[&str] = &["/", "/settings/integrations", "/matters"];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

async fn page(service: &Backend, path: &str, who: Who) -> String {
    let answer = service.raw(Method::GET, path, who, None).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(answer.headers()[name], value, "{path}");
    }
    answer.text().await.unwrap()
}

/// What a page names in `src` and `href`.
fn named(html: &str, attribute: &str) -> Vec<String> {
    let begins = format!(" {attribute}=\"");
    let parts = html.split(&begins).skip(1);
    parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_load_our_files_only_and_hold_nothing_inline() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    for path in PAGES {
        let html = page(&service, path, MEMBER).await;
        let base = url::Url::parse(service.url()).unwrap().join(path).unwrap();
        assert!(html.matches("<script").count() == html.matches("<script type=\"module\" src=\"").count(), "{html}");
        for inline in ["<style", " style=\"", " onclick", " onerror", "javascript:"] {
            assert!(!html.contains(inline), "{inline} in {path}");
        }
        for file in named(&html, "src").into_iter().chain(named(&html, "href")).filter(|name| name.contains("assets/"))
        {
            let target = base.join(&file).unwrap();
            let answer = service.raw(Method::GET, target.path(), MEMBER, None).await;
            assert_eq!(answer.status(), StatusCode::OK, "{file} of {path}");
            let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
            let again = service.send(Method::GET, target.path(), &[("if-none-match", &tag)], String::new()).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{file}");
        }
        for link in named(&html, "href").into_iter().filter(|link| !link.starts_with("data:")) {
            let target = base.join(&link).unwrap();
            assert_eq!(service.raw(Method::GET, target.path(), MEMBER, None).await.status(), StatusCode::OK, "{link}");
        }
    }
    // Whatever the card's scripts load of each other is there.
    let mut left = vec![String::from("card.js")];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(file) = left.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let answer = service.send(Method::GET, &format!("/assets/{file}"), &[], String::new()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
        assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
        let script = answer.text().await.unwrap();
        let loaded =
            script.split(['\'', '"']).filter_map(|part| part.strip_prefix("./")).filter(|name| name.ends_with(".js"));
        left.extend(loaded.map(str::to_owned));
    }
    for other in ["..%2fmain.rs", "%2e%2e%2fcard.js", "nothing.js"] {
        let answer = service.send(Method::GET, &format!("/assets/{other}"), &[], String::new()).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_shown_as_text_and_a_firm_sees_its_own_matters_only() {
    let bench = Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await;
    let hostile = r#"<img src=x onerror="alert(1)"></td><script>alert('2')</script>&amp;"#;
    let mut whole = intake("m1", "c1", None, &[]);
    whole["matter"]["title"] = json!(format!("{hostile} title"));
    whole["matter"]["case_type"] = json!(format!("{hostile} type"));
    whole["client"]["first_name"] = json!(format!("{hostile} first"));
    bench.matter("m1", &whole);
    bench.matter("m2", &intake("m2", "c2", None, &[]));
    let broken = bench.intakes().join("m3");
    std::fs::create_dir_all(&broken).unwrap();
    std::fs::write(broken.join("intake.json"), "{").unwrap();
    let service = Backend::start(&bench);
    service.connected().await;
    let html = page(&service, "/matters", MEMBER).await;
    assert!(!html.contains("<img") && !html.contains("<script>"), "{html}");
    let escaped = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&lt;/td&gt;&lt;script&gt;alert(&#39;2&#39;)&lt;/script&gt;&amp;amp;";
    for place in ["title", "type", "first"] {
        assert!(html.contains(&format!("{escaped} {place}")), "{place}: {html}");
    }
    for matter in ["m1", "m2", "m3"] {
        assert!(html.contains(&format!("<casehug-clio-sync api=\"api/\" matter=\"{matter}\">")), "{matter}");
    }
    let theirs = page(&service, "/matters", STRANGER).await;
    assert!(!theirs.contains("matter=\""), "{theirs}");
    assert_eq!(
        service.get("/api/matters", MEMBER).await.1,
        json!({ "matters": [{ "id": "m1" }, { "id": "m2" }, { "id": "m3" }] })
    );
    assert_eq!(service.get("/api/matters", STRANGER).await.1, json!({ "matters": [] }));
    // What CaseHug's own page shows of a client is nowhere else.
    for path in ["/", "/settings/integrations"] {
        assert_no_client_data(page(&service, path, ADMIN).await.as_bytes(), path);
    }
    for path in PAGES {
        let html = page(&service, path, ADMIN).await;
        assert!(bench.sim.model().secrets().iter().all(|secret| !html.contains(secret)), "a secret is on {path}");
        assert_eq!(service.send(Method::GET, path, &[], String::new()).await.status(), StatusCode::UNAUTHORIZED);
    }
    service.assert_told_nothing(&bench);
    assert_eq!(service.send(Method::GET, "/sign-in", &[], String::new()).await.status(), StatusCode::NOT_FOUND);
    let cookie = [("cookie", "casehug_demo=ada")];
    let answer = service.send(Method::GET, "/api/me", &cookie, String::new()).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "nobody is anybody without --demo-sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_asks_who_one_is_and_takes_nobodys_word_from_another_site() {
    let bench = Bench::new().await;
    let service = Backend::start_with(&bench, &["--listen", "127.0.0.1:0", "--demo-sign-in"]);
    let get =
        async |path: &str, headers: &[(&str, &str)]| service.send(Method::GET, path, headers, String::new()).await;
    for (path, leads) in [("/", "sign-in"), ("/settings/integrations", "../sign-in"), ("/matters", "sign-in")] {
        let answer = get(path, &[]).await;
        assert_eq!((answer.status(), &answer.headers()["location"]), (StatusCode::SEE_OTHER, &leads.parse().unwrap()));
    }
    let asked = get("/sign-in", &[]).await;
    assert_eq!(asked.headers()["content-security-policy"], POLICY);
    let html = asked.text().await.unwrap();
    assert!(html.contains("value=\"ada\"") && html.contains("value=\"max\""), "{html}");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (name, status, role) in [("ada", 303, "admin"), ("max", 303, "member"), ("eve", 400, ""), ("", 400, "")] {
        let answer = service.send(Method::POST, "/sign-in", &[form], format!("as={name}")).await;
        assert_eq!(answer.status().as_u16(), status, "{name}");
        let cookie = answer.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        let Some(cookie) = cookie else { continue };
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        // The cookie counts, not what the browser says of itself.
        let claimed =
            [("cookie", pair), ("x-casehug-role", "host"), ("x-casehug-role", "admin"), ("x-casehug-more", "firm_1")];
        let me: serde_json::Value = get("/api/me", &claimed).await.json().await.unwrap();
        assert_eq!(me, json!({ "firm": "firm_demo", "user": format!("usr_{name}"), "role": role }));
    }
    let json = ("content-type", "application/json");
    for claimed in [
        &[("x-casehug-role", "host")][..],
        &[("x-casehug-firm", "firm_demo"), ("x-casehug-user", "u"), ("x-casehug-role", "admin")],
    ] {
        for operation in ["next_events", "get_health"] {
            let headers = [claimed, &[json]].concat();
            let answer = service.send(Method::POST, &format!("/api/{operation}"), &headers, "{}".to_owned()).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{claimed:?}");
        }
    }
    let strange = [form, ("sec-fetch-site", "cross-site")];
    let answer = service.send(Method::POST, "/sign-in", &strange, "as=ada".to_owned()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    // Under another name of this machine: to where the cookie and Clio's way back are.
    let other = [("host", "localhost:1"), ("cookie", "casehug_demo=ada")];
    let answer = get("/matters", &other).await;
    assert_eq!(answer.headers()["location"], format!("{}/matters", service.url()));
}

#[test]
fn the_demo_signs_nobody_in_where_others_can_reach_it() {
    for more in [&["--listen", "0.0.0.0:0"][..], &["--listen", "127.0.0.1:0", "--public-url", "https://host.example"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_service"))
            .args(["--intake", "/", "--db", ":memory:", "--clio-url", "http://127.0.0.1:1", "--demo-sign-in"])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success(), "{more:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("demo_sign_in") && told.contains("not_on_loopback"), "{told}");
    }
}
