//! `--demo-sign-in`: plays the part of what authenticates users in front of the service. Anybody
//! may be anybody here, so it is refused unless the service listens on loopback.

use axum::Form;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::answer::{Answer, is_ours, refused};
use crate::routes::Shared;
use crate::web::pages::Page;

const COOKIE: &str = "casehug_demo";

/// The demo's firm; the folder of its intakes has this name.
const FIRM: &str = "firm_demo";

/// Their names on the page and in the cookie, their ids and roles.
const PEOPLE: &[(&str, &str, &str)] = &[("Ada", "usr_ada", "admin"), ("Max", "usr_max", "member")];

/// Says who asks in the headers of the authenticating proxy, as the cookie has it. What reaches the
/// service under another name than its own is sent to its own: that is where the cookie is kept,
/// and where Clio sends browsers back to.
pub(crate) async fn as_chosen(State(service): Shared, mut request: Request, next: Next) -> Response {
    let ours = service.origin.split("://").nth(1).unwrap_or_default();
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if named != ours && request.method().is_safe() {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Redirect::temporary(&format!("{}{path}", service.origin)).into_response();
    }
    let person = chosen(request.headers());
    let headers = request.headers_mut();
    // Here nobody else says who asks.
    let said: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in said {
        headers.remove(name);
    }
    if let Some((_, user, role)) = person {
        headers.insert("x-casehug-firm", HeaderValue::from_static(FIRM));
        headers.insert("x-casehug-user", HeaderValue::from_static(user));
        headers.insert("x-casehug-role", HeaderValue::from_static(role));
    }
    next.run(request).await
}

fn chosen(headers: &HeaderMap) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, name) = pairs.find(|(name, _)| *name == COOKIE)?;
    PEOPLE.iter().find(|(person, _, _)| person.eq_ignore_ascii_case(name))
}

pub(crate) async fn page() -> Response {
    let buttons: String = PEOPLE
        .iter()
        .map(|(name, _, role)| {
            format!("<button type=\"submit\" name=\"as\" value=\"{}\">{name}, {role}</button>\n", name.to_lowercase())
        })
        .collect();
    let form = format!(
        "<h1>Who are you?</h1>\n<p>This is a demo: nobody asks for a password.</p>\n\
         <form method=\"post\" action=\"sign-in\" class=\"people\">\n{buttons}</form>"
    );
    Page { title: "Sign in", root: "", actor: None, demo: true, script: None }.with(&form)
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    r#as: String,
}

/// `SameSite=Lax`, so that the way back from Clio's page carries it.
pub(crate) async fn choose(Form(Choice { r#as: name }): Form<Choice>) -> Answer<Response> {
    let known = PEOPLE.iter().any(|(person, _, _)| person.eq_ignore_ascii_case(&name));
    if !known {
        return Err(refused("as", "value_not_allowed").into());
    }
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", name.to_lowercase());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("settings/integrations")).into_response())
}
