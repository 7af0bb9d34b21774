#!/bin/sh
# oauth2 5.0.0 (Rust): what it makes of a token endpoint's answers.
# Expected: a token under 201 is a token (RFC 6749 says 200, RFC 9110 says that a client treats an
# unknown 2xx as 200), or an error that names the status; {"error": …} under 200 is the server's
# refusal.
# Seen: both are "Parse", with a message about a missing field that says nothing of the status or of
# the refusal.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
http = "1"
oauth2 = { version = "=5.0.0", default-features = false }
TOML
cat > src/main.rs <<'RUST'
use oauth2::{basic::BasicClient, *};

fn main() {
    let token = r#"{"access_token":"a","token_type":"bearer"}"#;
    let refusal = r#"{"error":"invalid_grant"}"#;
    for (status, body) in [(200, token), (201, token), (200, refusal), (400, refusal)] {
        let url = TokenUrl::new("https://example.test/token".into()).unwrap();
        let client = BasicClient::new(ClientId::new("id".into())).set_token_uri(url);
        let http = |_: HttpRequest| {
            let answer = http::Response::builder().status(status).header("content-type", "application/json");
            Ok::<HttpResponse, std::io::Error>(answer.body(body.as_bytes().to_vec()).unwrap())
        };
        let got = match client.exchange_code(AuthorizationCode::new("c".into())).request(&http) {
            Ok(_) => "token".to_owned(),
            Err(RequestTokenError::Parse(error, _)) => format!("Parse {}", error.inner()),
            Err(error) => error.to_string(),
        };
        println!("{status} {}", got.split(" at line").next().unwrap());
    }
}
RUST
seen=$(CARGO_TARGET_DIR="$dir/target" cargo run --quiet)
echo "seen: $seen"
[ "$seen" = '200 token
201 Parse missing field `error`
200 Parse missing field `access_token`
400 Server returned error response: invalid_grant' ]
