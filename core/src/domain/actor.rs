//! Who asks, and whether they may.
//!
//! CaseHug authenticates its users; the host hands in who it is. A firm has one connection for all
//! its users: any admin of the firm may manage it, nobody else may. Every refusal stands in the
//! audit log of the firm that it would have concerned.

use super::{ActorId, FirmId};

/// A CaseHug user, as the host authenticated them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub id: ActorId,
    /// The user's firm.
    pub firm: FirmId,
    /// The user's role in that firm.
    pub role: Role,
}

/// A user's role in their firm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A firm admin.
    Admin,
    /// Anybody else in the firm.
    Member,
}

impl Actor {
    /// Whether this is an admin of `firm`. An admin of another firm is not.
    #[must_use]
    pub fn is_admin_of(&self, firm: &FirmId) -> bool {
        self.role == Role::Admin && self.firm == *firm
    }
}
