//! What stands in a scenario's file. Unknown keys are refused: a misspelt expectation would never
//! fail.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without `.json`.
    #[serde(skip)]
    pub name: String,
    /// The file's text.
    #[serde(skip)]
    pub text: String,
    /// What it shows, in a sentence.
    pub shows: String,
    /// Clio's configuration, where it differs from the default (`tests/clio-sim/src/config.rs`).
    #[serde(default)]
    pub clio: Value,
    /// What Clio holds before, as `POST /__sim/seed` takes it.
    #[serde(default)]
    pub seed: Option<Value>,
    /// The intakes by matter. A document's `text` or `bytes` (how many) says what is in its file.
    #[serde(default)]
    pub intakes: BTreeMap<String, Value>,
    /// How the SDK is opened.
    #[serde(default)]
    pub sdk: Settings,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// How the SDK is opened.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The Clio app's secret.
    pub client_secret: String,
    /// How long Clio may still execute a request that was given up on.
    pub late_execution_window_seconds: u32,
    /// How long Clio's lists may not show what it has created.
    pub index_delay_seconds: u32,
    /// For one call to Clio.
    pub request_timeout_seconds: u32,
    /// Whether webhooks are delivered. Else the status of matters is polled.
    pub webhooks: bool,
    /// The root key, as hexadecimal digits.
    pub sealing_key: String,
    /// Its name.
    pub sealing_key_id: String,
    /// One that sealed before it, by its name: none or one.
    pub earlier_sealing_key: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_secret: "casehug-dev-secret".into(),
            late_execution_window_seconds: 1,
            index_delay_seconds: 1,
            request_timeout_seconds: 10,
            webhooks: false,
            sealing_key: "6f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d92486f1c3a0e5b7d9248".into(),
            sealing_key_id: "k1".into(),
            earlier_sealing_key: BTreeMap::new(),
        }
    }
}

/// One thing that happens. Which one is told by the key that only it has.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// An operation, and what it answers.
    Call(Call),
    /// The same operation again and again, until it answers that.
    Until(Until),
    /// An admin connects the firm, as a person in a browser does.
    Connect(Connect),
    /// Something happens inside Clio: a control endpoint of clio-sim.
    Clio(Clio),
    /// Faults of the way to Clio, or of Clio.
    Faults(Faults),
    /// An intake is written, in place of the one before.
    Intake(Intake),
    /// The worker is started or stopped.
    Worker(WorkerStep),
    /// The SDK is closed in order and opened again, by a new process.
    Reopen(Reopen),
    /// The process is killed, and a new one opens the SDK.
    Crash(Crash),
    /// Which calls Clio got since this was asked last.
    Calls(Calls),
    /// What Clio holds.
    Holds(Holds),
}

/// An operation, and what it answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The operation's name.
    pub call: String,
    /// Who asks.
    #[serde(rename = "as", default)]
    pub who: Who,
    /// Its arguments.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// What it answers.
    #[serde(default)]
    pub gives: Option<Value>,
    /// The error it ends with.
    #[serde(default)]
    pub fails: Option<Value>,
}

/// The same operation again and again, until it answers that.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Until {
    /// The operation's name.
    pub until: String,
    /// Who asks.
    #[serde(rename = "as", default)]
    pub who: Who,
    /// Its arguments.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// What it answers in the end.
    pub gives: Value,
}

/// An admin connects the firm.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// `begin_connect` or `begin_separate_connect`.
    pub connect: String,
    /// Who does.
    #[serde(rename = "as", default)]
    pub who: Who,
    /// What `finish_connect` answers.
    #[serde(default)]
    pub gives: Option<Value>,
    /// The error that `finish_connect` ends with.
    #[serde(default)]
    pub fails: Option<Value>,
}

/// A control endpoint of clio-sim.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clio {
    /// Its name below `/__sim/`.
    pub clio: String,
    /// What is posted to it.
    #[serde(default)]
    pub with: Map<String, Value>,
}

/// Faults, as `POST /__sim/faults` takes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// The rules; none: those that are there go.
    pub faults: Vec<Value>,
}

/// An intake is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// The matter's id.
    pub intake: String,
    /// What stands in it.
    pub is: Value,
}

/// The worker is started or stopped.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerStep {
    /// Which of the two.
    pub worker: Turn,
}

/// Start or stop.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Start.
    Start,
    /// Stop.
    Stop,
}

/// The SDK is closed and opened again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// With these settings.
    pub reopen: Settings,
    /// The error that opening ends with; then nothing is open.
    #[serde(default)]
    pub fails: Option<Value>,
}

/// The process is killed while it works on an operation, once Clio got a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// The operation.
    pub crash: String,
    /// Who asks.
    #[serde(rename = "as", default)]
    pub who: Who,
    /// Its arguments.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// The route that Clio got a call of, as in its counts: `POST /contacts`, say.
    pub after: String,
}

/// How often Clio was called, by route. What is not named was not called.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// By route, for contacts, matters, documents and storage.
    pub calls: BTreeMap<String, u64>,
}

/// What Clio holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holds {
    /// As in `GET /__sim/state`.
    pub holds: Value,
}

/// Who asks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Who {
    /// Nobody was named: an admin of `firm_1`.
    #[default]
    Admin,
    /// `admin`, `member` or `host`.
    Named(String),
    /// Anybody.
    Actor {
        /// The user.
        user: String,
        /// The user's firm.
        firm: String,
        /// `admin` or `member`.
        role: String,
    },
}

impl Who {
    /// As an agent reads it: user, firm and role, or `-` for the host.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Admin => "usr_1 firm_1 admin".into(),
            Self::Named(name) if name == "admin" => Self::Admin.line(),
            Self::Named(name) if name == "member" => "usr_3 firm_1 member".into(),
            Self::Named(name) if name == "host" => "-".into(),
            Self::Named(name) => panic!("nobody is called {name}"),
            Self::Actor { user, firm, role } => format!("{user} {firm} {role}"),
        }
    }
}

/// Where the scenarios are.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// All scenarios, by name.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let scenario = serde_json::from_str::<Scenario>(&text);
            let mut scenario = scenario.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            scenario.text = text;
            scenario.name = path.file_stem().unwrap().to_string_lossy().into_owned();
            scenario
        })
        .collect()
}
