//! Plays scenarios through an agent.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clio_sim::{ClioSim, Config};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::agent::{Agent, Answer};
use crate::hooks::{self, Shared};
use crate::http;
use crate::matching::Names;
use crate::scenario::{Call, Connect, Crash, Scenario, Settings, Step, Turn, Until, Who};

/// How long something that was begun may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// As much of an answer as a failure shows.
const MOST_SHOWN: usize = 2_000;
/// Where nobody listens: the browser is read, not followed.
const REDIRECT: &str = "http://127.0.0.1:9/callback";

/// Plays all scenarios, `beside` of them at once; gives the names of those that failed, and why.
pub async fn play_all(agent: &[String], scenarios: Vec<Scenario>, beside: usize) -> Vec<(String, String)> {
    let (turns, mut tasks) = (Arc::new(Semaphore::new(beside)), Vec::new());
    for scenario in scenarios {
        let (agent, turns) = (agent.to_vec(), Arc::clone(&turns));
        tasks.push((
            scenario.name.clone(),
            tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                play(&agent, &scenario).await
            }),
        ));
    }
    let mut failed = Vec::new();
    for (name, task) in tasks {
        match task.await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => failed.push((name, reason)),
            Err(_) => failed.push((name, String::from("panicked: see above"))),
        }
    }
    failed
}

/// Plays one. The error says which step did not end as it should.
///
/// # Errors
/// As told.
pub async fn play(agent: &[String], scenario: &Scenario) -> Result<(), String> {
    let mut config = json!({ "auto_consent": true, "rate_limit": 1_000_000, "http_webhooks": true });
    if let Value::Object(differs) = &scenario.clio {
        config.as_object_mut().unwrap().extend(differs.clone());
    }
    let config: Config = serde_json::from_value(config).map_err(|error| format!("clio: {error}"))?;
    let sim = ClioSim::start(config).await.map_err(|error| error.to_string())?;
    let (clio, command, scenario) = (sim.url().to_owned(), agent.to_vec(), scenario.clone());
    let played = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        Stage::new(clio, command, folder.path(), &scenario).and_then(|mut stage| stage.play(&scenario.steps))
    });
    let outcome = played.await.map_err(|_| String::from("panicked: see above"))?;
    sim.stop();
    outcome
}

/// Where a scenario is played.
struct Stage<'a> {
    clio: String,
    command: Vec<String>,
    folder: &'a Path,
    hooks: String,
    agent: Shared,
    names: Names,
    settings: Settings,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(agent) = self.agent.lock().ok().and_then(|mut agent| agent.take()) {
            agent.process().kill();
        }
    }
}

impl<'a> Stage<'a> {
    fn new(clio: String, command: Vec<String>, folder: &'a Path, scenario: &Scenario) -> Result<Self, String> {
        let agent: Shared = Arc::new(Mutex::new(None));
        let (hooks, settings) = (hooks::serve(&agent), scenario.sdk.clone());
        let stage = Self { clio, command, folder, hooks, agent, names: Names::default(), settings };
        std::fs::create_dir_all(folder.join("intakes")).unwrap();
        for (matter, intake) in &scenario.intakes {
            stage.write(matter, intake);
        }
        if let Some(seed) = &scenario.seed {
            stage.control("POST", "seed", &seed.to_string());
        }
        stage.open().map_err(|error| format!("opening: {error}"))?;
        Ok(stage)
    }

