//! The rate limit: a fixed window per access token, opened by its first request.

use std::collections::BTreeMap;

use super::{Config, http::Response};

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: i64,
    used: u32,
}

/// What a request found in its token's window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub limit: u32,
    pub remaining: u32,
    /// Unix seconds.
    pub reset: i64,
    /// Seconds to wait, when there was nothing left.
    pub refused: Option<i64>,
}

impl Budget {
    pub fn write(&self, answer: &mut Response) {
        answer.set("X-RateLimit-Limit", self.limit.to_string());
        answer.set("X-RateLimit-Remaining", self.remaining.to_string());
        answer.set("X-RateLimit-Reset", self.reset.to_string());
        if let Some(seconds) = self.refused {
            answer.set("Retry-After", seconds.to_string());
        }
    }
}

/// The windows of all tokens.
#[derive(Debug, Default)]
pub(crate) struct RateLimits(BTreeMap<String, Window>);

impl RateLimits {
    /// Takes one request out of the token's window.
    pub fn take(&mut self, token: &str, now: i64, config: &Config) -> Budget {
        let length = config.rate_window_s.saturating_mul(1000).max(1);
        let window = self.0.entry(token.to_owned()).or_insert(Window { ends: now.saturating_add(length), used: 0 });
        if now >= window.ends {
            *window = Window { ends: now.saturating_add(length), used: 0 };
        }
        let spent = window.used >= config.rate_limit;
        if !spent {
            window.used += 1;
        }
        Budget {
            limit: config.rate_limit,
            remaining: config.rate_limit.saturating_sub(window.used),
            reset: ceil_seconds(window.ends),
            refused: spent.then(|| ceil_seconds(window.ends - now).max(1)),
        }
    }

    /// Forgets every window.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn ceil_seconds(ms: i64) -> i64 {
    ms.saturating_add(999).div_euclid(1000)
}
