//! OAuth on the region's own host: consent, codes, tokens, and their end. Where Clio does not say
//! otherwise it is as Doorkeeper, the usual OAuth server of Rails applications, has it (5.5 to
//! 5.8).

use std::collections::BTreeMap;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::Rotation;

use super::{
    Model, consent,
    errors::{ApiError, ApiResult},
    http::{Query, Request, Response},
};

/// A code waiting to be exchanged.
#[derive(Debug, Clone)]
struct Code {
    redirect_uri: String,
    challenge: Option<String>,
    expires: i64,
    used: bool,
}

#[derive(Debug, Clone)]
struct Token {
    grant: u64,
    expires: i64,
    live: bool,
    /// Of an access token: the refresh token that ends when it is first used. Of a refresh token:
    /// the access token that it came with and ends with.
    ends: Option<String>,
}

/// What a client holds after consent.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
}

/// Codes, tokens and grants. A grant is one consent.
#[derive(Debug, Default)]
pub(crate) struct OAuth {
    codes: BTreeMap<String, Code>,
    access: BTreeMap<String, Token>,
    refresh: BTreeMap<String, Token>,
    grants: u64,
}

impl OAuth {
    /// Every token that was ever given out.
    pub fn tokens(&self) -> Vec<String> {
        self.access.keys().chain(self.refresh.keys()).cloned().collect()
    }
}

/// Every token error says in a header too what it is.
fn failure(status: u16, error: &str, description: &str) -> Response {
    let mut answer = Response::json(status, &json!({"error": error, "error_description": description}));
    let challenge = format!("Bearer realm=\"Clio\", error=\"{error}\", error_description=\"{description}\"");
    answer.set("WWW-Authenticate", challenge);
    answer
}

/// A refused token as Doorkeeper's resource servers answer it: a page without anything on it.
pub(crate) fn without_body(answer: &mut Response) {
    if answer.status == 401 && answer.header("www-authenticate").is_some() {
        answer.set("Content-Type", "text/html");
        answer.body.clear();
    }
}

/// The parameters of a token request: a form, or a JSON object.
fn parameters(request: &Request) -> Query {
    if !request.has_type("application/json") {
        return if request.has_type("application/x-www-form-urlencoded") {
            Query::parse(&request.body)
        } else {
            Query::default()
        };
    }
    let object: BTreeMap<String, Value> = serde_json::from_slice(&request.body).unwrap_or_default();
    Query(object.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect())
}

fn grant_failure() -> Response {
    failure(
        400,
        "invalid_grant",
        "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in \
         the authorization request, or was issued to another client.",
    )
}

