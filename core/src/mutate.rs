//! Mutations: each switches one safeguard off, and the simulation must notice (`cargo xtask
//! mutate`).
//!
//! A place asks `mutated!(Name)`. That is the word `false`, unless the crate is built with `--cfg
//! mutate`: a build that ships holds neither the question nor this list.

/// Whether the safeguard of this name is switched off.
#[cfg(not(mutate))]
macro_rules! mutated {
    ($name:ident) => {
        false
    };
}

/// Whether the safeguard of this name is switched off.
#[cfg(mutate)]
macro_rules! mutated {
    ($name:ident) => {
        $crate::mutate::switch::Mutation::$name.is_active()
    };
}

/// What can be switched off, and the switch.
#[cfg(mutate)]
pub mod switch {
    use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    macro_rules! mutations {
        ($($(#[$doc:meta])* $name:ident,)*) => {
            /// What can be switched off.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum Mutation {
                $($(#[$doc])* $name,)*
            }

            /// All of them.
            pub const ALL: &[Mutation] = &[$(Mutation::$name),*];
        };
    }

    mutations! {
        /// No lookup before a matter is sent again.
        Lookup,
        /// The request leaves before its intent is committed.
        IntentBeforeSend,
        /// An intent is settled as soon as it is committed.
        LateExecution,
        /// What was created shows at once.
        IndexDelay,
        /// Two matters may both write the contact key of one client.
        ContactKeyAbsent,
        /// Whoever lost its claim still commits.
        LeaseFence,
        /// A run that is taken over never ends in the log.
        TakenOverRunEnds,
        /// A request may begin long after its intent was committed.
        SendDeadline,
        /// New tokens are written over whatever is there.
        RefreshSwap,
        /// Several processes refresh at once.
        RefreshLease,
        /// Calls go on when the budget is used up.
        BudgetWait,
        /// A client without a hit by email is created, even if the restore lost what was sent.
        CorrectedClient,
        /// What may be a record that a restore lost may be older than the backup.
        LostSince,
        /// A contact with the email of a client is the client, whatever its name.
        NameCheck,
        /// An older status of a matter replaces a newer one.
        LastWriteWins,
        /// An edit in Clio undoes the status that the host set itself.
        OwnStatus,
        /// The poll of a firm without links rests on when its first matter is linked.
        RestingPoll,
        /// Calls go on while the firm is disconnecting.
        UsableConnection,
        /// The grant that a new one replaces is forgotten.
        ReplacedGrant,
        /// After an upload in doubt the same address is used again.
        OtherAddress,
        /// What is withdrawn while it is sent is published.
        ApprovalBeforePublish,
        /// What is withdrawn is forgotten while it may still be published.
        LatePublication,
        /// What is triggered while the firm is not connected is run afterwards.
        HeldTrigger,
        /// What is held is run when it is triggered once more.
        HeldStays,
        /// What is held for a matter leaves with what waited for it before.
        HeldSince,
        /// What failed is tried again hours later.
        RetryWait,
        /// Whoever is told to stop keeps its claim until the lease ends.
        GiveBack,
    }

    /// Of the active one: its place in [`ALL`], and one more. Zero: none.
    static ACTIVE: AtomicUsize = AtomicUsize::new(0);
    /// How often the active one made a difference, or could have.
    static REACHED: AtomicU64 = AtomicU64::new(0);

    impl Mutation {
        pub(crate) fn is_active(self) -> bool {
            let active = ACTIVE.load(Ordering::Relaxed) == self as usize + 1;
            if active {
                REACHED.fetch_add(1, Ordering::Relaxed);
            }
            active
        }
    }

    /// Switches a safeguard off, for the rest of the process.
    pub fn activate(mutation: Mutation) {
        ACTIVE.store(mutation as usize + 1, Ordering::Relaxed);
    }

    /// How often the place of the active one was passed.
    pub fn reached() -> u64 {
        REACHED.load(Ordering::Relaxed)
    }
}
