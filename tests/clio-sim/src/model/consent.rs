//! The pages a person sees while connecting.

use super::{
    Config,
    http::{Query, Response, escape},
};

fn shell(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n<style>\
         body{{font:16px/1.5 system-ui,sans-serif;background:#f4f6f8;color:#1f2933;margin:0}}\
         main{{max-width:26rem;margin:12vh auto;background:#fff;padding:2rem;border-radius:8px;\
         box-shadow:0 1px 4px #0003}}button{{font:inherit;padding:.5rem 1.2rem;border-radius:6px;border:1px solid \
         #0070e0;background:#fff;color:#0070e0}}button.allow{{background:#0070e0;color:#fff}}form{{display:inline}}\
         </style></head>\n<body><main>{body}</main></body></html>\n",
        escape(title)
    )
}

fn page_of(status: u16, title: &str, body: &str) -> Response {
    let mut answer = Response::html(status, &shell(title, body));
    answer.set("X-Frame-Options", "DENY");
    answer.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    answer
}

/// The question: allow or deny.
pub(crate) fn page(config: &Config, query: &Query) -> Response {
    let hidden: String = query
        .0
        .iter()
        .filter(|(name, _)| name != "decision")
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value)))
        .collect();
    let form = |decision: &str, label: &str| {
        format!(
            "<form method=\"post\" action=\"/oauth/authorize\">{hidden}<button class=\"{decision}\" name=\"decision\" \
             value=\"{decision}\">{label}</button></form>"
        )
    };
    let body = format!(
        "<h1>Authorize {}</h1><p>Signed in as {} {} at <strong>{}</strong>.</p><p>This application will be able to \
         read and write what your role allows.</p><p>{} {}</p>",
        escape(&config.client_id),
        escape(&config.user_first_name),
        escape(&config.user_last_name),
        escape(&config.account_name),
        form("allow", "Allow access"),
        form("deny", "Deny"),
    );
    page_of(200, "Authorize application", &body)
}

/// Where a refusal ends without `redirect_on_decline`.
pub(crate) fn declined() -> Response {
    page_of(200, "Access denied", "<h1>Access denied</h1><p>The application was not authorized.</p>")
}

/// A request that cannot be sent back to the client safely.
pub(crate) fn problem(text: &str) -> Response {
    let body = format!("<h1>An error has occurred</h1><p>{}</p>", escape(text));
    page_of(400, "OAuth error", &body)
}

/// The landing page of applications without a server: the code is in the title.
pub(crate) fn approval(code: Option<&str>, error: Option<&str>) -> Response {
    let title = match (code, error) {
        (Some(code), _) => format!("Success code={code}"),
        (None, error) => format!("Denied error={}", error.unwrap_or("unknown")),
    };
    page_of(200, &title, "<h1>You may close this window</h1>")
}
