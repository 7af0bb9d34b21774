//! The program: one line of JSON, then a Clio until it is told to stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_clio-sim"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[tokio::test]
async fn it_announces_itself_and_leaves_with_its_parent() {
    let folder = std::env::temp_dir().join(format!("clio-sim-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (config, seed) = (folder.join("config.json"), folder.join("seed.json"));
    fs::write(&config, json!({"rate_limit": 7, "account_name": "Test & Co"}).to_string()).unwrap();
    fs::write(&seed, json!({"contacts": [{"type": "Person", "first_name": "Ada"}]}).to_string()).unwrap();
    let (config, seed) = (config.to_str().unwrap(), seed.to_str().unwrap());
    let (mut child, line) =
        start(&["--config", config, "--seed-file", seed, "--auto-consent", "--region", "ca", "--exit-with-stdin"]);
    let url = line["url"].as_str().unwrap();
    assert!(line["storage_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let state: Value = crate::support::client(reqwest::Client::builder())
        .get(format!("{url}/__sim/state"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((&state["region"], &state["account"]["name"]), (&json!("ca"), &json!("Test & Co")));
    assert_eq!(state["contacts"][0]["first_name"], "Ada");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrong_configuration_is_refused() {
    let file = std::env::temp_dir().join(format!("clio-sim-wrong-{}.json", std::process::id()));
    fs::write(&file, json!({"rate_limits": 7}).to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_clio-sim"))
        .args(["--config", file.to_str().unwrap()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    fs::remove_file(&file).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with(file.to_str().unwrap()) && said.contains("rate_limits"), "{said}");
}
