//! Every port in memory: documentation, test double and first example at once.

mod intake;
mod store;
mod tokens;

pub use intake::MemoryIntake;
pub use store::{MemoryBackup, MemoryStore};
pub use tokens::MemoryTokens;
