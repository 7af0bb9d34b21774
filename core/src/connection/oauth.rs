//! Clio's OAuth endpoints, spoken by the `oauth2` crate over our own transport.
//!
//! Two grants only: `authorization_code` and `refresh_token`, with client id and secret in the form
//! body, as Clio documents them. No `scope`: Clio Manage takes permissions from the developer
//! application.
//!
//! **PKCE** is sent (S256), and nothing depends on it: Clio Manage does not mention it, integrators
//! send it without harm. Should Clio check it, a code stolen from another firm's redirect cannot be
//! redeemed through ours; the state alone does not stop that.
//!
//! **Secrets.** The `oauth2` crate holds plain strings, and its errors keep raw bodies with tokens.
//! So its values live inside this file only: answers become secrecy types, errors become a [`Code`]
//! and a fixed word ([`map`]), and neither is kept as a source.

use core::fmt;
use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, TokenResponse,
    TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::clio::{AccessToken, Bearer, ClioHost};
use crate::domain::{Monotonic, Timestamp};
use crate::error::{Code, Detail, Error, Result};
use crate::maybe_send::BoxFuture;
use crate::ports::{Headers, HttpBody, HttpConnection, HttpRequest, HttpResponse, HttpTransport, Method, Runtime};

/// What is asked, as it stands in logs.
const TOKEN: &str = "POST /oauth/token";
const DEAUTHORIZE: &str = "POST /oauth/deauthorize";

const TIMEOUT: Duration = Duration::from_secs(30);
/// A token answer is below 1 KiB.
const MAX_ANSWER: u64 = 64 * 1024;

/// How long before its end a token is refreshed (CaseHug documents 5 minutes); a token of less than
/// ten minutes at half its life.
const LEAD: Duration = Duration::from_secs(300);

/// The developer application in one of Clio's regions. Each region has its own, with its own id and
/// secret.
#[derive(Clone)]
pub struct ClioApp {
    client_id: String,
    client_secret: SecretString,
}

impl ClioApp {
    /// An application. Id and secret are in Clio's developer portal.
    ///
    /// # Errors
    /// [`Code::SettingInvalid`] when the id or the secret is blank.
    pub fn new(client_id: impl Into<String>, client_secret: SecretString) -> Result<Self> {
        let client_id = client_id.into();
        for (setting, value) in [("client_id", client_id.as_str()), ("client_secret", client_secret.expose_secret())] {
            if value.trim().is_empty() {
                return Err(Error::new(Code::SettingInvalid).with("setting", setting).with("reason", "blank"));
            }
        }
        Ok(Self { client_id, client_secret })
    }
}

/// Prints nothing of it: the id is no secret, but belongs to the secret.
impl fmt::Debug for ClioApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClioApp").finish_non_exhaustive()
    }
}

/// What a token request brought.
pub(crate) struct Granted {
    pub access: AccessToken,
    pub refresh: Option<SecretString>,
    pub refresh_at: Option<Timestamp>,
    /// Counted from before the request, so never too late.
    pub expires_at: Option<Timestamp>,
}

/// Clio's authorization server.
#[derive(Clone, Debug)]
pub(crate) struct OAuth {
    app: ClioApp,
    host: ClioHost,
    http: Arc<dyn HttpTransport>,
    runtime: Arc<dyn Runtime>,
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;
type TokenError = RequestTokenError<Error, BasicErrorResponse>;

impl OAuth {
    pub fn new(app: ClioApp, host: ClioHost, http: Arc<dyn HttpTransport>, runtime: Arc<dyn Runtime>) -> Self {
        Self { app, host, http, runtime }
    }

    pub fn host(&self) -> &ClioHost {
        &self.host
    }

