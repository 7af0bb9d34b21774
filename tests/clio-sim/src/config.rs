//! What the simulated firm and its Clio are like. Every field has a default, so a configuration
//! names only what differs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an application or a role may do with a kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing at all.
    None,
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// What a refresh does to the refresh token that it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Nothing, and it answers no new one (real Clio Manage).
    Never,
    /// A new one is answered; the old one is usable until the new access token is first used
    /// (Doorkeeper 5.5).
    OnUse,
    /// A new one is answered, and the old one is revoked at once.
    AtOnce,
}

/// Whether and where the practice areas answer 307.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AreasRedirect {
    /// They answer themselves.
    None,
    /// To another path of the same origin.
    SameOrigin,
    /// To another origin, which a careful client refuses.
    OtherOrigin,
}

/// What finishing an upload answers while Clio still processes the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Processing {
    /// 422 `UploadTimeoutError`: repeat the PATCH later.
    Error,
    /// 200 with `fully_uploaded` false; it becomes true by itself.
    Pending,
}

/// The whole configuration of one simulated Clio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Region: `us`, `eu`, `ca` or `au`. Tokens carry it, so one of another region is refused.
    pub region: String,
    /// What tokens, uuids and signatures are derived from. Empty: the server picks one per
    /// instance.
    pub seed: String,
    /// The developer application's id.
    pub client_id: String,
    /// The developer application's secret.
    pub client_secret: String,
    /// Registered redirect URIs. Empty: any `http` URI on a loopback host.
    pub redirect_uris: Vec<String>,
    /// Answer the authorize page at once as if the person had clicked Allow.
    pub auto_consent: bool,
    /// Answer the authorize page at once as if the person had clicked Deny.
    pub auto_decline: bool,
    /// Life of an access token, in seconds.
    pub access_token_lifetime_s: i64,
    /// Life of an authorization code, in seconds.
    pub code_lifetime_s: i64,
    /// What a refresh does to the refresh token that it used.
    pub rotation: Rotation,
    /// A dead access token is refused as Doorkeeper does: an empty page, and the reason in
    /// `WWW-Authenticate` only.
    pub empty_401: bool,
    /// Whether deauthorizing kills the refresh token too.
    pub deauthorize_kills_refresh: bool,
    /// The firm's id.
    pub account_id: i64,
    /// The firm's name.
    pub account_name: String,
    /// The connecting person's id.
    pub user_id: i64,
    /// The connecting person's first name.
    pub user_first_name: String,
    /// The connecting person's last name.
    pub user_last_name: String,
    /// The connecting person's address.
    pub user_email: String,
    /// The version used when a request names none.
    pub default_api_version: String,
    /// Offset of timestamps in answers, in minutes.
    pub utc_offset_minutes: i32,
    /// Requests per token and window.
    pub rate_limit: u32,
    /// The rate window, in seconds.
    pub rate_window_s: i64,
    /// How long a new record stays invisible to `query=`, in milliseconds.
    pub search_delay_ms: i64,
    /// How long a new record stays invisible to lists without `query=`, in milliseconds.
    pub filter_delay_ms: i64,
    /// The person sees only contacts they created or of their own matters.
    pub contacts_restricted: bool,
    /// The firm numbers its matters by hand: `display_number` is honoured.
    pub manual_numbering: bool,
    /// The 307 of practice areas.
    pub practice_areas_307: AreasRedirect,
    /// Where [`AreasRedirect::OtherOrigin`] leads.
    pub other_origin: String,
    /// Whether the ten default practice areas exist from the start.
    pub default_practice_areas: bool,
    /// Life of a `put_url`, in seconds.
    pub put_url_lifetime_s: i64,
    /// An upload that breaks off stands as an object of what arrived, as in some S3-like stores
    /// (Amazon's own: no). A part of an upload is no object.
    pub truncated_objects: bool,
    /// How long Clio processes uploaded bytes, in milliseconds.
    pub processing_delay_ms: i64,
    /// What finishing answers meanwhile.
    pub processing_answer: Processing,
    /// Finishing an upload of 0 bytes answers 422.
    pub refuse_empty_files: bool,
    /// The smallest size of a part that is not the last.
    pub min_part_size: u64,
    /// The application lacks the Users permission: `who_am_i` answers 403.
    pub no_users_permission: bool,
    /// The firm's plan has no API: every call answers 403.
    pub plan_without_api: bool,
    /// The application's permissions by resource (`contacts`, `matters`, `documents`, `users`,
    /// `webhooks`, `custom_fields`). Absent: write.
    pub permissions: BTreeMap<String, Level>,
    /// What the person's role allows, by resource. Absent: write.
    pub role: BTreeMap<String, Level>,
    /// The firewall that refuses requests without a User-Agent or with a URL in it.
    pub firewall: bool,
    /// Stay inside the OpenAPI document: leave out fields without a value, answer phone labels from
    /// the response's own list. Off: `null` and the label as sent, as integrators report it.
    pub strict_contract: bool,
    /// Webhooks may point to plain `http` (for receivers on loopback).
    pub http_webhooks: bool,
    /// How long after a subscription its handshake is sent, in milliseconds.
    pub hook_handshake_delay_ms: i64,
    /// How long after a change its delivery is sent, in milliseconds. Changed between two changes,
    /// it reorders them.
    pub hook_delay_ms: i64,
    /// How many more times each delivery is sent.
    pub hook_duplicates: u32,
    /// Largest request body of the API, in bytes.
    pub body_limit: usize,
    /// Added to the wall clock by the server, in milliseconds.
    pub clock_offset_ms: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            region: "us".into(),
            seed: String::new(),
            client_id: "casehug-dev".into(),
            client_secret: "casehug-dev-secret".into(),
            redirect_uris: Vec::new(),
            auto_consent: false,
            auto_decline: false,
            access_token_lifetime_s: 2_592_000,
            code_lifetime_s: 600,
            rotation: Rotation::Never,
            empty_401: false,
            deauthorize_kills_refresh: true,
            account_id: 1_100_204_518,
            account_name: "Harbor & Pine LLP".into(),
            user_id: 358_120_077,
            user_first_name: "Dana".into(),
            user_last_name: "Whitfield".into(),
            user_email: "dana.whitfield@harborpine.example".into(),
            default_api_version: "4.0.13".into(),
            utc_offset_minutes: -240,
            rate_limit: 50,
            rate_window_s: 60,
            search_delay_ms: 0,
            filter_delay_ms: 0,
            contacts_restricted: false,
            manual_numbering: false,
            practice_areas_307: AreasRedirect::None,
            other_origin: "http://127.0.0.1:9".into(),
            default_practice_areas: true,
            put_url_lifetime_s: 600,
            truncated_objects: false,
            processing_delay_ms: 0,
            processing_answer: Processing::Error,
            refuse_empty_files: false,
            min_part_size: 5 * 1024 * 1024,
            no_users_permission: false,
            plan_without_api: false,
            permissions: BTreeMap::new(),
            role: BTreeMap::new(),
            firewall: true,
            strict_contract: true,
            http_webhooks: false,
            hook_handshake_delay_ms: 0,
            hook_delay_ms: 0,
            hook_duplicates: 0,
            body_limit: 1024 * 1024,
            clock_offset_ms: 0,
        }
    }
}
