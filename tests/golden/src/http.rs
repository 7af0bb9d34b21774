//! As much of HTTP as a browser at the consent page, and the door to clio-sim's control endpoints,
//! need.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// Sends a request to `http://HOST:PORT/…` and gives the whole answer, its head included.
pub(crate) fn send(method: &str, url: &str, body: &str) -> String {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a loopback URL");
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let head = format!("{method} /{path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\n");
    write!(stream, "{head}content-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The JSON that an endpoint answers.
pub(crate) fn json(method: &str, url: &str, body: &str) -> Value {
    let answer = send(method, url, body);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{method} {url}: {answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

/// Opens a page as a person's browser would who allows access: gives the query that it comes back
/// with.
#[must_use]
pub fn consent(authorize_url: &str) -> String {
    let answer = send("GET", authorize_url, "");
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    let location = location.unwrap_or_else(|| panic!("no redirect: {answer}"));
    location.split_once('?').expect("a query").1.to_owned()
}
