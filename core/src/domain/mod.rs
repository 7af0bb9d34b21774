//! Data without behaviour: ids, time, who asks, the intake, the words of runs and steps, secrets.

pub(crate) mod actor;
pub(crate) mod address;
pub(crate) mod applied;
pub(crate) mod confidential;
pub(crate) mod config;
pub(crate) mod ids;
pub(crate) mod intake;
pub(crate) mod intake_json;
pub(crate) mod report;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod trigger;

pub use actor::{Actor, Role};
pub(crate) use address::Address;
pub(crate) use applied::Applied;
pub use confidential::Confidential;
pub(crate) use config::SyncConfig;
pub use ids::{ActorId, ClientId, ClioId, ConnectionId, DocumentId, FirmId, MatterId, UploadId};
pub use intake::{
    DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus, Intake, IntakeClient, IntakeDocument, IntakeMatter,
};
pub use report::{Note, RunStatus, StepKind, StepOutcome, StepReport, SyncReport};
pub use time::{Monotonic, Timestamp};
pub use trigger::Trigger;
