//! Turns, in the order of asking.
//!
//! futures-util's mutex wakes whoever waits in its lowest place, which somebody who came later may
//! have taken: the same ones wait again and again (0.3.34). Here nobody is passed by who came later,
//! and nobody holds up the others for long.

use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};

use crate::notify::Notify;
use crate::ports::Runtime;

/// So long a turn lasts when others wait.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// Who has the turn, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: Mutex<Waiting>,
    moved: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// The first has the turn.
    tickets: BTreeSet<u64>,
}

/// A place among those who wait. It is given up when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    ticket: u64,
}

impl Turns {
    /// A place behind all others.
    pub(super) fn queue(self: Arc<Self>) -> Turn {
        let ticket = {
            let mut waiting = self.waiting();
            waiting.next += 1;
            let ticket = waiting.next;
            waiting.tickets.insert(ticket);
            ticket
        };
        Turn { turns: self, ticket }
    }

    fn give_up(&self, ticket: u64) {
        if self.waiting().tickets.remove(&ticket) {
            self.moved.notify();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Whether it is this one's turn, and was not lost.
    pub(super) fn is_mine(&self) -> bool {
        self.turns.waiting().tickets.first() == Some(&self.ticket)
    }

    /// Completes when everybody before has had their turn: who does not end theirs within a second,
    /// because a store hangs or nobody polls it, loses it.
    pub(super) async fn come(&self, runtime: &dyn Runtime) {
        let turns = &self.turns;
        loop {
            let seen = turns.moved.count();
            let first = match turns.waiting().tickets.first() {
                Some(first) if *first < self.ticket => *first,
                _ => return,
            };
            let moved = pin!(turns.moved.after(seen));
            if let Either::Right(_) = select(moved, runtime.sleep(LONGEST_TURN)).await {
                turns.give_up(first);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.give_up(self.ticket);
    }
}
