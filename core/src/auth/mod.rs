//! The connection: OAuth, sessions, sealing.
