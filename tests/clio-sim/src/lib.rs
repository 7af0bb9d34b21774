//! A faithful Clio Manage, for tests and demos.