    fn play(&mut self, steps: &[Step]) -> Result<(), String> {
        for (index, step) in steps.iter().enumerate() {
            self.step(step).map_err(|reason| format!("step {}: {reason}", index + 1))?;
        }
        if let Some(agent) = self.agent.lock().unwrap().take() {
            agent.close();
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Call(Call { call, who, with, gives, fails }) => {
                let answer = self.call(call, who, with)?;
                self.judge(call, answer, gives.as_ref(), fails.as_ref())
            }
            Step::Until(until) => self.until(until),
            Step::Connect(connect) => self.connect(connect),
            Step::Clio(clio) => {
                self.control("POST", &clio.clio, &Value::Object(self.names.fill_all(&clio.with)).to_string());
                Ok(())
            }
            Step::Faults(faults) => {
                let method = if faults.faults.is_empty() { "DELETE" } else { "POST" };
                self.control(method, "faults", &Value::from(faults.faults.clone()).to_string());
                Ok(())
            }
            Step::Intake(intake) => {
                self.write(&intake.intake, &intake.is);
                Ok(())
            }
            Step::Worker(worker) => {
                let turn = if matches!(worker.worker, Turn::Start) { "start" } else { "stop" };
                let answer = self.tell(&["worker", turn])?;
                self.judge("worker", answer, None, None)
            }
            Step::Reopen(reopen) => {
                if let Some(agent) = self.agent.lock().unwrap().take() {
                    agent.close();
                }
                self.settings = reopen.reopen.clone();
                let opened = self.open().map(|()| json!({}));
                self.judge("open", opened, None, reopen.fails.as_ref())
            }
            Step::Crash(crash) => self.crash(crash),
            Step::Calls(calls) => {
                let got = self.calls();
                self.control("DELETE", "calls", "");
                if json!(got) == json!(calls.calls) { Ok(()) } else { Err(format!("calls: {}", json!(got))) }
            }
            Step::Holds(holds) => {
                let state = self.control("GET", "state", "");
                self.names.compare(&holds.holds, &state).map_err(|differs| format!("Clio holds {differs}"))
            }
        }
    }

    fn judge(&mut self, what: &str, got: Answer, gives: Option<&Value>, fails: Option<&Value>) -> Result<(), String> {
        let compared = match (&got, gives, fails) {
            (Err(error), None, Some(fails)) => self.names.compare(fails, error),
            (Ok(value), gives, None) => gives.map_or(Ok(()), |gives| self.names.compare(gives, value)),
            (Ok(value), ..) => Err(format!("should fail, and gave {value}")),
            (Err(error), ..) => Err(format!("failed: {error}")),
        };
        let told = || got.as_ref().map_or_else(Value::to_string, Value::to_string);
        compared.map_err(|reason| {
            format!("{what}: {reason}\n    whole: {}", told().chars().take(MOST_SHOWN).collect::<String>())
        })
    }

    fn tell(&self, fields: &[&str]) -> Result<Answer, String> {
        let mut agent = self.agent.lock().unwrap();
        let answer = agent.as_mut().ok_or("nothing is open")?.tell(fields);
        answer.ok_or_else(|| String::from("the agent has ended"))
    }

    fn call(&self, name: &str, who: &Who, with: &Map<String, Value>) -> Result<Answer, String> {
        let arguments = Value::Object(self.names.fill_all(with)).to_string();
        self.tell(&["call", name, &who.line(), &arguments])
    }

