//! The HTTP server of a host: what is posted to it goes to the agent, raw, and what the agent
//! answers goes back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::agent::Agent;

/// The agent, while there is one.
pub(crate) type Shared = Arc<Mutex<Option<Agent>>>;

/// Serves on a free port of loopback, until the process ends; gives its URL.
pub(crate) fn serve(agent: &Shared) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let agent = Arc::downgrade(agent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Some(agent) = agent.upgrade() else { return };
            // One at a time: the agent is one, too. A broken connection is the sender's trouble,
            // who sends again.
            let _ = stream.and_then(|stream| one(stream, &agent));
        }
    });
    url
}

fn one(stream: TcpStream, agent: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let token = lines.first().and_then(|line| line.split(' ').nth(1)?.rsplit('/').next()).unwrap_or_default();
    let headers: Vec<(&str, &str)> = lines.iter().skip(1).filter_map(|line| line.split_once(": ")).collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.and_then(|(_, length)| length.parse().ok()).unwrap_or_default()];
    reader.read_exact(&mut body)?;

    let mut fields = vec![hex::encode(token), hex::encode(&body)];
    fields.extend(headers.iter().flat_map(|(name, value)| [hex::encode(name), hex::encode(value)]));
    let mut line = vec!["webhook"];
    line.extend(fields.iter().map(String::as_str));
    let reply = match agent.lock().unwrap().as_mut().and_then(|agent| agent.tell(&line)) {
        Some(Ok(reply)) => reply,
        // Nobody is there: no answer either.
        _ => return Ok(()),
    };
    let mut head = format!("HTTP/1.1 {} Answer\r\ncontent-length: 0\r\n", reply["status"]);
    for header in reply["headers"].as_array().into_iter().flatten() {
        let text = |key: &str| header[key].as_str().map_or_else(String::new, str::to_owned);
        head += &format!("{}: {}\r\n", text("name"), text("value"));
    }
    (&stream).write_all((head + "connection: close\r\n\r\n").as_bytes())?;
    debug_assert!(reply.is_object() || reply == Value::Null);
    Ok(())
}
