//! The SDK as a whole on virtual time, against a Clio of a few lines whose every answer a test may
//! change: orders of events that real time does not bring about.

mod access;
mod addresses;
mod ahead;
mod audit;
mod backfill;
mod card;
mod casehug_events;
mod causes;
mod connection;
mod decisions;
mod documents;
mod doubts;
mod gone;
mod grants;
mod index_delay;
mod interactive;
mod keys;
mod log_lines;
mod names;
mod one_host;
mod poll;
mod priority;
mod pruning;
mod recovery;
mod retries;
mod review;
mod runs;
mod settings;
mod stopping;
mod subscriptions;
mod texts;
mod troubled;
mod way_back;
mod worker;
mod world;
