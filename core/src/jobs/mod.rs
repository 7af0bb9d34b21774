//! Jobs: which matter is to be synced when, and by whom.
//!
//! **Problem.** Triggers come at any time, several for one matter, from several processes; a worker
//! may die, be paused for an hour, or lose its database. Each trigger must be followed by a run, no
//! matter may be run twice at once, and a worker that was given up on must not write.
//!
//! **Model.** One job per matter, in three records, so that order is a property of the data:
//!
//! | record | written by | holds |
//! | --- | --- | --- |
//! | `job/<matter>` | triggers, claims, the end of a run | generation, what is being run, when it is due |
//! | `claim/<matter>` | claim, takeover and release only | the holder and its run; every commit of a run checks its version: the *fence* |
//! | `lease/<matter>` | heartbeats; a takeover writes it too | nothing; its due time is the lease's end, on the store's clock |
//!
//! **Life of one job.** A trigger raises the generation and makes the job due. A worker claims it:
//! the job notes the generation that is being run and becomes due at the lease's end, so that one
//! scan of due jobs finds both work and the work of the dead. Heartbeats write the lease alone, and
//! so never disturb a run's commits. The end of the run is one commit with the run's record: claim
//! and lease are deleted, and the job is due again at once if its generation rose meanwhile, later
//! if a passing cause failed it, and never otherwise.
//!
//! **Failure.** A worker that dies leaves a lease that ends; whoever scans next takes over by
//! writing claim *and* lease, each under the version it read, so that a heartbeat in the same
//! moment wins. The same commit ends the record of the run that is taken over. A worker that lost
//! its claim finds out at its next commit ([`Code::LeaseLost`](crate::Code::LeaseLost)), and
//! no request of it begins after its lease's end, counted from before the heartbeat was committed.
//! What it may have sent is an open intent, and resolved as such.
//!
//! A person's trigger also puts `job-first/<matter>`, which workers look at first: however many
//! jobs are due, nobody waits behind them. Asked for during a run, the matter is first again when
//! that has ended. And bulk work holds some of the slots only (`slots.rs`): what was just approved
//! finds room.
//!
//! A job whose connection needs an admin is *blocked* under that connection's generation: not due,
//! until a later connect releases it, newer tokens are found (`connection/mark.rs`), the plan is
//! found to have API access again (`calls/plan_access.rs`), or a person asks for the matter while
//! the connection is usable.
//!
//! What was triggered while the firm was not connected is *held* (`held.rs`): no job, but a record
//! that waits for an admin. A job that came by itself does not run once its matter is held since:
//! its run would send what is held.

pub(crate) mod answers;
pub(crate) mod backfill;
pub(crate) mod blocked;
pub(crate) mod claims;
mod due_tasks;
pub(crate) mod execution;
pub(crate) mod held;
mod idle;
pub(crate) mod job;
pub(crate) mod maintenance;
pub(crate) mod quarantine;
pub(crate) mod queue;
pub(crate) mod slots;
pub(crate) mod state;
pub(crate) mod worker;

pub(crate) use answers::decide;
pub use backfill::{BackfillPlan, BackfillState, BackfillStatus};
pub(crate) use backfill::{begin as begin_backfill, change as change_backfill, list as list_backfills, plan_backfill};
pub(crate) use execution::sync_now;
pub use held::HeldMatter;
pub(crate) use held::{discard as discard_held, hold, list as list_held, listed as listed_held};
pub(crate) use job::JOBS;
pub use job::LastRun;
pub(crate) use queue::Queue;
pub use state::{MatterState, MatterSyncState};
pub(crate) use state::{failed_matters, last_run, matter_state};
pub use worker::{Worker, WorkerConfig};

#[cfg(test)]
mod tests;
