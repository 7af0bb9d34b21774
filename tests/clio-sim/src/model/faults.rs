//! Faults: a queue of rules that decide, before a request runs, whether and when it runs and what
//! becomes of its answer.
//!
//! A rule counts the requests it matches, and acts on the `nth` and the `times - 1` after it. Every
//! rule counts; the first that is due acts. The decision is made here, so that a simulation on a
//! virtual clock has the same faults as the server; closing connections and waiting is left to
//! whoever carries the answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    errors::{self, ApiError},
    http::{Request, Response},
};

/// Which requests, which of them, and what happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How the path begins, for instance `/api/v4/documents` or `/manage-documents/`. Empty: any
    /// path.
    #[serde(default)]
    pub path_prefix: String,
    /// The first matching request acted on, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many matching requests in a row are acted on.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub action: Action,
    /// Matching requests so far.
    #[serde(default, skip_deserializing)]
    pub seen: u32,
    /// Requests acted on so far.
    #[serde(default, skip_deserializing)]
    pub fired: u32,
}

fn one() -> u32 {
    1
}

impl Fault {
    /// A rule for the next request with that method and path prefix.
    pub fn new(method: &str, path_prefix: &str, action: Action) -> Self {
        Self {
            method: Some(method.to_owned()).filter(|method| !method.is_empty()),
            path_prefix: path_prefix.into(),
            nth: 1,
            times: 1,
            action,
            seen: 0,
            fired: 0,
        }
    }

    /// The same rule from the `nth` matching request on.
    #[must_use]
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// The same rule for so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn due(&mut self, request: &Request) -> bool {
        let method = self.method.as_deref().is_none_or(|method| method == request.method);
        if !method || !request.path.starts_with(&self.path_prefix) {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        self.seen >= self.nth && self.seen < self.nth.saturating_add(self.times)
    }
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Answers with that status: Clio's JSON, or a gateway's page. With `executed` the request has
    /// run all the same.
    Status {
        /// The status.
        status: u16,
        /// A gateway's HTML instead of Clio's JSON.
        #[serde(default)]
        html: bool,
        /// Whether the request runs.
        #[serde(default)]
        executed: bool,
        /// A `Retry-After` of any text.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The firewall's HTML 403.
    Firewall,
    /// Never runs; the connection closes, or with `hang` stays silent.
    LostRequest {
        /// Stay silent instead of closing.
        #[serde(default)]
        hang: bool,
    },
    /// Runs; the connection closes, or with `hang` stays silent.
    LostAnswer {
        /// Stay silent instead of closing.
        #[serde(default)]
        hang: bool,
    },
    /// The connection closes at once (or with `hang` stays silent); the request runs after `ms`.
    Late {
        /// How long until it runs.
        ms: u64,
        /// Stay silent instead of closing.
        #[serde(default)]
        hang: bool,
    },
    /// Runs at once; the answer comes after `ms`.
    Slow {
        /// How long the answer takes.
        ms: u64,
    },
    /// Runs; the connection closes after that many bytes of the body.
    Truncated {
        /// Bytes that still arrive.
        bytes: usize,
    },
    /// Of an upload: the connection closes after that many bytes of its body, and they stand as the
    /// object.
    CutUpload {
        /// Bytes that arrive.
        bytes: u64,
        /// How long until storage notices, and keeps them.
        #[serde(default)]
        ms: u64,
    },
    /// Runs; the body is that many MiB of padding before the JSON.
    Oversized {
        /// How many MiB.
        mib: usize,
    },
    /// Does not run; redirects.
    Redirect {
        /// The status.
        status: u16,
        /// Where to.
        location: String,
    },
    /// Runs; the body is not JSON.
    MalformedJson,
    /// Runs; the content type is another.
    ContentType {
        /// Which.
        value: String,
    },
    /// Runs; every `put_url` in the answer is this.
    HostilePutUrl {
        /// The address.
        url: String,
    },
    /// Runs; the value at the JSON pointer is replaced.
    Replace {
        /// The pointer, for instance `/meta/paging/next`.
        pointer: String,
        /// The new value.
        value: Value,
    },
}

/// When a request runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execute {
    /// At once.
    Now,
    /// After so many milliseconds.
    Later(u64),
    /// Never; [`Plan::answer`] is all there is.
    Never,
}

/// What becomes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deliver {
    /// It arrives.
    Whole,
    /// It arrives after so many milliseconds.
    After(u64),
    /// The connection closes without it.
    Close,
    /// Nothing more happens on the connection.
    Hang,
    /// The connection closes after so many bytes of its body.
    Cut(usize),
    /// It arrives behind so many MiB of padding.
    Padded(usize),
}

