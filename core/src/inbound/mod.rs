//! The way back: what happens to our matters in Clio becomes known to the host.
//!
//! **Problem.** Clio tells of changes by webhook: unsigned at first, then signed, repeated, in any
//! order, for 62 minutes at most, and not at all once a subscription has expired or was suspended.
//! What is told must reach the host once, in the right order, and nothing forged may.
//!
//! **Model.** Whatever is learned of a matter's status, by webhook, poll, lookup or the answer of
//! our own POST, goes through one place ([`status`]): the last write wins, by Clio's `updated_at`.
//! What the host must know leaves through the durable outbox, in the same commit.
//!
//! | record | what |
//! | --- | --- |
//! | `webhook/<digest of the URL's token>` | a subscription: its connection, its secret, sealed; stored before it is asked for |
//! | `webhook-in/<digest>` | a delivery that was verified: first recorded, then applied; kept for a day, so that a repetition is known |
//! | `matter-status/<Clio id>` | what is known and was told of a linked matter |
//! | `matter-early/<Clio id>` | an event that overtook its matter's link; the link's commit takes it in |
//! | `contact-known/<Clio id>` | a keyed digest of what a linked contact said last |
//! | `contact-gone/<Clio id>` | a linked contact that Clio did not show when it was asked last |
//! | `contact-proposal/<id>` | a contact's change that waits for an admin, sealed (`proposals.rs`) |
//! | `chore/<kind>` | when a firm's subscriptions are looked after, its matters polled, and all links swept |
//!
//! **Life of a delivery.** [`receive`]: token, size, signature over the raw bytes, one commit,
//! reply. [`inbox`]: a worker applies it. An answer of Clio's is asked for only where the delivery
//! does not say enough, or two say different things of the same second.
//!
//! **Life of a subscription.** [`subscriptions`]: stored, asked for, confirmed, renewed at half its
//! life, replaced when suspended or gone; leftovers of earlier connections are deleted. Whoever
//! knows the URL can send a handshake, so its secret is a candidate until Clio names it over the
//! API.
//!
//! **What is lost is found.** [`reconcile`]: a poll of what was changed, and a slow sweep over all
//! links for what is gone.

pub(crate) mod caches;
pub(crate) mod hook;
pub(crate) mod inbox;
pub(crate) mod receive;
pub(crate) mod reconcile;
pub(crate) mod signature;
pub(crate) mod status;
pub(crate) mod subscriptions;

pub(crate) use caches::Caches;
pub(crate) use hook::{HOOKS, Hook, HookHealth, HookState, digest_in, forget_health, health, is_ours};
pub(crate) use inbox::model_of;
pub use receive::WebhookReply;
pub use status::ClioStatus;
