//! The scenarios through Rust's own face.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

/// Most of what a scenario takes is waiting.
const BESIDE: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_ends_in_rust_as_it_says() {
    let scenarios = golden::scenarios();
    assert!(scenarios.len() >= 20, "{}", scenarios.len());
    let said: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.shows.as_str()).collect();
    assert_eq!(said.len(), scenarios.len(), "each shows something of its own");
    for kind in ["auth", "clio", "host", "input", "network", "permission", "plan", "rate_limit"] {
        let kind = format!("\"kind\": \"{kind}\"");
        assert!(scenarios.iter().any(|scenario| scenario.text.contains(&kind)), "no error of {kind}");
    }
    let failed = golden::play_all(&[env!("CARGO_BIN_EXE_golden-agent").into()], scenarios, BESIDE).await;
    let told: Vec<String> = failed.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    assert!(failed.is_empty(), "{}", told.join("\n"));
}
