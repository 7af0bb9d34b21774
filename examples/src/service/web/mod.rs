//! What a browser asks for: the settings page with the integration card, the list of matters, the
//! card's scripts, and every operation of the SDK under `/api`.
//!
//! A page holds no script of its own and may load none from elsewhere; what a page may do is
//! written in [`pages::POLICY`]. What changes something must come from one of our own pages
//! ([`origin`]).

mod api;
mod assets;
mod digest;
pub(crate) mod origin;
pub(crate) mod pages;
pub(crate) mod sign_in;
pub(crate) mod stream;

use axum::Router;
use axum::routing::{get, post};

use crate::routes::Service;

pub(crate) fn routes(demo_sign_in: bool) -> Router<Service> {
    let routes = Router::new()
        .route("/", get(pages::settings_at_the_root))
        .route("/settings/integrations", get(pages::settings))
        .route("/matters", get(pages::matters))
        .route("/assets/{file}", get(assets::asset))
        .route("/openapi.json", get(api::description))
        .route("/api/me", get(api::me))
        .route("/api/matters", get(api::matters))
        .route("/api/stream", get(stream::stream))
        .route("/api/{operation}", post(api::call));
    match demo_sign_in {
        true => routes.route("/sign-in", get(sign_in::page).post(sign_in::choose)),
        false => routes,
    }
}
