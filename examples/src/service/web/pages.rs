//! The pages: shells that load the card, and the firm's matters with their button.
//!
//! What CaseHug's users typed, a client's name say, is written through [`Text`] and never as HTML.

use core::fmt::{self, Write as _};

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use casehug_clio::ports::IntakeSource as _;
use casehug_clio::{Actor, MatterId};

use crate::answer::{Answer, Who};
use crate::routes::{Service, Shared};
use crate::web::api::named;

/// Scripts, styles and calls of our own only, nothing inline, and no frame around a page.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A text in HTML, between tags or in a quoted attribute.
pub(crate) struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Who is signed in to look at a page. Whoever is not is sent to where that can be done, if it is
/// here.
pub(crate) struct Visitor(Actor);

impl FromRequestParts<Service> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        match Who::from_request_parts(parts, service).await {
            Ok(Who(actor)) => Ok(Self(actor)),
            Err(_) if service.demo_sign_in => {
                let up = "../".repeat(parts.uri.path().matches('/').count().saturating_sub(1));
                Err(Redirect::to(&format!("{up}sign-in")).into_response())
            }
            Err(refused) => Err(refused),
        }
    }
}

pub(crate) async fn settings(State(service): Shared, Visitor(actor): Visitor) -> Response {
    settings_page(&service, &actor, "../")
}

pub(crate) async fn settings_at_the_root(State(service): Shared, Visitor(actor): Visitor) -> Response {
    settings_page(&service, &actor, "")
}

fn settings_page(service: &Service, actor: &Actor, root: &str) -> Response {
    let card = format!(
        "<h1>Settings → Integrations</h1>\n<casehug-clio-card api=\"{root}api/\" \
         callback=\"{}\" matters=\"{root}api/matters\"></casehug-clio-card>",
        Text(&service.callback)
    );
    Page { title: "Integrations", root, actor: Some(actor), demo: service.demo_sign_in, script: None }.with(&card)
}

/// The firm's intakes, and for each whether it is in Clio.
pub(crate) async fn matters(State(service): Shared, Visitor(actor): Visitor) -> Answer<Response> {
    let mut rows = String::new();
    for matter in service.matters(&actor.firm).await? {
        rows += &row(&service, &actor, &matter).await;
    }
    let table = format!(
        "<h1>Matters</h1>\n<div class=\"scrolls\" role=\"region\" aria-label=\"Matters\" tabindex=\"0\"><table>\n\
         <thead><tr><th scope=\"col\">Matter</th><th scope=\"col\">Client</th><th scope=\"col\">Case type</th>\
         <th scope=\"col\">Clio</th><th scope=\"col\">Intake</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>"
    );
    let script = Some("matters.js");
    Ok(Page { title: "Matters", root: "", actor: Some(&actor), demo: service.demo_sign_in, script }.with(&table))
}

async fn row(service: &Service, actor: &Actor, matter: &MatterId) -> String {
    let id = Text(matter.as_str());
    let [title, client, case_type] = match service.intakes.load(&actor.firm, matter).await {
        Ok(intake) => {
            let (first, last) = (intake.client.first_name.expose(), intake.client.last_name.expose());
            let case_type = intake.matter.case_type.as_ref().map_or("", |case_type| case_type.expose());
            [intake.matter.title.expose().to_owned(), format!("{first} {last}"), case_type.to_owned()]
        }
        // The other matters are shown all the same.
        Err(error) => [error.code().message().to_owned(), String::new(), String::new()],
    };
    let (title, client, case_type) = (Text(&title), Text(&client), Text(&case_type));
    format!(
        "<tr><th scope=\"row\">{title}<br><small>{id}</small></th><td>{client}</td><td>{case_type}</td>\
         <td><casehug-clio-sync api=\"api/\" matter=\"{id}\"></casehug-clio-sync></td>\
         <td><button type=\"button\" data-approve=\"{id}\" aria-label=\"Approve {title}\">Approve</button> <output></output></td></tr>\n"
    )
}

/// What is around each page.
pub(crate) struct Page<'a> {
    pub title: &'a str,
    /// What leads from the page to the service's root: links are relative, since the public URL may
    /// have a path.
    pub root: &'a str,
    pub actor: Option<&'a Actor>,
    pub demo: bool,
    /// A script beside the card's.
    pub script: Option<&'a str>,
}

impl Page<'_> {
    pub(crate) fn with(&self, main: &str) -> Response {
        let (title, root) = (self.title, self.root);
        let mut scripts = String::new();
        for file in self.actor.map(|_| "card.js").into_iter().chain(self.script) {
            scripts += &format!("<script type=\"module\" src=\"{root}assets/{file}\"></script>\n");
        }
        // Without an icon of its own a page makes browsers ask for one.
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · CaseHug</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"{root}assets/page.css\">\n\
             {scripts}</head>\n<body>\n\
             {}<main>\n{main}\n</main>\n</body>\n</html>\n",
            self.header()
        );
        secured(html)
    }

    fn header(&self) -> String {
        let Some(actor) = self.actor else { return String::new() };
        let link = |path: &str, name: &str| {
            let current = if name == self.title { " aria-current=\"page\"" } else { "" };
            format!("<a href=\"{}{path}\"{current}>{name}</a>", self.root)
        };
        let change = if self.demo { format!(" {}", link("sign-in", "Change")) } else { String::new() };
        format!(
            "<header>\n<nav aria-label=\"CaseHug\">{} {}</nav>\n<div>{} ({}){change}</div>\n</header>\n",
            link("matters", "Matters"),
            link("settings/integrations", "Integrations"),
            Text(actor.id.as_str()),
            named(actor.role)
        )
    }
}

fn secured(html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` browsers would name `null` as the origin of our own forms.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (StatusCode::OK, headers, html).into_response()
}

/// Whether it is a browser that goes to a page, and no program that asks.
pub(crate) fn wants_a_page(headers: &HeaderMap) -> bool {
    let mut accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.any(|value| value.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_no_tag_and_no_attribute() {
        let hostile = r#"<img src=x onerror='alert("1")'> & more"#;
        let expected = "&lt;img src=x onerror=&#39;alert(&quot;1&quot;)&#39;&gt; &amp; more";
        assert_eq!(Text(hostile).to_string(), expected);
    }
}
