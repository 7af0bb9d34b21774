//! `cargo xtask demo --web`: CaseHug's pages with the integration card beside a simulated Clio, to
//! be watched and played with, until ctrl-c.
//!
//! Both programs end when their standard input closes, so none outlives this one, however it ends.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clio::{Answer, Clio, request};
use crate::{Outcome, demo, root, run, target};

/// The pages' address, unless it is taken.
const PORT: u16 = 8787;
const INTAKES: &str = "out/web";
/// The firm of `--demo-sign-in`.
const FIRM: &str = "firm_demo";
/// What the browser of the admin sends.
const ADA: (&str, &str) = ("cookie", "casehug_demo=ada");

pub(crate) fn demo(flag: Option<&str>) -> Outcome {
    run("cargo", &["build", "--quiet", "--package", "clio-sim", "--package", "casehug-clio-examples"])?;
    if flag == Some("--check") {
        return check();
    }
    let mut demo = Demo::start(PORT)?;
    println!("\nCaseHug   {}/settings/integrations   (choose Ada, an admin, or Max, a member)", demo.service.url);
    println!("          {}/matters", demo.service.url);
    println!("Clio      {}/__sim/   (simulated: what it holds, and a matter's status to change)", demo.clio.url());
    println!("\nctrl-c ends it.");
    let ended = demo.service.child.wait().map_err(|error| error.to_string())?;
    if ended.success() { Ok(()) } else { Err(format!("service: {ended}: see above")) }
}

/// The demo as a person would try it, with what is built: connected by the consent page, a matter
/// approved, its status changed in Clio and back in CaseHug.
pub(crate) fn check() -> Outcome {
    let demo = Demo::start(0)?;
    let url = demo.service.url.clone();
    let get = |origin: &str, path: &str| request(origin, "GET", path, &[ADA, ("accept", "text/html")], "");
    let stranger = request(&url, "GET", "/", &[], "")?.expect(303)?;
    if stranger.header("location") != Some("sign-in") {
        return Err(String::from("nobody was asked who they are"));
    }
    get(&url, "/sign-in")?.expect(200)?;
    for (path, holds) in [("/settings/integrations", "<casehug-clio-card "), ("/matters", "matter=\"mat_0001\"")] {
        if !get(&url, path)?.expect(200)?.body.contains(holds) {
            return Err(format!("{path} lacks {holds}"));
        }
    }
    get(demo.clio.url(), "/__sim/")?.expect(200)?;
    demo.connect()?;
    demo.call("trigger_sync", &json!({ "matter": "mat_0001", "trigger": "approved" }))?;
    let state = || demo.call("get_matter_state", &json!({ "matter": "mat_0001" }));
    let synced = until("the matter in Clio", || Ok(Some(state()?).filter(|state| state["status"] == "synced")))?;
    let id: i64 = synced["clio_matter"].as_str().and_then(|id| id.parse().ok()).ok_or("no id of Clio's")?;
    demo.clio.post("/__sim/edit", &json!({ "resource": "matters", "id": id, "data": { "status": "closed" } }))?;
    until("its status", || Ok(Some(state()?).filter(|state| state["clio_status"]["status"] == "closed")))?;
    println!("demo --web: connected, synced and closed; {url} and {} end now", demo.clio.url());
    Ok(())
}

struct Demo {
    // In this order they are dropped: who calls first.
    service: Service,
    clio: Clio,
    _database: Database,
}

impl Demo {
    fn start(port: u16) -> Result<Self, String> {
        demo::make_intake_in(&format!("{INTAKES}/{FIRM}"))?;
        let database = Database::new(&root().join("out/demos"))?;
        let clio = Clio::with(&[])?;
        // Clio itself delivers to https only.
        clio.post("/__sim/config", &json!({ "http_webhooks": true }))?;
        demo::some_contacts(&clio)?;
        Ok(Self { service: Service::start(clio.url(), port, &database.file())?, clio, _database: database })
    }

