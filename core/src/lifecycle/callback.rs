//! What Clio's redirect brought back: the query of the callback URL, which anybody can write.

use core::fmt;

use secrecy::SecretString;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::connection::oauth::oauth_error;
use crate::error::{Code, Error, Result};

/// Longer queries are not read. Clio's are a few hundred bytes.
const MAX_QUERY: usize = 8 * 1024;

/// The parameters of an authorization response (RFC 6749 §4.1.2).
pub(crate) struct Callback {
    pub state: Zeroizing<String>,
    pub outcome: Outcome,
}

pub(crate) enum Outcome {
    /// A code to exchange.
    Code(SecretString),
    /// `access_denied`: the person declined.
    Declined,
    /// Another error, as a fixed word.
    Refused(&'static str),
}

impl Callback {
    /// Reads `code=…&state=…` or `error=…&state=…`, with or without a leading `?`. Other parameters
    /// are left out, but none may be repeated: two readers of one query could each believe
    /// another value.
    pub fn parse(query: &str) -> Result<Self> {
        let unknown = |reason: &'static str| Error::new(Code::ConnectStateUnknown).with("reason", reason);
        if query.len() > MAX_QUERY {
            return Err(unknown("query_too_long"));
        }
        let query = query.strip_prefix('?').unwrap_or(query);
        let mut seen: Vec<String> = Vec::new();
        let (mut state, mut code, mut error) = (None, None, None);
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if seen.iter().any(|known| *known == key) {
                return Err(unknown("repeated_key"));
            }
            match key.as_ref() {
                "state" => state = Some(Zeroizing::new(value.into_owned())),
                "code" => code = Some(Zeroizing::new(value.into_owned())),
                "error" => error = Some(value.into_owned()),
                _ => {}
            }
            seen.push(key.into_owned());
        }
        let state = state.filter(|state| !state.is_empty()).ok_or_else(|| unknown("no_state"))?;
        let outcome = match (code.filter(|code| !code.is_empty()), error.as_deref()) {
            (Some(code), None) => Outcome::Code(SecretString::from(code.as_str())),
            (None, Some("access_denied")) => Outcome::Declined,
            (None, Some(error)) => Outcome::Refused(oauth_error(error)),
            (Some(_), Some(_)) => Outcome::Refused("code_and_error"),
            (None, None) => Outcome::Refused("no_code"),
        };
        Ok(Self { state, outcome })
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_code_and_its_state_are_read_with_or_without_question_mark() {
        for query in ["?code=a%2Fb&state=s", "state=s&code=a%2Fb&other=1"] {
            let callback = Callback::parse(query).unwrap();
            assert_eq!(callback.state.as_str(), "s");
            assert!(matches!(&callback.outcome, Outcome::Code(code) if code.expose_secret() == "a/b"));
            assert_eq!(format!("{callback:?}"), "Callback([secret])");
        }
    }

    #[test]
    fn what_is_not_one_clear_answer_is_refused() {
        let refused = |query: &str| match Callback::parse(query) {
            Err(error) => (error.code(), error.get("reason").unwrap_or_default().to_owned()),
            Ok(Callback { outcome: Outcome::Refused(reason), .. }) => (Code::OauthRefused, reason.to_owned()),
            Ok(other) => panic!("{other:?} was accepted"),
        };
        let long = format!("code=a&state=s&x={}", "y".repeat(9000));
        let cases = [
            ("state=s&state=t&code=a", Code::ConnectStateUnknown, "repeated_key"),
            ("state=s&code=a&code=b", Code::ConnectStateUnknown, "repeated_key"),
            ("state=s&code=a&x=1&x=1", Code::ConnectStateUnknown, "repeated_key"),
            ("state=s&c%6fde=a&code=b", Code::ConnectStateUnknown, "repeated_key"),
            ("code=a", Code::ConnectStateUnknown, "no_state"),
            ("code=a&state=", Code::ConnectStateUnknown, "no_state"),
            ("", Code::ConnectStateUnknown, "no_state"),
            (&long, Code::ConnectStateUnknown, "query_too_long"),
            ("state=s", Code::OauthRefused, "no_code"),
            ("state=s&code=", Code::OauthRefused, "no_code"),
            ("state=s&code=a&error=access_denied", Code::OauthRefused, "code_and_error"),
            ("state=s&error=invalid_scope", Code::OauthRefused, "invalid_scope"),
            ("state=s&error=Jane+Smith", Code::OauthRefused, "other"),
        ];
        for (query, code, reason) in cases {
            assert_eq!(refused(query), (code, reason.to_owned()), "{query}");
        }
        assert!(matches!(Callback::parse("state=s&error=access_denied").unwrap().outcome, Outcome::Declined));
    }
}