    /// Where the browser is sent.
    pub fn authorize_url(&self, redirect: &Url, state: &str, verifier: &str) -> Url {
        let client = self.client();
        let verifier = PkceCodeVerifier::new(verifier.to_owned());
        let request = client
            .authorize_url(|| CsrfToken::new(state.to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("redirect_on_decline", "true");
        request.url().0
    }

    /// Exchanges a code. It is single use: an error ends the attempt, whatever it was.
    pub async fn exchange(&self, redirect: &Url, code: &SecretString, verifier: &str) -> Result<Granted> {
        let asked_at = self.runtime.now();
        let client = self.client();
        let sending = Sending::new(self, None);
        let answer = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_redirect_uri(Cow::Owned(RedirectUrl::from_url(redirect.clone())))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
            .request_async(&sending)
            .await;
        granted(answer, asked_at).map_err(|error| sending.about(error))
    }

    /// Asks for a new access token. The request is not sent later than `not_after`.
    pub async fn refresh(&self, refresh: &SecretString, not_after: Option<Monotonic>) -> Result<Granted> {
        let asked_at = self.runtime.now();
        let client = self.client();
        let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
        let sending = Sending::new(self, not_after);
        let answer = client.exchange_refresh_token(&refresh).request_async(&sending).await;
        granted(answer, asked_at).map_err(|error| sending.about(error))
    }

    /// Gives an access token back. Clio: `POST /oauth/deauthorize` with the token as bearer and as
    /// form field.
    pub async fn deauthorize(&self, access: &AccessToken) -> Result<()> {
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", access.expose()).finish();
        let headers = Headers::new()
            .with("authorization", format!("Bearer {}", access.expose()))
            .with("content-type", "application/x-www-form-urlencoded")
            .with("accept", "application/json");
        let response = self.post(DEAUTHORIZE, self.host.oauth("deauthorize"), headers, form.into_bytes(), None).await?;
        if (200..300).contains(&response.status) {
            return Ok(());
        }
        Err(refused("deauthorize").with("http_status", response.status).with("operation", DEAUTHORIZE))
    }

    fn client(&self) -> Client {
        BasicClient::new(ClientId::new(self.app.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.app.client_secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::from_url(self.host.oauth("authorize")))
            .set_token_uri(TokenUrl::from_url(self.host.oauth("token")))
    }

    async fn post(
        &self,
        operation: &'static str,
        url: Url,
        headers: Headers,
        body: Vec<u8>,
        not_after: Option<Monotonic>,
    ) -> Result<HttpResponse> {
        let request = HttpRequest {
            method: Method::Post,
            url,
            headers: headers.with("user-agent", crate::clio::USER_AGENT),
            body: HttpBody::Bytes(Zeroizing::new(body)),
            connection: HttpConnection::Own,
            timeout: TIMEOUT,
            not_after,
            max_response: MAX_ANSWER,
        };
        let about = |error: Error| error.with("operation", operation);
        let response = self.http.send(request).await.map_err(|failure| about(crate::clio::transport_error(failure)))?;
        // What the authorization server itself refuses may look like an empty page.
        if (400..=499).contains(&response.status) && response.status != 429 && challenge_error(&response).is_some() {
            return Ok(response);
        }
        let page = response.headers.get("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        let error = match response.status {
            300..=399 => Code::RedirectRefused,
            _ if page => Code::FirewallAnswer,
            429 => Code::ClioRateLimited,
            500..=599 => Code::ClioUnavailable,
            _ => return Ok(response),
        };
        Err(about(Error::new(error).with("http_status", response.status)))
    }
}

/// One request of the `oauth2` crate's on its way.
struct Sending<'a> {
    oauth: &'a OAuth,
    not_after: Option<Monotonic>,
    /// The status of the answer; 0 until there is one. The crate's errors do not tell it.
    status: AtomicU16,
}

impl<'a> Sending<'a> {
    fn new(oauth: &'a OAuth, not_after: Option<Monotonic>) -> Self {
        Self { oauth, not_after, status: AtomicU16::new(0) }
    }

    /// Names the request and what was answered, unless the error knows.
    fn about(&self, error: Error) -> Error {
        let error = if error.get("operation").is_some() { error } else { error.with("operation", TOKEN) };
        match self.status.load(Ordering::Relaxed) {
            0 => error,
            _ if error.get("http_status").is_some() => error,
            status => error.with("http_status", status),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Sending<'_> {
    type Error = Error;
    type Future = BoxFuture<'c, Result<oauth2::HttpResponse>>;

    fn call(&'c self, request: oauth2::HttpRequest) -> Self::Future {
        Box::pin(async move {
            let internal = || Error::new(Code::Internal).with("reason", "oauth_message");
            let (parts, body) = request.into_parts();
            let url = Url::parse(&parts.uri.to_string()).map_err(|_| internal())?;
            let mut headers = Headers::new();
            for (name, value) in &parts.headers {
                headers.push(name.as_str(), value.to_str().map_err(|_| internal())?);
            }
            let response = self.oauth.post(TOKEN, url, headers, body, self.not_after).await?;
            self.status.store(response.status, Ordering::Relaxed);
            let (status, body) = as_the_crate_reads_it(&response);
            http::Response::builder().status(status).body(body).map_err(|_| internal())
        })
    }
}

/// The `oauth2` crate takes tokens under 200 only, errors under other statuses only, and an error
/// in the header never. Servers answer all of these.
fn as_the_crate_reads_it(response: &HttpResponse) -> (u16, Vec<u8>) {
    #[derive(Default, Deserialize)]
    struct FailureLog {
        access_token: Option<IgnoredAny>,
        error: Option<String>,
    }
    let success = (200..=299).contains(&response.status);
    let told: FailureLog = serde_json::from_slice(&response.body).unwrap_or_default();
    let error = match told.error.filter(|error| !error.is_empty()) {
        Some(error) if !success || told.access_token.is_none() => Some(error),
        None if !success => challenge_error(response),
        _ => None,
    };
    match error {
        Some(error) => (400, serde_json::json!({ "error": oauth_error(&error) }).to_string().into_bytes()),
        None if success => (200, response.body.to_vec()),
        None => (response.status, response.body.to_vec()),
    }
}

/// Every token error of Doorkeeper's says in `WWW-Authenticate` what it is.
fn challenge_error(response: &HttpResponse) -> Option<String> {
    Bearer::of(&response.headers).and_then(|bearer| bearer.error)
}

fn granted(answer: Result<BasicTokenResponse, TokenError>, asked_at: Timestamp) -> Result<Granted> {
    let answer = answer.map_err(map)?;
    let access = answer.access_token().secret();
    let usable = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if *answer.token_type() != BasicTokenType::Bearer || !usable(access) {
        return Err(unreadable("token_type_or_text"));
    }
    let life = answer.expires_in();
    Ok(Granted {
        access: AccessToken::new(SecretString::from(access.as_str())),
        refresh: answer
            .refresh_token()
            .filter(|token| !token.secret().is_empty())
            .map(|token| SecretString::from(token.secret().as_str())),
        refresh_at: life.map(|life| asked_at + life.saturating_sub(LEAD).max(life / 2)),
        expires_at: life.map(|life| asked_at + life),
    })
}

/// The only place that sees an error of the `oauth2` crate. `Parse` keeps the raw answer, `Other`
/// quotes headers.
fn map(error: TokenError) -> Error {
    match error {
        RequestTokenError::ServerResponse(answer) => refused(oauth_error(answer.error().as_ref())),
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(..) => unreadable("not_the_documented_json"),
        RequestTokenError::Other(_) => unreadable("not_json"),
    }
}

fn refused(reason: &'static str) -> Error {
    let detail = (reason == "invalid_grant").then_some(Detail::InvalidGrant);
    Error::new(Code::OauthRefused).with("reason", reason).known_as(detail)
}

fn unreadable(reason: &'static str) -> Error {
    Error::new(Code::OauthAnswerInvalid).with("reason", reason)
}

/// The error word if it is one of OAuth's; foreign text is not kept.
pub(crate) fn oauth_error(word: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_token",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    ];
    KNOWN.iter().find(|known| **known == word).copied().unwrap_or("other")
}
