//! Every port in memory: documentation, test double and first example at once.

mod store;
mod tokens;

pub use store::MemoryStore;
pub use tokens::MemoryTokens;
