//! The SDK as a whole on virtual time, against a Clio of a few lines whose every answer a test may change: orders of events that real time does not bring about.

mod addresses;
mod audit;
mod backfill;
mod card;
mod causes;
mod connection;
mod decisions;
mod documents;
mod doubts;
mod grants;
mod index_delay;
mod keys;
mod names;
mod priority;
mod recovery;
mod retries;
mod review;
mod runs;
mod settings;
mod stopping;
mod subscriptions;
mod texts;
mod way_back;
mod wishes;
mod worker;
mod world;
