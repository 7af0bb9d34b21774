//! Every route of the example service: who may use it, that another firm's admin gets nothing
//! through it, and that no answer of it tells what it must not. The routes are read from the
//! service's source, so one that is added without a row in [`TABLE`] fails here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;

use crate::backend::{ADMIN, Backend, MEMBER, STRANGER, Who};
use crate::bench::{Bench, assert_no_client_data, intake};
use clio_sim::Config;
use reqwest::Method;
use serde_json::{Value, json};

const SOURCE: &str = include_str!("../../examples/src/service/routes/mod.rs");
const WEB_SOURCE: &str = include_str!("../../examples/src/service/web/mod.rs");
const EMAIL: &str = "c1@zyx.qwertz.example";

/// Who is heard. Everybody else gets 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum May {
    /// Any user of the firm.
    User,
    /// Admins of the firm. A refusal is in the audit log.
    Admin,
    /// CaseHug's own services, which ask as an admin. The example refuses by itself, and the SDK
    /// never hears of it.
    Host,
    /// Clio, which has no role here.
    Clio,
}

/// How a route is exercised. Text in braces is replaced by [`Scene::fill`].
struct Row {
    method: &'static str,
    route: &'static str,
    may: May,
    query: &'static str,
    body: &'static str,
    /// What an admin of a connected firm is answered.
    answer: u16,
    /// Asked wrongly, as an admin: path and query, body, answer.
    wrong: Option<(&'static str, &'static str, u16)>,
}

const fn row(method: &'static str, route: &'static str, may: May, body: &'static str, answer: u16) -> Row {
    Row { method, route, may, query: "", body, answer, wrong: None }
}

impl Row {
    const fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    const fn wrong(self, target: &'static str, body: &'static str, answer: u16) -> Self {
        Self { wrong: Some((target, body, answer)), ..self }
    }

    fn target(&self) -> String {
        format!("{}{}", self.route, self.query)
    }
}