    fn until(&mut self, Until { until, who, with, gives }: &Until) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let answer = self.call(until, who, with)?;
            match self.judge(until, answer, Some(gives), None) {
                Err(reason) if began.elapsed() > PATIENCE => return Err(format!("waited in vain: {reason}")),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn connect(&mut self, Connect { connect, who, gives, fails }: &Connect) -> Result<(), String> {
        let redirect = Map::from_iter([(String::from("redirect_uri"), json!(REDIRECT))]);
        let begun = self.call(connect, who, &redirect)?.map_err(|error| format!("{connect}: {error}"))?;
        let query = http::consent(begun["authorize_url"].as_str().ok_or("no URL to open")?);
        let query = Map::from_iter([(String::from("callback_query"), json!(query))]);
        let finished = self.call("finish_connect", who, &query)?;
        self.judge("finish_connect", finished, gives.as_ref(), fails.as_ref())?;
        // What connecting costs is not what scenarios count.
        self.control("DELETE", "calls", "");
        Ok(())
    }

    fn crash(&mut self, Crash { crash, who, with, after }: &Crash) -> Result<(), String> {
        let process = self.agent.lock().unwrap().as_ref().ok_or("nothing is open")?.process();
        let (clio, after) = (self.clio.clone(), after.clone());
        let killer = std::thread::spawn(move || {
            let began = Instant::now();
            while began.elapsed() < PATIENCE {
                let counts = http::json("GET", &format!("{clio}/__sim/calls"), "");
                if counts["counts"]["by_route"][&after] != Value::Null {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            process.kill();
        });
        let answer = self.call(crash, who, with);
        killer.join().map_err(|_| "the killer panicked")?;
        if let Ok(answer) = answer {
            return Err(format!("{crash} was over before it was killed: {answer:?}"));
        }
        self.open().map_err(|error| format!("opening after the crash: {error}"))
    }

    /// How often Clio got which call, of those that a sync makes.
    fn calls(&self) -> Map<String, Value> {
        let mut counts = self.control("GET", "calls", "")["counts"]["by_route"].take();
        let counts = counts.as_object_mut().map(std::mem::take).unwrap_or_default();
        let is_counted =
            |route: &str| ["/contacts", "/matters", "/documents", "storage"].iter().any(|kind| route.contains(kind));
        counts.into_iter().filter(|(route, _)| is_counted(route)).collect()
    }

    fn control(&self, method: &str, endpoint: &str, body: &str) -> Value {
        http::json(method, &format!("{}/__sim/{endpoint}", self.clio), body)
    }

    fn open(&self) -> Result<(), Value> {
        let settings = &self.settings;
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let none = (String::new(), String::new());
        let earlier =
            settings.earlier_sealing_key.first_key_value().map_or(none, |(id, key)| (id.clone(), key.clone()));
        let environment = [
            ("GOLDEN_CLIO_URL", self.clio.clone()),
            ("GOLDEN_CLIENT_ID", String::from("casehug-dev")),
            ("GOLDEN_CLIENT_SECRET", settings.client_secret.clone()),
            ("GOLDEN_STORE", path("sync.db")),
            ("GOLDEN_INTAKES", path("intakes")),
            ("GOLDEN_SEALING_KEY", settings.sealing_key.clone()),
            ("GOLDEN_SEALING_KEY_ID", settings.sealing_key_id.clone()),
            ("GOLDEN_EARLIER_SEALING_KEY_ID", earlier.0),
            ("GOLDEN_EARLIER_SEALING_KEY", earlier.1),
            ("GOLDEN_LATE_EXECUTION_WINDOW_SECONDS", settings.late_execution_window_seconds.to_string()),
            ("GOLDEN_INDEX_DELAY_SECONDS", settings.index_delay_seconds.to_string()),
            ("GOLDEN_REQUEST_TIMEOUT_SECONDS", settings.request_timeout_seconds.to_string()),
            ("GOLDEN_WEBHOOK_URL", if settings.webhooks { self.hooks.clone() } else { String::new() }),
        ];
        let agent = Agent::start(&self.command, &environment)?;
        *self.agent.lock().unwrap() = Some(agent);
        Ok(())
    }

    /// Writes an intake and its documents' files.
    fn write(&self, matter: &str, intake: &Value) {
        let (folder, mut intake) = (self.folder.join("intakes").join(matter), intake.clone());
        std::fs::create_dir_all(&folder).unwrap();
        for document in intake["documents"].as_array_mut().into_iter().flatten() {
            let document = document.as_object_mut().unwrap();
            let path = document.get("path").and_then(Value::as_str).map(|path| folder.join(path));
            let text = document.remove("text").map(|text| text.as_str().unwrap().as_bytes().to_vec());
            let many = document.remove("bytes").map(|count| vec![b'x'; count.as_u64().unwrap() as usize]);
            if let (Some(path), Some(bytes)) = (path, text.or(many)) {
                std::fs::write(path, bytes).unwrap();
            }
        }
        std::fs::write(folder.join("intake.json"), intake.to_string()).unwrap();
    }
}
