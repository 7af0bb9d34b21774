//! Data without behaviour: ids, time, the intake, secrets.

mod address;
mod confidential;
mod ids;
mod intake;
mod intake_json;
pub(crate) mod text;
mod time;

pub(crate) use address::Address;
pub use confidential::Confidential;
pub use ids::{ActorId, ClientId, ClioId, ConnectionId, DocumentId, FirmId, MatterId, UploadId};
pub use intake::{
    DocumentKey, DocumentOrigin, DocumentRef, DocumentStatus, Intake, IntakeClient, IntakeDocument, IntakeMatter,
};
pub use time::{Monotonic, Timestamp};
