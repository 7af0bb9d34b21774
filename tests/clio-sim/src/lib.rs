//! A faithful Clio Manage, for tests and demos.
//!
//! [`model`] is the whole behaviour, pure and deterministic; [`ClioSim`] serves it over real HTTP
//! on loopback, with a second listener as the storage host. The README lists the control endpoints
//! and what differs from the real Clio.

mod config;
pub mod model;
mod server;

pub use config::{AreasRedirect, Config, Level, Processing, Rotation};
pub use model::{Action, Fault, Model};
pub use server::{ClioSim, Ports};
