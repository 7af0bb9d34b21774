//! clio-sim as a child process, and a few requests to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::{command, target};

/// A running clio-sim.
pub(crate) struct Clio {
    program: Program,
}

impl Clio {
    /// One whose consent page allows access by itself.
    pub(crate) fn start() -> Result<Self, String> {
        Self::with(&["--auto-consent"])
    }

    pub(crate) fn with(args: &[&str]) -> Result<Self, String> {
        let clio = Self { program: Program::start("clio-sim", &[args, &["--exit-with-stdin"]].concat())? };
        // Off peak Clio allows more than 50 calls a minute; the demo should not wait for the next
        // window.
        clio.post("/__sim/config", &json!({ "rate_limit": 300 }))?;
        Ok(clio)
    }

    pub(crate) fn url(&self) -> &str {
        &self.program.url
    }

    pub(crate) fn state(&self) -> Result<Value, String> {
        self.get("/__sim/state")
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, String> {
        self.control("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.control("POST", path, &body.to_string())
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let answer = request(self.url(), method, path, &[("content-type", "application/json")], body)?;
        if (200..300).contains(&answer.status) {
            Ok(answer.json())
        } else {
            Err(format!("clio-sim {path}: {}", answer.status))
        }
    }
}

/// A program of this workspace that serves: it prints `{"url": …}` when it listens, and stops when
/// it is dropped.
pub(crate) struct Program {
    child: Child,
    pub url: String,
}

impl Program {
    pub(crate) fn start(name: &str, args: &[&str]) -> Result<Self, String> {
        let path = target().join("debug").join(name);
        let mut child = command(&path.to_string_lossy(), args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let stdout = child.stdout.take();
        // From here on a failure stops the child.
        let mut program = Self { child, url: String::new() };
        let mut line = String::new();
        let stdout = stdout.ok_or_else(|| format!("{name} has no output"))?;
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let ready: Value = serde_json::from_str(&line).map_err(|error| format!("{name}: {error}"))?;
        program.url = ready["url"].as_str().ok_or_else(|| format!("{name} named no URL"))?.to_owned();
        Ok(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a request came back with.
pub(crate) struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// The first header of this name, in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body; `null` where it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn expect(self, status: u16) -> Result<Self, String> {
        if self.status == status {
            Ok(self)
        } else {
            Err(format!("{} instead of {status}: {}", self.status, self.body))
        }
    }
}

/// Sends one request to `http://host:port` and reads the answer to its end.
pub(crate) fn request(
    origin: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, String> {
    let host = origin.trim_start_matches("http://");
    let exchange = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        write!(stream, "{method} {target} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len())?;
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "\r\n{body}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| format!("{origin}: {error}"))?;
    let parsed = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    });
    parsed.ok_or_else(|| format!("{origin}: no answer to {method} {target}"))
}