/// In the order in which they make sense: what ends the connection comes last.
const TABLE: &[Row] = &[
    row("GET", "/status", May::User, "", 200),
    row("GET", "/settings", May::Admin, "", 200),
    row(
        "PUT",
        "/settings",
        May::Admin,
        r#"{"revision": {revision}, "sync_when_approved": true, "sync_when_created": false, "contact_review": true,
            "on_name_mismatch": "review", "case_number_as_display_number": false, "practice_areas": {}, "fallback_area": null}"#,
        200,
    )
    .wrong("/settings", r#"{"revision": 0}"#, 400),
    row("PATCH", "/settings", May::Admin, r#"{"revision": {revision}, "on_name_mismatch": "create"}"#, 200).wrong(
        "/settings",
        r#"{"revision": 0, "contact_review": true}"#,
        409,
    ),
    row("GET", "/settings/export", May::Admin, "", 200),
    row(
        "PUT",
        "/settings/export",
        May::Admin,
        r#"{"format": 1, "sync_when_approved": true, "sync_when_created": false, "case_number_as_display_number": false,
            "contact_review": true, "on_name_mismatch": "link", "fallback_area": null, "practice_areas": {"family_law": "Real Estate Closings"}}"#,
        200,
    )
    .wrong("/settings/export", "{}", 400),
    row("GET", "/mappings", May::Admin, "", 200),
    row("PUT", "/mappings/{case_type}", May::Admin, r#"{"practice_area": "Family & Divorce"}"#, 200).wrong(
        "/mappings/family_law",
        r#"{"practice_area": "Maritime"}"#,
        404,
    ),
    row("GET", "/matters/{matter}", May::User, "", 200).wrong("/matters/.m", "", 400),
    row("POST", "/matters/{matter}/sync", May::User, "", 202).wrong("/matters/.m/sync", "", 400),
    row("POST", "/matters/{matter}/approved", May::User, "", 202).wrong("/matters/.m/approved", "", 400),
    row("POST", "/matters/{matter}/contact-changed", May::User, "", 200).wrong("/matters/m9/contact-changed", "", 404),
    row("POST", "/matters/{matter}/status-changed", May::Host, r#"{"at": "2026-01-01T00:00:00Z"}"#, 204).wrong(
        "/matters/m1/status-changed",
        r#"{"at": "soon"}"#,
        400,
    ),
    row("GET", "/sync-log", May::User, "", 200).query("?matter={matter}&limit=500").wrong("/sync-log?limit=x", "", 400),
    row("POST", "/sync-log/{run}/retry", May::User, "", 202).wrong("/sync-log/none/retry", "", 404),
    row("GET", "/audit", May::Admin, "", 200).query("?limit=500").wrong("/audit?since=x", "", 400),
    row("GET", "/held", May::User, "", 200),
    row("POST", "/held", May::Admin, r#"{"run": true}"#, 200).wrong("/held", r#"{"run": "x"}"#, 400),
    row("GET", "/contact-proposals", May::Admin, "", 200),
    row("POST", "/contact-proposals/{proposal}", May::Admin, r#"{"accept": true}"#, 204).wrong(
        "/contact-proposals/from_clio-1",
        r#"{"accept": true}"#,
        404,
    ),
    row("POST", "/contact-proposals/{proposal}/applied", May::Host, "", 204),
    row("GET", "/events", May::Host, "", 200),
    row("POST", "/events/ack", May::Host, r#"{"id": "{event}"}"#, 204).wrong("/events/ack", r#"{"id": "x"}"#, 404),
    row("POST", "/webhooks/{token}", May::Clio, "", 401).wrong("/webhooks/Zmlybl8x.AAAA", "", 404),
    row("GET", "/connect", May::Admin, "", 303).wrong("/connect?separate=true", "", 409),
    row("GET", "/oauth/callback", May::Admin, "", 303).query("?{callback}").wrong(
        "/oauth/callback?code=guess&state=guess",
        "",
        400,
    ),
    row("POST", "/deauthorized/{firm}", May::Clio, "", 204).wrong("/deauthorized/firm_9", "", 409),
    row("POST", "/disconnect", May::Admin, "", 200).wrong("/disconnect?connection=another", "", 409),
];

/// Who is heard on the routes that browsers ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Anybody,
    /// Any user, of their own firm.
    User,
    /// Whom the operation's row in the SDK's table names: `web_api.rs`.
    ByOperation,
    /// Anybody, and with `--demo-sign-in` only.
    Demo,
}

/// What is answered there is looked at in `web_api.rs`, `web_pages.rs` and `stream.rs`.
const WEB: &[(&str, &str, Heard)] = &[
    ("GET", "/", Heard::User),
    ("GET", "/settings/integrations", Heard::User),
    ("GET", "/matters", Heard::User),
    ("GET", "/assets/{file}", Heard::Anybody),
    ("GET", "/openapi.json", Heard::Anybody),
    ("GET", "/api/me", Heard::User),
    ("GET", "/api/matters", Heard::User),
    ("GET", "/api/stream", Heard::User),
    ("POST", "/api/{operation}", Heard::ByOperation),
    ("GET", "/sign-in", Heard::Demo),
    ("POST", "/sign-in", Heard::Demo),
];

/// The methods and paths of `.route("/path", get(one).post(another))`.
fn routes_of(source: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    assert_eq!(source.matches(".route(").count(), source.lines().filter(|line| line.contains(".route(\"")).count());
    for (_, line) in source.lines().filter_map(|line| line.split_once(".route(\"")) {
        let (path, handlers) = line.split_once("\", ").unwrap_or_else(|| panic!("a route over several lines: {line}"));
        let before = found.len();
        for method in ["get", "post", "put", "patch", "delete"] {
            if handlers.starts_with(&format!("{method}(")) || handlers.contains(&format!(").{method}(")) {
                found.insert((method.to_uppercase(), path.to_owned()));
            }
        }
        assert!(found.len() > before, "no method known here: {line}");
    }
    found
}

