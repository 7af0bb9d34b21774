//! The `WWW-Authenticate` header: where an OAuth server says why it refuses (RFC 6750 §3), whatever
//! the body looks like.

use crate::ports::Headers;

/// What the `Bearer` challenge of an answer says, if it holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// Its `error`, as it was written.
    pub error: Option<String>,
}

impl Bearer {
    /// Reads all challenges of all such headers: a server may offer other schemes before or after.
    pub fn of(headers: &Headers) -> Option<Self> {
        let named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate"));
        let mut found: Option<Self> = None;
        let mut ours = false;
        for (_, value) in named {
            for part in parts(value) {
                let (scheme, parameter) = split_scheme(part);
                if let Some(scheme) = scheme {
                    ours = scheme.eq_ignore_ascii_case("bearer");
                }
                if !ours {
                    continue;
                }
                let bearer = found.get_or_insert(Self { error: None });
                let Some((name, value)) = parameter.split_once('=') else { continue };
                if name.trim().eq_ignore_ascii_case("error") && bearer.error.is_none() {
                    bearer.error = Some(value.trim().trim_matches('"').to_owned());
                }
            }
            ours = false;
        }
        found
    }
}

/// The comma-separated parts of a header, with commas inside of quotes left alone.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let split = value.split(move |c: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if quoted => escaped = !was_escaped,
            '"' if !was_escaped => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    });
    split.map(str::trim)
}

/// A part that begins a challenge is `scheme` or `scheme name=value`; one that goes on with it is
/// `name=value`.
fn split_scheme(part: &str) -> (Option<&str>, &str) {
    let (first, rest) = part.split_once([' ', '\t']).unwrap_or((part, ""));
    if first.contains('=') || rest.trim_start().starts_with('=') { (None, part) } else { (Some(first), rest.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_challenge_is_found_among_others() {
        let error = |values: &[&str]| {
            let mut headers = Headers::new();
            for value in values {
                headers.push("WWW-Authenticate", *value);
            }
            Bearer::of(&headers).map(|bearer| bearer.error)
        };
        let dead = Some(Some(String::from("invalid_token")));
        let doorkeeper =
            r#"Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token expired""#;
        assert_eq!(error(&[doorkeeper]), dead);
        assert_eq!(error(&["bearer error=invalid_token"]), dead);
        assert_eq!(error(&[r#"Basic realm="a, b", Bearer realm="c", error = "invalid_token""#]), dead);
        assert_eq!(error(&[r#"Basic realm="x""#, r#"Bearer error="invalid_token""#]), dead);
        assert_eq!(error(&[r#"Bearer realm="a \", error=\"x\"", error="invalid_token""#]), dead);
        assert_eq!(error(&["Bearer"]), Some(None));
        assert_eq!(error(&[r#"Bearer realm="Clio""#]), Some(None));
        assert_eq!(error(&[r#"Bearer realm="x", Digest error="invalid_token""#]), Some(None));
        assert_eq!(error(&[r#"Basic realm="Bearer error=invalid_token""#]), None);
        assert_eq!(error(&[r#"Basic realm="x", error="invalid_token""#]), None);
        assert_eq!(error(&[]), None);
        assert_eq!(error(&[""]), None);
    }
}
