//! Syncs matter after matter, one in doubt being put back until it can be looked at again; or has a
//! worker do it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use casehug_clio::{
    Actor, Code, Error, MatterId, MatterSyncState, Plan, Result, RunStatus, Sdk, StepOutcome, SyncReport, Trigger,
    WorkerConfig,
};

use super::exit::Exit;
use super::shown::Shown;

/// A matter that is in doubt is looked at so often, then reported as it is: the next start goes on.
const MOST_ROUNDS: usize = 4;

/// What became of one matter: its runs as one report, or why there was none.
pub(crate) enum Outcome {
    Ran(SyncReport),
    Bad { matter: Option<MatterId>, error: Error },
}

impl Outcome {
    /// Whether everything of the matter that may be sent is in Clio.
    pub(crate) fn arrived(&self) -> bool {
        matches!(self, Self::Ran(report) if report.status == RunStatus::Succeeded)
    }

    /// What the exit code says of it.
    pub(crate) fn exit(&self) -> Exit {
        let report = match self {
            Self::Bad { error, .. } => return Exit::of(error),
            Self::Ran(report) if report.status == RunStatus::Succeeded => return Exit::AllThere,
            Self::Ran(report) => report,
        };
        // What was not tried waits for what failed.
        let failed =
            report.steps.iter().filter(|step| step.outcome.is_failure() && step.outcome != StepOutcome::Blocked);
        failed.filter_map(|step| step.error.as_ref()).map(Exit::of).max().unwrap_or(Exit::Failed)
    }
}

pub(crate) async fn plan_all(
    sdk: &Sdk,
    actor: &Actor,
    matters: Vec<Result<MatterId>>,
) -> Vec<(Option<MatterId>, Result<Plan>)> {
    let mut plans = Vec::new();
    for matter in matters {
        plans.push(match matter {
            Ok(matter) => {
                let plan = sdk.firm(actor).matters().plan(&matter).await;
                (Some(matter), plan)
            }
            Err(error) => (None, Err(error)),
        });
    }
    plans
}

/// Whether the process was told to stop.
#[derive(Default)]
pub(crate) struct Stopping(tokio::sync::watch::Sender<bool>);

impl Stopping {
    pub(crate) fn tell(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn told(&self) {
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}

pub(crate) async fn sync_all(
    sdk: &Sdk,
    actor: &Actor,
    matters: Vec<Result<MatterId>>,
    stopping: &Stopping,
    shown: &Shown,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    let mut waiting = VecDeque::new();
    let mut rounds = vec![0; matters.len()];
    for (index, matter) in matters.into_iter().enumerate() {
        outcomes.push(None);
        match matter {
            Ok(matter) => waiting.push_back((Instant::now(), index, matter)),
            Err(error) => outcomes[index] = Some(Outcome::Bad { matter: None, error }),
        }
    }
    while let Some(next) = waiting.iter().map(|(due, index, _)| (*due, *index)).min() {
        let Some(position) = waiting.iter().position(|(due, index, _)| (*due, *index) == next) else { break };
        let Some((due, index, matter)) = waiting.remove(position) else { break };
        let what = format!("{matter}: in doubt; Clio is asked again after waiting");
        let stopped = tokio::select! {
            biased;
            () = stopping.told() => true,
            () = shown.wait(due.into(), &what) => false,
        };
        if stopped {
            // What is known of it stays known.
            let error = Error::from(Code::Stopped);
            outcomes[index].get_or_insert(Outcome::Bad { matter: Some(matter), error });
            continue;
        }
        let run = sdk.sync_matter_with(actor, &matter, shown);
        let report = match shown.while_it_works(sdk, actor, run).await {
            Ok(report) => report,
            Err(error) => {
                outcomes[index] = Some(Outcome::Bad { matter: Some(matter), error });
                continue;
            }
        };
        let in_doubt = report.steps.iter().any(|step| step.outcome == StepOutcome::InDoubt);
        rounds[index] += 1;
        let wait = report.retry_after.filter(|_| in_doubt && rounds[index] < MOST_ROUNDS);
        outcomes[index] = Some(Outcome::Ran(match outcomes[index].take() {
            Some(Outcome::Ran(earlier)) => merge(earlier, report),
            _ => report,
        }));
        if let Some(wait) = wait {
            waiting.push_back((Instant::now() + wait + Duration::from_millis(50), index, matter));
        }
    }
    outcomes.into_iter().flatten().collect()
}

/// Triggers what nobody triggered yet, and works until the process is told to stop. Whoever kills
/// it instead loses nothing.
pub(crate) async fn be_a_worker(sdk: &Sdk, actor: &Actor, matters: Vec<Result<MatterId>>) -> Result<()> {
    for matter in matters {
        let matter = match matter {
            Ok(matter) => matter,
            // One folder of a wrong name keeps no other matter from being synced.
            Err(error) => {
                super::output::say(&format!("a folder is left out: {error}"));
                continue;
            }
        };
        if sdk.firm(actor).matters().state(&matter).await?.status == MatterSyncState::NotSynced {
            sdk.firm(actor).matters().trigger(&matter, Trigger::Approved).await?;
        }
    }
    sdk.worker(WorkerConfig::default()).run(std::future::pending()).await;
    Ok(())
}

/// Two runs of one matter as one report: what the first one did is not forgotten because the second
/// found it done.
fn merge(earlier: SyncReport, mut later: SyncReport) -> SyncReport {
    later.calls += earlier.calls;
    for step in &mut later.steps {
        let before = earlier.steps.iter().find(|old| old.step == step.step && old.id == step.id);
        if let Some(before) = before.filter(|_| step.outcome == StepOutcome::Unchanged) {
            *step = before.clone();
        }
    }
    later
}
