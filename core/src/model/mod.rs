//! Data without behaviour: ids, time, the intake, secrets.

mod confidential;
mod ids;
mod intake;
mod intake_json;
mod time;

pub use confidential::Confidential;
pub use ids::{ActorId, ClientId, ClioId, ConnectionId, DocumentId, FirmId, MatterId, UploadId};
pub use intake::{
    DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus, Intake, IntakeClient, IntakeDocument, IntakeMatter,
};
pub use time::{Monotonic, Timestamp};
