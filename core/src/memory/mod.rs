//! Every port in memory: documentation, test double and first example at once.

mod tokens;

pub use tokens::MemoryTokens;
