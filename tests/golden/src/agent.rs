//! An agent: a process in some language that has the SDK open and does what it is told, a line at a
//! time.
//!
//! The fields of a line are separated by tabs. `README.md` describes the lines and the environment
//! that it is started with.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What an agent answered: JSON, or an error as JSON.
pub(crate) type Answer = Result<Value, Value>;

/// A running agent.
pub(crate) struct Agent {
    process: Process,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Can be killed while the agent is in a call.
#[derive(Clone)]
pub(crate) struct Process(Arc<Mutex<Child>>);

impl Process {
    pub(crate) fn kill(&self) {
        let mut child = self.0.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Agent {
    /// Starts it; it opens the SDK. The error is that of opening.
    pub(crate) fn start(command: &[String], environment: &[(&str, String)]) -> Result<Self, Value> {
        let (program, arguments) = command.split_first().expect("a command");
        let mut process = Command::new(program);
        process.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
        let child = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{program}: {error}"));
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut agent = Self { process: Process(Arc::new(Mutex::new(child))), stdin, stdout };
        agent.answer().expect("the agent says whether the SDK is open").map(|_| agent)
    }

    pub(crate) fn process(&self) -> Process {
        self.process.clone()
    }

    /// Sends a line. `None`: the process is gone.
    pub(crate) fn tell(&mut self, fields: &[&str]) -> Option<Answer> {
        let line = fields.join("\t");
        assert!(!line.contains('\n'), "{line}");
        writeln!(self.stdin, "{line}").ok()?;
        self.answer()
    }

    fn answer(&mut self) -> Option<Answer> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).ok()?;
        let (status, text) = line.trim_end_matches('\n').split_once('\t')?;
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {line}"));
        if status == "1" {
            return Some(Ok(value));
        }
        // A face without numbers of its own says 0.
        assert!(status == "0" || json!(status.parse::<u64>().ok()) == value["number"], "{line}");
        Some(Err(value))
    }

    /// Closes the SDK, and waits for the process to end.
    pub(crate) fn close(mut self) {
        let closed = self.tell(&["close"]);
        assert_eq!(closed, Some(Ok(json!({}))), "closed in order");
        let Self { process, stdin, .. } = self;
        drop(stdin);
        let status = process.0.lock().unwrap().wait().unwrap();
        assert!(status.success(), "the agent ended with {status}");
    }
}
