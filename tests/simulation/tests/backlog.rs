//! The request budget under a backlog, in virtual time.
#![allow(clippy::print_stdout, clippy::panic, reason = "figures for people")]

use std::time::Duration;

use simulation::backlog::{Work, approved_at_once, run};

#[test]
fn a_backlog_uses_the_whole_budget_provokes_no_refusal_and_lets_people_pass() {
    let mut longest = Duration::ZERO;
    for person_after in [125, 150, 170, 175] {
        let person_after = Duration::from_secs(person_after);
        let backlog = run(Work::Approved, 200, person_after).unwrap_or_else(|what| panic!("{what}"));
        // The last one ends with the work.
        let full = &backlog.windows[..backlog.windows.len() - 1];
        let used: u64 = full.iter().map(|window| window.calls).sum();
        let (least, of) = (full.iter().map(|window| window.calls).min().unwrap_or(0), full.len() as u64 * 50);
        println!(
            "a person after {} s: {used} of {of} calls in {} full windows ({:.1} %, at least {least} of 50 in each), done after {} s; the person waited {:.1} s",
            person_after.as_secs(),
            full.len(),
            used as f64 * 100.0 / of as f64,
            backlog.took.as_secs(),
            backlog.waited.as_secs_f64(),
        );
        assert!(least >= 49, "98 % of every full window: {full:?}");
        assert!(backlog.windows.iter().all(|window| window.refused == 0), "no 429: {:?}", backlog.windows);
        longest = longest.max(backlog.waited);
    }
    // Eight calls of up to half a second; in the window's last ten seconds nothing is kept for
    // anyone, and the person waits for the next.
    assert!(longest < Duration::from_secs(15), "{longest:?}");
}

#[test]
fn what_is_approved_passes_a_backfill() {
    for after in [30, 95, 150, 170] {
        let backlog = run(Work::Backfill, 60, Duration::from_secs(after)).unwrap_or_else(|what| panic!("{what}"));
        println!(
            "approved {after} s after a backfill began: in Clio {:.1} s later; all done after {} s",
            backlog.waited.as_secs_f64(),
            backlog.took.as_secs()
        );
        // Its poll, and with three documents some fourteen calls of up to half a second; before
        // them at worst the last ten seconds of a window, in which nothing is kept for anyone.
        assert!(backlog.waited < Duration::from_secs(18), "{:?}", backlog.waited);
    }
}

#[test]
fn a_matter_that_was_begun_is_finished_before_the_next() {
    let finished = approved_at_once(20).unwrap_or_else(|what| panic!("{what}"));
    println!("twenty matters under 50 calls a minute: {finished:?}");
    // Eight calls each. With forty calls at once and ten when a window ends, no order brings the
    // mean below 84.5 s; in the order of their beginning, four abreast, it was 96.7 s.
    assert_eq!(finished.complete, 5);
    assert!(finished.mean < Duration::from_secs(88), "{finished:?}");
    assert!(finished.last < Duration::from_secs(190), "and the last one no later: {finished:?}");
}
