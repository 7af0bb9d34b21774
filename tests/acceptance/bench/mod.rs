//! What the end-to-end tests share: a simulated Clio, a folder of intakes, and the program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use clio_sim::model::Request;
use clio_sim::{ClioSim, Config};
use serde_json::{Value, json};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_sync-intake");

pub struct Bench {
    pub sim: ClioSim,
    pub folder: tempfile::TempDir,
    /// The database server that the programs use, if it is none of SQLite's files.
    pub server: Option<String>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Config { rate_limit: 1_000_000, ..Config::default() }).await
    }

    pub async fn with(config: Config) -> Self {
        let config = Config { auto_consent: true, ..config };
        Self { sim: ClioSim::start(config).await.unwrap(), folder: tempfile::tempdir().unwrap(), server: None }
    }

    /// The programs' `--db`.
    pub fn database(&self, file: &str) -> String {
        self.server.clone().unwrap_or_else(|| self.folder.path().join(file).to_str().unwrap().to_owned())
    }

    /// Those of all firms, as the service takes them.
    pub fn firms(&self) -> PathBuf {
        self.folder.path().join("intakes")
    }

    pub fn intakes(&self) -> PathBuf {
        self.firms().join("firm_1")
    }

    pub fn matter(&self, id: &str, intake: &Value) {
        self.matter_of("firm_1", id, intake);
    }

    pub fn matter_of(&self, firm: &str, id: &str, intake: &Value) {
        let folder = self.firms().join(firm).join(id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("intake.json"), intake.to_string()).unwrap();
        for document in intake["documents"].as_array().unwrap() {
            std::fs::write(folder.join(document["path"].as_str().unwrap()), vec![b'x'; 70_000]).unwrap();
        }
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = self.program();
        command.arg("--json").args(more);
        command
    }

    /// The same on another database than the bench's own.
    pub fn command_on(&self, database: &str) -> Command {
        let mut command = self.program_on(database);
        command.arg("--json");
        command
    }

    /// The program as a worker for firm `firm_1`.
    pub fn worker(&self) -> Command {
        let mut command = self.program();
        command.args(["--worker", "--firm", "firm_1"]);
        command
    }

    fn program(&self) -> Command {
        self.program_on(&self.database("sync.db"))
    }

    fn program_on(&self, database: &str) -> Command {
        let mut command = self.program_without_intakes_on(database);
        command.arg("--intake").arg(self.intakes());
        command
    }

    /// The program for another firm, on the intakes of that one.
    pub fn program_of(&self, firm: &str) -> Command {
        let mut command = self.program_without_intakes_on(&self.database("sync.db"));
        command.args(["--firm", firm, "--intake"]).arg(self.firms().join(firm));
        command
    }

    fn program_without_intakes_on(&self, database: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("--db")
            .arg(database)
            .args(["--clio-url", self.sim.url(), "--auto-consent", "--settle", "1", "--index-delay", "1"])
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program, at the most verbose level. Whatever it says may hold no client data, in no
    /// test.
    pub async fn run(&self, more: &[&str]) -> (Output, Value) {
        let mut command = self.command(more);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_no_client_data(&output.stdout, "stdout");
        assert_no_client_data(&output.stderr, "stderr");
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("one JSON report on stdout: {}", String::from_utf8_lossy(&output.stderr)));
        (output, report)
    }

    pub fn state(&self) -> Value {
        let now = self.sim.now();
        self.sim.model().state(now)
    }

    /// What a person does inside Clio.
    pub fn edit(&self, resource: &str, id: i64, data: &Value) {
        self.inside_clio(&json!({ "resource": resource, "id": id, "data": data }));
    }

    /// The same, to be rid of a record.
    pub fn delete(&self, resource: &str, id: i64) {
        self.inside_clio(&json!({ "resource": resource, "id": id, "delete": true }));
    }

    fn inside_clio(&self, what: &Value) {
        let now = self.sim.now();
        let answer = self.sim.model().handle(now, &Request::new("POST", "/__sim/edit").with_json(what));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// Processes that end with the test, however that ends.
pub struct Processes(pub Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn intake(matter: &str, client: &str, email: Option<&str>, documents: &[&str]) -> Value {
    let documents: Vec<Value> = documents
        .iter()
        .map(|id| {
            json!({ "id": id, "file_name": "geheimakte.pdf", "content_type": "application/pdf", "path": format!("{id}.pdf"),
                    "status": "approved", "origin": "client_upload" })
        })
        .collect();
    let mut client = json!({ "id": client, "first_name": "Zyxwvut", "last_name": format!("Qwertzuiop {client}"), "phone": "+12065559876" });
    if let Some(email) = email {
        client["email"] = json!(email);
    }
    json!({ "matter": { "id": matter, "title": format!("Asdfgh v. Yxcvbn {matter}"), "case_number": "2026-XX-777", "case_type": "family_law" },
            "client": client, "documents": documents })
}

/// Client data and secrets of every test's intakes. None of it may be found anywhere but in Clio.
const CLIENT_DATA: &[&str] = &[
    "Zyxwvut",
    "Qwertzuiop",
    "zyx.qwertz",
    "+12065559876",
    "Asdfgh v. Yxcvbn",
    "2026-XX-777",
    "geheimakte",
    "Zyxwvüt-日",
    "casehug-dev-secret",
];

/// Looks for client data in every form in which it might get out.
pub fn assert_no_client_data(place: &[u8], about: &str) {
    let text = String::from_utf8_lossy(place);
    for form in CLIENT_DATA.iter().flat_map(|needle| forms(needle)) {
        assert!(!text.contains(&form), "{form} in {about}");
    }
}

/// Plain, form-encoded, percent-encoded and JSON-escaped.
fn forms(text: &str) -> [String; 5] {
    let percent = |keep: fn(u8) -> bool| -> String {
        text.bytes().map(|byte| if keep(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    let escaped = text
        .encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => (byte as char).to_string(),
            _ => format!("\\u{unit:04x}"),
        })
        .collect();
    [
        text.to_owned(),
        text.replace(' ', "+"),
        percent(|byte| byte.is_ascii_alphanumeric()),
        percent(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)),
        escaped,
    ]
}

/// Exactly one of each in Clio, nothing deleted: what every fault must end in.
pub fn assert_each_once(state: &Value, contacts: usize, matters: usize, documents: usize, about: &str) {
    let complete: Vec<&Value> =
        state["documents"].as_array().unwrap().iter().filter(|document| document["complete"] == true).collect();
    let counts = [
        ("contacts", count_by(&state["contacts"], |contact| contact["name"].to_string()), contacts),
        ("matters", count_by(&state["matters"], |matter| matter["description"].to_string()), matters),
        ("documents", count_by(&json!(complete), |document| document["properties"].to_string()), documents),
    ];
    for (kind, counts, expected) in counts {
        assert!(counts.values().all(|count| *count == 1), "{about}: duplicate {kind}: {counts:?}");
        assert_eq!(counts.len(), expected, "{about}: missing {kind}: {counts:?}");
    }
    assert_eq!(state["deletions"], json!(0), "{about}: nothing is ever deleted in Clio");
}

pub fn count_by(list: &Value, key: impl Fn(&Value) -> String) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for item in list.as_array().unwrap() {
        *counts.entry(key(item)).or_default() += 1;
    }
    counts
}

/// Opens the authorize page as a person's browser would who allows access: gives the address that
/// it leads to.
pub fn redirect_of(authorize_url: &str) -> String {
    let (host, path) = authorize_url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.0\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    location.unwrap_or_else(|| panic!("no redirect: {answer}")).to_owned()
}