impl Model {
    pub(crate) fn handle_oauth(&mut self, now: i64, request: &Request) -> Response {
        let mut answer = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/oauth/authorize") => {
                let query = Query::parse(request.query.as_bytes());
                self.authorize(now, &query, None)
            }
            ("POST", "/oauth/authorize") => {
                let form = Query::parse(&request.body);
                self.authorize(now, &form, form.get("decision"))
            }
            ("GET", "/oauth/approval") => {
                let query = Query::parse(request.query.as_bytes());
                consent::approval(query.get("code"), query.get("error"))
            }
            ("POST", "/oauth/token") => self.token(now, request).unwrap_or_else(|failure| failure),
            ("POST", "/oauth/deauthorize") => self.deauthorize(now, request),
            _ => Response::html(404, "<html><head><title>Not found</title></head><body>Not found</body></html>"),
        };
        answer.set("Cache-Control", "no-store");
        answer
    }

    fn registered(&self, uri: &str) -> bool {
        if !self.config.redirect_uris.is_empty() {
            return self.config.redirect_uris.iter().any(|known| known == uri);
        }
        if uri.strip_suffix("/oauth/approval") == Some(self.api_origin.as_str()) {
            return true;
        }
        let Ok(url) = Url::parse(uri) else {
            return false;
        };
        url.scheme() == "http"
            && url.fragment().is_none()
            && url.username().is_empty()
            && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
    }

    fn authorize(&mut self, now: i64, query: &Query, decision: Option<&str>) -> Response {
        if query.get("client_id") != Some(self.config.client_id.as_str()) {
            return consent::problem("Client authentication failed due to unknown client.");
        }
        let uri = match query.get("redirect_uri") {
            Some(uri) if self.registered(uri) => uri.to_owned(),
            _ => return consent::problem("The redirect uri included is not valid."),
        };
        let state = query.get("state").map(str::to_owned);
        let back = |pairs: &[(&str, &str)]| redirect(&uri, pairs, state.as_deref());
        if query.get("response_type") != Some("code") {
            return back(&[("error", "unsupported_response_type")]);
        }
        let challenge = query.get("code_challenge").map(str::to_owned);
        if challenge.is_some() && query.get("code_challenge_method") != Some("S256") {
            return back(&[("error", "invalid_request"), ("error_description", "The code challenge must use S256.")]);
        }
        let auto = match (self.config.auto_consent, self.config.auto_decline) {
            (_, true) => Some("deny"),
            (true, _) => Some("allow"),
            _ => None,
        };
        match decision.or(auto) {
            None => consent::page(&self.config, query),
            Some("allow") => {
                let code = self.mint("code", 40);
                let expires = now.saturating_add(self.config.code_lifetime_s.saturating_mul(1000));
                self.oauth
                    .codes
                    .insert(code.clone(), Code { redirect_uri: uri.clone(), challenge, expires, used: false });
                back(&[("code", &code)])
            }
            Some(_) if query.get("redirect_on_decline") == Some("true") => back(&[
                ("error", "access_denied"),
                ("error_description", "The resource owner or authorization server denied the request."),
            ]),
            Some(_) => consent::declined(),
        }
    }

    fn token(&mut self, now: i64, request: &Request) -> Result<Response, Response> {
        let form = parameters(request);
        let missing = |name: &str| failure(400, "invalid_request", &format!("Missing required parameter: {name}."));
        match form.get("grant_type") {
            Some("authorization_code") => {
                self.check_client(request, &form)?;
                let code = form.get("code").ok_or_else(|| missing("code"))?;
                let uri = form.get("redirect_uri").ok_or_else(|| missing("redirect_uri"))?;
                let found = self.oauth.codes.get_mut(code).ok_or_else(grant_failure)?;
                let proven = found.challenge.as_deref().is_none_or(|challenge| {
                    form.get("code_verifier")
                        .is_some_and(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge)
                });
                if found.used || now >= found.expires || found.redirect_uri != uri || !proven {
                    return Err(grant_failure());
                }
                found.used = true;
                let tokens = self.grant(now);
                Ok(self.token_answer(now, &tokens.access_token, Some(&tokens.refresh_token)))
            }
            Some("refresh_token") => {
                let old = form.get("refresh_token").ok_or_else(|| missing("refresh_token"))?;
                let found = self.oauth.refresh.get(old).filter(|token| token.live).ok_or_else(grant_failure)?;
                let grant = found.grant;
                // Only now: a client that is wrong as well hears of the token alone.
                self.check_client(request, &form)?;
                if self.config.rotation == Rotation::Never {
                    let access = self.mint_access(now, grant, None);
                    return Ok(self.token_answer(now, &access, None));
                }
                let kept = (self.config.rotation == Rotation::OnUse).then(|| old.to_owned());
                if kept.is_none() {
                    self.oauth.revoke(old);
                }
                let access = self.mint_access(now, grant, kept);
                let fresh = self.mint_refresh(grant, &access);
                Ok(self.token_answer(now, &access, Some(&fresh)))
            }
            Some(_) => Err(failure(
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            )),
            None => Err(missing("grant_type")),
        }
    }

    fn check_client(&self, request: &Request, form: &Query) -> Result<(), Response> {
        let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic ")).and_then(|text| {
            let text = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
            // RFC 6749 has both halves form-encoded.
            let decode =
                |half: &str| Query::parse(format!("v={half}").as_bytes()).get("v").unwrap_or_default().to_owned();
            text.split_once(':').map(|(id, secret)| (decode(id), decode(secret)))
        });
        let body = || Some((form.get("client_id")?.to_owned(), form.get("client_secret")?.to_owned()));
        let known = basic
            .or_else(body)
            .is_some_and(|(id, secret)| id == self.config.client_id && secret == self.config.client_secret);
        if known {
            return Ok(());
        }
        Err(failure(
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or unsupported \
             authentication method.",
        ))
    }

    fn token_answer(&self, now: i64, access: &str, refresh: Option<&str>) -> Response {
        let mut body = json!({
            "token_type": "bearer",
            "access_token": access,
            "expires_in": self.config.access_token_lifetime_s,
            "scope": "all",
            "created_at": now / 1000,
        });
        if let Some(refresh) = refresh {
            body["refresh_token"] = json!(refresh);
        }
        Response::json(200, &body)
    }

    fn deauthorize(&mut self, now: i64, request: &Request) -> Response {
        let grant = match self.authenticate(now, request) {
            Ok(grant) => grant,
            Err(refusal) => return refusal.answer(),
        };
        let form = Query::parse(&request.body);
        if form.get("token") != request.bearer() {
            return failure(400, "invalid_request", "Missing or different parameter: token.");
        }
        let refresh = self.config.deauthorize_kills_refresh;
        self.oauth.end(Some(grant), true, refresh);
        Response::json(200, &json!({}))
    }

    /// A new grant with its first tokens, as if a person had just consented.
    pub fn grant(&mut self, now: i64) -> Tokens {
        self.oauth.grants += 1;
        let grant = self.oauth.grants;
        let access_token = self.mint_access(now, grant, None);
        let refresh_token = self.mint_refresh(grant, &access_token);
        Tokens { access_token, refresh_token }
    }

    /// Ends every grant, as when the person removes the application inside Clio.
    pub fn revoke_all(&mut self, access: bool, refresh: bool) {
        self.oauth.end(None, access, refresh);
    }

    fn mint_access(&mut self, now: i64, grant: u64, ends: Option<String>) -> String {
        let secret = self.mint("access", 48);
        let token = format!("{}-{secret}", self.config.region);
        let expires = now.saturating_add(self.config.access_token_lifetime_s.saturating_mul(1000));
        self.oauth.access.insert(token.clone(), Token { grant, expires, live: true, ends });
        token
    }

    fn mint_refresh(&mut self, grant: u64, access: &str) -> String {
        let secret = self.mint("refresh", 48);
        let token = format!("{}-{secret}", self.config.region);
        let ends = Some(access.to_owned());
        self.oauth.refresh.insert(token.clone(), Token { grant, expires: i64::MAX, live: true, ends });
        token
    }

    /// The grant behind the request's bearer token.
    pub(crate) fn authenticate(&mut self, now: i64, request: &Request) -> ApiResult<u64> {
        let token = request.bearer().and_then(|token| self.oauth.access.get_mut(token));
        match token {
            Some(token) if token.live && now < token.expires => {
                let (grant, replaced) = (token.grant, token.ends.take());
                replaced.iter().for_each(|replaced| self.oauth.revoke(replaced));
                Ok(grant)
            }
            Some(token) if token.live => Err(ApiError::bad_token("The access token expired")),
            Some(_) => Err(ApiError::bad_token("The access token was revoked")),
            None => Err(ApiError::bad_token("The access token is invalid")),
        }
    }

    /// Whether any token still works of the grant that this access token came from.
    pub fn grant_works(&self, now: i64, access_token: &str) -> bool {
        let Some(grant) = self.oauth.access.get(access_token).map(|token| token.grant) else { return false };
        let mut tokens = self.oauth.access.values().chain(self.oauth.refresh.values());
        tokens.any(|token| token.grant == grant && token.live && now < token.expires)
    }

    pub(crate) fn oauth_report(&self, now: i64) -> Value {
        let live = |tokens: &BTreeMap<String, Token>| {
            tokens.values().filter(|token| token.live && now < token.expires).count()
        };
        json!({
            "grants": self.oauth.grants,
            "codes": self.oauth.codes.len(),
            "access_tokens": self.oauth.access.len(),
            "live_access_tokens": live(&self.oauth.access),
            "refresh_tokens": self.oauth.refresh.len(),
            "live_refresh_tokens": live(&self.oauth.refresh),
        })
    }
}

impl OAuth {
    /// A refresh token ends, and the access token that it came with.
    fn revoke(&mut self, refresh: &str) {
        let Some(token) = self.refresh.get_mut(refresh) else { return };
        token.live = false;
        if let Some(access) = token.ends.as_ref().and_then(|access| self.access.get_mut(access)) {
            access.live = false;
        }
    }

    fn end(&mut self, grant: Option<u64>, access: bool, refresh: bool) {
        let mine = |token: &&mut Token| grant.is_none_or(|grant| token.grant == grant);
        if access {
            self.access.values_mut().filter(mine).for_each(|token| token.live = false);
        }
        if refresh {
            self.refresh.values_mut().filter(mine).for_each(|token| token.live = false);
        }
    }
}

fn redirect(uri: &str, pairs: &[(&str, &str)], state: Option<&str>) -> Response {
    let Ok(mut url) = Url::parse(uri) else {
        return consent::problem("The redirect uri included is not valid.");
    };
    for (name, value) in pairs.iter().copied().chain(state.map(|state| ("state", state))) {
        url.query_pairs_mut().append_pair(name, value);
    }
    let mut answer = Response::empty(302);
    answer.set("Location", url.as_str());
    answer
}