/// What is to happen with one request.
#[derive(Debug, Clone)]
pub struct Plan {
    /// When it runs.
    pub execute: Execute,
    /// What becomes of the answer.
    pub deliver: Deliver,
    /// The answer given instead of the request's own.
    pub answer: Option<Response>,
    /// An upload is read up to so many bytes.
    pub upload: Option<u64>,
    pub(crate) mangle: Option<Action>,
}

impl Plan {
    /// No fault at all.
    pub fn plain() -> Self {
        Self { execute: Execute::Now, deliver: Deliver::Whole, answer: None, upload: None, mangle: None }
    }

    fn of(action: &Action) -> Self {
        let plain = Self::plain();
        let lost = |hang: bool| if hang { Deliver::Hang } else { Deliver::Close };
        match action {
            Action::Status { status, html, executed, retry_after } => Self {
                execute: if *executed { Execute::Now } else { Execute::Never },
                answer: Some(failure(*status, *html, retry_after.as_deref())),
                ..plain
            },
            Action::Firewall => Self { execute: Execute::Never, answer: Some(errors::firewall()), ..plain },
            Action::LostRequest { hang } => Self { execute: Execute::Never, deliver: lost(*hang), ..plain },
            Action::LostAnswer { hang } => Self { deliver: lost(*hang), ..plain },
            Action::Late { ms, hang } => Self { execute: Execute::Later(*ms), deliver: lost(*hang), ..plain },
            Action::Slow { ms } => Self { deliver: Deliver::After(*ms), ..plain },
            Action::Truncated { bytes } => Self { deliver: Deliver::Cut(*bytes), ..plain },
            Action::CutUpload { bytes, ms } => {
                let execute = if *ms == 0 { Execute::Now } else { Execute::Later(*ms) };
                Self { execute, deliver: Deliver::Close, upload: Some(*bytes), ..plain }
            }
            Action::Oversized { mib } => Self { deliver: Deliver::Padded(*mib), ..plain },
            Action::Redirect { status, location } => {
                let mut answer = Response::empty(*status);
                answer.set("Location", location.clone());
                Self { execute: Execute::Never, answer: Some(answer), ..plain }
            }
            Action::MalformedJson
            | Action::ContentType { .. }
            | Action::HostilePutUrl { .. }
            | Action::Replace { .. } => Self { mangle: Some(action.clone()), ..plain },
        }
    }

    /// The answer as this plan has it, given the request's own.
    pub(crate) fn mangled(&self, own: Response) -> Response {
        let mut answer = self.answer.clone().unwrap_or(own);
        match &self.mangle {
            Some(Action::MalformedJson) => {
                let half = answer.body.len() / 2;
                answer.body.truncate(half);
                answer.body.extend_from_slice(b"\x00{]");
            }
            Some(Action::ContentType { value }) => answer.set("Content-Type", value.clone()),
            Some(Action::HostilePutUrl { url }) => edit(&mut answer, |body| replace_urls(body, url)),
            Some(Action::Replace { pointer, value }) => edit(&mut answer, |body| {
                if let Some(place) = body.pointer_mut(pointer) {
                    *place = value.clone();
                }
            }),
            _ => {}
        }
        answer
    }
}

fn edit(answer: &mut Response, change: impl FnOnce(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(&answer.body) {
        change(&mut body);
        answer.body = body.to_string().into_bytes();
    }
}

fn replace_urls(value: &mut Value, url: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "put_url" {
                    *member = Value::String(url.to_owned());
                } else {
                    replace_urls(member, url);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_urls(item, url)),
        _ => {}
    }
}

fn failure(status: u16, html: bool, retry_after: Option<&str>) -> Response {
    let error = |kind: &'static str, message: &str| ApiError {
        status,
        kind,
        message: message.to_owned(),
        oauth: status == 401,
    };
    let mut answer = match status {
        _ if html => errors::gateway_page(status),
        401 => error("invalid_token", "The access token expired").answer(),
        403 => error("ForbiddenError", "You are not authorized to perform this action.").answer(),
        429 => error("RateLimitedError", "Rate limit exceeded. Please retry in 30 seconds.").answer(),
        _ => error("InternalServerError", "An unexpected error has occurred.").answer(),
    };
    if let Some(text) = retry_after {
        answer.set("Retry-After", text);
    }
    answer
}

/// All rules, in the order they were added.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub Vec<Fault>);

impl Faults {
    pub fn plan(&mut self, request: &Request) -> Plan {
        let due: Vec<bool> = self.0.iter_mut().map(|fault| fault.due(request)).collect();
        let Some(index) = due.iter().position(|due| *due) else {
            return Plan::plain();
        };
        let Some(fault) = self.0.get_mut(index) else {
            return Plan::plain();
        };
        fault.fired = fault.fired.saturating_add(1);
        Plan::of(&fault.action)
    }
}