    /// An operation, as Ada's page asks for it.
    fn call(&self, operation: &str, arguments: &Value) -> Result<Value, String> {
        let headers = [ADA, ("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
        let path = format!("/api/{operation}");
        Ok(request(&self.service.url, "POST", &path, &headers, &arguments.to_string())?.expect(200)?.json())
    }

    /// Through Clio's consent page, whose form is sent as its button sends it.
    fn connect(&self) -> Outcome {
        let callback = format!("{}/oauth/callback", self.service.url);
        let begun = self.call("begin_connect", &json!({ "redirect_uri": callback }))?;
        let asked = begun["authorize_url"].as_str().and_then(|url| url.split_once("/oauth/authorize?"));
        let (_, query) = asked.ok_or("no consent page")?;
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("{query}&decision=allow");
        let allowed = request(self.clio.url(), "POST", "/oauth/authorize", &form, &body)?;
        let back = location(&allowed)?.strip_prefix(&self.service.url).ok_or("it leads elsewhere")?.to_owned();
        let ended = request(&self.service.url, "GET", &back, &[ADA, ("accept", "text/html")], "")?.expect(303)?;
        match location(&ended)? {
            "../settings/integrations?connected=1" => Ok(()),
            other => Err(format!("connecting ended at {other}")),
        }
    }
}

fn location(answer: &Answer) -> Result<&str, String> {
    answer.header("location").ok_or_else(|| format!("{} without a location: {}", answer.status, answer.body))
}

fn until<T>(what: &str, mut there: impl FnMut() -> Result<Option<T>, String>) -> Result<T, String> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Some(found) = there()? {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(format!("{what} never came"))
}

/// A folder of this process, in it a new database. Dropping it removes it; what a demo left that
/// ctrl-c ended, the next one removes.
struct Database {
    folder: PathBuf,
}

impl Database {
    fn new(folder: &Path) -> Result<Self, String> {
        let about = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(about)?;
        for left in std::fs::read_dir(folder).map_err(about)?.flatten() {
            if !left.file_name().to_str().is_some_and(lives) {
                let _ = std::fs::remove_dir_all(left.path());
            }
        }
        let own = Self { folder: folder.join(std::process::id().to_string()) };
        let _ = std::fs::remove_dir_all(&own.folder);
        std::fs::create_dir(&own.folder).map_err(about)?;
        Ok(own)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("web.db")
    }
}

/// Whether there may be a process of this id: only Linux tells.
fn lives(id: &str) -> bool {
    let processes = Path::new("/proc");
    processes.join(id).exists() || !processes.join("self").exists()
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The example service. Dropping it ends it.
struct Service {
    child: Child,
    /// Apart from the child, which closes what it has of it when it is waited for.
    stdin: Option<ChildStdin>,
    url: String,
}

impl Service {
    /// On this port, or on a free one.
    fn start(clio: &str, port: u16, database: &Path) -> Result<Self, String> {
        let port = if TcpListener::bind(("127.0.0.1", port)).is_ok() { port } else { 0 };
        let listen = format!("127.0.0.1:{port}");
        let mut child = Command::new(target().join("debug/service"))
            .args(["--listen", &listen, "--clio-url", clio, "--intake", INTAKES, "--db"])
            .arg(database)
            .args(["--settle", "5", "--index-delay", "5", "--demo-sign-in", "--exit-with-stdin"])
            .current_dir(root())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("service: {error}"))?;
        let (log, stdin) = (child.stderr.take(), child.stdin.take());
        // From here on a failure stops the child.
        let mut service = Self { child, stdin, url: String::new() };
        let (told, address) = mpsc::channel();
        let log = BufReader::new(log.ok_or("service has no log")?);
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening=") {
                    let _ = told.send(address.trim().to_owned());
                }
                eprintln!("{line}");
            }
        });
        let address = address.recv().map_err(|_| String::from("service ended at once: see above"))?;
        service.url = format!("http://{address}");
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Its standard input closes, and it ends the steps in progress.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demo_has_a_new_database_and_leaves_that_of_another_alone() {
        let folder = std::env::temp_dir().join(format!("web-demo-{}", std::process::id()));
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let running = folder.join(other.id().to_string());
        std::fs::create_dir_all(&running).unwrap();
        let own = Database::new(&folder).unwrap();
        std::fs::write(own.file(), "new").unwrap();
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(running.exists(), "its demo runs");
        drop(own);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "its own is removed at the end");
        drop(Database::new(&folder).unwrap());
        assert!(!running.exists(), "its demo was ended");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
