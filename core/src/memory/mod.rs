//! Every port in memory: documentation, test double and first example at once.

mod store;

pub use store::MemoryStore;
