//! What the card says about words that are no error codes: what Clio may still honour, and why
//! webhooks do not deliver.

use super::health::Advice;
use crate::error::ALL_CODES;

const UNREVOKED: [(&str, &str); 6] = [
    (
        "token_ended",
        "The access token had ended before it could be given back. Clio may still honour the authorization: to be sure, remove the app in Clio's settings.",
    ),
    ("refresh_token", "Clio may still honour the refresh token. To be sure, remove the app in Clio's settings."),
    (
        "tokens_missing",
        "The tokens were gone before they could be given back. To be sure, remove the app in Clio's settings.",
    ),
    (
        "tokens_unreadable",
        "The stored tokens cannot be read, so they could not be given back. To be sure, remove the app in Clio's settings.",
    ),
    (
        "webhooks",
        "A webhook subscription may still be in Clio. What it delivers is refused, and it ends at the latest when it is not renewed.",
    ),
    (
        "reconnected",
        "The firm was connected again before all of the earlier connection was given back. To be sure, remove the app in Clio's settings and connect once more.",
    ),
];

const WEBHOOKS: [(&str, &str); 2] = [
    ("no_webhook_url", "No webhook URL is configured. The status of matters is asked for at intervals instead."),
    (
        "pending",
        "Clio has not confirmed the subscription yet. Until then the status of matters is asked for at intervals.",
    ),
];

/// What Clio may still honour after a disconnect.
pub(super) fn unrevoked(word: &str) -> Advice {
    failures(&UNREVOKED, word)
        .unwrap_or(Advice { code: "other", message: "To be sure, remove the app in Clio's settings." })
}

/// Why webhooks do not deliver: a word of the table, or an error code.
pub(super) fn webhook_cause(word: &str) -> Advice {
    let code = || ALL_CODES.iter().find(|code| code.name() == word).map(|code| Advice::from(*code));
    let other = Advice { code: "other", message: "The status of matters is asked for at intervals instead." };
    failures(&WEBHOOKS, word).or_else(code).unwrap_or(other)
}

fn failures(words: &[(&'static str, &'static str)], word: &str) -> Option<Advice> {
    words.iter().find(|(code, _)| *code == word).map(|&(code, message)| Advice { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the sources write, there are words for it.
    #[test]
    fn every_word_that_is_stored_has_a_text() {
        let disconnect = include_str!("../lifecycle/disconnect.rs");
        let mut found = 0;
        for before in ["Revoked::Not(\"", "Some(\"", "then_some(\""] {
            for rest in disconnect.split(before).skip(1) {
                let word = rest.split('"').next().unwrap();
                assert_eq!(unrevoked(word).code, word);
                found += 1;
            }
        }
        assert!(found >= 6, "{found}");
        let subscriptions = include_str!("../inbound/subscriptions.rs");
        for rest in subscriptions.split("silent(\"").skip(1) {
            let word = rest.split('"').next().unwrap();
            assert_eq!(webhook_cause(word).code, word);
        }
        for code in ALL_CODES {
            assert_eq!(webhook_cause(code.name()).message, code.message());
        }
    }
}
