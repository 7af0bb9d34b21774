//! A page that shows what the simulator holds: `GET /__sim/`. It asks for the state every second.
//! Clio's own application, `GET /nc/`, is not simulated: links to it lead to the page.

use super::http::{Request, Response};

const FILES: &[(&str, &str, &str)] = &[
    ("", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("page.css", "text/css; charset=utf-8", include_str!("../page/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("../page/page.js")),
];

/// The page or a part of it, if that is asked for.
pub(crate) fn page(request: &Request) -> Option<Response> {
    if request.path == "/nc/" && request.method == "GET" {
        let mut answer = Response::empty(302);
        // What follows a `#` in a link, a browser keeps.
        answer.set("Location", "/__sim/");
        return Some(answer);
    }
    let name = request.path.strip_prefix("/__sim/").filter(|_| request.method == "GET")?;
    let (_, kind, text) = FILES.iter().find(|(known, _, _)| *known == name)?;
    let mut answer = Response::of(200, kind, *text);
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                  form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
    answer.set("Content-Security-Policy", policy);
    answer.set("X-Content-Type-Options", "nosniff");
    answer.set("Referrer-Policy", "no-referrer");
    answer.set("Cache-Control", "no-cache");
    Some(answer)
}
