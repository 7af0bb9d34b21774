//! The demo: a simulated Clio with some contacts, the example intakes synced to it, twice.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::{Outcome, command, root, run, target};

/// The example intake's large file, which is not kept in the repository.
const LARGE: (&str, u64) = ("examples/intake/mat_0006/surveillance.mp4", 120_000_000);

pub(crate) fn demo() -> Outcome {
    run("cargo", &["build", "--quiet", "--package", "clio-sim", "--package", "casehug-clio-examples"])?;
    make_large_file()?;
    let out = root().join("out");
    std::fs::create_dir_all(&out).map_err(|error| error.to_string())?;
    let db = out.join("demo.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(out.join(format!("demo.db{suffix}")));
    }
    let clio = Clio::start()?;
    clio.post(
        "/__sim/seed",
        &json!({ "contacts": [
            { "type": "Person", "first_name": "Mirembe", "last_name": "Okafor", "email_addresses": [
                { "name": "Work", "address": "mirembe@okafor-consulting.example", "default_email": true },
                { "name": "Home", "address": "M.Okafor@Example.ORG" }] },
            { "type": "Person", "first_name": "Paul", "last_name": "Marsh", "email_addresses": [
                { "name": "Work", "address": "paul.marsh@example.com", "default_email": true }] }] }),
    )?;
    println!("\n== a dry run: what would be sent, with its calls\n");
    sync(&clio, &db, &["--dry-run"])?;
    println!("\n== the first run\n");
    sync(&clio, &db, &[])?;
    let first = clio.state()?;
    println!("\n== what Clio now holds\n");
    show(&first);
    clio.delete("/__sim/calls")?;
    println!("\n== the second run: nothing may change, and no call may be made\n");
    sync(&clio, &db, &[])?;
    let second = clio.state()?;
    for kind in ["contacts", "matters", "documents"] {
        if first[kind] != second[kind] {
            return Err(format!("the second run changed {kind}"));
        }
    }
    let calls = &second["calls"]["total"];
    if calls != &json!(0) {
        return Err(format!("the second run made {calls} calls"));
    }
    println!("\nNothing changed, and no call was made.");
    Ok(())
}

/// Makes the 120 MB file of the example intake, unless it is there.
pub(crate) fn make_large_file() -> Outcome {
    let path = root().join(LARGE.0);
    if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == LARGE.1) {
        return Ok(());
    }
    let make = || {
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        let block: Vec<u8> = (0..1_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for _ in 0..LARGE.1 / 1_000_000 {
            file.write_all(&block)?;
        }
        file.flush()
    };
    make().map_err(|error: std::io::Error| format!("{}: {error}", LARGE.0))
}

fn sync(clio: &Clio, db: &std::path::Path, more: &[&str]) -> Outcome {
    let program = target().join("debug/sync-intake");
    let db = db.to_string_lossy();
    let mut args =
        vec!["--intake", "examples/intake", "--db", &db, "--clio-url", &clio.url, "--auto-consent", "--settle", "5"];
    args.extend(more);
    run(&program.to_string_lossy(), &args)
}

fn show(state: &Value) {
    let list = |kind: &str| state[kind].as_array().cloned().unwrap_or_default();
    for contact in list("contacts") {
        println!("contact  {}  {}", contact["id"], contact["name"]);
    }
    for matter in list("matters") {
        println!("matter   {}  {}", matter["id"], matter["description"]);
    }
    for document in list("documents") {
        println!("document {}  {} ({} bytes)", document["id"], document["name"], document["size"]);
    }
    println!("calls    {}", state["calls"]["by_route"]);
}

/// A running clio-sim.
pub(crate) struct Clio {
    child: Child,
    pub url: String,
}

impl Clio {
    fn start() -> Result<Self, String> {
        let program = target().join("debug/clio-sim");
        let mut child = command(&program.to_string_lossy(), &["--auto-consent", "--exit-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("clio-sim: {error}"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("clio-sim has no output")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let ready: Value = serde_json::from_str(&line).map_err(|error| format!("clio-sim: {error}"))?;
        let url = ready["url"].as_str().ok_or("clio-sim named no URL")?.to_owned();
        let clio = Self { child, url };
        // Off peak Clio allows more than 50 calls a minute; the demo should not wait for the next window.
        clio.post("/__sim/config", &json!({ "rate_limit": 300 }))?;
        Ok(clio)
    }

    fn state(&self) -> Result<Value, String> {
        let body = self.request("GET", "/__sim/state", "")?;
        serde_json::from_str(&body).map_err(|error| error.to_string())
    }

    fn post(&self, path: &str, body: &Value) -> Outcome {
        self.request("POST", path, &body.to_string()).map(|_| ())
    }

    fn delete(&self, path: &str) -> Outcome {
        self.request("DELETE", path, "").map(|_| ())
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Result<String, String> {
        let host = self.url.trim_start_matches("http://");
        let exchange = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(host)?;
            write!(
                stream,
                "{method} {path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = exchange().map_err(|error| format!("clio-sim: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("clio-sim: no answer")?;
        if head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            Ok(body.to_owned())
        } else {
            Err(format!("clio-sim {path}: {}", head.lines().next().unwrap_or_default()))
        }
    }
}

impl Drop for Clio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
