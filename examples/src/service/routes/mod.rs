//! The routes. Each is a call of the SDK and its answer as JSON.

mod connection;
mod contacts;
mod host;
mod logs;
mod matters;
mod settings;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware;
use axum::routing::{get, post, put};
use casehug_clio::{Code, FirmId, MatterId, Sdk};
use casehug_clio_intake_folder::FolderIntake;
use url::Url;

use crate::answer::{keep_by_nobody, say_in_json};
use crate::callback::by_a_person;
use crate::web;
use crate::web::origin::from_our_pages;
use crate::web::sign_in::as_chosen;
use crate::web::stream::Streams;

/// Nothing that is sent here is larger.
const MOST_BODY: usize = 1024 * 1024;

/// What every route may use.
#[derive(Clone)]
pub(crate) struct Service {
    pub sdk: Arc<Sdk>,
    /// A folder for each firm.
    pub intakes: FolderIntake,
    /// Where Clio sends browsers back to.
    pub callback: Arc<str>,
    /// Scheme, host and port of the public URL: the `Origin` of our own pages.
    pub origin: Arc<str>,
    /// Whether users are chosen on a page.
    pub demo_sign_in: bool,
    /// Who is told of changes.
    pub streams: Streams,
}

pub(crate) type Shared = State<Service>;

impl Service {
    pub(crate) fn new(
        sdk: Arc<Sdk>,
        intakes: FolderIntake,
        public: &Url,
        demo_sign_in: bool,
        streams: Streams,
    ) -> Self {
        let callback = below(public, "oauth/callback").into();
        Self { sdk, intakes, callback, origin: public.origin().ascii_serialization().into(), demo_sign_in, streams }
    }

    /// The matters of the firm's folder, by id. A folder in it whose name is no id is left out.
    pub(crate) async fn matters(&self, firm: &FirmId) -> casehug_clio::Result<Vec<MatterId>> {
        let (intakes, firm) = (self.intakes.clone(), firm.clone());
        let list = move || Ok(intakes.matters(&firm)?.into_iter().filter_map(Result::ok).collect());
        tokio::task::spawn_blocking(list).await.map_err(|_| Code::IntakeUnreadable)?
    }
}

/// A path below the public URL, which may have a path of its own.
pub(crate) fn below(public: &Url, path: &str) -> String {
    format!("{}/{path}", public.as_str().trim_end_matches('/'))
}

pub(crate) fn all(service: Service) -> Router {
    let mut routes = Router::new()
        .route("/connect", get(connection::connect))
        .route("/oauth/callback", get(connection::callback_from_clio).layer(middleware::from_fn(by_a_person)))
        .route("/disconnect", post(connection::disconnect))
        .route("/deauthorized/{firm}", post(connection::deauthorized))
        .route("/status", get(connection::status))
        .route("/settings", get(settings::settings).put(settings::save_settings).patch(settings::change_settings))
        .route("/settings/export", get(settings::export_settings).put(settings::import_settings))
        .route("/mappings", get(settings::mappings))
        .route("/mappings/{case_type}", put(settings::map_case_type))
        .route("/matters/{matter}", get(matters::matter))
        .route("/matters/{matter}/sync", post(matters::sync))
        .route("/matters/{matter}/approved", post(matters::approved))
        .route("/sync-log", get(logs::sync_log))
        .route("/sync-log/{run}/retry", post(logs::retry))
        .route("/audit", get(logs::audit))
        .route("/held", get(matters::held).post(matters::run_held))
        .route("/contact-proposals", get(contacts::contact_proposals))
        .route("/contact-proposals/{proposal}", post(contacts::decide_contact))
        .route("/contact-proposals/{proposal}/applied", post(host::contact_applied))
        .route("/matters/{matter}/contact-changed", post(contacts::contact_changed))
        .route("/matters/{matter}/status-changed", post(host::status_changed))
        .route("/events", get(host::events))
        .route("/events/ack", post(host::ack))
        .merge(web::routes(service.demo_sign_in))
        .layer(middleware::map_response(say_in_json))
        .layer(middleware::from_fn_with_state(service.clone(), from_our_pages))
        .layer(middleware::map_response(keep_by_nobody))
        // Its replies are the SDK's own, and have no body.
        .route("/webhooks/{token}", post(connection::webhook))
        .layer(DefaultBodyLimit::max(MOST_BODY));
    if service.demo_sign_in {
        routes = routes.layer(middleware::from_fn_with_state(service.clone(), as_chosen));
    }
    routes.with_state(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_the_public_url_keeps_its_path() {
        for (public, webhooks) in [
            ("https://host.example", "https://host.example/webhooks"),
            ("https://host.example/clio", "https://host.example/clio/webhooks"),
            ("https://host.example/clio/", "https://host.example/clio/webhooks"),
        ] {
            assert_eq!(below(&public.parse().unwrap(), "webhooks"), webhooks);
        }
    }
}
