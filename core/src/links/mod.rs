//! What links CaseHug's records to Clio's: the records themselves, and the rules by which one is
//! known again.

pub(crate) mod dedupe;
pub(crate) mod intent;
pub(crate) mod link_record;
pub(crate) mod names;
pub(crate) mod second_record;

pub use link_record::Decision;
pub(crate) use link_record::{
    How, Link, LinkState, Owner, contact_link, intents_sealed_with, linked_documents, linked_matter, linked_matters,
    lose_text_in, matters_of_contact, owner_key,
};
pub(crate) use names::Name;
pub use second_record::SecondRecord;
pub(crate) use second_record::{
    all as all_second_records, of_account as second_records_of_account, of_matter as second_records_of_matter,
};
