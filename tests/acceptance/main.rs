//! Acceptance: the example programs and the SDK as a firm meets them, with real processes, real
//! HTTP, real SQLite and PostgreSQL, and a simulated Clio. `faq.rs` goes through the FAQ.
//!
//! One program, because linking one takes seconds: each file is a module of it.

mod accounts;
mod backend;
mod backup;
mod bench;
mod callback;
mod clocks;
mod connections;
mod embedded;
mod end_to_end;
mod failover;
mod fairness;
mod faq;
mod faults;
mod firms;
mod fleet;
mod health;
mod kills;
mod large;
mod lost_keys;
mod many;
mod matter_page;
mod metrics;
mod minutes;
mod old_database;
mod operations;
mod paused;
mod postgres;
mod processes;
mod quickstart;
mod requirements;
mod routes;
mod service;
mod shards;
mod stopping;
mod stream;
mod tools;
mod way_back;
mod web_api;
mod web_pages;
mod worker;
mod writes;
