//! What a worker does besides jobs: applying what Clio delivered, and maintenance tasks, several at
//! once.

use core::pin::pin;
use std::collections::HashSet;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::idle::Idle;
use super::maintenance::{due_maintenance, run_task};
use super::worker::{WIDEST_SCAN, Worker, meanwhile, next_end};
use crate::clio::HookModel;
use crate::domain::FirmId;
use crate::error::Result;
use crate::inbound::{inbox, model_of};
use crate::ports::Record;

/// Firms whose deliveries are applied at once, and maintenance tasks that are done at once.
const MOST_TASKS: usize = 8;
/// Of those, tasks about contacts. They wait for Clio, for minutes if it hangs; statuses hardly ever
/// do, and find room.
const MOST_OF_CONTACTS: usize = 6;

/// What is done besides jobs. The name tells two apart: a worker does one of a name at a time.
pub(super) enum DueTask {
    /// Applying what Clio delivered to a firm, of one model.
    Deliveries(FirmId, HookModel),
    /// A maintenance task that is due.
    MaintenanceTask(Record),
}

/// Which due tasks.
#[derive(Clone, Copy)]
pub(super) enum Look {
    Deliveries,
    Maintenance,
}

impl Look {
    fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "looking for deliveries",
            Self::Maintenance => "looking for maintenance tasks",
        }
    }
}

impl DueTask {
    /// The one that this due record is a part of.
    fn of(look: Look, record: &Record) -> Self {
        match look {
            Look::Deliveries => Self::Deliveries(record.key.firm.clone(), model_of(record)),
            Look::Maintenance => Self::MaintenanceTask(record.clone()),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Deliveries(firm, model) => format!("{firm} {}", model.name()),
            Self::MaintenanceTask(record) => format!("{} {}", record.key.firm, record.key.id),
        }
    }

    fn is_about_contacts(&self) -> bool {
        matches!(self, Self::Deliveries(_, HookModel::Contact))
    }
}

/// The names of the tasks that a worker does not begin now.
#[derive(Default)]
struct Busy {
    /// Those that are being done, and those that are deferred.
    all: HashSet<String>,
    /// Those about contacts that are being done.
    about_contacts: HashSet<String>,
    /// Those that could not be done: they are looked at again after a while.
    deferred: Vec<String>,
}

impl Busy {
    fn may_begin(&self, task: &DueTask) -> bool {
        let has_room = !task.is_about_contacts() || self.about_contacts.len() < MOST_OF_CONTACTS;
        has_room && !self.all.contains(&task.name())
    }

    fn begin(&mut self, task: &DueTask) {
        self.all.insert(task.name());
        if task.is_about_contacts() {
            self.about_contacts.insert(task.name());
        }
    }

    /// A task came to its end, or to nothing.
    fn end(&mut self, (name, done): (String, bool)) {
        self.about_contacts.remove(&name);
        if done {
            self.all.remove(&name);
        } else {
            self.deferred.push(name);
        }
    }

    fn look_again(&mut self) {
        for name in self.deferred.drain(..) {
            self.all.remove(&name);
        }
    }
}

impl Worker<'_> {
    /// Runs due tasks, several at once, until it is told to stop: one firm for which Clio is slow
    /// holds up none of the others.
    pub(super) async fn run_due_tasks(&self, look: Look) {
        let mut running = FuturesUnordered::new();
        let mut busy = Busy::default();
        let mut looked_again = self.queue.ctx.runtime.monotonic();
        let (mut told, mut idle) = (0, Idle::new(looked_again, self.config.poll));
        loop {
            let seen = self.queue.ctx.workers.count();
            if self.queue.ctx.stop.is_told() {
                break;
            }
            let now = self.queue.ctx.runtime.monotonic();
            if seen != told || !running.is_empty() {
                idle.is_active(now);
            }
            told = seen;
            let everything = idle.looks_at_all(now);
            let (looked, ended) =
                meanwhile(self.due_tasks(look, everything, |task| busy.may_begin(task)), &mut running).await;
            self.queue.ctx.repository.failures().note(look.name(), look.name(), &looked);
            // Where one ended during the look there is room again.
            let has_room = !ended.is_empty();
            ended.into_iter().for_each(|task| busy.end(task));
            match looked {
                // By the clock: a worker that is woken all the time never comes to a tick. And
                // behind all others: however many cannot be done, they hide nothing.
                Ok(due_tasks)
                    if due_tasks.is_empty()
                        && !busy.deferred.is_empty()
                        && looked_again.until(now) >= self.config.poll =>
                {
                    looked_again = now;
                    busy.look_again();
                    continue;
                }
                Ok(due_tasks) => {
                    for task in due_tasks {
                        if running.len() < MOST_TASKS && busy.may_begin(&task) {
                            busy.begin(&task);
                            running.push(self.run_due_task(task));
                        }
                    }
                }
                Err(_) => {}
            }
            let woken = async {
                select(pin!(self.queue.ctx.workers.after(seen)), pin!(self.queue.ctx.stop.requested())).await;
            };
            if !has_room
                && let Either::Left((task, _)) =
                    select(pin!(next_end(&mut running)), select(pin!(woken), self.tick())).await
            {
                busy.end(task);
            }
        }
        while running.next().await.is_some() {}
    }

    /// What is due of what may begin. A firm with many due tasks must not hide the others', nor one
    /// kind the other. Unless it looks at `everything`, only for what somebody may wait for.
    pub(super) async fn due_tasks(
        &self,
        look: Look,
        everything: bool,
        may_begin: impl Fn(&DueTask) -> bool,
    ) -> Result<Vec<DueTask>> {
        let mut limit = 4 * MOST_TASKS;
        loop {
            let (due, all) = match look {
                Look::Deliveries => inbox::due_deliveries(&self.queue.ctx, limit, everything).await?,
                Look::Maintenance if !everything => return Ok(Vec::new()),
                Look::Maintenance => {
                    let due = due_maintenance(self.queue, limit).await?;
                    let all = due.len() < limit;
                    (due, all)
                }
            };
            let mut names = HashSet::new();
            let due_tasks = due.iter().map(|record| DueTask::of(look, record));
            let free: Vec<DueTask> = due_tasks.filter(|task| may_begin(task) && names.insert(task.name())).collect();
            if all || !free.is_empty() {
                return Ok(free);
            }
            if limit >= WIDEST_SCAN {
                // All of it is being done, or has no room, or is another SDK's, and hides what is
                // behind it.
                self.defer_half(due).await?;
                return Ok(free);
            }
            limit *= 4;
        }
    }

    /// The due task's name, and whether something came of it.
    pub(super) async fn run_due_task(&self, task: DueTask) -> (String, bool) {
        let name = task.name();
        let firm = match &task {
            DueTask::Deliveries(firm, _) => firm.clone(),
            DueTask::MaintenanceTask(record) => record.key.firm.clone(),
        };
        let done = match task {
            _ if !self.queue.ctx.works_for(&firm).await.unwrap_or(false) => Ok(false),
            DueTask::Deliveries(firm, model) => inbox::apply_deliveries(&self.queue.ctx, &firm, model).await,
            DueTask::MaintenanceTask(record) => run_task(self.queue, record).await,
        };
        self.queue.ctx.repository.failures().note(
            &name,
            "applying deliveries, or writing a maintenance task down",
            &done,
        );
        (name, done.unwrap_or(false))
    }
}