#[test]
fn each_route_of_the_service_is_exercised_here() {
    let exercised: BTreeSet<(String, String)> =
        TABLE.iter().map(|row| (row.method.to_owned(), row.route.to_owned())).collect();
    assert_eq!(exercised.len(), TABLE.len(), "each once");
    assert_eq!(routes_of(SOURCE), exercised);
    let web: BTreeSet<(String, String)> =
        WEB.iter().map(|(method, route, _)| (method.to_string(), route.to_string())).collect();
    assert_eq!(routes_of(WEB_SOURCE), web);
    let source = SOURCE.replacen(".merge(web::routes(service.demo_sign_in))", WEB_SOURCE, 1);
    for other in [".nest(", ".merge(", ".fallback(", ".route_service(", "any("] {
        assert!(!source.contains(other), "{other} makes routes that are not read here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_browsers_ask_for_is_answered_to_whom_it_is_meant_for() {
    let bench = Bench::new().await;
    let service = Backend::start(&bench);
    let member = [("x-casehug-firm", MEMBER.0), ("x-casehug-user", MEMBER.1), ("x-casehug-role", MEMBER.2)];
    let json = ("content-type", "application/json");
    for (method, route, heard) in WEB {
        let path = route.replace("{file}", "card.js").replace("{operation}", "get_health");
        let (to_nobody, to_a_user) = match heard {
            Heard::Anybody => (200, 200),
            Heard::User | Heard::ByOperation => (401, 200),
            Heard::Demo => (404, 404),
        };
        for (who, expected) in [(&[][..], to_nobody), (&member, to_a_user)] {
            let method: Method = method.parse().unwrap();
            let answer = service.send(method, &path, &[who, &[json]].concat(), "{}".to_owned()).await;
            assert_eq!(answer.status().as_u16(), expected, "{route} to {who:?}");
        }
    }
}

/// An answer as it came: status, headers, body.
struct Answer {
    status: u16,
    headers: String,
    body: String,
}

/// firm_1, connected and in the middle of its work: a matter synced, a status and a contact changed
/// in Clio, events to be read.
pub struct Scene {
    pub bench: Bench,
    pub service: Backend,
    http: reqwest::Client,
    run: String,
    event: String,
    proposal: String,
    token: String,
}

impl Scene {
    pub async fn new() -> Self {
        let bench = Bench::with(Config { rate_limit: 1_000_000, http_webhooks: true, ..Config::default() }).await;
        bench.matter("m1", &intake("m1", "c1", Some(EMAIL), &["d1"]));
        let service = Backend::start(&bench);
        service.connected().await;
        let clio = service.synced("m1").await;
        let (_, mut settings) = service.get("/settings", ADMIN).await;
        settings["contact_review"] = json!(true);
        service.put("/settings", ADMIN, settings).await;
        service
            .until("the subscription for contacts", async || {
                let hooks = bench.state()["webhooks"].as_array().unwrap().clone();
                hooks.iter().filter(|hook| hook["status"] == "enabled").count() == 2
            })
            .await;
        let contact = bench.state()["contacts"][0]["id"].as_i64().unwrap();
        bench.edit("matters", clio, &json!({ "status": "closed" }));
        bench.edit("contacts", contact, &json!({ "first_name": "Zyxwvut Anew" }));
        service.until("both told", async || service.audit("webhook_applied").await.len() >= 2).await;
        let run = service.get("/sync-log", ADMIN).await.1["items"][0]["run"].as_str().unwrap().to_owned();
        let proposals =
            service.raw(Method::GET, "/contact-proposals", ADMIN, None).await.json::<Value>().await.unwrap();
        let proposal = proposals[0]["id"].as_str().unwrap().to_owned();
        let hook = bench.state()["webhooks"][0]["url"].as_str().unwrap().to_owned();
        let token = hook.rsplit_once('/').unwrap().1.to_owned();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { bench, service, http, run, event: "client/c1#000000000001".into(), proposal, token }
    }

    /// What only firm_1 may see.
    fn marks(&self) -> Vec<String> {
        let state = self.bench.state();
        let ids = ["contacts", "matters", "documents", "webhooks"].iter().flat_map(|kind| {
            let list = state[kind].as_array().unwrap().clone();
            // What the stranger's own connection made is theirs.
            list.into_iter().filter(is_firm_1s).map(|one| one["id"].to_string())
        });
        ids.chain([self.run.clone(), "usr_1".into(), "usr_3".into()]).collect()
    }

    pub async fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in [
            ("firm", "firm_1"),
            ("matter", "m1"),
            ("case_type", "family_law"),
            ("run", &self.run),
            ("event", &self.event),
            ("proposal", &self.proposal),
            ("token", &self.token),
        ] {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        if text.contains("{revision}") {
            let settings = self.service.get("/settings", ADMIN).await.1;
            text = text.replace("{revision}", &settings["revision"].to_string());
        }
        if text.contains("{callback}") {
            text = text.replace("{callback}", &self.consented().await);
        }
        text
    }

    /// The query with which Clio sends firm_1's admin back.
    async fn consented(&self) -> String {
        let begun = self.service.raw(Method::GET, "/connect", ADMIN, None).await;
        let consent = begun.headers()["location"].to_str().unwrap().to_owned();
        let back = self.http.get(consent).header("user-agent", "browser").send().await.unwrap();
        back.headers()["location"].to_str().unwrap().split_once('?').unwrap().1.to_owned()
    }

    async fn ask(&self, method: &str, target: &str, body: &str, who: Option<Who>) -> Answer {
        let (target, body) = (self.fill(target).await, self.fill(body).await);
        let mut headers = Vec::new();
        if let Some((firm, user, role)) = who {
            headers = vec![("x-casehug-firm", firm), ("x-casehug-user", user), ("x-casehug-role", role)];
        }
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.send(method, &target, &headers, body).await
    }

    async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let url = format!("http://{}{target}", self.service.address());
        let request = self.http.request(method.parse().unwrap(), url).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let headers = format!("{:?}", answer.headers());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    async fn ask_row(&self, row: &Row, who: Option<Who>) -> Answer {
        self.ask(row.method, &row.target(), row.body, who).await
    }

    /// Everything of firm_1 that a call of somebody else's could change, but its audit log and what
    /// is counted in Clio's budget.
    async fn looks(&self) -> Value {
        let mut looks = json!({});
        for path in ["/status", "/settings", "/mappings", "/matters/m1", "/sync-log", "/held", "/contact-proposals"] {
            looks[path] = self.service.get(path, ADMIN).await.1;
        }
        looks["/status"]["budget"] = Value::Null;
        let state = self.bench.state();
        for kind in ["contacts", "matters", "documents", "webhooks"] {
            let list = state[kind].as_array().unwrap();
            looks[kind] = list.iter().filter(|one| is_firm_1s(one)).cloned().collect();
        }
        looks
    }

    /// Entries of firm_1's audit log after a position, oldest first.
    async fn audited_after(&self, seq: u64) -> Vec<Value> {
        let (_, page) = self.service.get("/audit?limit=500", ADMIN).await;
        let items = page["items"].as_array().unwrap().iter().rev();
        items.filter(|entry| entry["seq"].as_u64().unwrap() > seq).cloned().collect()
    }

    async fn last_audited(&self) -> u64 {
        self.audited_after(0).await.last().map_or(0, |entry| entry["seq"].as_u64().unwrap())
    }

    /// The events that wait for firm_1's host.
    async fn events(&self) -> Vec<String> {
        let events = self.service.get("/events", ADMIN).await.1;
        events.as_array().unwrap().iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect()
    }
}

/// Of a subscription its URL says whose it is; everything else in Clio is firm_1's here.
fn is_firm_1s(record: &Value) -> bool {
    record["url"].as_str().is_none_or(|url| url.contains("/ZmlybV8x."))
}

fn rows(may: May) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.may == may)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_refused_on_the_routes_of_admins_and_changes_nothing_there() {
    let scene = Scene::new().await;
    let (before, mut seq) = (scene.looks().await, scene.last_audited().await);
    for row in rows(May::Admin).chain(rows(May::Host)) {
        let (method, route) = (row.method, row.route);
        // With firm_1's own state of a consent, so that only the role is wrong.
        let answer = scene.ask_row(row, Some(MEMBER)).await;
        assert_eq!(answer.status, 403, "{method} {route}: {}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["error"]["code"], "not_allowed", "{method} {route}");
        let entries = scene.audited_after(seq).await;
        let denied = |entry: &&Value| (&entry["action"], &entry["actor"]) == (&json!("denied"), &json!("usr_3"));
        let expected = usize::from(row.may == May::Admin);
        assert_eq!(entries.iter().filter(denied).count(), expected, "{method} {route}: {entries:?}");
        assert_eq!(entries.len(), expected, "{method} {route}: {entries:?}");
        seq = scene.last_audited().await;
    }
    assert_eq!(scene.looks().await, before);
    assert!(scene.events().await.contains(&scene.event), "neither taken nor acknowledged");
    for row in rows(May::User) {
        let answer = scene.ask_row(row, Some(MEMBER)).await;
        assert_eq!(answer.status, row.answer, "{} {}: {}", row.method, row.route, answer.body);
    }
}

/// Not connected at first, then connected to the very same Clio account, so that nothing but the
/// firm tells the two apart.
#[tokio::test(flavor = "multi_thread")]
async fn another_firms_admin_sees_and_changes_nothing_through_any_route() {
    let scene = Scene::new().await;
    let (before, seq) = (scene.looks().await, scene.last_audited().await);
    let marks = scene.marks();
    for connected in [false, true] {
        if connected {
            assert!(scene.service.connect(STRANGER).await.0.is_redirection());
        }
        for row in TABLE {
            let (target, body) = (scene.fill(&row.target()).await, scene.fill(row.body).await);
            let answer = scene.ask(row.method, &target, &body, Some(STRANGER)).await;
            let about = format!("{} {target}: {} {}", row.method, answer.status, answer.body);
            let names = |what: &str| row.target().contains(what) || row.body.contains(what);
            let theirs =
                ["{run}", "{event}", "{callback}"].iter().any(|what| names(what)) || row.route.ends_with("/{proposal}");
            assert!(!theirs || answer.status >= 400, "a record of firm_1's is none of theirs: {about}");
            assert_no_client_data(answer.body.as_bytes(), &about);
            let asked = |mark: &&String| !target.contains(*mark) && !body.contains(*mark);
            let seen = marks.iter().filter(asked).find(|mark| answer.body.contains(*mark));
            assert_eq!(seen, None, "{about}");
        }
    }
    // A run of theirs that could not find firm_1's matter may still be going on.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(scene.looks().await, before);
    // What anybody may claim, and firm_1 is told of; and its admin's own consents and look at the
    // settings.
    let strange = |entry: &&Value| !["connect", "denied"].contains(&entry["action"].as_str().unwrap());
    let entries = scene.audited_after(seq).await;
    let told: BTreeSet<(&str, &str)> = entries
        .iter()
        .filter(strange)
        .map(|entry| (entry["action"].as_str().unwrap(), entry["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("disconnect", "noted"), ("webhook_refused", "refused")].into());
    assert!(entries.iter().all(|entry| entry["actor"] != "usr_9"), "{entries:?}");
    let events = scene.events().await;
    assert!(events.contains(&scene.event), "neither taken nor acknowledged");
    for id in events {
        scene.service.post("/events/ack", ADMIN, json!({ "id": id })).await;
    }
    // And firm_1's connection goes on to work, in both directions.
    let clio = scene.service.synced("m1").await;
    scene.bench.edit("matters", clio, &json!({ "status": "pending" }));
    assert_eq!(scene.service.events("matter_status", 2).await[1]["status"], "pending");
}

/// Everything that was answered, and every secret that there was.
#[derive(Default)]
struct Scan {
    secrets: BTreeSet<String>,
    answers: Vec<(String, Answer)>,
}

impl Scan {
    async fn ask(&mut self, scene: &Scene, row: &Row, who: Option<Who>) -> u16 {
        let about = format!("{} {} to {}", row.method, row.route, who.map_or("nobody", |who| who.1));
        let answer = scene.ask_row(row, who).await;
        self.take(scene, about, answer)
    }

    fn take(&mut self, scene: &Scene, about: String, answer: Answer) -> u16 {
        let model = scene.bench.sim.model();
        self.secrets.extend(model.secrets());
        self.secrets.extend(model.webhook_secrets());
        let status = answer.status;
        self.answers.push((about, answer));
        status
    }

    fn assert_clean(&self) {
        assert!(self.secrets.len() > 8, "tokens of several connections, their subscriptions, the app's secret");
        for (about, answer) in &self.answers {
            let told = format!("{}\n{}", answer.headers, answer.body);
            // Nor do we say which.
            assert!(!self.secrets.iter().any(|secret| told.contains(secret)), "a secret is in the answer of {about}");
            // An admin decides on a contact's values, so here they are shown, and only here.
            let proposals = about.starts_with("GET /contact-proposals to usr_1") && answer.status == 200;
            if !proposals {
                assert_no_client_data(told.as_bytes(), about);
            }
        }
        let shown = |(about, answer): &&(String, Answer)| {
            about.starts_with("GET /contact-proposals to usr_1") && answer.body.contains("Zyxwvut Anew")
        };
        assert!(self.answers.iter().any(|one| shown(&one)), "there was client data to be found");
    }
}

/// Bodies and headers of every route, asked rightly and wrongly, before, during and after a
/// connection. Two things that look like exceptions: the `state` in the Location of `GET /connect`
/// is no token (it is of use to the admin's own browser only, once); and a handshake's
/// `X-Hook-Secret` is echoed to whoever sent it, in that one header.
#[tokio::test(flavor = "multi_thread")]
async fn no_route_tells_a_token_a_secret_or_a_clients_data() {
    let scene = Scene::new().await;
    let mut scan = Scan::default();
    for row in TABLE.iter().filter(|row| row.may != May::Clio) {
        assert_eq!(scan.ask(&scene, row, None).await, 401, "{} {}", row.method, row.route);
    }
    for row in TABLE {
        for who in [MEMBER, STRANGER] {
            scan.ask(&scene, row, Some(who)).await;
        }
        if let Some((target, body, expected)) = row.wrong {
            let answer = scene.ask(row.method, target, body, Some(ADMIN)).await;
            let about = format!("{} {target}, asked wrongly: {}", row.method, answer.body);
            assert_eq!(scan.take(&scene, about.clone(), answer), expected, "{about}");
        }
    }
    // A handshake as Clio sends it, with the secret of the subscription.
    let secret = scene.bench.sim.model().webhook_secrets().remove(0);
    let target = format!("/webhooks/{}", scene.token);
    let mut shaken = scene.send("POST", &target, &[("x-hook-secret", &secret)], String::new()).await;
    assert_eq!((shaken.status, shaken.headers.matches(&secret).count()), (200, 1));
    shaken.headers = shaken.headers.replace(&format!("\"x-hook-secret\": \"{secret}\""), "");
    scan.take(&scene, "a handshake".into(), shaken);
    for row in TABLE {
        let answer = scan.ask(&scene, row, Some(ADMIN)).await;
        assert_eq!(answer, row.answer, "{} {}: {}", row.method, row.route, scan.answers.last().unwrap().1.body);
    }
    // Disconnected now.
    for row in TABLE.iter().filter(|row| row.route != "/oauth/callback") {
        scan.ask(&scene, row, Some(ADMIN)).await;
    }
    scan.assert_clean();
    scene.service.assert_logged_none_of(&scan.secrets.into_iter().collect::<Vec<_>>());
}
